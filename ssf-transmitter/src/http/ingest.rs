//! Handing events in.
//!
//! The body is one event or an array of 1 to 1000. The answer always has the member `events`: an array with one entry
//! per event, in order: `{"event_id", "txn"}` if it was accepted, `{"error": {"code", "detail"}}` if not. The status is 202 if
//! all were accepted, 207 if some were, 400 if none was, and 403 if none was because the source may not say it. Accepted
//! events are durable, all together, before the answer.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header::CACHE_CONTROL},
    web::{Data, Payload},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use ssf_types::{id::Txn, json};

use super::{
    AppState,
    audit::recorded,
    auth::{self, Ingester},
    body,
    code::Code,
    openapi::refusals::HandingIn,
    problem::Problem,
    query,
};
use crate::{
    app::ingest::{IngestError, Origin},
    domain::{
        audit::{Act, Action, Actor, Details},
        event::{NewEvent, NewEventError, SUBMISSION_EVENTS_MAX},
        id::{EventId, Fingerprint},
        issuer::IssuerName,
        operator::OperatorScope,
    },
    ports::{Answered, Appended, Clock, Idempotency, Outbox},
};

/// The header that makes a repetition recognisable.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header of an answer that was given before.
const IDEMPOTENT_REPLAYED: &str = "idempotent-replayed";

/// Longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// What is to be said of one event of the request. It is stored with an idempotency key, so that a repetition gets the
/// same answer whatever is configured by then.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Accepted { txn: Option<Txn> },
    Refused { rule: Rule, detail: String },
}

/// Which rule an event breaks.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    /// It is no event that anybody may hand in.
    Invalid,
    /// It is one of the framework, which the transmitter alone sends.
    Framework,
    /// This source may not say it.
    Source,
}

impl Rule {
    fn code(self) -> Code {
        match self {
            Self::Invalid | Self::Framework => Code::InvalidEvent,
            Self::Source => Code::SourceNotAllowed,
        }
    }
}

/// The events of a request, read one by one.
struct Read {
    entries: Vec<Entry>,
    events: Vec<NewEvent>,
}

/// Whether the source gets this answer anew or once more.
#[derive(Clone, Copy)]
enum Said {
    ForTheFirstTime,
    Before,
}

/// POST /ingest/events.
#[utoipa::path(
    post,
    path = "/ingest/events",
    operation_id = "hand_in_events",
    security(("source_token" = []), ("operator_token" = ["ops.emit"])),
    params(
        ("issuer" = Option<String>, Query, description = "The name of an issuer that is served here; without it, that of the source, or the main one.", min_length = 1),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a repetition recognisable.", min_length = 1, max_length = 255),
    ),
    request_body(content = ref("#/components/schemas/Submission"), content_type = "application/json"),
    responses(
        (status = 202, description = "All are accepted, and durable.", body = ref("#/components/schemas/Accepted"), headers(("Idempotent-Replayed" = String, description = "`true` if this was answered before."))),
        (status = 207, description = "Some are accepted: `events` says which.", body = ref("#/components/schemas/Accepted"), headers(("Idempotent-Replayed" = String, description = "`true` if this was answered before."))),
        HandingIn,
    ),
)]
pub(super) async fn accept(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let caller = auth::ingester(&request, &state, OperatorScope::Emit).await?;
    take_in(&request, payload, &state, caller).await
}

/// Takes in what `caller` says.
pub(super) async fn take_in(
    request: &HttpRequest,
    payload: Payload,
    state: &AppState,
    caller: Ingester,
) -> Result<HttpResponse, Problem> {
    let issuer = issuer(request, state, &caller)?;
    let key = idempotency_key(request)?;
    let body = body::json(request, payload, state.ingest_body_bytes_max).await?;
    let keys = key.map(|key| fingerprints(state, &caller, &issuer, key, &body));
    if let Some(before) = replay(state, keys).await? {
        return Ok(before);
    }
    let Read { entries, events } = read(&body, state, &caller, &issuer)?;
    note_refusals(state, &caller, &entries).await?;
    if events.is_empty() {
        return Err(refuse_all(&entries));
    }
    check_quota(state, &caller, &events)?;
    let count = events.len();
    let idempotency = match keys {
        Some((key, body)) => Some(Idempotency {
            key,
            body,
            answer: serde_json::to_string(&entries).map_err(|_| Problem::internal())?,
        }),
        None => None,
    };
    let handing_in = Box::pin(hand_in(state, &caller, issuer, events, idempotency));
    let appended = match &caller {
        // Its id stands with the events.
        Ingester::Source(_) => handing_in.await?,
        Ingester::Operator(operator) => {
            let actor = Actor::operator(operator.id);
            let act = Act::making(actor, Action::HandInEvents, "event").with("events", count);
            recorded(request, state, act, handing_in, |_| Details::none()).await?
        }
    };
    match appended {
        Appended::Accepted(ids) => {
            metrics::counter!("ssf_events_accepted_total").increment(count as u64);
            Ok(answer(&entries, &ids, Said::ForTheFirstTime))
        }
        Appended::Replayed(before) => replayed(&before),
        Appended::KeyConflict => Err(key_reused()),
    }
}

