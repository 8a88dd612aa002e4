//! The streams as the Transmitter itself deals with them.

use std::future::Future;

use ssf_types::{id::StreamId, time::Timestamp};

use super::{ChangedStream, DeletedStream, StoreError};
use crate::domain::{announcement::StatusDecision, issuer::IssuerName, stream::Stream};

/// The streams as the Transmitter itself deals with them: no Receiver has asked, so which one's they are does not matter.
/// Another issuer's stream does not exist.
pub trait OperatedStreams {
    /// Gives a stream another status for all events that are accepted from now on, as `change_stream` of
    /// [`StreamStore`](super::StreamStore) does, and numbers the announcement in the same step.
    ///
    /// An announcement is due at once, whatever the status, and behind those that are pending. On a stream that becomes
    /// enabled, it alone is due until it was settled or has failed often enough
    /// ([`is_announced`](crate::domain::announcement::is_announced)).
    fn decide_status<F, E>(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> impl Future<Output = Result<ChangedStream<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream) -> Result<StatusDecision, E> + Send,
        E: Send;

    /// Deletes a stream as `delete_stream` of [`StreamStore`](super::StreamStore) does.
    fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> impl Future<Output = Result<DeletedStream, StoreError>> + Send;
}
