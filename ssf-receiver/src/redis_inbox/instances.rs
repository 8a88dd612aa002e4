//! What instances on one Redis agree upon. Times are those of the server, so that no two clocks are compared.

use std::time::Duration;

use redis::{RedisResult, Script};

use super::{RedisInbox, RedisLine, database::Failure, sets};
use crate::{
    inbox::{ASKED_FOR, InboxError, LEASE, LineError, SharedInbox},
    revocation::ScopeId,
};

/// Seconds and microseconds, as `TIME` tells them.
type Time = (u64, u64);

fn millis((seconds, micros): Time) -> u64 {
    seconds * 1000 + micros / 1000
}

impl RedisInbox {
    fn report_key(&self, scope: ScopeId) -> String {
        self.database.key(&format!("report:{}", scope.number()))
    }

    fn asked_key(&self, scope: ScopeId, state: &str) -> String {
        self.database
            .key(&format!("asked:{}:{state}", scope.number()))
    }
}

fn telling(error: impl Into<Failure>) -> InboxError {
    InboxError::new("tell other instances", error.into())
}

fn hearing(error: impl Into<Failure>) -> InboxError {
    InboxError::new("read what other instances wrote", error.into())
}

impl SharedInbox for RedisInbox {
    type Line = RedisLine;

    async fn line(&self) -> Result<RedisLine, LineError> {
        RedisLine::open(&self.database).await
    }

    async fn lead(&self) -> Result<bool, InboxError> {
        let script = Script::new(include_str!("lead.lua"));
        let mut asked = script.key(self.database.key("lead"));
        let lease = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
        asked.arg(&self.database.instance).arg(lease);
        let taken: RedisResult<bool> = asked.invoke_async(&mut self.database.connection()).await;
        taken.map_err(|error| InboxError::new("be led", error))
    }

    async fn step_down(&self) -> Result<(), InboxError> {
        let script = Script::new(include_str!("step_down.lua"));
        let mut asked = script.key(self.database.key("lead"));
        asked.arg(&self.database.instance);
        let done: RedisResult<()> = asked.invoke_async(&mut self.database.connection()).await;
        done.map_err(telling)
    }

    async fn report(&self, scope: ScopeId, says: &str) -> Result<(), InboxError> {
        let now = redis::cmd("TIME")
            .query_async(&mut self.database.connection())
            .await;
        let now: Time = now.map_err(telling)?;
        let mut writes = redis::pipe();
        let set = writes.cmd("HSET").arg(self.report_key(scope));
        set.arg("says")
            .arg(says)
            .arg("at")
            .arg(millis(now))
            .ignore();
        self.database.keep(&mut writes).await.map_err(telling)
    }

    async fn reported(&self, scope: ScopeId) -> Result<Option<(String, Duration)>, InboxError> {
        let mut asked = redis::pipe();
        asked
            .cmd("HMGET")
            .arg(self.report_key(scope))
            .arg("says")
            .arg("at");
        asked.cmd("TIME");
        let told = asked.query_async(&mut self.database.connection()).await;
        let (told, now): ((Option<String>, Option<u64>), Time) = told.map_err(hearing)?;
        let (Some(says), Some(at)) = told else {
            return Ok(None);
        };
        let age = Duration::from_millis(millis(now).saturating_sub(at));
        Ok(Some((says, age)))
    }

    async fn asked_with(&self, scope: ScopeId, state: &str) -> Result<(), InboxError> {
        let mut writes = redis::pipe();
        let set = writes.cmd("SET").arg(self.asked_key(scope, state)).arg("");
        set.arg("EX").arg(ASKED_FOR.as_secs()).ignore();
        self.database.keep(&mut writes).await.map_err(telling)
    }

    async fn was_asked(&self, scope: ScopeId, state: &str) -> Result<bool, InboxError> {
        let asked = redis::cmd("EXISTS")
            .arg(self.asked_key(scope, state))
            .clone();
        let was_asked = asked.query_async(&mut self.database.connection()).await;
        was_asked.map_err(hearing)
    }

    async fn last_row(&self) -> Result<i64, InboxError> {
        let last = sets::last_row(&self.database, &mut self.database.connection()).await;
        last.map_err(hearing)
    }
}
