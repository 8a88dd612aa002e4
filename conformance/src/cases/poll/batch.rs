//! How many SETs one answer brings (RFC 8936 §2.2, §2.3).

use serde_json::{Value, json};

use super::{BASE, tells_of};
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::{Level, shown},
    context::{Context, Stream},
};

/// How many SETs wait, more than the one that a transmitter may take for a limit of its own.
const WAITING: usize = 3;

/// The cases of how many come at once.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-T-005.max-events",
        section: "RFC 8936 §2.2",
        level: Level::Should,
        title: "no more than maxEvents SETs come at once",
        why: "A receiver takes as many as it can keep.",
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.silence() + limits.event() * 2,
        judge: Script(|cx| Box::pin(max_events(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-004.more-available",
        section: "RFC 8936 §2.3",
        level: Level::May,
        title: "moreAvailable tells that there are more SETs than maxEvents",
        why: "A receiver that polls by a schedule asks at once for more.",
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.silence() + limits.event(),
        judge: Script(|cx| Box::pin(more_available(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-007.without-max-events",
        section: "RFC 8936 §2.2",
        title: "without maxEvents all SETs come, or moreAvailable tells that there are more",
        why: "A receiver that sets no limit and is told of no more waits with its next poll.",
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.silence() + limits.event(),
        judge: Script(|cx| Box::pin(without_max_events(cx))),
        ..BASE
    },
];

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

async fn max_events(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let mut missing = two_wait(cx, &stream).await?;
    let mut done: Vec<String> = Vec::new();
    while !missing.is_empty() {
        let one = json!({ "maxEvents": 1, "ack": done });
        let polled = cx.poll_until_some(&stream, one).await?;
        if done.iter().any(|jti| polled.sets.contains_key(jti)) {
            return Err(Stop::blocked("what was acknowledged comes again"));
        }
        let found = polled.sets.len();
        cx.expect(found <= 1, "sets", "1 SET at most", found);
        missing.retain(|subject| !polled.sets.values().any(|token| tells_of(token, subject)));
        done = polled.sets.into_iter().map(|(jti, _)| jti).collect();
    }
    Ok(())
}

async fn more_available(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    two_wait(cx, &stream).await?;
    let one = json!({ "maxEvents": 1 });
    let polled = cx.poll_until_some(&stream, one).await?;
    let body = polled.answered.json().unwrap_or_default();
    let more = body.get("moreAvailable").unwrap_or(&Value::Null);
    if more.is_null() {
        cx.note("moreAvailable is not there although there are more SETs");
    } else {
        cx.expect(*more == json!(true), "moreAvailable", "true", shown(more));
    }
    Ok(())
}

async fn two_wait(cx: &Context, stream: &Stream) -> Result<Vec<Value>, Stop> {
    wait(cx, stream, 2).await
}

/// Has events of so many subjects happen, none of which is polled for: what was handed out once need not be available for a
/// while.
async fn wait(cx: &Context, stream: &Stream, count: usize) -> Result<Vec<Value>, Stop> {
    let mut subjects = Vec::new();
    for _ in 0..count {
        let subject = cx.subject(stream).await?;
        subjects.push(cx.emit(&subject).await?);
    }
    tokio::time::sleep(cx.target().limits.silence()).await;
    Ok(subjects)
}
