//! Sessions in a table of the application's, in SQLite or PostgreSQL.
//!
//! What they are found by is in two tables beside it. A row of `ssf_session` without keys is the mark of a session that is gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, Statement, TransactionTrait, Value,
};

use super::{
    GONE_FOR, RegisteredSession, SESSIONS_MAX, SessionId, SessionStore, SessionStoreError, TTL_MAX,
    Written,
};
use crate::{clock, revocation::Fingerprint, session::SessionKeys};

/// Longest name of a table, a schema or a column, in bytes: PostgreSQL cuts off what is longer.
const NAME_BYTES_MAX: usize = 63;

/// Connections, each of which a request may wait for. SQLite has one writer.
const CONNECTIONS_MAX: u32 = 4;
const SQLITE_CONNECTIONS_MAX: u32 = 1;

/// How long a request waits for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often what ended by itself is looked for, and how much of it goes at once, so that nobody waits for it.
const SWEEP_SECONDS: u64 = 1;
const SWEEP_MAX: usize = 1000;

/// `IF NOT EXISTS` does not keep two processes that start at once from meeting in PostgreSQL: the second one tries again.
const CREATE: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS ssf_session (id TEXT PRIMARY KEY, keys TEXT, expires_at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ssf_session_index (fingerprint TEXT NOT NULL, \
     session_id TEXT NOT NULL REFERENCES ssf_session (id) ON DELETE CASCADE, PRIMARY KEY (fingerprint, session_id))",
    "CREATE INDEX IF NOT EXISTS ssf_session_expiry ON ssf_session (expires_at)",
    "CREATE INDEX IF NOT EXISTS ssf_session_index_session ON ssf_session_index (session_id)",
];

/// A mark that is over is as none.
const REGISTER: &str = "INSERT INTO ssf_session (id, keys, expires_at) VALUES ($1, $2, $3) \
     ON CONFLICT (id) DO UPDATE SET keys = excluded.keys, expires_at = excluded.expires_at \
     WHERE ssf_session.keys IS NOT NULL OR ssf_session.expires_at <= $4";

const FIND: &str = "SELECT ssf_session.id, ssf_session.keys FROM ssf_session_index \
     JOIN ssf_session ON ssf_session.id = ssf_session_index.session_id \
     WHERE ssf_session_index.fingerprint = $1 AND ssf_session.keys IS NOT NULL AND ssf_session.expires_at > $2 \
     ORDER BY ssf_session.expires_at DESC LIMIT $3";

const MARK: &str = "INSERT INTO ssf_session (id, keys, expires_at) VALUES ($1, NULL, $2) \
     ON CONFLICT (id) DO UPDATE SET keys = NULL, expires_at = excluded.expires_at";

const UNPLACE: &str = "DELETE FROM ssf_session_index WHERE session_id = $1";

const EXTEND: &str = "UPDATE ssf_session SET expires_at = $2 WHERE id = $1 AND keys IS NOT NULL";

const WITHDRAW: &str = "DELETE FROM ssf_session WHERE id = $1 AND keys IS NOT NULL";

/// The table in which an application has its sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SqlTable {
    /// Deletes the session `$1`.
    delete: String,
}

/// This is no name of a table or a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a table, its schema and its column are named by 1 to {NAME_BYTES_MAX} letters, digits and _, and begin with no digit"
)]
pub struct SqlNameError;

/// Finds the sessions of an application that keeps them in SQL, and deletes them there; clones share their connections.
#[derive(Clone, Debug)]
pub struct SqlSessions {
    database: DatabaseConnection,
    table: SqlTable,
    /// When what ended by itself was looked for last, in seconds since 1970.
    swept: Arc<AtomicU64>,
}

impl SqlTable {
    /// The table `name`, or `schema.name`, whose column `id` has the names of sessions as text; both byte for byte.
    ///
    /// # Errors
    /// One of the names is none.
    pub fn new(name: &str, id: &str) -> Result<Self, SqlNameError> {
        let table = match name.split_once('.') {
            Some((schema, name)) => format!("{}.{}", quoted(schema)?, quoted(name)?),
            None => quoted(name)?,
        };
        let delete = format!("DELETE FROM {table} WHERE {} = $1", quoted(id)?);
        Ok(Self { delete })
    }
}

fn quoted(name: &str) -> Result<String, SqlNameError> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = !name.starts_with(|c: char| c.is_ascii_digit());
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    if fits && begins_well && name.bytes().all(is_fine) {
        return Ok(format!("\"{name}\""));
    }
    Err(SqlNameError)
}

impl SqlSessions {
    /// Connects to the database of the application, at `sqlite://path` or `postgres://…`, and makes the two tables beside `table` if
    /// they are not there.
    ///
    /// # Errors
    /// The database cannot be reached, or the tables cannot be made.
    pub async fn open(url: &str, table: SqlTable) -> Result<Self, SessionStoreError> {
        let most = if url.starts_with("sqlite:") {
            SQLITE_CONNECTIONS_MAX
        } else {
            CONNECTIONS_MAX
        };
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(most)
            .acquire_timeout(CONNECT_TIMEOUT)
            .sqlx_logging(false);
        let database = Database::connect(options).await.map_err(failed)?;
        for statement in CREATE {
            if database.execute_unprepared(statement).await.is_err() {
                let again = database.execute_unprepared(statement).await;
                again.map_err(failed)?;
            }
        }
        Ok(Self {
            database,
            table,
            swept: Arc::default(),
        })
    }

