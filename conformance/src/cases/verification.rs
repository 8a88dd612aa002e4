//! Verification (SSF 1.0 §8.1.4), on streams that are polled.

use serde_json::{Value, json};

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::{self, Refusal},
    checks::{Level, shown},
    context::{Arrived, Context, Operation, Stream},
    event_types::VERIFICATION,
};

const OPERATION: Operation = Operation::Verify;

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.4.2",
    tags: &["verification"],
    waits: |limits| limits.event(),
    ..Case::MANAGEMENT
};

/// The request alone: no event is waited for.
const REQUEST: Case = Case {
    waits: Case::MANAGEMENT.waits,
    ..BASE
};

/// How long a state is that every transmitter has to take, in bytes.
const STATE_BYTES: usize = 1000;

/// A text with all that is escaped somewhere on its way, and long.
fn odd_state(word: &str) -> String {
    let mut state = format!("{word} \"quoted\" \\ back / slash é 漢字 \u{1f511} {{\"a\":1}} ");
    let rest = STATE_BYTES.saturating_sub(state.len());
    state.push_str(&"x".repeat(rest));
    state
}

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-222.accepted",
        also: &["INTEROP-022"],
        title: "a request for verification is answered with 204, without a body",
        why: "A receiver that is not told so asks again.",
        judge: Script(|cx| Box::pin(accepted(cx))),
        ..REQUEST
    },
    Case {
        id: "SSF-T-223.state",
        level: Level::Must,
        title: "the event has the state of the request, letter for letter",
        why: "By it a receiver knows its answer; one that was altered is refused with invalid_state.",
        judge: Script(|cx| Box::pin(state(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-224.without-state",
        level: Level::Must,
        title: "the event has no state if the request has none",
        why: "A receiver refuses a state that it did not send.",
        judge: Script(|cx| Box::pin(without_state(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-226.sub_id",
        section: "SSF 1.0 §8.1.4.1",
        level: Level::Must,
        title: "sub_id has the format opaque",
        why: "A verification is about a stream and nobody else; in any other format it means somebody.",
        judge: Script(|cx| Box::pin(sub_id(cx, "format", |_| json!("opaque")))),
        ..BASE
    },
    Case {
        id: "SSF-T-227.stream_id",
        section: "SSF 1.0 §8.1.4.1",
        level: Level::Must,
        title: "the id of sub_id is the stream_id",
        why: "A receiver with several streams tells from it which one works.",
        judge: Script(|cx| Box::pin(sub_id(cx, "id", |stream| json!(stream.id)))),
        ..BASE
    },
    Case {
        id: "SSF-T-225.members",
        section: "SSF 1.0 §8.1.4.1",
        level: Level::May,
        title: "the event is an object, with state at most",
        why: "There is nothing else that a receiver could make of it.",
        judge: Script(|cx| Box::pin(members(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-102.without-stream_id",
        level: Level::Must,
        title: "without stream_id: 400",
        why: "A transmitter that guesses verifies the wrong stream.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|_, _| json!({ "state": "x" }).to_string()),
        ),
        ..REQUEST
    },
    Case {
        id: "SSF-T-231.broken-json",
        title: "a body that breaks off is refused with 400",
        why: "A transmitter that answers 5xx has it repeated for ever.",
        judge: Refused(OPERATION, Refusal::BrokenJson),
        ..REQUEST
    },
    Case {
        id: "SSF-T-231.unknown-stream",
        title: "a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(OPERATION, Refusal::UnknownStream),
        ..REQUEST
    },
    Case {
        id: "SSF-T-231.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401",
        why: "Anybody could have events sent.",
        judge: Refused(OPERATION, Refusal::WithoutToken),
        ..REQUEST
    },
    Case {
        id: "SSF-T-231.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401",
        why: "A token that is not checked is none.",
        judge: Refused(OPERATION, Refusal::UnknownToken),
        ..REQUEST
    },
    Case {
        id: "SSF-T-051.verification-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot have the stream verified: 404 or 403",
        why: "It could have the stream's next verifications refused.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(OPERATION, Refusal::ByAnother),
        ..REQUEST
    },
];

async fn accepted(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = refusal::valid(cx, OPERATION, &stream).send().await?;
    answered.given_time()?;
    cx.expect_status(&answered, &[204]);
    let what = format!("{}: the body", answered.asked());
    cx.expect(
        answered.body().is_empty(),
        what,
        "nothing",
        answered.shown_body(),
    );
    Ok(())
}

async fn state(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let state = odd_state(&cx.word());
    cx.verify(&stream, Some(&state)).await?;
    let arrived = first(cx, &stream).await?;
    let found = event(&arrived).get("state").cloned().unwrap_or_default();
    cx.expect(
        found == *state,
        "state",
        shown(&json!(state)),
        shown(&found),
    );
    Ok(())
}

async fn without_state(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verify(&stream, None).await?;
    let arrived = first(cx, &stream).await?;
    let found = event(&arrived).get("state").cloned().unwrap_or_default();
    cx.expect(found.is_null(), "state", "nothing", shown(&found));
    Ok(())
}

async fn sub_id(cx: &Context, member: &str, expected: fn(&Stream) -> Value) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verify(&stream, None).await?;
    let arrived = first(cx, &stream).await?;
    let subject = arrived.set.claims.get("sub_id");
    let found = subject.and_then(|subject| subject.get(member));
    let (found, expected) = (found.cloned().unwrap_or_default(), expected(&stream));
    let what = format!("{member} of sub_id");
    cx.expect(found == expected, what, &expected, shown(&found));
    Ok(())
}

async fn members(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verify(&stream, Some("x")).await?;
    let arrived = first(cx, &stream).await?;
    let found = event(&arrived);
    let names = found
        .as_object()
        .map(|event| event.keys().collect::<Vec<_>>());
    let holds = names.is_some_and(|names| names.iter().all(|name| *name == "state"));
    cx.expect(
        holds,
        "the event",
        "an object with state at most",
        shown(&found),
    );
    Ok(())
}

/// The first verification that comes; none is asked for by anybody else.
async fn first(cx: &Context, stream: &Stream) -> Result<Arrived, Stop> {
    cx.arrival(stream, |set| set.event(VERIFICATION).is_some())
        .await
}

fn event(arrived: &Arrived) -> Value {
    arrived.set.event(VERIFICATION).cloned().unwrap_or_default()
}
