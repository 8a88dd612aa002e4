//! What is known of how Receivers have answered, and how it is forgotten when they act.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select, UpdateMany, sea_query::Expr,
};
use ssf_types::{id::StreamId, stream::StreamStatus, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    change::Whose,
    deliver::{of_pending, promote},
    dropped::{Owned, drop_pending, record_drop},
    entity::{delivery, stream, stream_queue},
    limited::Only,
    outbox::State,
    row,
};
use crate::{
    domain::{
        circuit::Health,
        dropped::{DropReason, DropRecord},
        issuer::IssuerName,
        trouble::{Trouble, TroubleKind},
    },
    ports::StoreError,
};

/// Most deliveries that are made due at once when a circuit closes, so that nobody waits for it; the others are due within
/// five minutes anyway.
const HURRIED_MAX: u64 = 500;

impl SeaStore {
    pub(super) async fn health_of(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
    ) -> Result<Option<Health>, StoreError> {
        let Some(uuid) = row::stream_uuid(id) else {
            return Ok(None);
        };
        let own = stream::Entity::find_by_id(uuid)
            .filter(Whose::Issuer(issuer).condition())
            .select_only()
            .column(stream::Column::Id)
            .into_query();
        let queue = stream_queue::Entity::find()
            .filter(stream_queue::Column::StreamId.in_subquery(own))
            .only(&self.reader)
            .await?;
        Ok(queue.as_ref().map(health))
    }

    pub(super) async fn count_troubles(&self) -> Result<HashMap<TroubleKind, u64>, StoreError> {
        let counts: Vec<(String, i64)> = not_disabled()
            .filter(stream_queue::Column::Trouble.is_not_null())
            .select_only()
            .column(stream_queue::Column::Trouble)
            .column_as(stream_queue::Column::StreamId.count(), "streams")
            .group_by(stream_queue::Column::Trouble)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let read = |(stored, count): &(String, i64)| {
            Some((TroubleKind::read(stored)?, row::unsigned(*count)))
        };
        Ok(counts.iter().filter_map(read).collect())
    }

    pub(super) async fn count_open_circuits(&self) -> Result<u64, StoreError> {
        // No circuit is open without trouble, by which there is an index.
        let open = not_disabled()
            .filter(stream_queue::Column::Trouble.is_not_null())
            .filter(stream_queue::Column::Failures.gt(0));
        Ok(open.count(&self.reader).await?)
    }
}

/// The queues of streams that are not disabled: a stream that is gets no SET that could show that its trouble is over.
fn not_disabled() -> Select<stream_queue::Entity> {
    let own = (stream_queue::Entity, stream_queue::Column::StreamId);
    let disabled = stream::Entity::find()
        .select_only()
        .column(stream::Column::Id)
        .filter(Expr::col((stream::Entity, stream::Column::Id)).equals(own))
        .filter(stream::Column::Status.eq(StreamStatus::Disabled.as_str()))
        .into_query();
    stream_queue::Entity::find().filter(Expr::exists(disabled).not())
}

/// Reads what is known of how the Receiver has answered. A kind of trouble that this version does not know is none: the next
/// answer tells more than a later version may have known.
pub(super) fn health(queue: &stream_queue::Model) -> Health {
    let kind = queue.trouble.as_deref().and_then(TroubleKind::read);
    let trouble = kind.map(|kind| Trouble {
        kind,
        since: row::moment(queue.trouble_since),
        last: queue.trouble_last.clone(),
    });
    Health {
        trouble,
        rests: count(queue.failures),
        not_before: row::moment(queue.resume_at),
        failed_sets: count(queue.failed_sets),
        failed_through: row::unsigned(queue.failed_through),
        misdirected: count(queue.misdirected),
        acts: row::unsigned(queue.receiver_acts),
    }
}

/// Stores how the Receiver has answered, unless it has acted meanwhile; `queue` is locked.
pub(super) async fn learn(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    health: &Health,
) -> Result<(), StoreError> {
    if row::unsigned(queue.receiver_acts) != health.acts {
        return Ok(());
    }
    with_health(stream_queue::Entity::update_many(), health)
        .filter(stream_queue::Column::StreamId.eq(queue.stream_id))
        .exec(transaction)
        .await?;
    Ok(())
}

