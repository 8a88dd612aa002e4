//! Fan-out in the very transaction that accepts.
//!
//! Where this process has the fan-out and nothing waits, an event need not be read again, marked, and wait for a second commit.
//! Whoever hands it in waits for nobody else's fan-out or stream by that: where another works on one, the event is left waiting.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query},
};
use ssf_types::{error::Chain, id::StreamId, time::Timestamp};
use tracing::error;
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    announce::Gateway,
    append::{Arrival, chunks, commit},
    entity::{event, stream_queue},
    fan_out::Interest,
    lease::{Whole, free_queues, newest, wholes},
    ledger::{self, Total},
    limited::Only,
    look::FIRST_MAX,
    number::{COUNTERS, Numbered, Queues, busy_keys, numbered, store_queues},
    recent::ReadEvent,
    row,
    unreadable::not_set_aside,
    waiting::Place,
    writes::Writes,
};
use crate::{
    domain::{delivery::Delivery, event::AcceptedEvent, fan_out::FanOut},
    failpoint::{Failpoint, reached},
    ports::{
        AtOnce, FanOutLease, FannedOut, LeasedStream, StoreError, Submission, TakenWith, Taking,
    },
};

/// Most events that are fanned out at once: whoever hands them in waits for that.
const EVENTS_MAX: usize = 256;

/// Most deliveries that they become, and most rows of interest that are looked at for that.
const DELIVERIES_MAX: usize = 256;

/// Where events are foreseen that have no position yet: behind all that have one.
const BEHIND_ALL: i64 = i64::MAX / 2;

/// What taking streams changes of their queues, and numbering before that.
const COUNTERS_AND_LEASES: [stream_queue::Column; 8] = {
    let [last_sequence, next_due, poll_due] = COUNTERS;
    [
        last_sequence,
        next_due,
        poll_due,
        stream_queue::Column::LeaseWorker,
        stream_queue::Column::LeaseEpoch,
        stream_queue::Column::LeaseUntil,
        stream_queue::Column::TakenAt,
        stream_queue::Column::ResumeAt,
    ]
};

/// What is decided about events that are behind all others.
struct Decided {
    fan_outs: Vec<FanOut>,
    interest: Interest,
    recipients: Recipients,
}

/// The streams that get something, each once. Nobody works on them.
#[derive(Default)]
struct Recipients {
    streams: Vec<StreamId>,
    queues: Queues,
    /// The same streams, where there is room to take any.
    offered: Option<(Taking, BTreeMap<Uuid, Whole>)>,
}

/// Where an event was put.
#[derive(FromQueryResult)]
struct Put {
    id: Uuid,
    position: i64,
}

impl SeaStore {
    pub(super) async fn append_at_once<D, O>(
        &self,
        submissions: Vec<Submission>,
        (now, lease): (Timestamp, FanOutLease),
        (decide, offer): (D, O),
    ) -> Result<AtOnce, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
        O: FnOnce(&[StreamId]) -> Option<Taking> + Send,
    {
        let transaction = self.begin().await?;
        self.lock_placing(&transaction, Placing::Event).await?;
        let is_idle = is_idle(&transaction, lease, now).await?;
        let (answers, arrivals) = self.admit(&transaction, submissions, now).await?;
        let decided = match is_idle {
            Some(true) => {
                let how = (decide, offer);
                self.decided_at_once(&transaction, &arrivals, how).await?
            }
            Some(false) => None,
            None => {
                self.leave_waiting(transaction, arrivals).await?;
                return Ok(AtOnce::waiting(answers, FannedOut::LeaseLost));
            }
        };
        let Some(decided) = decided else {
            self.leave_waiting(transaction, arrivals).await?;
            return Ok(AtOnce::waiting(answers, FannedOut::NOTHING));
        };
        let (rows, read) = self.dispatched_rows(arrivals, now)?;
        let positions = put(&transaction, rows).await?;
        let events: Vec<(i64, ReadEvent)> = positions.into_iter().zip(read).collect();
        let positions = events.iter().map(|(position, _)| *position);
        let decided_at = self.placed(positions.zip(decided.fan_outs).collect());
        let Recipients {
            streams,
            mut queues,
            offered,
        } = decided.recipients;
        let busy = busy_keys(&transaction, &decided_at.placed, &queues).await?;
        let idle = match &offered {
            Some(_) => idle(&queues),
            None => HashSet::new(),
        };
        let numbered = numbered(decided_at.placed, &mut queues, busy, now);
        let mut writes = Writes::on(&transaction);
        let changed: &[_] = match &offered {
            Some(_) => &COUNTERS_AND_LEASES,
            None => &COUNTERS,
        };
        let taken = offered.map(|(taking, wholes)| self.take_of(wholes, &mut queues, now, taking));
        let taken = taken.unwrap_or_default();
        store_queues(&mut writes, queues, changed);
        let skipped_and_numbered = (decided_at.skipped, &numbered[..]);
        let written = self.write_fan_outs(&mut writes, skipped_and_numbered, &decided.interest)?;
        let accepted = events.len() as u64;
        let amounts = [
            (Total::Dispatched, 0, accepted),
            (Total::Accepted, self.shard, accepted),
        ];
        ledger::add_all(&mut writes, &amounts);
        writes.run(&transaction).await?;
        reached(Failpoint::FanOut);
        commit(transaction).await?;
        if !taken.is_empty() {
            reached(Failpoint::AfterClaim);
        }
        let taken = with_due(taken, first_due(&numbered, &idle, &events));
        Ok(AtOnce {
            answers,
            fanned_out: self.fanned_out(&written, events),
            is_left: taken.len() < streams.len(),
            taken,
        })
    }

