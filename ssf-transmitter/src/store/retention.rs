//! Letting go of what is old: each step takes a bounded part, by an index, and is a short transaction.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
    sea_query::{LockBehavior, LockType},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::open_if_announced,
    deliver::{promote, refresh_next_due},
    dropped::{Owned, drop_pending, record_drop},
    entity::{delivery, drop_record, event, fan_out_record, stream, stream_queue},
    ledger::{self, Total},
    limited::Only,
    named::these,
    outbox::State,
    poll::refresh_poll_due,
    row,
    sequence::{tell_after, tell_no_more},
};
use crate::{
    domain::{
        dropped::{DropReason, DropRecord},
        id::ReceiverId,
    },
    failpoint::{Failpoint, reached},
    ports::{ForgottenEvents, RetentionStore, StoreError},
};

/// Most streams of one step: all of them are locked until it ends.
const STREAMS_MAX: usize = 20;

/// States of deliveries whose rows go without a word: of these there is nothing to count.
const FORGOTTEN: [i16; 2] = [State::Acknowledged.number(), State::Dropped.number()];

/// Deliveries of streams whose queues are locked.
struct Locked {
    transaction: DatabaseTransaction,
    oldest: Vec<(stream_queue::Model, Vec<i64>)>,
}

impl RetentionStore for SeaStore {
    async fn expire_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let Some(locked) = self.lock_oldest(outdated(before), limit).await? else {
            return Ok(0);
        };
        let mut dropped = 0;
        for (queue, sequences) in locked.oldest {
            dropped += expire(&locked.transaction, &queue, sequences, now).await?;
        }
        locked.transaction.commit().await?;
        Ok(dropped)
    }

    async fn drop_ordered(&self, now: Timestamp) -> Result<Option<u64>, StoreError> {
        self.take_drop_step(now).await
    }

    async fn forget_settled(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let oldest: Vec<(Uuid, i64)> = settled(before)
            .limit(limit)
            .select_only()
            .columns([delivery::Column::StreamId, delivery::Column::Sequence])
            .into_tuple()
            .all(&self.reader)
            .await?;
        let transaction = self.begin().await?;
        let all = these(oldest);
        // Queues are locked first, by everybody.
        for which in &all {
            tell_no_more(&transaction, which.clone()).await?;
        }
        let mut forgotten = 0;
        for which in all {
            // What somebody has locked is left to the next time: it may be on its way to be sent once more.
            let free: Vec<(Uuid, i64)> = delivery::Entity::find()
                .filter(which)
                .filter(delivery::Column::State.is_in(FORGOTTEN))
                .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                .select_only()
                .columns([delivery::Column::StreamId, delivery::Column::Sequence])
                .into_tuple()
                .all(&transaction)
                .await?;
            for which in these(free) {
                let delete = delivery::Entity::delete_many().filter(which);
                forgotten += delete.exec(&transaction).await?.rows_affected;
            }
        }
        transaction.commit().await?;
        Ok(forgotten)
    }

    async fn expire_quarantined(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let Some(locked) = self.lock_oldest(quarantined(before), limit).await? else {
            return Ok(0);
        };
        let mut dropped = 0;
        for (queue, sequences) in locked.oldest {
            dropped += expire_refused(&locked.transaction, &queue, sequences, now).await?;
        }
        locked.transaction.commit().await?;
        Ok(dropped)
    }

    async fn forget_events(
        &self,
        before: Timestamp,
        after: u64,
        limit: u64,
    ) -> Result<ForgottenEvents, StoreError> {
        let looked_at: Vec<(i64, Option<i64>)> = event::Entity::find()
            .filter(event::Column::Position.gt(row::signed(after)))
            .filter(
                // Those that were set aside may be many, and are there for as long as nobody mends them.
                Condition::any()
                    .add(event::Column::DispatchedAt.is_not_null())
                    .add(event::Column::SetAsideUntil.is_null()),
            )
            .order_by_asc(event::Column::Position)
            .limit(limit)
            .select_only()
            .columns([event::Column::Position, event::Column::DispatchedAt])
            .into_tuple()
            .all(&self.reader)
            .await?;
        let is_old =
            |dispatched_at: Option<i64>| dispatched_at.is_some_and(|at| at < row::millis(before));
        // Events come in about the order of their places: behind one that is young, few are old, and those wait. One that
        // waits for its fan-out itself says nothing of those behind it.
        let mut from_behind = looked_at.iter().rev();
        let goes_on = from_behind
            .find_map(|(_, at)| *at)
            .is_some_and(|at| is_old(Some(at)));
        let last = looked_at.last().filter(|_| goes_on);
        let next = last.map(|(position, _)| row::unsigned(*position));
        let old = looked_at.into_iter().filter(|(_, at)| is_old(*at));
        let events = self
            .forget(old.map(|(position, _)| position).collect())
            .await?;
        Ok(ForgottenEvents { events, next })
    }

    async fn forget_drops(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let oldest = drop_record::Entity::find()
            .filter(drop_record::Column::DroppedAt.lt(row::millis(before)))
            .order_by_asc(drop_record::Column::DroppedAt)
            .limit(limit)
            .select_only()
            .column(drop_record::Column::Id)
            .into_query();
        let deleted = drop_record::Entity::delete_many()
            .filter(drop_record::Column::Id.in_subquery(oldest))
            .exec(&self.writer)
            .await?;
        Ok(deleted.rows_affected)
    }
}

