//! What attempts made of deliveries: those that end at the same time share a transaction, whichever stream they are of.

mod plain;

use std::{collections::HashMap, sync::Arc, time::Duration};

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Expr,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::open_if_announced,
    attempts,
    circuit::learn,
    deliver::{of_these, promote, with_next_due},
    dropped::{Owned, drop_pending, record_drop},
    entity::{delivery, stream, stream_queue},
    lease::{given_back, held, is_held},
    limited::Only,
    outbox::State,
    row::{self, Cell},
    tend::is_long_quiet,
    undo::without_undo,
};
use crate::{
    domain::{
        circuit::Health,
        delivery::DeliveryState,
        dropped::{DropReason, DropRecord},
        id::ReceiverId,
    },
    ports::{Finished, Settlement, StoreError, StreamLease},
};

/// Most streams whose owners are answered together; each is a term of a statement.
pub(super) const TOGETHER_MAX: usize = 64;

/// How long a settlement waits at most for as many as came together before: nobody but what it holds back waits for it.
pub(super) const PATIENCE: Duration = Duration::from_millis(20);

/// What an owner of a stream hands in.
#[derive(Clone, Debug)]
pub(super) struct Settling {
    pub(super) lease: StreamLease,
    pub(super) settlements: Vec<Settlement>,
    pub(super) health: Option<Health>,
    pub(super) then: Then,
    pub(super) now: Timestamp,
}

impl Settling {
    pub(super) fn new(
        (lease, settlements, health): (&StreamLease, &[Settlement], Option<&Health>),
        then: Then,
        now: Timestamp,
    ) -> Self {
        Self {
            lease: lease.clone(),
            settlements: settlements.to_vec(),
            health: health.cloned(),
            then,
            now,
        }
    }
}

/// What becomes of the lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Then {
    /// The owner goes on.
    Keep,
    /// It is given back, unless something is due.
    GiveBack,
}

/// An answer to one of those who settled together; they share what went wrong.
pub(super) type Settled = Result<Finished, Arc<StoreError>>;

impl SeaStore {
    /// Settles, together with others.
    pub(super) async fn settle_gathered(&self, settling: Settling) -> Result<Finished, StoreError> {
        let together = |all: Vec<Settling>| async move {
            match self.settle_together(&all).await {
                Ok(finished) => finished.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(Arc::new(error)); all.len()],
            }
        };
        let settled = self.settlings.ask(settling, TOGETHER_MAX, together);
        own(settled.await)
    }

    async fn settle_together(&self, all: &[Settling]) -> Result<Vec<Finished>, StoreError> {
        let transaction = self.begin().await?;
        let queues = queues(&transaction, all).await?;
        let mut finished = Vec::with_capacity(all.len());
        let mut plain = Vec::new();
        for (place, settling) in all.iter().enumerate() {
            let queue = row::stream_uuid(&settling.lease.stream)
                .and_then(|stream| queues.get(&stream))
                .filter(|queue| is_held(queue, &settling.lease));
            let Some(queue) = queue else {
                finished.push(Finished::LeaseLost);
                continue;
            };
            if let Some(health) = &settling.health {
                learn(&transaction, queue, health).await?;
            }
            if let Some(one) = plain::Plain::of(queue, settling) {
                finished.push(Finished::GoesOn);
                plain.push((place, one));
                continue;
            }
            finished.push(self.settle_one(&transaction, queue, settling).await?);
        }
        for (place, outcome) in plain::acknowledge(&transaction, plain).await? {
            finished[place] = outcome;
        }
        transaction.commit().await?;
        Ok(finished)
    }

    /// Settles for a queue that is locked.
    async fn settle_one(
        &self,
        transaction: &DatabaseTransaction,
        queue: &stream_queue::Model,
        settling: &Settling,
    ) -> Result<Finished, StoreError> {
        let (stream, now) = (queue.stream_id, settling.now);
        let acknowledged = self
            .store_settlements(transaction, stream, &settling.settlements, now)
            .await?;
        let gateway = open_if_announced(transaction, queue).await?;
        let mut states = settling.settlements.iter().map(|one| &one.state);
        let is_noted = states.any(DeliveryState::is_settled) && is_long_quiet(queue, now);
        let mut update = with_next_due(stream, gateway);
        if acknowledged > 0 {
            let total = stream_queue::Column::AcknowledgedTotal;
            let sum = total.into_expr().add(row::signed(acknowledged));
            update = update.col_expr(total, sum);
        }
        if is_noted {
            let quiet_since = Expr::value(row::millis(now));
            update = update.col_expr(stream_queue::Column::QuietSince, quiet_since);
        }
        update.exec(transaction).await?;
        if settling.then == Then::Keep {
            return Ok(Finished::GoesOn);
        }
        let nothing_is_due = Condition::any()
            .add(stream_queue::Column::NextDue.is_null())
            .add(stream_queue::Column::NextDue.gt(row::millis(now)));
        let updated = given_back()
            .filter(held(&settling.lease))
            .filter(nothing_is_due)
            .exec(transaction)
            .await?;
        Ok(match updated.rows_affected {
            0 => Finished::GoesOn,
            _ => Finished::GivenBack,
        })
    }

    /// Stores what has become of deliveries, and makes due what those that are settled held back. Tells how many are
    /// acknowledged, which is left to the caller to count.
    pub(super) async fn store_settlements(
        &self,
        transaction: &DatabaseTransaction,
        stream: Uuid,
        settlements: &[Settlement],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.keep_attempts(transaction, stream, settlements).await?;
        let mut settled = Vec::new();
        let mut acknowledged: HashMap<(i64, Option<i16>), Vec<i64>> = HashMap::new();
        for settlement in settlements {
            let sequence = row::signed(settlement.sequence);
            match &settlement.state {
                DeliveryState::Pending {
                    attempts,
                    key_refusals,
                    due,
                } => {
                    let attempts = (*attempts, *key_refusals);
                    postpone(transaction, stream, sequence, attempts, *due).await?;
                }
                DeliveryState::Dropped { at, reason } => {
                    drop_one(transaction, stream, sequence, *at, *reason).await?;
                    settled.push(sequence);
                }
                DeliveryState::Acknowledged { at } => {
                    let answer = settlement.answer.as_ref();
                    let status = answer.and_then(|answer| attempts::status(answer.status?));
                    acknowledged
                        .entry((row::millis(*at), status))
                        .or_default()
                        .push(sequence);
                    settled.push(sequence);
                }
                DeliveryState::Quarantined {
                    at,
                    code,
                    description,
                } => {
                    let words = description_cell(stream, sequence)
                        .seal(&self.sealer, description.as_bytes());
                    quarantine(transaction, stream, sequence, *at, code.as_str(), words).await?;
                    settled.push(sequence);
                }
            }
        }
        let mut count = 0;
        for (answer, sequences) in acknowledged {
            count += acknowledge(transaction, stream, sequences, answer).await?;
        }
        promote(transaction, stream, settled, now).await?;
        Ok(count)
    }
}

