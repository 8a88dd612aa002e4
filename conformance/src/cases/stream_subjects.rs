//! The subjects of a stream (SSF 1.0 §8.1.3): adding and removing them, and whom events are sent about.

pub mod manage;
pub mod matching;
pub mod removal;

use serde_json::{Value, json};

use crate::{
    case::{Case, Stop},
    cases::poll::is_about,
    context::{Answered, Context, Operation, Stream},
    set::RawSet,
};

/// The cases of the subjects of a stream.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    manage::CASES
        .iter()
        .chain(matching::CASES)
        .chain(removal::CASES)
}

/// Adds or removes a subject, and relies on nothing.
async fn ask(
    cx: &Context,
    operation: Operation,
    stream: &Stream,
    subject: &Value,
) -> Result<Answered, Stop> {
    let body = json!({ "stream_id": stream.id, "subject": subject });
    cx.call(operation).json(&body).send().await
}

/// Adds a subject, and relies on that.
async fn add(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    let answered = ask(cx, Operation::AddSubject, stream, subject).await?;
    answered.given_success()?;
    Ok(())
}

/// Removes a subject, and relies on that.
async fn remove(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    let answered = ask(cx, Operation::RemoveSubject, stream, subject).await?;
    answered.given_success()?;
    Ok(())
}

/// An address that nobody else has.
fn address(cx: &Context) -> Value {
    json!({ "format": "email", "email": format!("{}@ssf-conformance.example.com", cx.word()) })
}

/// Whether new streams cover whom this member of the metadata says: `ALL` or `NONE`.
fn given_default(cx: &Context, expected: &str) -> Result<(), Stop> {
    match cx.metadata()?.get("default_subjects") {
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(Stop::not_offered(format!("default_subjects is {found}"))),
        None => Err(Stop::not_offered("default_subjects is not told")),
    }
}

/// Expects that an event about a subject comes.
async fn expect_event(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    // The control arm: the stream can be polled.
    cx.poll_now(stream, json!({})).await?;
    let named = cx.emit(subject).await?;
    cx.expect_arrival(stream, ("the event", "to come"), |set| {
        is_about(set, &named)
    })
    .await
}

/// Has an event happen about a subject, and afterwards one about a subject that is added, which has to come: the control arm
/// of silence. Returns how many came about the former.
async fn events_about(cx: &Context, stream: &Stream, subject: &Value) -> Result<usize, Stop> {
    let control = cx.subject(stream).await?;
    let named = cx.emit(subject).await?;
    let last = cx.emit(&control).await?;
    let sets: Vec<RawSet> = cx.all_until(stream, |set| is_about(set, &last)).await?;
    Ok(sets.iter().filter(|set| is_about(set, &named)).count())
}

/// Expects that no event about a subject comes.
async fn expect_none(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    let found = events_about(cx, stream, subject).await?;
    cx.expect(found == 0, "events about the subject", "none", found);
    Ok(())
}
