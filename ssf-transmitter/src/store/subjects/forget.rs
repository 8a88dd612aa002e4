//! Removing rows that count for no event any more.

use std::{collections::HashMap, time::Duration};

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, FromQueryResult, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select, sea_query::Expr,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use crate::{
    ports::StoreError,
    store::{
        Placing, SeaStore,
        append::chunks,
        entity::{event, stream, stream_subject, subject_set},
        row,
    },
};

/// How long a row stays after its end by time: an event is committed so long after its `accepted_at` at most, the
/// difference of the nodes' clocks included.
const COMMIT_MAX: Duration = Duration::from_mins(1);

#[derive(FromQueryResult)]
struct Forgotten {
    id: i64,
    stream_id: Uuid,
}

impl SeaStore {
    pub(super) async fn forget_subject_rows(
        &self,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let transaction = self.begin_placing(Placing::Stream).await?;
        let mut rows = over(&transaction, now, limit).await?;
        if rows.is_empty() {
            rows = of_deleted_stream(&transaction, limit).await?;
        }
        let mut keys: HashMap<Uuid, i64> = HashMap::new();
        for row in &rows {
            *keys.entry(row.stream_id).or_default() += 1;
        }
        for chunk in chunks(rows.iter().map(|row| row.id).collect()) {
            stream_subject::Entity::delete_many()
                .filter(stream_subject::Column::Id.is_in(chunk))
                .exec(&transaction)
                .await?;
        }
        for (stream, forgotten) in keys {
            let left = subject_set::Column::Keys.into_expr().sub(forgotten);
            subject_set::Entity::update_many()
                .col_expr(subject_set::Column::Keys, left)
                .filter(subject_set::Column::StreamId.eq(stream))
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(rows.len() as u64)
    }
}

fn ids(rows: Select<stream_subject::Entity>, limit: u64) -> Select<stream_subject::Entity> {
    rows.select_only()
        .column(stream_subject::Column::Id)
        .column(stream_subject::Column::StreamId)
        .limit(limit)
}

/// Rows that ended before the oldest event that waits for fan-out.
///
/// No event is committed meanwhile, so that none with an earlier position can appear.
async fn over(
    transaction: &DatabaseTransaction,
    now: Timestamp,
    limit: u64,
) -> Result<Vec<Forgotten>, StoreError> {
    let waiting = event::Entity::find()
        .filter(event::Column::DispatchedAt.is_null())
        .order_by_asc(event::Column::Position)
        .one(transaction)
        .await?;
    let oldest = (waiting.as_ref()).map_or(now, |event| now.min(row::moment(event.accepted_at)));
    let position = waiting.map_or(i64::MAX, |event| event.position);
    let by_position =
        stream_subject::Entity::find().filter(stream_subject::Column::ThroughPosition.lt(position));
    let by_position = ids(by_position, limit).into_model().all(transaction);
    let mut rows: Vec<Forgotten> = by_position.await?;
    let by_time = stream_subject::Entity::find()
        .filter(stream_subject::Column::UntilAt.lte(row::millis(oldest.before(COMMIT_MAX))));
    let left = limit.saturating_sub(rows.len() as u64);
    rows.extend(ids(by_time, left).into_model().all(transaction).await?);
    Ok(rows)
}

/// Rows of a stream that is gone; when there are none left, its counts go, too.
async fn of_deleted_stream(
    transaction: &DatabaseTransaction,
    limit: u64,
) -> Result<Vec<Forgotten>, StoreError> {
    let streams = stream::Entity::find()
        .filter(
            Expr::col((stream::Entity, stream::Column::Id))
                .equals((subject_set::Entity, subject_set::Column::StreamId)),
        )
        .select_only()
        .column(stream::Column::Id)
        .into_query();
    let gone = subject_set::Entity::find()
        .filter(Expr::exists(streams).not())
        .one(transaction)
        .await?;
    let Some(gone) = gone else {
        return Ok(Vec::new());
    };
    let rows =
        stream_subject::Entity::find().filter(stream_subject::Column::StreamId.eq(gone.stream_id));
    let rows: Vec<Forgotten> = ids(rows, limit).into_model().all(transaction).await?;
    if rows.is_empty() {
        subject_set::Entity::delete_by_id(gone.stream_id)
            .exec(transaction)
            .await?;
    }
    Ok(rows)
}
