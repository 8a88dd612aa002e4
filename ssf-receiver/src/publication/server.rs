//! The Redis where revocations are published: each method is one step that nobody comes between.

use redis::{RedisResult, Script};

use crate::connection::{self, Connection};

/// For how many seconds what is being loaded stays if whoever loads it is gone.
const LOADING_SECONDS: u32 = 600;

/// How many changes stay at least: whoever is further behind loads everything.
const CHANGES_KEPT: usize = 4096;

/// How many fields are looked at in one step.
const SCAN_COUNT: usize = 1000;

/// What is read of the head.
const HEAD: [&str; 5] = ["format", "epoch", "secret", "place", "last"];

/// An id with fields and values.
type ChangeEntry = (String, Vec<String>);

/// A field with its value.
pub(super) type Pair = (String, String);

/// What the revocations begin with, if there are any.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) epoch: String,
    pub(super) secret: String,
    pub(super) place: String,
    /// The fields that were asked for.
    pub(super) fields: Vec<Option<String>>,
}

/// What is published in one step.
pub(super) struct Step<'s> {
    pub(super) epoch: &'s str,
    /// The place of the publisher before it, and after.
    pub(super) before: &'s str,
    pub(super) after: &'s str,
    /// Whether nothing is known besides.
    pub(super) is_all: bool,
    pub(super) pairs: &'s [Pair],
}

pub(super) struct Server {
    connection: Connection,
    all: String,
    changes: String,
    begin: Script,
    load: Script,
    enter: Script,
    publish: Script,
    forget: Script,
}

impl Server {
    /// Nothing is connected to yet.
    pub(super) fn new(url: &str, prefix: &str) -> RedisResult<Self> {
        Ok(Self {
            connection: connection::to(url)?,
            all: format!("{prefix}:revocations"),
            changes: format!("{prefix}:changes"),
            begin: Script::new(include_str!("begin.lua")),
            load: Script::new(include_str!("load.lua")),
            enter: Script::new(include_str!("enter.lua")),
            publish: Script::new(include_str!("publish.lua")),
            forget: Script::new(include_str!("forget.lua")),
        })
    }

    /// Where something is loaded before it is all there.
    fn loading(&self, epoch: &str) -> String {
        format!("{}:{epoch}", self.all)
    }

    /// What stands there, and these fields of it; `None` if nothing does, or not all that belongs to it.
    pub(super) async fn head(&self, fields: &[String]) -> RedisResult<Option<Head>> {
        let mut both = redis::pipe();
        both.atomic();
        both.cmd("HMGET").arg(&self.all).arg(&HEAD).arg(fields);
        let newest = both.cmd("XREVRANGE").arg(&self.changes).arg("+").arg("-");
        newest.arg("COUNT").arg(1);
        let mut connection = self.connection.clone();
        let (mut found, newest): (Vec<Option<String>>, Vec<ChangeEntry>) =
            both.query_async(&mut connection).await?;
        let fields = found.split_off(found.len().min(HEAD.len()));
        let mut found = found.into_iter().map(Option::unwrap_or_default);
        let mut next = || found.next().unwrap_or_default();
        let head = Head {
            format: next(),
            epoch: next(),
            secret: next(),
            place: next(),
            fields,
        };
        let last = next();
        let is_whole = newest.first().is_some_and(|(id, _)| *id == last);
        Ok((is_whole && !head.epoch.is_empty()).then_some(head))
    }

    /// Begins to load under another epoch.
    pub(super) async fn begin(&self, epoch: &str) -> RedisResult<()> {
        let mut script = self.begin.key(self.loading(epoch));
        script.arg(epoch).arg(LOADING_SECONDS);
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// Loads some more. Whether what was loaded before is still there.
    pub(super) async fn load(&self, epoch: &str, pairs: &[Pair]) -> RedisResult<bool> {
        if pairs.is_empty() {
            return Ok(true);
        }
        let mut script = self.load.key(self.loading(epoch));
        script.arg(epoch).arg(LOADING_SECONDS).arg(pairs);
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// Has what was loaded take the place of what was published before. Whether it was still there.
    pub(super) async fn enter(&self, epoch: &str, pairs: &[Pair]) -> RedisResult<bool> {
        let mut script = self.enter.key(self.loading(epoch));
        script.key(&self.all).key(&self.changes);
        script.arg(epoch).arg(pairs);
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// Publishes some more. Whether all was there as it was left: otherwise nothing is changed.
    pub(super) async fn publish(&self, step: Step<'_>) -> RedisResult<bool> {
        let mut script = self.publish.key(&self.all);
        script.key(&self.changes);
        script.arg(step.epoch).arg(step.before).arg(step.after);
        script.arg(u8::from(step.is_all)).arg(CHANGES_KEPT);
        script.arg(step.pairs);
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// Some fields, and where to go on; 0 at the end. Each that stays is found, be it twice.
    pub(super) async fn scan(&self, cursor: u64) -> RedisResult<(u64, Vec<Pair>)> {
        let mut scan = redis::cmd("HSCAN");
        scan.arg(&self.all).arg(cursor).arg("COUNT").arg(SCAN_COUNT);
        scan.query_async(&mut self.connection.clone()).await
    }

    /// Takes fields away that say so still. Whether the epoch is the same.
    pub(super) async fn forget(&self, epoch: &str, pairs: &[Pair]) -> RedisResult<bool> {
        let mut script = self.forget.key(&self.all);
        script.arg(epoch).arg(pairs);
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// What Redis does when it is full; `None` if it does not tell.
    pub(super) async fn eviction_policy(&self) -> Option<String> {
        let mut connection = self.connection.clone();
        let told: RedisResult<String> = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut connection)
            .await;
        let told = told.ok()?;
        let policy = told
            .lines()
            .find_map(|line| line.strip_prefix("maxmemory_policy:"));
        policy.map(|policy| policy.trim().to_owned())
    }
}
