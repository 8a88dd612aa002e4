//! Streams on which nothing happens: those that are quiet, and those whose Receivers show no sign of life.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, LockBehavior, LockType},
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{delivery, stream, stream_queue},
    limited::Only,
    row,
    sequence::account_of,
};
use crate::{
    domain::{framework::FrameworkSet, id::ReceiverId, issuer::IssuerName, stream::Stream},
    ports::{KeptAlive, StoreError},
};

/// How far the moment of the last delivery may be behind, in milliseconds: a stream that is busy is not written each time.
const QUIET_BEHIND_MAX: i64 = 1000;

impl SeaStore {
    pub(super) async fn keep_alive<F>(
        &self,
        quiet_since: Timestamp,
        now: Timestamp,
        limit: u64,
        mut make: F,
    ) -> Result<KeptAlive, StoreError>
    where
        F: FnMut(&Stream) -> FrameworkSet + Send,
    {
        let transaction = self.begin().await?;
        let queues = stream_queue::Entity::find()
            .filter(stream_queue::Column::QuietSince.lte(row::millis(quiet_since)))
            .filter(stream_queue::Column::Held.eq(false))
            .order_by_asc(stream_queue::Column::QuietSince)
            .order_by_asc(stream_queue::Column::StreamId)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&transaction)
            .await?;
        let mut kept = KeptAlive {
            looked_at: queues.len() as u64,
            sent: 0,
        };
        for queue in queues {
            let sequence = if is_busy(&transaction, queue.stream_id).await? {
                None
            } else {
                let sign = self.sign_of_life(&transaction, &queue, now, &mut make);
                sign.await?
            };
            kept.sent += u64::from(sequence.is_some());
            looked_at(&transaction, &queue, sequence, now).await?;
        }
        transaction.commit().await?;
        Ok(kept)
    }

    async fn sign_of_life(
        &self,
        transaction: &DatabaseTransaction,
        queue: &stream_queue::Model,
        now: Timestamp,
        make: &mut impl FnMut(&Stream) -> FrameworkSet,
    ) -> Result<Option<i64>, StoreError> {
        let row = stream::Entity::find_by_id(queue.stream_id).only(transaction);
        let Some(row) = row.await? else {
            return Ok(None);
        };
        let stream = self.read_stream(row)?;
        let account = account_of(transaction, queue, &stream).await?;
        let set = make(&stream).telling(stream.sequence_epoch.as_ref(), account);
        Ok(Some(
            self.number_alone(transaction, &stream.issuer, set, now)
                .await?,
        ))
    }

    pub(super) async fn idle(
        &self,
        noted_until: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(IssuerName, StreamId)>, StoreError> {
        let unknown = stream_queue::Entity::find()
            .filter(stream_queue::Column::ActiveAt.is_null())
            .one(&self.reader)
            .await?;
        if unknown.is_some() {
            stream_queue::Entity::update_many()
                .col_expr(
                    stream_queue::Column::ActiveAt,
                    Expr::value(row::millis(now)),
                )
                .filter(stream_queue::Column::ActiveAt.is_null())
                .exec(&self.writer)
                .await?;
        }
        let idle: Vec<Uuid> = stream_queue::Entity::find()
            .filter(stream_queue::Column::ActiveAt.lte(row::millis(noted_until)))
            .filter(stream_queue::Column::Held.eq(false))
            .order_by_asc(stream_queue::Column::ActiveAt)
            .limit(limit)
            .select_only()
            .column(stream_queue::Column::StreamId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let issuers: Vec<(Uuid, String)> = stream::Entity::find()
            .filter(stream::Column::Id.is_in(idle.clone()))
            .select_only()
            .columns([stream::Column::Id, stream::Column::Issuer])
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut issuers: HashMap<Uuid, String> = issuers.into_iter().collect();
        let mut streams = Vec::with_capacity(idle.len());
        for id in idle {
            if let Some(issuer) = issuers.remove(&id) {
                let issuer = row::issuer_name("stream", id, issuer)?;
                streams.push((issuer, row::stream_id(id)?));
            }
        }
        Ok(streams)
    }

    pub(super) async fn note_activity_on(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(());
        };
        let own = stream::Entity::find_by_id(uuid)
            .filter(stream::Column::ReceiverId.eq(receiver.uuid()))
            .select_only()
            .column(stream::Column::Id)
            .into_query();
        let outdated = Condition::any()
            .add(stream_queue::Column::ActiveAt.is_null())
            .add(stream_queue::Column::ActiveAt.lt(row::millis(unless_since)));
        stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::ActiveAt,
                Expr::value(row::millis(now)),
            )
            .filter(stream_queue::Column::StreamId.in_subquery(own))
            .filter(outdated)
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    pub(super) async fn forget_all_activity(&self) -> Result<(), StoreError> {
        stream_queue::Entity::update_many()
            .col_expr(stream_queue::Column::ActiveAt, Expr::value(None::<i64>))
            .filter(stream_queue::Column::ActiveAt.is_not_null())
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}

/// Remembers that something was delivered.
pub(super) async fn delivered(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !is_long_quiet(queue, now) {
        return Ok(());
    }
    stream_queue::Entity::update_many()
        .col_expr(
            stream_queue::Column::QuietSince,
            Expr::value(row::millis(now)),
        )
        .filter(stream_queue::Column::StreamId.eq(queue.stream_id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Whether the moment of the last delivery is so far behind that it is written when there is another.
pub(super) fn is_long_quiet(queue: &stream_queue::Model, now: Timestamp) -> bool {
    row::millis(now).saturating_sub(queue.quiet_since) >= QUIET_BEHIND_MAX
}

/// Whether anything is pending: then the earliest under its order key is due now or later.
async fn is_busy(transaction: &DatabaseTransaction, stream: Uuid) -> Result<bool, StoreError> {
    let due = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::DueAt.is_not_null())
        .one(transaction)
        .await?;
    Ok(due.is_some())
}

async fn looked_at(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    sequence: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let keep_alive = sequence.or(queue.keep_alive);
    stream_queue::Entity::update_many()
        .col_expr(
            stream_queue::Column::QuietSince,
            Expr::value(row::millis(now)),
        )
        .col_expr(stream_queue::Column::KeepAlive, Expr::value(keep_alive))
        .filter(stream_queue::Column::StreamId.eq(queue.stream_id))
        .exec(transaction)
        .await?;
    Ok(())
}
