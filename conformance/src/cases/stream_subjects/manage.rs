//! The requests that add and remove subjects (SSF 1.0 §8.1.3.2, §8.1.3.3).

use serde_json::{Value, json};

use super::{add, address, ask};
use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Stop,
    },
    cases::refusal::Refusal,
    checks::Level,
    context::{Answered, Context, Operation, Stream},
};

const ADDING: Case = Case {
    section: "SSF 1.0 §8.1.3.2",
    tags: &["subjects", "add"],
    ..Case::MANAGEMENT
};

const REMOVING: Case = Case {
    section: "SSF 1.0 §8.1.3.3",
    tags: &["subjects", "remove"],
    ..Case::MANAGEMENT
};

/// What goes wrong if a broken body is taken.
const GUESSED: &str = "A receiver that is told of success waits for events that never come.";

/// What goes wrong if it is answered with 5xx.
const REPEATED: &str = "A transmitter that answers 5xx has it repeated for ever.";

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-207.added",
        title: "a subject is added with 200 and an empty body",
        why: "Receivers that know the specification take nothing else for success.",
        judge: Script(|cx| Box::pin(added(cx))),
        ..ADDING
    },
    Case {
        id: "SSF-T-210.twice",
        title: "to add a subject twice is no error",
        why: "Receivers repeat requests whose answer they did not get.",
        judge: Script(|cx| Box::pin(twice(cx))),
        ..ADDING
    },
    Case {
        id: "SEC-001.unknown-subject",
        section: "SSF 1.0 §9.1",
        level: Level::Should,
        title: "that nobody has such an address is not told: no 404",
        why: "By trying addresses, a receiver would learn who is a user.",
        judge: Script(|cx| Box::pin(unknown_subject(cx))),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.broken-json",
        title: "to add with a body that breaks off: 400",
        why: REPEATED,
        judge: Refused(Operation::AddSubject, Refusal::BrokenJson),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.without-subject",
        title: "to add no subject: 400",
        why: GUESSED,
        judge: Refused(Operation::AddSubject, Refusal::Body(without_subject)),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.without-stream_id",
        title: "to add to no stream: 400",
        why: "A transmitter that guesses adds to the wrong stream.",
        judge: Refused(Operation::AddSubject, Refusal::Body(without_stream)),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.without-format",
        title: "to add a subject without a format: 400",
        why: GUESSED,
        judge: Refused(Operation::AddSubject, Refusal::Body(without_format)),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.verified-is-a-text",
        title: "to add with a verified that is a text: 400",
        why: "Whoever guesses takes \"false\" for true.",
        judge: Refused(Operation::AddSubject, Refusal::Body(verified_is_a_text)),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.unknown-stream",
        title: "to add to a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(Operation::AddSubject, Refusal::UnknownStream),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.without-token",
        title: "to add without a token: 401",
        why: "Whoever can add subjects chooses what is known of them.",
        judge: Refused(Operation::AddSubject, Refusal::WithoutToken),
        ..ADDING
    },
    Case {
        id: "SSF-T-209.read-only-token",
        title: "to add with a token that may read alone: 403",
        why: "A token that was given to a dashboard must not change a stream.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(Operation::AddSubject, Refusal::ReadOnlyToken),
        ..ADDING
    },
    Case {
        id: "SSF-T-051.subject-added-by-another",
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot add a subject: 404 or 403",
        why: "It would decide on what the receiver is sent.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(Operation::AddSubject, Refusal::ByAnother),
        ..ADDING
    },
    Case {
        id: "SSF-T-211.removed",
        title: "a subject is removed with 204 and an empty body",
        why: "Receivers that know the specification take nothing else for success.",
        judge: Script(|cx| Box::pin(removed(cx))),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.broken-json",
        title: "to remove with a body that breaks off: 400",
        why: REPEATED,
        judge: Refused(Operation::RemoveSubject, Refusal::BrokenJson),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.without-subject",
        title: "to remove no subject: 400",
        why: "A transmitter that guesses removes all, and events are missed.",
        judge: Refused(Operation::RemoveSubject, Refusal::Body(without_subject)),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.without-stream_id",
        title: "to remove from no stream: 400",
        why: "A transmitter that guesses removes from the wrong stream.",
        judge: Refused(Operation::RemoveSubject, Refusal::Body(without_stream)),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.unknown-stream",
        title: "to remove from a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(Operation::RemoveSubject, Refusal::UnknownStream),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.without-token",
        title: "to remove without a token: 401",
        why: "Whoever can remove a subject keeps its revocations from arriving.",
        judge: Refused(Operation::RemoveSubject, Refusal::WithoutToken),
        ..REMOVING
    },
    Case {
        id: "SSF-T-212.read-only-token",
        title: "to remove with a token that may read alone: 403",
        why: "A token that was given to a dashboard must not silence an account.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(Operation::RemoveSubject, Refusal::ReadOnlyToken),
        ..REMOVING
    },
    Case {
        id: "SSF-T-051.subject-removed-by-another",
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot remove a subject: 404 or 403",
        why: "It could keep an account's revocations from arriving.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(Operation::RemoveSubject, Refusal::ByAnother),
        ..REMOVING
    },
];

fn without_subject(_: &Context, stream: &Stream) -> String {
    json!({ "stream_id": stream.id }).to_string()
}

fn without_stream(cx: &Context, _: &Stream) -> String {
    json!({ "subject": address(cx) }).to_string()
}

fn without_format(cx: &Context, stream: &Stream) -> String {
    let email = address(cx)["email"].take();
    json!({ "stream_id": stream.id, "subject": { "email": email } }).to_string()
}

fn verified_is_a_text(cx: &Context, stream: &Stream) -> String {
    json!({ "stream_id": stream.id, "subject": address(cx), "verified": "false" }).to_string()
}

async fn added(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = ask(cx, Operation::AddSubject, &stream, &address(cx)).await?;
    // The section on adding says 200, that on security speaks of 204 (SSF 1.0 §9.1).
    if answered.status() == 204 {
        cx.note("a subject is added with 204 instead of 200");
        return Ok(());
    }
    cx.expect_status(&answered, &[200]);
    expect_empty(cx, &answered);
    Ok(())
}

async fn twice(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = address(cx);
    add(cx, &stream, &subject).await?;
    let again = ask(cx, Operation::AddSubject, &stream, &subject).await?;
    cx.expect_success(&again);
    Ok(())
}

async fn unknown_subject(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let address = format!("nobody-{}@ssf-conformance.example.com", cx.word());
    let subject = json!({ "format": "email", "email": address });
    let answered = ask(cx, Operation::AddSubject, &stream, &subject).await?;
    let found = answered.status();
    let what = format!("{}: the status", answered.asked());
    cx.expect(found != 404, what, "another than 404", found);
    Ok(())
}

async fn removed(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject: Value = address(cx);
    add(cx, &stream, &subject).await?;
    let answered = ask(cx, Operation::RemoveSubject, &stream, &subject).await?;
    cx.expect_status(&answered, &[204]);
    expect_empty(cx, &answered);
    Ok(())
}

fn expect_empty(cx: &Context, answered: &Answered) {
    let found = answered.shown_body();
    let what = format!("{}: the body", answered.asked());
    cx.expect(answered.body().is_empty(), what, "nothing", found);
}
