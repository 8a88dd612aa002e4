//! Single deliveries that were acknowledged, as most are where one event goes to many streams: a few statements for all of
//! them.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    QueryTrait, Value,
    sea_query::{CaseStatement, Expr},
};
use uuid::Uuid;

use super::{Settling, Then};
use crate::{
    domain::{attempt::AnswerClass, delivery::DeliveryState},
    ports::{Finished, StoreError},
    store::{
        announce::Gateway,
        attempts,
        deliver::earliest_due,
        entity::{delivery, stream_queue},
        lease::given_back,
        outbox::State,
        row,
        tend::is_long_quiet,
        undo::without_undo,
    },
};

/// The acknowledgement of one delivery, on a stream that sends whatever is due.
pub(super) struct Plain {
    stream: Uuid,
    sequence: i64,
    /// When, and with which status.
    answer: (i64, Option<i16>),
    now: i64,
    is_long_quiet: bool,
    gives_back: bool,
}

impl Plain {
    /// `None` if there is more to it.
    pub(super) fn of(queue: &stream_queue::Model, settling: &Settling) -> Option<Self> {
        let [settlement] = &settling.settlements[..] else {
            return None;
        };
        let DeliveryState::Acknowledged { at } = settlement.state else {
            return None;
        };
        let answer = settlement.answer.as_ref();
        let has_failed = answer.is_some_and(|answer| answer.class != AnswerClass::Acknowledged);
        let is_open = queue.opens_after.is_none() && Gateway::of(queue) == Gateway::Open;
        if has_failed || !is_open {
            return None;
        }
        let status = answer.and_then(|answer| attempts::status(answer.status?));
        Some(Self {
            stream: queue.stream_id,
            sequence: row::signed(settlement.sequence),
            answer: (row::millis(at), status),
            now: row::millis(settling.now),
            is_long_quiet: is_long_quiet(queue, settling.now),
            gives_back: settling.then == Then::GiveBack,
        })
    }
}

/// What is written into queues alike.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Change {
    next_due: Option<i64>,
    is_counted: bool,
    quiet_since: Option<i64>,
    is_given_back: bool,
}

/// Stores them, each with its place among what is settled together; the queues are locked.
pub(super) async fn acknowledge(
    transaction: &DatabaseTransaction,
    all: Vec<(usize, Plain)>,
) -> Result<Vec<(usize, Finished)>, StoreError> {
    let Some(latest) = all.iter().map(|(_, one)| one.now).max() else {
        return Ok(Vec::new());
    };
    let pending = pending(transaction, &all).await?;
    write_answers(transaction, &all).await?;
    promote(transaction, &pending, latest).await?;
    let next = next_due(transaction, &all).await?;
    let mut finished = Vec::with_capacity(all.len());
    let mut changes: BTreeMap<Change, Vec<Uuid>> = BTreeMap::new();
    for (place, one) in all {
        let next_due = next.get(&one.stream).copied().flatten();
        let is_due = next_due.is_some_and(|due| due <= one.now);
        let change = Change {
            next_due,
            is_counted: pending.contains_key(&one.stream),
            // Alike for all of them, so that it is one statement.
            quiet_since: one.is_long_quiet.then_some(latest),
            is_given_back: one.gives_back && !is_due,
        };
        changes.entry(change).or_default().push(one.stream);
        let outcome = if change.is_given_back {
            Finished::GivenBack
        } else {
            Finished::GoesOn
        };
        finished.push((place, outcome));
    }
    for (change, streams) in changes {
        change.write(transaction, streams).await?;
    }
    Ok(finished)
}

impl Change {
    async fn write(
        self,
        transaction: &DatabaseTransaction,
        streams: Vec<Uuid>,
    ) -> Result<(), StoreError> {
        let mut update = if self.is_given_back {
            given_back()
        } else {
            stream_queue::Entity::update_many()
        };
        update = update.col_expr(stream_queue::Column::NextDue, Expr::value(self.next_due));
        if self.is_counted {
            let total = stream_queue::Column::AcknowledgedTotal;
            update = update.col_expr(total, total.into_expr().add(1));
        }
        if let Some(since) = self.quiet_since {
            update = update.col_expr(stream_queue::Column::QuietSince, Expr::value(since));
        }
        let update = update.filter(stream_queue::Column::StreamId.is_in(row::padded(streams)));
        without_undo(update, transaction).await?;
        Ok(())
    }
}

