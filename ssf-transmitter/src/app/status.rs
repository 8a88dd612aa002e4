//! Giving a stream another status, and waiting until it is in force.

use ssf_types::{
    id::StreamId,
    stream::{REASON_BYTES_MAX, StreamStatus, UpdateStatus},
};

use super::{
    gate::{Gate, WAIT_MAX},
    ids,
    standstill::Standstill,
    wake::Wake,
};
use crate::{
    domain::{
        announcement::StatusDecision,
        id::WorkerId,
        issuer::IssuerName,
        receiver::Receiver,
        status::{StatusRefused, StatusSetter},
        stream::Stream,
    },
    ports::{ChangedStream, Clock, OperatedStreams, Outbox, StoreError, StreamStore},
};

/// What updating a status needs; it is borrowed from whoever serves.
#[derive(Clone, Copy, Debug)]
pub struct Updating<'a, S, C> {
    /// Where streams are kept.
    pub store: &'a S,
    /// Tells the time.
    pub clock: &'a C,
    /// Is called when something may be due.
    pub fresh: &'a Wake,
    /// Is passed by attempts that begin in this process.
    pub gate: &'a Gate,
    /// This process.
    pub worker: WorkerId,
}

/// A status was stored.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusUpdated {
    /// The stream with its new status.
    pub stream: Stream,
    /// Deliveries that were pending and are now dropped.
    pub dropped: u64,
    /// Whether the status is in force.
    pub settled: Settled,
}

/// How far a status has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Settled {
    /// If the stream is not enabled, no further attempt begins; those under way may finish.
    InForce,
    /// Whoever works on the stream has not confirmed that no attempt begins any more; it will stop by itself.
    NotYet,
}

/// A status was not updated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// There is no such stream, or it is another Receiver's.
    #[error("there is no stream with this stream_id")]
    NotFound,
    /// Whoever asks may not give the stream this status.
    #[error(transparent)]
    Refused(StatusRefused),
    /// The store did not do it.
    #[error("the status cannot be stored")]
    Store(#[source] StoreError),
}

impl<S: OperatedStreams + Outbox, C: Clock> Updating<'_, S, C> {
    /// Gives a stream the status that an operator of the Transmitter decides on, whichever Receiver's it is among those of
    /// `issuer`, and tells that: before the stream stops, or first after it starts (SSF 1.0 §8.1.5).
    ///
    /// Nothing is sent if the stream has that status already; then `reason` alone is kept. It is shown to the Receiver,
    /// and cut to [`REASON_BYTES_MAX`]. The status is in force when nothing but the announcement can be sent any more.
    ///
    /// # Errors
    /// There is no such stream, or the store is not available.
    pub async fn decide(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        status: StreamStatus,
        reason: Option<String>,
    ) -> Result<StatusUpdated, StatusError> {
        let now = self.clock.now();
        let ids = (ids::event_id(now), ids::jti(now));
        let reason = reason.map(shortened);
        let decide = |stream: &Stream, _| {
            let decision = StatusDecision::announced(stream, status, reason, now, ids);
            Ok::<_, StatusRefused>(decision.by(StatusSetter::Operator))
        };
        let changed = self.store.decide_status(issuer, id, now, decide).await;
        self.follow(changed.map_err(StatusError::Store)?).await
    }
}

fn shortened(mut reason: String) -> String {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason
}

impl<S: StreamStore + Outbox, C: Clock> Updating<'_, S, C> {
    /// Gives a stream of `receiver` the status that it asks for (SSF 1.0 §8.1.2.2).
    ///
    /// Asking for the status that the stream has is no error, and waits as well.
    ///
    /// # Errors
    /// There is no such stream, the operator has disabled it, or the store is not available.
    pub async fn update(
        &self,
        receiver: &Receiver,
        request: UpdateStatus,
    ) -> Result<StatusUpdated, StatusError> {
        let UpdateStatus {
            stream_id,
            status,
            reason,
            ..
        } = request;
        let decide = |stream: &Stream| stream.as_its_receiver_asks(status, reason);
        let now = self.clock.now();
        let changed = self
            .store
            .change_stream(receiver.id, &stream_id, now, decide)
            .await;
        self.follow(changed.map_err(StatusError::Store)?).await
    }
}

impl<S: Outbox, C: Clock> Updating<'_, S, C> {
    /// Sees a status through that was stored.
    async fn follow(
        &self,
        changed: ChangedStream<StatusRefused>,
    ) -> Result<StatusUpdated, StatusError> {
        let (stream, dropped, owners) = match changed {
            ChangedStream::Changed {
                stream,
                dropped,
                owners,
            } => (*stream, dropped, owners),
            ChangedStream::Refused(refused) => return Err(StatusError::Refused(refused)),
            ChangedStream::NotFound => return Err(StatusError::NotFound),
        };
        let settled = match stream.status {
            StreamStatus::Enabled => {
                self.fresh.wake();
                // What announces a pause that is over does not begin any more, either.
                _ = self.gate.clears(&stream.id, WAIT_MAX).await;
                Settled::InForce
            }
            StreamStatus::Paused | StreamStatus::Disabled => {
                let standstill = self.standstill().comes(&stream.id, owners).await;
                if standstill.map_err(StatusError::Store)? {
                    Settled::InForce
                } else {
                    Settled::NotYet
                }
            }
        };
        Ok(StatusUpdated {
            stream,
            dropped,
            settled,
        })
    }

    fn standstill(&self) -> Standstill<'_, S, C> {
        Standstill {
            store: self.store,
            clock: self.clock,
            fresh: self.fresh,
            gate: self.gate,
            worker: self.worker,
        }
    }
}
