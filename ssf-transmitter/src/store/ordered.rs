//! Drops of many deliveries: ordered at once, and done step by step.
//!
//! A stream may have a million pending deliveries when it is disabled, gives types up, or is deleted, and that happens under
//! locks that others wait for. So the transaction that decides drops a first part. If there is more, it leaves an order: what
//! is pending up to a number is offered to nobody from then on, and goes in steps, each of which locks one queue. Until a row
//! has gone it is pending for the ledger, and what is said of it by a Receiver that was sent it before counts. The record of
//! the drop grows with the steps.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::open_if_announced,
    circuit::with_health,
    deliver::{of_pending, of_these, promote, refresh_next_due},
    dropped::{Owned, dropped_now, record_more},
    entity::{delivery, drop_order, event, poll_answer, stream, stream_event_type, stream_queue},
    ledger::{self, Total, count_gone},
    lost_lease::{remember, take_lease_away},
    outbox::State,
    poll::refresh_poll_due,
    row::{self, Cell},
    trace::own_event,
};
use crate::{
    domain::{
        circuit::Health,
        dropped::{DropReason, DropRecord},
        id::ReceiverId,
    },
    ports::{CorruptRow, StoreError},
};

/// Most deliveries that one transaction drops or removes.
const STEP_MAX: u64 = 500;

/// How many orders are looked at for one that can be read.
const ORDERS_MAX: u64 = 100;

/// Whether a first part is all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Rest {
    None,
    Some,
}

/// Drops what is pending on a stream, of these types or of all; what announces a status is spared.
///
/// Returns how many were dropped by now. What they held back is due, unless it is dropped as well.
pub(super) async fn drop_all(
    transaction: &DatabaseTransaction,
    of: Owned,
    types: Option<&[&str]>,
    (reason, now): (DropReason, Timestamp),
) -> Result<u64, StoreError> {
    let which = Condition::all().add(delivery::Column::PassesHold.eq(false));
    let (mut first, rest) = first_of(transaction, of.stream, which.clone(), STEP_MAX).await?;
    if let (Some(types), Some(last)) = (types, first.last().copied()) {
        // Asked of each of a first part: to look for these types behind it would take as long as there are deliveries.
        let of_type = own_event(event::Column::EventType.is_in(types.iter().copied()));
        let within = which
            .add(Expr::exists(of_type))
            .add(delivery::Column::Sequence.lte(last));
        (first, _) = first_of(transaction, of.stream, within, STEP_MAX).await?;
    }
    let dropped = drop_these(transaction, of.stream, &first, now).await?;
    promote(transaction, of.stream, first, now).await?;
    let record = DropRecord::new(reason, dropped, now);
    let record = record_more(transaction, of, None, record).await?;
    if rest == Rest::Some {
        let types = types.map_or_else(
            || vec![None],
            |types| types.iter().map(|uri| Some((*uri).to_owned())).collect(),
        );
        order(transaction, of, types, (reason, record, now)).await?;
    }
    Ok(dropped)
}

/// Deletes a stream, whose queue is locked: at once, or, if it has many deliveries, so that it is gone for everybody but
/// those who remove it step by step. Returns how many deliveries were dropped by now.
pub(super) async fn delete(
    transaction: &DatabaseTransaction,
    of: Owned,
    queue: &stream_queue::Model,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let reason = DropReason::StreamDeleted;
    let all = Condition::all();
    let (first, rest) = first_of(transaction, of.stream, all, STEP_MAX).await?;
    if rest == Rest::None && !has_many(transaction, of.stream).await? {
        let record = DropRecord::new(reason, first.len() as u64, now);
        remember(transaction, queue).await?;
        remove(transaction, queue).await?;
        // The rows that everybody adds to come last.
        record_more(transaction, of, None, record).await?;
        ledger::add(transaction, Total::NumberedGone, 0, numbered(queue)).await?;
        return Ok(record.deliveries);
    }
    stream::Entity::update_many()
        .col_expr(stream::Column::EndedAt, Expr::value(row::millis(now)))
        .filter(stream::Column::Id.eq(of.stream))
        .exec(transaction)
        .await?;
    take_lease_away(transaction, of.stream).await?;
    silence(transaction, of.stream).await?;
    let dropped = drop_these(transaction, of.stream, &first, now).await?;
    let record = DropRecord::new(reason, dropped, now);
    let record = record_more(transaction, of, None, record).await?;
    order(transaction, of, vec![None], (reason, record, now)).await?;
    Ok(dropped)
}

fn numbered(queue: &stream_queue::Model) -> u64 {
    row::unsigned(queue.last_sequence)
}

/// The first pending deliveries of a stream that fit.
async fn first_of(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    which: Condition,
    limit: u64,
) -> Result<(Vec<i64>, Rest), StoreError> {
    let mut found: Vec<i64> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(State::Pending.is())
        .filter(which)
        .order_by_asc(delivery::Column::Sequence)
        // One more than are wanted tells whether there are more.
        .limit(limit + 1)
        .select_only()
        .column(delivery::Column::Sequence)
        .into_tuple()
        .all(transaction)
        .await?;
    let rest = if found.len() as u64 > limit {
        found.pop();
        Rest::Some
    } else {
        Rest::None
    };
    Ok((found, rest))
}

