//! The subjects of streams: rows that events are looked up in, and the changes that Receivers make to them.
//!
//! Subjects are stored as keyed fingerprints alone; nothing ever needs them back. Whoever changes them holds the lock of
//! placing, exclusively: the position behind which a change counts is exact, and changes are one after the other.

mod batch;
mod forget;
mod lookup;

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter, Statement, Value,
};
use ssf_types::{metadata::DefaultSubjects, subject::Subject, time::Timestamp};
use uuid::Uuid;

use self::batch::Batch;
pub(super) use self::lookup::Listed;
use super::{
    Placing, SeaStore,
    append::chunks,
    change::last_position,
    entity::{stream, stream_subject, subject_set},
    row::{self, Cell},
    streams::living,
};
use crate::{
    domain::{
        coverage::{Place, SubjectTerms},
        matching::{self, Mask, SubjectKey, UnfitSubject},
    },
    ports::{CorruptRow, StoreError, SubjectChange, SubjectChanged, SubjectStore},
};

/// Bytes of a fingerprint that are kept: with a million million keys, two meet by chance once in 10^14 installations.
const KEY_BYTES: usize = 16;

/// Stands for a [`SubjectKey`] in the database.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct StoredKey([u8; KEY_BYTES]);

impl StoredKey {
    fn to_vec(self) -> Vec<u8> {
        self.0.to_vec()
    }
}

/// One subject without aliases as it is stored.
struct StoredEntry {
    mask: Mask,
    name: StoredKey,
    keys: Vec<StoredKey>,
}

impl SubjectStore for SeaStore {
    async fn change_subjects(
        &self,
        changes: &[SubjectChange],
        terms: &SubjectTerms,
        now: Timestamp,
    ) -> Result<Vec<SubjectChanged>, StoreError> {
        let transaction = self.begin_placing(Placing::Stream).await?;
        let place = Place {
            after_position: row::unsigned(last_position(&transaction).await?),
            now,
            grace: terms.grace,
        };
        let named = changes.iter().map(|change| &change.stream);
        let streams: BTreeSet<Uuid> = named.filter_map(row::stream_uuid).collect();
        let owners = owners(&transaction, &streams).await?;
        let wanted: Result<Vec<_>, CorruptRow> = changes
            .iter()
            .map(|change| self.wanted(change, &owners))
            .collect();
        let wanted = wanted?;
        let mut batch = Batch::new(place, *terms);
        batch.load_sets(sets(&transaction, &streams).await?);
        batch.load_rows(self.rows(&transaction, &wanted).await?);
        let answers = wanted
            .iter()
            .map(|wanted| match wanted {
                Some(wanted) => batch.change(wanted),
                None => SubjectChanged::NotFound,
            })
            .collect();
        batch.store(&transaction).await?;
        transaction.commit().await?;
        Ok(answers)
    }

    async fn forget_subjects(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        self.forget_subject_rows(now, limit).await
    }
}

/// A change of one of the Receiver's own streams, with the fingerprints of what it is about.
struct Wanted<'c> {
    change: &'c SubjectChange,
    stream: Uuid,
    covers: DefaultSubjects,
    entries: Result<Vec<StoredEntry>, UnfitSubject>,
}

