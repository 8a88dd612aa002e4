//! Fan-out in the very transaction that accepts.
//!
//! Where this process has the fan-out and nothing waits, an event need not be read again, marked, and wait for a second commit.
//! Whoever hands it in waits for nobody else's fan-out or stream by that: where another works on one, the event is left waiting.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, EntityTrait,
    FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{LockBehavior, LockType, Query},
};
use ssf_types::{error::Chain, id::StreamId, time::Timestamp};
use tracing::error;
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    append::{Arrival, chunks, commit_accepted},
    entity::{event, stream_queue},
    fan_out::Interest,
    ledger::Total,
    limited::first,
    recent::ReadEvent,
    row,
    unreadable::not_set_aside,
    waiting::Place,
};
use crate::{
    domain::{event::AcceptedEvent, fan_out::FanOut},
    failpoint::{Failpoint, reached},
    ports::{AtOnce, FanOutLease, FannedOut, StoreError, Submission, Taking},
};

/// Most events that are fanned out at once: whoever hands them in waits for that.
const EVENTS_MAX: usize = 256;

/// Most deliveries that they become, and most rows of interest that are looked at for that.
const DELIVERIES_MAX: usize = 256;

/// Where events are foreseen that have no position yet: behind all that have one.
const BEHIND_ALL: i64 = i64::MAX / 2;

/// What is decided about events that are behind all others.
struct Decided {
    fan_outs: Vec<FanOut>,
    interest: Interest,
    /// The streams that get something, each once.
    streams: Vec<Uuid>,
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
        O: FnOnce() -> Option<Taking> + Send,
    {
        let transaction = self.begin().await?;
        let is_ours = self.holds_free_fan_out(&transaction, lease).await?;
        self.lock_placing(&transaction, Placing::Event).await?;
        let (answers, arrivals) = self.admit(&transaction, submissions, now).await?;
        if !is_ours {
            self.leave_waiting(transaction, arrivals).await?;
            return Ok(AtOnce::waiting(answers, FannedOut::LeaseLost));
        }
        let decided = self.decided_at_once(&transaction, &arrivals, decide, now);
        let Some(decided) = decided.await? else {
            self.leave_waiting(transaction, arrivals).await?;
            return Ok(AtOnce::waiting(answers, FannedOut::NOTHING));
        };
        let accepted = arrivals.len() as u64;
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
        let streams = decided.streams;
        let positions = put(&transaction, rows).await?;
        let fan_outs = positions.iter().copied().zip(decided.fan_outs).collect();
        let written = self
            .write_fan_outs(&transaction, fan_outs, &decided.interest, now)
            .await?;
        let is_for_somebody = !streams.is_empty();
        let taken = match is_for_somebody.then(offer).flatten() {
            Some(taking) => {
                let of_these = (now, Some(&*streams));
                self.take_with(&transaction, of_these, taking).await?
            }
            None => Vec::new(),
        };
        reached(Failpoint::FanOut);
        let amounts = [
            (Total::Dispatched, 0, accepted),
            (Total::Accepted, self.shard, accepted),
        ];
        commit_accepted(transaction, &amounts).await?;
        if !taken.is_empty() {
            reached(Failpoint::AfterClaim);
        }
        let events = positions.into_iter().zip(read).collect();
        Ok(AtOnce {
            answers,
            fanned_out: self.fanned_out(&written, events),
            is_left: taken.len() < streams.len(),
            taken,
        })
    }

    /// What is decided about events behind all others; `None` if they have to wait.
    async fn decided_at_once<D>(
        &self,
        transaction: &DatabaseTransaction,
        arrivals: &[Arrival],
        mut decide: D,
        now: Timestamp,
    ) -> Result<Option<Decided>, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let is_few = (1..=EVENTS_MAX).contains(&arrivals.len());
        if !is_few || something_waits(transaction, now).await? {
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
        let streams = planned_streams(&fan_outs);
        if deliveries > DELIVERIES_MAX || !are_free(transaction, &streams).await? {
            return Ok(None);
        }
        Ok(Some(Decided {
            fan_outs,
            interest,
            streams,
        }))
    }
}

/// The streams that get something, each once.
fn planned_streams(fan_outs: &[FanOut]) -> Vec<Uuid> {
    let planned = fan_outs.iter().flat_map(|fan_out| &fan_out.planned);
    let streams: BTreeSet<Uuid> = planned
        .filter_map(|planned| row::stream_uuid(&planned.stream))
        .collect();
    streams.into_iter().collect()
}

/// Whether an event waits that can be read.
async fn something_waits(
    transaction: &DatabaseTransaction,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let waiting = event::Entity::find()
        .filter(event::Column::DispatchedAt.is_null())
        .filter(not_set_aside(now))
        .select_only()
        .columns(Place::COLUMNS);
    let found: Vec<Place> = first(waiting, 1, transaction).await?;
    Ok(!found.is_empty())
}

/// Whether nobody works on the streams that get something; they are locked then.
async fn are_free(transaction: &DatabaseTransaction, streams: &[Uuid]) -> Result<bool, StoreError> {
    // On SQLite, nobody else writes now.
    if transaction.get_database_backend() == DatabaseBackend::Sqlite {
        return Ok(true);
    }
    if streams.is_empty() {
        return Ok(true);
    }
    let free: Vec<Uuid> = stream_queue::Entity::find()
        .filter(stream_queue::Column::StreamId.is_in(row::padded(streams.to_vec())))
        .order_by_asc(stream_queue::Column::StreamId)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .select_only()
        .column(stream_queue::Column::StreamId)
        .into_tuple()
        .all(transaction)
        .await?;
    Ok(free.len() == streams.len())
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
