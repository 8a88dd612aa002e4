//! The streams as an operator sees them.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, TransactionTrait,
};
use ssf_types::id::StreamId;

use super::{
    SeaStore,
    entity::{delivery, stream},
    limited::Only,
    outbox::State,
    row,
    streams::living,
};
use crate::{
    domain::{event::AcceptedEvent, fan_out::FanOut, issuer::IssuerName, stream::Stream},
    ports::{Backlog, CorruptRow, Preview, StoreError, StreamFilter, StreamOverview},
};

impl StreamOverview for SeaStore {
    async fn find_streams(
        &self,
        filter: &StreamFilter,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<Stream>, StoreError> {
        self.streams_behind(&self.reader, filter, after, limit)
            .await
    }

    async fn stream_with_backlog(
        &self,
        id: &StreamId,
    ) -> Result<Option<(Stream, Backlog)>, StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(None);
        };
        let found = living()
            .filter(stream::Column::Id.eq(uuid))
            .only(&self.reader)
            .await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let in_state = |state: State| {
            delivery::Entity::find()
                .filter(delivery::Column::StreamId.eq(uuid))
                .filter(state.is())
        };
        let oldest = in_state(State::Pending)
            .order_by_asc(delivery::Column::Sequence)
            .one(&self.reader)
            .await?;
        let backlog = Backlog {
            pending: in_state(State::Pending).count(&self.reader).await?,
            quarantined: in_state(State::Quarantined).count(&self.reader).await?,
            oldest_pending_at: oldest.map(|row| row::moment(row.iat)),
        };
        Ok(Some((self.read_stream(found)?, backlog)))
    }

    async fn preview<D>(
        &self,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        (after, limit): (Option<&StreamId>, u64),
        decide: D,
    ) -> Result<Preview, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let transaction = self.reader.begin().await?;
        let fan_out = self.foreseen(&transaction, issuer, event, decide).await?;
        let of_issuer = StreamFilter {
            issuer: Some(issuer.clone()),
            ..StreamFilter::default()
        };
        let streams = self.streams_behind(&transaction, &of_issuer, after, limit);
        Ok(Preview::new(fan_out, streams.await?))
    }
}

impl SeaStore {
    pub(super) async fn streams_behind(
        &self,
        db: &impl ConnectionTrait,
        filter: &StreamFilter,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<Stream>, StoreError> {
        let mut query = living();
        if let Some(issuer) = &filter.issuer {
            query = query.filter(stream::Column::Issuer.eq(issuer.as_str()));
        }
        if let Some(receiver) = filter.receiver {
            query = query.filter(stream::Column::ReceiverId.eq(receiver.uuid()));
        }
        if let Some(status) = &filter.status {
            query = query.filter(stream::Column::Status.eq(status.as_str()));
        }
        if let Some(after) = after.and_then(row::stream_uuid) {
            query = query.filter(stream::Column::Id.gt(after));
        }
        let rows = query
            .order_by_asc(stream::Column::Id)
            .limit(limit)
            .all(db)
            .await?;
        let read = |row| self.read_stream(row);
        let streams: Result<_, CorruptRow> = rows.into_iter().map(read).collect();
        Ok(streams?)
    }
}
