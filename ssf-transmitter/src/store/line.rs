//! The line between nodes: `LISTEN` and `NOTIFY` of PostgreSQL, on one connection of their own. SQLite has one node.
//!
//! What is told says which loop has work, and nothing else. It is told after the commit, not by it: PostgreSQL takes one lock
//! of the whole cluster when a transaction that notifies commits, and holds it until that is on disk, so that commits of
//! several nodes would wait for each other. What is lost therefore, by a crash in between, the sweep finds within a second.

use std::{io, time::Duration};

use sea_orm::{
    DatabaseBackend,
    sqlx::{
        self, Executor,
        postgres::{PgListener, PgPoolOptions},
    },
};

use super::SeaStore;
use crate::ports::StoreError;

/// The channel, which is one of this database.
const CHANNEL: &str = "ssf_transmitter";

/// What the connection is called among those of the server.
const NAME: &str = "ssf-transmitter line";

/// Longest wait for the server, which answers at once or is not there.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Longest silence after which it is asked whether the connection stands: one that is cut somewhere says nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// That a loop has work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Events wait for their fan-out.
    Accepted,
    /// Something is due, or a stream is not what it was.
    Fresh,
}

impl Notice {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fresh => "fresh",
        }
    }

    fn read(payload: &str) -> Option<Self> {
        [Self::Accepted, Self::Fresh]
            .into_iter()
            .find(|notice| notice.as_str() == payload)
    }
}

/// A connection on which this node tells others, and hears them. What they tell while there is none is lost.
#[derive(Debug)]
pub struct Line {
    listener: PgListener,
    /// What this node tells is heard by itself as well, under this number.
    own: i32,
}

impl SeaStore {
    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.backend() == DatabaseBackend::Postgres
    }

    /// Opens a line to the other nodes; `None` if there cannot be any.
    ///
    /// # Errors
    /// The database is not available.
    pub async fn open_line(&self) -> Result<Option<Line>, StoreError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let options = self.writer.get_postgres_connection_pool().connect_options();
        let options = options.as_ref().clone().application_name(NAME);
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(ANSWER_MAX)
            .connect_lazy_with(options);
        in_time(async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            // Whoever hears that it was lost opens another, and makes up for what was told meanwhile.
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            let own = sqlx::query_scalar("SELECT pg_backend_pid()");
            let own = own.fetch_one(&mut listener).await?;
            Ok(Some(Line { listener, own }))
        })
        .await
    }
}

impl Line {
    /// Tells the other nodes.
    ///
    /// # Errors
    /// The line is of no use any more.
    pub async fn tell(&mut self, notice: Notice) -> Result<(), StoreError> {
        let sql = match notice {
            Notice::Accepted => "SELECT pg_notify('ssf_transmitter', 'accepted')",
            Notice::Fresh => "SELECT pg_notify('ssf_transmitter', 'fresh')",
        };
        in_time(self.listener.execute(sql)).await.map(drop)
    }

    /// Waits for another node; `None` stands for something that this version does not know. Whoever does not wait to the
    /// end misses nothing.
    ///
    /// # Errors
    /// The line is of no use any more.
    pub async fn hear(&mut self) -> Result<Option<Notice>, StoreError> {
        loop {
            let heard = tokio::time::timeout(SILENCE_MAX, self.listener.try_recv()).await;
            let Ok(heard) = heard else {
                in_time(self.listener.execute("SELECT 1")).await?;
                continue;
            };
            let heard = heard.map_err(unavailable)?;
            let heard = heard.ok_or_else(|| unavailable(lost(io::ErrorKind::ConnectionAborted)))?;
            if i32::try_from(heard.process_id()) != Ok(self.own) {
                return Ok(Notice::read(heard.payload()));
            }
        }
    }
}

async fn in_time<T>(asked: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
    answered
        .unwrap_or_else(|_| Err(lost(io::ErrorKind::TimedOut)))
        .map_err(unavailable)
}

fn lost(kind: io::ErrorKind) -> sqlx::Error {
    sqlx::Error::Io(kind.into())
}

fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(Box::new(error))
}
