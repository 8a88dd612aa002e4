//! What waits of each source.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{delivery, event},
    outbox::State,
    row,
};
use crate::{domain::id::SourceId, ports::StoreError};

impl SeaStore {
    /// Visits what waits, by the indexes of that alone, and not what has ended.
    pub(super) async fn count_backlogs(&self) -> Result<HashMap<SourceId, u64>, StoreError> {
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
        let pending: Vec<(Option<Uuid>, i64)> = delivery::Entity::find()
            .filter(State::Pending.is())
            .select_only()
            .expr_as(of_source, "source_id")
            .column_as(delivery::Column::Sequence.count(), "deliveries")
            .group_by(Expr::cust("source_id"))
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut waiting: HashMap<SourceId, u64> = HashMap::new();
        let of_sources = pending
            .into_iter()
            .filter_map(|(source, count)| Some((source?, count)));
        for (source, count) in undispatched.into_iter().chain(of_sources) {
            *waiting.entry(SourceId::new(source)).or_default() += row::unsigned(count);
        }
        Ok(waiting)
    }
}
