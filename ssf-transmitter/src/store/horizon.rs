//! Moments that lie too far ahead, since a clock that was wrong wrote them.
//!
//! They are looked for without a lock, once in a while, and are seldom there. Each stream that has some is a transaction of its
//! own, as short as the others.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, UpdateMany, sea_query::Expr,
};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    append::chunks,
    deliver::refresh_next_due,
    entity::{delivery, event, lease, lost_lease, poll_answer, stream_queue},
    lease::lock_fan_out,
    limited::Only,
    poll::refresh_poll_due,
    row,
};
use crate::{
    domain::horizon::Horizon,
    ports::{CorruptRow, HorizonStore, StoreError},
};

/// Most deliveries, and most events, in one transaction.
const STEP_MAX: u64 = 500;

/// The moments that a queue holds itself, the latest that each may be, and what it becomes beyond that.
fn moments(horizon: Horizon) -> [(stream_queue::Column, Timestamp, Timestamp); 7] {
    let Horizon {
        now,
        rest,
        lease,
        past,
        ..
    } = horizon;
    [
        (stream_queue::Column::LeaseUntil, lease, lease),
        (stream_queue::Column::ResumeAt, rest, now),
        (stream_queue::Column::TakenAt, past, now),
        (stream_queue::Column::VerifiedAt, past, now),
        (stream_queue::Column::QuietSince, past, now),
        (stream_queue::Column::ActiveAt, past, now),
        (stream_queue::Column::TroubleSince, past, now),
    ]
}