    async fn execute(
        &self,
        connection: &impl ConnectionTrait,
        text: &str,
        values: Vec<Value>,
    ) -> Result<u64, SessionStoreError> {
        let backend = self.database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, text, values);
        let done = connection.execute_raw(statement).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    async fn begin(&self) -> Result<DatabaseTransaction, SessionStoreError> {
        self.database.begin().await.map_err(failed)
    }

    /// Deletes some of what ended by itself, at most once a second.
    async fn sweep(&self, now: u64) -> Result<(), SessionStoreError> {
        let swept = self.swept.load(Ordering::Relaxed);
        let is_due = now.abs_diff(swept) >= SWEEP_SECONDS;
        let order = Ordering::Relaxed;
        if !is_due || (self.swept.compare_exchange(swept, now, order, order)).is_err() {
            return Ok(());
        }
        // A row that somebody else is writing is left to the next look.
        let locks = if self.database.get_database_backend() == DbBackend::Postgres {
            " FOR UPDATE SKIP LOCKED"
        } else {
            ""
        };
        let text = format!(
            "DELETE FROM ssf_session WHERE id IN \
             (SELECT id FROM ssf_session WHERE expires_at <= $1 LIMIT {SWEEP_MAX}{locks})"
        );
        let values = vec![now.cast_signed().into()];
        self.execute(&self.database, &text, values).await?;
        Ok(())
    }
}

fn failed(error: DbErr) -> SessionStoreError {
    SessionStoreError::Failed(error.into())
}

fn after(now: u64, ttl: Duration) -> Value {
    now.saturating_add(ttl.as_secs()).cast_signed().into()
}

impl SessionStore for SqlSessions {
    async fn register(
        &self,
        id: &SessionId,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        let now = clock::now().as_secs();
        self.sweep(now).await?;
        let transaction = self.begin().await?;
        let ends = after(now, ttl.min(TTL_MAX));
        let is_gone_until = now.cast_signed().into();
        let values = vec![
            id.as_str().into(),
            keys.to_text().into(),
            ends,
            is_gone_until,
        ];
        if self.execute(&transaction, REGISTER, values).await? == 0 {
            return Ok(Written::Gone);
        }
        self.execute(&transaction, UNPLACE, vec![id.as_str().into()])
            .await?;
        let mut values = vec![Value::from(id.as_str())];
        values.extend(keys.fingerprints().map(|one| one.to_hexadecimal().into()));
        let places: Vec<String> = (2..=values.len())
            .map(|place| format!("(${place}, $1)"))
            .collect();
        if !places.is_empty() {
            let text = format!(
                "INSERT INTO ssf_session_index (fingerprint, session_id) VALUES {} ON CONFLICT DO NOTHING",
                places.join(", ")
            );
            self.execute(&transaction, &text, values).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Written::Kept)
    }

    async fn extend(&self, id: &SessionId, ttl: Duration) -> Result<(), SessionStoreError> {
        let ends = after(clock::now().as_secs(), ttl.min(TTL_MAX));
        let values = vec![id.as_str().into(), ends];
        self.execute(&self.database, EXTEND, values).await?;
        Ok(())
    }

    async fn withdraw(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        let values = vec![id.as_str().into()];
        self.execute(&self.database, WITHDRAW, values).await?;
        Ok(())
    }

    async fn find(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<RegisteredSession>, SessionStoreError> {
        let now = clock::now().as_secs().cast_signed();
        let values: Vec<Value> = vec![
            fingerprint.to_hexadecimal().into(),
            now.into(),
            (SESSIONS_MAX as u64).cast_signed().into(),
        ];
        let backend = self.database.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, FIND, values);
        let rows = self.database.query_all_raw(statement).await;
        let mut found = Vec::new();
        for row in rows.map_err(failed)? {
            let id: String = row.try_get_by_index(0).map_err(failed)?;
            let keys: String = row.try_get_by_index(1).map_err(failed)?;
            // A row that others wrote is nobody's.
            if let (Ok(id), Some(keys)) = (SessionId::parse(id), SessionKeys::parse(&keys)) {
                found.push(RegisteredSession { id, keys });
            }
        }
        Ok(found)
    }

    async fn end(&self, ids: &[SessionId]) -> Result<(), SessionStoreError> {
        let ends = after(clock::now().as_secs(), GONE_FOR);
        // In one order for all, so that nobody waits for who waits for them.
        let mut ids: Vec<&str> = ids.iter().map(SessionId::as_str).collect();
        ids.sort_unstable();
        let transaction = self.begin().await?;
        for id in ids {
            let values = vec![id.into(), ends.clone()];
            self.execute(&transaction, MARK, values).await?;
            for text in [UNPLACE, &self.table.delete] {
                self.execute(&transaction, text, vec![id.into()]).await?;
            }
        }
        transaction.commit().await.map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_have_no_quotes() {
        let table = SqlTable::new("web.Session", "id").unwrap();
        let delete = r#"DELETE FROM "web"."Session" WHERE "id" = $1"#;
        assert_eq!(table.delete, delete);
        let longest = "x".repeat(NAME_BYTES_MAX);
        assert!(SqlTable::new(&longest, "_9").is_ok());
        let too_long = longest + "x";
        for name in ["", "9", "a b", "a\"", "ä", "a.b.c", ".a", "a;", &too_long] {
            assert_eq!(SqlTable::new(name, "id"), Err(SqlNameError), "{name}");
            assert_eq!(SqlTable::new("a", name), Err(SqlNameError), "{name}");
        }
    }
}
