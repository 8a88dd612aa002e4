//! Deliveries: finding them, and having them sent once more.

use actix_web::{
    HttpRequest, HttpResponse,
    web::{Data, Payload},
};
use serde::Deserialize;
use serde_json::{Value, json};
use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
    uri::EventTypeUri,
};

use super::{
    super::{
        AppState,
        audit::recorded,
        auth, body,
        openapi::refusals::{Overseeing, Replaying},
        problem::Problem,
        query,
    },
    limit, object, page, present, private,
};
use crate::{
    app::replay::replay,
    domain::{
        audit::{Act, Action, Actor, Details},
        id::EventId,
        operator::OperatorScope,
        replay::REPLAY_MAX,
        trace::{Standing, TracedDelivery},
    },
    ports::{Clock, DeliveryFilter, ReplayPage, Replayed, TraceStore},
};

/// What is to be sent once more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, deserialize_with = "present")]
    stream_id: Option<StreamId>,
    #[serde(default, deserialize_with = "present")]
    jtis: Option<Vec<Jti>>,
    #[serde(default, deserialize_with = "present")]
    event_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    state: Option<String>,
    #[serde(default, deserialize_with = "present")]
    since: Option<Timestamp>,
    #[serde(default, deserialize_with = "present")]
    until: Option<Timestamp>,
    #[serde(default, deserialize_with = "present")]
    event_type: Option<EventTypeUri>,
    #[serde(default, deserialize_with = "present")]
    after: Option<String>,
}

/// GET: deliveries by stream and number. Without a stream, an event or a `jti`, those that are quarantined alone.
#[utoipa::path(
    get,
    path = "/operator/v1/deliveries",
    operation_id = "list_deliveries",
    security(("operator_token" = ["ops.read"])),
    params(
        ("stream_id" = Option<String>, Query, description = "Those of this stream; this, `event_id` or `jti` is needed unless `state` is `quarantined`.", min_length = 1, max_length = 255),
        ("event_id" = Option<String>, Query, description = "Those of this event: 32 lower-case hexadecimal digits.", min_length = 32, max_length = 32),
        ("jti" = Option<String>, Query, description = "The one whose SET has this `jti`.", min_length = 1, max_length = 255),
        ("state" = Option<String>, Query, description = "Those that stand so: pending, held, delivered, quarantined or dropped."),
        ("since" = Option<String>, Query, description = "Those that were settled, or made if they are not settled, at this moment or later: seconds since 1970."),
        ("until" = Option<String>, Query, description = "And before this one."),
        ("event_type" = Option<String>, Query, description = "Those of events of this type: a URI."),
        ("after" = Option<String>, Query, description = "Where the page before ended.", min_length = 1, max_length = 300),
        ("limit" = Option<u64>, Query, description = "Entries of the page.", minimum = 1, maximum = 1000),
    ),
    responses(
        (status = 200, description = "Deliveries, by stream and number.", body = ref("#/components/schemas/DeliveryPage")),
        Overseeing,
    ),
)]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    auth::operator(&request, &state, OperatorScope::Read).await?;
    let limit = limit(&request)?;
    let filter = filter(&request)?;
    let after = query::parameter(&request, "after")?;
    let after = after.map(|text| place(&text)).transpose()?;
    let behind = after.as_ref().map(|(stream, sequence)| (stream, *sequence));
    let found = state.store.find_deliveries(&filter, behind, limit).await;
    let found = found.map_err(|error| Problem::store(&error))?;
    let last = found.last().filter(|_| found.len() as u64 == limit);
    let next = last.map(|one| json!(format!("{}.{}", one.stream, one.sequence)));
    let items: Vec<Value> = found.iter().map(shown).collect();
    Ok(page(&items, next))
}

