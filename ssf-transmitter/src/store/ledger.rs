//! The ledger: totals that outlive the rows they count, and all terms at one moment.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseBackend, DatabaseTransaction, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, IsolationLevel, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
    Statement, TransactionOptions, TransactionTrait,
    sea_query::{Expr, OnConflict},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{event, fan_out_record, ledger_total, stream_queue},
    row,
    writes::Writes,
};
use crate::{
    domain::{dropped::DropReason, ledger::Ledger},
    ports::{CorruptRow, LedgerStore, StoreError},
};

/// Among how many rows the commits of all nodes divide one total, so that they seldom wait for each other.
const SHARDS: u8 = 16;

/// What is counted beyond the rows that are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Total {
    /// Events that were handed in.
    Accepted,
    /// Those that were fanned out.
    Dispatched,
    /// What streams that are gone had numbered.
    NumberedGone,
    /// What was matched by records of the fan-out that are gone.
    MatchedGone,
    /// Deliveries that were sent anew.
    Replayed,
    /// Deliveries that were dropped.
    Dropped(DropReason),
}

const DROPPED: &str = "dropped.";

impl Total {
    fn name(self) -> String {
        match self {
            Self::Accepted => "accepted".to_owned(),
            Self::Dispatched => "dispatched".to_owned(),
            Self::NumberedGone => "numbered_gone".to_owned(),
            Self::MatchedGone => "matched_gone".to_owned(),
            Self::Replayed => "replayed".to_owned(),
            Self::Dropped(reason) => format!("{DROPPED}{}", reason.as_str()),
        }
    }

    fn read(name: &str) -> Option<Self> {
        match name {
            "accepted" => Some(Self::Accepted),
            "dispatched" => Some(Self::Dispatched),
            "numbered_gone" => Some(Self::NumberedGone),
            "matched_gone" => Some(Self::MatchedGone),
            "replayed" => Some(Self::Replayed),
            _ => DropReason::read(name.strip_prefix(DROPPED)?).map(Self::Dropped),
        }
    }
}

/// The part of the totals that a process adds to; several may share one.
pub(super) fn any_shard() -> i16 {
    let [first, ..] = Uuid::new_v4().into_bytes();
    i16::from(first % SHARDS)
}

/// Adds to a total. What locks a row that others add to as well comes late in a transaction, and behind all other locks.
pub(super) async fn add(
    transaction: &DatabaseTransaction,
    total: Total,
    shard: i16,
    amount: u64,
) -> Result<(), StoreError> {
    let mut writes = Writes::on(transaction);
    add_all(&mut writes, &[(total, shard, amount)]);
    Ok(writes.run(transaction).await?)
}

/// Has it added to several totals, in this order, in which everybody locks them.
pub(super) fn add_all(writes: &mut Writes, amounts: &[(Total, i16, u64)]) {
    let amounts = amounts.iter().filter(|(_, _, amount)| *amount > 0);
    let first = amounts.map(|(total, shard, amount)| ledger_total::ActiveModel {
        name: Set(total.name()),
        shard: Set(*shard),
        value: Set(row::signed(*amount)),
    });
    let first: Vec<_> = first.collect();
    if first.is_empty() {
        return;
    }
    let value = ledger_total::Column::Value;
    let sum = Expr::col((ledger_total::Entity, value)).add(Expr::col(("excluded", value)));
    let key = [ledger_total::Column::Name, ledger_total::Column::Shard];
    let more = OnConflict::columns(key).value(value, sum).to_owned();
    let insert = ledger_total::Entity::insert_many(first).on_conflict(more);
    writes.add(&insert.into_query());
}

/// Counts deliveries of a stream that were acknowledged; its queue is locked.
pub(super) async fn count_acknowledged(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    deliveries: u64,
) -> Result<(), StoreError> {
    let column = stream_queue::Column::AcknowledgedTotal;
    count(transaction, stream, column, row::signed(deliveries)).await
}

/// Takes that back, for those that are pending again; the queue is locked.
pub(super) async fn uncount_acknowledged(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    deliveries: u64,
) -> Result<(), StoreError> {
    let column = stream_queue::Column::AcknowledgedTotal;
    count(transaction, stream, column, -row::signed(deliveries)).await
}

/// Counts deliveries of a stream that were dropped; its queue is locked.
pub(super) async fn count_dropped(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    reason: DropReason,
    deliveries: u64,
) -> Result<(), StoreError> {
    let column = stream_queue::Column::DroppedTotal;
    count(transaction, stream, column, row::signed(deliveries)).await?;
    add(transaction, Total::Dropped(reason), 0, deliveries).await
}

/// Counts deliveries of a stream that ends which go with it, though nobody dropped them; its queue is locked.
pub(super) async fn count_gone(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    deliveries: u64,
) -> Result<(), StoreError> {
    let column = stream_queue::Column::DroppedTotal;
    count(transaction, stream, column, row::signed(deliveries)).await
}

