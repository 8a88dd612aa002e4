//! Streams, and what is written down about changes of them.

use std::collections::HashMap;

use ssf_transmitter::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        audit::{ChainHash, Entry, Link, Record},
        circuit::Health,
        dropped::DropRecord,
        framework::FrameworkSet,
        id::ReceiverId,
        issuer::IssuerName,
        stream::Stream,
        trouble::TroubleKind,
        verification::Requested,
    },
    ports::{
        AuditStore, ChangedStream, CreatedStream, DeletedStream, KeptAlive, OperatedStreams,
        SentAlone, StoreError, StreamStore,
    },
};
use ssf_types::{
    id::{Epoch, StreamId},
    stream::StreamStatus,
    time::Timestamp,
};

use super::Connection;

impl Connection {
    /// Has a stream changed, and tells the oracle whether it sends from then on.
    async fn changed<E>(
        &self,
        id: &StreamId,
        changing: impl Future<Output = Result<ChangedStream<E>, StoreError>>,
    ) -> Result<ChangedStream<E>, StoreError> {
        let changed = changing.await?;
        if let ChangedStream::Changed { stream, .. } = &changed {
            let (oracle, at) = (&self.world.oracle, self.world.of(id));
            match stream.status {
                StreamStatus::Enabled => oracle.starts(at),
                StreamStatus::Paused | StreamStatus::Disabled => oracle.stops(at),
            }
        }
        Ok(changed)
    }
}

impl AuditStore for Connection {
    fn mac(&self, link: &[u8]) -> ChainHash {
        self.memory().mac(link)
    }

    async fn record(&self, entry: Entry) -> Result<Link, StoreError> {
        self.step(self.memory().record(entry)).await
    }

    async fn head(&self) -> Result<Link, StoreError> {
        self.step(self.memory().head()).await
    }

    async fn records(&self, after: u64, limit: u64) -> Result<Vec<Record>, StoreError> {
        self.step(self.memory().records(after, limit)).await
    }
}

impl StreamStore for Connection {
    async fn create_stream(
        &self,
        stream: &Stream,
        streams_max: u64,
    ) -> Result<CreatedStream, StoreError> {
        self.step(self.memory().create_stream(stream, streams_max))
            .await
    }

    async fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        self.step(self.memory().stream(receiver, id)).await
    }

    async fn streams(&self, receiver: ReceiverId) -> Result<Vec<Stream>, StoreError> {
        self.step(self.memory().streams(receiver)).await
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
        let changing = self.memory().change_stream(receiver, id, now, change);
        self.step(self.changed(id, changing)).await
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
        self.step(self.memory().send_verification(receiver, id, now, decide))
            .await
    }

    async fn note_activity(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<(), StoreError> {
        let noting = self.memory().note_activity(receiver, id, now, unless_since);
        self.step(noting).await
    }

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        self.step(self.memory().delete_stream(receiver, id, now))
            .await
    }

    async fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Vec<DropRecord>, StoreError> {
        self.step(self.memory().drops(receiver, id)).await
    }
}

impl OperatedStreams for Connection {
    async fn decide_status<F, E>(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream, Circumstances) -> Result<StatusDecision, E> + Send,
        E: Send,
    {
        let deciding = self.memory().decide_status(issuer, id, now, decide);
        self.step(self.changed(id, deciding)).await
    }

    async fn send_keep_alives<F>(
        &self,
        quiet_since: Timestamp,
        now: Timestamp,
        limit: u64,
        make: F,
    ) -> Result<KeptAlive, StoreError>
    where
        F: FnMut(&Stream) -> FrameworkSet + Send,
    {
        let sending = self
            .memory()
            .send_keep_alives(quiet_since, now, limit, make);
        self.step(sending).await
    }

    async fn idle_streams(
        &self,
        noted_until: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(IssuerName, StreamId)>, StoreError> {
        self.step(self.memory().idle_streams(noted_until, now, limit))
            .await
    }

    async fn forget_activity(&self) -> Result<(), StoreError> {
        self.step(self.memory().forget_activity()).await
    }

    async fn health(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
    ) -> Result<Option<Health>, StoreError> {
        self.step(self.memory().health(issuer, id)).await
    }

    async fn troubles(&self) -> Result<HashMap<TroubleKind, u64>, StoreError> {
        self.step(self.memory().troubles()).await
    }

    async fn open_circuits(&self) -> Result<u64, StoreError> {
        self.step(self.memory().open_circuits()).await
    }

    async fn begin_epochs(&self, make: impl FnMut() -> Epoch + Send) -> Result<u64, StoreError> {
        self.step(self.memory().begin_epochs(make)).await
    }

    async fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        self.step(self.memory().end_stream(issuer, id, now)).await
    }
}