/// POST: sends settled deliveries once more, at most 1000 with one request.
///
/// They are named by their `jtis`, by their event, or by stream and time. What was refused becomes pending again under its
/// `jti`; of what was acknowledged, another delivery with a `jti` of its own is made.
#[utoipa::path(
    post,
    path = "/operator/v1/deliveries/replay",
    operation_id = "replay_deliveries",
    security(("operator_token" = ["ops.manage"])),
    request_body(content = ref("#/components/schemas/ReplayWanted"), content_type = "application/json"),
    responses(
        (status = 200, description = "What became of each, by stream and number.", body = ref("#/components/schemas/ReplayPage")),
        Replaying,
    ),
)]
pub(super) async fn send_again(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let operator = auth::operator(&request, &state, OperatorScope::Manage).await?;
    let body = body::json(&request, payload, state.management_body_bytes_max).await?;
    let (filter, after) = wanted(&body, state.clock.now())?;
    let behind = after.as_ref().map(|(stream, sequence)| (stream, *sequence));
    let replaying = Box::pin(async {
        let at = (&state.store, &state.clock);
        let replayed = replay(at, (&filter, behind, REPLAY_MAX)).await;
        replayed.map_err(|error| Problem::store(&error))
    });
    let act = act(Actor::operator(operator.id), &filter);
    let told = |page: &ReplayPage| {
        let replayed = &page.replayed;
        let sent = replayed.iter().filter(|one| one.outcome.is_ok()).count();
        Details::none()
            .with("sent", sent)
            .with("left_out", replayed.len() - sent)
    };
    let page = recorded(&request, &state, act, replaying, told).await?;
    let sent = || page.replayed.iter().filter(|one| one.outcome.is_ok());
    if sent().next().is_some() {
        state.fresh.wake();
    }
    for one in sent() {
        state.polls.call(&one.stream);
    }
    let mut answer = json!({
        "sent": sent().count(),
        "items": page.replayed.iter().map(told_replay).collect::<Vec<Value>>(),
    });
    if let Some((stream, sequence)) = &page.next {
        answer["next"] = json!(format!("{stream}.{sequence}"));
    }
    Ok(private(HttpResponse::Ok()).json(answer))
}

fn act(actor: Actor, filter: &DeliveryFilter) -> Act {
    let mut act = match (&filter.stream, filter.event) {
        (Some(stream), _) => Act::on(actor, Action::ReplayDeliveries, "stream", stream),
        (None, Some(event)) => Act::on(actor, Action::ReplayDeliveries, "event", event),
        (None, None) => Act::making(actor, Action::ReplayDeliveries, "delivery"),
    };
    if let Some(standing) = filter.standing {
        act = act.with("state", standing.as_str());
    }
    if let Some(jtis) = &filter.jtis {
        act = act.with("named", jtis.len());
    }
    for (name, moment) in [("since", filter.since), ("until", filter.until)] {
        if let Some(moment) = moment {
            act = act.with(name, moment.as_millis());
        }
    }
    act
}