impl HorizonStore for SeaStore {
    async fn draw_streams_in(
        &self,
        horizon: Horizon,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<StreamId>, StoreError> {
        let after = after.and_then(row::stream_uuid);
        let behind = after.map(|after| stream_queue::Column::StreamId.gt(after));
        let found: Vec<Uuid> = stream_queue::Entity::find()
            .filter(Condition::all().add_option(behind))
            .filter(lies_beyond(horizon))
            .order_by_asc(stream_queue::Column::StreamId)
            .limit(limit)
            .select_only()
            .column(stream_queue::Column::StreamId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        for stream in &found {
            while self.draw_stream_in(*stream, horizon).await? == STEP_MAX {}
        }
        let ids: Result<_, CorruptRow> = found.into_iter().map(row::stream_id).collect();
        Ok(ids?)
    }

    async fn draw_rest_in(&self, horizon: Horizon) -> Result<(), StoreError> {
        let end = row::millis(horizon.lease);
        let held = lease::Entity::find()
            .filter(lease::Column::ExpiresAt.gt(end))
            .only(&self.reader)
            .await?;
        let lost = lost_lease::Entity::find()
            .filter(lost_lease::Column::EndsAt.gt(end))
            .one(&self.reader)
            .await?;
        let aside = self.set_aside_beyond(horizon).await?;
        if held.is_none() && lost.is_none() && aside.is_empty() {
            return Ok(());
        }
        let transaction = self.begin().await?;
        // Whoever changes leases that were taken away, or sets events aside, has locked this.
        lock_fan_out(&transaction).await?;
        lease::Entity::update_many()
            .col_expr(lease::Column::ExpiresAt, Expr::value(end))
            .filter(lease::Column::ExpiresAt.gt(end))
            .exec(&transaction)
            .await?;
        lost_lease::Entity::update_many()
            .col_expr(lost_lease::Column::EndsAt, Expr::value(end))
            .filter(lost_lease::Column::EndsAt.gt(end))
            .exec(&transaction)
            .await?;
        for chunk in chunks(aside) {
            let now = row::millis(horizon.now);
            event::Entity::update_many()
                .col_expr(event::Column::SetAsideUntil, Expr::value(now))
                .filter(event::Column::Position.is_in(chunk))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

impl SeaStore {
    /// Ends what lies beyond the horizon on one stream; returns how many deliveries that concerned, some of what there are.
    async fn draw_stream_in(&self, stream: Uuid, horizon: Horizon) -> Result<u64, StoreError> {
        let transaction = self.begin().await?;
        let queue = stream_queue::Entity::find_by_id(stream)
            .lock_exclusive()
            .only(&transaction)
            .await?;
        let Some(queue) = queue else {
            return Ok(0);
        };
        drawn_in(horizon)
            .filter(stream_queue::Column::StreamId.eq(stream))
            .exec(&transaction)
            .await?;
        poll_answer::Entity::delete_many()
            .filter(poll_answer::Column::StreamId.eq(stream))
            .filter(poll_answer::Column::EndsAt.gt(row::millis(horizon.answer)))
            .exec(&transaction)
            .await?;
        let put_off: Vec<i64> = delivery::Entity::find()
            .filter(delivery::Column::StreamId.eq(stream))
            .filter(delivery::Column::DueAt.gt(row::millis(horizon.due)))
            .order_by_asc(delivery::Column::DueAt)
            .order_by_asc(delivery::Column::Sequence)
            .limit(STEP_MAX)
            .select_only()
            .column(delivery::Column::Sequence)
            .into_tuple()
            .all(&transaction)
            .await?;
        let count = put_off.len() as u64;
        for chunk in chunks(put_off) {
            let now = row::millis(horizon.now);
            delivery::Entity::update_many()
                .col_expr(delivery::Column::DueAt, Expr::value(now))
                .filter(delivery::Column::StreamId.eq(stream))
                .filter(delivery::Column::Sequence.is_in(chunk))
                .exec(&transaction)
                .await?;
        }
        refresh_next_due(&transaction, stream, Gateway::of(&queue)).await?;
        refresh_poll_due(&transaction, stream, horizon.now).await?;
        transaction.commit().await?;
        Ok(count)
    }

    /// Events that are set aside for too long, some of what there are.
    async fn set_aside_beyond(&self, horizon: Horizon) -> Result<Vec<i64>, StoreError> {
        let aside = event::Entity::find()
            .filter(event::Column::DispatchedAt.is_null())
            .filter(event::Column::SetAsideUntil.gt(row::millis(horizon.set_aside)))
            .limit(STEP_MAX)
            .select_only()
            .column(event::Column::Position)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(aside)
    }
}

/// Matches the queues of streams with something beyond the horizon.
///
/// Of what is pending, the latest is looked at, not the earliest: on a stream that is busy, something is always due now.
fn lies_beyond(horizon: Horizon) -> Condition {
    let due = row::millis(horizon.due);
    let has_something = Condition::any()
        .add(stream_queue::Column::NextDue.is_not_null())
        .add(stream_queue::Column::PollDue.is_not_null());
    let in_deliveries = Condition::all()
        .add(has_something)
        .add(latest_due().gt(due));
    let in_answers = Condition::all()
        .add(stream_queue::Column::Polled.eq(true))
        .add(latest_end().gt(row::millis(horizon.answer)));
    let own = moments(horizon).into_iter();
    own.fold(Condition::any(), |any, (column, latest, _)| {
        any.add(column.gt(row::millis(latest)))
    })
    .add(stream_queue::Column::PollDue.gt(due))
    .add(in_deliveries)
    .add(in_answers)
}

/// When the last delivery of a stream is due, in a statement about `stream_queue`: one look into an index.
fn latest_due() -> Expr {
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let latest = delivery::Entity::find()
        .filter(Expr::col((delivery::Entity, delivery::Column::StreamId)).equals(own))
        .filter(delivery::Column::DueAt.is_not_null())
        .select_only()
        .column_as(delivery::Column::DueAt.max(), "latest")
        .into_query();
    Expr::SubQuery(None, Box::new(latest.into()))
}

/// When the last answer to a poll of a stream ends; there are few.
fn latest_end() -> Expr {
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let latest = poll_answer::Entity::find()
        .filter(Expr::col((poll_answer::Entity, poll_answer::Column::StreamId)).equals(own))
        .select_only()
        .column_as(poll_answer::Column::EndsAt.max(), "latest")
        .into_query();
    Expr::SubQuery(None, Box::new(latest.into()))
}

/// An update of queues that leaves no moment of their own beyond the horizon.
fn drawn_in(horizon: Horizon) -> UpdateMany<stream_queue::Entity> {
    let own = moments(horizon).into_iter();
    let update = stream_queue::Entity::update_many();
    own.fold(update, |update, (column, latest, becomes)| {
        let is_beyond = column.gt(row::millis(latest));
        let moment = Expr::case(is_beyond, row::millis(becomes)).finally(column.into_expr());
        update.col_expr(column, moment.into())
    })
}
