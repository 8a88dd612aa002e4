//! Accepting events.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    entity::{event, idempotency},
    row::{self, Cell},
};
use crate::{
    domain::{
        event::NewEvent,
        id::{EventId, Fingerprint},
        issuer::IssuerName,
    },
    ports::{Appended, CorruptRow, StoreError, Submission},
};

/// What was accepted under a key before.
struct Remembered {
    body: Fingerprint,
    ids: Vec<EventId>,
}

impl Remembered {
    /// The answer to a submission whose key stands for `self`; `None` if it is the very one that set it, which finds
    /// its own ids here.
    fn answer(&self, body: Fingerprint, ids: &[EventId]) -> Option<Appended> {
        if self.body != body {
            return Some(Appended::KeyConflict);
        }
        (self.ids != ids).then(|| Appended::Replayed(self.ids.clone()))
    }
}

impl SeaStore {
    pub(super) async fn append_submissions(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, StoreError> {
        let transaction = self.begin_placing(Placing::Event).await?;
        let remembered = self.remember_keys(&transaction, &submissions, now).await?;
        let mut answers = Vec::with_capacity(submissions.len());
        let mut rows = Vec::new();
        for submission in submissions {
            let ids: Vec<EventId> = submission.events.iter().map(|(id, _)| *id).collect();
            let before = submission.idempotency.and_then(|key| {
                let before = remembered.get(&key.key)?;
                before.answer(key.body, &ids)
            });
            if let Some(answer) = before {
                answers.push(answer);
                continue;
            }
            for (id, event) in submission.events {
                rows.push(self.event_row(&submission.issuer, id, &event, now)?);
            }
            answers.push(Appended::Accepted(ids));
        }
        for chunk in chunks(rows) {
            event::Entity::insert_many(chunk)
                .exec_without_returning(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(answers)
    }

    /// Stores the answers under keys that are new, and returns what stands under each key now.
    ///
    /// On PostgreSQL the insert waits for another node that stores the same key; keys are sorted, so that two nodes
    /// do not wait for each other.
    async fn remember_keys(
        &self,
        transaction: &DatabaseTransaction,
        submissions: &[Submission],
        now: Timestamp,
    ) -> Result<HashMap<Fingerprint, Remembered>, StoreError> {
        let mut new = BTreeMap::new();
        for submission in submissions {
            if let Some(idempotency) = submission.idempotency {
                new.entry(idempotency.key)
                    .or_insert((idempotency.body, &submission.events));
            }
        }
        if new.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Vec<u8>> = new.keys().map(|key| key.as_bytes().to_vec()).collect();
        let rows = new.into_iter().map(|(key, (body, events))| {
            let answer: Vec<u8> = events
                .iter()
                .flat_map(|(id, _)| id.uuid().into_bytes())
                .collect();
            idempotency::ActiveModel {
                key: Set(key.as_bytes().to_vec()),
                body: Set(body.as_bytes().to_vec()),
                answer: Set(answer_cell(key.as_bytes()).seal(&self.sealer, &answer)),
                created_at: Set(row::millis(now)),
            }
        });
        idempotency::Entity::insert_many(rows)
            .on_conflict_do_nothing_on([idempotency::Column::Key])
            .exec_without_returning(transaction)
            .await?;
        let stored = idempotency::Entity::find()
            .filter(idempotency::Column::Key.is_in(keys))
            .all(transaction)
            .await?;
        let read = |row: idempotency::Model| self.remembered(&row);
        let remembered: Result<_, CorruptRow> = stored.into_iter().map(read).collect();
        Ok(remembered?)
    }

    fn remembered(
        &self,
        row: &idempotency::Model,
    ) -> Result<(Fingerprint, Remembered), CorruptRow> {
        let cell = answer_cell(&row.key);
        let fingerprint = |bytes: &[u8]| {
            <[u8; 32]>::try_from(bytes)
                .map(Fingerprint::new)
                .map_err(|_| cell.corrupt("a fingerprint has 32 bytes"))
        };
        let answer = cell.open(&self.sealer, &row.answer)?;
        let (ids, rest) = answer.as_chunks();
        if !rest.is_empty() {
            return Err(cell.corrupt("ids have 16 bytes each"));
        }
        let ids = ids
            .iter()
            .map(|id| EventId::new(Uuid::from_bytes(*id)))
            .collect();
        let body = fingerprint(&row.body)?;
        Ok((fingerprint(&row.key)?, Remembered { body, ids }))
    }

    pub(super) fn event_row(
        &self,
        issuer: &IssuerName,
        id: EventId,
        event: &NewEvent,
        now: Timestamp,
    ) -> Result<event::ActiveModel, StoreError> {
        let payload = row::json(event)?;
        Ok(event::ActiveModel {
            position: NotSet,
            id: Set(id.uuid()),
            issuer: Set(issuer.as_str().to_owned()),
            event_type: Set(event.event.uri().as_str().to_owned()),
            payload: Set(payload_cell(id.uuid()).seal(&self.sealer, payload.as_bytes())),
            accepted_at: Set(row::millis(now)),
            dispatched_at: Set(None),
        })
    }
}

/// The cell of an event's payload.
pub(super) fn payload_cell(id: Uuid) -> Cell {
    Cell::new("event", "payload", id.to_string())
}

fn answer_cell(key: &[u8]) -> Cell {
    Cell::new("idempotency", "answer", BASE64.encode(key))
}

/// Rows in portions that one statement can take.
pub(super) fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let chunk: Vec<T> = rows.by_ref().take(row::ROWS_MAX).collect();
        (!chunk.is_empty()).then_some(chunk)
    })
}