async fn count(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    total: stream_queue::Column,
    deliveries: i64,
) -> Result<(), StoreError> {
    if deliveries == 0 {
        return Ok(());
    }
    stream_queue::Entity::update_many()
        .col_expr(total, total.into_expr().add(deliveries))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// All streams, each compared with what has become of its deliveries, by the partial indexes of what is pending and what
/// is quarantined. The sums of PostgreSQL are of another type.
const STREAMS: &str = "\
    WITH pending AS (SELECT stream_id, COUNT(*) AS deliveries FROM delivery WHERE state = 0 GROUP BY stream_id), \
    quarantined AS (SELECT stream_id, COUNT(*) AS deliveries FROM delivery WHERE state = 2 GROUP BY stream_id) \
    SELECT CAST(COALESCE(SUM(last_sequence), 0) AS BIGINT) AS numbered, \
    CAST(COALESCE(SUM(pending.deliveries), 0) AS BIGINT) AS pending, \
    CAST(COALESCE(SUM(quarantined.deliveries), 0) AS BIGINT) AS quarantined, \
    CAST(COALESCE(SUM(acknowledged_total), 0) AS BIGINT) AS acknowledged, \
    CAST(COALESCE(SUM(ABS(last_sequence - acknowledged_total - dropped_total \
    - COALESCE(pending.deliveries, 0) - COALESCE(quarantined.deliveries, 0))), 0) AS BIGINT) AS apart \
    FROM stream_queue \
    LEFT JOIN pending ON pending.stream_id = stream_queue.stream_id \
    LEFT JOIN quarantined ON quarantined.stream_id = stream_queue.stream_id";

#[derive(FromQueryResult)]
struct Streams {
    numbered: i64,
    pending: i64,
    quarantined: i64,
    acknowledged: i64,
    apart: i64,
}

/// Goes along the index of what is pending by its age, past what is held.
const OLDEST_PENDING: &str = "\
    SELECT iat FROM delivery WHERE state = 0 AND EXISTS (\
    SELECT 1 FROM stream_queue WHERE stream_queue.stream_id = delivery.stream_id AND NOT held) \
    ORDER BY iat LIMIT 1";

#[derive(FromQueryResult)]
struct Oldest {
    iat: i64,
}

impl LedgerStore for SeaStore {
    async fn ledger(&self) -> Result<Ledger, StoreError> {
        let snapshot = self.begin_snapshot().await?;
        let streams = Statement::from_string(self.backend(), STREAMS);
        let streams = Streams::find_by_statement(streams).one(&snapshot).await?;
        let matched: Option<Option<i64>> = fan_out_record::Entity::find()
            .select_only()
            .column_as(Expr::cust("CAST(SUM(matched) AS BIGINT)"), "matched")
            .into_tuple()
            .one(&snapshot)
            .await?;
        let waiting = event::Entity::find()
            .filter(event::Column::DispatchedAt.is_null())
            .count(&snapshot)
            .await?;
        let set_aside = event::Entity::find()
            .filter(event::Column::DispatchedAt.is_null())
            .filter(event::Column::SetAsideUntil.is_not_null())
            .count(&snapshot)
            .await?;
        let totals = ledger_total::Entity::find().all(&snapshot).await?;
        snapshot.rollback().await?;
        let mut ledger = Ledger {
            waiting,
            set_aside,
            matched: row::unsigned(matched.flatten().unwrap_or_default()),
            ..Ledger::default()
        };
        if let Some(streams) = streams {
            ledger.numbered = row::unsigned(streams.numbered);
            ledger.pending = row::unsigned(streams.pending);
            ledger.quarantined = row::unsigned(streams.quarantined);
            ledger.acknowledged = row::unsigned(streams.acknowledged);
            ledger.streams_apart = row::unsigned(streams.apart);
        }
        include(&mut ledger, &totals)?;
        Ok(ledger)
    }

    async fn oldest_pending(&self) -> Result<Option<Timestamp>, StoreError> {
        let oldest = Statement::from_string(self.backend(), OLDEST_PENDING);
        let oldest = Oldest::find_by_statement(oldest).one(&self.reader).await?;
        Ok(oldest.map(|oldest| row::moment(oldest.iat)))
    }
}

impl SeaStore {
    /// Begins a transaction in which all that is read is of one moment. It writes nothing and hinders nobody.
    pub(super) async fn begin_snapshot(&self) -> Result<DatabaseTransaction, DbErr> {
        // On SQLite that is so without asking.
        let is_asked = self.backend() == DatabaseBackend::Postgres;
        let isolation_level = is_asked.then_some(IsolationLevel::RepeatableRead);
        let options = TransactionOptions {
            isolation_level,
            ..TransactionOptions::default()
        };
        self.reader.begin_with_options(options).await
    }
}

fn include(ledger: &mut Ledger, totals: &[ledger_total::Model]) -> Result<(), CorruptRow> {
    let mut dropped: BTreeMap<DropReason, u64> = BTreeMap::new();
    for row in totals {
        let total = Total::read(&row.name).ok_or_else(|| {
            CorruptRow::new("ledger_total", row.name.clone(), "it is no total of ours")
        })?;
        let value = row::unsigned(row.value);
        match total {
            Total::Accepted => ledger.accepted += value,
            Total::Dispatched => ledger.dispatched += value,
            Total::NumberedGone => ledger.numbered += value,
            Total::MatchedGone => ledger.matched += value,
            Total::Replayed => ledger.replayed += value,
            Total::Dropped(reason) => *dropped.entry(reason).or_default() += value,
        }
    }
    ledger.dropped = dropped;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_read_under_the_name_it_was_written_under() {
        let plain = [
            Total::Accepted,
            Total::Dispatched,
            Total::NumberedGone,
            Total::MatchedGone,
            Total::Replayed,
        ];
        let dropped = DropReason::ALL.map(Total::Dropped);
        for total in plain.into_iter().chain(dropped) {
            assert_eq!(Total::read(&total.name()), Some(total));
        }
        assert_eq!(Total::read("dropped.lost"), None);
    }
}
