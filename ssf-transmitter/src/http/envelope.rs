//! What every answer has: the id of its request, a word to caches, and a problem document if it is an error.

use std::fmt;

use actix_web::{
    Error, HttpMessage, HttpRequest, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue},
    middleware::Next,
};
use serde::{Serialize, Serializer};
use tracing::{Instrument, info_span};
use uuid::Uuid;

use super::problem::Problem;

/// Longest path with query, in bytes: twice the longest URI that we hand out, for what gets longer on its way.
const TARGET_BYTES_MAX: usize = 4096;

/// The header that names the request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names one request in its answer and in every log line about it: 32 hexadecimal digits.
///
/// It is made here; one that a request brings along is ignored, since whoever sends it could make two requests look like
/// one.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestId(Uuid);

impl RequestId {
    fn of(request: &HttpRequest) -> Self {
        let known = request.extensions().get::<Self>().copied();
        known.unwrap_or_else(|| Self(Uuid::new_v4()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Gives the request its id; everything that is logged meanwhile has it. The outermost of all.
pub(super) async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = RequestId(Uuid::new_v4());
    request.extensions_mut().insert(id);
    let span = info_span!("request", request.id = %id);
    let mut response = next.call(request).instrument(span).await?;
    let value = HeaderValue::from_str(&id.to_string())?;
    response.headers_mut().insert(X_REQUEST_ID, value);
    Ok(response)
}

/// Writes errors as problem documents, those of the library that reads HTTP included, and forbids caches to keep what
/// does not say that they may.
pub(super) async fn complete<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let target = request.uri().path_and_query().map_or("", |it| it.as_str());
    let mut response = if target.len() > TARGET_BYTES_MAX {
        let id = RequestId::of(request.request());
        let refused = Problem::uri_too_long(TARGET_BYTES_MAX).answer(id);
        request.into_response(refused).map_into_right_body()
    } else {
        let response = next.call(request).await?;
        match problem(&response) {
            Some(document) => response.into_response(document).map_into_right_body(),
            None => response.map_into_left_body(),
        }
    };
    if !response.headers().contains_key(CACHE_CONTROL) {
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
    }
    Ok(response)
}

/// The document that takes the place of an error; `None` for what is no error, or has a form of its own already.
fn problem<B>(response: &ServiceResponse<B>) -> Option<HttpResponse> {
    let error = response.response().error()?;
    let id = RequestId::of(response.request());
    if let Some(problem) = error.as_error::<Problem>() {
        return Some(problem.answer(id));
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_json = content_type.is_some_and(|value| value.as_bytes().ends_with(b"json"));
    (!is_json).then(|| Problem::of_library(response.status()).answer(id))
}
