//! Leases with their fencing epochs: who fans out, and who delivers on which stream.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, Func, LockBehavior, LockType},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    circuit::{health, with_health},
    entity::{lease, receiver, stream, stream_queue},
    row,
};
use crate::{
    domain::{
        circuit::Health,
        id::{ReceiverId, WorkerId},
        method::DeliveryMethod,
        profile::Profile,
        receiver::Receiver,
    },
    ports::{CorruptRow, FanOutLease, Fenced, LeasedStream, StoreError, StreamLease},
};

/// The row of the lease under which events are fanned out.
const FAN_OUT: &str = "fan_out";

impl SeaStore {
    pub(super) async fn take_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        let live = |row: &lease::Model| row.expires_at > row::millis(now);
        // Whoever is woken in vain does not wait for whoever fans out.
        let seen = lease::Entity::find_by_id(FAN_OUT).one(&self.reader).await?;
        if seen.is_some_and(|row| live(&row) && row.worker != worker.uuid()) {
            return Ok(None);
        }
        let transaction = self.begin().await?;
        let row = lock_fan_out(&transaction).await?;
        let epoch = match row {
            Some(row) if live(&row) && row.worker == worker.uuid() => row.epoch,
            Some(row) if !live(&row) => row.epoch + 1,
            Some(_) | None => return Ok(None),
        };
        lease::Entity::update_many()
            .col_expr(lease::Column::Worker, Expr::value(worker.uuid()))
            .col_expr(lease::Column::Epoch, Expr::value(epoch))
            .col_expr(lease::Column::ExpiresAt, Expr::value(row::millis(until)))
            .filter(lease::Column::Name.eq(FAN_OUT))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(FanOutLease {
            worker,
            epoch: row::unsigned(epoch),
        }))
    }

    pub(super) async fn give_fan_out_back(&self, held: FanOutLease) -> Result<(), StoreError> {
        lease::Entity::update_many()
            .col_expr(lease::Column::ExpiresAt, Expr::value(0_i64))
            .filter(lease::Column::Name.eq(FAN_OUT))
            .filter(lease::Column::Worker.eq(held.worker.uuid()))
            .filter(lease::Column::Epoch.eq(row::signed(held.epoch)))
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    /// Whether `held` is the newest lease of the fan-out, which then stays so until the transaction ends.
    pub(super) async fn holds_fan_out(
        &self,
        transaction: &DatabaseTransaction,
        held: FanOutLease,
    ) -> Result<bool, StoreError> {
        let row = lease::Entity::find_by_id(FAN_OUT)
            .filter(lease::Column::Worker.eq(held.worker.uuid()))
            .filter(lease::Column::Epoch.eq(row::signed(held.epoch)))
            .lock_exclusive()
            .one(transaction)
            .await?;
        Ok(row.is_some())
    }

    pub(super) async fn take_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let now = row::millis(now);
        let transaction = self.begin().await?;
        let free = stream_queue::Entity::find()
            .filter(stream_queue::Column::NextDue.lte(now))
            .filter(stream_queue::Column::ResumeAt.lte(now))
            .filter(stream_queue::Column::LeaseUntil.lte(now))
            .order_by_asc(stream_queue::Column::NextDue)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
            .all(&transaction)
            .await?;
        if free.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uuid> = free.iter().map(|queue| queue.stream_id).collect();
        stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::LeaseWorker,
                Expr::value(worker.uuid()),
            )
            .col_expr(
                stream_queue::Column::LeaseEpoch,
                stream_queue::Column::LeaseEpoch.into_expr().add(1),
            )
            .col_expr(
                stream_queue::Column::LeaseUntil,
                Expr::value(row::millis(until)),
            )
            .filter(stream_queue::Column::StreamId.is_in(ids.clone()))
            .exec(&transaction)
            .await?;
        let streams = stream::Entity::find()
            .filter(stream::Column::Id.is_in(ids))
            .all(&transaction)
            .await?;
        let profiles = profiles(&transaction, &streams).await?;
        transaction.commit().await?;
        self.leased(free, streams, &profiles, worker)
    }

    fn leased(
        &self,
        queues: Vec<stream_queue::Model>,
        streams: Vec<stream::Model>,
        profiles: &HashMap<ReceiverId, Profile>,
        worker: WorkerId,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let mut streams: HashMap<Uuid, stream::Model> =
            streams.into_iter().map(|row| (row.id, row)).collect();
        let mut leased = Vec::with_capacity(queues.len());
        for queue in queues {
            let Some(stream) = streams.remove(&queue.stream_id) else {
                continue;
            };
            let stream = self.read_stream(stream)?;
            let DeliveryMethod::Push(push) = stream.delivery.clone() else {
                continue;
            };
            let profile = profiles.get(&stream.receiver).copied().ok_or_else(|| {
                CorruptRow::new("stream", stream.id.as_str(), "its receiver is not there")
            })?;
            leased.push(LeasedStream {
                lease: StreamLease {
                    stream: stream.id.clone(),
                    worker,
                    epoch: row::unsigned(queue.lease_epoch + 1),
                },
                stream,
                push,
                profile,
                health: health(&queue)?,
            });
        }
        Ok(leased)
    }

    pub(super) async fn renew_stream(
        &self,
        lease: &StreamLease,
        until: Timestamp,
    ) -> Result<Fenced, StoreError> {
        let updated = stream_queue::Entity::update_many()
            .col_expr(
                stream_queue::Column::LeaseUntil,
                Expr::value(row::millis(until)),
            )
            .filter(held(lease))
            .exec(&self.writer)
            .await?;
        Ok(fenced(updated.rows_affected))
    }

    pub(super) async fn is_lease_over(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = stream_queue::Entity::find()
            .filter(held(lease))
            .filter(stream_queue::Column::LeaseUntil.gt(row::millis(now)))
            .one(&self.reader)
            .await?;
        if row.is_some() {
            return Ok(false);
        }
        Ok(!self.is_loss_open(lease, now).await?)
    }

    pub(super) async fn release_stream(
        &self,
        lease: &StreamLease,
        health: &Health,
    ) -> Result<Fenced, StoreError> {
        let given_back = || {
            stream_queue::Entity::update_many()
                .col_expr(stream_queue::Column::LeaseUntil, Expr::value(0_i64))
                .col_expr(stream_queue::Column::LeaseWorker, Expr::value(None::<Uuid>))
                .filter(held(lease))
        };
        let acts = row::signed(health.acts);
        let updated = with_health(given_back(), health)
            .filter(stream_queue::Column::ReceiverActs.eq(acts))
            .exec(&self.writer)
            .await?;
        if updated.rows_affected > 0 {
            return Ok(Fenced::Stored);
        }
        // The Receiver has acted meanwhile, or the lease is lost.
        let updated = given_back().exec(&self.writer).await?;
        Ok(fenced(updated.rows_affected))
    }

    pub(super) async fn next_lease(&self) -> Result<Option<Timestamp>, StoreError> {
        let greatest = |left: Expr, right: Expr| {
            Expr::case(left.clone().gte(right.clone()), left).finally(right)
        };
        let due = stream_queue::Column::NextDue.into_expr();
        let resume = stream_queue::Column::ResumeAt.into_expr();
        let lease = stream_queue::Column::LeaseUntil.into_expr();
        let free = greatest(greatest(due, resume).into(), lease);
        let next: Option<Option<i64>> = stream_queue::Entity::find()
            .filter(stream_queue::Column::NextDue.is_not_null())
            .select_only()
            .column_as(Expr::from(Func::min(free)), "free")
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(next.flatten().map(row::moment))
    }
}

