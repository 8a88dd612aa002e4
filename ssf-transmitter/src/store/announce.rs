//! SETs of the framework get their numbers here, and those that announce a status their way past the hold.

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};
use ssf_types::{stream::StreamStatus, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{delivery, event, stream_queue},
    fan_out::record,
    outbox::State,
    row,
    writes::Writes,
};
use crate::{
    domain::{
        announcement::is_announced, framework::FrameworkSet, issuer::IssuerName, stream::Stream,
    },
    ports::StoreError,
};

/// What a stream sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Gateway {
    /// Everything.
    Open,
    /// Everything but what is to be dropped.
    Sifted,
    /// Nothing but what passes the hold.
    Held,
}

impl Gateway {
    pub(super) fn of(queue: &stream_queue::Model) -> Self {
        if queue.held {
            Self::Held
        } else {
            Self::of_opened(queue)
        }
    }

    /// That of a queue that is held no longer.
    fn of_opened(queue: &stream_queue::Model) -> Self {
        if queue.dropping {
            Self::Sifted
        } else {
            Self::Open
        }
    }
}

/// Matches the queues of streams that send everything.
pub(super) fn is_open() -> Condition {
    Condition::all()
        .add(stream_queue::Column::Held.eq(false))
        .add(stream_queue::Column::Dropping.eq(false))
}

impl SeaStore {
    /// Numbers a SET like those of a fan-out: its event is stored as one that was dispatched to one stream.
    pub(super) async fn number_alone(
        &self,
        transaction: &DatabaseTransaction,
        issuer: &IssuerName,
        set: FrameworkSet,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        let mut event = self.event_row(issuer, set.id, &set.event, now)?;
        event.dispatched_at = Set(Some(row::millis(now)));
        let position = event::Entity::insert(event)
            .exec(transaction)
            .await?
            .last_insert_id;
        let mut placed = Vec::new();
        self.place(position, vec![set.planned], set.hold, &mut placed);
        let deliveries = self.number(transaction, placed, now).await?;
        let sequences = deliveries.iter().map(|row| *row.sequence.as_ref());
        let sequence = sequences.max().unwrap_or_default();
        let matched = deliveries.iter().map(|_| position);
        let mut writes = Writes::on(transaction);
        record(&mut writes, vec![(position, [].into())], matched)?;
        writes.insert(deliveries);
        writes.run(transaction).await?;
        Ok(sequence)
    }

    /// Announces the status that a stream was just given. One that was enabled is held on, until its Receiver was told.
    pub(super) async fn announce(
        &self,
        transaction: &DatabaseTransaction,
        uuid: Uuid,
        stream: &Stream,
        set: FrameworkSet,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let numbered = self.number_alone(transaction, &stream.issuer, set, now);
        let sequence = numbered.await?;
        match stream.status {
            StreamStatus::Enabled => {
                stream_queue::Entity::update_many()
                    .col_expr(stream_queue::Column::Held, Expr::value(true))
                    .col_expr(stream_queue::Column::OpensAfter, Expr::value(sequence))
                    .filter(stream_queue::Column::StreamId.eq(uuid))
                    .exec(transaction)
                    .await?;
            }
            StreamStatus::Paused | StreamStatus::Disabled => {}
        }
        Ok(())
    }
}

/// Opens a stream that waits for its announcement, if that has been settled or tried often enough; says how it is now.
///
/// To be called when deliveries were settled or postponed, with the queue as it was locked.
pub(super) async fn open_if_announced(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
) -> Result<Gateway, StoreError> {
    let Some(opens_after) = queue.opens_after else {
        return Ok(Gateway::of(queue));
    };
    let earliest: Option<i64> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(queue.stream_id))
        .filter(delivery::Column::PassesHold.into_expr())
        .filter(State::Pending.is())
        .filter(delivery::Column::Sequence.lte(opens_after))
        .order_by_asc(delivery::Column::Sequence)
        .select_only()
        .column(delivery::Column::Attempts)
        .into_tuple()
        .one(transaction)
        .await?;
    let attempts = earliest.map(|attempts| u32::try_from(attempts).unwrap_or(u32::MAX));
    if !is_announced(attempts) {
        return Ok(Gateway::Held);
    }
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::Held, Expr::value(false))
        .col_expr(stream_queue::Column::OpensAfter, Expr::value(None::<i64>))
        .filter(stream_queue::Column::StreamId.eq(queue.stream_id))
        .exec(transaction)
        .await?;
    Ok(Gateway::of_opened(queue))
}
