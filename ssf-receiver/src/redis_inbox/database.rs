//! The Redis that has the inbox, and how it is written to.
//!
//! Whatever decides by what it reads is a [`Turn`]: what it reads is watched, and its writes are one `MULTI`, which Redis refuses if
//! another turn was committed meanwhile; then it begins anew. So revocations may be merged in Rust, and whatever is numbered has the order
//! of its commits.

use std::time::Duration;

use redis::{
    Client, Pipeline, RedisError, RedisResult, ToRedisArgs, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep},
};

use super::{location::Location, opening};
use crate::{
    connection::{self, Connection},
    inbox::InboxError,
};

/// How long turns are tried that others come before.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Longest pause before one is tried again, by chance, so that nobody is always the second.
const PAUSE_MICROS_MAX: u64 = 5000;

/// Most fields that are asked for at once, during which Redis does nothing else.
const FIELDS_MAX: usize = 5000;

/// Something cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
    #[error(
        "Redis has not the inbox any more that this process began with: it was emptied or replaced; end all instances, and start them anew"
    )]
    Replaced,
    #[error("other instances write without a pause")]
    Contended,
    #[error("{0} is faulty in Redis")]
    Faulty(&'static str),
    #[error(transparent)]
    Written(#[from] InboxError),
}

pub(super) struct Database {
    client: Client,
    prefix: String,
    /// For whatever takes no turn.
    connection: Connection,
    /// For turns, of which one is under way at a time; made when it is needed.
    turns: Mutex<Option<MultiplexedConnection>>,
    /// What names the inbox, as long as it is the same.
    identity: String,
    /// The name of this instance among those that use it.
    pub(super) instance: String,
}

impl Database {
    /// Opens the inbox, which is made if it is not there.
    pub(super) async fn open(location: Location) -> Result<Self, opening::OpenError> {
        let Location {
            client,
            prefix,
            is_vouched_for,
        } = location;
        let mut connection = connection::of(client.clone());
        if !is_vouched_for {
            opening::check(&mut connection).await?;
        }
        let identity = opening::identity(&mut connection, &format!("{prefix}:inbox")).await?;
        Ok(Self {
            client,
            prefix,
            connection,
            turns: Mutex::new(None),
            identity,
            instance: format!("{:032x}", rand::random::<u128>()),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The key of this name.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Whose positions and rows are there: those of one run of one server, as long as it has this inbox.
    pub(super) async fn origin(&self) -> Result<String, Failure> {
        let mut asked = redis::pipe();
        asked.cmd("GET").arg(self.key("inbox"));
        asked.cmd("INFO").arg("server");
        let (identity, info): (Option<String>, String) =
            asked.query_async(&mut self.connection()).await?;
        self.is_same(identity.as_deref())?;
        let run = opening::told(&info, "run_id").unwrap_or_default();
        Ok(format!("{run} {}", self.identity))
    }

    fn is_same(&self, identity: Option<&str>) -> Result<(), Failure> {
        if identity == Some(self.identity.as_str()) {
            Ok(())
        } else {
            Err(Failure::Replaced)
        }
    }

    /// Writes what decides by nothing that it reads, as long as the inbox is the same; commands are ignored, and done all or none.
    pub(super) async fn keep(&self, writes: &mut Pipeline) -> Result<(), Failure> {
        let mut turn = self.turn_of(&["inbox"]).await;
        turn.begin().await?;
        writes.cmd("GET").arg(self.key("inbox"));
        if turn.execute(writes).await? {
            Ok(())
        } else {
            Err(Failure::Replaced)
        }
    }

    /// Waits for the turns before it.
    pub(super) async fn turn(&self) -> Turn<'_> {
        self.turn_of(&["version", "inbox"]).await
    }

    async fn turn_of(&self, watched: &'static [&'static str]) -> Turn<'_> {
        Turn {
            database: self,
            watched,
            held: self.turns.lock().await,
            first: None,
        }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// A transaction that decides by what it reads.
pub(super) struct Turn<'d> {
    database: &'d Database,
    /// What must not change before the commit.
    watched: &'static [&'static str],
    held: MutexGuard<'d, Option<MultiplexedConnection>>,
    /// When it was begun first.
    first: Option<Instant>,
}

impl Turn<'_> {
    /// Begins, perhaps anew. What is read by this connection is as it is at the commit.
    pub(super) async fn begin(&mut self) -> Result<MultiplexedConnection, Failure> {
        match self.first {
            None => self.first = Some(Instant::now()),
            Some(first) if first.elapsed() > TURN_MAX => return Err(Failure::Contended),
            Some(_) => {
                let pause = rand::random_range(0..PAUSE_MICROS_MAX);
                sleep(Duration::from_micros(pause)).await;
            }
        }
        if let Some(connection) = self.held.clone()
            && let Ok(identity) = self.watch(connection.clone()).await
        {
            self.database.is_same(identity.as_deref())?;
            return Ok(connection);
        }
        // That of the last turn is broken, or there was none.
        *self.held = None;
        let connection = connection::own(&self.database.client).await?;
        let identity = self.watch(connection.clone()).await?;
        *self.held = Some(connection.clone());
        self.database.is_same(identity.as_deref())?;
        Ok(connection)
    }

    /// A connection that is broken is not made anew, so that nothing is committed that was not watched.
    async fn watch(&self, mut connection: MultiplexedConnection) -> RedisResult<Option<String>> {
        let mut watch = redis::pipe();
        // A turn that ended without a commit has left something watched.
        watch.cmd("UNWATCH").ignore();
        let watched = self.watched.iter().map(|name| self.database.key(name));
        watch.cmd("WATCH").arg(watched.collect::<Vec<_>>()).ignore();
        watch.cmd("GET").arg(self.database.key("inbox"));
        let (identity,): (Option<String>,) = watch.query_async(&mut connection).await?;
        Ok(identity)
    }

    /// Does what was decided; commands are ignored. Whether nobody came before it: otherwise nothing was done.
    pub(super) async fn commit(&mut self, writes: &mut Pipeline) -> Result<bool, Failure> {
        writes.cmd("INCR").arg(self.database.key("version"));
        self.execute(writes).await
    }

    /// Does commands, of which the last is not ignored, if nothing that is watched was changed.
    async fn execute(&mut self, writes: &mut Pipeline) -> Result<bool, Failure> {
        writes.atomic();
        let Some(mut connection) = self.held.clone() else {
            return Ok(false);
        };
        let committed: RedisResult<Option<(Value,)>> = writes.query_async(&mut connection).await;
        if committed.is_err() {
            *self.held = None;
        }
        Ok(committed?.is_some())
    }
}

/// The values of fields, in their order.
pub(super) async fn fields<F: ToRedisArgs>(
    connection: &mut impl redis::aio::ConnectionLike,
    key: &str,
    fields: &[F],
) -> RedisResult<Vec<Option<String>>> {
    let mut values = Vec::with_capacity(fields.len());
    for some in fields.chunks(FIELDS_MAX) {
        let mut asked = redis::cmd("HMGET");
        asked.arg(key);
        for field in some {
            asked.arg(field);
        }
        let found: Vec<Option<String>> = asked.query_async(connection).await?;
        values.extend(found);
    }
    Ok(values)
}
