//! What supervisors and monitoring ask.

use actix_web::{HttpResponse, http::header::CACHE_CONTROL, web::Data};
use serde_json::json;

use super::{
    AppState,
    openapi::refusals::{Anybody, Probing},
    problem::Problem,
};
use crate::worker::Loop;

/// GET /health: the process lives and answers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "read_health",
    responses(
        (status = 200, description = "The process lives.", body = ref("#/components/schemas/Health")),
        Anybody,
    ),
)]
pub(super) async fn health() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok" }))
}

/// GET /ready: the database answers and the loops run, so that what is accepted now is delivered now.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "read_readiness",
    responses(
        (status = 200, description = "What is accepted now is delivered now.", body = ref("#/components/schemas/Health")),
        Probing,
    ),
)]
pub(super) async fn ready(state: Data<AppState>) -> Result<HttpResponse, Problem> {
    state
        .store
        .ping()
        .await
        .map_err(|error| Problem::store(&error))?;
    if !state.pulse.is_alive(Loop::FanOut) {
        return Err(Problem::unavailable("the fan-out loop does not run"));
    }
    if !state.pulse.is_alive(Loop::Delivery) {
        return Err(Problem::unavailable("the delivery loop does not run"));
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok", "database": "ok", "fan_out": "ok", "delivery": "ok" })))
}

/// GET /metrics: in Prometheus's text format; no label holds an identifier or a secret.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "read_metrics",
    responses(
        (status = 200, description = "The metrics in the text format of Prometheus.", body = String, content_type = "text/plain"),
        Anybody,
    ),
)]
pub(super) async fn metrics(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(state.metrics.render())
}
