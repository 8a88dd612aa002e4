//! Merging revocations into the rows that are there.
//!
//! Rows are read, merged here, and written: nobody else does meanwhile (see [`Tables::begin`](super::Tables::begin)).

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    iter,
    sync::Arc,
};

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::{
    dialect::{self, Dialect},
    row,
    statement::{self, Insert, ROWS_MAX},
};
use crate::{
    inbox::{InboxError, References, Stored, changed, merged, row as text},
    revocation::{Mask, Revocation},
};

/// What an event tells, as its row has it: its type and its reason.
type Told = (String, String);

/// Merges each revocation into the row of its key and kind.
pub(super) async fn merge(
    connection: &impl ConnectionTrait,
    revocations: impl Iterator<Item = &Revocation>,
) -> Result<(), InboxError> {
    let merged = merged(revocations);
    for some in merged.chunks(ROWS_MAX) {
        merge_rows(connection, some).await?;
    }
    Ok(())
}

async fn merge_rows(
    connection: &impl ConnectionTrait,
    revocations: &[Revocation],
) -> Result<(), InboxError> {
    let masks = masks(connection, revocations).await?;
    let stored = stored(connection, revocations, &masks).await?;
    let changed = changed(revocations, &stored);
    if changed.is_empty() {
        return Ok(());
    }
    let failed = |error: DbErr| InboxError::new("retain what a revocation tells", error);
    let details = details(connection, &changed).await.map_err(failed)?;
    let (mut new, mut known) = (Vec::with_capacity(changed.len()), Vec::new());
    for revocation in &changed {
        let references = (
            masks.get(&revocation.mask).copied(),
            details.get(&text::of_detail(&revocation.detail)).copied(),
        );
        let (Some(mask), Some(detail)) = references else {
            return Err(InboxError::new(
                "retain a revocation",
                "its mask or detail has no row",
            ));
        };
        let is_known = stored.contains_key(&(revocation.key, revocation.kind));
        let rows = if is_known { &mut known } else { &mut new };
        rows.push(row::of_revocation(revocation, (mask, detail)));
    }
    let failed = |error: DbErr| InboxError::new("retain a revocation", error);
    let insert = Insert {
        verb: dialect::of(connection.get_database_backend()).insert,
        table: "revocation",
        columns: row::REVOCATION,
        otherwise: "",
    };
    insert.execute(connection, new).await.map_err(failed)?;
    let update = Insert {
        verb: "INSERT INTO",
        otherwise: UPDATE,
        ..insert
    };
    update.execute(connection, known).await.map_err(failed)
}

/// What is written over the row of a revocation that is there.
const UPDATE: &str = "ON CONFLICT (key, kind) DO UPDATE SET \
    effect = excluded.effect, occurred = excluded.occurred, toe = excluded.toe, arrived = excluded.arrived, \
    moment = excluded.moment, until = excluded.until, detail = excluded.detail, position = excluded.position";

/// So many pairs of values, as a table `wanted` with the columns `a` and `b`.
///
/// A list of pairs behind `IN` would do, but SQLite reads the whole table for it.
fn wanted(count: usize) -> String {
    format!(
        "WITH wanted (a, b) AS (VALUES {})",
        statement::rows(count, 2)
    )
}

fn stored_text(dialect: &Dialect, count: usize) -> String {
    let wanted = wanted(count);
    let (look_up, columns) = (dialect.look_up, row::REVOCATION.join(", "));
    format!(
        "{wanted} SELECT event, reason, {columns} FROM wanted {look_up} revocation ON key = a AND kind = b \
         JOIN detail ON detail.id = revocation.detail"
    )
}

fn details_text(dialect: &Dialect, count: usize) -> String {
    let wanted = wanted(count);
    let (look_up, is_told) = (dialect.look_up, dialect.is_told);
    format!("{wanted} SELECT id, event, reason FROM wanted {look_up} detail ON {is_told}")
}

