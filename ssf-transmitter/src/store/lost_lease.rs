//! Leases that were taken away: their owners may be on the way to an attempt until they confirm that they are not, or the
//! time of the lease is over.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{lost_lease, stream_queue},
    limited::Only,
    row,
};
use crate::{
    domain::id::WorkerId,
    ports::{StoreError, StreamLease},
};

impl SeaStore {
    /// Whether somebody may be at work under a lease that was taken away.
    pub(super) async fn is_loss_open(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let row = lost_lease::Entity::find()
            .filter(lost(lease))
            .filter(lost_lease::Column::EndsAt.gt(row::millis(now)))
            .only(&self.reader)
            .await?;
        Ok(row.is_some())
    }

    /// The owner says that it does not work any more under a lease that was taken away.
    pub(super) async fn confirm_loss(&self, lease: &StreamLease) -> Result<(), StoreError> {
        lost_lease::Entity::delete_many()
            .filter(lost(lease))
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}

fn lost(lease: &StreamLease) -> Condition {
    let stream = row::stream_uuid(&lease.stream).unwrap_or_default();
    Condition::all()
        .add(lost_lease::Column::StreamId.eq(stream))
        .add(lost_lease::Column::Epoch.eq(row::signed(lease.epoch)))
        .add(lost_lease::Column::Worker.eq(lease.worker.uuid()))
}

/// Takes a stream from whoever works on it, and remembers from whom.
pub(super) async fn take_lease_away(
    transaction: &DatabaseTransaction,
    stream: Uuid,
) -> Result<(), StoreError> {
    let queue = stream_queue::Entity::find_by_id(stream)
        .lock_exclusive()
        .only(transaction)
        .await?;
    if let Some(queue) = queue {
        remember(transaction, &queue).await?;
    }
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::LeaseWorker, Expr::value(None::<Uuid>))
        .col_expr(
            stream_queue::Column::LeaseEpoch,
            stream_queue::Column::LeaseEpoch.into_expr().add(1),
        )
        .col_expr(stream_queue::Column::LeaseUntil, Expr::value(0_i64))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Remembers who works on a stream that is being taken away or deleted, if anybody does.
pub(super) async fn remember(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
) -> Result<(), StoreError> {
    let Some(worker) = queue.lease_worker else {
        return Ok(());
    };
    lost_lease::Entity::insert(lost_lease::ActiveModel {
        stream_id: Set(queue.stream_id),
        epoch: Set(queue.lease_epoch),
        worker: Set(worker),
        ends_at: Set(queue.lease_until),
    })
    .exec_without_returning(transaction)
    .await?;
    Ok(())
}

/// The leases under which somebody may be at work on a stream: the newest, and those that were taken away, oldest first.
pub(super) async fn owners(
    transaction: &DatabaseTransaction,
    stream: (Uuid, &StreamId),
    now: Timestamp,
) -> Result<Vec<StreamLease>, StoreError> {
    let (uuid, id) = stream;
    let now = row::millis(now);
    let lease = |worker, epoch| StreamLease {
        stream: id.clone(),
        worker: WorkerId::new(worker),
        epoch: row::unsigned(epoch),
    };
    let lost = lost_lease::Entity::find()
        .filter(lost_lease::Column::StreamId.eq(uuid))
        .filter(lost_lease::Column::EndsAt.gt(now))
        .order_by_asc(lost_lease::Column::Epoch)
        .all(transaction)
        .await?;
    let mut owners: Vec<StreamLease> = lost
        .into_iter()
        .map(|row| lease(row.worker, row.epoch))
        .collect();
    let queue = stream_queue::Entity::find_by_id(uuid)
        .filter(stream_queue::Column::LeaseUntil.gt(now))
        .only(transaction)
        .await?;
    let newest = queue.and_then(|queue| Some(lease(queue.lease_worker?, queue.lease_epoch)));
    owners.extend(newest);
    Ok(owners)
}

/// Forgets what is over by its time. Whoever calls this holds the lease of the fan-out, so that two nodes do not wait for
/// each other's rows.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    now: Timestamp,
) -> Result<(), StoreError> {
    lost_lease::Entity::delete_many()
        .filter(lost_lease::Column::EndsAt.lte(row::millis(now)))
        .exec(transaction)
        .await?;
    Ok(())
}
