//! The numbers on SETs: each is kept in the row of its SET, beside the run that it belongs to; those whose SETs are gone, in the row of
//! the run.

use std::{
    collections::{BTreeMap, HashMap},
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
};

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use ssf_types::{id::Epoch, set::Sequence, uri::Issuer};

use super::{SqlInbox, statement};
use crate::{
    freshness::RangeSet,
    inbox::{
        Arriving, InboxError,
        numbering::{Numbering, RANGES_MAX, Recorded, read_sequence},
    },
};

/// Most runs whose rows are remembered: each transmitter has one, and another one seldom.
const RUNS_MAX: usize = 1024;

/// Issuer and epoch.
type RunKey = (String, String);

/// The rows of runs that are there for certain. Clones of a writer would each have their own.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<HashMap<RunKey, i64>>);

/// The rows of the runs of some SETs.
#[derive(Debug, Default)]
pub(super) struct Found {
    rows: BTreeMap<RunKey, i64>,
    /// Those that were looked up in the transaction.
    new: Vec<RunKey>,
}

impl Runs {
    /// Finds the rows of the runs that these SETs belong to, and makes those that are missing.
    pub(super) async fn find(
        &self,
        connection: &impl ConnectionTrait,
        sets: &[Arriving],
    ) -> Result<Found, DbErr> {
        let mut found = Found::default();
        for Arriving { set, .. } in sets {
            let Some(sequence) = &set.sequence else {
                continue;
            };
            let key = key(&set.issuer, &sequence.epoch);
            if found.rows.contains_key(&key) {
                continue;
            }
            let known = self.known().get(&key).copied();
            let row = if let Some(row) = known {
                row
            } else {
                found.new.push(key.clone());
                made(connection, &key).await?
            };
            found.rows.insert(key, row);
        }
        Ok(found)
    }

    /// What was found is there for certain: its transaction was committed.
    pub(super) fn committed(&self, found: Found) {
        if found.new.is_empty() {
            return;
        }
        let mut known = self.known();
        if known.len() + found.new.len() > RUNS_MAX {
            known.clear();
        }
        for key in found.new {
            if let Some(row) = found.rows.get(&key) {
                known.insert(key, *row);
            }
        }
    }

