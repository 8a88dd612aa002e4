//! Accepting events.

use std::collections::{BTreeMap, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{
    Placing, SeaStore,
    entity::{event, idempotency},
    fresh::FreshEvent,
    ledger::{self, Total},
    limited::Only,
    row::{self, Cell},
    writes::Writes,
};
use crate::{
    domain::{
        event::{AcceptedEvent, NewEvent},
        id::{EventId, Fingerprint, SourceId},
        issuer::IssuerName,
    },
    failpoint::{Failpoint, reached},
    ports::{Answered, Appended, CorruptRow, StoreError, Submission},
};

/// So many rows are not divided: the statement for each such number is kept.
const ROWS_FEW: usize = 16;

/// The answer to a submission under whose key `before` stands; `None` if it is the very one that set it, which finds
/// its own ids there.
fn repeated(before: &Answered, body: Fingerprint, ids: &[EventId]) -> Option<Appended> {
    if before.body != body {
        return Some(Appended::KeyConflict);
    }
    (before.ids != ids).then(|| Appended::Replayed(before.clone()))
}

pub(super) async fn commit(transaction: DatabaseTransaction) -> Result<(), StoreError> {
    reached(Failpoint::BeforeCommit);
    transaction.commit().await?;
    reached(Failpoint::AfterCommit);
    Ok(())
}

/// An event that is new in this transaction.
pub(super) struct Arrival {
    pub(super) issuer: IssuerName,
    source: Option<SourceId>,
    pub(super) event: AcceptedEvent,
}

impl SeaStore {
    pub(super) async fn append_submissions(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, StoreError> {
        let transaction = self.begin_placing(Placing::Event).await?;
        let (answers, arrivals) = self.admit(&transaction, submissions, now).await?;
        self.leave_waiting(transaction, arrivals).await?;
        Ok(answers)
    }

    /// Stores events, whose fan-out is another step's.
    pub(super) async fn leave_waiting(
        &self,
        transaction: DatabaseTransaction,
        arrivals: Vec<Arrival>,
    ) -> Result<(), StoreError> {
        let (accepted, mut fresh) = (arrivals.len() as u64, Vec::new());
        let mut rows = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            let row = self.arrival_row(&arrival)?;
            let event = FreshEvent {
                event: arrival.event.event,
                stored_bytes: row.payload.as_ref().len(),
            };
            fresh.push((arrival.event.id.uuid(), event));
            rows.push(row);
        }
        let mut writes = Writes::on(&transaction);
        writes.insert(rows);
        ledger::add_all(&mut writes, &[(Total::Accepted, self.shard, accepted)]);
        writes.run(&transaction).await?;
        commit(transaction).await?;
        self.fresh.keep(fresh);
        Ok(())
    }

    /// Answers submissions, and tells which events are to be stored for that.
    pub(super) async fn admit(
        &self,
        transaction: &DatabaseTransaction,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<(Vec<Appended>, Vec<Arrival>), StoreError> {
        let remembered = self.remember_keys(transaction, &submissions, now).await?;
        let mut answers = Vec::with_capacity(submissions.len());
        let mut arrivals = Vec::new();
        for submission in submissions {
            let ids: Vec<EventId> = submission.events.iter().map(|(id, _)| *id).collect();
            let before = submission.idempotency.and_then(|key| {
                let before = remembered.get(&key.key)?;
                repeated(before, key.body, &ids)
            });
            if let Some(answer) = before {
                answers.push(answer);
                continue;
            }
            let (issuer, source) = (submission.issuer, submission.source);
            let arrival = |(id, event)| Arrival {
                issuer: issuer.clone(),
                source,
                event: AcceptedEvent::new(id, now, event),
            };
            arrivals.extend(submission.events.into_iter().map(arrival));
            answers.push(Appended::Accepted(ids));
        }
        Ok((answers, arrivals))
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
    ) -> Result<HashMap<Fingerprint, Answered>, StoreError> {
        let mut new = BTreeMap::new();
        for submission in submissions {
            if let Some(idempotency) = &submission.idempotency {
                new.entry(idempotency.key)
                    .or_insert((idempotency, &submission.events));
            }
        }
        if new.is_empty() {
            return Ok(HashMap::new());
        }
        let keys: Vec<Vec<u8>> = new.keys().map(|key| key.as_bytes().to_vec()).collect();
        let rows = new.into_iter().map(|(key, (idempotency, events))| {
            let ids: Vec<Uuid> = events.iter().map(|(id, _)| id.uuid()).collect();
            let answer = row::json(&(ids, &idempotency.answer))?;
            Ok(idempotency::ActiveModel {
                key: Set(key.as_bytes().to_vec()),
                body: Set(idempotency.body.as_bytes().to_vec()),
                answer: Set(answer_cell(key.as_bytes()).seal(&self.sealer, answer.as_bytes())),
                created_at: Set(row::millis(now)),
            })
        });
        let rows: Vec<idempotency::ActiveModel> = rows.collect::<Result<_, StoreError>>()?;
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

    fn remembered(&self, row: &idempotency::Model) -> Result<(Fingerprint, Answered), CorruptRow> {
        let cell = answer_cell(&row.key);
        let fingerprint = |bytes: &[u8]| {
            <[u8; 32]>::try_from(bytes)
                .map(Fingerprint::new)
                .map_err(|_| cell.corrupt("a fingerprint has 32 bytes"))
        };
        let text = cell.text(&self.sealer, &row.answer)?;
        let (ids, answer): (Vec<Uuid>, String) = cell.parse(&text)?;
        let answered = Answered {
            body: fingerprint(&row.body)?,
            ids: ids.into_iter().map(EventId::new).collect(),
            answer,
        };
        Ok((fingerprint(&row.key)?, answered))
    }

    pub(super) async fn remembered_answer(
        &self,
        key: Fingerprint,
    ) -> Result<Option<Answered>, StoreError> {
        let row = idempotency::Entity::find_by_id(key.as_bytes().to_vec())
            .only(&self.reader)
            .await?;
        let read = row.map(|row| self.remembered(&row)).transpose()?;
        Ok(read.map(|(_, answered)| answered))
    }

    pub(super) async fn forget_oldest_answers(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let oldest = idempotency::Entity::find()
            .select_only()
            .column(idempotency::Column::Key)
            .filter(idempotency::Column::CreatedAt.lt(row::millis(before)))
            .order_by_asc(idempotency::Column::CreatedAt)
            .limit(limit)
            .into_query();
        let deleted = idempotency::Entity::delete_many()
            .filter(idempotency::Column::Key.in_subquery(oldest))
            .exec(&self.writer)
            .await?;
        Ok(deleted.rows_affected)
    }

    pub(super) fn arrival_row(&self, arrival: &Arrival) -> Result<event::ActiveModel, StoreError> {
        let AcceptedEvent {
            id,
            event,
            accepted_at,
        } = &arrival.event;
        let mut row = self.event_row(&arrival.issuer, *id, event, *accepted_at)?;
        row.source_id = Set(arrival.source.map(SourceId::uuid));
        Ok(row)
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
            source_id: Set(None),
            event_type: Set(event.event.uri().as_str().to_owned()),
            txn: Set(event.txn.as_ref().map(|txn| self.txn_key(txn.as_str()))),
            payload: Set(payload_cell(id.uuid()).seal(&self.sealer, payload.as_bytes())),
            accepted_at: Set(row::millis(now)),
            dispatched_at: Set(None),
            set_aside_until: Set(None),
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
///
/// The databases keep statements prepared by their text, so there are few lengths: powers of two, and what is short anyway.
pub(super) fn chunks<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let length = match rows.len() {
            0 => return None,
            few @ 1..=ROWS_FEW => few,
            many => 1 << many.min(row::ROWS_MAX).ilog2(),
        };
        Some(rows.by_ref().take(length).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_few_lengths_in_their_order_and_none_is_lost() {
        let lengths = |count: usize| {
            let all: Vec<Vec<usize>> = chunks((0..count).collect()).collect();
            assert!(all.iter().flatten().copied().eq(0..count));
            all.iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(0), [0; 0]);
        assert_eq!(lengths(11), [11]);
        assert_eq!(lengths(16), [16]);
        assert_eq!(lengths(27), [16, 11]);
        assert_eq!(lengths(2000), [512, 512, 512, 256, 128, 64, 16]);
    }
}