/// The order keys of those that are pending still, by stream.
async fn pending(
    transaction: &DatabaseTransaction,
    all: &[(usize, Plain)],
) -> Result<HashMap<Uuid, Vec<u8>>, StoreError> {
    let rows: Vec<(Uuid, Vec<u8>)> = delivery::Entity::find()
        .filter(deliveries(all.iter().map(|(_, one)| one)))
        .filter(State::Pending.is())
        .select_only()
        .column(delivery::Column::StreamId)
        .column(delivery::Column::OrderKey)
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(rows.into_iter().collect())
}

async fn write_answers(
    transaction: &DatabaseTransaction,
    all: &[(usize, Plain)],
) -> Result<(), StoreError> {
    let acknowledged = State::Acknowledged.number();
    let settled_at = of_each_stream(all, |one| one.answer.0);
    let status = of_each_stream(all, |one| one.answer.1);
    let update = delivery::Entity::update_many()
        .col_expr(delivery::Column::State, Expr::value(acknowledged))
        .col_expr(delivery::Column::DueAt, Expr::value(None::<i64>))
        .col_expr(delivery::Column::SettledAt, settled_at)
        .col_expr(delivery::Column::AnswerStatus, status)
        .filter(deliveries(all.iter().map(|(_, one)| one)))
        .filter(State::Pending.is());
    without_undo(update, transaction).await?;
    Ok(())
}

/// What a delivery gets, of which there is one on each of these streams.
fn of_each_stream<V: Clone + Into<Value> + PartialEq>(
    all: &[(usize, Plain)],
    value: impl Fn(&Plain) -> V,
) -> Expr {
    let own: Vec<(Uuid, V)> = all
        .iter()
        .map(|(_, one)| (one.stream, value(one)))
        .collect();
    match &own[..] {
        [(_, first), others @ ..] if others.iter().all(|(_, other)| other == first) => {
            Expr::value(first.clone())
        }
        _ => row::padded(own)
            .into_iter()
            .fold(CaseStatement::new(), |case, (stream, value)| {
                case.case(delivery::Column::StreamId.eq(stream), Expr::value(value))
            })
            .into(),
    }
}

/// Makes due what they held back: the earliest pending one under each of their order keys.
async fn promote(
    transaction: &DatabaseTransaction,
    settled: &HashMap<Uuid, Vec<u8>>,
    now: i64,
) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let under_key = |(stream, key): (&Uuid, &Vec<u8>)| {
        Condition::all()
            .add(delivery::Column::StreamId.eq(*stream))
            .add(delivery::Column::OrderKey.eq(key.clone()))
    };
    let next: Vec<(Uuid, i64)> = delivery::Entity::find()
        .filter(any(settled.iter().map(under_key)))
        .filter(State::Pending.is())
        .select_only()
        .column(delivery::Column::StreamId)
        .column_as(delivery::Column::Sequence.min(), "next")
        .group_by(delivery::Column::StreamId)
        .into_tuple()
        .all(transaction)
        .await?;
    if next.is_empty() {
        return Ok(());
    }
    let these = |(stream, sequence): (Uuid, i64)| delivery(stream, sequence);
    delivery::Entity::update_many()
        .col_expr(delivery::Column::DueAt, Expr::value(now))
        .filter(any(next.into_iter().map(these)))
        .filter(State::Pending.is())
        .filter(delivery::Column::DueAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// When each stream has something due next.
async fn next_due(
    transaction: &DatabaseTransaction,
    all: &[(usize, Plain)],
) -> Result<HashMap<Uuid, Option<i64>>, StoreError> {
    let streams = all.iter().map(|(_, one)| one.stream).collect();
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let next = earliest_due(Gateway::Open)
        .filter(Expr::col((delivery::Entity, delivery::Column::StreamId)).equals(own))
        .into_query();
    let rows: Vec<(Uuid, Option<i64>)> = stream_queue::Entity::find()
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams)))
        .select_only()
        .column(stream_queue::Column::StreamId)
        .column_as(Expr::SubQuery(None, Box::new(next.into())), "next")
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(rows.into_iter().collect())
}

fn deliveries<'a>(of: impl Iterator<Item = &'a Plain>) -> Condition {
    any(of.map(|one| delivery(one.stream, one.sequence)))
}

fn delivery(stream: Uuid, sequence: i64) -> Condition {
    Condition::all()
        .add(delivery::Column::StreamId.eq(stream))
        .add(delivery::Column::Sequence.eq(sequence))
}

/// What one of these matches.
fn any(these: impl Iterator<Item = Condition>) -> Condition {
    row::padded(these.collect())
        .into_iter()
        .fold(Condition::any(), Condition::add)
}
