//! The streams as an operator sees them.

use std::future::Future;

use ssf_types::{id::StreamId, stream::StreamStatus, time::Timestamp};

use super::StoreError;
use crate::domain::{id::ReceiverId, issuer::IssuerName, stream::Stream};

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
