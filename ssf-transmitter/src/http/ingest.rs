//! Handing events in.
//!
//! The body is one event or an array of 1 to 1000. The answer always has the member `events`: an array with one entry
//! per event, in order: `{"event_id", "txn"}` if it was accepted, `{"error": {"code", "detail"}}` if not. The status is 202 if
//! all were accepted, 207 if some were, 400 if none was. Accepted events are durable, all together, before the answer.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::{Data, Payload},
};
use serde_json::{Value, json, value::RawValue};
use ssf_types::{event::Event, id::Txn, json};

use super::{AppState, auth, body, code::Code, problem::Problem, query};
use crate::{
    app::ingest::IngestError,
    domain::{
        event::{NewEvent, SUBMISSION_EVENTS_MAX},
        id::EventId,
        issuer::IssuerName,
    },
    ports::{Appended, Idempotency},
};

/// The header that makes a repetition recognisable.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header of an answer that was given before.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// Longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// What is to be said of one event of the request.
enum Entry {
    Accepted { txn: Option<Txn> },
    Refused { detail: String },
}

/// Whether the source gets this answer anew or once more.
#[derive(Clone, Copy)]
enum Said {
    ForTheFirstTime,
    Before,
}

/// POST /ingest/events.
pub(super) async fn accept(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state)?;
    let issuer = issuer(&request, &state)?;
    let key = idempotency_key(&request)?;
    let body = body::json(&request, payload, state.ingest_body_bytes_max).await?;
    let idempotency = key.map(|key| Idempotency {
        key: state
            .sealer
            .fingerprint(&key_context(&issuer), key.as_bytes()),
        body: state.sealer.fingerprint("idempotency body", &body),
    });
    let (entries, events) = read(&body, &state)?;
    if events.is_empty() {
        return Err(refuse_all(&entries));
    }
    let count = events.len();
    let appended = state
        .ingest
        .submit(issuer, events, idempotency)
        .await
        .map_err(|error| not_stored(&error))?;
    match appended {
        Appended::Accepted(ids) => {
            metrics::counter!("ssf_events_accepted_total").increment(count as u64);
            Ok(answer(&entries, &ids, Said::ForTheFirstTime))
        }
        Appended::Replayed(ids) if ids.len() == count => Ok(answer(&entries, &ids, Said::Before)),
        Appended::Replayed(_) | Appended::KeyConflict => Err(Problem::new(
            Code::IdempotencyKeyReused,
            "this Idempotency-Key was used for another request: use a new one",
        )),
    }
}

/// A key means nothing at another issuer.
fn key_context(issuer: &IssuerName) -> String {
    match issuer.as_str() {
        IssuerName::MAIN => "idempotency key".to_owned(),
        other => format!("idempotency key/{other}"),
    }
}

/// The issuer that the query names, else the main one.
fn issuer(request: &HttpRequest, state: &AppState) -> Result<IssuerName, Problem> {
    let named = query::parameter(request, "issuer")?;
    let unknown =
        || Problem::bad_request("the query's issuer is not the name of one that is served here");
    let name = match named {
        Some(name) => IssuerName::parse(name).map_err(|_| unknown())?,
        None => IssuerName::default(),
    };
    state
        .issuers
        .of(&name)
        .map(|_| name.clone())
        .ok_or_else(unknown)
}

fn idempotency_key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let expected = || {
        Problem::bad_request(
            "Idempotency-Key must stand once and have 1 to 255 visible ASCII characters",
        )
    };
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .ok()
            .filter(|key| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()))
            .map(Some)
            .ok_or_else(expected),
        (Some(_), Some(_)) => Err(expected()),
    }
}

/// Reads each event by itself, so that a bad one fails alone.
fn read(body: &[u8], state: &AppState) -> Result<(Vec<Entry>, Vec<NewEvent>), Problem> {
    let text = json::check(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let texts: Vec<&RawValue> = if text.trim_ascii_start().starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|one| vec![one])
    }
    .map_err(|_| Problem::bad_request("the body must be an event or an array of events"))?;
    if texts.is_empty() || texts.len() > SUBMISSION_EVENTS_MAX {
        return Err(Problem::bad_request(format!(
            "an array must have 1 to {SUBMISSION_EVENTS_MAX} events"
        )));
    }
    let mut entries = Vec::with_capacity(texts.len());
    let mut events = Vec::with_capacity(texts.len());
    for text in texts {
        match read_one(text.get(), state) {
            Ok(event) => {
                entries.push(Entry::Accepted {
                    txn: event.txn.clone(),
                });
                events.push(event);
            }
            Err(detail) => entries.push(Entry::Refused { detail }),
        }
    }
    Ok((entries, events))
}

/// An event of a type that no stream can ask for is a mistake of the source, most likely a misspelt URI.
fn read_one(text: &str, state: &AppState) -> Result<NewEvent, String> {
    let event = NewEvent::read(text).map_err(|error| error.to_string())?;
    if !is_supported(&event.event, state) {
        return Err("the event's type is not one of events_supported".to_owned());
    }
    Ok(event)
}

fn is_supported(event: &Event, state: &AppState) -> bool {
    state.events_supported.contains(&event.uri())
}

fn refuse_all(entries: &[Entry]) -> Problem {
    let written = write(entries, &[]);
    match entries {
        [Entry::Refused { detail }] => Problem::no_event(detail.clone(), written),
        _ => Problem::no_event("no event was accepted: events says why", written),
    }
}

fn answer(entries: &[Entry], ids: &[EventId], said: Said) -> HttpResponse {
    let mixed = ids.len() < entries.len();
    let status = if mixed {
        StatusCode::MULTI_STATUS
    } else {
        StatusCode::ACCEPTED
    };
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store"));
    match said {
        Said::ForTheFirstTime => {}
        Said::Before => {
            response.insert_header((IDEMPOTENT_REPLAYED, "true"));
        }
    }
    response.json(json!({ "events": write(entries, ids) }))
}

/// The entries of the answer; `ids` are those of the accepted events, in order. The `txn` is the one of the SETs.
fn write(entries: &[Entry], ids: &[EventId]) -> Vec<Value> {
    let mut ids = ids.iter().map(EventId::to_string);
    let mut written = Vec::with_capacity(entries.len());
    for entry in entries {
        written.push(match entry {
            Entry::Accepted { txn } => {
                let id = ids.next();
                let txn = txn.as_ref().map(|txn| txn.as_str().to_owned());
                json!({ "txn": txn.or_else(|| id.clone()), "event_id": id })
            }
            Entry::Refused { detail } => {
                json!({ "error": { "code": Code::InvalidEvent, "detail": detail } })
            }
        });
    }
    written
}

fn not_stored(error: &IngestError) -> Problem {
    match error {
        IngestError::Busy | IngestError::Stopping => Problem::unavailable(error.to_string()),
        IngestError::Store(source) => Problem::store(source),
    }
}
