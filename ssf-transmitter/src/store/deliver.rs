//! Deliveries of one stream: what is due, and when.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, Statement, UpdateMany, Value,
    sea_query::{Expr, ExprTrait},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::{Gateway, is_open},
    due_row::DueRow,
    entity::{delivery, stream_queue},
    lease::held,
    limited::{Only, first},
    ordered::is_ordered,
    outbox::State,
    row,
};
use crate::{
    domain::delivery::Delivery,
    ports::{StoreError, StreamLease},
};

impl SeaStore {
    pub(super) async fn due_deliveries(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> Result<Vec<Delivery>, StoreError> {
        let Some(stream) = row::stream_uuid(&lease.stream) else {
            return Ok(Vec::new());
        };
        let under_way: Vec<i64> = under_way.iter().copied().map(row::signed).collect();
        let due = delivery::Entity::find()
            .select_only()
            .columns(DueRow::COLUMNS)
            .filter(delivery::Column::StreamId.eq(stream))
            .filter(delivery::Column::Sequence.is_not_in(row::padded(under_way)))
            .filter(delivery::Column::DueAt.lte(row::millis(now)))
            .order_by_asc(delivery::Column::DueAt)
            .order_by_asc(delivery::Column::Sequence);
        // Nearly always, everything is sent, so that one statement tells all there is to know.
        let is_open = stream_queue::Entity::find()
            .filter(held(lease))
            .filter(is_open())
            .into_query();
        let of_open = due.clone().filter(Expr::exists(is_open));
        let rows: Vec<DueRow> = first(of_open, limit, &self.reader).await?;
        if !rows.is_empty() {
            return self.read_deliveries(stream, rows, now).await;
        }
        let queue = stream_queue::Entity::find().filter(held(lease));
        let Some(queue) = queue.only(&self.reader).await? else {
            return Ok(Vec::new());
        };
        let rows = match Gateway::of(&queue) {
            Gateway::Open => Vec::new(),
            gateway @ (Gateway::Sifted | Gateway::Held) => {
                first(due.filter(let_through(gateway)), limit, &self.reader).await?
            }
        };
        self.read_deliveries(stream, rows, now).await
    }
}

/// An update of deliveries that are pending still: what is settled stays so.
pub(super) fn of_pending(stream: Uuid) -> UpdateMany<delivery::Entity> {
    delivery::Entity::update_many()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(State::Pending.is())
}

pub(super) fn of_these(stream: Uuid, sequences: Vec<i64>) -> UpdateMany<delivery::Entity> {
    of_pending(stream).filter(delivery::Column::Sequence.is_in(row::padded(sequences)))
}

/// Makes due what the settled deliveries held back: the earliest pending one under each of their order keys. Returns how many
/// are due by that.
pub(super) async fn promote(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    settled: Vec<i64>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if settled.is_empty() {
        return Ok(0);
    }
    let next = held_back(transaction, stream, settled).await?;
    if next.is_empty() {
        return Ok(0);
    }
    let woken = of_these(stream, next)
        .col_expr(delivery::Column::DueAt, Expr::value(row::millis(now)))
        .filter(delivery::Column::DueAt.is_null())
        .exec(transaction)
        .await?;
    Ok(woken.rows_affected)
}

#[derive(FromQueryResult)]
struct HeldBack {
    next: Option<i64>,
}

/// The earliest pending deliveries under the order keys of these.
async fn held_back(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    settled: Vec<i64>,
) -> Result<Vec<i64>, StoreError> {
    let settled = row::padded(settled);
    let places = (0..settled.len()).map(|place| format!("${}", place + 2));
    let places = places.collect::<Vec<_>>().join(", ");
    // Most hold nothing back, and all of those are one row. One look into an index for each: a join is planned by what PostgreSQL knows of the table, which is nothing yet where a
    // backlog has just grown, and then reads the whole of it for every row.
    let sql = format!(
        "SELECT DISTINCT (SELECT MIN(later.sequence) FROM delivery AS later \
         WHERE later.order_key = settled.order_key AND later.stream_id = settled.stream_id \
         AND later.state = 0) AS next \
         FROM delivery AS settled WHERE settled.stream_id = $1 AND settled.sequence IN ({places})"
    );
    let values = std::iter::once(Value::from(stream)).chain(settled.into_iter().map(Value::from));
    let backend = transaction.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, sql, values);
    let rows = HeldBack::find_by_statement(statement).all(transaction);
    let next: BTreeSet<i64> = rows.await?.into_iter().filter_map(|row| row.next).collect();
    Ok(next.into_iter().collect())
}

/// Matches what a stream sends.
pub(super) fn let_through(gateway: Gateway) -> Condition {
    match gateway {
        Gateway::Open => Condition::all(),
        Gateway::Sifted => Condition::all().add(Expr::exists(is_ordered()).not()),
        Gateway::Held => Condition::all().add(delivery::Column::PassesHold.into_expr()),
    }
}

/// When the first is due of the deliveries that are let through; of which stream is left to the caller.
pub(super) fn earliest_due(gateway: Gateway) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(let_through(gateway))
        .filter(delivery::Column::DueAt.is_not_null())
        .select_only()
        .column_as(delivery::Column::DueAt.min(), "next")
}

/// Says anew when the stream has something due, unless it is polled.
pub(super) async fn refresh_next_due(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    gateway: Gateway,
) -> Result<(), StoreError> {
    with_next_due(stream, gateway)
        .filter(stream_queue::Column::Polled.eq(false))
        .exec(transaction)
        .await?;
    Ok(())
}

/// An update of the queue of a stream that is pushed, which says anew when it has something due.
pub(super) fn with_next_due(stream: Uuid, gateway: Gateway) -> UpdateMany<stream_queue::Entity> {
    let next = earliest_due(gateway)
        .filter(delivery::Column::StreamId.eq(stream))
        .into_query();
    let next = Expr::SubQuery(None, Box::new(next.into()));
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::NextDue, next)
        .filter(stream_queue::Column::StreamId.eq(stream))
}
