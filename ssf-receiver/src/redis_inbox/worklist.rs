//! What handlers have done, and have to do: for each, the rows that are due by when they are, the dead letters, and what went wrong.

use std::collections::HashSet;

use redis::{Pipeline, RedisResult};
use ssf_types::time::Timestamp;

use super::{
    RedisInbox,
    database::{Database, Failure, fields},
    scopes, sets,
};
use crate::{
    failpoint::{Failpoint, reached},
    inbox::{
        InboxError,
        worklist::{Came, Settled, Work, Worklist, shortened},
    },
    work::{Again, DeadLetter, HandlerName},
};

/// SETs that are looked through at once for those that came in a time.
const PAGE: u64 = 1000;

/// The keys of a handler.
pub(super) struct Keys {
    pub(super) due: String,
    pub(super) dead: String,
    pub(super) tasks: String,
}

impl Keys {
    fn of(database: &Database, handler: &HandlerName) -> Self {
        Self::called(database, handler.as_str())
    }

    pub(super) fn called(database: &Database, handler: &str) -> Self {
        let key = |name| database.key(&format!("{name}:{handler}"));
        Self {
            due: key("due"),
            dead: key("dead"),
            tasks: key("tasks"),
        }
    }

    fn done(&self, writes: &mut Pipeline, row: i64) {
        writes.cmd("ZREM").arg(&self.due).arg(row).ignore();
        writes.cmd("ZREM").arg(&self.dead).arg(row).ignore();
        writes.cmd("HDEL").arg(&self.tasks).arg(row).ignore();
    }

    fn failed(&self, writes: &mut Pipeline, row: i64, due_at: Timestamp, task: &str) {
        let due_at = due_at.as_millis();
        writes
            .cmd("ZADD")
            .arg(&self.due)
            .arg(due_at)
            .arg(row)
            .ignore();
        writes.cmd("ZREM").arg(&self.dead).arg(row).ignore();
        writes
            .cmd("HSET")
            .arg(&self.tasks)
            .arg(row)
            .arg(task)
            .ignore();
    }

    fn died(&self, writes: &mut Pipeline, row: i64, task: &str) {
        writes.cmd("ZREM").arg(&self.due).arg(row).ignore();
        writes
            .cmd("ZADD")
            .arg(&self.dead)
            .arg(row)
            .arg(row)
            .ignore();
        writes
            .cmd("HSET")
            .arg(&self.tasks)
            .arg(row)
            .arg(task)
            .ignore();
    }
}

/// `FAILED ERROR`.
fn task(failed: u32, error: &str) -> String {
    format!("{failed} {}", shortened(error))
}

fn read_task(text: &str) -> Result<(u32, &str), Failure> {
    let faulty = || Failure::Faulty("what a handler failed at");
    let (failed, error) = text.split_once(' ').ok_or_else(faulty)?;
    Ok((failed.parse().map_err(|_| faulty())?, error))
}

/// The SETs in some rows, with what went wrong.
async fn with_tasks(
    database: &Database,
    keys: &Keys,
    rows: &[i64],
) -> Result<Vec<(sets::Kept, String)>, Failure> {
    let connection = &mut database.connection();
    let tasks = fields(connection, &keys.tasks, rows).await?;
    let kept = sets::at(database, connection, rows).await?;
    // Whatever is settled meanwhile has neither.
    let both = kept.into_iter().zip(tasks);
    Ok(both
        .filter_map(|(kept, task)| Some((kept?, task?)))
        .collect())
}

impl Worklist for RedisInbox {
    async fn enlist(&self, handler: &HandlerName) -> Result<i64, InboxError> {
        let enlist = async {
            let connection = &mut self.database.connection();
            let last = sets::last_row(&self.database, connection).await?;
            let mut asked = redis::pipe();
            let key = self.database.key("handlers");
            asked.atomic();
            asked
                .cmd("HSETNX")
                .arg(&key)
                .arg(handler.as_str())
                .arg(last)
                .ignore();
            asked.cmd("HGET").arg(&key).arg(handler.as_str());
            let (done,): (i64,) = asked.query_async(connection).await?;
            Ok::<_, Failure>(done)
        };
        let failed = |error| InboxError::new("find the place of a handler", error);
        enlist.await.map_err(failed)
    }

    async fn fresh(&self, after: i64, limit: u64) -> Result<Vec<Work>, InboxError> {
        let fresh = async {
            let connection = &mut self.database.connection();
            let kept = sets::behind(&self.database, connection, (after, limit)).await?;
            kept.into_iter()
                .map(|one| one.into_work(0))
                .collect::<Result<_, Failure>>()
        };
        fresh.await.map_err(reading)
    }

    async fn due(
        &self,
        handler: &HandlerName,
        now: Timestamp,
        limit: u64,
        under_way: &HashSet<i64>,
    ) -> Result<Vec<Work>, InboxError> {
        let due = async {
            let keys = Keys::of(&self.database, handler);
            let most = usize::try_from(limit).unwrap_or(usize::MAX);
            let mut asked = redis::cmd("ZRANGEBYSCORE");
            asked.arg(&keys.due).arg("-inf").arg(now.as_millis());
            asked
                .arg("LIMIT")
                .arg(0)
                .arg(most.saturating_add(under_way.len()));
            let rows: Vec<i64> = asked.query_async(&mut self.database.connection()).await?;
            let rows = rows.into_iter().filter(|row| !under_way.contains(row));
            let rows: Vec<i64> = rows.take(most).collect();
            let found = with_tasks(&self.database, &keys, &rows).await?;
            let work = |(kept, task): (sets::Kept, String)| kept.into_work(read_task(&task)?.0);
            found.into_iter().map(work).collect::<Result<_, Failure>>()
        };
        due.await.map_err(reading)
    }

