//! The streams.

use std::future::Future;

use ssf_types::{id::StreamId, time::Timestamp};

use super::{StoreError, StreamLease};
use crate::domain::{
    dropped::DropRecord, framework::FrameworkSet, id::ReceiverId, stream::Stream,
    verification::Requested,
};

/// The streams. Every method but `create_stream` sees those of one Receiver alone: another's stream does not exist.
pub trait StreamStore {
    /// Creates a stream for all events that are accepted from now on, and for none before.
    ///
    /// A Receiver has at most `streams_max`.
    fn create_stream(
        &self,
        stream: &Stream,
        streams_max: u64,
    ) -> impl Future<Output = Result<CreatedStream, StoreError>> + Send;

    /// One stream of `receiver`.
    fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> impl Future<Output = Result<Option<Stream>, StoreError>> + Send;

    /// All streams of `receiver`, oldest first.
    fn streams(
        &self,
        receiver: ReceiverId,
    ) -> impl Future<Output = Result<Vec<Stream>, StoreError>> + Send;

    /// Changes a stream of `receiver` for all events that are accepted from now on.
    ///
    /// `change` gets the stream as it is; it must not wait for anything, since the step is one transaction. Of the
    /// types of events that the stream gets no longer, nothing is sent any more: what is pending is dropped, as is
    /// everything that is pending on a stream that becomes disabled. Whoever works on the stream loses the lease, unless
    /// the status alone changes: then it keeps the lease, to settle what is under way, and finds nothing due. If the
    /// stream is enabled then, or its delivery is another one, its circuit closes, and what waits for a repetition is due at
    /// `now`; what was refused for its key waits on, unless it goes to another place. What announces that the Transmitter
    /// has paused the stream, and has not been offered, is dropped when it is enabled.
    fn change_stream<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> impl Future<Output = Result<ChangedStream<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream) -> Result<Stream, E> + Send,
        E: Send;

    /// Numbers a SET of the framework on one stream of `receiver` alone; it is due at once.
    ///
    /// `decide` gets the stream and what is known of earlier requests; this one is remembered as being met at `now`. A
    /// keep-alive that is pending is dropped for it. The circuit closes, as with `change_stream`.
    fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> impl Future<Output = Result<SentAlone<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream, Requested) -> Result<FrameworkSet, E> + Send,
        E: Send;

    /// Notes that `receiver` did something with a stream of its own, unless some activity was noted since `unless_since`.
    fn note_activity(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Deletes a stream of `receiver` and drops its deliveries; whoever works on it loses the lease.
    fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> impl Future<Output = Result<DeletedStream, StoreError>> + Send;

    /// What was dropped on a stream of `receiver`, oldest first, even if the stream is gone.
    fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> impl Future<Output = Result<Vec<DropRecord>, StoreError>> + Send;
}

/// What came of creating a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CreatedStream {
    /// It is there.
    Created,
    /// The Receiver has as many as it may have.
    TooMany,
}

/// What came of changing a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChangedStream<E> {
    /// It is so now.
    Changed {
        /// The stream after the change.
        stream: Box<Stream>,
        /// Deliveries that were pending and are now dropped.
        dropped: u64,
        /// See [`Outbox::is_over`](super::Outbox::is_over): the leases on the stream for which it does not hold, be they
        /// in force or taken away by this change or one before.
        owners: Vec<StreamLease>,
    },
    /// The change was not to be made; nothing is different.
    Refused(E),
    /// There is no such stream.
    NotFound,
}

/// What came of sending a SET on one stream alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SentAlone<E> {
    /// It is a delivery of the stream now.
    Numbered,
    /// It was not to be sent; nothing is different.
    Refused(E),
    /// There is no such stream.
    NotFound,
}

/// What came of deleting a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeletedStream {
    /// It is gone.
    Deleted {
        /// Deliveries that were pending and are now dropped.
        dropped: u64,
        /// The leases on it that are not [over](super::Outbox::is_over).
        owners: Vec<StreamLease>,
    },
    /// There was none.
    NotFound,
}
