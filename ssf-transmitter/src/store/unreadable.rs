//! Rows that cannot be read: they were changed from outside, sealed with another key, or written by a later version.
//!
//! One such row keeps nobody else waiting. What it stands for stays as it is, is looked at again after a while, and each look
//! leaves a line in the log.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use ssf_types::{error::Chain, time::Timestamp};
use tracing::error;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    append::chunks,
    deliver::{of_pending, refresh_next_due},
    entity::{delivery, event, stream_queue},
    limited::Only,
    poll::refresh_poll_due,
    row,
};
use crate::{
    domain::horizon::UNREADABLE_FOR,
    ports::{CorruptRow, StoreError},
};

/// After how long a row is looked at again.
pub(super) const REST: Duration = UNREADABLE_FOR;

impl SeaStore {
    /// Lets deliveries of a stream that could not be read wait for a while. Those that wait for them go on waiting.
    pub(super) async fn postpone_unreadable(
        &self,
        stream: Uuid,
        sequences: Vec<i64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if sequences.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        let queue = stream_queue::Entity::find_by_id(stream)
            .lock_exclusive()
            .only(&transaction)
            .await?;
        let Some(queue) = queue else {
            return Ok(());
        };
        for chunk in chunks(sequences) {
            of_pending(stream)
                .filter(delivery::Column::Sequence.is_in(chunk))
                .filter(delivery::Column::DueAt.is_not_null())
                .col_expr(
                    delivery::Column::DueAt,
                    Expr::value(row::millis(now.after(REST))),
                )
                .exec(&transaction)
                .await?;
        }
        refresh_next_due(&transaction, stream, Gateway::of(&queue)).await?;
        refresh_poll_due(&transaction, stream, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Matches events that are not set aside.
pub(super) fn not_set_aside(now: Timestamp) -> Condition {
    Condition::any()
        .add(event::Column::SetAsideUntil.is_null())
        .add(event::Column::SetAsideUntil.lte(row::millis(now)))
}

/// Sets events aside that could not be read: they wait still, and keep no others from their fan-out.
pub(super) async fn set_aside(
    transaction: &DatabaseTransaction,
    positions: Vec<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in chunks(positions) {
        event::Entity::update_many()
            .col_expr(
                event::Column::SetAsideUntil,
                Expr::value(row::millis(now.after(REST))),
            )
            .filter(event::Column::Position.is_in(chunk))
            .exec(transaction)
            .await?;
    }
    Ok(())
}

/// Says which row cannot be read.
pub(super) fn tell(error: &CorruptRow) {
    error!(error = %Chain(error), "a row cannot be read and is looked at again in 5 minutes");
}
