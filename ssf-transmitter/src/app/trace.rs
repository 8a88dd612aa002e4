//! Telling what has become of an event.

use ssf_types::{event::Family, id::StreamId};

use super::ids;
use crate::{
    domain::{
        fan_out::fan_out,
        stream::Stream,
        subjects::SubjectPreference,
        trace::{Certainty, Recollection, TracedDelivery, TracedEvent, Unsent},
    },
    ports::{Clock, Sought, StoreError, TraceStore},
};

/// Most events of one page: each is decided about anew.
const EVENTS_MAX: u64 = 20;

/// Where a page begins.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// The position of its first event.
    pub position: u64,
    /// Behind which stream, of that event's, it begins.
    pub after: Option<StreamId>,
}

/// What has become of events, page by page.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Trace {
    /// The events of this page, by position, and how many deliveries that the fan-out of each made are not kept.
    pub events: Vec<(TracedEvent, u64)>,
    /// What has become of them on each stream, event by event.
    pub entries: Vec<Entry>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Place>,
}

/// What has become of one event on one stream.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which of the events of the page, from zero.
    pub event: usize,
    /// The stream as it is now.
    pub stream: Stream,
    /// What has become of it there.
    pub fate: Fate,
}

/// What has become of an event on a stream.
#[derive(Clone, Debug)]
pub enum Fate {
    /// These deliveries were made of it, by number.
    Deliveries(Vec<TracedDelivery>),
    /// None was, for this reason.
    Unsent(Unsent, Certainty),
}

/// Tells what has become of the events that are sought: a page of at most `limit` entries, which begins at `place`.
///
/// # Errors
/// The store is not available.
pub async fn trace(
    (store, clock): (&impl TraceStore, &impl Clock),
    preference: &SubjectPreference,
    sought: &Sought,
    (place, limit): (Place, u64),
) -> Result<Trace, StoreError> {
    let now = clock.now();
    let events = store.find_events(sought, place.position, EVENTS_MAX + 1);
    let mut trace = Trace::default();
    let mut after = place.after;
    for event in events.await? {
        let room = limit - trace.entries.len() as u64;
        if room == 0 || trace.events.len() as u64 == EVENTS_MAX {
            trace.next = Some(Place {
                position: event.position,
                after: None,
            });
            break;
        }
        let decide =
            |event: &_, streams: &[_]| fan_out(event, streams, preference, now, || ids::jti(now));
        let page = (after.as_ref(), room);
        let traced = store.trace(&event, page, decide).await?;
        let is_full = traced.streams.len() as u64 == room;
        let last = traced.streams.last().map(|one| one.stream.id.clone());
        let matched = event.fanned_out.as_ref().map_or(0, |then| then.matched);
        let gone = matched.saturating_sub(traced.kept);
        let recollection = Recollection::new(&event, traced.decided);
        let at = trace.events.len();
        // What the Transmitter itself says about a stream was meant for no other.
        let is_own = Family::of(event.event.event.event.uri().as_str()) == Some(Family::Ssf);
        let streams = traced.streams.into_iter();
        let concerned = streams.filter(|one| !is_own || !one.deliveries.is_empty());
        trace.entries.extend(concerned.map(|one| Entry {
            event: at,
            fate: if one.deliveries.is_empty() {
                let (reason, certainty) = recollection.of(&one.stream, one.asked);
                Fate::Unsent(reason, certainty)
            } else {
                Fate::Deliveries(one.deliveries)
            },
            stream: one.stream,
        }));
        let position = event.position;
        trace.events.push((event, gone));
        if is_full {
            trace.next = Some(Place {
                position,
                after: last,
            });
            break;
        }
        after = None;
    }
    Ok(trace)
}
