//! A store that never ends a step of a poll on one stream.

use std::future::pending;

use ssf_transmitter::{
    domain::{
        dropped::DropRecord,
        framework::FrameworkSet,
        id::{AnswerId, ReceiverId},
        stream::Stream,
        verification::Requested,
    },
    ports::{
        ChangedStream, CreatedStream, DeletedStream, PollStep, PollStore, Polled, SentAlone,
        StoreError, StreamStore,
    },
    testing::MemoryStore,
};
use ssf_types::{id::StreamId, time::Timestamp};

/// A store in memory, but for the steps of polls on the stream that is held.
pub(crate) struct HeldStore<'m> {
    pub(crate) memory: &'m MemoryStore,
    pub(crate) held: StreamId,
}

impl PollStore for HeldStore<'_> {
    async fn poll(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        step: PollStep,
        now: Timestamp,
    ) -> Result<Polled, StoreError> {
        if *id == self.held {
            return pending().await;
        }
        self.memory.poll(receiver, id, step, now).await
    }

    async fn take_back(
        &self,
        id: &StreamId,
        answer: AnswerId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.memory.take_back(id, answer, now).await
    }

    async fn pollable(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<StreamId>, StoreError> {
        self.memory.pollable(since, now).await
    }
}

impl StreamStore for HeldStore<'_> {
    async fn create_stream(
        &self,
        stream: &Stream,
        streams_max: u64,
    ) -> Result<CreatedStream, StoreError> {
        self.memory.create_stream(stream, streams_max).await
    }

    async fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.memory.stream(receiver, id).await
    }

    async fn streams(&self, receiver: ReceiverId) -> Result<Vec<Stream>, StoreError> {
        self.memory.streams(receiver).await
    }

    async fn change_stream<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream) -> Result<Stream, E> + Send,
        E: Send,
    {
        self.memory.change_stream(receiver, id, now, change).await
    }

    async fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<SentAlone<E>, StoreError>
    where
        F: FnOnce(&Stream, Requested) -> Result<FrameworkSet, E> + Send,
        E: Send,
    {
        let sending = self.memory.send_verification(receiver, id, now, decide);
        sending.await
    }

    async fn note_activity(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<(), StoreError> {
        let noting = self.memory.note_activity(receiver, id, now, unless_since);
        noting.await
    }

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        self.memory.delete_stream(receiver, id, now).await
    }

    async fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Vec<DropRecord>, StoreError> {
        self.memory.drops(receiver, id).await
    }
}
