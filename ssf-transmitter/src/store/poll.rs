//! Polls: what a Receiver says about its SETs, and what it gets, in one transaction.
//!
//! What is handed out stays due: a row for each answer says which SETs are with the Receiver, and until when, so that
//! handing out a hundred SETs writes one row.

mod answers;
mod due;
mod picked;

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QuerySelect,
};
use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
};
use uuid::Uuid;

pub(super) use self::due::{follow_method, refresh_poll_due};
use self::{answers::Answers, due::set_poll_due};
use super::{
    SeaStore,
    announce::open_if_announced,
    deliver::of_pending,
    due_row::DueRow,
    entity::{delivery, event, stream, stream_queue},
    ledger::count_acknowledged,
    limited::Only,
    outbox::State,
    row,
    streams::living,
    tend::delivered,
};
use crate::{
    domain::{
        attempt::Attempt,
        delivery::DeliveryState,
        id::{AnswerId, ReceiverId},
    },
    ports::{CorruptRow, PollSettled, PollStep, PollStore, Polled, Settlement, StoreError},
};

/// What a look without a lock tells.
enum Glance {
    Nothing,
    Something,
    NotFound,
}

/// Most values of one `IN`: a power of two.
const NAMED_TOGETHER: usize = 512;

impl PollStore for SeaStore {
    async fn poll(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        step: PollStep,
        now: Timestamp,
    ) -> Result<Polled, StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(Polled::NotFound);
        };
        if step.settled.is_empty() {
            // Most polls come for nothing, and shall not queue for the one connection that writes.
            match self.glance(receiver, uuid, now).await? {
                Glance::Nothing => return Ok(nothing()),
                Glance::NotFound => return Ok(Polled::NotFound),
                Glance::Something => {}
            }
        }
        let transaction = self.begin().await?;
        let locked = self.lock_own_stream(&transaction, receiver, uuid).await?;
        let Some((queue, stream)) = locked.filter(|(queue, _)| queue.polled) else {
            return Ok(Polled::NotFound);
        };
        let (settled, sequences) = self
            .settle_named(&transaction, uuid, &step.settled, now)
            .await?;
        if !sequences.is_empty() {
            delivered(&transaction, &queue, now).await?;
        }
        let gateway = open_if_announced(&transaction, &queue).await?;
        let mut out = Answers::of(&transaction, uuid, &sequences, now).await?;
        let picked = self
            .pick(&transaction, (uuid, gateway), &out, &step, now)
            .await?;
        out.add(&transaction, uuid, &step, &picked.rows).await?;
        count_announcements(&transaction, uuid, &picked.rows).await?;
        let due = picked.more_available.then_some(row::millis(now));
        let moments = [due, out.first_end()];
        set_poll_due(&transaction, (uuid, gateway), moments, now).await?;
        transaction.commit().await?;
        Ok(Polled::Done {
            settled,
            deliveries: self.joined(uuid, picked.rows, picked.events, now).await?,
            more_available: picked.more_available,
            signing_alg: stream.signing_alg,
            epoch: stream.sequence_epoch,
        })
    }

    async fn take_back(
        &self,
        id: &StreamId,
        answer: AnswerId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(());
        };
        let transaction = self.begin().await?;
        // The row of the queue is what every step of a stream locks first.
        stream_queue::Entity::find_by_id(uuid)
            .lock_exclusive()
            .only(&transaction)
            .await?;
        answers::forget(&transaction, uuid, answer).await?;
        refresh_poll_due(&transaction, uuid, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn pollable(
        &self,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<StreamId>, StoreError> {
        let streams: Vec<Uuid> = stream_queue::Entity::find()
            .filter(stream_queue::Column::PollDue.gt(row::millis(since)))
            .filter(stream_queue::Column::PollDue.lte(row::millis(now)))
            .select_only()
            .column(stream_queue::Column::StreamId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let ids: Result<_, CorruptRow> = streams.into_iter().map(row::stream_id).collect();
        Ok(ids?)
    }
}

fn nothing() -> Polled {
    Polled::Done {
        settled: PollSettled::default(),
        deliveries: Vec::new(),
        more_available: false,
        signing_alg: None,
        epoch: None,
    }
}

impl SeaStore {
    async fn glance(
        &self,
        receiver: ReceiverId,
        uuid: Uuid,
        now: Timestamp,
    ) -> Result<Glance, StoreError> {
        let owned = living()
            .filter(stream::Column::Id.eq(uuid))
            .filter(stream::Column::ReceiverId.eq(receiver.uuid()))
            .count(&self.reader)
            .await?;
        let queue = stream_queue::Entity::find_by_id(uuid)
            .filter(stream_queue::Column::Polled.eq(true))
            .only(&self.reader)
            .await?;
        let Some(queue) = queue.filter(|_| owned > 0) else {
            return Ok(Glance::NotFound);
        };
        match queue.poll_due {
            Some(due) if due <= row::millis(now) => Ok(Glance::Something),
            Some(_) | None => Ok(Glance::Nothing),
        }
    }

    /// Settles those of the named SETs that are pending on this very stream, and tells their numbers.
    async fn settle_named(
        &self,
        transaction: &DatabaseTransaction,
        stream: Uuid,
        named: &BTreeMap<Jti, DeliveryState>,
        now: Timestamp,
    ) -> Result<(PollSettled, HashSet<i64>), StoreError> {
        let pending = pending(transaction, stream, named.keys()).await?;
        let own = |(jti, _): &(&Jti, &DeliveryState)| pending.contains_key(jti.as_str());
        let mut settled = PollSettled::count(named.len(), named.iter().filter(own));
        settled.accepted_at = self.accepted_at(transaction, &pending, named).await?;
        let settlement = |(jti, state): (&Jti, &DeliveryState)| {
            pending.get(jti.as_str()).map(|pending| Settlement {
                sequence: row::unsigned(pending.sequence),
                state: state.clone(),
                answer: Attempt::polled(state),
            })
        };
        let settlements: Vec<Settlement> = named.iter().filter_map(settlement).collect();
        let acknowledged = self
            .store_settlements(transaction, stream, &settlements, now)
            .await?;
        count_acknowledged(transaction, stream, acknowledged).await?;
        let sequences = settlements.iter().map(|one| row::signed(one.sequence));
        Ok((settled, sequences.collect()))
    }

    /// When the events of those SETs were accepted that are acknowledged now.
    async fn accepted_at(
        &self,
        transaction: &DatabaseTransaction,
        pending: &HashMap<String, Pending>,
        named: &BTreeMap<Jti, DeliveryState>,
    ) -> Result<Vec<Timestamp>, StoreError> {
        let is_acknowledged = |state: &DeliveryState| match state {
            DeliveryState::Acknowledged { .. } => true,
            DeliveryState::Pending { .. }
            | DeliveryState::Quarantined { .. }
            | DeliveryState::Dropped { .. } => false,
        };
        let acknowledged = named.iter().filter(|(_, state)| is_acknowledged(state));
        let acknowledged = acknowledged.filter_map(|(jti, _)| pending.get(jti.as_str()));
        let (mut moments, mut others) = (Vec::new(), Vec::new());
        for one in acknowledged {
            match self.recent.accepted_at(one.event_position) {
                Some(moment) => moments.push(moment),
                None => others.push(one.event_position),
            }
        }
        for some in others.chunks(NAMED_TOGETHER) {
            let found: Vec<i64> = event::Entity::find()
                .filter(event::Column::Position.is_in(row::padded(some.to_vec())))
                .select_only()
                .column(event::Column::AcceptedAt)
                .into_tuple()
                .all(transaction)
                .await?;
            moments.extend(found.into_iter().map(row::moment));
        }
        Ok(moments)
    }
}

/// A SET that a poll names, and that is pending.
struct Pending {
    sequence: i64,
    event_position: i64,
}

/// Those of the named SETs that are pending on the stream.
async fn pending(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    named: impl Iterator<Item = &Jti>,
) -> Result<HashMap<String, Pending>, StoreError> {
    let mut pending = HashMap::new();
    let named: Vec<&str> = named.map(Jti::as_str).collect();
    for some in named.chunks(NAMED_TOGETHER) {
        let found: Vec<(String, i64, i64)> = delivery::Entity::find()
            .filter(delivery::Column::StreamId.eq(stream))
            .filter(delivery::Column::Jti.is_in(row::padded(some.to_vec())))
            .filter(State::Pending.is())
            .select_only()
            .column(delivery::Column::Jti)
            .column(delivery::Column::Sequence)
            .column(delivery::Column::EventPosition)
            .into_tuple()
            .all(transaction)
            .await?;
        pending.extend(found.into_iter().map(|(jti, sequence, event_position)| {
            let found = Pending {
                sequence,
                event_position,
            };
            (jti, found)
        }));
    }
    Ok(pending)
}

/// Counts the offer of an announcement as an attempt: what is held waits for it, but not without end.
async fn count_announcements(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    rows: &[DueRow],
) -> Result<(), StoreError> {
    let announcements: Vec<i64> = rows
        .iter()
        .filter(|row| row.passes_hold)
        .map(|row| row.sequence)
        .collect();
    if announcements.is_empty() {
        return Ok(());
    }
    of_pending(stream)
        .filter(delivery::Column::Sequence.is_in(announcements))
        .col_expr(
            delivery::Column::Attempts,
            delivery::Column::Attempts.into_expr().add(1),
        )
        .exec(transaction)
        .await?;
    Ok(())
}
