//! The numbers of transmitters, and what was forgotten of theirs.

use std::collections::HashMap;

use redis::aio::ConnectionLike;
use ssf_types::uri::Issuer;

use super::{
    database::{Database, Failure},
    revocations,
};
use crate::{
    inbox::too_many_scopes,
    revocation::{Kind, Scope, ScopeId, Watermarks},
};

/// Each issuer with its number; those that have none get the next.
pub(super) async fn numbered(
    database: &Database,
    issuers: &[Issuer],
) -> Result<Vec<Scope>, Failure> {
    let mut turn = database.turn().await;
    loop {
        let mut connection = turn.begin().await?;
        let key = database.key("scopes");
        let mut known: HashMap<String, u32> = redis::cmd("HGETALL")
            .arg(&key)
            .query_async(&mut connection)
            .await?;
        let mut writes = redis::pipe();
        let mut scopes = Vec::with_capacity(issuers.len());
        for issuer in issuers {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            let number = *known.entry(issuer.to_string()).or_insert(next);
            let id = u8::try_from(number).ok().and_then(ScopeId::new);
            scopes.push(Scope {
                id: id.ok_or_else(too_many_scopes)?,
                issuer: issuer.clone(),
            });
            if number == next {
                writes
                    .cmd("HSETNX")
                    .arg(&key)
                    .arg(issuer.as_str())
                    .arg(number)
                    .ignore();
            }
        }
        if writes.is_empty() || turn.commit(&mut writes).await? {
            return Ok(scopes);
        }
    }
}

/// The issuers that have numbers.
pub(super) async fn issuers(
    database: &Database,
    connection: &mut impl ConnectionLike,
) -> Result<Vec<String>, Failure> {
    let asked = redis::cmd("HKEYS").arg(database.key("scopes")).clone();
    Ok(asked.query_async(connection).await?)
}

fn read(text: &str) -> Option<Watermarks> {
    let (ended, unproven) = text.split_once(' ')?;
    Some(Watermarks {
        ended: ended.parse().ok()?,
        unproven: unproven.parse().ok()?,
    })
}

/// The watermarks that are kept.
pub(super) async fn watermarks(
    database: &Database,
    connection: &mut impl ConnectionLike,
) -> Result<Vec<(ScopeId, Watermarks)>, Failure> {
    let asked = redis::cmd("HGETALL")
        .arg(database.key("watermarks"))
        .clone();
    let all: HashMap<u8, String> = asked.query_async(connection).await?;
    let each = all
        .iter()
        .map(|(number, text)| Some((ScopeId::new(*number)?, read(text)?)));
    each.collect::<Option<_>>()
        .ok_or(Failure::Faulty("a watermark"))
}

/// Raises the watermarks of a transmitter, and drops what they stand for.
pub(super) async fn forget(
    database: &Database,
    (scope, watermarks): (ScopeId, Watermarks),
    most: u32,
) -> Result<u32, Failure> {
    let mut turn = database.turn().await;
    loop {
        let mut connection = turn.begin().await?;
        let all = self::watermarks(database, &mut connection).await?;
        let known = all.into_iter().find(|(known, _)| *known == scope);
        let kept = known.map_or(watermarks, |(_, known)| known.max(watermarks));
        let mut writes = redis::pipe();
        let text = format!("{} {}", kept.ended, kept.unproven);
        writes
            .cmd("HSET")
            .arg(database.key("watermarks"))
            .arg(scope.number())
            .arg(text)
            .ignore();
        let mut dropped = 0;
        for (kind, until) in [(Kind::Ended, kept.ended), (Kind::Unproven, kept.unproven)] {
            let of = (scope, kind);
            let over = revocations::over(database, &mut connection, of, (until, most - dropped));
            let over = over.await?;
            revocations::drop_all(&mut writes, database, of, &over);
            // No more than it was told.
            dropped += u32::try_from(over.len()).unwrap_or(u32::MAX);
        }
        if turn.commit(&mut writes).await? {
            return Ok(dropped);
        }
    }
}
