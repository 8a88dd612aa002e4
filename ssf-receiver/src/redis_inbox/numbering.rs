//! The numbers on SETs: of each run those that are here, as ranges by their last number, and the accounts.

use std::{collections::BTreeMap, ops::RangeInclusive};

use redis::{Pipeline, aio::ConnectionLike};
use ssf_types::{id::Epoch, set::Sequence, uri::Issuer};

use super::database::{Database, Failure};
use crate::{
    freshness::RangeSet,
    inbox::{
        Arriving,
        numbering::{RANGES_MAX, Recorded, read_sequence},
    },
};

/// A range as it stands there: its first number, and its last as the score.
type Range = (u64, u64);

/// Issuer and epoch.
type Run<'s> = (&'s str, &'s str);

/// What is to be written of one run.
struct OfRun {
    /// If it is new, the place of its first SET among those that are new.
    began: Option<i64>,
    /// Those that are there, and take part in what is written instead.
    former: Vec<Range>,
    have: RangeSet,
    first: Option<String>,
    latest: Option<String>,
}

/// What is to be written of the numbers of new SETs.
pub(super) struct Numbered<'s>(BTreeMap<Run<'s>, OfRun>);

fn runs_key(database: &Database, issuer: &str) -> String {
    database.key(&format!("runs:{issuer}"))
}

fn accounts_key(database: &Database, issuer: &str) -> String {
    database.key(&format!("accounts:{issuer}"))
}

fn numbers_key(database: &Database, (issuer, epoch): Run<'_>) -> String {
    database.key(&format!("numbers:{issuer} {epoch}"))
}

/// Adds the numbers of new SETs to those that are there.
pub(super) async fn number<'s>(
    database: &Database,
    connection: &mut impl ConnectionLike,
    new: &[&'s Arriving],
) -> Result<Numbered<'s>, Failure> {
    let mut runs = BTreeMap::<Run<'s>, (i64, Vec<&'s Sequence>)>::new();
    for (place, Arriving { set, .. }) in (0..).zip(new) {
        if let Some(sequence) = &set.sequence {
            let run = (set.issuer.as_str(), sequence.epoch.as_str());
            let (_, sequences) = runs.entry(run).or_insert((place, Vec::new()));
            sequences.push(sequence);
        }
    }
    let mut numbered = BTreeMap::new();
    for (run, (place, sequences)) in runs {
        let of_run = of_run(database, connection, run, (place, &sequences)).await?;
        numbered.insert(run, of_run);
    }
    Ok(Numbered(numbered))
}

async fn of_run(
    database: &Database,
    connection: &mut impl ConnectionLike,
    run: Run<'_>,
    (place, sequences): (i64, &[&Sequence]),
) -> Result<OfRun, Failure> {
    let (issuer, epoch) = run;
    let mut asked = redis::pipe();
    asked
        .cmd("ZSCORE")
        .arg(runs_key(database, issuer))
        .arg(epoch);
    let names = [format!("first {epoch}"), format!("latest {epoch}")];
    asked
        .cmd("HMGET")
        .arg(accounts_key(database, issuer))
        .arg(&names);
    let (known, accounts): (Option<i64>, [Option<String>; 2]) =
        asked.query_async(connection).await?;
    let mut have = RangeSet::default();
    for sequence in sequences {
        have.insert_range(&(sequence.seq..=sequence.seq));
    }
    let mut former = Vec::new();
    for range in have.iter().collect::<Vec<_>>() {
        former.extend(touching(database, connection, run, range).await?);
    }
    for (first, last) in &former {
        have.insert_range(&(*first..=*last));
    }
    let [first, latest] = accounts;
    let mut of_run = OfRun {
        began: known.is_none().then_some(place),
        former,
        have,
        first,
        latest,
    };
    for sequence in sequences
        .iter()
        .filter(|sequence| sequence.account.is_some())
    {
        let text = serde_json::to_string(sequence).map_err(|_| Failure::Faulty("an account"))?;
        of_run.first.get_or_insert_with(|| text.clone());
        let latest = of_run.latest.as_deref().map(read).transpose()?;
        if latest.is_none_or(|latest| latest.seq < sequence.seq) {
            of_run.latest = Some(text);
        }
    }
    Ok(of_run)
}