    async fn next_due(
        &self,
        handler: &HandlerName,
        under_way: &HashSet<i64>,
    ) -> Result<Option<Timestamp>, InboxError> {
        let mut asked = redis::cmd("ZRANGE");
        let due = Keys::of(&self.database, handler).due;
        asked.arg(due).arg(0).arg(under_way.len()).arg("WITHSCORES");
        let found: RedisResult<Vec<(i64, u64)>> =
            asked.query_async(&mut self.database.connection()).await;
        let found = found.map_err(|error| reading(error.into()))?;
        let next = found.into_iter().find(|(row, _)| !under_way.contains(row));
        Ok(next.map(|(_, at)| Timestamp::from_millis(at)))
    }

    async fn settle(
        &self,
        handler: &HandlerName,
        done: i64,
        settled: &[Settled],
    ) -> Result<(), InboxError> {
        let keys = Keys::of(&self.database, handler);
        let mut writes = redis::pipe();
        let handlers = self.database.key("handlers");
        writes
            .cmd("HSET")
            .arg(handlers)
            .arg(handler.as_str())
            .arg(done)
            .ignore();
        for Settled { row, came } in settled {
            match came {
                Came::Done => keys.done(&mut writes, *row),
                Came::Failed {
                    failed,
                    due_at,
                    error,
                } => keys.failed(&mut writes, *row, *due_at, &task(*failed, error)),
                Came::Dead { failed, error } => keys.died(&mut writes, *row, &task(*failed, error)),
            }
        }
        reached(Failpoint::BeforeSettled);
        let kept = self.database.keep(&mut writes).await;
        kept.map_err(|error| InboxError::new("keep what came of SETs", error))
    }

    async fn dead(&self, handler: &HandlerName, limit: u64) -> Result<Vec<DeadLetter>, InboxError> {
        let dead = async {
            let keys = Keys::of(&self.database, handler);
            let rows = dead_rows(&self.database, &keys, limit).await?;
            let letter = |(kept, task): (sets::Kept, String)| {
                let (failed, error) = read_task(&task)?;
                Ok(DeadLetter {
                    issuer: kept.issuer,
                    jti: kept.jti,
                    received_at: kept.received_at,
                    failed,
                    error: error.to_owned(),
                })
            };
            let found = with_tasks(&self.database, &keys, &rows).await?;
            found
                .into_iter()
                .map(letter)
                .collect::<Result<_, Failure>>()
        };
        dead.await.map_err(reading)
    }

    async fn again(
        &self,
        handler: &HandlerName,
        which: &Again,
        now: Timestamp,
    ) -> Result<u64, InboxError> {
        // In a turn: none of the SETs is forgotten meanwhile.
        let again = async {
            let keys = Keys::of(&self.database, handler);
            let mut turn = self.database.turn().await;
            loop {
                turn.begin().await?;
                let rows = self.meant(&keys, which).await?;
                let mut writes = redis::pipe();
                for row in &rows {
                    keys.failed(&mut writes, *row, now, &task(0, ""));
                }
                if turn.commit(&mut writes).await? {
                    return Ok::<_, Failure>(rows.len() as u64);
                }
            }
        };
        let failed = |error| InboxError::new("hand SETs over again", error);
        again.await.map_err(failed)
    }
}

impl RedisInbox {
    /// The rows of the SETs that are meant.
    async fn meant(&self, keys: &Keys, which: &Again) -> Result<Vec<i64>, Failure> {
        match which {
            Again::Dead => dead_rows(&self.database, keys, u64::MAX).await,
            Again::Jti(jti) => {
                let connection = &mut self.database.connection();
                let issuers = scopes::issuers(&self.database, connection).await?;
                sets::called(&self.database, connection, (&issuers, jti)).await
            }
            Again::Received { since, until } => received(&self.database, (*since, *until)).await,
        }
    }
}

/// The rows of dead letters, those that came first before others.
async fn dead_rows(database: &Database, keys: &Keys, most: u64) -> Result<Vec<i64>, Failure> {
    let most = i64::try_from(most).unwrap_or(-1);
    let mut asked = redis::cmd("ZRANGEBYSCORE");
    asked
        .arg(&keys.dead)
        .arg("-inf")
        .arg("+inf")
        .arg("LIMIT")
        .arg(0)
        .arg(most);
    Ok(asked.query_async(&mut database.connection()).await?)
}

/// The rows of SETs that came in a time. Instances have clocks of their own, so that all are looked through.
async fn received(
    database: &Database,
    (since, until): (Timestamp, Timestamp),
) -> Result<Vec<i64>, Failure> {
    let connection = &mut database.connection();
    let mut rows = Vec::new();
    let mut after = 0;
    loop {
        let page = sets::behind(database, connection, (after, PAGE)).await?;
        let Some(last) = page.last() else {
            return Ok(rows);
        };
        after = last.row;
        let came = page
            .iter()
            .filter(|one| (since..until).contains(&one.received_at));
        rows.extend(came.map(|one| one.row));
    }
}

fn reading(error: Failure) -> InboxError {
    InboxError::new("read what a handler has to do", error)
}
