//! Which SETs an answer to a poll has: what is due and in no other answer, as much as fits.

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    super::{
        SeaStore,
        announce::Gateway,
        deliver::let_through,
        due_row::{DueRow, EventsOf},
        entity::delivery,
        limited::first,
        row,
    },
    answers::Answers,
};
use crate::{
    domain::poll::{SETS_OUT_MAX, fitting},
    ports::{PollStep, StoreError},
};

/// Events that are read at once, to see how many fit: a power of two, and more than most answers have.
const READ_TOGETHER: usize = 128;

/// Deliveries for an answer, with their events.
#[derive(Default)]
pub(super) struct Picked {
    pub(super) rows: Vec<DueRow>,
    pub(super) events: EventsOf,
    pub(super) more_available: bool,
}

impl SeaStore {
    /// Picks them. More than fits is not read.
    pub(super) async fn pick(
        &self,
        transaction: &DatabaseTransaction,
        (stream, gateway): (Uuid, Gateway),
        out: &Answers,
        step: &PollStep,
        now: Timestamp,
    ) -> Result<Picked, StoreError> {
        let room = SETS_OUT_MAX.saturating_sub(out.sequences().len());
        if room == 0 {
            return Ok(Picked::default());
        }
        let sets_max = step.sets_max.min(room);
        let out: Vec<i64> = out.sequences().iter().copied().collect();
        let due = delivery::Entity::find()
            .select_only()
            .columns(DueRow::COLUMNS)
            .filter(delivery::Column::StreamId.eq(stream))
            .filter(let_through(gateway))
            .filter(delivery::Column::DueAt.lte(row::millis(now)))
            .filter(delivery::Column::Sequence.is_not_in(row::padded(out)))
            .order_by_asc(delivery::Column::DueAt)
            .order_by_asc(delivery::Column::Sequence);
        // One more than are wanted tells whether there are more.
        let mut rows: Vec<DueRow> = first(due, sets_max as u64 + 1, transaction).await?;
        let found = rows.len();
        rows.truncate(sets_max);
        let mut events = EventsOf::default();
        let mut sizes = Vec::with_capacity(rows.len());
        for some in rows.chunks(READ_TOGETHER) {
            events.extend(self.events_of(transaction, some).await?);
            sizes.extend(some.iter().map(|row| claims_bytes(row, &events, step)));
            if fitting(sizes.iter().copied(), sets_max) < sizes.len() {
                break;
            }
        }
        rows.truncate(fitting(sizes, sets_max));
        Ok(Picked {
            more_available: rows.len() < found,
            rows,
            events,
        })
    }
}

/// About how many bytes the claims of a delivery have; no less, since what is sealed is longer.
fn claims_bytes(row: &DueRow, events: &EventsOf, step: &PollStep) -> usize {
    let stored = events.stored_bytes(row.event_position);
    let own = stored.saturating_add(row.subject_bytes());
    own.saturating_add(step.overhead_bytes)
}
