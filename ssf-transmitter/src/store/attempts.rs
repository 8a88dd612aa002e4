//! What is kept of attempts.

use std::collections::HashMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    SeaStore,
    append::chunks,
    entity::{delivery, delivery_attempt},
    outbox::State,
    row::{self, Cell},
};
use crate::{
    domain::attempt::{AnswerClass, Attempt, place},
    ports::{CorruptRow, Settlement, StoreError},
};

/// Deliveries whose attempts are read with one statement; each is a term of it.
const DELIVERIES_MAX: usize = 100;

/// Attempts by stream and number of the delivery, each in the order of their own numbers.
pub(super) type Kept = HashMap<(Uuid, i64), Vec<(u32, Attempt)>>;

impl SeaStore {
    /// Keeps the attempts of these settlements that failed, before those are stored; the queue of the stream is locked.
    ///
    /// A delivery that is acknowledged at once costs nothing here.
    pub(super) async fn keep_attempts(
        &self,
        transaction: &DatabaseTransaction,
        stream: Uuid,
        settlements: &[Settlement],
    ) -> Result<(), StoreError> {
        let failed = settlements.iter().filter_map(|one| {
            let attempt = one.answer.as_ref()?;
            let is_kept = attempt.class != AnswerClass::Acknowledged;
            is_kept.then_some((row::signed(one.sequence), attempt))
        });
        let failed: Vec<(i64, &Attempt)> = failed.collect();
        if failed.is_empty() {
            return Ok(());
        }
        let sequences = failed.iter().map(|(sequence, _)| *sequence).collect();
        let before = failed_before(transaction, stream, sequences).await?;
        let rows = failed.into_iter().filter_map(|(sequence, attempt)| {
            let before = before.get(&sequence)?;
            Some(self.attempt_row((stream, sequence), before + 1, attempt))
        });
        let whatever_stood_there = OnConflict::columns([
            delivery_attempt::Column::StreamId,
            delivery_attempt::Column::Sequence,
            delivery_attempt::Column::Place,
        ])
        .update_columns([
            delivery_attempt::Column::Number,
            delivery_attempt::Column::EndedAt,
            delivery_attempt::Column::Class,
            delivery_attempt::Column::Status,
            delivery_attempt::Column::Code,
            delivery_attempt::Column::Description,
        ])
        .to_owned();
        for chunk in chunks(rows.collect()) {
            delivery_attempt::Entity::insert_many(chunk)
                .on_conflict(whatever_stood_there.clone())
                .exec_without_returning(transaction)
                .await?;
        }
        Ok(())
    }

    fn attempt_row(
        &self,
        (stream, sequence): (Uuid, i64),
        number: i64,
        attempt: &Attempt,
    ) -> delivery_attempt::ActiveModel {
        let number_seen = u32::try_from(number).unwrap_or(u32::MAX);
        let place = i32::try_from(place(number_seen)).unwrap_or(i32::MAX);
        let cell = words_cell(stream, sequence, number);
        let words = attempt.description.as_ref();
        delivery_attempt::ActiveModel {
            stream_id: Set(stream),
            sequence: Set(sequence),
            place: Set(place),
            number: Set(number),
            ended_at: Set(row::millis(attempt.at)),
            class: Set(attempt.class.as_str().to_owned()),
            status: Set(attempt.status.and_then(status)),
            code: Set(attempt.code.clone()),
            description: Set(words.map(|words| cell.seal(&self.sealer, words.as_bytes()))),
        }
    }

    /// What is kept of the attempts at these deliveries.
    pub(super) async fn kept_attempts(
        &self,
        db: &impl ConnectionTrait,
        deliveries: &[(Uuid, i64)],
    ) -> Result<Kept, StoreError> {
        let mut kept = Kept::new();
        for chunk in deliveries.chunks(DELIVERIES_MAX) {
            let of_one = |(stream, sequence): &(Uuid, i64)| {
                Condition::all()
                    .add(delivery_attempt::Column::StreamId.eq(*stream))
                    .add(delivery_attempt::Column::Sequence.eq(*sequence))
            };
            let of_these = chunk
                .iter()
                .map(of_one)
                .fold(Condition::any(), Condition::add);
            let rows = delivery_attempt::Entity::find()
                .filter(of_these)
                .order_by_asc(delivery_attempt::Column::Number)
                .all(db);
            for row in rows.await? {
                let of = (row.stream_id, row.sequence);
                kept.entry(of).or_default().push(self.attempt(row)?);
            }
        }
        Ok(kept)
    }

    fn attempt(&self, row: delivery_attempt::Model) -> Result<(u32, Attempt), CorruptRow> {
        let cell = words_cell(row.stream_id, row.sequence, row.number);
        let class = AnswerClass::read(&row.class)
            .ok_or_else(|| cell.corrupt("class is not one of answers"))?;
        let words = row.description.as_deref();
        let mut attempt = Attempt::new(row::moment(row.ended_at), class);
        attempt.status = row.status.and_then(|status| u16::try_from(status).ok());
        attempt.code = row.code;
        attempt.description = words
            .map(|words| cell.text(&self.sealer, words))
            .transpose()?;
        let number = u32::try_from(row.number).unwrap_or(u32::MAX);
        Ok((number, attempt))
    }
}

/// A status as it is stored; every status of HTTP fits.
pub(super) fn status(status: u16) -> Option<i16> {
    i16::try_from(status).ok()
}

fn words_cell(stream: Uuid, sequence: i64, number: i64) -> Cell {
    let row = format!("{stream}/{sequence}/{number}");
    Cell::new("delivery_attempt", "description", row)
}

/// How many attempts of each of these deliveries have failed; of those that are pending alone.
async fn failed_before(
    transaction: &DatabaseTransaction,
    stream: Uuid,
    sequences: Vec<i64>,
) -> Result<HashMap<i64, i64>, StoreError> {
    let rows: Vec<(i64, i64, i64)> = delivery::Entity::find()
        .filter(delivery::Column::StreamId.eq(stream))
        .filter(delivery::Column::Sequence.is_in(sequences))
        .filter(State::Pending.is())
        .select_only()
        .column(delivery::Column::Sequence)
        .column(delivery::Column::Attempts)
        .column(delivery::Column::FailedBefore)
        .into_tuple()
        .all(transaction)
        .await?;
    let failed = |(sequence, attempts, before): (i64, i64, i64)| (sequence, attempts + before);
    Ok(rows.into_iter().map(failed).collect())
}
