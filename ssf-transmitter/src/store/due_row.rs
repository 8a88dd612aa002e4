//! Deliveries that are to be sent, and their events.
//!
//! Each column of each row is copied on its way from the database, on SQLite from one thread to another: so only those are asked
//! for that sending needs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
};
use ssf_types::{id::Jti, subject::Subject, time::Timestamp};
use uuid::Uuid;

use super::{
    SeaStore,
    entity::{delivery, event},
    number::subject_cell,
    recent::ReadEvent,
    row::{self, Cell},
    unreadable::tell,
};
use crate::{
    domain::delivery::{Delivery, Offer},
    ports::{CorruptRow, StoreError},
};

/// What sending a delivery needs of its row; the caller knows the stream.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct DueRow {
    pub(super) sequence: i64,
    pub(super) event_position: i64,
    jti: String,
    iat: i64,
    subject: Option<Vec<u8>>,
    attempts: i64,
    key_refusals: i32,
    offered_once: bool,
    pub(super) passes_hold: bool,
}

impl DueRow {
    /// The columns that it is read from.
    pub(super) const COLUMNS: [delivery::Column; 9] = [
        delivery::Column::Sequence,
        delivery::Column::EventPosition,
        delivery::Column::Jti,
        delivery::Column::Iat,
        delivery::Column::Subject,
        delivery::Column::Attempts,
        delivery::Column::KeyRefusals,
        delivery::Column::OfferedOnce,
        delivery::Column::PassesHold,
    ];

    /// Bytes of its own subject, where it has one.
    pub(super) fn subject_bytes(&self) -> usize {
        self.subject.as_ref().map_or(0, Vec::len)
    }
}

/// What is needed of an event's row.
#[derive(Debug, FromQueryResult)]
struct EventRow {
    position: i64,
    id: Uuid,
    payload: Vec<u8>,
    accepted_at: i64,
}

/// The events of some deliveries: those that are remembered, and what the database has of the others.
#[derive(Debug, Default)]
pub(super) struct EventsOf {
    remembered: HashMap<i64, ReadEvent>,
    rows: HashMap<i64, EventRow>,
}

impl EventsOf {
    /// How long the event at a position is where it is stored; zero if it is not there.
    pub(super) fn stored_bytes(&self, position: i64) -> usize {
        let remembered = self.remembered.get(&position);
        let remembered = remembered.map(|read| read.stored_bytes);
        let stored = || self.rows.get(&position).map(|row| row.payload.len());
        remembered.or_else(stored).unwrap_or_default()
    }

    /// Takes in those of other deliveries.
    pub(super) fn extend(&mut self, others: Self) {
        self.remembered.extend(others.remembered);
        self.rows.extend(others.rows);
    }
}

impl SeaStore {
    /// Joins deliveries of a stream to their events. Those that cannot be read wait for a while.
    pub(super) async fn read_deliveries(
        &self,
        stream: Uuid,
        rows: Vec<DueRow>,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let events = self.events_of(&self.reader, &rows).await?;
        self.joined(stream, rows, events, now).await
    }

    /// The events of these deliveries, unopened where they are not remembered.
    pub(super) async fn events_of(
        &self,
        db: &impl ConnectionTrait,
        rows: &[DueRow],
    ) -> Result<EventsOf, StoreError> {
        let positions: BTreeSet<i64> = rows.iter().map(|row| row.event_position).collect();
        let mut events = EventsOf::default();
        let mut others = Vec::new();
        for position in positions {
            match self.recent.event(position) {
                Some(read) => {
                    events.remembered.insert(position, read);
                }
                None => others.push(position),
            }
        }
        if others.is_empty() {
            return Ok(events);
        }
        let found: Vec<EventRow> = event::Entity::find()
            .select_only()
            .columns([
                event::Column::Position,
                event::Column::Id,
                event::Column::Payload,
                event::Column::AcceptedAt,
            ])
            .filter(event::Column::Position.is_in(row::padded(others)))
            .into_model()
            .all(db)
            .await?;
        events.rows = found.into_iter().map(|row| (row.position, row)).collect();
        Ok(events)
    }

    /// Joins deliveries of a stream to events that were found for them. Those that cannot be read wait for a while, so that no
    /// transaction may be open.
    pub(super) async fn joined(
        &self,
        stream: Uuid,
        rows: Vec<DueRow>,
        mut events: EventsOf,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut deliveries = Vec::with_capacity(rows.len());
        let mut unreadable = Vec::new();
        for row in rows {
            let sequence = row.sequence;
            self.open_event(&mut events, row.event_position);
            match self.read_delivery(stream, row, &events) {
                Ok(delivery) => deliveries.push(delivery),
                Err(error) => {
                    tell(&error);
                    unreadable.push(sequence);
                }
            }
        }
        self.postpone_unreadable(stream, unreadable, now).await?;
        Ok(deliveries)
    }

    /// Opens an event that was not remembered, and remembers it.
    fn open_event(&self, events: &mut EventsOf, position: i64) {
        let Some(row) = events.rows.remove(&position) else {
            return;
        };
        match self.opened_event(row.id, &row.payload, row.accepted_at) {
            Ok(event) => {
                let read = ReadEvent {
                    event: Arc::new(event),
                    stored_bytes: row.payload.len(),
                };
                self.recent.keep(position, read.clone());
                events.remembered.insert(position, read);
            }
            Err(error) => tell(&error),
        }
    }

    fn read_delivery(
        &self,
        stream: Uuid,
        row: DueRow,
        events: &EventsOf,
    ) -> Result<Delivery, CorruptRow> {
        let key = format!("{stream}/{}", row.sequence);
        let corrupt = |column, why| Cell::new("delivery", column, key.clone()).corrupt(why);
        let read = events.remembered.get(&row.event_position).ok_or_else(|| {
            corrupt(
                "event_position",
                "its event is not there, or cannot be read",
            )
        })?;
        let event = &read.event;
        let sub_id = match row.subject {
            Some(sealed) => {
                let cell = subject_cell(stream, row.sequence);
                let json = cell.text(&self.sealer, &sealed)?;
                Subject::read(&json).map_err(|_| cell.corrupt("it is not a subject"))?
            }
            None => event.event.sub_id.clone(),
        };
        let jti = Jti::parse(row.jti).map_err(|_| corrupt("jti", "it is not an identifier"))?;
        let mut delivery = Delivery::new(
            row::unsigned(row.sequence),
            jti,
            row::moment(row.iat),
            sub_id,
            Arc::clone(event),
        );
        delivery.attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        delivery.key_refusals = u32::try_from(row.key_refusals).unwrap_or_default();
        if row.offered_once {
            delivery.offer = Offer::Once;
        }
        Ok(delivery)
    }
}
