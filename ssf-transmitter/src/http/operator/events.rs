//! Events: handing them in, and asking who would get one.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde_json::{Value, json};

use super::{
    super::{
        AppState,
        auth::{self, Ingester},
        body, ingest,
        openapi::refusals::{Foreseeing, HandingIn},
        problem::Problem,
    },
    after_stream, limit, page_with,
};
use crate::{
    app::foresee::foresee,
    domain::{foresight::Foreseen, operator::OperatorScope, stream::Stream},
};

/// POST: hands in one event or several, as at `/ingest/events`.
#[utoipa::path(
    post,
    path = "/operator/v1/events",
    operation_id = "emit_events",
    security(("operator_token" = ["ops.emit"])),
    params(
        ("issuer" = Option<String>, Query, description = "The name of an issuer that is served here; without it, the main one.", min_length = 1),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition recognisable.", min_length = 1, max_length = 255),
    ),
    request_body(content = ref("#/components/schemas/Submission"), content_type = "application/json"),
    responses(
        (status = 202, description = "All are accepted, and durable.", body = ref("#/components/schemas/Accepted"), headers(("Idempotent-Replayed" = String, description = "`true` if this was answered before."))),
        (status = 207, description = "Some are accepted: `events` says which.", body = ref("#/components/schemas/Accepted"), headers(("Idempotent-Replayed" = String, description = "`true` if this was answered before."))),
        HandingIn,
    ),
)]
pub(super) async fn emit(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Emit).await?;
    ingest::take_in(&request, payload, &state, Ingester::Operator(operator)).await
}

/// POST: which streams would get an event, and why the others would not. Nothing is stored.
#[utoipa::path(
    post,
    path = "/operator/v1/events/dry-run",
    operation_id = "foresee_event",
    security(("operator_token" = ["ops.emit"])),
    params(
        ("issuer" = Option<String>, Query, description = "The name of an issuer that is served here; without it, the main one.", min_length = 1),
        ("after" = Option<String>, Query, description = "Where the page before ended.", min_length = 1, max_length = 255),
        ("limit" = Option<u64>, Query, description = "Entries of the page.", minimum = 1, maximum = 1000),
    ),
    request_body(content = ref("#/components/schemas/Event"), content_type = "application/json"),
    responses(
        (status = 200, description = "The issuer's streams, by id.", body = ref("#/components/schemas/ForecastPage")),
        Foreseeing,
    ),
)]
pub(super) async fn dry_run(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Emit).await?;
    let caller = Ingester::Operator(operator);
    let issuer = ingest::issuer(&request, &state, &caller)?;
    let limit = limit(&request)?;
    let after = after_stream(&request)?;
    let body = body::json(&request, payload, state.ingest_body_bytes_max).await?;
    let event = ingest::read_single(&body, &state, &caller, &issuer)?;
    let at = (&state.store, &state.clock);
    let page = (after.as_ref(), limit);
    let forecast = foresee(at, &state.subject_formats, &issuer, event, page).await;
    let forecast = forecast.map_err(|error| Problem::store(&error))?;
    let full = forecast.streams.len() as u64 == limit;
    let last = forecast.streams.last().filter(|_| full);
    let next = last.map(|(stream, _)| json!(stream.id));
    let told = |(stream, foreseen): &(Stream, Foreseen)| shown(stream, foreseen);
    let items: Vec<Value> = forecast.streams.iter().map(told).collect();
    let matched = json!({ "matched": forecast.matched });
    Ok(page_with(matched, &items, next))
}

fn shown(stream: &Stream, foreseen: &Foreseen) -> Value {
    let mut shown = json!({
        "stream_id": stream.id,
        "receiver_id": stream.receiver.to_string(),
        "status": stream.status,
    });
    let (outcome, name, value) = match foreseen {
        Foreseen::Sent(subject) => ("sent", "sub_id", json!(subject)),
        Foreseen::Held(subject) => ("held", "sub_id", json!(subject)),
        Foreseen::Skipped(absence) => ("skipped", "reason", json!(absence.as_str())),
    };
    shown["outcome"] = json!(outcome);
    shown[name] = value;
    shown
}
