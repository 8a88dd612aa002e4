//! Changing a stream at an exact place among the events.
//!
//! A change takes the lock of the fan-out and that of placing, in this order, before it reads the stream: no event is
//! fanned out or committed meanwhile, so that every event is either before the change or after it.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use ssf_types::{id::StreamId, metadata::DefaultSubjects, time::Timestamp, uri::EventTypeUri};
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    circuit::{close_circuit, forget_key_refusals},
    deliver::refresh_next_due,
    dropped::Owned,
    entity::{event, stream, stream_event_type, stream_queue},
    hold::follow_status,
    limited::Only,
    lost_lease::{self, owners, take_lease_away},
    ordered::drop_all,
    poll::{follow_method, refresh_poll_due},
    row,
};
use crate::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        circuit::{Decider, closes_circuit},
        dropped::DropReason,
        id::ReceiverId,
        issuer::IssuerName,
        stream::Stream,
    },
    ports::{ChangedStream, StoreError},
};

/// Whose streams exist for whoever asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose<'a> {
    /// Those of one Receiver, which asks.
    Receiver(ReceiverId),
    /// Those of all Receivers of one issuer: the Transmitter itself asks.
    Issuer(&'a IssuerName),
}

impl Whose<'_> {
    pub(super) fn condition(self) -> Condition {
        let living = Condition::all().add(stream::Column::EndedAt.is_null());
        match self {
            Self::Receiver(id) => living.add(stream::Column::ReceiverId.eq(id.uuid())),
            Self::Issuer(name) => living.add(stream::Column::Issuer.eq(name.as_str())),
        }
    }

    fn decider(self) -> Decider {
        match self {
            Self::Receiver(_) => Decider::Receiver,
            Self::Issuer(_) => Decider::Transmitter,
        }
    }
}

impl SeaStore {
    pub(super) async fn change_stream_of<F, E>(
        &self,
        whose: Whose<'_>,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream, Circumstances) -> Result<StatusDecision, E> + Send,
        E: Send,
    {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(ChangedStream::NotFound);
        };
        let transaction = self.begin_change().await?;
        let locked = self.lock_stream(&transaction, whose, uuid).await?;
        let Some((queue, before)) = locked else {
            return Ok(ChangedStream::NotFound);
        };
        let circumstances = Circumstances {
            active_at: queue.active_at.map(row::moment),
            acts: row::unsigned(queue.receiver_acts),
        };
        let decision = match change(&before, circumstances) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(ChangedStream::Refused(refusal)),
        };
        let after = decision.stream;
        let mut dropped = 0;
        if after != before {
            stream::Entity::update(self.stream_row(uuid, &after)?)
                .exec(&transaction)
                .await?;
            dropped = follow_change(&transaction, uuid, &before, &after, now).await?;
            if let Some(set) = decision.announcement {
                self.announce(&transaction, uuid, &after, set, now).await?;
            }
        }
        let begins_anew = closes_circuit(whose.decider(), before.status, after.status);
        if begins_anew {
            close_circuit(&transaction, uuid, now).await?;
        }
        if begins_anew || after != before {
            let gateway = gateway(&transaction, uuid).await?;
            refresh_next_due(&transaction, uuid, gateway).await?;
            refresh_poll_due(&transaction, uuid, now).await?;
        }
        let owners = owners(&transaction, (uuid, id), now).await?;
        lost_lease::forget(&transaction, now).await?;
        transaction.commit().await?;
        let stream = Box::new(after);
        Ok(ChangedStream::Changed {
            stream,
            dropped,
            owners,
        })
    }

    /// Reads a stream of `receiver` once its queue is locked.
    pub(super) async fn lock_own_stream(
        &self,
        transaction: &DatabaseTransaction,
        receiver: ReceiverId,
        uuid: Uuid,
    ) -> Result<Option<(stream_queue::Model, Stream)>, StoreError> {
        self.lock_stream(transaction, Whose::Receiver(receiver), uuid)
            .await
    }

    /// Reads a stream once its queue is locked, which fan-out and delivery lock first, too.
    pub(super) async fn lock_stream(
        &self,
        transaction: &DatabaseTransaction,
        whose: Whose<'_>,
        uuid: Uuid,
    ) -> Result<Option<(stream_queue::Model, Stream)>, StoreError> {
        let queue = stream_queue::Entity::find_by_id(uuid)
            .lock_exclusive()
            .only(transaction)
            .await?;
        let owned = stream::Entity::find_by_id(uuid)
            .filter(whose.condition())
            .only(transaction)
            .await?;
        let (Some(queue), Some(row)) = (queue, owned) else {
            return Ok(None);
        };
        Ok(Some((queue, self.read_stream(row)?)))
    }
}

