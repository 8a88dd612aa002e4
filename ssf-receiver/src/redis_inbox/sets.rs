//! SETs: a stream, in which the number of an entry is the row, and a hash of their rows by name.

use std::collections::HashMap;

use redis::{Pipeline, aio::ConnectionLike};
use ssf_types::{time::Timestamp, uri::Issuer};

use super::database::{Database, Failure, fields};
use crate::{
    inbox::{Arriving, KnownSet, KnownSets, ReceivedSet, worklist::Work},
    revocation::Fingerprint,
};

/// An entry: its id, and names and values.
type Entry = (String, Vec<String>);

/// A SET as it is kept.
pub(super) struct Kept {
    pub(super) row: i64,
    pub(super) issuer: String,
    pub(super) jti: String,
    pub(super) received_at: Timestamp,
    claims: String,
    fingerprint: String,
}

/// By what a SET is found; no issuer has a space.
fn name(issuer: &str, jti: &str) -> String {
    format!("{issuer} {jti}")
}

/// Those of the SETs that are there already.
pub(super) async fn known<'a>(
    database: &Database,
    connection: &mut impl ConnectionLike,
    sets: &'a [Arriving],
) -> Result<KnownSets<'a>, Failure> {
    let names = sets
        .iter()
        .map(|Arriving { set, .. }| name(set.issuer.as_str(), set.jti.as_str()));
    let names: Vec<String> = names.collect();
    let rows = fields(connection, &database.key("names"), &names).await?;
    let mut there = Vec::new();
    let mut their_rows = Vec::new();
    for (Arriving { set, .. }, row) in sets.iter().zip(rows) {
        if let Some(row) = row {
            there.push(set);
            their_rows.push(read_row(&row)?);
        }
    }
    let kept = at(database, connection, &their_rows).await?;
    let mut known = KnownSets::default();
    for (set, kept) in there.into_iter().zip(kept) {
        // A SET whose row is gone is one that nobody has.
        let Some(kept) = kept else { continue };
        let fingerprint = Fingerprint::from_hexadecimal(&kept.fingerprint);
        let known_set = KnownSet {
            fingerprint: fingerprint.map(Fingerprint::to_bytes).unwrap_or_default(),
            received_at: kept.received_at,
            claims: kept.claims.into(),
        };
        known.insert(set.issuer.as_str(), kept.jti, known_set);
    }
    Ok(known)
}

/// The SETs in these rows, in their order.
pub(super) async fn at(
    database: &Database,
    connection: &mut impl ConnectionLike,
    rows: &[i64],
) -> Result<Vec<Option<Kept>>, Failure> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut asked = redis::pipe();
    for row in rows {
        let id = format!("{row}-0");
        asked
            .cmd("XRANGE")
            .arg(database.key("sets"))
            .arg(&id)
            .arg(&id);
    }
    let found: Vec<Vec<Entry>> = asked.query_async(connection).await?;
    found
        .into_iter()
        .map(|entries| entries.into_iter().next().map(read).transpose())
        .collect()
}

/// At most so many SETs behind a row.
pub(super) async fn behind(
    database: &Database,
    connection: &mut impl ConnectionLike,
    (after, most): (i64, u64),
) -> Result<Vec<Kept>, Failure> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let mut asked = redis::cmd("XRANGE");
    let first = after.saturating_add(1);
    asked
        .arg(database.key("sets"))
        .arg(format!("{first}-0"))
        .arg("+");
    asked.arg("COUNT").arg(most);
    let found: Vec<Entry> = asked.query_async(connection).await?;
    found.into_iter().map(read).collect()
}

/// The row of the last SET; 0 if there is none.
pub(super) async fn last_row(
    database: &Database,
    connection: &mut impl ConnectionLike,
) -> Result<i64, Failure> {
    let mut asked = redis::cmd("XREVRANGE");
    asked
        .arg(database.key("sets"))
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1);
    let found: Vec<Entry> = asked.query_async(connection).await?;
    let last = found.into_iter().next().map(read).transpose()?;
    Ok(last.map_or(0, |last| last.row))
}

/// Keeps new SETs, in rows behind one.
pub(super) fn put(writes: &mut Pipeline, database: &Database, after: i64, new: &[&Arriving]) {
    let (sets, names) = (database.key("sets"), database.key("names"));
    for (row, Arriving { set, .. }) in (after + 1..).zip(new) {
        let ReceivedSet {
            issuer,
            jti,
            claims,
            fingerprint,
            received_at,
            sequence: _,
            outcome,
        } = set;
        let add = writes.cmd("XADD").arg(&sets).arg(format!("{row}-0"));
        add.arg("issuer").arg(issuer.as_str());
        add.arg("jti").arg(jti.as_str());
        add.arg("claims").arg(claims);
        add.arg("fingerprint").arg(fingerprint.to_hexadecimal());
        add.arg("received_at").arg(received_at.as_millis());
        add.arg("outcome").arg(*outcome).ignore();
        let name = name(issuer.as_str(), jti.as_str());
        writes.cmd("HSET").arg(&names).arg(name).arg(row).ignore();
    }
}

/// Drops SETs.
pub(super) fn drop_all(writes: &mut Pipeline, database: &Database, gone: &[Kept]) {
    let drop = writes.cmd("XDEL").arg(database.key("sets"));
    for one in gone {
        drop.arg(format!("{}-0", one.row));
    }
    drop.ignore();
    let drop = writes.cmd("HDEL").arg(database.key("names"));
    for one in gone {
        drop.arg(name(&one.issuer, &one.jti));
    }
    drop.ignore();
}

/// The rows of SETs with this `jti`, from these issuers.
pub(super) async fn called(
    database: &Database,
    connection: &mut impl ConnectionLike,
    (issuers, jti): (&[String], &str),
) -> Result<Vec<i64>, Failure> {
    let names: Vec<String> = issuers.iter().map(|issuer| name(issuer, jti)).collect();
    let rows = fields(connection, &database.key("names"), &names).await?;
    rows.iter().flatten().map(|row| read_row(row)).collect()
}

fn read_row(text: &str) -> Result<i64, Failure> {
    text.parse()
        .map_err(|_| Failure::Faulty("the row of a SET"))
}

fn read((id, values): Entry) -> Result<Kept, Failure> {
    let faulty = || Failure::Faulty("a SET");
    let row = id.split_once('-').and_then(|(row, _)| row.parse().ok());
    let mut values = values.into_iter();
    let mut named = HashMap::new();
    while let (Some(name), Some(value)) = (values.next(), values.next()) {
        named.insert(name, value);
    }
    let mut take = |name| named.remove(name).ok_or_else(faulty);
    Ok(Kept {
        row: row.ok_or_else(faulty)?,
        issuer: take("issuer")?,
        jti: take("jti")?,
        claims: take("claims")?,
        fingerprint: take("fingerprint")?,
        received_at: Timestamp::from_millis(take("received_at")?.parse().map_err(|_| faulty())?),
    })
}

impl Kept {
    /// What a handler has to be called with, who has failed at it so often.
    pub(super) fn into_work(self, failed: u32) -> Result<Work, Failure> {
        Ok(Work {
            row: self.row,
            issuer: Issuer::parse(self.issuer).map_err(|_| Failure::Faulty("an issuer"))?,
            claims: self.claims,
            received_at: self.received_at,
            failed,
        })
    }
}