    /// Each step leaves it whole.
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<RunKey, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Found {
    /// The row of the run that a SET belongs to.
    pub(super) fn of(&self, issuer: &Issuer, sequence: &Sequence) -> Option<i64> {
        self.rows.get(&key(issuer, &sequence.epoch)).copied()
    }
}

fn key(issuer: &Issuer, epoch: &Epoch) -> RunKey {
    (issuer.to_string(), epoch.as_str().to_owned())
}

async fn made(connection: &impl ConnectionTrait, (issuer, epoch): &RunKey) -> Result<i64, DbErr> {
    let values = || vec![issuer.as_str().into(), epoch.as_str().into()];
    let insert =
        "INSERT INTO run (issuer, epoch) VALUES (?, ?) ON CONFLICT (issuer, epoch) DO NOTHING";
    statement::execute(connection, insert, values()).await?;
    let select = "SELECT id FROM run WHERE issuer = ? AND epoch = ?";
    let rows = statement::query(connection, select, values()).await?;
    let missing = || DbErr::RecordNotFound("the run that was made a moment ago".to_owned());
    rows.first().ok_or_else(missing)?.try_get_by_index(0)
}

/// Remembers the accounts that new SETs give.
pub(super) async fn keep_accounts(
    connection: &impl ConnectionTrait,
    new: &[&Arriving],
    runs: &Found,
) -> Result<(), InboxError> {
    let failed = |error: DbErr| InboxError::new("retain the numbers of SETs", error);
    for Arriving { set, .. } in new {
        let Some(sequence) = set.sequence.as_ref().filter(|one| one.account.is_some()) else {
            continue;
        };
        let text = serde_json::to_string(sequence)
            .map_err(|error| InboxError::new("retain the numbers of SETs", error))?;
        let number = sequence.seq.cast_signed();
        let run = runs.of(&set.issuer, sequence);
        let update = "UPDATE run SET first_account = COALESCE(first_account, ?), \
             latest_account = CASE WHEN accounted < ? THEN ? ELSE latest_account END, \
             accounted = CASE WHEN accounted < ? THEN ? ELSE accounted END WHERE id = ?";
        let values = vec![
            text.as_str().into(),
            number.into(),
            text.as_str().into(),
            number.into(),
            number.into(),
            run.into(),
        ];
        statement::execute(connection, update, values)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Keeps numbers, by the rows of their runs, whose SETs are to go.
pub(super) async fn keep_apart(
    connection: &impl ConnectionTrait,
    numbers: BTreeMap<i64, Vec<u64>>,
) -> Result<(), DbErr> {
    for (run, numbers) in numbers {
        let mut ranges = RangeSet::default();
        for range in gone(connection, run).await? {
            ranges.insert_range(&range);
        }
        for number in numbers {
            ranges.insert_range(&(number..=number));
        }
        let ranges = ranges.latest(RANGES_MAX);
        let ranges: Vec<[u64; 2]> = ranges
            .iter()
            .map(|one| [*one.start(), *one.end()])
            .collect();
        let text = serde_json::json!(ranges).to_string();
        let update = "UPDATE run SET gone = ? WHERE id = ?";
        statement::execute(connection, update, vec![text.into(), run.into()]).await?;
    }
    Ok(())
}

/// The numbers of a run whose SETs are gone.
async fn gone(
    connection: &impl ConnectionTrait,
    run: i64,
) -> Result<Vec<RangeInclusive<u64>>, DbErr> {
    let text = "SELECT gone FROM run WHERE id = ?";
    let rows = statement::query(connection, text, vec![run.into()]).await?;
    let Some(row) = rows.first() else {
        return Ok(Vec::new());
    };
    let text: Option<String> = row.try_get_by_index(0)?;
    let faulty = |_| DbErr::Type("the numbers of a run that are gone".to_owned());
    let ranges: Vec<[u64; 2]> =
        serde_json::from_str(text.as_deref().unwrap_or("[]")).map_err(faulty)?;
    Ok(ranges
        .into_iter()
        .map(|[first, last]| first..=last)
        .collect())
}

impl Numbering for SqlInbox {
    async fn recorded(&self, issuer: &Issuer) -> Result<Option<Recorded>, InboxError> {
        let failed = |error: DbErr| InboxError::new("read the numbers of SETs", error);
        let faulty = || InboxError::new("read the numbers of SETs", "a run is faulty");
        let database = &self.tables.database;
        let text = "SELECT id, epoch, first_account, latest_account FROM run WHERE issuer = ? ORDER BY id DESC LIMIT 2";
        let values = vec![issuer.as_str().into()];
        let rows = statement::query(database, text, values)
            .await
            .map_err(failed)?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let id: i64 = row.try_get_by_index(0).map_err(failed)?;
        let epoch = |row: &QueryResult| {
            let text: String = row.try_get_by_index(1).map_err(failed)?;
            Epoch::parse(text).map_err(|_| faulty())
        };
        let account = |place: usize| {
            let text: Option<String> = row.try_get_by_index(place).map_err(failed)?;
            text.map(|text| read_sequence(&text).ok_or_else(faulty))
                .transpose()
        };
        let first_account = account(2)?;
        let after = Recorded::told_after(first_account.as_ref());
        let mut have = RangeSet::default();
        // Those of SETs that are gone come last, so that none is missed that goes meanwhile.
        let here = numbers(database, id, after).await.map_err(failed)?;
        let gone = gone(database, id).await.map_err(failed)?;
        for range in here.iter().chain(&gone) {
            have.insert_range(&((*range.start()).max(after + 1)..=*range.end()));
        }
        let have = have.latest(RANGES_MAX);
        Ok(Some(Recorded {
            epoch: epoch(row)?,
            former: rows.get(1).map(epoch).transpose()?,
            latest_account: account(3)?,
            first_account,
            have,
        }))
    }
}

/// The numbers of a run behind `after`. What follows without a gap has the same distance from its place in the order.
async fn numbers(
    connection: &impl ConnectionTrait,
    run: i64,
    after: u64,
) -> Result<Vec<RangeInclusive<u64>>, DbErr> {
    let text = format!(
        "SELECT MIN(number), MAX(number) FROM \
         (SELECT number, number - DENSE_RANK() OVER (ORDER BY number) AS island FROM inbox WHERE run = ? AND number > ?) AS numbered \
         GROUP BY island ORDER BY 1 DESC LIMIT {RANGES_MAX}"
    );
    let values = vec![run.into(), after.cast_signed().into()];
    let mut ranges = Vec::new();
    for row in statement::query(connection, &text, values).await? {
        let first: i64 = row.try_get_by_index(0)?;
        let last: i64 = row.try_get_by_index(1)?;
        ranges.push(first.cast_unsigned()..=last.cast_unsigned());
    }
    ranges.reverse();
    Ok(ranges)
}
