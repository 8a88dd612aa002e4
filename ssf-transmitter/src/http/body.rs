//! Bodies: of the right kind, within a limit while they arrive, and within a time.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
    web::{BytesMut, Payload},
};
use futures_util::StreamExt;

use super::problem::Problem;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads the body of a JSON request; a request without `Content-Type` counts as one.
pub(super) async fn json(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> Result<BytesMut, Problem> {
    let media_type = media_type(request);
    if media_type.is_some_and(|media_type| !media_type.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::unsupported_media_type(
            "Content-Type must be application/json",
        ));
    }
    bytes(request, payload, limit).await
}

/// Reads the body of a form.
pub(super) async fn form(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
) -> Result<BytesMut, Problem> {
    let form = "application/x-www-form-urlencoded";
    if !media_type(request).is_some_and(|media_type| media_type.eq_ignore_ascii_case(form)) {
        return Err(Problem::unsupported_media_type(
            "Content-Type must be application/x-www-form-urlencoded",
        ));
    }
    bytes(request, payload, limit).await
}

/// `Content-Type` without its parameters.
fn media_type(request: &HttpRequest) -> Option<&str> {
    let value = text(request, &CONTENT_TYPE)?;
    Some(value.split(';').next().unwrap_or_default().trim())
}

async fn bytes(request: &HttpRequest, payload: Payload, limit: usize) -> Result<BytesMut, Problem> {
    if text(request, &CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::unsupported_media_type(
            "Content-Encoding must not be used here",
        ));
    }
    let announced = text(request, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: u64| length > limit as u64) {
        return Err(Problem::too_large(limit));
    }
    tokio::time::timeout(BODY_TIMEOUT, capped(payload, limit))
        .await
        .map_err(|_| Problem::too_slow())?
}

/// A header's value; one that is not ASCII is like none that anybody expects.
fn text<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
    let value = request.headers().get(name)?;
    Some(value.to_str().unwrap_or("?"))
}

async fn capped(mut payload: Payload, limit: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body breaks off"))?;
        if body.len() + chunk.len() > limit {
            return Err(Problem::too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