fn count(stored: i32) -> u32 {
    u32::try_from(stored).unwrap_or_default()
}

/// Has `update` write all of it but the count of acts.
pub(super) fn with_health(
    update: UpdateMany<stream_queue::Entity>,
    health: &Health,
) -> UpdateMany<stream_queue::Entity> {
    let number = |number: u32| Expr::value(i32::try_from(number).unwrap_or(i32::MAX));
    let trouble = health.trouble.as_ref();
    let kind = trouble.map(|trouble| trouble.kind.as_str());
    let since = trouble.map_or(0, |trouble| row::millis(trouble.since));
    let last = trouble.map_or("", |trouble| trouble.last.as_str());
    let not_before = row::millis(health.not_before);
    let failed_through = row::signed(health.failed_through);
    update
        .col_expr(stream_queue::Column::Trouble, Expr::value(kind))
        .col_expr(stream_queue::Column::TroubleSince, Expr::value(since))
        .col_expr(stream_queue::Column::TroubleLast, Expr::value(last))
        .col_expr(stream_queue::Column::Failures, number(health.rests))
        .col_expr(stream_queue::Column::ResumeAt, Expr::value(not_before))
        .col_expr(stream_queue::Column::FailedSets, number(health.failed_sets))
        .col_expr(
            stream_queue::Column::FailedThrough,
            Expr::value(failed_through),
        )
        .col_expr(
            stream_queue::Column::Misdirected,
            number(health.misdirected),
        )
}

/// Closes the circuit of a stream on which its Receiver has acted, and makes due what waits for a repetition: of very many,
/// those that are due first. What was refused for its key keeps its schedule, which is no matter of being reached.
///
/// When something is due next is left to the caller to say.
pub(super) async fn close_circuit(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    now: Timestamp,
) -> Result<(), StoreError> {
    let now = row::millis(now);
    let next = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::DueAt.gt(now))
        .filter(delivery::Column::KeyRefusals.eq(0))
        .order_by_asc(delivery::Column::DueAt)
        .limit(HURRIED_MAX)
        .select_only()
        .column(delivery::Column::Sequence)
        .into_query();
    of_pending(stream)
        .filter(delivery::Column::Sequence.in_subquery(next))
        .col_expr(delivery::Column::DueAt, Expr::value(now))
        .exec(transaction)
        .await?;
    with_health(stream_queue::Entity::update_many(), &Health::default())
        .col_expr(
            stream_queue::Column::ReceiverActs,
            stream_queue::Column::ReceiverActs.into_expr().add(1),
        )
        .filter(stream_queue::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Lets what was refused for its key begin anew: it goes to another place.
pub(super) async fn forget_key_refusals(
    transaction: &DatabaseTransaction,
    stream: Uuid,
) -> Result<(), StoreError> {
    of_pending(stream)
        .filter(delivery::Column::KeyRefusals.gt(0))
        .col_expr(delivery::Column::KeyRefusals, Expr::value(0))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Drops what announces a pause that is over: it would come late, and say what is not so.
pub(super) async fn drop_outdated(
    transaction: &DatabaseTransaction,
    of: Owned,
    now: Timestamp,
) -> Result<(), StoreError> {
    let outdated: Vec<i64> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(of.stream))
        .filter(delivery::Column::State.eq(State::Pending.number()))
        // In the text, so that an index is used that has few rows.
        .filter(Expr::cust("passes_hold"))
        .filter(delivery::Column::OfferedOnce.into_expr())
        .select_only()
        .column(delivery::Column::Sequence)
        .into_tuple()
        .all(transaction)
        .await?;
    if outdated.is_empty() {
        return Ok(());
    }
    let which = Condition::all().add(delivery::Column::Sequence.is_in(outdated.clone()));
    let dropped = drop_pending(transaction, of.stream, which, now).await?;
    let record = DropRecord::new(DropReason::AnnouncementOutdated, dropped, now);
    record_drop(transaction, of, record).await?;
    promote(transaction, of.stream, outdated, now).await?;
    Ok(())
}
