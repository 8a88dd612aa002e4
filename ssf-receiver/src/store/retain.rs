//! Keeping SETs with what they revoke, several in few statements.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Value};
use ssf_types::time::Timestamp;

use super::{
    dialect, merge,
    numbering::{Found, keep_accounts},
    statement::{self, Insert, ROWS_MAX},
};
use crate::{
    inbox::{Arriving, InboxError, KnownSet, KnownSets, ReceivedSet, Retained},
    revocation::Fingerprint,
};

/// Keeps SETs, whose `runs` are there, and merges what the new ones revoke; the answers have their order. It is all in one transaction, which
/// `connection` is.
pub(super) async fn retain(
    connection: &impl ConnectionTrait,
    sets: &[Arriving],
    runs: &Found,
) -> Result<Vec<Retained>, InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a SET", error);
    let known = known(connection, sets).await.map_err(failed)?;
    let (retained, new) = known.compare_all(sets);
    insert(connection, &new, runs).await.map_err(failed)?;
    keep_accounts(connection, &new, runs).await?;
    let revocations = new.iter().flat_map(|arriving| &arriving.revocations);
    merge::merge(connection, revocations).await?;
    Ok(retained)
}

/// Those of the SETs that are there already.
async fn known<'a>(
    connection: &impl ConnectionTrait,
    sets: &'a [Arriving],
) -> Result<KnownSets<'a>, DbErr> {
    let mut jtis: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Arriving { set, .. } in sets {
        let of_issuer = jtis.entry(set.issuer.as_str()).or_default();
        of_issuer.push(set.jti.as_str());
    }
    let mut known = KnownSets::default();
    for (issuer, jtis) in jtis {
        for jtis in jtis.chunks(ROWS_MAX) {
            let room = statement::room(jtis.len());
            let text = format!(
                "SELECT jti, fingerprint, received_at_millis, claims FROM inbox WHERE issuer = ? AND jti IN ({})",
                statement::list(room)
            );
            let values = std::iter::once(issuer).chain(jtis.iter().copied());
            let mut values: Vec<Value> = values.map(Value::from).collect();
            values.resize(1 + room, None::<String>.into());
            for row in statement::query(connection, &text, values).await? {
                known.insert(issuer, row.try_get_by_index(0)?, read(&row)?);
            }
        }
    }
    Ok(known)
}

fn read(row: &QueryResult) -> Result<KnownSet<'static>, DbErr> {
    let fingerprint: Vec<u8> = row.try_get_by_index(1)?;
    let fingerprint = fingerprint.as_slice().try_into();
    let received_at: i64 = row.try_get_by_index(2)?;
    Ok(KnownSet {
        fingerprint: fingerprint.unwrap_or_default(),
        received_at: Timestamp::from_millis(received_at.cast_unsigned()),
        claims: row.try_get_by_index::<String>(3)?.into(),
    })
}

async fn insert(
    connection: &impl ConnectionTrait,
    new: &[&Arriving],
    runs: &Found,
) -> Result<(), DbErr> {
    let insert = Insert {
        verb: dialect::of(connection.get_database_backend()).insert,
        table: "inbox",
        columns: COLUMNS,
        otherwise: "",
    };
    let rows = new.iter().map(|arriving| values(&arriving.set, runs));
    insert.execute(connection, rows.collect()).await
}

/// The columns of a SET, in the order of its values.
const COLUMNS: [&str; 8] = [
    "jti",
    "issuer",
    "fingerprint",
    "claims",
    "received_at_millis",
    "outcome",
    "run",
    "number",
];

fn values(set: &ReceivedSet, runs: &Found) -> [Value; COLUMNS.len()] {
    let sequence = set.sequence.as_ref();
    let run = sequence.and_then(|sequence| runs.of(&set.issuer, sequence));
    [
        set.jti.as_str().into(),
        set.issuer.as_str().into(),
        Fingerprint::to_bytes(set.fingerprint).to_vec().into(),
        set.claims.as_str().into(),
        set.received_at.as_millis().cast_signed().into(),
        set.outcome.into(),
        run.into(),
        sequence.map(|sequence| sequence.seq.cast_signed()).into(),
    ]
}
