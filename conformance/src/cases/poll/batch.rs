//! How many SETs one answer brings (RFC 8936 §2.2, §2.3).

use serde_json::{Value, json};

use super::{BASE, tells_of, wait};
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    context::Context,
};

/// How many SETs wait, more than the one that a transmitter may take for a limit of its own.
const WAITING: usize = 3;

/// The cases of how many come at once.
pub(super) const CASES: &[Case] = &[Case {
    id: "POLL-T-007.without-max-events",
    section: "RFC 8936 §2.2",
    title: "without maxEvents all SETs come, or moreAvailable tells that there are more",
    why: "A receiver that sets no limit and is told of no more waits with its next poll.",
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.silence() + limits.event(),
    judge: Script(|cx| Box::pin(without_max_events(cx))),
    ..BASE
}];

async fn without_max_events(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subjects = wait(cx, &stream, WAITING).await?;
    let polled = cx.poll_until_some(&stream, json!({})).await?;
    let came = |subject: &&Value| polled.sets.values().any(|token| tells_of(token, subject));
    let found = subjects.iter().filter(came).count();
    let body = polled.answered.json().unwrap_or_default();
    let says_more = body.get("moreAvailable") == Some(&json!(true));
    cx.expect(
        found == WAITING || says_more,
        "sets",
        format!("the {WAITING} that wait, or moreAvailable"),
        polled.answered.shown_body(),
    );
    Ok(())
}
