//! Fan-out: events become deliveries.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QueryTrait,
    Select,
    sea_query::{Expr, UnionType},
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    append::{chunks, payload_cell},
    entity::{event, fan_out_record, stream_event_type},
    fresh::FreshEvent,
    ledger::{self, Total},
    number::{COUNTERS, Numbered, Placed, busy_keys, lock_queues, numbered, store_queues},
    recent::ReadEvent,
    row,
    subjects::Listed,
    undo::without_undo,
    unreadable::set_aside,
    waiting::{Place, Waiting},
    writes::Writes,
};
use crate::{
    domain::{
        event::{AcceptedEvent, NewEvent},
        fan_out::{FanOut, SkipReason, StepMax},
        framework::Hold,
        id::EventId,
        issuer::IssuerName,
    },
    failpoint::{Failpoint, reached},
    ports::{CorruptRow, FanOutLease, FannedOut, StoreError},
};

/// So many selects of interest are one statement: one for each issuer, and one for each portion of the streams that list subjects.
const SELECTS_TOGETHER: usize = 4;

/// Whether a stream gets the events of its types that were accepted at a moment.
enum Wanted {
    Yes,
    Skipped(SkipReason),
    No,
}

fn wanted_at(interest: &stream_event_type::Model, position: i64) -> Wanted {
    if interest.after_position >= position {
        return Wanted::No;
    }
    match interest.given_up_after {
        Some(last) if last < position => Wanted::No,
        Some(_) => Wanted::Skipped(SkipReason::TypeNoLongerRequested),
        None if interest.disabled_through >= position => {
            Wanted::Skipped(SkipReason::StreamDisabled)
        }
        None => Wanted::Yes,
    }
}