impl SeaStore {
    /// `None` if the Receiver has no such stream.
    fn wanted<'c>(
        &self,
        change: &'c SubjectChange,
        owners: &HashMap<Uuid, OwnerRow>,
    ) -> Result<Option<Wanted<'c>>, CorruptRow> {
        let owner = row::stream_uuid(&change.stream).and_then(|uuid| owners.get(&uuid));
        let Some(owner) = owner.filter(|row| row.receiver_id == change.receiver.uuid()) else {
            return Ok(None);
        };
        Ok(Some(Wanted {
            change,
            stream: owner.id,
            covers: read_default(owner.id, &owner.default_subjects)?,
            entries: self.stored_entries(&owner.issuer, &change.subject),
        }))
    }

    fn stored_entries(
        &self,
        issuer: &str,
        subject: &Subject,
    ) -> Result<Vec<StoredEntry>, UnfitSubject> {
        let stored = |entry: matching::SubjectEntry| StoredEntry {
            mask: entry.mask,
            name: self.subject_key(issuer, &entry.name),
            keys: (entry.keys.iter())
                .map(|key| self.subject_key(issuer, key))
                .collect(),
        };
        Ok(matching::entries(subject)?
            .into_iter()
            .map(stored)
            .collect())
    }

    /// An issuer's name has no blank, so that no two pairs give the same text.
    fn subject_key(&self, issuer: &str, key: &SubjectKey) -> StoredKey {
        let text = format!("{issuer} {}", key.expose());
        let fingerprint = (self.sealer).fingerprint("stream_subject.key", text.as_bytes());
        let mut stored = [0; KEY_BYTES];
        stored.copy_from_slice(&fingerprint.as_bytes()[..KEY_BYTES]);
        StoredKey(stored)
    }

    /// The rows of the entries that changes are about, oldest first.
    async fn rows(
        &self,
        transaction: &DatabaseTransaction,
        wanted: &[Option<Wanted<'_>>],
    ) -> Result<Vec<stream_subject::Model>, StoreError> {
        let mut names = BTreeSet::new();
        for one in wanted.iter().flatten() {
            if let Ok(entries) = &one.entries {
                names.extend(entries.iter().map(|entry| (one.stream, entry.name)));
            }
        }
        let mut rows = Vec::new();
        for chunk in chunks(names.into_iter().collect()) {
            let sql = format!(
                "WITH wanted (stream_id, name) AS (VALUES {}) \
                 SELECT s.* FROM wanted w JOIN stream_subject s \
                 ON s.stream_id = w.stream_id AND s.name = w.name ORDER BY s.id",
                places(chunk.len(), 2)
            );
            let values = chunk
                .into_iter()
                .flat_map(|(stream, name)| -> [Value; 2] { [stream.into(), name.to_vec().into()] });
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            let found = stream_subject::Entity::find()
                .from_raw_sql(statement)
                .all(transaction);
            rows.extend(found.await?);
        }
        rows.sort_unstable_by_key(|row| row.id);
        Ok(rows)
    }
}

/// `($1, $2), ($3, $4)` and so on, for as many rows of `columns` values.
fn places(rows: usize, columns: usize) -> String {
    let row = |row: usize| {
        let numbers = (1..=columns).map(|column| format!("${}", row * columns + column));
        format!("({})", numbers.collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

#[derive(FromQueryResult)]
struct OwnerRow {
    id: Uuid,
    receiver_id: Uuid,
    issuer: String,
    default_subjects: String,
}

/// Whose these streams are, and whom they cover by default.
async fn owners(
    transaction: &DatabaseTransaction,
    streams: &BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, OwnerRow>, StoreError> {
    let mut owners = HashMap::new();
    for chunk in chunks(streams.iter().copied().collect()) {
        let rows = living()
            .filter(stream::Column::Id.is_in(chunk))
            .into_model::<OwnerRow>()
            .all(transaction);
        owners.extend(rows.await?.into_iter().map(|row| (row.id, row)));
    }
    Ok(owners)
}

/// Reads the column `default_subjects` of a stream.
pub(super) fn read_default(stream: Uuid, text: &str) -> Result<DefaultSubjects, CorruptRow> {
    let cell = Cell::new("stream", "default_subjects", stream.to_string());
    serde_json::from_value(text.into()).map_err(|_| cell.corrupt("it is neither ALL nor NONE"))
}

async fn sets(
    transaction: &DatabaseTransaction,
    streams: &BTreeSet<Uuid>,
) -> Result<Vec<subject_set::Model>, StoreError> {
    let mut sets = Vec::new();
    for chunk in chunks(streams.iter().copied().collect()) {
        let found = subject_set::Entity::find()
            .filter(subject_set::Column::StreamId.is_in(chunk))
            .all(transaction);
        sets.extend(found.await?);
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_of_values_are_numbered_row_by_row() {
        assert_eq!(places(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
