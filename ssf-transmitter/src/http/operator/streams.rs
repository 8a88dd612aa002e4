//! Streams, whosever they are.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Path, Payload},
};
use serde::Deserialize;
use serde_json::{Value, json};
use ssf_types::{
    id::StreamId,
    stream::{REASON_BYTES_MAX, StreamStatus},
    time::Timestamp,
};
use tracing::info;
use uuid::Uuid;

use super::{
    super::{
        AppState,
        audit::recorded,
        auth, body,
        code::Code,
        openapi::refusals::{Naming, Overseeing, Using},
        problem::Problem,
        query, streams,
    },
    after_stream, limit, object, page, present, private, stream_id,
};
use crate::{
    app::{
        manage,
        status::{Settled, StatusError, StatusUpdated, Updating},
    },
    domain::{
        audit::{Act, Action, Actor, Details},
        circuit::Health,
        id::ReceiverId,
        issuer::IssuerName,
        operator::OperatorScope,
        stream::Stream,
    },
    ports::{Backlog, Clock, OperatedStreams, StreamFilter, StreamOverview},
};

/// Another status for a stream.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: StreamStatus,
    #[serde(default, deserialize_with = "present")]
    reason: Option<String>,
}

/// GET: streams by id; `issuer`, `receiver_id` and `status` limit them.
#[utoipa::path(
    get,
    path = "/operator/v1/streams",
    operation_id = "list_streams",
    security(("operator_token" = ["ops.read"])),
    params(
        ("issuer" = Option<String>, Query, description = "Those of the issuer with this name."),
        ("receiver_id" = Option<String>, Query, description = "Those of this Receiver."),
        ("status" = Option<String>, Query, description = "Those with this status."),
        ("after" = Option<String>, Query, description = "Where the page before ended."),
        ("limit" = Option<u64>, Query, description = "Entries of the page.", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "Streams, by id.", body = ref("#/components/schemas/StreamPage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let limit = limit(&request)?;
    let after = after_stream(&request)?;
    let filter = filter(&request)?;
    let found = state
        .store
        .find_streams(&filter, after.as_ref(), limit)
        .await;
    let found = found.map_err(|error| Problem::store(&error))?;
    let last = found.last().filter(|_| found.len() as u64 == limit);
    let next = last.map(|stream| json!(stream.id));
    let items: Vec<Value> = found.iter().map(shown).collect();
    Ok(page(&items, next))
}

/// GET: one stream, what waits on it, and how its Receiver has answered lately.
#[utoipa::path(
    get,
    path = "/operator/v1/streams/{stream_id}",
    operation_id = "show_stream",
    security(("operator_token" = ["ops.read"])),
    params(
        ("stream_id" = String, Path, description = "The stream.", min_length = 1, max_length = 255),
    ),
    responses(
        (status = 200, description = "The stream, and what waits on it.", body = ref("#/components/schemas/OperatedStream")),
        Naming,
    ),
)]
pub(super) async fn show(
    request: HttpRequest,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let (stream, backlog) = find(&state, &stream_id(&id)?).await?;
    let now = state.clock.now();
    let mut answer = shown(&stream);
    answer["backlog"] = json!({
        "pending": backlog.pending,
        "held": stream.status == StreamStatus::Paused,
        "quarantined": backlog.quarantined,
        "oldest_pending_seconds": backlog.oldest_pending_at.map(|at| now.since(at).as_secs()),
    });
    let health = state.store.health(&stream.issuer, &stream.id).await;
    let health = health.map_err(|error| Problem::store(&error))?;
    answer["circuit"] = circuit(&health.unwrap_or_default(), now);
    Ok(private(HttpResponse::Ok()).json(answer))
}

/// POST: another status; its Receiver is told (SSF 1.0 §8.1.5).
///
/// 200 if it is in force, 202 if an attempt may still begin.
#[utoipa::path(
    post,
    path = "/operator/v1/streams/{stream_id}/status",
    operation_id = "decide_status",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("stream_id" = String, Path, description = "The stream.", min_length = 1, max_length = 255),
    ),
    request_body(content = ref("#/components/schemas/NewStatus"), content_type = "application/json"),
    responses(
        (status = 200, description = "The status is in force.", body = ref("#/components/schemas/OperatedStream")),
        (status = 202, description = "The status is stored, and an attempt may still begin.", body = ref("#/components/schemas/OperatedStream")),
        Using,
    ),
)]
pub(super) async fn set_status(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let body = body::json(&request, payload, state.management_body_bytes_max).await?;
    let NewStatus { status, reason } = read(&body)?;
    let (stream, _) = find(&state, &stream_id(&id)?).await?;
    let updating = Updating {
        store: &state.store,
        clock: &state.clock,
        fresh: &state.fresh,
        gate: &state.gate,
        worker: state.worker,
    };
    let actor = Actor::operator(operator.id);
    let act = Act::on(actor, Action::SetStreamStatus, "stream", &stream.id)
        .with("status", status.as_str());
    let deciding = Box::pin(async {
        let decided = updating.decide(&stream.issuer, &stream.id, status, reason);
        decided.await.map_err(|error| match error {
            StatusError::NotFound => streams::no_such_stream(),
            StatusError::Refused(refused) => {
                Problem::new(Code::StreamDisabledByOperator, refused.to_string())
            }
            StatusError::Store(error) => Problem::store(&error),
        })
    });
    let told = |updated: &StatusUpdated| Details::none().with("dropped", updated.dropped);
    let updated = recorded(&request, &state, act, deciding, told).await?;
    info!(stream.id = %stream.id, operator.id = %operator.id, stream.status = updated.stream.status.as_str(), "status decided");
    let answer = match updated.settled {
        Settled::InForce => HttpResponse::Ok(),
        Settled::NotYet => HttpResponse::Accepted(),
    };
    Ok(private(answer).json(shown(&updated.stream)))
}