    /// The rows of events that are fanned out as they are stored, and those events.
    fn dispatched_rows(
        &self,
        arrivals: Vec<Arrival>,
        now: Timestamp,
    ) -> Result<(Vec<event::ActiveModel>, Vec<ReadEvent>), StoreError> {
        let mut rows = Vec::with_capacity(arrivals.len());
        let mut read = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let mut row = self.arrival_row(&arrival)?;
            row.dispatched_at = Set(Some(row::millis(now)));
            let stored_bytes = row.payload.as_ref().len();
            rows.push(row);
            read.push(ReadEvent {
                event: arrival.event.into(),
                stored_bytes,
            });
        }
        Ok((rows, read))
    }

    /// What is decided about events behind all others; `None` if they have to wait.
    async fn decided_at_once<D, O>(
        &self,
        transaction: &DatabaseTransaction,
        arrivals: &[Arrival],
        (mut decide, offer): (D, O),
    ) -> Result<Option<Decided>, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
        O: FnOnce(&[StreamId]) -> Option<Taking> + Send,
    {
        let is_few = (1..=EVENTS_MAX).contains(&arrivals.len());
        if !is_few {
            return Ok(None);
        }
        let foreseen = |(position, arrival): (i64, &Arrival)| {
            Place::foreseen(position, &arrival.issuer, &arrival.event)
        };
        let places: Vec<Place> = (BEHIND_ALL..).zip(arrivals).map(foreseen).collect();
        let events = arrivals.iter().map(|arrival| &arrival.event);
        let events: Vec<_> = places.iter().zip(events).collect();
        let interest = self.interest(transaction, &events).await?;
        if interest.breadth() > DELIVERIES_MAX {
            return Ok(None);
        }
        let mut fan_outs = Vec::with_capacity(events.len());
        for (place, event) in events {
            match interest.decided(place, event, &mut decide) {
                Ok(fan_out) => fan_outs.push(fan_out),
                Err(corrupt) => {
                    error!(error = %Chain(&corrupt), "an event waits for a fan-out of its own");
                    return Ok(None);
                }
            }
        }
        let deliveries: usize = fan_outs.iter().map(|fan_out| fan_out.planned.len()).sum();
        if deliveries > DELIVERIES_MAX {
            return Ok(None);
        }
        let recipients = recipients(transaction, planned_streams(&fan_outs), offer).await?;
        Ok(recipients.map(|recipients| Decided {
            fan_outs,
            interest,
            recipients,
        }))
    }
}

