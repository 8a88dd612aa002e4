//! What has become of an event.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use serde_json::{Value, json};
use ssf_types::id::{Jti, StreamId, Txn};

use super::{
    super::{AppState, auth, code::Code, openapi::refusals::Tracing, problem::Problem, query},
    deliveries, limit, page_with,
};
use crate::{
    app::trace::{Entry, Fate, Place, trace},
    domain::{
        id::EventId,
        operator::OperatorScope,
        trace::{Certainty, TracedDelivery, TracedEvent},
    },
    ports::Sought,
    txn,
};

/// GET: what has become of an event on each stream, by the event's id, by the `jti` of a SET that tells of it, or by the
/// `txn` of several.
#[utoipa::path(
    get,
    path = "/operator/v1/trace",
    operation_id = "trace_event",
    security(("operator_token" = ["ops.read"])),
    params(
        ("event" = Option<String>, Query, description = "The event's id; this, `jti` or `txn`.", min_length = 1, max_length = 255),
        ("jti" = Option<String>, Query, description = "The `jti` of a SET that tells of the event.", min_length = 1, max_length = 255),
        ("txn" = Option<String>, Query, description = "The `txn` of events.", min_length = 1, max_length = 255),
        ("after" = Option<String>, Query, description = "Where the page before ended.", min_length = 1, max_length = 300),
        ("limit" = Option<u64>, Query, description = "Entries of the page.", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "The events, and what has become of them on the streams of their issuers, by id.", body = ref("#/components/schemas/TracePage")),
        Tracing,
    ),
)]
pub(super) async fn show(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let sought = resolved(sought(&request)?, &state).await?;
    let limit = limit(&request)?;
    let place = query::parameter(&request, "after")?;
    let is_first = place.is_none();
    let place = place.map_or(Ok(Place::default()), |text| place_at(&text))?;
    let at = (&state.store, &state.clock);
    let traced = trace(at, &state.subject_formats, &sought, (place, limit)).await;
    let traced = traced.map_err(|error| Problem::store(&error))?;
    if traced.events.is_empty() && is_first {
        let detail =
            "there is no such event; those that are kept are found by their ids, a jti or a txn";
        return Err(Problem::new(Code::EventNotFound, detail));
    }
    let events = traced.events.iter();
    let events: Vec<Value> = events
        .map(|(event, gone)| told_event(event, *gone))
        .collect();
    let told = |entry: &Entry| {
        let event = traced.events.get(entry.event).map(|(event, _)| event);
        told_entry(event, entry)
    };
    let items: Vec<Value> = traced.entries.iter().map(told).collect();
    let next = traced.next.map(|place| {
        let after = place.after.map(|stream| format!(".{stream}"));
        json!(format!("{}{}", place.position, after.unwrap_or_default()))
    });
    Ok(page_with(json!({ "events": events }), &items, next))
}

fn sought(request: &HttpRequest) -> Result<Sought, Problem> {
    let event = query::parameter(request, "event")?;
    let jti = query::parameter(request, "jti")?;
    let txn = query::parameter(request, "txn")?;
    let one = || Problem::bad_request("the query must have one of event, jti and txn");
    match (event, jti, txn) {
        (Some(id), None, None) => {
            let id = EventId::parse(&id).map(Sought::Event);
            id.ok_or_else(|| Problem::bad_request("event must be 32 lower-case hexadecimal digits"))
        }
        (None, Some(jti), None) => Jti::parse(jti)
            .map(Sought::Jti)
            .map_err(|error| Problem::bad_request(format!("jti: {error}"))),
        (None, None, Some(txn)) => Txn::parse(txn)
            .map(|txn| Sought::Txn(txn.as_str().to_owned()))
            .map_err(|error| Problem::bad_request(format!("txn: {error}"))),
        _ => Err(one()),
    }
}

/// Where a Receiver's own name for a `txn` is given, that of the source is meant.
async fn resolved(sought: Sought, state: &AppState) -> Result<Sought, Problem> {
    let Sought::Txn(name) = &sought else {
        return Ok(sought);
    };
    let real = txn::resolve(&state.store, &state.sealer, name).await;
    let real = real.map_err(|error| Problem::store(&error))?;
    Ok(real.map_or(sought, Sought::Txn))
}

fn place_at(text: &str) -> Result<Place, Problem> {
    let faulty = || Problem::bad_request("after must be what the page before has as next");
    let (position, stream) = match text.split_once('.') {
        Some((position, stream)) => (position, Some(stream)),
        None => (text, None),
    };
    let after = stream.map(StreamId::parse).transpose();
    Ok(Place {
        position: position.parse().map_err(|_| faulty())?,
        after: after.map_err(|_| faulty())?,
    })
}

/// An event without its subject and its payload.
fn told_event(event: &TracedEvent, gone: u64) -> Value {
    let accepted = &event.event;
    let id = accepted.id.to_string();
    let txn = accepted.event.txn.as_ref();
    let mut told = json!({
        "event_id": id,
        "issuer": event.issuer.as_str(),
        "event_type": accepted.event.event.uri(),
        "txn": txn.map_or(id.as_str(), |txn| txn.as_str()),
        "accepted_at": accepted.accepted_at,
    });
    if let Some(fanned_out) = &event.fanned_out {
        told["fanned_out"] = json!({
            "at": fanned_out.at,
            "matched": fanned_out.matched,
            "skipped": fanned_out.skipped,
            "not_kept": gone,
        });
    }
    told
}

fn told_entry(event: Option<&TracedEvent>, entry: &Entry) -> Value {
    let stream = &entry.stream;
    let mut told = json!({
        "event_id": event.map(|event| event.event.id.to_string()),
        "stream_id": stream.id,
        "receiver_id": stream.receiver.to_string(),
        "status": stream.status,
    });
    match &entry.fate {
        Fate::Deliveries(made) => {
            // What was sent anew tells how it stands; what was there before was settled.
            let last = made.iter().max_by_key(|one| one.repetition);
            told["state"] = json!(last.map(|one| one.standing.as_str()));
            let all: Vec<Value> = made.iter().map(with_attempts).collect();
            told["deliveries"] = json!(all);
        }
        Fate::Unsent(reason, certainty) => {
            told["reason"] = json!(reason.as_str());
            told["as_of_now"] = json!(*certainty == Certainty::Now);
        }
    }
    told
}

fn with_attempts(delivery: &TracedDelivery) -> Value {
    let mut told = deliveries::shown(delivery);
    if let Some(until) = delivery.with_receiver_until {
        told["with_receiver_until"] = json!(until);
    }
    let attempt = |(number, attempt): &(u32, crate::domain::attempt::Attempt)| {
        json!({
            "number": number,
            "at": attempt.at,
            "class": attempt.class.as_str(),
            "status": attempt.status,
            "code": attempt.code,
            "description": attempt.description,
        })
    };
    let attempts: Vec<Value> = delivery.attempts.iter().map(attempt).collect();
    told["attempts"] = json!(attempts);
    told
}