/// The profiles of the Receivers that have these streams.
async fn profiles(
    transaction: &DatabaseTransaction,
    streams: &[stream::Model],
) -> Result<HashMap<ReceiverId, Profile>, StoreError> {
    let mut profiles = HashMap::new();
    let rows = receiver::Entity::find()
        .filter(receiver::Column::Id.is_in(streams.iter().map(|stream| stream.receiver_id)))
        .all(transaction)
        .await?;
    for row in rows {
        let receiver = Receiver::try_from(row)?;
        profiles.insert(receiver.id, receiver.profile);
    }
    Ok(profiles)
}

/// Locks the lease of the fan-out, whoever holds it: until the transaction ends, nothing is fanned out.
pub(super) async fn lock_fan_out(
    transaction: &DatabaseTransaction,
) -> Result<Option<lease::Model>, DbErr> {
    let vacant = lease::ActiveModel {
        name: Set(FAN_OUT.to_owned()),
        worker: Set(Uuid::nil()),
        epoch: Set(0),
        expires_at: Set(0),
    };
    lease::Entity::insert(vacant)
        .on_conflict_do_nothing_on([lease::Column::Name])
        .exec_without_returning(transaction)
        .await?;
    lease::Entity::find_by_id(FAN_OUT)
        .lock_exclusive()
        .one(transaction)
        .await
}

/// Matches the row of the stream if `lease` is its newest; a stream that is gone has none.
///
/// The newest lease counts even after its time: nobody has taken over.
pub(super) fn held(lease: &StreamLease) -> Condition {
    let stream = row::stream_uuid(&lease.stream).unwrap_or_default();
    Condition::all()
        .add(stream_queue::Column::StreamId.eq(stream))
        .add(stream_queue::Column::LeaseWorker.eq(lease.worker.uuid()))
        .add(stream_queue::Column::LeaseEpoch.eq(row::signed(lease.epoch)))
}

fn fenced(rows: u64) -> Fenced {
    match rows {
        0 => Fenced::LeaseLost,
        _ => Fenced::Stored,
    }
}
