//! Events that wait for their fan-out.
//!
//! What one goes by is read of each. Its payload is read of those alone that this process did not accept a moment ago: on SQLite
//! it is the largest of what is copied from one thread to another.

use std::{collections::HashMap, sync::Arc};

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    SeaStore,
    append::chunks,
    entity::event,
    limited::first,
    recent::ReadEvent,
    row,
    unreadable::{not_set_aside, tell},
};
use crate::{
    domain::{event::AcceptedEvent, id::EventId, issuer::IssuerName},
    ports::StoreError,
};

/// What says whom an event goes to, beside its subject.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Place {
    pub(super) position: i64,
    pub(super) id: Uuid,
    pub(super) issuer: String,
    pub(super) event_type: String,
    pub(super) accepted_at: i64,
}

impl Place {
    /// The columns that it is read from.
    pub(super) const COLUMNS: [event::Column; 5] = [
        event::Column::Position,
        event::Column::Id,
        event::Column::Issuer,
        event::Column::EventType,
        event::Column::AcceptedAt,
    ];

    /// That of an event which is not stored.
    pub(super) fn foreseen(position: i64, issuer: &IssuerName, event: &AcceptedEvent) -> Self {
        Self {
            position,
            id: event.id.uuid(),
            issuer: issuer.as_str().to_owned(),
            event_type: event.event.event.uri().as_str().to_owned(),
            accepted_at: row::millis(event.accepted_at),
        }
    }
}

/// Events in the order of their positions, read and not to be read.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) readable: Vec<(Place, ReadEvent)>,
    pub(super) unreadable: Vec<i64>,
}

impl SeaStore {
    /// The first events that wait, at most `limit`, without those that are set aside.
    pub(super) async fn waiting(
        &self,
        transaction: &DatabaseTransaction,
        now: Timestamp,
        limit: u64,
    ) -> Result<Waiting, StoreError> {
        let waiting = event::Entity::find()
            .filter(event::Column::DispatchedAt.is_null())
            .filter(not_set_aside(now))
            .order_by_asc(event::Column::Position)
            .select_only()
            .columns(Place::COLUMNS);
        let places: Vec<Place> = first(waiting, limit, transaction).await?;
        let mut fresh = self.fresh.take(places.iter().map(|place| place.id));
        let unknown = places.iter().filter(|place| !fresh.contains_key(&place.id));
        let unknown = unknown.map(|place| place.position).collect();
        let mut payloads = payloads(transaction, unknown).await?;
        let mut waiting = Waiting::default();
        for place in places {
            let (event, stored_bytes) = if let Some(fresh) = fresh.remove(&place.id) {
                let accepted_at = row::moment(place.accepted_at);
                let event = AcceptedEvent::new(EventId::new(place.id), accepted_at, fresh.event);
                (Ok(event), fresh.stored_bytes)
            } else {
                let payload = payloads.remove(&place.position).unwrap_or_default();
                let event = self.opened_event(place.id, &payload, place.accepted_at);
                (event, payload.len())
            };
            match event.map(Arc::new) {
                Ok(event) => {
                    let read = ReadEvent {
                        event,
                        stored_bytes,
                    };
                    waiting.readable.push((place, read));
                }
                Err(error) => {
                    tell(&error);
                    waiting.unreadable.push(place.position);
                }
            }
        }
        Ok(waiting)
    }
}

/// Sealed payloads, by position.
async fn payloads(
    transaction: &DatabaseTransaction,
    positions: Vec<i64>,
) -> Result<HashMap<i64, Vec<u8>>, StoreError> {
    let mut payloads = HashMap::with_capacity(positions.len());
    for chunk in chunks(positions) {
        let rows: Vec<(i64, Vec<u8>)> = event::Entity::find()
            .filter(event::Column::Position.is_in(chunk))
            .select_only()
            .columns([event::Column::Position, event::Column::Payload])
            .into_tuple()
            .all(transaction)
            .await?;
        payloads.extend(rows);
    }
    Ok(payloads)
}
