//! What has become of events and deliveries.

use std::future::Future;

use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
    uri::EventTypeUri,
};

use super::StoreError;
use crate::domain::{
    event::AcceptedEvent,
    fan_out::{FanOut, PlannedDelivery},
    id::EventId,
    replay::{NotReplayed, Recency},
    stream::Stream,
    trace::{Asked, Standing, TracedDelivery, TracedEvent},
};

/// Tells what has become of events and deliveries.
pub trait TraceStore {
    /// The events that are sought, by their positions, beginning with that at the position `from`; at most `limit`.
    fn find_events(
        &self,
        sought: &Sought,
        from: u64,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<TracedEvent>, StoreError>> + Send;

    /// What has become of an event on a page of its issuer's streams, as [`preview`](super::StreamOverview::preview) has
    /// them, and what its fan-out would decide at its position now. Stores nothing.
    fn trace<D>(
        &self,
        event: &TracedEvent,
        page: (Option<&StreamId>, u64),
        decide: D,
    ) -> impl Future<Output = Result<Traced, StoreError>> + Send
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send;

    /// The deliveries that `filter` lets through, by stream and number, those behind `after`; at most `limit`.
    fn find_deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<(&StreamId, u64)>,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<TracedDelivery>, StoreError>> + Send;
}

/// Sends once more what was settled.
pub trait ReplayStore {
    /// Has `decide` say about each of these deliveries, chosen as [`TraceStore::find_deliveries`] does, how it is sent once
    /// more, and does so.
    ///
    /// One that becomes pending again keeps its number and `jti`, and the attempt that settled it counts as failed. It is due at `now` unless an earlier one with its order
    /// key is pending, and later ones wait for it. Of another one is made anew, and that is numbered as by a fan-out.
    fn replay<D>(
        &self,
        which: (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
        now: Timestamp,
        decide: D,
    ) -> impl Future<Output = Result<ReplayPage, StoreError>> + Send
    where
        D: FnMut(&Stream, &Candidate) -> Result<Replay, NotReplayed> + Send;
}

/// What names events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sought {
    /// The event itself.
    Event(EventId),
    /// A SET that tells of it.
    Jti(Jti),
    /// What ties it together with others: what it was handed in with, else its own id.
    Txn(String),
}

/// Which deliveries are looked for; what is absent does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeliveryFilter {
    /// Those of this stream. Needed with a standing that is not `quarantined`, and without an event or names.
    pub stream: Option<StreamId>,
    /// Those that stand so.
    pub standing: Option<Standing>,
    /// Those that were settled, or made if they are not settled, at this moment or later.
    pub since: Option<Timestamp>,
    /// And before this one.
    pub until: Option<Timestamp>,
    /// Those of events of this type.
    pub event_type: Option<EventTypeUri>,
    /// Those of this event.
    pub event: Option<EventId>,
    /// Those with these names.
    pub jtis: Option<Vec<Jti>>,
    /// Those with these numbers.
    pub numbers: Option<Vec<u64>>,
}

/// What has become of an event.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Traced {
    /// What is decided about it now.
    pub decided: FanOut,
    /// How many of the deliveries that its fan-out made are kept still.
    pub kept: u64,
    /// A page of the streams, by id.
    pub streams: Vec<TracedStream>,
}

impl Traced {
    /// Joins what is known.
    pub fn new(decided: FanOut, kept: u64, streams: Vec<TracedStream>) -> Self {
        Self {
            decided,
            kept,
            streams,
        }
    }
}

/// What has become of an event on one stream.
#[derive(Clone, Debug)]
pub struct TracedStream {
    /// The stream as it is now.
    pub stream: Stream,
    /// Whether it had asked for such events then.
    pub asked: Asked,
    /// The deliveries of the event, by number.
    pub deliveries: Vec<TracedDelivery>,
}

/// A delivery that may be sent once more.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Candidate {
    /// What is known of it; its attempts are left out.
    pub delivery: TracedDelivery,
    /// Whom its SET is about: the event's own subject if it is absent.
    pub chosen: Option<ssf_types::subject::Subject>,
    /// What happened.
    pub event: AcceptedEvent,
    /// Whether another one was made of it since.
    pub recency: Recency,
}

impl Candidate {
    /// Joins what is known of a delivery.
    pub fn new(
        delivery: TracedDelivery,
        chosen: Option<ssf_types::subject::Subject>,
        event: AcceptedEvent,
        recency: Recency,
    ) -> Self {
        Self {
            delivery,
            chosen,
            event,
            recency,
        }
    }
}

/// How a delivery is sent once more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Replay {
    /// Under its number.
    Again,
    /// As this one.
    Anew(PlannedDelivery),
}

/// What came of the wish to send deliveries once more.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReplayPage {
    /// Each that was looked at and is there still, by stream and number.
    pub replayed: Vec<Replayed>,
    /// Behind which there may be more; absent if there is nothing.
    pub next: Option<(StreamId, u64)>,
}

/// What came of the wish to send a delivery once more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Replayed {
    /// The stream.
    pub stream: StreamId,
    /// The number of the delivery that was chosen.
    pub sequence: u64,
    /// Its name.
    pub jti: Jti,
    /// The name of what is sent: its own, or another one.
    pub outcome: Result<Jti, NotReplayed>,
}
