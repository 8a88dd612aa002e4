//! One log line and one count per request.

use std::time::Instant;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};
use tracing::{debug, info};

/// Logs a request when it is answered: method, route, status, time. Neither queries nor paths that no route has.
pub(super) async fn log(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let started = Instant::now();
    let response = next.call(request).await?;
    let elapsed = started.elapsed();
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "none".to_owned());
    let method = response.request().method().as_str();
    let status = response.status().as_u16();
    let elapsed_ms = elapsed.as_secs_f64() * 1000.0;
    match route.as_str() {
        "/health" | "/ready" | "/metrics" => {
            debug!(http.method = method, http.route = %route, http.status = status, elapsed_ms, "request answered");
        }
        _ => {
            info!(http.method = method, http.route = %route, http.status = status, elapsed_ms, "request answered");
        }
    }
    metrics::counter!("ssf_http_requests_total", "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("ssf_http_request_seconds", "route" => route).record(elapsed);
    Ok(response)
}
