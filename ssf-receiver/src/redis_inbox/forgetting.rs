//! Forgetting SETs: their numbers are kept apart from them, and stay.

use std::collections::BTreeSet;

use redis::{Pipeline, aio::ConnectionLike};
use ssf_types::time::Timestamp;

use super::{
    RedisInbox,
    database::{Database, Failure, fields},
    sets::{self, Kept},
    worklist::Keys,
};
use crate::{
    inbox::{
        InboxError,
        forgetting::{Forgetting, Forgotten, LOOKED_AT_MAX, Over},
    },
    work::HandlerName,
};

impl Forgetting for RedisInbox {
    async fn forget_sets(&self, over: &Over, after: i64) -> Result<Forgotten, InboxError> {
        let forgotten = forget(&self.database, over, after).await;
        forgotten.map_err(|error| InboxError::new("forget SETs", error))
    }
}

async fn forget(database: &Database, over: &Over, after: i64) -> Result<Forgotten, Failure> {
    let mut turn = database.turn().await;
    loop {
        let connection = &mut turn.begin().await?;
        let most = LOOKED_AT_MAX as u64;
        let mut seen = sets::behind(database, connection, (after, most)).await?;
        let looked_at: Vec<(i64, Timestamp)> =
            seen.iter().map(|one| (one.row, one.received_at)).collect();
        let may_go = may_go(database, connection, over).await?;
        seen.retain(|one| one.row <= may_go && over.concerns(&one.issuer, one.received_at));
        let handlers = handlers(database, connection).await?;
        let waiting = waiting(database, connection, &handlers, &seen).await?;
        seen.retain(|one| !waiting.contains(&one.row));
        let forgotten = Forgotten::step(seen.len(), &looked_at, over);
        if seen.is_empty() {
            return Ok(forgotten);
        }
        let writes = &mut redis::pipe();
        sets::drop_all(writes, database, &seen);
        for handler in &handlers {
            drop_dead(writes, database, handler, &seen);
        }
        if turn.commit(writes).await? {
            return Ok(forgotten);
        }
    }
}

/// The last row that may go: what handlers are not done with stays, and the last of all, behind which others are numbered.
async fn may_go(
    database: &Database,
    connection: &mut impl ConnectionLike,
    over: &Over,
) -> Result<i64, Failure> {
    let mut may_go = sets::last_row(database, connection).await? - 1;
    let names: Vec<&str> = over.handlers.iter().map(HandlerName::as_str).collect();
    if names.is_empty() {
        return Ok(may_go);
    }
    for done in fields(connection, &database.key("handlers"), &names).await? {
        let done = done.map_or(Ok(0), |done| done.parse());
        may_go = may_go.min(done.map_err(|_| Failure::Faulty("the place of a handler"))?);
    }
    Ok(may_go)
}

/// All handlers there ever were.
async fn handlers(
    database: &Database,
    connection: &mut impl ConnectionLike,
) -> Result<Vec<String>, Failure> {
    let asked = redis::cmd("HKEYS").arg(database.key("handlers")).clone();
    Ok(asked.query_async(connection).await?)
}

/// The rows among these that a handler is to be called with again.
async fn waiting(
    database: &Database,
    connection: &mut impl ConnectionLike,
    handlers: &[String],
    seen: &[Kept],
) -> Result<BTreeSet<i64>, Failure> {
    let mut waiting = BTreeSet::new();
    if seen.is_empty() {
        return Ok(waiting);
    }
    for handler in handlers {
        let mut asked = redis::cmd("ZMSCORE");
        asked.arg(Keys::called(database, handler).due);
        for one in seen {
            asked.arg(one.row);
        }
        let scores: Vec<Option<f64>> = asked.query_async(connection).await?;
        let rows = seen.iter().zip(scores);
        waiting.extend(rows.filter_map(|(one, score)| score.map(|_| one.row)));
    }
    Ok(waiting)
}

fn drop_dead(writes: &mut Pipeline, database: &Database, handler: &str, gone: &[Kept]) {
    let keys = Keys::called(database, handler);
    for (command, key) in [("ZREM", keys.dead), ("HDEL", keys.tasks)] {
        let command = writes.cmd(command).arg(key);
        for one in gone {
            command.arg(one.row);
        }
        command.ignore();
    }
}
