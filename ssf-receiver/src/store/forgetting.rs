//! Forgetting SETs: their numbers stay, in the row of their run.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use ssf_types::time::Timestamp;

use super::{SqlInbox, numbering, statement};
use crate::inbox::{
    InboxError,
    forgetting::{Forgetting, Forgotten, LOOKED_AT_MAX, Over},
};

/// A SET that is looked at.
struct Seen {
    row: i64,
    issuer: String,
    received_at: Timestamp,
    /// Its run and its number there.
    number: Option<(i64, u64)>,
}

impl Seen {
    fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let received_at: i64 = row.try_get_by_index(2)?;
        let (run, number): (Option<i64>, Option<i64>) =
            (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        Ok(Self {
            row: row.try_get_by_index(0)?,
            issuer: row.try_get_by_index(1)?,
            received_at: Timestamp::from_millis(received_at.cast_unsigned()),
            number: run.zip(number.map(i64::cast_unsigned)),
        })
    }
}

impl Forgetting for SqlInbox {
    async fn forget_sets(&self, over: &Over, after: i64) -> Result<Forgotten, InboxError> {
        let forget = async {
            let transaction = self.tables.begin().await?;
            let forgotten = forget(&transaction, over, after).await?;
            transaction.commit().await?;
            Ok::<_, DbErr>(forgotten)
        };
        let failed = |error: DbErr| InboxError::new("forget SETs", error);
        forget.await.map_err(failed)
    }
}

async fn forget(
    connection: &impl ConnectionTrait,
    over: &Over,
    after: i64,
) -> Result<Forgotten, DbErr> {
    let text = format!(
        "SELECT id, issuer, received_at_millis, run, number FROM inbox WHERE id > ? ORDER BY id LIMIT {LOOKED_AT_MAX}"
    );
    let seen = statement::query(connection, &text, vec![after.into()]).await?;
    let seen: Vec<Seen> = seen.iter().map(Seen::read).collect::<Result<_, _>>()?;
    let looked_at: Vec<(i64, Timestamp)> =
        seen.iter().map(|one| (one.row, one.received_at)).collect();
    let may_go = may_go(connection, over).await?;
    let is_over = |one: &&Seen| one.row <= may_go && over.concerns(&one.issuer, one.received_at);
    let mut gone: Vec<&Seen> = seen.iter().filter(is_over).collect();
    let waiting = waiting(connection, &gone).await?;
    gone.retain(|one| !waiting.contains(&one.row));
    if !gone.is_empty() {
        numbering::keep_apart(connection, numbers(&gone)).await?;
        let rows = || gone.iter().map(|one| Value::from(one.row)).collect();
        let list = statement::list(gone.len());
        for text in [
            format!("DELETE FROM task WHERE set_id IN ({list})"),
            format!("DELETE FROM inbox WHERE id IN ({list})"),
        ] {
            statement::execute(connection, &text, rows()).await?;
        }
    }
    Ok(Forgotten::step(gone.len(), &looked_at, over))
}

/// The last row that may go: what handlers are not done with stays, and the last of all.
async fn may_go(connection: &impl ConnectionTrait, over: &Over) -> Result<i64, DbErr> {
    let last = "SELECT MAX(id) FROM inbox";
    let last = least(connection, last, Vec::new()).await?;
    let before_last = last.map_or(0, |last| last - 1);
    if over.handlers.is_empty() {
        return Ok(before_last);
    }
    let text = format!(
        "SELECT MIN(done) FROM handler WHERE name IN ({})",
        statement::list(over.handlers.len())
    );
    let names = over.handlers.iter().map(|one| one.as_str().into());
    let done = least(connection, &text, names.collect()).await?;
    Ok(done.map_or(0, |done| done.min(before_last)))
}

async fn least(
    connection: &impl ConnectionTrait,
    text: &str,
    values: Vec<Value>,
) -> Result<Option<i64>, DbErr> {
    let rows = statement::query(connection, text, values).await?;
    rows.first().map_or(Ok(None), |row| row.try_get_by_index(0))
}

/// The rows among them that a handler is to be called with again.
async fn waiting(
    connection: &impl ConnectionTrait,
    gone: &[&Seen],
) -> Result<BTreeSet<i64>, DbErr> {
    if gone.is_empty() {
        return Ok(BTreeSet::new());
    }
    let text = format!(
        "SELECT DISTINCT set_id FROM task WHERE due_at IS NOT NULL AND set_id IN ({})",
        statement::list(gone.len())
    );
    let rows = gone.iter().map(|one| one.row.into()).collect();
    let rows = statement::query(connection, &text, rows).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The numbers of SETs by their runs.
fn numbers(sets: &[&Seen]) -> BTreeMap<i64, Vec<u64>> {
    let mut numbers: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for (run, number) in sets.iter().filter_map(|one| one.number) {
        numbers.entry(run).or_default().push(number);
    }
    numbers
}