/// Pending deliveries that have been so for too long, but for those that an operator has sent again. The state stands in the
/// text, so that SQLite sees that an index is of these alone.
fn outdated(before: Timestamp) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(State::Pending.is())
        .filter(delivery::Column::Iat.lt(row::millis(before)))
        .filter(delivery::Column::FailedBefore.eq(0))
        .order_by_asc(delivery::Column::Iat)
}

/// Deliveries that were quarantined long ago; by then, others that are as old are gone.
fn quarantined(before: Timestamp) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(delivery::Column::SettledAt.lt(row::millis(before)))
        .filter(State::Quarantined.is())
        .order_by_asc(delivery::Column::SettledAt)
}

/// What was acknowledged or dropped long ago.
fn settled(before: Timestamp) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(delivery::Column::SettledAt.lt(row::millis(before)))
        .filter(delivery::Column::State.ne(State::Quarantined.number()))
        .order_by_asc(delivery::Column::SettledAt)
}

impl SeaStore {
    /// Begins a transaction that has locked the queues of some of these deliveries, of few streams; `None` if there are none.
    async fn lock_oldest(
        &self,
        which: Select<delivery::Entity>,
        limit: u64,
    ) -> Result<Option<Locked>, StoreError> {
        let oldest: Vec<(Uuid, i64)> = which
            .limit(limit)
            .select_only()
            .columns([delivery::Column::StreamId, delivery::Column::Sequence])
            .into_tuple()
            .all(&self.reader)
            .await?;
        if oldest.is_empty() {
            return Ok(None);
        }
        let mut by_stream: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for (stream, sequence) in oldest {
            if by_stream.len() < STREAMS_MAX || by_stream.contains_key(&stream) {
                by_stream.entry(stream).or_default().push(sequence);
            }
        }
        let transaction = self.begin().await?;
        // All of them before anything is counted, and in the order that everybody keeps to.
        let queues = stream_queue::Entity::find()
            .filter(stream_queue::Column::StreamId.is_in(by_stream.keys().copied()))
            .order_by_asc(stream_queue::Column::StreamId)
            .lock_exclusive()
            .all(&transaction)
            .await?;
        let with_sequences = |queue: stream_queue::Model| {
            let sequences = by_stream.remove(&queue.stream_id).unwrap_or_default();
            (queue, sequences)
        };
        let oldest = queues.into_iter().map(with_sequences).collect();
        Ok(Some(Locked {
            transaction,
            oldest,
        }))
    }