/// The position of an event, and how many streams are left out of it, by the reason.
type SkippedAt = (i64, BTreeMap<&'static str, u64>);

/// What is decided about events at their positions.
pub(super) struct DecidedAt {
    pub(super) placed: Vec<Placed>,
    pub(super) skipped: Vec<SkippedAt>,
}

/// The fan-out of some events, in a transaction that is open.
pub(super) struct Written {
    /// The positions of those that go to somebody.
    sent: HashSet<i64>,
    deliveries: u64,
}

/// The streams that are interested in some events.
#[derive(Default)]
pub(super) struct Interest {
    /// By issuer and type, those that cover everybody.
    in_everybody: HashMap<String, HashMap<String, Vec<stream_event_type::Model>>>,
    /// By type and stream, those that cover the subjects that were added, if any of these events is about such a one.
    in_listed: HashMap<String, HashMap<Uuid, stream_event_type::Model>>,
    /// Whom streams list: those whom they cover, or do not cover where everybody else is.
    listed: Listed,
}

impl Interest {
    /// The streams that an event may go to, in a fixed order, and those that are left out.
    fn of(&self, event: &Place) -> Result<(Vec<StreamId>, Vec<Skipped>), CorruptRow> {
        let of_issuer = self.in_everybody.get(&event.issuer);
        let everybody = of_issuer.and_then(|types| types.get(&event.event_type));
        let in_listed = self.in_listed.get(&event.event_type);
        // A key is of one issuer, so that what is listed under the event's keys is its issuer's.
        let listed = (self.listed.of(event.position))
            .filter_map(|stream| in_listed.and_then(|streams| streams.get(&stream)));
        let mut rows: Vec<_> = everybody.into_iter().flatten().chain(listed).collect();
        rows.sort_unstable_by_key(|row| row.stream_id);
        let (mut streams, mut skipped) = (Vec::new(), Vec::new());
        for row in rows {
            let stream = row::stream_id(row.stream_id)?;
            match wanted_at(row, event.position) {
                Wanted::No => {}
                Wanted::Skipped(reason) => skipped.push((stream, reason)),
                Wanted::Yes if row.covers_all && self.listed.has(event.position, row.stream_id) => {
                    skipped.push((stream, SkipReason::SubjectRemoved));
                }
                Wanted::Yes => streams.push(stream),
            }
        }
        Ok((streams, skipped))
    }

    /// Has it decided what the streams get, and adds those that are left out.
    pub(super) fn decided(
        &self,
        place: &Place,
        event: &AcceptedEvent,
        decide: impl FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut,
    ) -> Result<FanOut, CorruptRow> {
        let (streams, mut left_out) = self.of(place)?;
        let mut fan_out = decide(event, &streams);
        fan_out.skipped.append(&mut left_out);
        Ok(fan_out)
    }

    fn extend(&mut self, rows: Vec<stream_event_type::Model>) {
        for row in rows {
            let event_type = row.event_type.clone();
            if row.covers_all {
                let of_issuer = self.in_everybody.entry(row.issuer.clone());
                let of_type = of_issuer.or_default().entry(event_type);
                of_type.or_default().push(row);
            } else {
                let of_type = self.in_listed.entry(event_type);
                of_type.or_default().insert(row.stream_id, row);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &stream_event_type::Model> {
        let in_everybody = self.in_everybody.values();
        let in_everybody = in_everybody.flat_map(HashMap::values).flatten();
        let in_listed = self.in_listed.values().flat_map(HashMap::values);
        in_everybody.chain(in_listed)
    }

    /// How many rows of interest there are: one for each stream and type.
    pub(super) fn breadth(&self) -> usize {
        self.all().count()
    }

    /// Whether some interest has ended and was kept for events that waited.
    ///
    /// That of a stream that covers nobody of whom these events are is not seen. It means nothing for later events, and goes
    /// with the next that is seen.
    fn is_given_up(&self) -> bool {
        self.all().any(|one| one.given_up_after.is_some())
    }
}

fn in_types(types: &BTreeSet<&str>) -> Select<stream_event_type::Entity> {
    let types = types.iter().copied();
    stream_event_type::Entity::find().filter(stream_event_type::Column::EventType.is_in(types))
}

type Skipped = (StreamId, SkipReason);

fn of_read((place, read): &(Place, ReadEvent)) -> (&Place, &AcceptedEvent) {
    (place, &read.event)
}

fn still_fresh((place, read): (Place, ReadEvent)) -> (Uuid, FreshEvent) {
    let event = FreshEvent {
        event: read.event.event.clone(),
        stored_bytes: read.stored_bytes,
    };
    (place.id, event)
}

impl SeaStore {
    pub(super) async fn fan_out_events<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        most: StepMax,
        mut decide: D,
    ) -> Result<FannedOut, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let transaction = self.begin().await?;
        if !self.holds_fan_out(&transaction, lease).await? {
            return Ok(FannedOut::LeaseLost);
        }
        let Waiting {
            readable: mut accepted,
            unreadable,
        } = self.waiting(&transaction, now, most.events).await?;
        if accepted.is_empty() && unreadable.is_empty() {
            // Else it would end some time later, and whoever hands events in would find the lease locked until then.
            transaction.rollback().await?;
            return Ok(FannedOut::NOTHING);
        }
        set_aside(&transaction, unreadable, now).await?;
        let events: Vec<_> = accepted.iter().map(of_read).collect();
        let interest = self.interest(&transaction, &events).await?;
        let mut decided = Vec::with_capacity(events.len());
        let mut planned = 0;
        for (place, event) in events {
            if !most.has_room(decided.len() as u64, planned) {
                break;
            }
            let fan_out = interest.decided(place, event, &mut decide)?;
            planned += fan_out.planned.len() as u64;
            decided.push((place.position, fan_out));
        }
        // The next step need not read them again.
        let left = accepted.split_off(decided.len()).into_iter();
        self.fresh.keep(left.map(still_fresh).collect());
        let positions: Vec<i64> = decided.iter().map(|(position, _)| *position).collect();
        dispatched(&transaction, positions, now).await?;
        let decided = self.placed(decided);
        let mut queues = lock_queues(&transaction, &decided.placed).await?;
        let busy = busy_keys(&transaction, &decided.placed, &queues).await?;
        let numbered = numbered(decided.placed, &mut queues, busy, now);
        let mut writes = Writes::on(&transaction);
        store_queues(&mut writes, queues, &COUNTERS);
        let written = self.write_fan_outs(&mut writes, (decided.skipped, &numbered), &interest)?;
        let count = accepted.len() as u64;
        ledger::add_all(&mut writes, &[(Total::Dispatched, 0, count)]);
        writes.run(&transaction).await?;
        reached(Failpoint::FanOut);
        transaction.commit().await?;
        let events = accepted
            .into_iter()
            .map(|(place, read)| (place.position, read));
        Ok(self.fanned_out(&written, events.collect()))
    }

    /// Places what is decided about events, which are in the order of their positions.
    pub(super) fn placed(&self, decided: Vec<(i64, FanOut)>) -> DecidedAt {
        let mut placed = Vec::new();
        let mut skipped = Vec::with_capacity(decided.len());
        for (position, fan_out) in decided {
            skipped.push((position, counted(&fan_out)));
            self.place(position, fan_out.planned, Hold::Obeys, &mut placed);
        }
        DecidedAt { placed, skipped }
    }

    /// Has deliveries and records written. That the events were fanned out is still to be counted.
    pub(super) fn write_fan_outs(
        &self,
        writes: &mut Writes,
        (skipped, numbered): (Vec<SkippedAt>, &[Numbered]),
        interest: &Interest,
    ) -> Result<Written, StoreError> {
        let last = skipped.last().map(|(last, _)| *last);
        let matched = numbered.iter().map(|one| one.placed.event_position);
        record(writes, skipped, matched.clone())?;
        writes.insert(self.delivery_rows(numbered)?);
        if let Some(last) = last.filter(|_| interest.is_given_up()) {
            forget_given_up(writes, last);
        }
        Ok(Written {
            sent: matched.collect(),
            deliveries: numbered.len() as u64,
        })
    }

    /// What was written is committed: remembers, by position, those of the events that are about to be sent.
    pub(super) fn fanned_out(&self, written: &Written, events: Vec<(i64, ReadEvent)>) -> FannedOut {
        let count = events.len() as u64;
        self.added_deliveries(written.deliveries);
        for (position, read) in events {
            if written.sent.contains(&position) {
                self.recent.keep(position, read);
            }
        }
        FannedOut::Done {
            events: count,
            deliveries: written.deliveries,
        }
    }

    /// What the fan-out of an event would be that was accepted behind all others.
    pub(super) async fn foreseen<D>(
        &self,
        transaction: &DatabaseTransaction,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        decide: D,
    ) -> Result<FanOut, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        // Whatever was changed before counts for the greatest position, and what has ended does not.
        let place = Place::foreseen(i64::MAX, issuer, event);
        self.decided_at(transaction, &place, event, decide).await
    }

    /// What is decided about an event at its place, as its fan-out would.
    pub(super) async fn decided_at<D>(
        &self,
        transaction: &DatabaseTransaction,
        place: &Place,
        event: &AcceptedEvent,
        decide: D,
    ) -> Result<FanOut, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let interest = self.interest(transaction, &[(place, event)]).await?;
        Ok(interest.decided(place, event, decide)?)
    }

    /// Who is interested in these events, read in the transaction that fans them out.
    pub(super) async fn interest(
        &self,
        transaction: &DatabaseTransaction,
        events: &[(&Place, &AcceptedEvent)],
    ) -> Result<Interest, StoreError> {
        let mut interest = Interest {
            listed: self.listed(transaction, events).await?,
            ..Interest::default()
        };
        let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (place, _) in events {
            let of_issuer = types.entry(&place.issuer).or_default();
            of_issuer.insert(&place.event_type);
        }
        let in_everybody = types.iter().map(|(issuer, types)| {
            in_types(types)
                .filter(stream_event_type::Column::Issuer.eq(*issuer))
                .filter(stream_event_type::Column::CoversAll.eq(true))
        });
        let types: BTreeSet<&str> = types.values().flatten().copied().collect();
        let listed = chunks(interest.listed.streams().into_iter().collect());
        let in_listed = listed.map(|streams| {
            in_types(&types)
                .filter(stream_event_type::Column::StreamId.is_in(streams))
                .filter(stream_event_type::Column::CoversAll.eq(false))
        });
        let selects: Vec<_> = in_everybody.chain(in_listed).collect();
        for selects in selects.chunks(SELECTS_TOGETHER) {
            let selects = selects.iter().cloned().map(QueryTrait::into_query);
            let all = selects.reduce(|mut all, other| {
                all.union(UnionType::All, other);
                all
            });
            if let Some(all) = all {
                let rows = self.backend().build(&all);
                let rows = stream_event_type::Model::find_by_statement(rows);
                interest.extend(rows.all(transaction).await?);
            }
        }
        Ok(interest)
    }

    /// Reads an event as it was accepted.
    pub(super) fn accepted_event(&self, row: &event::Model) -> Result<AcceptedEvent, CorruptRow> {
        self.opened_event(row.id, &row.payload, row.accepted_at)
    }

    /// Reads an event from what was stored of it.
    pub(super) fn opened_event(
        &self,
        id: Uuid,
        payload: &[u8],
        accepted_at: i64,
    ) -> Result<AcceptedEvent, CorruptRow> {
        let cell = payload_cell(id);
        let json = cell.text(&self.sealer, payload)?;
        let event = NewEvent::read_stored(&json)
            .map_err(|_| cell.corrupt("it is not an event any more"))?;
        let accepted_at = row::moment(accepted_at);
        Ok(AcceptedEvent::new(EventId::new(id), accepted_at, event))
    }
}

