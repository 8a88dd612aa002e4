//! The line between instances: `LISTEN` and `NOTIFY` of PostgreSQL.
//!
//! What is told is that something was written, and nothing else. It is told after the commit, not by it: PostgreSQL takes one
//! lock of the whole cluster when a transaction that notifies commits. What is lost therefore, by a crash in between, or while a
//! line is down, is found by a look each second.

use std::io;

use sea_orm::sqlx::{
    self, Executor,
    postgres::{PgListener, PgPoolOptions},
};
use tokio::time::timeout;

use super::{Tables, statement};
use crate::inbox::{LINE_ANSWER_MAX, Line, LineError};

/// The channel, which is one of this database.
const CHANNEL: &str = "ssf_receiver";

/// Says, in the name of an instance, that it wrote something.
const TELL: &str = "SELECT pg_notify('ssf_receiver', ?)";

/// A connection that listens.
#[derive(Debug)]
pub(crate) struct PostgresLine {
    listener: PgListener,
    /// The name of whoever listens, who hears itself as well.
    own: String,
}

impl PostgresLine {
    pub(super) async fn open(tables: &Tables) -> sqlx::Result<Self> {
        let pool = tables.database.get_postgres_connection_pool();
        let options = pool.connect_options();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(LINE_ANSWER_MAX)
            .connect_lazy_with(options.as_ref().clone());
        in_time(async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.ignore_pool_close_event(true);
            // Whoever hears that it was lost opens another, and looks for what was told meanwhile.
            listener.eager_reconnect(false);
            listener.listen(CHANNEL).await?;
            Ok(Self {
                listener,
                own: tables.instance.clone(),
            })
        })
        .await
    }
}

impl Line for PostgresLine {
    async fn hear(&mut self) -> Result<(), LineError> {
        loop {
            let heard = self.listener.try_recv().await.map_err(LineError::new)?;
            let aborted = || LineError::new(lost(io::ErrorKind::ConnectionAborted));
            let heard = heard.ok_or_else(aborted)?;
            if heard.payload() != self.own {
                // One look serves all that was told up to now.
                while self.listener.next_buffered().is_some() {}
                return Ok(());
            }
        }
    }

    async fn ask(&mut self) -> Result<(), LineError> {
        let asked = in_time(self.listener.execute("SELECT 1")).await;
        asked.map(drop).map_err(LineError::new)
    }
}

/// Has the other instances told that this one wrote something; nobody waits for that.
pub(super) fn tell(tables: &Tables) {
    let Tables { database, instance } = tables.clone();
    tokio::spawn(async move {
        let told = statement::execute(&database, TELL, vec![instance.into()]);
        if let Err(error) = told.await {
            // They look within a second.
            tracing::debug!(%error, "other instances are not told");
        }
    });
}

async fn in_time<T>(asked: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let answered = timeout(LINE_ANSWER_MAX, asked).await;
    answered.unwrap_or_else(|_| Err(lost(io::ErrorKind::TimedOut)))
}

fn lost(kind: io::ErrorKind) -> sqlx::Error {
    sqlx::Error::Io(kind.into())
}
