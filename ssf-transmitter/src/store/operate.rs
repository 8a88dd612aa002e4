//! What the Transmitter itself does with streams, whichever Receiver's they are.

use std::collections::HashMap;

use ssf_types::{
    id::{Epoch, StreamId},
    time::Timestamp,
};

use super::{SeaStore, change::Whose, dropped::Owned, lost_lease::owners, ordered, row};
use crate::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        circuit::Health,
        framework::FrameworkSet,
        issuer::IssuerName,
        stream::Stream,
        trouble::TroubleKind,
    },
    ports::{ChangedStream, DeletedStream, KeptAlive, OperatedStreams, StoreError},
};

impl OperatedStreams for SeaStore {
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
        self.change_stream_of(Whose::Issuer(issuer), id, now, decide)
            .await
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
        self.keep_alive(quiet_since, now, limit, make).await
    }

    async fn idle_streams(
        &self,
        noted_until: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(IssuerName, StreamId)>, StoreError> {
        self.idle(noted_until, now, limit).await
    }

    async fn forget_activity(&self) -> Result<(), StoreError> {
        self.forget_all_activity().await
    }

    async fn begin_epochs(&self, make: impl FnMut() -> Epoch + Send) -> Result<u64, StoreError> {
        self.renew_epochs(make).await
    }

    async fn health(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
    ) -> Result<Option<Health>, StoreError> {
        self.health_of(issuer, id).await
    }

    async fn troubles(&self) -> Result<HashMap<TroubleKind, u64>, StoreError> {
        self.count_troubles().await
    }

    async fn open_circuits(&self) -> Result<u64, StoreError> {
        self.count_open_circuits().await
    }

    async fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        self.delete_stream_of(Whose::Issuer(issuer), id, now).await
    }
}

impl SeaStore {
    pub(super) async fn delete_stream_of(
        &self,
        whose: Whose<'_>,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(DeletedStream::NotFound);
        };
        let transaction = self.begin().await?;
        let locked = self.lock_stream(&transaction, whose, uuid).await?;
        let Some((queue, stream)) = locked else {
            return Ok(DeletedStream::NotFound);
        };
        let of = Owned {
            stream: uuid,
            receiver: stream.receiver,
        };
        let owners = owners(&transaction, (uuid, id), now).await?;
        let dropped = ordered::delete(&transaction, of, &queue, now).await?;
        transaction.commit().await?;
        Ok(DeletedStream::Deleted { dropped, owners })
    }
}