/// Locks streams; `None` if another works on one of them. More is read of them only where any can be taken: what cannot be read
/// of one is no reason not to accept what it gets.
async fn recipients(
    transaction: &DatabaseTransaction,
    streams: Vec<StreamId>,
    offer: impl FnOnce(&[StreamId]) -> Option<Taking>,
) -> Result<Option<Recipients>, StoreError> {
    if streams.is_empty() {
        return Ok(Some(Recipients::default()));
    }
    let ids: Vec<Uuid> = streams.iter().filter_map(row::stream_uuid).collect();
    let (queues, offered) = match offer(&streams) {
        Some(taking) => {
            let wholes = wholes(transaction, &ids).await?;
            let queues = wholes.iter().map(|(id, whole)| (*id, whole.queue.clone()));
            (queues.collect(), Some((taking, wholes)))
        }
        None => (free_queues(transaction, &ids).await?, None),
    };
    let are_free = queues.len() == streams.len();
    Ok(are_free.then_some(Recipients {
        streams,
        queues,
        offered,
    }))
}

/// The streams that get something, each once.
fn planned_streams(fan_outs: &[FanOut]) -> Vec<StreamId> {
    let planned = fan_outs.iter().flat_map(|fan_out| &fan_out.planned);
    let streams: HashSet<&StreamId> = planned.map(|planned| &planned.stream).collect();
    streams.into_iter().cloned().collect()
}

/// Those that send whatever is due, and on which nothing is.
fn idle(queues: &Queues) -> HashSet<Uuid> {
    let is_idle = |queue: &&stream_queue::Model| {
        queue.next_due.is_none() && Gateway::of(queue) == Gateway::Open
    };
    let idle = queues.values().filter(is_idle);
    idle.map(|queue| queue.stream_id).collect()
}

/// What is due first on streams that were idle before.
fn first_due(
    numbered: &[Numbered],
    idle: &HashSet<Uuid>,
    events: &[(i64, ReadEvent)],
) -> HashMap<Uuid, Vec<Delivery>> {
    let events: HashMap<i64, &ReadEvent> = events
        .iter()
        .map(|(position, read)| (*position, read))
        .collect();
    let mut all: HashMap<Uuid, Vec<Delivery>> = HashMap::new();
    for one in numbered.iter().filter(|one| one.due_at.is_some()) {
        let stream = one.placed.stream;
        let read = events.get(&one.placed.event_position);
        if let Some(read) = read.filter(|_| idle.contains(&stream)) {
            let due = all.entry(stream).or_default();
            if (due.len() as u64) < FIRST_MAX {
                due.push(one.delivery(&read.event));
            }
        }
    }
    all
}

fn with_due(
    taken: Vec<(Uuid, LeasedStream)>,
    mut due: HashMap<Uuid, Vec<Delivery>>,
) -> Vec<TakenWith> {
    let with_due = |(id, leased)| TakenWith {
        leased,
        due: due.remove(&id).unwrap_or_default(),
    };
    taken.into_iter().map(with_due).collect()
}

/// Whether no event waits that can be read; `None` if the fan-out is not ours, or another works on it. Asked once the place of
/// events among streams is locked: whatever was accepted before a stream changed is seen.
async fn is_idle(
    transaction: &DatabaseTransaction,
    held: FanOutLease,
    now: Timestamp,
) -> Result<Option<bool>, StoreError> {
    let waiting = event::Entity::find()
        .filter(event::Column::DispatchedAt.is_null())
        .filter(not_set_aside(now))
        .select_only()
        .column(event::Column::Position)
        .into_query();
    let fan_out = newest(held)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .select_only()
        .column_as(Expr::exists(waiting).not(), "is_idle");
    let is_idle: Option<bool> = fan_out.into_tuple().only(transaction).await?;
    Ok(is_idle)
}

/// Stores events, and tells their positions in the same order.
async fn put(
    transaction: &DatabaseTransaction,
    rows: Vec<event::ActiveModel>,
) -> Result<Vec<i64>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| *row.id.as_ref()).collect();
    let mut positions = HashMap::with_capacity(rows.len());
    for chunk in chunks(rows) {
        let mut insert = event::Entity::insert_many(chunk).into_query();
        insert.returning(Query::returning().columns([event::Column::Id, event::Column::Position]));
        let statement = transaction.get_database_backend().build(&insert);
        let put = Put::find_by_statement(statement).all(transaction).await?;
        positions.extend(put.into_iter().map(|put| (put.id, put.position)));
    }
    let position = |id: &Uuid| {
        let missing = || StoreError::Unavailable("an event was stored without a position".into());
        positions.get(id).copied().ok_or_else(missing)
    };
    ids.iter().map(position).collect()
}
