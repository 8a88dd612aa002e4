//! What has become of the numbers of a stream, for those who have asked for them.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, SelectStatement},
};
use ssf_types::{id::Epoch, set::Account};
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    entity::{delivery, stream, stream_queue},
    limited::Only,
    lost_lease::take_lease_away,
    outbox::State,
    row,
};
use crate::{
    domain::{
        sequence::{NUMBERS_MAX, account},
        stream::Stream,
    },
    ports::StoreError,
};

/// Tells what has become of the numbers of a stream that has them, with its queue as it was locked.
pub(super) async fn account_of(
    transaction: &DatabaseTransaction,
    queue: &stream_queue::Model,
    stream: &Stream,
) -> Result<Option<Account>, StoreError> {
    if stream.sequence_epoch.is_none() {
        return Ok(None);
    }
    let through = match first_pending(transaction, queue.stream_id).await? {
        Some(pending) => pending - 1,
        None => queue.last_sequence,
    };
    let after = queue.sequence_after;
    let given_up: Vec<i64> = given_up(queue.stream_id, after, through)
        .into_tuple()
        .all(transaction)
        .await?;
    let given_up = given_up.into_iter().map(row::unsigned).collect();
    Ok(Some(account(
        row::unsigned(through),
        row::unsigned(after),
        given_up,
    )))
}

/// The state stands in the text, so that SQLite sees that an index is of these alone.
async fn first_pending(
    transaction: &DatabaseTransaction,
    stream: Uuid,
) -> Result<Option<i64>, StoreError> {
    let first: Option<Option<i64>> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(State::Pending.is())
        .select_only()
        .column_as(delivery::Column::Sequence.min(), "first")
        .into_tuple()
        .only(transaction)
        .await?;
    Ok(first.flatten())
}

/// Numbers that ended quarantined or dropped, the greatest first; one more than are told tells that there are more.
fn given_up(stream: Uuid, after: i64, through: i64) -> Select<delivery::Entity> {
    delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(Expr::cust("state >= 2"))
        .filter(delivery::Column::Sequence.gt(after))
        .filter(delivery::Column::Sequence.lte(through))
        .order_by_desc(delivery::Column::Sequence)
        .limit(NUMBERS_MAX as u64 + 1)
        .select_only()
        .column(delivery::Column::Sequence)
}

/// Remembers, for streams with numbers, that rows of dropped deliveries among `leaving` are about to go: nothing can be told
/// of them any more, nor of what is below them.
pub(super) async fn tell_no_more(
    transaction: &DatabaseTransaction,
    leaving: Condition,
) -> Result<(), StoreError> {
    let last: Vec<(Uuid, i64)> = delivery::Entity::find()
        .filter(leaving)
        .filter(delivery::Column::State.eq(State::Dropped.number()))
        .filter(delivery::Column::StreamId.in_subquery(with_numbers()))
        .select_only()
        .column(delivery::Column::StreamId)
        .column_as(delivery::Column::Sequence.max(), "last")
        .group_by(delivery::Column::StreamId)
        // In the order in which everybody locks queues.
        .order_by_asc(delivery::Column::StreamId)
        .into_tuple()
        .all(transaction)
        .await?;
    for (stream, sequence) in last {
        tell_after(transaction, stream, sequence).await?;
    }
    Ok(())
}

fn with_numbers() -> SelectStatement {
    stream::Entity::find()
        .filter(stream::Column::SequenceEpoch.is_not_null())
        .select_only()
        .column(stream::Column::Id)
        .into_query()
}

/// Tells nothing of this number and those below it.
pub(super) async fn tell_after(
    connection: &impl ConnectionTrait,
    stream: Uuid,
    sequence: i64,
) -> Result<(), StoreError> {
    stream_queue::Entity::update_many()
        .col_expr(stream_queue::Column::SequenceAfter, Expr::value(sequence))
        .filter(stream_queue::Column::StreamId.eq(stream))
        .filter(stream_queue::Column::SequenceAfter.lt(sequence))
        .exec(connection)
        .await?;
    Ok(())
}

impl SeaStore {
    /// One short transaction for each stream: there may be many, and each is as good before as after.
    pub(super) async fn renew_epochs(
        &self,
        mut make: impl FnMut() -> Epoch + Send,
    ) -> Result<u64, StoreError> {
        let streams: Vec<Uuid> = stream::Entity::find()
            .filter(stream::Column::SequenceEpoch.is_not_null())
            .order_by_asc(stream::Column::Id)
            .select_only()
            .column(stream::Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut renewed = 0;
        for uuid in streams {
            let transaction = self.begin_placing(Placing::Stream).await?;
            let queue = stream_queue::Entity::find_by_id(uuid)
                .lock_exclusive()
                .only(&transaction)
                .await?;
            let Some(queue) = queue else { continue };
            let epoch = Expr::value(make().as_str());
            stream::Entity::update_many()
                .col_expr(stream::Column::SequenceEpoch, epoch)
                .filter(stream::Column::Id.eq(uuid))
                .exec(&transaction)
                .await?;
            tell_after(&transaction, uuid, queue.last_sequence).await?;
            // Whoever works on the stream signs with the former one.
            take_lease_away(&transaction, uuid).await?;
            transaction.commit().await?;
            renewed += 1;
        }
        Ok(renewed)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::DatabaseBackend;

    use super::*;
    use crate::{
        sealing::{DataKey, Sealer},
        store::Access,
    };

    #[tokio::test]
    async fn numbers_that_were_given_up_are_found_by_an_index_in_its_order() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("t.db").display());
        let sealer = Sealer::new(&DataKey::generate());
        let store = SeaStore::open(&url, sealer, Access::Serve).await.unwrap();
        let query = given_up(Uuid::nil(), 3, 9).into_query();
        let mut statement = DatabaseBackend::Sqlite.build(&query);
        statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let rows = store.reader.query_all_raw(statement).await.unwrap();
        let plan: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        let expected = "SEARCH delivery USING COVERING INDEX delivery_given_up (stream_id=? AND sequence>? AND sequence<?)";
        assert_eq!(plan, [expected]);
    }
}
