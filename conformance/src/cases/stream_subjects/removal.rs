//! What a removal means (SSF 1.0 §7.1, §8.1.3.3, §8.1.4.1, §9.3).

use serde_json::{Value, json};

use super::{add, address, ask, events_about, expect_event, remove};
use crate::{
    case::{Case, Judge::Script, Need, Stop},
    checks::Level,
    context::{Context, Operation, Stream},
    event_types::VERIFICATION,
    set::RawSet,
};

const BASE: Case = Case {
    section: "SSF 1.0 §7.1",
    level: Level::May,
    tags: &["subjects", "remove"],
    needs: &[Need::Token, Need::Emit],
    waits: |limits| limits.event() * 3 + limits.silence(),
    ..Case::MANAGEMENT
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-035.removed",
        title: "after a removal no events come, unless the transmitter goes on for a while",
        why: "A receiver that has no such account any more wants to hear nothing of it.",
        judge: Script(|cx| Box::pin(removed(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-210.removed-once",
        section: "SSF 1.0 §8.1.3.2",
        title: "what was added twice is removed once, unless the transmitter goes on for a while",
        why: "A receiver that repeated a request does not know whether it came twice.",
        judge: Script(|cx| Box::pin(removed_once(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-033.put-back",
        title: "a subject that was removed can be added again, and its events come",
        why: "People leave and come back.",
        judge: Script(|cx| Box::pin(put_back(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-213.stream-itself",
        section: "SSF 1.0 §8.1.4.1",
        level: Level::Must,
        title: "the stream itself cannot be removed: verifications still come",
        why: "A receiver could never again tell silence from a stream that does not work.",
        needs: &[Need::Token],
        waits: |limits| limits.event(),
        judge: Script(|cx| Box::pin(stream_itself(cx))),
        ..BASE
    },
];

/// Expects nothing about a subject, or notes that the transmitter goes on (SSF 1.0 §9.3).
async fn expect_end(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    let found = events_about(cx, stream, subject).await?;
    if found == 0 {
        cx.expect(true, "events about the subject", "none", found);
    } else {
        cx.note("events about a subject that was removed still come");
    }
    Ok(())
}

/// A stream, and a subject that was added to it.
async fn given(cx: &Context) -> Result<(Stream, Value), Stop> {
    let stream = cx.stream().await?;
    let subject = address(cx);
    add(cx, &stream, &subject).await?;
    Ok((stream, subject))
}

async fn removed(cx: &Context) -> Result<(), Stop> {
    let (stream, subject) = given(cx).await?;
    remove(cx, &stream, &subject).await?;
    expect_end(cx, &stream, &subject).await
}

async fn removed_once(cx: &Context) -> Result<(), Stop> {
    let (stream, subject) = given(cx).await?;
    add(cx, &stream, &subject).await?;
    remove(cx, &stream, &subject).await?;
    expect_end(cx, &stream, &subject).await
}

async fn put_back(cx: &Context) -> Result<(), Stop> {
    let (stream, subject) = given(cx).await?;
    remove(cx, &stream, &subject).await?;
    add(cx, &stream, &subject).await?;
    expect_event(cx, &stream, &subject).await
}

async fn stream_itself(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    // The control arm: the stream can be polled.
    cx.poll_now(&stream, json!({})).await?;
    let itself = json!({ "format": "opaque", "id": stream.id });
    // Whether that is called a success is left to the transmitter.
    ask(cx, Operation::RemoveSubject, &stream, &itself).await?;
    cx.verify(&stream, None).await?;
    let is_one = |set: &RawSet| set.event(VERIFICATION).is_some();
    cx.expect_arrival(&stream, ("the verification", "to come"), is_one)
        .await
}
