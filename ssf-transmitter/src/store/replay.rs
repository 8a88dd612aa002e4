//! Sending once more what was settled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use ssf_types::{id::StreamId, subject::Subject, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    append::chunks,
    deliver::{promote, refresh_next_due},
    entity::{delivery, event, stream, stream_queue},
    ledger::{self, Total},
    named::these,
    number::subject_cell,
    outbox::State,
    poll::refresh_poll_due,
    row,
    streams::living,
    trace::{chosen, condition, traced_delivery},
    unreadable::tell,
    writes::Writes,
};
use crate::{
    domain::{
        event::AcceptedEvent,
        fan_out::PlannedDelivery,
        framework::Hold,
        replay::{NotReplayed, Recency},
        stream::Stream,
    },
    ports::{
        Candidate, CorruptRow, DeliveryFilter, Replay, ReplayPage, ReplayStore, Replayed,
        StoreError,
    },
};

/// What is to be done, once it is decided.
#[derive(Default)]
struct Plan {
    again: BTreeMap<Uuid, Again>,
    /// With the position of its event, and how often that was sent on the stream.
    anew: Vec<(i64, i32, PlannedDelivery)>,
}

impl Plan {
    fn streams(&self) -> BTreeSet<Uuid> {
        let anew = self.anew.iter();
        let anew = anew.filter_map(|(_, _, planned)| row::stream_uuid(&planned.stream));
        self.again.keys().copied().chain(anew).collect()
    }
}

/// What is pending again on a stream.
#[derive(Default)]
struct Again {
    sequences: Vec<i64>,
    /// How many of them had been acknowledged.
    acknowledged: u64,
}

/// What candidates are made from, besides their rows.
struct Known {
    streams: HashMap<Uuid, Stream>,
    events: HashMap<i64, AcceptedEvent>,
    superseded: HashSet<(Uuid, i64)>,
}

impl Known {
    fn recency(&self, row: &delivery::Model) -> Recency {
        if self.superseded.contains(&(row.stream_id, row.sequence)) {
            Recency::Superseded
        } else {
            Recency::Latest
        }
    }
}

impl ReplayStore for SeaStore {
    async fn replay<D>(
        &self,
        (filter, after, limit): (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
        now: Timestamp,
        mut decide: D,
    ) -> Result<ReplayPage, StoreError>
    where
        D: FnMut(&Stream, &Candidate) -> Result<Replay, NotReplayed> + Send,
    {
        let Some(found) = chosen(filter, after, limit) else {
            return Ok(ReplayPage::default());
        };
        // What is looked for is found before anything is locked: it may take a while.
        let found: Vec<(Uuid, i64)> = found
            .select_only()
            .columns([delivery::Column::StreamId, delivery::Column::Sequence])
            .into_tuple()
            .all(&self.reader)
            .await?;
        let last = found.last().filter(|_| found.len() as u64 == limit);
        let next = last
            .map(|(stream, sequence)| place(*stream, *sequence))
            .transpose()?;
        let transaction = self.begin().await?;
        let queues = lock(&transaction, &found).await?;
        let mut rows = lock_rows(&transaction, filter, found).await?;
        rows.retain(|row| queues.contains_key(&row.stream_id));
        let known = self.known(&transaction, &rows).await?;
        let surroundings = self.surroundings(&transaction, &rows).await?;
        let mut plan = Plan::default();
        let mut replayed = Vec::with_capacity(rows.len());
        for row in &rows {
            let (Some(stream), Some(event)) = (
                known.streams.get(&row.stream_id),
                known.events.get(&row.event_position),
            ) else {
                continue;
            };
            let delivery = traced_delivery(row, &surroundings)?;
            let chosen = self.chosen(row)?;
            let recency = known.recency(row);
            let candidate = Candidate::new(delivery, chosen, event.clone(), recency);
            let decided = match decide(stream, &candidate) {
                // Its number is among those that are to be dropped.
                Ok(Replay::Again) if is_dropping(&queues, row.stream_id) => {
                    Err(NotReplayed::StreamDropping)
                }
                decided => decided,
            };
            replayed.push(Replayed {
                stream: stream.id.clone(),
                sequence: row::unsigned(row.sequence),
                jti: candidate.delivery.jti.clone(),
                outcome: match &decided {
                    Ok(Replay::Again) => Ok(candidate.delivery.jti),
                    Ok(Replay::Anew(planned)) => Ok(planned.jti.clone()),
                    Err(reason) => Err(*reason),
                },
            });
            match decided {
                Ok(Replay::Again) => {
                    let again = plan.again.entry(row.stream_id).or_default();
                    again.sequences.push(row.sequence);
                    again.acknowledged += u64::from(row.state == State::Acknowledged.number());
                }
                Ok(Replay::Anew(planned)) => {
                    let of = (row.event_position, row.repetition + 1, planned);
                    plan.anew.push(of);
                }
                Err(_) => {}
            }
        }
        self.carry_out(&transaction, plan, &queues, now).await?;
        transaction.commit().await?;
        Ok(ReplayPage { replayed, next })
    }
}

impl SeaStore {
    async fn known(
        &self,
        transaction: &DatabaseTransaction,
        rows: &[delivery::Model],
    ) -> Result<Known, StoreError> {
        let mut known = Known {
            streams: HashMap::new(),
            events: HashMap::new(),
            superseded: HashSet::new(),
        };
        let streams: BTreeSet<Uuid> = rows.iter().map(|row| row.stream_id).collect();
        for chunk in chunks(streams.into_iter().collect()) {
            let found = living().filter(stream::Column::Id.is_in(chunk));
            for row in found.all(transaction).await? {
                known.streams.insert(row.id, self.read_stream(row)?);
            }
        }
        let positions: BTreeSet<i64> = rows.iter().map(|row| row.event_position).collect();
        for chunk in chunks(positions.into_iter().collect()) {
            let found = event::Entity::find().filter(event::Column::Position.is_in(chunk.clone()));
            for row in found.all(transaction).await? {
                match self.accepted_event(&row) {
                    Ok(event) => _ = known.events.insert(row.position, event),
                    Err(error) => tell(&error),
                }
            }
            let latest = latest(transaction, chunk).await?;
            let is_superseded = |row: &&delivery::Model| {
                let latest = latest.get(&(row.event_position, row.stream_id));
                latest.is_some_and(|latest| row.repetition < *latest)
            };
            let superseded = rows.iter().filter(is_superseded);
            let superseded = superseded.map(|row| (row.stream_id, row.sequence));
            known.superseded.extend(superseded);
        }
        Ok(known)
    }

