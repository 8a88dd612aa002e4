//! Which streams have an event's subject among their entries: one seek in an index for each that has, and one more.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, Statement, Value,
};
use uuid::Uuid;

use super::{StoredKey, places};
use crate::{
    domain::{
        event::AcceptedEvent,
        matching::{Mask, keys_of_event},
    },
    ports::StoreError,
    store::{SeaStore, append::chunks, entity::subject_mask, waiting::Place},
};

/// The streams that have the subjects of some events among their entries, by the events' positions.
#[derive(Default)]
pub(in crate::store) struct Listed(HashMap<i64, HashSet<Uuid>>);

impl Listed {
    /// Those that have the subject of the event at `position`.
    pub(in crate::store) fn of(&self, position: i64) -> impl Iterator<Item = Uuid> {
        self.0.get(&position).into_iter().flatten().copied()
    }

    /// Whether a stream has the subject of the event at `position`.
    pub(in crate::store) fn has(&self, position: i64, stream: Uuid) -> bool {
        (self.0.get(&position)).is_some_and(|streams| streams.contains(&stream))
    }

    /// All of them.
    pub(in crate::store) fn streams(&self) -> BTreeSet<Uuid> {
        self.0.values().flatten().copied().collect()
    }
}

/// One key of one event.
struct Asked {
    position: i64,
    accepted_at: i64,
    key: StoredKey,
}

#[derive(FromQueryResult)]
struct Found {
    place: i64,
    stream_id: Uuid,
}

impl SeaStore {
    /// Looks up events that were read in this transaction.
    ///
    /// What is added after that counts for later events, whether or not this sees it.
    pub(in crate::store) async fn listed(
        &self,
        transaction: &DatabaseTransaction,
        events: &[(&Place, &AcceptedEvent)],
    ) -> Result<Listed, StoreError> {
        let masks = subject_mask::Entity::find().all(transaction).await?;
        let masks: Vec<Mask> = masks
            .into_iter()
            .filter_map(|row| u8::try_from(row.bits).ok().map(Mask::new))
            .collect();
        let mut asked = Vec::new();
        for (place, event) in events {
            for mask in &masks {
                let keys = keys_of_event(&event.event.sub_id, *mask);
                asked.extend(keys.iter().map(|key| Asked {
                    position: place.position,
                    accepted_at: place.accepted_at,
                    key: self.subject_key(&place.issuer, key),
                }));
            }
        }
        let mut listed = Listed::default();
        for chunk in chunks(asked) {
            let statement = self.lookup(chunk);
            for row in transaction.query_all_raw(statement).await? {
                let found = Found::from_query_result(&row, "")?;
                (listed.0.entry(found.place).or_default()).insert(found.stream_id);
            }
        }
        Ok(listed)
    }

    fn lookup(&self, asked: Vec<Asked>) -> Statement {
        let sql = lookup_sql(asked.len());
        let values = asked.into_iter().flat_map(|asked| -> [Value; 3] {
            [
                asked.position.into(),
                asked.accepted_at.into(),
                asked.key.to_vec().into(),
            ]
        });
        Statement::from_sql_and_values(self.backend(), sql, values)
    }
}

/// Goes from stream to stream along the index (key, `stream_id`), and over all rows of a stream but the first that counts.
///
/// A stream that has a tenant under the names of a million users is thus found as fast as one that has it once.
fn lookup_sql(keys: usize) -> String {
    let next = |from: &str, behind: &str| {
        format!(
            "SELECT {from}.place, {from}.accepted_at, {from}.key, (\
             SELECT s.stream_id FROM stream_subject s WHERE s.key = {from}.key{behind} \
             AND s.after_position < {from}.place AND s.from_at <= {from}.accepted_at \
             AND (s.through_position IS NULL OR s.through_position >= {from}.place) \
             AND (s.until_at IS NULL OR s.until_at > {from}.accepted_at) \
             ORDER BY s.stream_id LIMIT 1) FROM {from}"
        )
    };
    let first = next("asked", "");
    let second = next("found", " AND s.stream_id > found.stream_id");
    format!(
        "WITH RECURSIVE asked (place, accepted_at, key) AS (VALUES {}), \
         found (place, accepted_at, key, stream_id) AS ({first} UNION ALL {second} \
         WHERE found.stream_id IS NOT NULL) \
         SELECT place, stream_id FROM found WHERE stream_id IS NOT NULL",
        places(keys, 3)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        sealing::{DataKey, Sealer},
        store::Access,
    };

    #[tokio::test]
    async fn a_look_up_seeks_each_key_and_each_further_stream_in_an_index_and_scans_no_table() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("t.db").display());
        let sealer = Sealer::new(&DataKey::generate());
        let store = SeaStore::open(&url, sealer, Access::Serve).await.unwrap();
        let asked = |byte| Asked {
            position: 1,
            accepted_at: 1,
            key: StoredKey([byte; 16]),
        };
        let mut statement = store.lookup(vec![asked(1), asked(2)]);
        statement.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let rows = store.reader.query_all_raw(statement).await.unwrap();
        let details: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        let of_table: Vec<&str> = details
            .iter()
            .map(String::as_str)
            .filter(|detail| detail.contains(" s ") || detail.ends_with(" s"))
            .collect();
        let index = "SEARCH s USING INDEX stream_subject_key";
        let expected = [
            format!("{index} (key=?)"),
            format!("{index} (key=? AND stream_id>?)"),
        ];
        assert_eq!(of_table, expected, "{details:?}");
        assert!(
            !details.iter().any(|detail| detail.contains("ORDER BY")),
            "{details:?}"
        );
    }
}
