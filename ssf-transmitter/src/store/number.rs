//! Deliveries get their numbers, from the counters of their streams.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, sea_query::OnConflict,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    append::chunks,
    entity::{delivery, stream_queue},
    outbox::State,
    row::{self, Cell},
    writes::Writes,
};
use crate::{
    domain::{
        delivery::{Delivery, Offer},
        event::AcceptedEvent,
        fan_out::PlannedDelivery,
        framework::Hold,
        id::Fingerprint,
    },
    ports::StoreError,
};

/// A delivery that has its stream's row and its event, and no number yet.
pub(super) struct Placed {
    pub(super) stream: Uuid,
    pub(super) event_position: i64,
    order_key: Fingerprint,
    pub(super) planned: PlannedDelivery,
    hold: Hold,
}

/// The same with its number, and from when on it is due, unless it has to wait for another.
pub(super) struct Numbered {
    pub(super) placed: Placed,
    pub(super) sequence: i64,
    pub(super) due_at: Option<i64>,
}

impl Numbered {
    /// As it is read where it is due.
    pub(super) fn delivery(&self, event: &Arc<AcceptedEvent>) -> Delivery {
        let planned = &self.placed.planned;
        let sub_id = planned.chosen.as_ref().unwrap_or(&event.event.sub_id);
        let iat = row::moment(row::millis(planned.iat));
        let mut delivery = Delivery::new(
            row::unsigned(self.sequence),
            planned.jti.clone(),
            iat,
            sub_id.clone(),
            Arc::clone(event),
        );
        delivery.offer = self.placed.hold.offer();
        delivery
    }
}

/// How far streams are, whose rows are locked.
pub(super) type Queues = BTreeMap<Uuid, stream_queue::Model>;

/// What numbering changes of a queue.
pub(super) const COUNTERS: [stream_queue::Column; 3] = [
    stream_queue::Column::LastSequence,
    stream_queue::Column::NextDue,
    stream_queue::Column::PollDue,
];

/// Order keys by their streams.
pub(super) type OrderKeys = HashSet<(Uuid, Vec<u8>)>;

impl SeaStore {
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

    /// Numbers deliveries, and keeps the counters; their rows are still to be stored.
    pub(super) async fn number(
        &self,
        transaction: &DatabaseTransaction,
        placed: Vec<Placed>,
        now: Timestamp,
    ) -> Result<Vec<delivery::ActiveModel>, StoreError> {
        let mut queues = lock_queues(transaction, &placed).await?;
        let busy = busy_keys(transaction, &placed, &queues).await?;
        let numbered = numbered(placed, &mut queues, busy, now);
        let mut writes = Writes::on(transaction);
        store_queues(&mut writes, queues, &COUNTERS);
        writes.run(transaction).await?;
        self.delivery_rows(&numbered)
    }

    pub(super) fn delivery_rows(
        &self,
        numbered: &[Numbered],
    ) -> Result<Vec<delivery::ActiveModel>, StoreError> {
        numbered.iter().map(|one| self.delivery_row(one)).collect()
    }

    fn delivery_row(&self, numbered: &Numbered) -> Result<delivery::ActiveModel, StoreError> {
        let Numbered {
            placed,
            sequence,
            due_at,
        } = numbered;
        let cell = subject_cell(placed.stream, *sequence);
        let subject = match &placed.planned.chosen {
            Some(subject) => Some(cell.seal(&self.sealer, row::json(subject)?.as_bytes())),
            None => None,
        };
        Ok(delivery::ActiveModel {
            stream_id: Set(placed.stream),
            sequence: Set(*sequence),
            event_position: Set(placed.event_position),
            jti: Set(placed.planned.jti.as_str().to_owned()),
            iat: Set(row::millis(placed.planned.iat)),
            subject: Set(subject),
            order_key: Set(placed.order_key.as_bytes().to_vec()),
            state: Set(State::Pending.number()),
            attempts: Set(0),
            due_at: Set(*due_at),
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
}

/// Numbers deliveries from the counters of their streams, and says which are due and which have to wait.
///
/// A stream that was deleted in the meantime has no counter: it gets nothing.
pub(super) fn numbered(
    placed: Vec<Placed>,
    queues: &mut Queues,
    mut busy: OrderKeys,
    now: Timestamp,
) -> Vec<Numbered> {
    let now = row::millis(now);
    let mut all = Vec::with_capacity(placed.len());
    for placed in placed {
        let Some(queue) = queues.get_mut(&placed.stream) else {
            continue;
        };
        queue.last_sequence += 1;
        let is_first = busy.insert((placed.stream, placed.order_key.as_bytes().to_vec()));
        let due_at = is_first.then_some(now);
        if due_at.is_some() && (placed.hold.passes() || !queue.held) {
            let due = if queue.polled {
                &mut queue.poll_due
            } else {
                &mut queue.next_due
            };
            *due = Some(due.map_or(now, |next| next.min(now)));
        }
        all.push(Numbered {
            placed,
            sequence: queue.last_sequence,
            due_at,
        });
    }
    all
}

/// The cell of the subject that was chosen for a delivery.
pub(super) fn subject_cell(stream: Uuid, sequence: i64) -> Cell {
    Cell::new("delivery", "subject", format!("{stream}/{sequence}"))
}

/// Locks the counters of all streams that get something, in the order of their ids, so that nobody waits in a circle.
pub(super) async fn lock_queues(
    transaction: &DatabaseTransaction,
    placed: &[Placed],
) -> Result<Queues, StoreError> {
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

/// Whether all that a stream has numbered is acknowledged or dropped.
fn is_done(queue: &stream_queue::Model) -> bool {
    queue.last_sequence == queue.acknowledged_total + queue.dropped_total
}

/// The order keys under which something is pending already.
pub(super) async fn busy_keys(
    transaction: &DatabaseTransaction,
    placed: &[Placed],
    queues: &Queues,
) -> Result<OrderKeys, StoreError> {
    let is_done = |one: &&Placed| queues.get(&one.stream).is_none_or(is_done);
    let placed: Vec<&Placed> = placed.iter().filter(|one| !is_done(one)).collect();
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

/// Writes `changed` columns of queues back; the rows are there and locked.
pub(super) fn store_queues(writes: &mut Writes, queues: Queues, changed: &[stream_queue::Column]) {
    let changed = OnConflict::column(stream_queue::Column::StreamId)
        .update_columns(changed.iter().copied())
        .to_owned();
    let queues = queues.into_values();
    let rows: Vec<_> = queues.map(stream_queue::Model::into_active_model).collect();
    for chunk in chunks(rows) {
        let insert = stream_queue::Entity::insert_many(chunk).on_conflict(changed.clone());
        writes.add(&insert.into_query());
    }
}