    fn chosen(&self, row: &delivery::Model) -> Result<Option<Subject>, CorruptRow> {
        let Some(sealed) = &row.subject else {
            return Ok(None);
        };
        let cell = subject_cell(row.stream_id, row.sequence);
        let json = cell.text(&self.sealer, sealed)?;
        let subject = Subject::read(&json).map_err(|_| cell.corrupt("it is not a subject"))?;
        Ok(Some(subject))
    }

    async fn carry_out(
        &self,
        transaction: &DatabaseTransaction,
        plan: Plan,
        queues: &BTreeMap<Uuid, stream_queue::Model>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let streams = plan.streams();
        for (stream, again) in plan.again {
            send_again(transaction, stream, again.sequences, now).await?;
            ledger::uncount_acknowledged(transaction, stream, again.acknowledged).await?;
        }
        let mut placed = Vec::with_capacity(plan.anew.len());
        let mut repetitions = HashMap::with_capacity(plan.anew.len());
        for (position, repetition, planned) in plan.anew {
            repetitions.insert(planned.jti.as_str().to_owned(), repetition);
            self.place(position, vec![planned], Hold::Obeys, &mut placed);
        }
        let mut rows = self.number(transaction, placed, now).await?;
        for row in &mut rows {
            let repetition = repetitions.get(row.jti.as_ref()).copied();
            row.repetition = Set(repetition.unwrap_or_default());
        }
        let anew = rows.len() as u64;
        let mut writes = Writes::on(transaction);
        writes.insert(rows);
        writes.run(transaction).await?;
        for stream in streams {
            let gateway = queues.get(&stream).map_or(Gateway::Held, Gateway::of);
            refresh_next_due(transaction, stream, gateway).await?;
            refresh_poll_due(transaction, stream, now).await?;
        }
        ledger::add(transaction, Total::Replayed, 0, anew).await
    }
}

fn is_dropping(queues: &BTreeMap<Uuid, stream_queue::Model>, stream: Uuid) -> bool {
    queues.get(&stream).is_some_and(|queue| queue.dropping)
}

fn place(stream: Uuid, sequence: i64) -> Result<(StreamId, u64), CorruptRow> {
    Ok((row::stream_id(stream)?, row::unsigned(sequence)))
}

/// Reads those of the deliveries, by stream and number, that a filter lets through still: what was settled meanwhile is seen
/// now. No event is forgotten whose delivery is locked.
async fn lock_rows(
    transaction: &DatabaseTransaction,
    filter: &DeliveryFilter,
    found: Vec<(Uuid, i64)>,
) -> Result<Vec<delivery::Model>, StoreError> {
    let mut rows = Vec::with_capacity(found.len());
    let Some(which) = condition(filter) else {
        return Ok(rows);
    };
    for these in these(found) {
        let locked = delivery::Entity::find()
            .filter(these)
            .filter(which.clone())
            .order_by_asc(delivery::Column::StreamId)
            .order_by_asc(delivery::Column::Sequence)
            .lock_exclusive()
            .all(transaction);
        rows.extend(locked.await?);
    }
    Ok(rows)
}

/// Locks the queues of the streams of these deliveries, in the order of their ids.
async fn lock(
    transaction: &DatabaseTransaction,
    found: &[(Uuid, i64)],
) -> Result<BTreeMap<Uuid, stream_queue::Model>, StoreError> {
    let streams: BTreeSet<Uuid> = found.iter().map(|(stream, _)| *stream).collect();
    let mut queues = BTreeMap::new();
    for chunk in chunks(streams.into_iter().collect()) {
        let locked = stream_queue::Entity::find()
            .filter(stream_queue::Column::StreamId.is_in(chunk))
            .order_by_asc(stream_queue::Column::StreamId)
            .lock_exclusive()
            .all(transaction)
            .await?;
        queues.extend(locked.into_iter().map(|row| (row.stream_id, row)));
    }
    Ok(queues)
}

/// How often each of these events was sent anew on each stream.
async fn latest(
    transaction: &DatabaseTransaction,
    positions: Vec<i64>,
) -> Result<HashMap<(i64, Uuid), i32>, StoreError> {
    let rows: Vec<(i64, Uuid, i32)> = delivery::Entity::find()
        .filter(delivery::Column::EventPosition.is_in(positions))
        .filter(delivery::Column::Repetition.gt(0))
        .select_only()
        .column(delivery::Column::EventPosition)
        .column(delivery::Column::StreamId)
        .column_as(delivery::Column::Repetition.max(), "latest")
        .group_by(delivery::Column::EventPosition)
        .group_by(delivery::Column::StreamId)
        .into_tuple()
        .all(transaction)
        .await?;
    let latest = rows.into_iter();
    Ok(latest
        .map(|(position, stream, latest)| ((position, stream), latest))
        .collect())
}

/// Makes settled deliveries of a stream pending again. Of each order key, the earliest that is pending is due, and no other.
async fn send_again(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequences: Vec<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let failed = delivery::Column::FailedBefore.into_expr();
    // The attempt that settled it is not among those that failed before; it did not bring the SET to where it is kept.
    let failed = failed
        .add(delivery::Column::Attempts.into_expr())
        .add(1_i64);
    delivery::Entity::update_many()
        .col_expr(
            delivery::Column::State,
            Expr::value(State::Pending.number()),
        )
        .col_expr(delivery::Column::FailedBefore, failed)
        .col_expr(delivery::Column::Attempts, Expr::value(0_i64))
        .col_expr(delivery::Column::KeyRefusals, Expr::value(0))
        .col_expr(delivery::Column::SettledAt, Expr::value(None::<i64>))
        .col_expr(delivery::Column::Code, Expr::value(None::<String>))
        .col_expr(delivery::Column::Description, Expr::value(None::<Vec<u8>>))
        .col_expr(delivery::Column::AnswerStatus, Expr::value(None::<i16>))
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::Sequence.is_in(sequences.clone()))
        .filter(
            Condition::any()
                .add(State::Acknowledged.is())
                .add(State::Quarantined.is()),
        )
        .exec(transaction)
        .await?;
    hold_back(transaction, stream, sequences.clone()).await?;
    promote(transaction, stream, sequences, now).await?;
    Ok(())
}

/// Lets what is due wait again for earlier ones with its order key.
async fn hold_back(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequences: Vec<i64>,
) -> Result<(), StoreError> {
    let keys: Vec<Vec<u8>> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::Sequence.is_in(sequences))
        .select_only()
        .column(delivery::Column::OrderKey)
        .distinct()
        .into_tuple()
        .all(transaction)
        .await?;
    let heads = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::OrderKey.is_in(keys.clone()))
        .filter(State::Pending.is())
        .select_only()
        .column_as(delivery::Column::Sequence.min(), "head")
        .group_by(delivery::Column::OrderKey)
        .into_query();
    delivery::Entity::update_many()
        .col_expr(delivery::Column::DueAt, Expr::value(None::<i64>))
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::OrderKey.is_in(keys))
        .filter(State::Pending.is())
        .filter(delivery::Column::Sequence.not_in_subquery(heads))
        .exec(transaction)
        .await?;
    Ok(())
}
