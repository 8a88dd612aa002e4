//! What every answer has: the id of its request, a word to caches, a log line and a count.

use std::time::Instant;

use actix_web::{
    Error, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::{CACHE_CONTROL, HeaderName, HeaderValue},
    middleware::Next,
};
use tracing::{Instrument, debug, info, info_span};
use uuid::Builder;

use super::{auth, introspection, probes, tally};

/// The header that names the request.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Names the request, in its answer and in every log line about it; the outermost of all.
///
/// A name that the request brings along is ignored: whoever sends it could make two requests look like one.
pub(super) async fn identify(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // Of the thread's generator: to ask the operating system costs as much as a decision.
    let id = Builder::from_random_bytes(rand::random()).into_uuid();
    let id = id.as_simple().to_string();
    let span = info_span!("request", request.id = %id);
    let mut response = next.call(request).instrument(span).await?;
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, HeaderValue::from_str(&id)?);
    Ok(response)
}

/// Logs and counts a request when it is answered: method, route, status, time. Neither queries nor paths that no route has.
///
/// Whoever asks with each request of somebody else's, or to see whether we live, does not fill the log.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let response = next.call(request).await?;
    let elapsed = started.elapsed();
    let route = response.request().match_pattern();
    let route = route.as_deref().map_or("none", auth::route);
    let method = response.request().method().as_str();
    let status = response.status().as_u16();
    let elapsed_ms = elapsed.as_secs_f64() * 1000.0;
    let frequent = probes::PATHS.iter().chain(&auth::PATHS);
    let mut frequent = frequent.chain(&[introspection::PATH]);
    if frequent.any(|path| *path == route) {
        debug!(http.method = method, http.route = %route, http.status = status, elapsed_ms, "request answered");
    } else {
        info!(http.method = method, http.route = %route, http.status = status, elapsed_ms, "request answered");
    }
    tally::answered(route, status, elapsed);
    Ok(response)
}

/// Forbids caches to keep what does not say that they may.
pub(super) async fn complete(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// 404, for a path that there is not.
pub(super) async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().finish()
}
