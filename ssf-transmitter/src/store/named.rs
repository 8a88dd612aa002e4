//! Deliveries that are named by their streams and numbers.

use std::collections::BTreeMap;

use sea_orm::{ColumnTrait, Condition};
use uuid::Uuid;

use super::{append::chunks, entity::delivery};

/// Most streams of one condition: a term of each makes it deeper, and SQLite allows a depth of 1,000.
const STREAMS_MAX: usize = 100;

/// Conditions that together match these deliveries, each of which one statement can take.
pub(super) fn these(keys: impl IntoIterator<Item = (Uuid, i64)>) -> Vec<Condition> {
    let mut by_stream: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
    for (stream, sequence) in keys {
        by_stream.entry(stream).or_default().push(sequence);
    }
    let of_stream = |(stream, sequences): (Uuid, Vec<i64>)| {
        chunks(sequences).map(move |sequences| {
            Condition::all()
                .add(delivery::Column::StreamId.eq(stream))
                .add(delivery::Column::Sequence.is_in(sequences))
        })
    };
    let terms: Vec<Condition> = by_stream.into_iter().flat_map(of_stream).collect();
    let joined = terms.chunks(STREAMS_MAX).map(|terms| {
        let terms = terms.iter().cloned();
        terms.fold(Condition::any(), Condition::add)
    });
    joined.collect()
}