async fn drop_these(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequences: &[i64],
    now: Timestamp,
) -> Result<u64, StoreError> {
    if sequences.is_empty() {
        return Ok(0);
    }
    let dropped = dropped_now(of_these(stream, sequences.to_vec()), now);
    Ok(dropped.exec(transaction).await?.rows_affected)
}

/// Whether a stream has more deliveries than one transaction removes.
async fn has_many(transaction: &DatabaseTransaction, stream: Uuid) -> Result<bool, StoreError> {
    let beyond = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .offset(STEP_MAX)
        .limit(1)
        .select_only()
        .column(delivery::Column::Sequence)
        .into_tuple::<i64>()
        .one(transaction)
        .await?;
    Ok(beyond.is_some())
}

/// Leaves orders for the rest, one for each type.
async fn order(
    transaction: &DatabaseTransaction,
    of: Owned,
    types: Vec<Option<String>>,
    (reason, record, now): (DropReason, Option<i64>, Timestamp),
) -> Result<(), StoreError> {
    let queue = stream_queue::Entity::find_by_id(of.stream)
        .one(transaction)
        .await?;
    // Of a stream that ends, what is being fanned out just now goes, too.
    let through = match (reason, queue) {
        (DropReason::StreamDeleted, _) | (_, None) => i64::MAX,
        (_, Some(queue)) => queue.last_sequence,
    };
    let row = |event_type| drop_order::ActiveModel {
        id: NotSet,
        stream_id: Set(of.stream),
        receiver_id: Set(of.receiver.uuid()),
        reason: Set(reason.as_str().to_owned()),
        event_type: Set(event_type),
        through: Set(through),
        ordered_at: Set(row::millis(now)),
        record_id: Set(record),
    };
    drop_order::Entity::insert_many(types.into_iter().map(row))
        .exec_without_returning(transaction)
        .await?;
    set_dropping(transaction, of.stream, true).await
}

