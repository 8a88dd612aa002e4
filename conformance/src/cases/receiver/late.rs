//! A verification that comes late (SSF 1.0 §8.1.4.2): the host has kept the first one back.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{RECEIVER, verification::about_stream};
use crate::{
    case::{Case, Judge, Stop},
    checks::Level::Must,
    event_types::VERIFICATION,
    push::Probe,
};

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "SSF-R-107.late",
    section: "SSF 1.0 §8.1.4.2",
    level: Must,
    title: "a verification that was asked for is accepted although it is late, and other SETs come before it",
    why: "the transmitter answers when it can, and puts it behind what waits; whoever gives its stream up for that loses sound ones",
    tags: &["receiver", "verification"],
    judge: Judge::Push(|p| Box::pin(comes_late(p))),
    waits: |limits| limits.event(),
    ..RECEIVER
}];

async fn comes_late(probe: &Probe) -> Result<(), Stop> {
    let host = probe.host()?;
    let asked = host.log(|log| log.iter().find(|seen| seen.is_kept_back).cloned());
    let asked = asked.ok_or_else(|| {
        Stop::not_offered("the receiver has asked for no verification with a state so far")
    })?;
    probe.keep(asked.exchange());
    let mut body = asked.object().unwrap_or_default();
    let mut member = |name: &str| body.remove(name).unwrap_or_default();
    let (id, state) = (member("stream_id"), member("state"));
    let late = probe.limits().event();
    sleep(late.saturating_sub(asked.at.elapsed())).await;
    let found = host.stream_id().map_or(Value::Null, Value::String);
    let what = "the stream whose verification is late";
    let shown = if found == id { "there" } else { "gone" };
    probe.require(found == id, what, "there", shown)?;
    probe.given_accepted().await?;
    let verification = about_stream(probe, VERIFICATION, &json!({ "state": state }))?;
    let answered = probe.push(&verification).await?;
    probe.expect_accepted(&answered);
    probe.given_accepted().await
}
