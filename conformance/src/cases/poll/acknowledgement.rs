//! What becomes of a SET by what is said of it (RFC 8936 §2.4).

use serde_json::{Value, json};

use super::BASE;
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::{Context, Stream},
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-T-006.acknowledge-only",
        section: "RFC 8936 §2.4.2",
        title: "maxEvents 0 brings no SET and an answer that is an object",
        why: "A receiver that stops acknowledges what it has and wants nothing more.",
        judge: Script(|cx| Box::pin(acknowledge_only(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-013.acknowledged",
        title: "a SET that was acknowledged does not come again",
        why: "Receivers would never come to an end.",
        judge: Script(|cx| Box::pin(acknowledged(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-014.unacknowledged",
        level: Level::May,
        title: "a SET that was not acknowledged comes again",
        why: "A receiver that broke off with the answer in its hands has lost it otherwise.",
        judge: Script(|cx| Box::pin(unacknowledged(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-016.reported",
        section: "RFC 8936 §2.4.4",
        title: "a SET that was reported in setErrs is not offered for ever",
        why: "One SET that a receiver cannot read would hold up all others.",
        judge: Script(|cx| Box::pin(reported(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-017.unknown-jti",
        title: "to acknowledge what is not there is no error",
        why: "Receivers repeat acknowledgements whose answer they did not get.",
        judge: Script(|cx| Box::pin(unknown_jti(cx))),
        ..BASE
    },
];

async fn acknowledge_only(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verification(&stream).await?;
    let body = json!({ "maxEvents": 0, "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    let found = answered.json().unwrap_or_default();
    cx.expect(
        found.is_object(),
        answered.asked(),
        "an object",
        answered.shown_body(),
    );
    let none = found.get("sets").is_none_or(|sets| *sets == json!({}));
    cx.expect(none, "sets", "none", answered.shown_body());
    Ok(())
}

async fn acknowledged(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    gone(cx, &stream, &arrived.jti, json!({ "ack": [arrived.jti] })).await
}

async fn reported(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    let error = json!({ "err": "invalid_request", "description": "ssf-conformance refuses it" });
    gone(
        cx,
        &stream,
        &arrived.jti,
        json!({ "setErrs": { &arrived.jti: error } }),
    )
    .await
}

/// Expects that a SET is not in the answer to the poll that deals with it, nor in that to the next.
async fn gone(cx: &Context, stream: &Stream, jti: &str, body: Value) -> Result<(), Stop> {
    for body in [body, json!({})] {
        let polled = cx.poll_now(stream, body).await?;
        let is_there = polled.sets.contains_key(jti);
        cx.expect(
            !is_there,
            "sets",
            format!("no {jti}"),
            polled.answered.shown_body(),
        );
    }
    Ok(())
}

async fn unacknowledged(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    let polled = cx.poll_now(&stream, json!({})).await?;
    if polled.sets.contains_key(&arrived.jti) {
        cx.expect(true, "sets", &arrived.jti, &arrived.jti);
    } else {
        cx.note("a SET that was not acknowledged does not come again at once");
    }
    Ok(())
}

async fn unknown_jti(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.poll_now(&stream, json!({})).await?;
    let body = json!({ "ack": [cx.word()], "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}
