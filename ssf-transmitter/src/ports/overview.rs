//! The streams as an operator sees them.

use std::future::Future;

use ssf_types::{id::StreamId, stream::StreamStatus, time::Timestamp};

use super::StoreError;
use crate::domain::{
    event::AcceptedEvent, fan_out::FanOut, id::ReceiverId, issuer::IssuerName, stream::Stream,
};

/// The streams of all Receivers, to be looked at.
pub trait StreamOverview {
    /// At most `limit` of the streams that `filter` lets through, by id, those behind `after`.
    fn find_streams(
        &self,
        filter: &StreamFilter,
        after: Option<&StreamId>,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<Stream>, StoreError>> + Send;

    /// A stream, whosever it is, and what waits on it.
    fn stream_with_backlog(
        &self,
        id: &StreamId,
    ) -> impl Future<Output = Result<Option<(Stream, Backlog)>, StoreError>> + Send;

    /// What the fan-out of `event` would be if it were accepted for `issuer` behind all others. Stores nothing.
    ///
    /// `decide` gets what [`fan_out`](super::Outbox::fan_out) gives it. The page has at most as many streams as the second
    /// says, those behind the first.
    fn preview<D>(
        &self,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        page: (Option<&StreamId>, u64),
        decide: D,
    ) -> impl Future<Output = Result<Preview, StoreError>> + Send
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send;
}

/// What the fan-out of an event would be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preview {
    /// What was decided, as the fan-out carries it out.
    pub fan_out: FanOut,
    /// A page of the streams of the event's issuer, by id, as they were for that decision.
    pub streams: Vec<Stream>,
}

impl Preview {
    /// Joins a decision to the streams that it was made about.
    pub fn new(fan_out: FanOut, streams: Vec<Stream>) -> Self {
        Self { fan_out, streams }
    }
}

/// Which streams are looked for; what is absent does not matter.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamFilter {
    /// Those of this issuer.
    pub issuer: Option<IssuerName>,
    /// Those of this Receiver.
    pub receiver: Option<ReceiverId>,
    /// Those with this status.
    pub status: Option<StreamStatus>,
}

/// What waits on a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Backlog {
    /// Deliveries that are not settled, whether or not they are held.
    pub pending: u64,
    /// Deliveries that the Receiver refused; they are kept.
    pub quarantined: u64,
    /// When the oldest of the pending ones was made.
    pub oldest_pending_at: Option<Timestamp>,
}