fn counted(fan_out: &FanOut) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for (_, reason) in &fan_out.skipped {
        *counts.entry(reason.as_str()).or_default() += 1;
    }
    counts
}

/// Has it written down what became of each event.
pub(super) fn record(
    writes: &mut Writes,
    skipped: Vec<SkippedAt>,
    matched: impl Iterator<Item = i64>,
) -> Result<(), StoreError> {
    let mut streams: HashMap<i64, i64> = HashMap::new();
    for position in matched {
        *streams.entry(position).or_default() += 1;
    }
    let mut rows = Vec::with_capacity(skipped.len());
    for (position, reasons) in skipped {
        rows.push(fan_out_record::ActiveModel {
            event_position: Set(position),
            matched: Set(streams.get(&position).copied().unwrap_or_default()),
            skipped: Set(row::json(&reasons)?),
        });
    }
    writes.insert(rows);
    Ok(())
}

async fn dispatched(
    transaction: &DatabaseTransaction,
    positions: Vec<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in chunks(positions) {
        let update = event::Entity::update_many()
            .col_expr(event::Column::DispatchedAt, Expr::value(row::millis(now)))
            .filter(event::Column::Position.is_in(chunk));
        without_undo(update, transaction).await?;
    }
    Ok(())
}

/// Forgets the interest that ended with an event, or before: they are fanned out in the order of their positions, and all
/// that were accepted before an interest was given up were there then. One that was set aside meanwhile finds none.
fn forget_given_up(writes: &mut Writes, last: i64) {
    let forget = stream_event_type::Entity::delete_many()
        .filter(stream_event_type::Column::GivenUpAfter.lte(last));
    writes.add(&forget.into_query());
}
