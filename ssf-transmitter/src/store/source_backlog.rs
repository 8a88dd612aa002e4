//! What waits of each source.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    SeaStore,
    append::chunks,
    entity::{delivery, event, stream},
    outbox::State,
    row,
};
use crate::{
    domain::{backlog::Backlog, id::SourceId},
    ports::StoreError,
};

/// What waits of one source: events that are not fanned out, and deliveries by their Receivers.
#[derive(Default)]
struct Counts {
    events: u64,
    of_receivers: HashMap<Uuid, u64>,
}

impl SeaStore {
    /// Visits what waits, by the indexes of that alone, and not what has ended.
    pub(super) async fn count_backlogs(&self) -> Result<HashMap<SourceId, Backlog>, StoreError> {
        let undispatched: Vec<(Uuid, i64)> = event::Entity::find()
            .filter(event::Column::DispatchedAt.is_null())
            .filter(event::Column::SourceId.is_not_null())
            .select_only()
            .column(event::Column::SourceId)
            .column_as(event::Column::Position.count(), "events")
            .group_by(event::Column::SourceId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        // The state stands in the text, so that SQLite sees that an index is of these alone.
        let of_source = Query::select()
            .column((event::Entity, event::Column::SourceId))
            .from(event::Entity)
            .and_where(
                Expr::col((event::Entity, event::Column::Position))
                    .equals((delivery::Entity, delivery::Column::EventPosition)),
            )
            .to_owned();
        let pending: Vec<(Option<Uuid>, Uuid, i64)> = delivery::Entity::find()
            .filter(State::Pending.is())
            .select_only()
            .expr_as(of_source, "source_id")
            .column(delivery::Column::StreamId)
            .column_as(delivery::Column::Sequence.count(), "deliveries")
            .group_by(Expr::cust("source_id"))
            .group_by(delivery::Column::StreamId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let streams: BTreeSet<Uuid> = pending.iter().map(|(_, stream, _)| *stream).collect();
        let receivers = self.receivers_of(streams).await?;
        let mut waiting: HashMap<SourceId, Counts> = HashMap::new();
        for (source, events) in undispatched {
            waiting.entry(SourceId::new(source)).or_default().events += row::unsigned(events);
        }
        for (source, stream, deliveries) in pending {
            // A stream that is deleted meanwhile takes what waits with it.
            if let (Some(source), Some(receiver)) = (source, receivers.get(&stream)) {
                let counts = waiting.entry(SourceId::new(source)).or_default();
                *counts.of_receivers.entry(*receiver).or_default() += row::unsigned(deliveries);
            }
        }
        let backlog =
            |counts: Counts| Backlog::new(counts.events, counts.of_receivers.into_values());
        let backlogs = waiting
            .into_iter()
            .map(|(source, counts)| (source, backlog(counts)));
        Ok(backlogs.collect())
    }

    /// Whose these streams are.
    async fn receivers_of(
        &self,
        streams: BTreeSet<Uuid>,
    ) -> Result<HashMap<Uuid, Uuid>, StoreError> {
        let mut receivers = HashMap::new();
        for chunk in chunks(streams.into_iter().collect()) {
            let rows: Vec<(Uuid, Uuid)> = stream::Entity::find()
                .filter(stream::Column::Id.is_in(chunk))
                .select_only()
                .columns([stream::Column::Id, stream::Column::ReceiverId])
                .into_tuple()
                .all(&self.reader)
                .await?;
            receivers.extend(rows);
        }
        Ok(receivers)
    }
}
