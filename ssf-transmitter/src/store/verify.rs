//! SETs of the framework: they are sent on one stream alone, and fanned out to nobody else.

use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use ssf_types::{id::StreamId, time::Timestamp};

use super::{
    SeaStore,
    entity::{delivery, event, stream_queue},
    fan_out::record,
    row,
};
use crate::{
    domain::{id::ReceiverId, stream::Stream, verification::FrameworkSet},
    ports::{SentAlone, StoreError},
};

impl SeaStore {
    /// Numbers a SET like those of a fan-out: its event is stored as one that was dispatched to one stream.
    pub(super) async fn send_alone<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<SentAlone<E>, StoreError>
    where
        F: FnOnce(&Stream, Option<Timestamp>) -> Result<FrameworkSet, E> + Send,
        E: Send,
    {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(SentAlone::NotFound);
        };
        let transaction = self.begin().await?;
        let locked = self.lock_own_stream(&transaction, receiver, uuid).await?;
        let Some((queue, stream)) = locked else {
            return Ok(SentAlone::NotFound);
        };
        let set = match decide(&stream, queue.verified_at.map(row::moment)) {
            Ok(set) => set,
            Err(refusal) => return Ok(SentAlone::Refused(refusal)),
        };
        let mut event = self.event_row(&stream.issuer, set.id, &set.event, now)?;
        event.dispatched_at = Set(Some(row::millis(now)));
        let position = event::Entity::insert(event)
            .exec(&transaction)
            .await?
            .last_insert_id;
        let mut placed = Vec::new();
        self.place(position, vec![set.planned], &mut placed);
        let deliveries = self.number(&transaction, &placed, now).await?;
        let matched = deliveries.iter().map(|_| position);
        record(&transaction, vec![(position, [].into())], matched).await?;
        delivery::Entity::insert_many(deliveries)
            .exec_without_returning(&transaction)
            .await?;
        stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::VerifiedAt,
                Expr::value(row::millis(now)),
            )
            .filter(stream_queue::Column::StreamId.eq(uuid))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(SentAlone::Numbered)
    }
}