/// The rows that are there with these keys and kinds.
async fn stored(
    connection: &impl ConnectionTrait,
    revocations: &[Revocation],
    masks: &HashMap<Mask, i64>,
) -> Result<Stored, InboxError> {
    let failed = |error: DbErr| InboxError::new("read what was revoked", error);
    let dialect = dialect::of(connection.get_database_backend());
    let room = statement::room(revocations.len());
    let text = stored_text(dialect, room);
    let key = |one: &Revocation| -> [Value; 2] {
        let kind = i64::from(one.kind.number());
        [one.key.to_bytes().to_vec().into(), kind.into()]
    };
    let nulls = [None::<Vec<u8>>.into(), None::<i64>.into()];
    let keys = revocations.iter().map(key).chain(iter::repeat(nulls));
    let values = keys.take(room).flatten().collect();
    let rows = statement::query(connection, &text, values);
    let mut references = References {
        masks: masks.iter().map(|(mask, id)| (*id, mask.clone())).collect(),
        details: HashMap::new(),
    };
    let mut stored = Stored::new();
    for found in rows.await.map_err(failed)? {
        let detail: i64 = found.try_get_by_index(2 + row::DETAIL_AT).map_err(failed)?;
        if let Entry::Vacant(unread) = references.details.entry(detail) {
            let event: String = found.try_get_by_index(0).map_err(failed)?;
            let reason: String = found.try_get_by_index(1).map_err(failed)?;
            let told = text::to_detail(&event, &reason)?;
            unread.insert(Arc::new(told));
        }
        let revocation = row::read_revocation(&found, 2, &references)?;
        stored.insert((revocation.key, revocation.kind), revocation);
    }
    Ok(stored)
}

/// The numbers of all masks, those of these revocations among them: a transmitter has a few.
async fn masks(
    connection: &impl ConnectionTrait,
    revocations: &[Revocation],
) -> Result<HashMap<Mask, i64>, InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a mask", error);
    let text = "SELECT id, has, lacks, about FROM mask";
    let rows = statement::query(connection, text, Vec::new());
    let mut masks = HashMap::new();
    for found in rows.await.map_err(failed)? {
        let id: i64 = found.try_get_by_index(0).map_err(failed)?;
        let text = |place| found.try_get_by_index::<String>(place).map_err(failed);
        let mask = text::to_mask(&text(1)?, &text(2)?, &text(3)?)?;
        masks.insert(mask, id);
    }
    for Revocation { mask, .. } in revocations {
        if masks.contains_key(mask) {
            continue;
        }
        let text = "INSERT INTO mask (has, lacks, about) VALUES (?, ?, ?) RETURNING id";
        let values = text::of_mask(mask).map(Value::from).to_vec();
        let rows = statement::query(connection, text, values).await;
        for inserted in rows.map_err(failed)? {
            let id = inserted.try_get_by_index(0).map_err(failed)?;
            masks.insert(mask.clone(), id);
        }
    }
    Ok(masks)
}

/// The numbers of what these revocations tell.
async fn details(
    connection: &impl ConnectionTrait,
    revocations: &[Revocation],
) -> Result<HashMap<Told, i64>, DbErr> {
    let all: BTreeSet<Told> = revocations
        .iter()
        .map(|one| text::of_detail(&one.detail))
        .collect();
    let dialect = dialect::of(connection.get_database_backend());
    let select = details_text(dialect, all.len());
    let values = |told: &[&Told]| {
        let pairs = told.iter().flat_map(|(event, reason)| [event, reason]);
        pairs.map(|text| Value::from(text.as_str())).collect()
    };
    let wanted: Vec<&Told> = all.iter().collect();
    let mut numbers = HashMap::new();
    number(&mut numbers, connection, &select, values(&wanted)).await?;
    let missing: Vec<&Told> = all
        .iter()
        .filter(|told| !numbers.contains_key(*told))
        .collect();
    if !missing.is_empty() {
        let insert = format!(
            "INSERT INTO detail (event, reason) VALUES {} RETURNING id, event, reason",
            statement::rows(missing.len(), 2)
        );
        number(&mut numbers, connection, &insert, values(&missing)).await?;
    }
    Ok(numbers)
}

/// Adds the numbers that a statement yields.
async fn number(
    numbers: &mut HashMap<Told, i64>,
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<(), DbErr> {
    for row in statement::query(connection, text, values).await? {
        let told = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        numbers.insert(told, row.try_get_by_index(0)?);
    }
    Ok(())
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::time::Duration;

    use sea_orm::DbBackend;

    use super::*;
    use crate::store::SqlInbox;

    #[tokio::test]
    async fn however_many_rows_are_wanted_each_is_looked_up_by_an_index() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let dialect = dialect::of(DbBackend::Sqlite);
        for text in [1, 64, ROWS_MAX]
            .map(|count| [stored_text(dialect, count), details_text(dialect, count)])
            .concat()
        {
            let values = vec![Value::from(1_i64); text.matches('?').count()];
            let text = format!("EXPLAIN QUERY PLAN {text}");
            let plan = statement::query(inbox.connection(), &text, values).await;
            let steps = plan
                .unwrap()
                .into_iter()
                .map(|step| step.try_get_by_index(3).unwrap());
            let steps: Vec<String> = steps.collect();
            let is_whole = |step: &String| {
                step.starts_with("SCAN revocation") || step.starts_with("SCAN detail")
            };
            assert!(!steps.iter().any(is_whole), "{steps:?}");
            assert!(steps.iter().any(|step| step.contains("USING")), "{steps:?}");
        }
    }
}
