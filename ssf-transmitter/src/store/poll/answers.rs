//! The SETs of a stream that are with its Receiver.

use std::collections::HashSet;

use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::super::{
    due_row::DueRow,
    entity::poll_answer,
    row::{self, Cell},
};
use crate::{
    domain::id::AnswerId,
    ports::{PollStep, StoreError},
};

/// What is with the Receiver at a moment.
#[derive(Debug)]
pub(super) struct Answers {
    sequences: HashSet<i64>,
    first_end: Option<i64>,
}

impl Answers {
    /// Reads the answers of a stream, forgets those that have ended, and takes out of the others what is settled now.
    pub(super) async fn of(
        transaction: &DatabaseTransaction,
        stream: Uuid,
        settled: &HashSet<i64>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let rows = poll_answer::Entity::find()
            .filter(poll_answer::Column::StreamId.eq(stream))
            .all(transaction)
            .await?;
        let mut out = Self {
            sequences: HashSet::new(),
            first_end: None,
        };
        let mut done = Vec::new();
        for answer in rows {
            let cell = Cell::new("poll_answer", "sequences", answer.id.to_string());
            let all: Vec<i64> = cell.parse(&answer.sequences)?;
            let before = all.len();
            let still: Vec<i64> = all
                .into_iter()
                .filter(|one| !settled.contains(one))
                .collect();
            if answer.ends_at <= row::millis(now) || still.is_empty() {
                done.push(answer.id);
                continue;
            }
            if still.len() < before {
                let shorter = poll_answer::ActiveModel {
                    id: Set(answer.id),
                    sequences: Set(row::json(&still)?),
                    ..Default::default()
                };
                poll_answer::Entity::update(shorter)
                    .exec(transaction)
                    .await?;
            }
            out.include(still, answer.ends_at);
        }
        if !done.is_empty() {
            poll_answer::Entity::delete_many()
                .filter(poll_answer::Column::Id.is_in(done))
                .exec(transaction)
                .await?;
        }
        Ok(out)
    }

    fn include(&mut self, sequences: Vec<i64>, ends_at: i64) {
        self.sequences.extend(sequences);
        self.first_end = Some(self.first_end.map_or(ends_at, |end| end.min(ends_at)));
    }

    /// Remembers that these deliveries are with the Receiver, too.
    pub(super) async fn add(
        &mut self,
        transaction: &DatabaseTransaction,
        stream: Uuid,
        step: &PollStep,
        rows: &[DueRow],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sequences: Vec<i64> = rows.iter().map(|row| row.sequence).collect();
        let ends_at = row::millis(step.until);
        let answer = poll_answer::ActiveModel {
            id: Set(step.answer.uuid()),
            stream_id: Set(stream),
            ends_at: Set(ends_at),
            sequences: Set(row::json(&sequences)?),
        };
        poll_answer::Entity::insert(answer)
            .exec_without_returning(transaction)
            .await?;
        self.include(sequences, ends_at);
        Ok(())
    }

    pub(super) fn sequences(&self) -> &HashSet<i64> {
        &self.sequences
    }

    /// When the first of the answers ends.
    pub(super) fn first_end(&self) -> Option<i64> {
        self.first_end
    }
}

/// Forgets one answer of a stream, so that its SETs are offered again.
pub(super) async fn forget(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    answer: AnswerId,
) -> Result<(), StoreError> {
    poll_answer::Entity::delete_many()
        .filter(poll_answer::Column::Id.eq(answer.uuid()))
        .filter(poll_answer::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}

/// Forgets all answers of a stream.
pub(super) async fn forget_answers(
    transaction: &DatabaseTransaction,
    stream: Uuid,
) -> Result<(), StoreError> {
    poll_answer::Entity::delete_many()
        .filter(poll_answer::Column::StreamId.eq(stream))
        .exec(transaction)
        .await?;
    Ok(())
}
