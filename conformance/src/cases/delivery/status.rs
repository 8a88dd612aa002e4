//! What the status of a stream means for its pushes (SSF 1.0 §8.1.2.1).

use serde_json::Value;

use super::EVENTS;
use crate::{
    case::{Case, Judge::Script, Stop},
    cases::poll::set_status,
    checks::Level,
    context::{Context, PushStream, is_about},
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.2.1",
    level: Level::Must,
    tags: &["push", "status"],
    waits: |limits| limits.event() * 3 + limits.silence(),
    ..EVENTS
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-178.push",
        title: "enabled: events are pushed",
        why: "It is what the stream is for.",
        judge: Script(|cx| Box::pin(enabled(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-179.push",
        title: "paused: nothing is pushed",
        why: "A receiver that pauses its stream cannot take anything.",
        judge: Script(|cx| Box::pin(paused(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-181.push",
        also: &["SSF-T-180"],
        level: Level::Should,
        title: "enabled again: what was kept is pushed",
        why: "A pause must not lose revocations.",
        judge: Script(|cx| Box::pin(enabled_again(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-184.push",
        title: "disabled: nothing is pushed, nor later",
        why: "Whoever disabled the stream does not want to hear of it.",
        judge: Script(|cx| Box::pin(disabled(cx))),
        ..BASE
    },
];

async fn enabled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = stream.emit().await?;
    let found = stream.found(|push| is_about(push, &subject)).await;
    cx.expect(found.is_some(), "the event", "to be pushed", "none");
    Ok(())
}

async fn paused(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = meanwhile(cx, &stream, "paused").await?;
    tokio::time::sleep(cx.target().limits.silence()).await;
    expect_silence(cx, &stream, &subject);
    Ok(())
}

async fn enabled_again(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = meanwhile(cx, &stream, "paused").await?;
    set_status(cx, &stream.stream, "enabled").await?;
    let found = stream.found(|push| is_about(push, &subject)).await;
    cx.expect(found.is_some(), "what was kept", "to be pushed", "none");
    Ok(())
}

async fn disabled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = meanwhile(cx, &stream, "disabled").await?;
    set_status(cx, &stream.stream, "enabled").await?;
    // What comes now comes after what might have been kept.
    stream.event().await?;
    tokio::time::sleep(cx.target().limits.silence()).await;
    expect_silence(cx, &stream, &subject);
    Ok(())
}

/// Has an event come, which is the control arm of silence, and another one happen while the stream has this status.
async fn meanwhile(cx: &Context, stream: &PushStream<'_>, status: &str) -> Result<Value, Stop> {
    stream.event().await?;
    set_status(cx, &stream.stream, status).await?;
    stream.emit().await
}

fn expect_silence(cx: &Context, stream: &PushStream<'_>, subject: &Value) {
    let found = stream.about(subject);
    cx.expect(found == 0, "pushes about the subject", 0, found);
}
