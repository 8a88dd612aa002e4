//! Verifications: they are sent on one stream alone, and fanned out to nobody else.

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr,
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    circuit::close_circuit,
    deliver::refresh_next_due,
    dropped::{Owned, drop_pending, record_drop},
    entity::{delivery, stream_queue},
    limited::Only,
    outbox::State,
    row,
    sequence::account_of,
};
use crate::{
    domain::{
        dropped::{DropReason, DropRecord},
        framework::FrameworkSet,
        id::ReceiverId,
        stream::Stream,
        verification::Requested,
    },
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
        F: FnOnce(&Stream, Requested) -> Result<FrameworkSet, E> + Send,
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
        let last = queue.verified_at.map(row::moment);
        let is_pending = is_pending(&transaction, uuid, queue.verification).await?;
        let set = match decide(&stream, Requested::new(last, is_pending)) {
            Ok(set) => set,
            Err(refusal) => {
                // At once: whoever looks for streams to work on passes by one that is locked.
                transaction.rollback().await?;
                return Ok(SentAlone::Refused(refusal));
            }
        };
        let of = Owned {
            stream: uuid,
            receiver,
        };
        drop_keep_alive(&transaction, of, queue.keep_alive, now).await?;
        let account = account_of(&transaction, &queue, &stream).await?;
        let set = set.telling(stream.sequence_epoch.as_ref(), account);
        let numbered = self.number_alone(&transaction, &stream.issuer, set, now);
        let sequence = numbered.await?;
        stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::VerifiedAt,
                Expr::value(row::millis(now)),
            )
            .col_expr(stream_queue::Column::Verification, Expr::value(sequence))
            .filter(stream_queue::Column::StreamId.eq(uuid))
            .exec(&transaction)
            .await?;
        close_circuit(&transaction, uuid, now).await?;
        refresh_next_due(&transaction, uuid, Gateway::of(&queue)).await?;
        transaction.commit().await?;
        Ok(SentAlone::Numbered)
    }
}

async fn is_pending(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequence: Option<i64>,
) -> Result<bool, StoreError> {
    let Some(sequence) = sequence else {
        return Ok(false);
    };
    let delivery = delivery::Entity::find_by_id((stream, sequence))
        .filter(State::Pending.is())
        .only(transaction)
        .await?;
    Ok(delivery.is_some())
}

/// Drops the keep-alive if it is pending: it would make two verifications that are.
async fn drop_keep_alive(
    transaction: &DatabaseTransaction,
    of: Owned,
    sequence: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(sequence) = sequence else {
        return Ok(());
    };
    let which = Condition::all().add(delivery::Column::Sequence.eq(sequence));
    let dropped = drop_pending(transaction, of.stream, which, now).await?;
    let record = DropRecord::new(DropReason::KeepAliveReplaced, dropped, now);
    record_drop(transaction, of, record).await
}
