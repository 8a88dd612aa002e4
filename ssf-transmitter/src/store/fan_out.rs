//! Fan-out: events become deliveries.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, OnConflict},
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    append::{chunks, payload_cell},
    entity::{delivery, event, fan_out_record, stream_event_type, stream_queue},
    fresh::FreshEvent,
    ledger::{self, Total},
    outbox::State,
    recent::ReadEvent,
    row::{self, Cell},
    subjects::Listed,
    undo::without_undo,
    unreadable::set_aside,
    waiting::{Place, Waiting},
};
use crate::{
    domain::{
        delivery::Offer,
        event::{AcceptedEvent, NewEvent},
        fan_out::{FanOut, PlannedDelivery, SkipReason, StepMax},
        framework::Hold,
        id::{EventId, Fingerprint},
        issuer::IssuerName,
    },
    failpoint::{Failpoint, reached},
    ports::{CorruptRow, FanOutLease, FannedOut, StoreError},
};

/// A delivery that has its stream's row and its event, and no number yet.
pub(super) struct Placed {
    stream: Uuid,
    event_position: i64,
    order_key: Fingerprint,
    planned: PlannedDelivery,
    hold: Hold,
}

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
        let written = self
            .write_fan_outs(&transaction, decided, &interest, now)
            .await?;
        ledger::add(&transaction, Total::Dispatched, 0, accepted.len() as u64).await?;
        reached(Failpoint::FanOut);
        transaction.commit().await?;
        let events = accepted
            .into_iter()
            .map(|(place, read)| (place.position, read));
        Ok(self.fanned_out(&written, events.collect()))
    }

    /// Writes what is decided about events, in the order of their positions: deliveries and records. That they were fanned out
    /// is still to be counted.
    pub(super) async fn write_fan_outs(
        &self,
        transaction: &DatabaseTransaction,
        decided: Vec<(i64, FanOut)>,
        interest: &Interest,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let last = decided.last().map(|(last, _)| *last);
        let mut placed = Vec::new();
        let mut skipped = Vec::with_capacity(decided.len());
        for (position, fan_out) in decided {
            skipped.push((position, counted(&fan_out)));
            self.place(position, fan_out.planned, Hold::Obeys, &mut placed);
        }
        let deliveries = self.number(transaction, &placed, now).await?;
        let matched = deliveries.iter().map(|row| *row.event_position.as_ref());
        record(transaction, skipped, matched).await?;
        let count = deliveries.len() as u64;
        for chunk in chunks(deliveries) {
            delivery::Entity::insert_many(chunk)
                .exec_without_returning(transaction)
                .await?;
        }
        if interest.is_given_up() {
            forget_given_up(transaction, last).await?;
        }
        Ok(Written {
            sent: placed.iter().map(|one| one.event_position).collect(),
            deliveries: count,
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
            types
                .entry(&place.issuer)
                .or_default()
                .insert(&place.event_type);
        }
        for (issuer, types) in &types {
            let rows = stream_event_type::Entity::find()
                .filter(stream_event_type::Column::Issuer.eq(*issuer))
                .filter(stream_event_type::Column::EventType.is_in(types.iter().copied()))
                .filter(stream_event_type::Column::CoversAll.eq(true))
                .all(transaction);
            let of_issuer = interest.in_everybody.entry((*issuer).to_owned());
            let of_issuer = of_issuer.or_default();
            for row in rows.await? {
                of_issuer
                    .entry(row.event_type.clone())
                    .or_default()
                    .push(row);
            }
        }
        let types: BTreeSet<&str> = types.into_values().flatten().collect();
        for chunk in chunks(interest.listed.streams().into_iter().collect()) {
            let rows = stream_event_type::Entity::find()
                .filter(stream_event_type::Column::EventType.is_in(types.iter().copied()))
                .filter(stream_event_type::Column::StreamId.is_in(chunk))
                .filter(stream_event_type::Column::CoversAll.eq(false))
                .all(transaction);
            for row in rows.await? {
                let of_type = interest.in_listed.entry(row.event_type.clone());
                of_type.or_default().insert(row.stream_id, row);
            }
        }
        Ok(interest)
    }

    pub(super) fn place(
        &self,
        position: i64,
        planned: Vec<PlannedDelivery>,
        hold: Hold,
        placed: &mut Vec<Placed>,
    ) {
        for planned in planned {
            // The decision is about streams that it was given, and those have UUIDs.
            if let Some(stream) = row::stream_uuid(&planned.stream) {
                let order = planned.order.expose().as_bytes();
                placed.push(Placed {
                    stream,
                    event_position: position,
                    order_key: self.sealer.fingerprint("delivery.order_key", order),
                    planned,
                    hold,
                });
            }
        }
    }

    /// Numbers deliveries from the counters of their streams, and says which are due and which have to wait.
    ///
    /// A stream that was deleted in the meantime has no counter: it gets nothing.
    pub(super) async fn number(
        &self,
        transaction: &DatabaseTransaction,
        placed: &[Placed],
        now: Timestamp,
    ) -> Result<Vec<delivery::ActiveModel>, StoreError> {
        let mut queues = lock_queues(transaction, placed).await?;
        let mut busy = busy_keys(transaction, placed).await?;
        let now = row::millis(now);
        let mut rows = Vec::with_capacity(placed.len());
        for one in placed {
            let Some(queue) = queues.get_mut(&one.stream) else {
                continue;
            };
            queue.last_sequence += 1;
            let is_first = busy.insert((one.stream, one.order_key.as_bytes().to_vec()));
            let due_at = is_first.then_some(now);
            if due_at.is_some() && (one.hold.passes() || !queue.held) {
                let due = if queue.polled {
                    &mut queue.poll_due
                } else {
                    &mut queue.next_due
                };
                *due = Some(due.map_or(now, |next| next.min(now)));
            }
            rows.push(self.delivery_row(one, queue.last_sequence, due_at)?);
        }
        store_queues(transaction, queues).await?;
        Ok(rows)
    }

    fn delivery_row(
        &self,
        placed: &Placed,
        sequence: i64,
        due_at: Option<i64>,
    ) -> Result<delivery::ActiveModel, StoreError> {
        let cell = subject_cell(placed.stream, sequence);
        let subject = match &placed.planned.chosen {
            Some(subject) => Some(cell.seal(&self.sealer, row::json(subject)?.as_bytes())),
            None => None,
        };
        Ok(delivery::ActiveModel {
            stream_id: Set(placed.stream),
            sequence: Set(sequence),
            event_position: Set(placed.event_position),
            jti: Set(placed.planned.jti.as_str().to_owned()),
            iat: Set(row::millis(placed.planned.iat)),
            subject: Set(subject),
            order_key: Set(placed.order_key.as_bytes().to_vec()),
            state: Set(State::Pending.number()),
            attempts: Set(0),
            due_at: Set(due_at),
            settled_at: Set(None),
            code: Set(None),
            description: Set(None),
            passes_hold: Set(placed.hold.passes()),
            key_refusals: Set(0),
            offered_once: Set(placed.hold.offer() == Offer::Once),
            answer_status: Set(None),
            repetition: Set(0),
            failed_before: Set(0),
        })
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

/// The cell of the subject that was chosen for a delivery.
pub(super) fn subject_cell(stream: Uuid, sequence: i64) -> Cell {
    Cell::new("delivery", "subject", format!("{stream}/{sequence}"))
}

/// Locks the counters of all streams that get something, in the order of their ids, so that nobody waits in a circle.
async fn lock_queues(
    transaction: &DatabaseTransaction,
    placed: &[Placed],
) -> Result<BTreeMap<Uuid, stream_queue::Model>, StoreError> {
    let streams: BTreeSet<Uuid> = placed.iter().map(|placed| placed.stream).collect();
    let mut queues = BTreeMap::new();
    for chunk in chunks(streams.into_iter().collect()) {
        let rows = stream_queue::Entity::find()
            .filter(stream_queue::Column::StreamId.is_in(chunk))
            .order_by_asc(stream_queue::Column::StreamId)
            .lock_exclusive()
            .all(transaction)
            .await?;
        queues.extend(rows.into_iter().map(|row| (row.stream_id, row)));
    }
    Ok(queues)
}

/// The order keys, by stream, under which something is pending already.
async fn busy_keys(
    transaction: &DatabaseTransaction,
    placed: &[Placed],
) -> Result<HashSet<(Uuid, Vec<u8>)>, StoreError> {
    let keys: BTreeSet<Fingerprint> = placed.iter().map(|placed| placed.order_key).collect();
    let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    let streams: BTreeSet<Uuid> = placed.iter().map(|placed| placed.stream).collect();
    let mut busy = HashSet::new();
    for chunk in chunks(streams.into_iter().collect()) {
        let pending: Vec<(Uuid, Vec<u8>)> = delivery::Entity::find()
            .filter(State::Pending.is())
            .filter(delivery::Column::OrderKey.is_in(keys.clone()))
            .filter(delivery::Column::StreamId.is_in(chunk))
            .select_only()
            .column(delivery::Column::StreamId)
            .column(delivery::Column::OrderKey)
            .distinct()
            .into_tuple()
            .all(transaction)
            .await?;
        busy.extend(pending);
    }
    Ok(busy)
}

/// Writes the counters back; the rows are there and locked.
async fn store_queues(
    transaction: &DatabaseTransaction,
    queues: BTreeMap<Uuid, stream_queue::Model>,
) -> Result<(), StoreError> {
    let counters = OnConflict::column(stream_queue::Column::StreamId)
        .update_columns([
            stream_queue::Column::LastSequence,
            stream_queue::Column::NextDue,
            stream_queue::Column::PollDue,
        ])
        .to_owned();
    let rows: Vec<stream_queue::ActiveModel> = queues
        .into_values()
        .map(stream_queue::Model::into_active_model)
        .collect();
    for chunk in chunks(rows) {
        stream_queue::Entity::insert_many(chunk)
            .on_conflict(counters.clone())
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

fn counted(fan_out: &FanOut) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for (_, reason) in &fan_out.skipped {
        *counts.entry(reason.as_str()).or_default() += 1;
    }
    counts
}

/// Writes down what became of each event.
pub(super) async fn record(
    transaction: &DatabaseTransaction,
    skipped: Vec<(i64, BTreeMap<&'static str, u64>)>,
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
    for chunk in chunks(rows) {
        fan_out_record::Entity::insert_many(chunk)
            .exec_without_returning(transaction)
            .await?;
    }
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
async fn forget_given_up(
    transaction: &DatabaseTransaction,
    last: Option<i64>,
) -> Result<(), StoreError> {
    let Some(last) = last else {
        return Ok(());
    };
    stream_event_type::Entity::delete_many()
        .filter(stream_event_type::Column::GivenUpAfter.lte(last))
        .exec(transaction)
        .await?;
    Ok(())
}
