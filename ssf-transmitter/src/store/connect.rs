//! Opening a database: connections, the lock of a SQLite file, migrations.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqlxSqliteConnector,
    sqlx::{
        self, ConnectOptions as _, Connection as _, SqliteConnection,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use sea_orm_migration::MigratorTrait;

use super::{
    SeaStore, gathered::Gathered, ledger::any_shard, migration::Migrator, row, session, settle,
};
use crate::sealing::Sealer;

/// How long a connection waits for another process that writes to the same SQLite file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many pages the connection that writes keeps in memory, as SQLite is told: 16 MiB. A page that is gone is read again, and
/// those of deliveries to many streams are scattered over the whole of their tables.
const WRITER_PAGES: &str = "-16384";

/// Where the connection that writes keeps what it needs to undo a statement that fails: else, it makes a file for each that
/// changes some pages.
const IN_MEMORY: &str = "MEMORY";

/// Connections that read a SQLite file; they do not wait for the one that writes.
const SQLITE_READERS: u32 = 4;

/// What a process wants of the database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// It fans out and delivers; a SQLite file has one such process.
    Serve,
    /// It administers, perhaps beside a process that serves.
    Administer,
}

/// A database was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// The URL names no database of ours.
    #[error("the database URL must begin with sqlite:// or postgres://")]
    Url,
    /// Another process serves from this file.
    #[error("another transmitter uses this database: {} is locked", .0.display())]
    InUse(PathBuf),
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be opened", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened, or brought to the form that this version needs.
    #[error("the database cannot be opened")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<DbErr> for OpenStoreError {
    fn from(error: DbErr) -> Self {
        Self::Database(Box::new(error))
    }
}

impl From<sqlx::Error> for OpenStoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

/// A lock on the file beside a SQLite database, held while the handle is open.
#[derive(Debug)]
pub(super) struct DatabaseLock {
    _file: File,
}

impl DatabaseLock {
    fn take(database: &Path) -> Result<Self, OpenStoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| OpenStoreError::Lock {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenStoreError::InUse(path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Makes the file for its owner alone, before SQLite makes it for everybody; the files beside it get the same mode.
fn create_private(database: &Path) -> io::Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(database)
        .map(drop)
}

impl SeaStore {
    /// Opens the database at `url`, creates it if it is a SQLite file that is not there, and migrates it.
    ///
    /// `sqlite://transmitter.db` is relative to the working directory, `sqlite:///var/lib/ssf/transmitter.db` is not.
    ///
    /// # Errors
    /// The URL is another one, the file is in use by another process that serves, or the database refuses.
    pub async fn open(url: &str, sealer: Sealer, access: Access) -> Result<Self, OpenStoreError> {
        if url.starts_with("sqlite://") {
            return Self::open_sqlite(url, sealer, access).await;
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::open_postgres(url, sealer).await;
        }
        Err(OpenStoreError::Url)
    }

    async fn open_sqlite(
        url: &str,
        sealer: Sealer,
        access: Access,
    ) -> Result<Self, OpenStoreError> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(session::STATEMENTS_KEPT)
            .row_buffer_size(row::ROWS_MAX)
            .disable_statement_logging();
        create_private(options.get_filename())
            .map_err(|error| OpenStoreError::Database(Box::new(error)))?;
        let lock = match access {
            Access::Serve => Some(Arc::new(DatabaseLock::take(options.get_filename())?)),
            Access::Administer => None,
        };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A file does not hang up.
            .test_before_acquire(false)
            .after_release(|connection, _| Box::pin(can_begin(connection)))
            .connect_with(
                options
                    .clone()
                    .pragma("cache_size", WRITER_PAGES)
                    .pragma("temp_store", IN_MEMORY),
            )
            .await?;
        let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
        Migrator::up(&writer, None).await?;
        let reader = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await?;
        if lock.is_some() {
            release_leases(&writer).await?;
        }
        Ok(Self {
            writer,
            reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
            sealer,
            shard: any_shard(),
            recent: Arc::default(),
            fresh: Arc::default(),
            growth: Arc::default(),
            looks: Arc::default(),
            settlings: Arc::new(Gathered::lingering(settle::PATIENCE)),
            _lock: lock,
        })
    }

    async fn open_postgres(url: &str, sealer: Sealer) -> Result<Self, OpenStoreError> {
        session::migrate(url).await?;
        let database = session::connect(url).await?;
        Ok(Self {
            writer: database.clone(),
            reader: database,
            sealer,
            shard: any_shard(),
            recent: Arc::default(),
            fresh: Arc::default(),
            growth: Arc::default(),
            looks: Arc::default(),
            settlings: Arc::new(Gathered::lingering(settle::PATIENCE)),
            _lock: None,
        })
    }
}

/// Whether a connection that comes back can begin another transaction.
///
/// SQLite has ended one by itself that it cannot commit, as on a full disk. The ROLLBACK of sqlx then finds none, and sqlx takes
/// it for open from then on: such a connection is replaced.
async fn can_begin(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // A ROLLBACK may be under way: it is done when this is answered.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// Whoever holds the lock of the file knows that the owners of all leases are dead, and that no answer to a poll is on its
/// way any more: one that was sent just before may come again.
async fn release_leases(writer: &DatabaseConnection) -> Result<(), DbErr> {
    for sql in [
        "UPDATE stream_queue SET lease_until = 0 WHERE lease_until > 0",
        "UPDATE lease SET expires_at = 0",
        "DELETE FROM lost_lease",
        "UPDATE poll_answer SET ends_at = 0",
        "UPDATE stream_queue SET poll_due = 0 WHERE poll_due IS NOT NULL",
    ] {
        writer.execute_unprepared(sql).await?;
    }
    Ok(())
}
