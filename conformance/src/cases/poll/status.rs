//! What comes while a stream is paused or disabled, and afterwards (SSF 1.0 §8.1.2.1).

use serde_json::{Value, json};

use super::{BASE, is_about, set_status, tells_of};
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::Level,
    context::{Context, Stream},
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-T-179.paused",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Must,
        title: "a stream that is paused brings no events",
        why: "A receiver that paused its stream is not ready for any.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.event() + limits.silence(),
        judge: Script(|cx| Box::pin(paused(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-181.enabled-again",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Should,
        title: "what happened while the stream was paused comes when it is enabled again",
        why: "Otherwise each pause loses revocations.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        judge: Script(|cx| Box::pin(enabled_again(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-184.disabled",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Must,
        title: "what happened while the stream was disabled never comes",
        why: "A receiver that disabled its stream wants to know nothing of that time.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.event() + limits.silence(),
        judge: Script(|cx| Box::pin(disabled(cx))),
        ..BASE
    },
];

async fn paused(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "paused").await?;
    let named = cx.emit(&subject).await?;
    expect_silence(cx, &stream, &named).await
}

async fn enabled_again(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "paused").await?;
    let named = cx.emit(&subject).await?;
    set_status(cx, &stream, "enabled").await?;
    cx.expect_arrival(&stream, ("sets", "what was kept"), |set| {
        is_about(set, &named)
    })
    .await
}

async fn disabled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "disabled").await?;
    let named = cx.emit(&subject).await?;
    set_status(cx, &stream, "enabled").await?;
    expect_silence(cx, &stream, &named).await
}

/// A subject of which an event came and was acknowledged: the control arm of silence.
async fn seen(cx: &Context, stream: &Stream) -> Result<Value, Stop> {
    let subject = cx.subject(stream).await?;
    let named = cx.emit(&subject).await?;
    let arrived = cx.arrival(stream, |set| is_about(set, &named)).await?;
    cx.poll_now(stream, json!({ "ack": [arrived.jti] })).await?;
    Ok(subject)
}

async fn expect_silence(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    tokio::time::sleep(cx.target().limits.silence()).await;
    let polled = cx.poll_now(stream, json!({})).await?;
    let found = polled
        .sets
        .values()
        .filter(|token| tells_of(token, subject))
        .count();
    cx.expect(found == 0, "sets about the subject", "none", found);
    Ok(())
}
