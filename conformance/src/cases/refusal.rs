//! Requests that have to be refused, each between two that do not: the same request unspoilt is accepted after it, and before
//! it where that can be, and the refused one has left no trace.

use serde_json::{Value, json};

use crate::{
    case::Stop,
    context::{Call, Context, Credential, Operation, Stream},
    target_file::Token,
};

/// What is sent where an object belongs and the text breaks off.
pub(super) const BROKEN_JSON: &str = r#"{"stream_id":"#;

/// A sound request for an operation on a stream.
pub(super) fn valid<'c>(cx: &'c Context, operation: Operation, stream: &Stream) -> Call<'c> {
    naming(cx, operation, &stream.id).spaced(stream)
}

/// A request for an operation on a stream that has this id, if there is one.
fn naming<'c>(cx: &'c Context, operation: Operation, id: &str) -> Call<'c> {
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

/// What is spoilt in a request that has to be refused.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// There is no token: 401.
    WithoutToken,
    /// Nobody issued the token: 401.
    UnknownToken,
    /// The token may read alone: 403.
    ReadOnlyToken,
    /// The stream is another Receiver's: 404, or 403.
    ByAnother,
    /// There is no such stream: 404.
    UnknownStream,
    /// The body breaks off: 400.
    BrokenJson,
    /// The body is this one, for a stream: 400.
    Body(fn(&Context, &Stream) -> String),
}

/// Expects that an operation is refused, and does nothing.
pub(crate) async fn judge(
    cx: &Context,
    operation: Operation,
    refusal: Refusal,
) -> Result<(), Stop> {
    match refusal {
        Refusal::WithoutToken => credential(cx, operation, Credential::Missing, &[401]).await,
        Refusal::UnknownToken => credential(cx, operation, Credential::Unknown, &[401]).await,
        Refusal::ReadOnlyToken => {
            credential(cx, operation, Credential::Of(Token::ReadOnly), &[403]).await
        }
        Refusal::ByAnother => {
            credential(cx, operation, Credential::Of(Token::Other), &[404, 403]).await
        }
        Refusal::UnknownStream => unknown_stream(cx, operation).await,
        Refusal::BrokenJson => spoilt_body(cx, operation, |_, _| BROKEN_JSON.to_owned()).await,
        Refusal::Body(spoilt) => spoilt_body(cx, operation, spoilt).await,
    }
}

/// Expects that an operation is refused to whoever shows `credential`, and does nothing.
async fn credential(
    cx: &Context,
    operation: Operation,
    credential: Credential,
    expected: &[u16],
) -> Result<(), Stop> {
    let stream = taken(cx, operation).await?;
    let before = cx.read(&stream).await?;
    let spoilt = valid(cx, operation, &stream).credential(credential);
    let answered = spoilt.send().await?;
    answered.given_time()?;
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
async fn unknown_stream(cx: &Context, operation: Operation) -> Result<(), Stop> {
    let stream = taken(cx, operation).await?;
    let unknown = cx.id_like(&stream.id);
    let spoilt = naming(cx, operation, &unknown).spaced(&stream);
    let answered = spoilt.send().await?;
    answered.given_time()?;
    cx.expect_status(&answered, &[404]);
    accepted(cx, operation, &stream).await
}

/// Expects that a spoilt body is refused with 400 and changes nothing, on a stream of its own.
async fn spoilt_body(
    cx: &Context,
    operation: Operation,
    spoilt: fn(&Context, &Stream) -> String,
) -> Result<(), Stop> {
    let stream = taken(cx, operation).await?;
    let before = cx.read(&stream).await?;
    let call = cx.call(operation).spaced(&stream);
    let spoilt = call.body("application/json", spoilt(cx, &stream));
    let answered = spoilt.send().await?;
    answered.given_time()?;
    cx.expect_status(&answered, &[400]);
    cx.expect_untouched(&stream, &before).await?;
    accepted(cx, operation, &stream).await
}

/// A stream of the case's own, on which the unspoilt request was accepted, unless it can be made once alone: the stream would
/// be gone, or verified too often.
async fn taken(cx: &Context, operation: Operation) -> Result<Stream, Stop> {
    let stream = cx.stream().await?;
    match operation {
        Operation::Create | Operation::Delete | Operation::Verify => {}
        Operation::Read
        | Operation::Update
        | Operation::Replace
        | Operation::ReadStatus
        | Operation::SetStatus
        | Operation::AddSubject
        | Operation::RemoveSubject => accepted(cx, operation, &stream).await?,
    }
    Ok(stream)
}

/// Relies on the unspoilt request being accepted.
async fn accepted(cx: &Context, operation: Operation, stream: &Stream) -> Result<(), Stop> {
    let answered = valid(cx, operation, stream).send().await?;
    answered.given_success()?;
    Ok(())
}
