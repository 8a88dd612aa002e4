//! The durable inbox in Redis, which any number of instances may use.
//!
//! What is answered is on the disk: an inbox is opened where Redis flushes each write before it answers, and evicts nothing. Keys begin
//! with a prefix, `ssf-inbox` unless the URL says otherwise:
//!
//! | key | type | what |
//! |---|---|---|
//! | `inbox` | text | the version of all this, and what names the inbox |
//! | `version` | number | of turns that were committed |
//! | `sets`, `names` | stream, hash | SETs by row; rows by issuer and `jti` |
//! | `revocations`, `positions`, `until:SCOPE:KIND` | hash, sorted sets | revocations; in the order of their changes, and of when they may be forgotten |
//! | `masks`, `mask-texts`, `details`, `detail-texts` | hashes | what they refer to: text to number, number to text |
//! | `position` | number | the last that was given |
//! | `scopes`, `watermarks` | hashes | numbers of transmitters, and what was forgotten of theirs |
//! | `runs:ISSUER`, `numbers:ISSUER EPOCH`, `accounts:ISSUER` | sorted sets, hash | the numbers on SETs |
//! | `waiting:SCOPE` | hash | SETs that cannot be verified yet |
//! | `handlers`, `due:NAME`, `dead:NAME`, `tasks:NAME` | hash, sorted sets, hash | what handlers have done and have to do |
//! | `settings` | hash | what else has to be remembered |
//! | `lead`, `report:SCOPE`, `asked:SCOPE:STATE`, `written` | texts, hash, channel | what instances agree upon |

mod database;
mod forgetting;
mod instances;
mod line;
mod location;
mod numbering;
mod opening;
mod quarantine;
mod revocations;
mod scopes;
mod sets;
mod worklist;

use std::sync::Arc;

use redis::{RedisResult, aio::ConnectionLike};
use ssf_types::uri::Issuer;

use self::database::{Database, Failure};
pub(crate) use self::{line::RedisLine, location::is_meant};
use crate::{
    failpoint::{Failpoint, reached},
    inbox::{
        Arriving, Change, Changes, Gathered, Inbox, InboxError, Retained, Settings, Write,
        each_behind,
        numbering::{Numbering, Recorded},
    },
    revocation::{Revocation, Scope, ScopeId, Watermarks},
};

/// Keeps everything in one Redis.
#[derive(Debug)]
pub(crate) struct RedisInbox {
    database: Arc<Database>,
    gathered: Gathered,
}

/// What writes SETs.
struct Writer(Arc<Database>);

impl RedisInbox {
    /// Opens the inbox at `url`: `redis://HOST:PORT/NUMBER` or `redis+unix:///PATH`, perhaps with `?prefix=NAME` and
    /// `durability=vouched`, where nothing can be read of it but what it answers is durable.
    pub(crate) async fn open(url: &str) -> Result<Self, InboxError> {
        let failed = |error: opening::OpenError| InboxError::new("be opened", error);
        let location = location::Location::parse(url).map_err(failed)?;
        let database = Arc::new(Database::open(location).await.map_err(failed)?);
        Ok(Self {
            gathered: Gathered::new(Writer(Arc::clone(&database))),
            database,
        })
    }
}

/// The number at a key; 0 if there is none.
async fn number(connection: &mut impl ConnectionLike, key: &str) -> RedisResult<i64> {
    let asked = redis::cmd("GET").arg(key).clone();
    let number: Option<i64> = asked.query_async(connection).await?;
    Ok(number.unwrap_or_default())
}

impl Write for Writer {
    async fn write(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let retained = retain(&self.0, sets).await;
        retained.map_err(|error| InboxError::new("retain a SET", error))
    }
}

async fn retain(database: &Database, sets: &[Arriving]) -> Result<Vec<Retained>, Failure> {
    let mut turn = database.turn().await;
    loop {
        let connection = &mut turn.begin().await?;
        let known = sets::known(database, connection, sets).await?;
        let (retained, new) = known.compare_all(sets);
        if new.is_empty() {
            return Ok(retained);
        }
        let last = sets::last_row(database, connection).await?;
        let numbered = numbering::number(database, connection, &new).await?;
        let merging = revocations::merge(database, connection, &new).await?;
        let writes = &mut redis::pipe();
        sets::put(writes, database, last, &new);
        numbered.put(writes, database, last);
        merging.put(writes, database);
        line::tell(writes, database);
        reached(Failpoint::BeforeCommit);
        if turn.commit(writes).await? {
            return Ok(retained);
        }
    }
}

impl Inbox for RedisInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        self.gathered.retain(sets).await
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        let asked = redis::cmd("HLEN")
            .arg(self.database.key("revocations"))
            .clone();
        let count = asked.query_async(&mut self.database.connection()).await;
        count.map_err(|error| InboxError::new("count the revocations", error))
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        each_behind(self, &mut 0, each).await
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        let dropped = scopes::forget(&self.database, (scope, watermarks), most).await;
        dropped.map_err(|error| InboxError::new("forget revocations", error))
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        let connection = &mut self.database.connection();
        let kept = scopes::watermarks(&self.database, connection).await;
        kept.map_err(|error| InboxError::new("list what it forgot", error))
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        let numbered = scopes::numbered(&self.database, issuers).await;
        numbered.map_err(|error| InboxError::new("number its transmitters", error))
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        let asked = redis::cmd("HGETALL")
            .arg(self.database.key("settings"))
            .clone();
        let settings = asked.query_async(&mut self.database.connection()).await;
        settings.map_err(|error| InboxError::new("read the settings", error))
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        let mut writes = redis::pipe();
        for (name, value) in settings {
            let set = writes.cmd("HSET").arg(self.database.key("settings"));
            set.arg(name).arg(value).ignore();
        }
        let kept = self.database.keep(&mut writes).await;
        kept.map_err(|error| InboxError::new("keep the settings", error))
    }

    async fn setting_or(&self, name: &str, new: String) -> Result<String, InboxError> {
        let key = self.database.key("settings");
        let mut asked = redis::pipe();
        asked.atomic();
        asked.cmd("HSETNX").arg(&key).arg(name).arg(new).ignore();
        asked.cmd("HGET").arg(&key).arg(name);
        let settled = asked.query_async(&mut self.database.connection()).await;
        let (settled,): (String,) =
            settled.map_err(|error| InboxError::new("settle a setting", error))?;
        Ok(settled)
    }
}

impl Changes for RedisInbox {
    async fn changes(&self, after: i64, most: usize) -> Result<Vec<Change>, InboxError> {
        let changes = revocations::changes(&self.database, (after, most)).await;
        changes.map_err(|error| InboxError::new("list the revocations", error))
    }

    async fn last_change(&self) -> Result<i64, InboxError> {
        let key = self.database.key("position");
        let last = number(&mut self.database.connection(), &key).await;
        last.map_err(|error| InboxError::new("list the revocations", error))
    }

    async fn origin(&self) -> Result<String, InboxError> {
        let origin = self.database.origin().await;
        origin.map_err(|error| InboxError::new("be followed", error))
    }
}

impl Numbering for RedisInbox {
    async fn recorded(&self, issuer: &Issuer) -> Result<Option<Recorded>, InboxError> {
        let recorded = numbering::recorded(&self.database, issuer).await;
        recorded.map_err(|error| InboxError::new("read the numbers of SETs", error))
    }
}
