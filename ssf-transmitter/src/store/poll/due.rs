//! From when on a poll of a stream may get something.
//!
//! It is the moment of the step that made something available, not that at which it fell due: whoever looks for what came
//! since the last look has to see it.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect, sea_query::Expr,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    super::{
        announce::Gateway,
        deliver::let_through,
        entity::{delivery, stream_queue},
        limited::Only,
        row,
    },
    answers::forget_answers,
};
use crate::ports::StoreError;

/// Stores the earliest of `moments`, and of those at which something falls due later: the clock of the node that fanned
/// it out may be ahead of ours.
pub(super) async fn set_poll_due(
    transaction: &DatabaseTransaction,
    (stream, gateway): (Uuid, Gateway),
    moments: [Option<i64>; 2],
    now: Timestamp,
) -> Result<(), StoreError> {
    let later: Option<Option<i64>> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(let_through(gateway))
        .filter(delivery::Column::DueAt.gt(row::millis(now)))
        .select_only()
        .column_as(delivery::Column::DueAt.min(), "later")
        .into_tuple()
        .only(transaction)
        .await?;
    let due = moments.into_iter().chain(later).flatten().min();
    store_poll_due(transaction, stream, due).await
}

/// Says anew whether a poll may get something, beginning with `now`: nothing on a stream that is pushed, and what passes the
/// hold on one that is held.
pub(in crate::store) async fn refresh_poll_due(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let queue = stream_queue::Entity::find_by_id(stream)
        .only(transaction)
        .await?;
    let due = match queue {
        Some(queue) if queue.polled => first_due(transaction, stream, Gateway::of(&queue)).await?,
        Some(_) | None => None,
    };
    let due = due.map(|first| first.max(row::millis(now)));
    store_poll_due(transaction, stream, due).await
}

async fn first_due(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    gateway: Gateway,
) -> Result<Option<i64>, StoreError> {
    let first: Option<Option<i64>> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(let_through(gateway))
        .filter(delivery::Column::DueAt.is_not_null())
        .select_only()
        .column_as(delivery::Column::DueAt.min(), "first")
        .into_tuple()
        .only(transaction)
        .await?;
    Ok(first.flatten())
}

async fn store_poll_due(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    due: Option<i64>,
) -> Result<(), StoreError> {
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::PollDue, Expr::value(due))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Brings the queue in line with whether the stream is polled; what was handed out is offered anew, there or here.
///
/// The caller says anew when something is due.
pub(in crate::store) async fn follow_method(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    is_poll: bool,
) -> Result<(), StoreError> {
    forget_answers(transaction, stream).await?;
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::Polled, Expr::value(is_poll))
        .col_expr(stream_queue::Column::PollDue, Expr::value(None::<i64>))
        .col_expr(stream_queue::Column::NextDue, Expr::value(None::<i64>))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}
