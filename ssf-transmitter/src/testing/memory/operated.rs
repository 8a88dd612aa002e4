//! What the Transmitter itself does with streams in memory.

use ssf_types::{id::StreamId, time::Timestamp};

use super::MemoryStore;
use crate::{
    domain::{announcement::StatusDecision, issuer::IssuerName, stream::Stream},
    ports::{ChangedStream, DeletedStream, OperatedStreams, StoreError},
};

impl OperatedStreams for MemoryStore {
    async fn decide_status<F, E>(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream) -> Result<StatusDecision, E> + Send,
        E: Send,
    {
        Ok(self
            .state()
            .change(|stream| stream.issuer == *issuer, id, now, decide))
    }

    async fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        Ok(self
            .state()
            .delete(|stream| stream.issuer == *issuer, id, now))
    }
}