/// DELETE: ends a stream and drops what it has not delivered.
#[utoipa::path(
    delete,
    path = "/operator/v1/streams/{stream_id}",
    operation_id = "end_stream",
    security(("operator_token" = ["ops.manage"])),
    params(
        ("stream_id" = String, Path, description = "The stream.", min_length = 1, max_length = 255),
    ),
    responses(
        (status = 204, description = "It is gone; what was pending leaves a record."),
        Naming,
    ),
)]
pub(super) async fn delete(
    request: HttpRequest,
    state: Data<AppState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let (stream, _) = find(&state, &stream_id(&id)?).await?;
    let actor = Actor::operator(operator.id);
    let act = Act::on(actor, Action::DeleteStream, "stream", &stream.id);
    let deleting = Box::pin(async {
        let now = state.clock.now();
        let ended = manage::end(state.standstill(), &stream.issuer, &stream.id, now).await;
        ended
            .map_err(|error| Problem::store(&error))?
            .ok_or_else(streams::no_such_stream)
    });
    let told = |dropped: &u64| Details::none().with("dropped", dropped);
    let dropped = recorded(&request, &state, act, deleting, told).await?;
    state.polls.call(&stream.id);
    info!(stream.id = %stream.id, operator.id = %operator.id, deliveries.dropped = dropped, "stream deleted by an operator");
    Ok(private(HttpResponse::NoContent()).finish())
}

/// How the Receiver has answered lately.
fn circuit(health: &Health, now: Timestamp) -> Value {
    let mut shown = json!({"state": health.circuit().as_str()});
    if health.is_resting(now) {
        shown["rests_seconds"] = json!(health.not_before.since(now).as_secs());
    }
    if let Some(trouble) = &health.trouble {
        shown["trouble"] = json!(trouble.kind.as_str());
        shown["last"] = json!(trouble.last);
        shown["seconds"] = json!(now.since(trouble.since).as_secs());
    }
    shown
}

async fn find(state: &AppState, id: &StreamId) -> Result<(Stream, Backlog), Problem> {
    let found = state.store.stream_with_backlog(id).await;
    found
        .map_err(|error| Problem::store(&error))?
        .ok_or_else(streams::no_such_stream)
}

fn read(body: &[u8]) -> Result<NewStatus, Problem> {
    let expected = "the body must have status (enabled, paused or disabled) and perhaps reason";
    let new: NewStatus = object(body, expected)?;
    match &new.reason {
        Some(reason) if reason.len() > REASON_BYTES_MAX => Err(Problem::bad_request(format!(
            "reason must have at most {REASON_BYTES_MAX} bytes"
        ))),
        Some(_) | None => Ok(new),
    }
}

fn filter(request: &HttpRequest) -> Result<StreamFilter, Problem> {
    let issuer = query::parameter(request, "issuer")?;
    let receiver = query::parameter(request, "receiver_id")?;
    let status = query::parameter(request, "status")?;
    Ok(StreamFilter {
        issuer: issuer
            .map(IssuerName::parse)
            .transpose()
            .map_err(|error| Problem::bad_request(error.to_string()))?,
        receiver: receiver
            .map(|id| Uuid::try_parse(&id).map(ReceiverId::new))
            .transpose()
            .map_err(|_| Problem::bad_request("receiver_id must be the id of a Receiver"))?,
        status: status
            .map(|status| serde_json::from_value(json!(status)))
            .transpose()
            .map_err(|_| Problem::bad_request("status must be enabled, paused or disabled"))?,
    })
}

/// A stream without its delivery, which has a secret and an address of the Receiver's.
fn shown(stream: &Stream) -> Value {
    let mut shown = json!({
        "stream_id": stream.id,
        "receiver_id": stream.receiver.to_string(),
        "issuer": stream.issuer.as_str(),
        "aud": stream.audience,
        "events_delivered": stream.events_delivered,
        "status": stream.status,
        "created_at": stream.created_at,
    });
    if let Some(reason) = &stream.reason {
        shown["reason"] = json!(reason);
    }
    shown
}
