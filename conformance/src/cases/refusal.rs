//! Requests that have to be refused, each with a control arm: the same request unspoilt is accepted, and the refused one
//! has left no trace.

use serde_json::{Value, json};

use crate::{
    case::Stop,
    context::{Call, Context, Credential, Operation, Stream},
};

/// A `stream_id` that nobody gave out.
const UNKNOWN_STREAM: &str = "ssf-conformance-no-such-stream";

/// What is sent where an object belongs and the text breaks off.
pub(super) const BROKEN_JSON: &str = r#"{"stream_id":"#;

/// A sound request for an operation on a stream.
pub(super) fn valid<'c>(cx: &'c Context, operation: Operation, id: &str) -> Call<'c> {
    let call = cx.call(operation);
    match body(cx, operation, id) {
        Some(body) => call.json(&body),
        None => call.stream(id),
    }
}

/// The body of a sound request, if it has one.
pub(super) fn body(cx: &Context, operation: Operation, id: &str) -> Option<Value> {
    let subject = json!({ "format": "email", "email": "ssf-conformance@example.com" });
    match operation {
        Operation::Create => Some(cx.stream_request()),
        Operation::Read | Operation::Delete | Operation::ReadStatus => None,
        Operation::Update => {
            let description = cx.stream_request()["description"].clone();
            Some(json!({ "stream_id": id, "description": description }))
        }
        Operation::Replace => {
            let mut body = cx.stream_request();
            body["stream_id"] = json!(id);
            Some(body)
        }
        Operation::SetStatus => Some(json!({ "stream_id": id, "status": "enabled" })),
        Operation::AddSubject | Operation::RemoveSubject => {
            Some(json!({ "stream_id": id, "subject": subject }))
        }
        Operation::Verify => Some(json!({ "stream_id": id })),
    }
}

/// Expects that an operation is refused to whoever shows `credential`, and does nothing.
pub(super) async fn credential(
    cx: &Context,
    operation: Operation,
    credential: Credential,
    expected: &[u16],
) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    let spoilt = valid(cx, operation, &stream.id).credential(credential);
    let answered = spoilt.send().await?;
    cx.expect_status(&answered, expected);
    if !operation.is_reading() && operation != Operation::Create {
        cx.expect_untouched(&stream, &before).await?;
    }
    if operation != Operation::Create {
        accepted(cx, operation, &stream).await?;
    }
    Ok(())
}

/// Expects that an operation on a stream that does not exist is refused with 404.
pub(super) async fn unknown_stream(cx: &Context, operation: Operation) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let spoilt = valid(cx, operation, UNKNOWN_STREAM).send().await?;
    cx.expect_status(&spoilt, &[404]);
    accepted(cx, operation, &stream).await
}

/// Expects that a spoilt body is refused with 400 and changes nothing, on a stream of its own.
pub(super) async fn spoilt_body(
    cx: &Context,
    operation: Operation,
    spoil: impl FnOnce(&Stream) -> String,
) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    let call = cx.call(operation);
    let spoilt = call.body("application/json", spoil(&stream));
    let answered = spoilt.send().await?;
    cx.expect_status(&answered, &[400]);
    cx.expect_untouched(&stream, &before).await?;
    accepted(cx, operation, &stream).await
}

/// Relies on the unspoilt request being accepted.
async fn accepted(cx: &Context, operation: Operation, stream: &Stream) -> Result<(), Stop> {
    let answered = valid(cx, operation, &stream.id).send().await?;
    answered.given_success()?;
    Ok(())
}
