//! The streams as the Transmitter itself deals with them.

use std::{collections::HashMap, future::Future};

use ssf_types::{
    id::{Epoch, StreamId},
    time::Timestamp,
};

use super::{ChangedStream, DeletedStream, StoreError};
use crate::domain::{
    announcement::{Circumstances, StatusDecision},
    circuit::Health,
    framework::FrameworkSet,
    issuer::IssuerName,
    stream::Stream,
    trouble::TroubleKind,
};

/// What came of a look for quiet streams.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct KeptAlive {
    /// How many streams were looked at.
    pub looked_at: u64,
    /// On how many of them a SET was numbered.
    pub sent: u64,
}

/// The streams as the Transmitter itself deals with them: no Receiver has asked, so which one's they are does not matter.
/// Another issuer's stream does not exist.
pub trait OperatedStreams {
    /// Gives a stream another status for all events that are accepted from now on, as `change_stream` of
    /// [`StreamStore`](super::StreamStore) does, and numbers the announcement in the same step.
    ///
    /// An announcement is due at once, whatever the status, and behind those that are pending. On a stream that becomes
    /// enabled, it alone is due until it was settled or has failed often enough
    /// ([`is_announced`](crate::domain::announcement::is_announced)). `decide` gets the stream, and what
    /// is known of it besides.
    fn decide_status<F, E>(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> impl Future<Output = Result<ChangedStream<E>, StoreError>> + Send
    where
        F: FnOnce(&Stream, Circumstances) -> Result<StatusDecision, E> + Send,
        E: Send;

    /// Numbers a SET on each of the enabled streams on which nothing was delivered since `quiet_since`, nothing is pending,
    /// and no such SET was numbered; at most `limit` streams are looked at, each of them once in a while.
    fn send_keep_alives<F>(
        &self,
        quiet_since: Timestamp,
        now: Timestamp,
        limit: u64,
        make: F,
    ) -> impl Future<Output = Result<KeptAlive, StoreError>> + Send
    where
        F: FnMut(&Stream) -> FrameworkSet + Send;

    /// At most `limit` enabled streams of which no activity was noted after `noted_until`, the longest idle first. Where
    /// nothing is known, `now` is noted.
    fn idle_streams(
        &self,
        noted_until: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<(IssuerName, StreamId)>, StoreError>> + Send;

    /// Forgets all activity that was noted, which is not true any more once it is not noted for a while.
    fn forget_activity(&self) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Begins another run of numbers on each stream whose SETs have any, and returns how many those are. Nothing is told
    /// any more of the numbers before. Whoever works on such a stream loses the lease.
    fn begin_epochs(
        &self,
        make: impl FnMut() -> Epoch + Send,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// How the Receiver of a stream has answered lately, as of when work on it last ended.
    fn health(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
    ) -> impl Future<Output = Result<Option<Health>, StoreError>> + Send;

    /// How many streams that are not disabled have trouble, by its kind; a kind that none has may be absent.
    fn troubles(
        &self,
    ) -> impl Future<Output = Result<HashMap<TroubleKind, u64>, StoreError>> + Send;

    /// On how many streams that are not disabled the circuit is open.
    fn open_circuits(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Deletes a stream as `delete_stream` of [`StreamStore`](super::StreamStore) does.
    fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> impl Future<Output = Result<DeletedStream, StoreError>> + Send;
}