    /// Forgets those of these events of which no delivery is left.
    async fn forget(&self, positions: Vec<i64>) -> Result<u64, StoreError> {
        if positions.is_empty() {
            return Ok(0);
        }
        let transaction = self.begin().await?;
        let needed: BTreeSet<i64> = delivery::Entity::find()
            .filter(delivery::Column::EventPosition.is_in(positions.iter().copied()))
            .select_only()
            .column(delivery::Column::EventPosition)
            .distinct()
            .into_tuple()
            .all(&transaction)
            .await?
            .into_iter()
            .collect();
        let free = positions.into_iter().filter(|one| !needed.contains(one));
        let free: Vec<i64> = free.collect();
        // Whoever else is about to remove these records waits here, and then finds them gone.
        let records = fan_out_record::Entity::find()
            .filter(fan_out_record::Column::EventPosition.is_in(free.iter().copied()))
            .order_by_asc(fan_out_record::Column::EventPosition)
            .lock_exclusive()
            .all(&transaction)
            .await?;
        fan_out_record::Entity::delete_many()
            .filter(fan_out_record::Column::EventPosition.is_in(free.iter().copied()))
            .exec(&transaction)
            .await?;
        let deleted = event::Entity::delete_many()
            .filter(event::Column::Position.is_in(free))
            .exec(&transaction)
            .await?;
        let matched = records.iter().map(|record| row::unsigned(record.matched));
        ledger::add(&transaction, Total::MatchedGone, 0, matched.sum()).await?;
        reached(Failpoint::Purge);
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }
}

/// Drops pending deliveries of one stream, and lets go on what waited for them.
async fn expire(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    sequences: Vec<i64>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let stream = queue.stream_id;
    let which = Condition::all().add(delivery::Column::Sequence.is_in(sequences.clone()));
    let dropped = drop_pending(transaction, stream, which, now).await?;
    record(transaction, stream, dropped, now).await?;
    promote(transaction, stream, sequences, now).await?;
    let gateway = open_if_announced(transaction, queue).await?;
    refresh_next_due(transaction, stream, gateway).await?;
    refresh_poll_due(transaction, stream, now).await?;
    Ok(dropped)
}

/// Drops quarantined deliveries of one stream, row and all: nobody will look at them any more.
async fn expire_refused(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    sequences: Vec<i64>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let stream = queue.stream_id;
    if let Some(last) = sequences.iter().max() {
        tell_after(transaction, stream, *last).await?;
    }
    let deleted = delivery::Entity::delete_many()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::Sequence.is_in(sequences))
        .filter(State::Quarantined.is())
        .exec(transaction)
        .await?;
    record(transaction, stream, deleted.rows_affected, now).await?;
    Ok(deleted.rows_affected)
}

async fn record(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    dropped: u64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let owner = stream::Entity::find_by_id(stream).only(transaction).await?;
    let Some(owner) = owner else { return Ok(()) };
    let of = Owned {
        stream,
        receiver: ReceiverId::new(owner.receiver_id),
    };
    let record = DropRecord::new(DropReason::Retention, dropped, now);
    record_drop(transaction, of, record).await
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, DatabaseBackend};

    use super::*;
    use crate::{
        sealing::{DataKey, Sealer},
        store::Access,
    };

    #[tokio::test]
    async fn what_is_old_is_found_by_an_index_in_its_order() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("t.db").display());
        let sealer = Sealer::new(&DataKey::generate());
        let store = SeaStore::open(&url, sealer, Access::Serve).await.unwrap();
        let before = Timestamp::from_secs(1);
        let builder = DatabaseBackend::Sqlite;
        let by_iat = "delivery_pending_since (iat<?)";
        let by_end = "delivery_settled (settled_at<?)";
        for (query, index) in [
            (outdated(before).limit(500).into_query(), by_iat),
            (quarantined(before).limit(500).into_query(), by_end),
            (settled(before).limit(500).into_query(), by_end),
        ] {
            let mut statement = builder.build(&query);
            statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
            let rows = store.reader.query_all_raw(statement).await.unwrap();
            let plan: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("", "detail").unwrap())
                .collect();
            assert_eq!(plan, [format!("SEARCH delivery USING INDEX {index}")]);
        }
    }
}