/// Brings interest, deliveries and queue in line with a stream that was stored; returns how many deliveries were dropped.
///
/// When something is due next is left to the caller to say.
async fn follow_change(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    before: &Stream,
    after: &Stream,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let of = Owned {
        stream,
        receiver: after.receiver,
    };
    let mut dropped = lose_interest(transaction, of, before, after, now).await?;
    gain_interest(transaction, stream, before, after).await?;
    dropped += follow_status(transaction, of, before.status, after.status, now).await?;
    if before.delivery != after.delivery {
        forget_key_refusals(transaction, stream).await?;
        close_circuit(transaction, stream, now).await?;
        follow_method(transaction, stream, after.delivery.is_poll()).await?;
    }
    if !after.is_configured_as(before) {
        take_lease_away(transaction, stream).await?;
    }
    Ok(dropped)
}

async fn gateway(transaction: &DatabaseTransaction, stream: Uuid) -> Result<Gateway, StoreError> {
    let queue = stream_queue::Entity::find_by_id(stream)
        .only(transaction)
        .await?;
    Ok(queue.as_ref().map_or(Gateway::Held, Gateway::of))
}

/// The position of the last event; it stays the last one while placing is locked.
pub(super) async fn last_position(transaction: &DatabaseTransaction) -> Result<i64, StoreError> {
    let last: Option<Option<i64>> = event::Entity::find()
        .select_only()
        .column_as(event::Column::Position.max(), "last")
        .into_tuple()
        .only(transaction)
        .await?;
    Ok(last.flatten().unwrap_or_default())
}

/// Lets a stream get events of these types, beginning with the next one.
pub(super) async fn add_interest(
    transaction: &DatabaseTransaction,
    id: Uuid,
    stream: &Stream,
    types: impl IntoIterator<Item = &EventTypeUri>,
) -> Result<(), StoreError> {
    let after_position = last_position(transaction).await?;
    let covers_all = stream.default_subjects == DefaultSubjects::All;
    let interest = |uri: &EventTypeUri| stream_event_type::ActiveModel {
        event_type: Set(uri.as_str().to_owned()),
        stream_id: Set(id),
        issuer: Set(stream.issuer.as_str().to_owned()),
        after_position: Set(after_position),
        disabled_through: Set(0),
        given_up_after: Set(None),
        covers_all: Set(covers_all),
    };
    // What was given up a moment ago may have left its row.
    let anew = OnConflict::columns([
        stream_event_type::Column::EventType,
        stream_event_type::Column::StreamId,
    ])
    .update_columns([
        stream_event_type::Column::AfterPosition,
        stream_event_type::Column::DisabledThrough,
        stream_event_type::Column::GivenUpAfter,
    ])
    .to_owned();
    stream_event_type::Entity::insert_many(types.into_iter().map(interest))
        .on_conflict(anew)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn gain_interest(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    before: &Stream,
    after: &Stream,
) -> Result<(), StoreError> {
    let gained = lacking(&after.events_delivered, &before.events_delivered);
    add_interest(transaction, stream, after, gained).await
}

/// Ends interest in types, and drops what is pending of them.
async fn lose_interest(
    transaction: &DatabaseTransaction,
    of: Owned,
    before: &Stream,
    after: &Stream,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let lost: Vec<&str> = lacking(&before.events_delivered, &after.events_delivered)
        .map(EventTypeUri::as_str)
        .collect();
    if lost.is_empty() {
        return Ok(0);
    }
    give_up_types(transaction, of.stream, &lost).await?;
    let why = (DropReason::TypeNoLongerRequested, now);
    drop_all(transaction, of, Some(&lost), why).await
}

/// Ends interest in types: at once where nothing of them waits for its fan-out, else with the last event that does.
async fn give_up_types(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    types: &[&str],
) -> Result<(), StoreError> {
    let waiting: Vec<String> = event::Entity::find()
        .filter(event::Column::DispatchedAt.is_null())
        .filter(event::Column::EventType.is_in(types.iter().copied()))
        .select_only()
        .column(event::Column::EventType)
        .distinct()
        .into_tuple()
        .all(transaction)
        .await?;
    stream_event_type::Entity::delete_many()
        .filter(stream_event_type::Column::StreamId.eq(stream))
        .filter(stream_event_type::Column::EventType.is_in(types.iter().copied()))
        .filter(stream_event_type::Column::EventType.is_not_in(waiting.clone()))
        .exec(transaction)
        .await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let last = last_position(transaction).await?;
    stream_event_type::Entity::update_many()
        .col_expr(stream_event_type::Column::GivenUpAfter, Expr::value(last))
        .filter(stream_event_type::Column::StreamId.eq(stream))
        .filter(stream_event_type::Column::EventType.is_in(waiting))
        .exec(transaction)
        .await?;
    Ok(())
}

/// The types that are not in `others`.
fn lacking<'t>(
    types: &'t [EventTypeUri],
    others: &'t [EventTypeUri],
) -> impl Iterator<Item = &'t EventTypeUri> {
    types.iter().filter(|uri| !others.contains(uri))
}
