//! The first looks of owners at what is due: those that come at the same time share their statements.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, Statement, Value};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    announce::Gateway,
    entity::{delivery, stream_queue},
    lease::is_held,
    row,
    settle::{TOGETHER_MAX, own},
};
use crate::{
    domain::delivery::Delivery,
    ports::{StoreError, StreamLease},
};

/// An owner who wants the first delivery that is due.
#[derive(Clone, Debug)]
pub(super) struct Look {
    lease: StreamLease,
    now: Timestamp,
}

/// What one of those who look together sees; they share what went wrong.
pub(super) type Seen = Result<Vec<Delivery>, Arc<StoreError>>;

impl SeaStore {
    /// The first delivery of a stream that is due.
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
                self.due_deliveries(&look.lease, look.now, 1, &[]).await?,
            ]);
        }
        let queues = self.queues_of(looks).await?;
        let queue = |look: &Look| queues.get(&row::stream_uuid(&look.lease.stream)?);
        let is_open = |look: &&Look| {
            queue(look).is_some_and(|queue| {
                is_held(queue, &look.lease) && Gateway::of(queue) == Gateway::Open
            })
        };
        let first = self.first_of(looks.iter().filter(is_open)).await?;
        let mut seen = Vec::with_capacity(looks.len());
        for look in looks {
            let stream = row::stream_uuid(&look.lease.stream).unwrap_or_default();
            seen.push(if !is_open(&look) {
                self.due_deliveries(&look.lease, look.now, 1, &[]).await?
            } else if let Some(row) = first.get(&stream) {
                self.read_deliveries(stream, vec![row.clone()], look.now)
                    .await?
            } else {
                Vec::new()
            });
        }
        Ok(seen)
    }

    async fn queues_of(
        &self,
        looks: &[Look],
    ) -> Result<HashMap<Uuid, stream_queue::Model>, StoreError> {
        let streams = looks
            .iter()
            .filter_map(|look| row::stream_uuid(&look.lease.stream));
        let rows = stream_queue::Entity::find()
            .filter(stream_queue::Column::StreamId.is_in(row::padded(streams.collect())))
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|row| (row.stream_id, row)).collect())
    }

    /// The first delivery that is due, by stream; of streams on which everything is sent.
    async fn first_of(
        &self,
        looks: impl Iterator<Item = &Look>,
    ) -> Result<HashMap<Uuid, delivery::Model>, StoreError> {
        let mut streams = Vec::new();
        let mut now = Timestamp::default();
        for look in looks {
            streams.extend(row::stream_uuid(&look.lease.stream));
            now = now.max(look.now);
        }
        if streams.is_empty() {
            return Ok(HashMap::new());
        }
        let streams = row::padded(streams);
        let places = (0..streams.len()).map(|place| format!("${}", place + 2));
        let places = places.collect::<Vec<_>>().join(", ");
        // Driven by the queues: of a long backlog, one entry of an index is read.
        let sql = format!(
            "SELECT delivery.* FROM stream_queue JOIN delivery \
             ON delivery.stream_id = stream_queue.stream_id AND delivery.sequence = (\
             SELECT first.sequence FROM delivery AS first \
             WHERE first.stream_id = stream_queue.stream_id AND first.due_at <= $1 \
             ORDER BY first.due_at, first.sequence LIMIT 1) \
             WHERE stream_queue.stream_id IN ({places})"
        );
        let now = Value::from(row::millis(now));
        let values = std::iter::once(now).chain(streams.into_iter().map(Value::from));
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = delivery::Entity::find()
            .from_raw_sql(statement)
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|row| (row.stream_id, row)).collect())
    }
}