/// Refuses what a source hands in beyond its quota, all of it: what was refused in part would be handed in twice.
fn check_quota(state: &AppState, caller: &Ingester, events: &[NewEvent]) -> Result<(), Problem> {
    let source = match caller {
        Ingester::Source(source) => source,
        // Each of its requests stands in the audit log.
        Ingester::Operator(_) => return Ok(()),
    };
    let charged = state.quotas.charge(source, events, state.clock.now());
    charged.map_err(|refused| Problem::over_quota(refused.to_string(), refused.retry_after()))
}

async fn hand_in(
    state: &AppState,
    caller: &Ingester,
    issuer: IssuerName,
    events: Vec<NewEvent>,
    idempotency: Option<Idempotency>,
) -> Result<Appended, Problem> {
    let source = match caller {
        Ingester::Source(source) => Some(source.id),
        Ingester::Operator(_) => None,
    };
    let origin = Origin { issuer, source };
    let submitted = state.ingest.submit(origin, events, idempotency).await;
    submitted.map_err(|error| not_stored(&error))
}

/// Stands for the key and for the body. A key means nothing to another caller, or at another issuer.
fn fingerprints(
    state: &AppState,
    caller: &Ingester,
    issuer: &IssuerName,
    key: &str,
    body: &[u8],
) -> (Fingerprint, Fingerprint) {
    let whose = match caller {
        Ingester::Source(source) => format!("source/{}", source.id),
        Ingester::Operator(operator) => format!("operator/{}", operator.id),
    };
    let context = format!("idempotency key/{whose}/{issuer}");
    (
        state.sealer.fingerprint(&context, key.as_bytes()),
        state.sealer.fingerprint("idempotency body", body),
    )
}

/// The answer that the same request got before, as it was then.
async fn replay(
    state: &AppState,
    keys: Option<(Fingerprint, Fingerprint)>,
) -> Result<Option<HttpResponse>, Problem> {
    let Some((key, body)) = keys else {
        return Ok(None);
    };
    let before = state
        .store
        .answered(key)
        .await
        .map_err(|error| Problem::store(&error))?;
    match before {
        None => Ok(None),
        Some(before) if before.body == body => replayed(&before).map(Some),
        Some(_) => Err(key_reused()),
    }
}

fn replayed(before: &Answered) -> Result<HttpResponse, Problem> {
    let entries: Vec<Entry> =
        serde_json::from_str(&before.answer).map_err(|_| Problem::internal())?;
    Ok(answer(&entries, &before.ids, Said::Before))
}

fn key_reused() -> Problem {
    Problem::new(
        Code::IdempotencyKeyReused,
        "this Idempotency-Key was used for another request: use a new one",
    )
}

