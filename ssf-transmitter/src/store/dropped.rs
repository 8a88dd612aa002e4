//! Deliveries that were dropped, and the records of it.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, UpdateMany,
    sea_query::{Expr, ExprTrait},
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    deliver::of_pending,
    entity::{delivery, drop_record},
    ledger::count_dropped,
    outbox::State,
    row::{self, Cell},
};
use crate::{
    domain::{
        dropped::{DropReason, DropRecord},
        id::ReceiverId,
    },
    ports::{CorruptRow, StoreError},
};

/// A stream as its drops are recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) stream: Uuid,
    pub(super) receiver: ReceiverId,
}

impl SeaStore {
    pub(super) async fn recorded_drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Vec<DropRecord>, StoreError> {
        let Some(stream) = row::stream_uuid(id) else {
            return Ok(Vec::new());
        };
        let rows = drop_record::Entity::find()
            .filter(drop_record::Column::StreamId.eq(stream))
            .filter(drop_record::Column::ReceiverId.eq(receiver.uuid()))
            .order_by_asc(drop_record::Column::Id)
            .all(&self.reader)
            .await?;
        let records: Result<_, CorruptRow> = rows.iter().map(read).collect();
        Ok(records?)
    }
}

fn read(row: &drop_record::Model) -> Result<DropRecord, CorruptRow> {
    let reason = DropReason::read(&row.reason).ok_or_else(|| {
        Cell::new("drop_record", "reason", row.id.to_string()).corrupt("it is not a reason")
    })?;
    let deliveries = row::unsigned(row.deliveries);
    Ok(DropRecord::new(
        reason,
        deliveries,
        row::moment(row.dropped_at),
    ))
}

/// Drops those of a stream's pending deliveries that `which` allows, and returns how many that were.
///
/// What they held back is not due yet: that is left to the caller, who knows whether anything is pending still.
pub(super) async fn drop_pending(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    which: sea_orm::Condition,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let updated = dropped_now(of_pending(stream), now).filter(which);
    Ok(updated.exec(transaction).await?.rows_affected)
}

/// Has an update of pending deliveries drop them.
pub(super) fn dropped_now(
    update: UpdateMany<delivery::Entity>,
    now: Timestamp,
) -> UpdateMany<delivery::Entity> {
    update
        .col_expr(
            delivery::Column::State,
            Expr::value(State::Dropped.number()),
        )
        .col_expr(delivery::Column::DueAt, Expr::value(None::<i64>))
        .col_expr(delivery::Column::SettledAt, Expr::value(row::millis(now)))
}

/// Writes down that deliveries were dropped, and counts them; nothing if there were none. The queue of the stream is locked.
pub(super) async fn record_drop(
    transaction: &DatabaseTransaction,
    of: Owned,
    record: DropRecord,
) -> Result<(), StoreError> {
    record_more(transaction, of, None, record).await.map(drop)
}

/// Adds to a record, or makes one, and counts what was dropped; nothing if that was none. Returns the record's number.
pub(super) async fn record_more(
    transaction: &DatabaseTransaction,
    of: Owned,
    number: Option<i64>,
    record: DropRecord,
) -> Result<Option<i64>, StoreError> {
    if record.deliveries == 0 {
        return Ok(number);
    }
    let number = match number {
        Some(number) => {
            let deliveries = drop_record::Column::Deliveries;
            let more = deliveries.into_expr().add(row::signed(record.deliveries));
            drop_record::Entity::update_many()
                .col_expr(deliveries, more)
                .filter(drop_record::Column::Id.eq(number))
                .exec(transaction)
                .await?;
            number
        }
        None => insert(transaction, of, record).await?,
    };
    count_dropped(transaction, of.stream, record.reason, record.deliveries).await?;
    Ok(Some(number))
}

async fn insert(
    transaction: &DatabaseTransaction,
    of: Owned,
    record: DropRecord,
) -> Result<i64, StoreError> {
    let inserted = drop_record::Entity::insert(drop_record::ActiveModel {
        id: NotSet,
        stream_id: Set(of.stream),
        receiver_id: Set(of.receiver.uuid()),
        reason: Set(record.reason.as_str().to_owned()),
        deliveries: Set(row::signed(record.deliveries)),
        dropped_at: Set(row::millis(record.at)),
    })
    .exec(transaction)
    .await?;
    Ok(inserted.last_insert_id)
}