/// The ranges that are there and touch this one.
async fn touching(
    database: &Database,
    connection: &mut impl ConnectionLike,
    run: Run<'_>,
    range: RangeInclusive<u64>,
) -> Result<Vec<Range>, Failure> {
    let (before, behind) = (
        range.start().saturating_sub(1),
        range.end().saturating_add(1),
    );
    let mut asked = redis::cmd("ZRANGEBYSCORE");
    asked
        .arg(numbers_key(database, run))
        .arg(before)
        .arg("+inf")
        .arg("WITHSCORES");
    // There is a number at least between two of them.
    asked.arg("LIMIT").arg(0).arg((behind - before) / 2 + 2);
    let found: Vec<Range> = asked.query_async(connection).await?;
    Ok(found
        .into_iter()
        .filter(|(first, _)| *first <= behind)
        .collect())
}

impl Numbered<'_> {
    pub(super) fn put(&self, writes: &mut Pipeline, database: &Database, after: i64) {
        for (run, of_run) in &self.0 {
            let (issuer, epoch) = *run;
            if let Some(place) = of_run.began {
                // They have the order of the rows in which they began.
                let (runs, row) = (runs_key(database, issuer), after + 1 + place);
                writes
                    .cmd("ZADD")
                    .arg(runs)
                    .arg("NX")
                    .arg(row)
                    .arg(epoch)
                    .ignore();
            }
            let numbers = numbers_key(database, *run);
            for (first, _) in &of_run.former {
                writes.cmd("ZREM").arg(&numbers).arg(*first).ignore();
            }
            for range in of_run.have.iter() {
                writes
                    .cmd("ZADD")
                    .arg(&numbers)
                    .arg(*range.end())
                    .arg(*range.start())
                    .ignore();
            }
            for (name, text) in [("first", &of_run.first), ("latest", &of_run.latest)] {
                if let Some(text) = text {
                    let key = accounts_key(database, issuer);
                    writes
                        .cmd("HSET")
                        .arg(key)
                        .arg(format!("{name} {epoch}"))
                        .arg(text)
                        .ignore();
                }
            }
        }
    }
}

/// The latest run of a transmitter.
pub(super) async fn recorded(
    database: &Database,
    issuer: &Issuer,
) -> Result<Option<Recorded>, Failure> {
    let connection = &mut database.connection();
    let mut asked = redis::cmd("ZREVRANGE");
    asked.arg(runs_key(database, issuer.as_str())).arg(0).arg(1);
    let runs: Vec<String> = asked.query_async(connection).await?;
    let epoch = |text: &String| Epoch::parse(text.as_str()).map_err(|_| Failure::Faulty("a run"));
    let Some(latest) = runs.first() else {
        return Ok(None);
    };
    let names = [format!("first {latest}"), format!("latest {latest}")];
    let mut asked = redis::cmd("HMGET");
    asked
        .arg(accounts_key(database, issuer.as_str()))
        .arg(&names);
    let accounts: [Option<String>; 2] = asked.query_async(connection).await?;
    let [first_account, latest_account] =
        accounts.map(|text| text.as_deref().map(read).transpose());
    let first_account = first_account?;
    let after = Recorded::told_after(first_account.as_ref());
    Ok(Some(Recorded {
        epoch: epoch(latest)?,
        former: runs.get(1).map(epoch).transpose()?,
        latest_account: latest_account?,
        have: ranges(database, connection, (issuer.as_str(), latest), after).await?,
        first_account,
    }))
}

/// The numbers of a run behind `after`, ascending; of too many ranges, those of the greatest numbers.
async fn ranges(
    database: &Database,
    connection: &mut impl ConnectionLike,
    run: Run<'_>,
    after: u64,
) -> Result<Vec<RangeInclusive<u64>>, Failure> {
    let mut asked = redis::cmd("ZREVRANGEBYSCORE");
    asked
        .arg(numbers_key(database, run))
        .arg("+inf")
        .arg(format!("({after}"))
        .arg("WITHSCORES");
    asked.arg("LIMIT").arg(0).arg(RANGES_MAX);
    let found: Vec<Range> = asked.query_async(connection).await?;
    let ranges = found.into_iter().rev();
    Ok(ranges
        .map(|(first, last)| first.max(after + 1)..=last)
        .collect())
}

fn read(text: &str) -> Result<Sequence, Failure> {
    read_sequence(text).ok_or(Failure::Faulty("an account"))
}