/// What one of several gets of an answer to all.
pub(super) fn own<T>(answer: Option<Result<T, Arc<StoreError>>>) -> Result<T, StoreError> {
    let answer = answer.ok_or_else(|| StoreError::Unavailable("the turn was broken off".into()))?;
    answer.map_err(|shared| {
        Arc::try_unwrap(shared).unwrap_or_else(|shared| StoreError::Unavailable(Box::new(shared)))
    })
}

/// The queues of the streams, locked in the order of their ids.
async fn queues(
    transaction: &DatabaseTransaction,
    all: &[Settling],
) -> Result<HashMap<Uuid, stream_queue::Model>, StoreError> {
    let streams = all
        .iter()
        .filter_map(|settling| row::stream_uuid(&settling.lease.stream));
    let rows = stream_queue::Entity::find()
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams.collect())))
        .order_by_asc(stream_queue::Column::StreamId)
        .lock_exclusive()
        .all(transaction)
        .await?;
    Ok(rows.into_iter().map(|row| (row.stream_id, row)).collect())
}

fn description_cell(stream: Uuid, sequence: i64) -> Cell {
    Cell::new("delivery", "description", format!("{stream}/{sequence}"))
}

async fn postpone(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequence: i64,
    (attempts, key_refusals): (u32, u32),
    due: Timestamp,
) -> Result<(), StoreError> {
    let key_refusals = i32::try_from(key_refusals).unwrap_or(i32::MAX);
    // One that was under way when an earlier one was replayed waits for that.
    let held_back = delivery::Column::DueAt.is_null();
    let due = Expr::case(held_back, delivery::Column::DueAt.into_expr()).finally(row::millis(due));
    of_these(stream, vec![sequence])
        .col_expr(delivery::Column::Attempts, Expr::value(i64::from(attempts)))
        .col_expr(delivery::Column::KeyRefusals, Expr::value(key_refusals))
        .col_expr(delivery::Column::DueAt, due.into())
        .exec(transaction)
        .await?;
    Ok(())
}

async fn drop_one(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequence: i64,
    at: Timestamp,
    reason: DropReason,
) -> Result<(), StoreError> {
    let which = Condition::all().add(delivery::Column::Sequence.eq(sequence));
    let dropped = drop_pending(transaction, stream, which, at).await?;
    let owner = stream::Entity::find_by_id(stream).only(transaction).await?;
    let Some(owner) = owner else {
        return Ok(());
    };
    let of = Owned {
        stream,
        receiver: ReceiverId::new(owner.receiver_id),
    };
    record_drop(transaction, of, DropRecord::new(reason, dropped, at)).await
}

/// Tells how many of them were pending.
async fn acknowledge(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequences: Vec<i64>,
    (at, status): (i64, Option<i16>),
) -> Result<u64, StoreError> {
    let update = of_these(stream, sequences)
        .col_expr(
            delivery::Column::State,
            Expr::value(State::Acknowledged.number()),
        )
        .col_expr(delivery::Column::DueAt, Expr::value(None::<i64>))
        .col_expr(delivery::Column::SettledAt, Expr::value(at))
        .col_expr(delivery::Column::AnswerStatus, Expr::value(status));
    Ok(without_undo(update, transaction).await?)
}

async fn quarantine(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequence: i64,
    at: Timestamp,
    code: &str,
    description: Vec<u8>,
) -> Result<(), StoreError> {
    of_these(stream, vec![sequence])
        .col_expr(
            delivery::Column::State,
            Expr::value(State::Quarantined.number()),
        )
        .col_expr(delivery::Column::DueAt, Expr::value(None::<i64>))
        .col_expr(delivery::Column::SettledAt, Expr::value(row::millis(at)))
        .col_expr(delivery::Column::Code, Expr::value(code))
        .col_expr(delivery::Column::Description, Expr::value(description))
        .exec(transaction)
        .await?;
    Ok(())
}