/// A delivery without its subject; the words of its Receiver stand with the attempts of a trace.
pub(super) fn shown(delivery: &TracedDelivery) -> Value {
    let mut shown = json!({
        "stream_id": delivery.stream,
        "number": delivery.sequence,
        "jti": delivery.jti,
        "event_id": delivery.event.to_string(),
        "event_type": delivery.event_type,
        "made_at": delivery.made_at,
        "repetition": delivery.repetition,
        "state": delivery.standing.as_str(),
        "failed_attempts": delivery.failed,
    });
    let optional = [
        ("due_at", delivery.due.map(|at| json!(at))),
        ("settled_at", delivery.settled_at.map(|at| json!(at))),
        ("http_status", delivery.status.map(|status| json!(status))),
        ("code", delivery.code.as_ref().map(|code| json!(code))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}

fn told_replay(replayed: &Replayed) -> Value {
    let mut told = json!({
        "stream_id": replayed.stream,
        "number": replayed.sequence,
        "jti": replayed.jti,
    });
    match &replayed.outcome {
        Ok(jti) => {
            let outcome = if *jti == replayed.jti {
                "again"
            } else {
                "anew"
            };
            told["outcome"] = json!(outcome);
            told["sent_as"] = json!(jti);
        }
        Err(reason) => {
            told["outcome"] = json!("left_out");
            told["reason"] = json!(reason.as_str());
        }
    }
    told
}

fn filter(request: &HttpRequest) -> Result<DeliveryFilter, Problem> {
    let stream = query::parameter(request, "stream_id")?;
    let event = query::parameter(request, "event_id")?;
    let jti = query::parameter(request, "jti")?;
    let event_type = query::parameter(request, "event_type")?;
    let standing = query::parameter(request, "state")?;
    let filter = DeliveryFilter {
        stream: stream.map(|id| super::stream_id(&id)).transpose()?,
        standing: standing.map(|word| standing_of(&word)).transpose()?,
        since: moment(request, "since")?,
        until: moment(request, "until")?,
        event_type: event_type
            .map(EventTypeUri::parse)
            .transpose()
            .map_err(|error| Problem::bad_request(format!("event_type: {error}")))?,
        event: event.map(|id| event_of(&id)).transpose()?,
        jtis: jti
            .map(|jti| Jti::parse(jti).map(|jti| vec![jti]))
            .transpose()
            .map_err(|error| Problem::bad_request(format!("jti: {error}")))?,
        numbers: None,
    };
    let is_named = filter.stream.is_some() || filter.event.is_some() || filter.jtis.is_some();
    if !is_named && filter.standing != Some(Standing::Quarantined) {
        let detail = "stream_id, event_id or jti must be there unless state is quarantined";
        return Err(Problem::bad_request(detail));
    }
    Ok(filter)
}

fn moment(request: &HttpRequest, name: &'static str) -> Result<Option<Timestamp>, Problem> {
    let text = query::parameter(request, name)?;
    let read = text.map(|text| serde_json::from_str(&text)).transpose();
    read.map_err(|_| Problem::bad_request(format!("{name} must be a number of seconds since 1970")))
}

fn event_of(id: &str) -> Result<EventId, Problem> {
    EventId::parse(id)
        .ok_or_else(|| Problem::bad_request("event_id must be 32 lower-case hexadecimal digits"))
}

fn standing_of(word: &str) -> Result<Standing, Problem> {
    Standing::read(word).ok_or_else(|| {
        Problem::bad_request("state must be pending, held, delivered, quarantined or dropped")
    })
}

/// The stream and the number that a page ended with.
fn place(text: &str) -> Result<(StreamId, u64), Problem> {
    let read = || {
        let (stream, number) = text.rsplit_once('.')?;
        Some((StreamId::parse(stream).ok()?, number.parse().ok()?))
    };
    read().ok_or_else(|| Problem::bad_request("after must be what the page before has as next"))
}

/// Reads what is wanted. Other than by name, it was settled before a moment that is over: what is sent anew never was, so that
/// asking page by page ends, and a repeated request sends nothing twice.
fn wanted(
    body: &[u8],
    now: Timestamp,
) -> Result<(DeliveryFilter, Option<(StreamId, u64)>), Problem> {
    let expected = "the body must have jtis, or event_id with until, or stream_id with state, since and until; \
        perhaps event_type and after; moments are seconds since 1970";
    let wanted: Wanted = object(body, expected)?;
    let standing = wanted.state.as_deref().map(standing_of).transpose()?;
    let filter = DeliveryFilter {
        stream: wanted.stream_id,
        standing,
        since: wanted.since,
        until: wanted.until,
        event_type: wanted.event_type,
        event: wanted.event_id.as_deref().map(event_of).transpose()?,
        jtis: wanted.jtis,
        numbers: None,
    };
    let after = wanted.after.map(|text| place(&text)).transpose()?;
    let named = match &filter.jtis {
        Some(jtis) if jtis.is_empty() || jtis.len() as u64 > REPLAY_MAX => {
            let detail = format!("jtis must have 1 to {REPLAY_MAX} entries");
            return Err(Problem::bad_request(detail));
        }
        Some(_) => true,
        None => filter.event.is_some() && filter.until.is_some(),
    };
    let is_replayable = [None, Some(Standing::Quarantined), Some(Standing::Delivered)];
    if !is_replayable.contains(&filter.standing) {
        let detail = "state must be quarantined or delivered: nothing else is sent once more";
        return Err(Problem::bad_request(detail));
    }
    match filter.until {
        Some(until) if until > now => {
            return Err(Problem::bad_request("until must not be in the future"));
        }
        Some(_) | None => {}
    }
    let is_span = filter.stream.is_some()
        && filter.standing.is_some()
        && filter.since.is_some()
        && filter.until.is_some();
    if !named && !is_span {
        return Err(Problem::bad_request(expected));
    }
    Ok((filter, after))
}
