//! Verifications: they are sent on one stream alone, and fanned out to nobody else.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use ssf_types::{id::StreamId, time::Timestamp};

use super::{SeaStore, entity::stream_queue, row};
use crate::{
    domain::{framework::FrameworkSet, id::ReceiverId, stream::Stream},
    ports::{SentAlone, StoreError},
};

impl SeaStore {
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
        self.number_alone(&transaction, &stream.issuer, set, now)
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