async fn set_dropping(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    dropping: bool,
) -> Result<(), StoreError> {
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::Dropping, Expr::value(dropping))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Takes a stream that ends out of everything that looks for streams, and what is pending on it out of what passes a hold.
async fn silence(transaction: &DatabaseTransaction, stream: Uuid) -> Result<(), StoreError> {
    stream_event_type::Entity::delete_many()
        .filter(stream_event_type::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    poll_answer::Entity::delete_many()
        .filter(poll_answer::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    with_health(stream_queue::Entity::update_many(), &Health::default())
        .col_expr(stream_queue::Column::Held, Expr::value(true))
        .col_expr(stream_queue::Column::OpensAfter, Expr::value(None::<i64>))
        .col_expr(stream_queue::Column::NextDue, Expr::value(None::<i64>))
        .col_expr(stream_queue::Column::PollDue, Expr::value(None::<i64>))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    // A step of an earlier order asks anew what is due on a queue that is held.
    of_pending(stream)
        .filter(delivery::Column::PassesHold.into_expr())
        .col_expr(delivery::Column::PassesHold, Expr::value(false))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Removes a stream with all that refers to it.
async fn remove(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
) -> Result<(), StoreError> {
    stream::Entity::delete_by_id(queue.stream_id)
        .exec(transaction)
        .await?;
    Ok(())
}

/// Matches deliveries that an order covers, in a statement about `delivery`.
pub(super) fn is_ordered() -> SelectStatement {
    let order = |column| Expr::col((drop_order::Entity, column));
    let own = |column| Expr::col((delivery::Entity, column));
    let of_type = own_event(
        Expr::col((event::Entity, event::Column::EventType))
            .equals((drop_order::Entity, drop_order::Column::EventType)),
    );
    Query::select()
        .expr(Expr::value(1))
        .from(drop_order::Entity)
        .and_where(
            order(drop_order::Column::StreamId)
                .equals((delivery::Entity, delivery::Column::StreamId)),
        )
        .and_where(order(drop_order::Column::Through).gte(own(delivery::Column::Sequence)))
        .and_where(own(delivery::Column::PassesHold).eq(false))
        .cond_where(
            Condition::any()
                .add(order(drop_order::Column::EventType).is_null())
                .add(Expr::exists(of_type)),
        )
        .to_owned()
}

impl SeaStore {
    /// Carries out a part of the oldest order that can be read; returns how many deliveries it dropped, or `None` if there
    /// was no order.
    pub(super) async fn take_drop_step(&self, now: Timestamp) -> Result<Option<u64>, StoreError> {
        let orders = drop_order::Entity::find()
            .order_by_asc(drop_order::Column::Id)
            .limit(ORDERS_MAX)
            .all(&self.reader)
            .await?;
        let mut unreadable = None;
        for order in orders {
            match reason_of(&order) {
                Ok(reason) => return self.carry_order_out(&order, reason, now).await.map(Some),
                Err(error) => unreadable = Some(error),
            }
        }
        match unreadable {
            Some(error) => Err(error.into()),
            None => Ok(None),
        }
    }

    async fn carry_order_out(
        &self,
        order: &drop_order::Model,
        reason: DropReason,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let transaction = self.begin().await?;
        let queue = stream_queue::Entity::find_by_id(order.stream_id)
            .lock_exclusive()
            .one(&transaction)
            .await?;
        // Another node may have carried it out by now.
        let order = drop_order::Entity::find_by_id(order.id)
            .one(&transaction)
            .await?;
        let (Some(queue), Some(order)) = (queue, order) else {
            return Ok(0);
        };
        let (first, rest) = first_of(
            &transaction,
            queue.stream_id,
            covered(&order, reason),
            STEP_MAX,
        )
        .await?;
        let dropped = drop_these(&transaction, queue.stream_id, &first, now).await?;
        match reason {
            DropReason::StreamDeleted => {
                if dropped == 0 && remove_some(&transaction, &queue).await? == Rest::None {
                    close(&transaction, &order).await?;
                    remove(&transaction, &queue).await?;
                    ledger::add(&transaction, Total::NumberedGone, 0, numbered(&queue)).await?;
                }
            }
            DropReason::StreamDisabled
            | DropReason::KeepAliveReplaced
            | DropReason::TypeNoLongerRequested
            | DropReason::AnnouncementFailed
            | DropReason::AnnouncementOutdated
            | DropReason::Retention => {
                let woken = promote(&transaction, queue.stream_id, first, now).await?;
                if rest == Rest::None {
                    close(&transaction, &order).await?;
                }
                // Of what is not ordered, nothing else has changed, and to ask takes as long as there is of what is.
                if rest == Rest::None || woken > 0 {
                    let gateway = open_if_announced(&transaction, &queue).await?;
                    refresh_next_due(&transaction, queue.stream_id, gateway).await?;
                    refresh_poll_due(&transaction, queue.stream_id, now).await?;
                }
            }
        }
        let of = Owned {
            stream: queue.stream_id,
            receiver: ReceiverId::new(order.receiver_id),
        };
        let at = row::moment(order.ordered_at);
        let more = DropRecord::new(reason, dropped, at);
        let record = record_more(&transaction, of, order.record_id, more).await?;
        remember_record(&transaction, &order, record).await?;
        transaction.commit().await?;
        Ok(dropped)
    }
}

fn reason_of(order: &drop_order::Model) -> Result<DropReason, CorruptRow> {
    let cell = Cell::new("drop_order", "reason", order.id.to_string());
    DropReason::read(&order.reason).ok_or_else(|| cell.corrupt("it is not a reason"))
}

fn covered(order: &drop_order::Model, reason: DropReason) -> Condition {
    if reason == DropReason::StreamDeleted {
        return Condition::all();
    }
    let which = Condition::all()
        .add(delivery::Column::PassesHold.eq(false))
        .add(delivery::Column::Sequence.lte(order.through));
    let of_type = |uri| Expr::exists(own_event(event::Column::EventType.eq(uri)));
    which.add_option(order.event_type.as_deref().map(of_type))
}

/// Ends an order. The queue is sifted no longer if it was the last one of its stream.
async fn close(
    transaction: &DatabaseTransaction,
    order: &drop_order::Model,
) -> Result<(), StoreError> {
    drop_order::Entity::delete_by_id(order.id)
        .exec(transaction)
        .await?;
    let others = drop_order::Entity::find()
        .filter(drop_order::Column::StreamId.eq(order.stream_id))
        .count(transaction)
        .await?;
    if others == 0 {
        set_dropping(transaction, order.stream_id, false).await?;
    }
    Ok(())
}

async fn remember_record(
    transaction: &DatabaseTransaction,
    order: &drop_order::Model,
    record: Option<i64>,
) -> Result<(), StoreError> {
    if record == order.record_id {
        return Ok(());
    }
    drop_order::Entity::update_many()
        .col_expr(drop_order::Column::RecordId, Expr::value(record))
        .filter(drop_order::Column::Id.eq(order.id))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Removes some deliveries of a stream that ends, none of which is pending.
async fn remove_some(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
) -> Result<Rest, StoreError> {
    let rows: Vec<(i64, i16)> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(queue.stream_id))
        .order_by_asc(delivery::Column::Sequence)
        .limit(STEP_MAX)
        .select_only()
        .columns([delivery::Column::Sequence, delivery::Column::State])
        .into_tuple()
        .all(transaction)
        .await?;
    if rows.is_empty() {
        return Ok(Rest::None);
    }
    let quarantined = rows.iter();
    let quarantined = quarantined.filter(|(_, state)| *state == State::Quarantined.number());
    let quarantined = quarantined.count() as u64;
    let sequences = rows.into_iter().map(|(sequence, _)| sequence);
    delivery::Entity::delete_many()
        .filter(delivery::Column::StreamId.eq(queue.stream_id))
        .filter(delivery::Column::Sequence.is_in(sequences))
        .exec(transaction)
        .await?;
    count_gone(transaction, queue.stream_id, quarantined).await?;
    Ok(Rest::Some)
}