/// The issuer that the source is bound to; for an operator, the one that the query names, else the main one.
pub(super) fn issuer(
    request: &HttpRequest,
    state: &AppState,
    caller: &Ingester,
) -> Result<IssuerName, Problem> {
    let named = query::parameter(request, "issuer")?;
    let unknown =
        || Problem::bad_request("the query's issuer is not the name of one that is served here");
    let named = named
        .map(IssuerName::parse)
        .transpose()
        .map_err(|_| unknown())?;
    let name = match caller {
        Ingester::Operator(_) => named.unwrap_or_default(),
        Ingester::Source(source) => match named {
            Some(other) if other != source.issuer => {
                return Err(Problem::new(
                    Code::SourceNotAllowed,
                    "this source must not hand in events of another issuer",
                ));
            }
            Some(_) | None => source.issuer.clone(),
        },
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

/// Reads a body that is one event, as it would be taken in from `caller`.
pub(super) fn read_single(
    body: &[u8],
    state: &AppState,
    caller: &Ingester,
    issuer: &IssuerName,
) -> Result<NewEvent, Problem> {
    let text = json::check(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let read = read_one(text, state, caller, issuer);
    read.map_err(|(rule, detail)| Problem::new(rule.code(), detail))
}

/// Reads each event by itself, so that a bad one fails alone.
fn read(
    body: &[u8],
    state: &AppState,
    caller: &Ingester,
    issuer: &IssuerName,
) -> Result<Read, Problem> {
    let text = json::check(body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let texts: Vec<&str> = if text.trim_ascii_start().starts_with('[') {
        let events: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|_| Problem::bad_request("the body must be an event or an array of events"))?;
        events.into_iter().map(RawValue::get).collect()
    } else {
        // One value, as was checked.
        vec![text.trim_ascii()]
    };
    if texts.is_empty() || texts.len() > SUBMISSION_EVENTS_MAX {
        return Err(Problem::bad_request(format!(
            "an array must have 1 to {SUBMISSION_EVENTS_MAX} events"
        )));
    }
    let mut entries = Vec::with_capacity(texts.len());
    let mut events = Vec::with_capacity(texts.len());
    for text in texts {
        match read_one(text, state, caller, issuer) {
            Ok(event) => {
                entries.push(Entry::Accepted {
                    txn: event.txn.clone(),
                });
                events.push(event);
            }
            Err((rule, detail)) => entries.push(Entry::Refused { rule, detail }),
        }
    }
    Ok(Read { entries, events })
}

/// An event of a type that no stream can ask for is a mistake of the source, most likely a misspelt URI.
fn read_one(
    text: &str,
    state: &AppState,
    caller: &Ingester,
    issuer: &IssuerName,
) -> Result<NewEvent, (Rule, String)> {
    let event = NewEvent::read(text).map_err(|error| match error {
        NewEventError::Framework => (Rule::Framework, error.to_string()),
        NewEventError::TooLong
        | NewEventError::Json(_)
        | NewEventError::UnknownMember(_)
        | NewEventError::NotOneEvent
        | NewEventError::TooManyCombinations
        | NewEventError::NotAboutIdentifier => (Rule::Invalid, error.to_string()),
    })?;
    if !state.events_supported.contains(&event.event.uri()) {
        let detail = "the event's type is not one of events_supported";
        return Err((Rule::Invalid, detail.to_owned()));
    }
    match (caller, state.issuers.of(issuer)) {
        (Ingester::Source(source), Some(own)) => source
            .admits(&event, own)
            .map_err(|refusal| (Rule::Source, refusal.to_string()))?,
        (Ingester::Source(_), None) | (Ingester::Operator(_), _) => {}
    }
    Ok(event)
}

/// Notes that somebody tried what nobody should: together for each rule, however many events broke it.
async fn note_refusals(
    state: &AppState,
    caller: &Ingester,
    entries: &[Entry],
) -> Result<(), Problem> {
    let actor = match caller {
        Ingester::Source(source) => Actor::source(source.id),
        Ingester::Operator(operator) => Actor::operator(operator.id),
    };
    for (rule, name) in [(Rule::Framework, "framework"), (Rule::Source, "source")] {
        let broken =
            |entry: &&Entry| matches!(entry, Entry::Refused { rule: of, .. } if *of == rule);
        let events = entries.iter().filter(broken).count();
        if events > 0 {
            let log = (&state.store, &state.clock);
            let noted = state.refusals.note(log, actor.clone(), name, events as u64);
            Box::pin(noted)
                .await
                .map_err(|error| Problem::store(&error))?;
        }
    }
    Ok(())
}

fn refuse_all(entries: &[Entry]) -> Problem {
    let written = write(entries, &[]);
    let by_source = |entry: &Entry| {
        matches!(
            entry,
            Entry::Refused {
                rule: Rule::Source,
                ..
            }
        )
    };
    let code = if entries.iter().all(by_source) {
        Code::SourceNotAllowed
    } else {
        Code::NoEventAccepted
    };
    match entries {
        [Entry::Refused { detail, .. }] => Problem::no_event(code, detail.clone(), written),
        _ => Problem::no_event(code, "no event was accepted: events says why", written),
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
            Entry::Refused { rule, detail } => {
                json!({ "error": { "code": rule.code(), "detail": detail } })
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
