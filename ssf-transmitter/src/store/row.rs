//! Small conversions between rows and values.

use serde::{Serialize, de::DeserializeOwned};
use ssf_types::{id::StreamId, time::Timestamp};
use uuid::Uuid;

use crate::{
    domain::issuer::IssuerName,
    ports::{CorruptRow, StoreError},
    sealing::Sealer,
};

/// Most rows of one insert, and most values of one `IN`: with at most 32 columns it stays below the 32,766 parameters of SQLite.
pub(super) const ROWS_MAX: usize = 1000;

/// A list for an `IN` whose length is a power of two, since what is added changes nothing: the databases keep statements prepared
/// by their text, and there are few such lengths.
pub(super) fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// A moment as it is stored.
pub(super) fn millis(moment: Timestamp) -> i64 {
    signed(moment.as_millis())
}

/// A stored moment.
pub(super) fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millis(unsigned(millis))
}

/// A number as it is stored; none of ours comes near the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored number; none of ours is negative.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The id of a stream as it is stored; `None` if no stream of ours can have it.
pub(super) fn stream_uuid(id: &StreamId) -> Option<Uuid> {
    // Other spellings of a UUID are other ids.
    Uuid::try_parse(id.as_str())
        .ok()
        .filter(|uuid| uuid.simple().to_string() == id.as_str())
}

/// The id of a stored stream.
pub(super) fn stream_id(uuid: Uuid) -> Result<StreamId, CorruptRow> {
    StreamId::parse(uuid.simple().to_string())
        .map_err(|_| CorruptRow::new("stream", uuid.to_string(), "id is not an identifier"))
}

/// The name of an issuer in row `row` of `table`.
pub(super) fn issuer_name(
    table: &'static str,
    row: Uuid,
    name: String,
) -> Result<IssuerName, CorruptRow> {
    IssuerName::parse(name)
        .map_err(|_| CorruptRow::new(table, row.to_string(), "issuer is not a name of an issuer"))
}

/// JSON of our own values, all of which have string keys.
pub(super) fn json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unavailable(Box::new(error)))
}

/// One column of one row, to which a sealed value is bound.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) row: String,
}

impl Cell {
    pub(super) fn new(table: &'static str, column: &'static str, row: impl Into<String>) -> Self {
        Self {
            table,
            column,
            row: row.into(),
        }
    }

    fn context(&self) -> String {
        format!("{}.{}/{}", self.table, self.column, self.row)
    }

    pub(super) fn seal(&self, sealer: &Sealer, plain: &[u8]) -> Vec<u8> {
        sealer.seal(&self.context(), plain)
    }

    pub(super) fn open(&self, sealer: &Sealer, bytes: &[u8]) -> Result<Vec<u8>, CorruptRow> {
        sealer
            .open(&self.context(), bytes)
            .map_err(|_| self.corrupt("it was changed, or sealed with another key"))
    }

    pub(super) fn text(&self, sealer: &Sealer, bytes: &[u8]) -> Result<String, CorruptRow> {
        String::from_utf8(self.open(sealer, bytes)?).map_err(|_| self.corrupt("it is not text"))
    }

    /// Reads JSON; the reason of a fault is not told, for it might repeat the value.
    pub(super) fn parse<T: DeserializeOwned>(&self, json: &str) -> Result<T, CorruptRow> {
        serde_json::from_str(json).map_err(|_| self.corrupt("it is not what was written"))
    }

    pub(super) fn corrupt(&self, why: &'static str) -> CorruptRow {
        CorruptRow::new(self.table, format!("{} ({})", self.row, self.column), why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_filled_up_with_what_it_has() {
        assert_eq!(padded(vec![3, 1, 2]), [3, 1, 2, 2]);
        assert_eq!(padded(vec![3, 1]), [3, 1]);
        assert!(padded(Vec::<u8>::new()).is_empty());
    }

    #[test]
    fn a_stream_is_found_under_one_spelling_of_its_id() {
        let found = |id: &str| stream_uuid(&StreamId::parse(id).unwrap()).is_some();
        assert!(found("0192f5a0000070008000000000000001"));
        assert!(!found("0192F5A0000070008000000000000001"));
        assert!(!found("0192f5a0-0000-7000-8000-000000000001"));
        assert!(!found("f67e39a0"));
    }
}
