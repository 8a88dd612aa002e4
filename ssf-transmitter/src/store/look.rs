//! The first looks of owners at what is due: those that come at the same time share their statements.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, IdenStatic, QueryResult, Statement, Value};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    due_row::DueRow,
    row,
    settle::{TOGETHER_MAX, own},
};
use crate::{
    domain::delivery::Delivery,
    ports::{StoreError, StreamLease},
};

/// So many are wanted at first: whether there is a second one says whether the stream has more to do.
pub(super) const FIRST_MAX: u64 = 2;

/// An owner who wants the first delivery that is due.
#[derive(Clone, Debug)]
pub(super) struct Look {
    lease: StreamLease,
    now: Timestamp,
}

/// What one of those who look together sees; they share what went wrong.
pub(super) type Seen = Result<Vec<Delivery>, Arc<StoreError>>;

impl SeaStore {
    /// The first delivery of a stream that is due, and a second one if there is one.
    pub(super) async fn first_due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let lease = lease.clone();
        let together = |looks: Vec<Look>| async move {
            match self.look_together(&looks).await {
                Ok(seen) => seen.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(Arc::new(error)); looks.len()],
            }
        };
        let seen = self.looks.ask(Look { lease, now }, TOGETHER_MAX, together);
        own(seen.await)
    }

    async fn look_together(&self, looks: &[Look]) -> Result<Vec<Vec<Delivery>>, StoreError> {
        if let [look] = looks {
            return Ok(vec![
                self.due_deliveries(&look.lease, look.now, FIRST_MAX, &[])
                    .await?,
            ]);
        }
        let first = self.first_of(looks).await?;
        let mut seen = Vec::with_capacity(looks.len());
        for look in looks {
            let stream = row::stream_uuid(&look.lease.stream).unwrap_or_default();
            let own = first.get(&stream);
            let own = own.filter(|first| first.is_under(look) && !first.has_more);
            seen.push(match own {
                Some(first) => {
                    let rows = vec![first.delivery.clone()];
                    self.read_deliveries(stream, rows, look.now).await?
                }
                // There is more to it than that one is due on a stream which sends everything.
                None => {
                    self.due_deliveries(&look.lease, look.now, FIRST_MAX, &[])
                        .await?
                }
            });
        }
        Ok(seen)
    }

    /// The first delivery that is due, by stream; of streams on which everything is sent.
    async fn first_of(&self, looks: &[Look]) -> Result<HashMap<Uuid, First>, StoreError> {
        let ids = looks.iter().map(|look| &look.lease.stream);
        let streams: Vec<Uuid> = ids.filter_map(row::stream_uuid).collect();
        let Some(now) = looks.iter().map(|look| look.now).max() else {
            return Ok(HashMap::new());
        };
        let streams = row::padded(streams);
        let places = (0..streams.len()).map(|place| format!("${}", place + 2));
        let places = places.collect::<Vec<_>>().join(", ");
        let columns = DueRow::COLUMNS.map(|column| format!("delivery.{}", column.as_str()));
        let columns = columns.join(", ");
        // Driven by the queues: of a long backlog, one entry of an index is read.
        let sql = format!(
            "SELECT {columns}, stream_queue.stream_id, stream_queue.lease_worker, stream_queue.lease_epoch, \
             EXISTS (SELECT 1 FROM delivery AS other \
             WHERE other.stream_id = stream_queue.stream_id AND other.due_at <= $1 \
             AND other.sequence <> delivery.sequence) AS has_more \
             FROM stream_queue JOIN delivery \
             ON delivery.stream_id = stream_queue.stream_id AND delivery.sequence = (\
             SELECT first.sequence FROM delivery AS first \
             WHERE first.stream_id = stream_queue.stream_id AND first.due_at <= $1 \
             ORDER BY first.due_at, first.sequence LIMIT 1) \
             WHERE NOT stream_queue.held AND NOT stream_queue.dropping \
             AND stream_queue.stream_id IN ({places})"
        );
        let now = Value::from(row::millis(now));
        let values = std::iter::once(now).chain(streams.into_iter().map(Value::from));
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.reader.query_all_raw(statement).await?;
        let rows: Result<_, DbErr> = rows.iter().map(First::read).collect();
        Ok(rows?)
    }
}

/// The first delivery of a stream that is due, and under which lease the stream is.
struct First {
    delivery: DueRow,
    worker: Option<Uuid>,
    epoch: i64,
    has_more: bool,
}

impl First {
    fn read(row: &QueryResult) -> Result<(Uuid, Self), DbErr> {
        let stream = row.try_get("", "stream_id")?;
        let first = Self {
            worker: row.try_get("", "lease_worker")?,
            epoch: row.try_get("", "lease_epoch")?,
            has_more: row.try_get("", "has_more")?,
            delivery: DueRow::from_query_result(row, "")?,
        };
        Ok((stream, first))
    }

    /// Whether the look is that of the stream's owner.
    fn is_under(&self, look: &Look) -> bool {
        self.worker == Some(look.lease.worker.uuid()) && self.epoch == row::signed(look.lease.epoch)
    }
}
