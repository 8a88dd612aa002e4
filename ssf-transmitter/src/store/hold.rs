//! What a change of status means for the queue and the interest of a stream.

use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, sea_query::Expr};
use ssf_types::{stream::StreamStatus, time::Timestamp};
use uuid::Uuid;

use super::{
    change::last_position,
    circuit::drop_outdated,
    dropped::Owned,
    entity::{stream_event_type, stream_queue},
    ordered::drop_all,
    row,
};
use crate::{domain::dropped::DropReason, ports::StoreError};

/// The last position of a disablement that has not ended.
pub(super) const STILL_DISABLED: i64 = i64::MAX;

/// Brings queue and interest in line with the status `after`; returns how many deliveries were dropped.
///
/// A change that leaves the status as it is leaves a stream closed that waits for its announcement.
pub(super) async fn follow_status(
    transaction: &DatabaseTransaction,
    of: Owned,
    before: StreamStatus,
    after: StreamStatus,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if before == after {
        if after == StreamStatus::Disabled {
            disable_interest(transaction, of.stream).await?;
        }
        return Ok(0);
    }
    if before == StreamStatus::Disabled && after != StreamStatus::Disabled {
        let last = last_position(transaction).await?;
        end_disablement(transaction, of.stream, last).await?;
    }
    match after {
        StreamStatus::Enabled => {
            set_held(transaction, of.stream, false).await?;
            begin_activity(transaction, of.stream, now).await?;
            drop_outdated(transaction, of, now).await?;
            Ok(0)
        }
        StreamStatus::Paused => {
            set_held(transaction, of.stream, true).await?;
            Ok(0)
        }
        StreamStatus::Disabled => {
            set_held(transaction, of.stream, true).await?;
            disable_interest(transaction, of.stream).await?;
            drop_all(transaction, of, None, (DropReason::StreamDisabled, now)).await
        }
    }
}

async fn set_held(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    held: bool,
) -> Result<(), StoreError> {
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::Held, Expr::value(held))
        .col_expr(stream_queue::Column::OpensAfter, Expr::value(None::<i64>))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

async fn disable_interest(
    transaction: &DatabaseTransaction,
    stream: Uuid,
) -> Result<(), StoreError> {
    stream_event_type::Entity::update_many()
        .col_expr(
            stream_event_type::Column::DisabledThrough,
            Expr::value(STILL_DISABLED),
        )
        .filter(stream_event_type::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Events up to the position `last` were accepted while the stream was disabled, or before.
async fn end_disablement(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    last: i64,
) -> Result<(), StoreError> {
    stream_event_type::Entity::update_many()
        .col_expr(
            stream_event_type::Column::DisabledThrough,
            Expr::value(last),
        )
        .filter(stream_event_type::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// A stream that was just enabled is not idle, whoever enabled it.
async fn begin_activity(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    stream_queue::Entity::update_many()
        .col_expr(
            stream_queue::Column::ActiveAt,
            Expr::value(row::millis(now)),
        )
        .filter(stream_queue::Column::StreamId.eq(stream))
        .filter(stream_queue::Column::ActiveAt.is_not_null())
        .exec(transaction)
        .await?;
    Ok(())
}
