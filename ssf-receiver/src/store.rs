//! The durable inbox in an embedded SQLite file: the only tree that names sea-orm.

mod entity;
mod load;
mod lock;
mod merge;
mod migration;
mod quarantine;
mod replan;
mod retain;
mod row;
mod scopes;
mod statement;
mod watermarks;
mod worklist;

use std::{fs::File, io, path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, EntityTrait,
    Set, TransactionTrait,
    sea_query::OnConflict,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;
use ssf_types::uri::Issuer;

use self::entity::setting;
pub(crate) use self::replan::{REPLAN, Stored};
use crate::{
    failpoint::{Failpoint, reached},
    inbox::{Arriving, Gathered, Inbox, InboxError, Retained, Settings, Write},
    revocation::{Revocation, Scope, ScopeId, Watermarks},
};

/// How long a predecessor may take to end, as in a rolling restart.
pub(crate) const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(10);

const URL_PREFIX: &str = "sqlite://";

/// What statements are written for.
const BACKEND: DbBackend = DbBackend::Sqlite;

/// Keeps everything in one SQLite file.
///
/// One connection writes, so transactions never wait for each other's locks; SETs that wait for it share one. One process at a time uses a file, which a
/// lock file beside it ensures: another one's index would not hear of its revocations.
#[derive(Debug)]
pub(crate) struct SqliteInbox {
    database: DatabaseConnection,
    gathered: Gathered,
    /// Held while the inbox is open.
    _lock: File,
}

impl SqliteInbox {
    /// Opens the file at `url` (`sqlite://path`), made if it is not there, and brings its tables up to date.
    ///
    /// A new file is readable by its owner alone: it holds the push secret, and claims.
    /// Another process that uses the file gets `patience` to end.
    pub(crate) async fn open(url: &str, patience: Duration) -> Result<Self, InboxError> {
        let opened = |error: DbErr| InboxError::new("be opened", error);
        let path = url
            .strip_prefix(URL_PREFIX)
            .filter(|path| !path.is_empty() && !path.contains(['?', '%', ':']));
        let path = path.ok_or_else(|| {
            InboxError::new(
                "be opened",
                "its URL must be sqlite:// and a path without ?, % and :",
            )
        })?;
        let created = |error: io::Error| InboxError::new("be created", error);
        create_private(Path::new(path)).map_err(created)?;
        let lock = lock::take(path, patience).await?;
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(1)
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(|options| {
                options
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
            });
        let database = Database::connect(options).await.map_err(opened)?;
        migration::Migrator::up(&database, None)
            .await
            .map_err(opened)?;
        Ok(Self {
            gathered: Gathered::new(Writer(database.clone())),
            database,
            _lock: lock,
        })
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.database
    }
}

/// What writes SETs.
struct Writer(DatabaseConnection);

impl Write for Writer {
    async fn write(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let failed = |error: DbErr| InboxError::new("retain a SET", error);
        let transaction = self.0.begin().await.map_err(failed)?;
        let retained = retain::retain(&transaction, sets).await?;
        reached(Failpoint::BeforeCommit);
        transaction.commit().await.map_err(failed)?;
        Ok(retained)
    }
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Inbox for SqliteInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        self.gathered.retain(sets).await
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        load::count(&self.database).await
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        load::revocations(&self.database, each).await
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        let failed = |error: DbErr| InboxError::new("forget revocations", error);
        let transaction = self.database.begin().await.map_err(failed)?;
        let dropped = watermarks::forget(&transaction, scope, watermarks, most).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(dropped)
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        watermarks::kept(&self.database).await
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        let failed = |error: DbErr| InboxError::new("number its transmitters", error);
        let transaction = self.database.begin().await.map_err(failed)?;
        let scopes = scopes::numbered(&transaction, issuers).await?;
        transaction.commit().await.map_err(failed)?;
        Ok(scopes)
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        let rows = setting::Entity::find()
            .all(&self.database)
            .await
            .map_err(|error| InboxError::new("read the settings", error))?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        keep_settings(&self.database, settings).await
    }
}

async fn keep_settings(
    connection: &impl ConnectionTrait,
    settings: &Settings,
) -> Result<(), InboxError> {
    let rows = settings.iter().map(|(name, value)| setting::ActiveModel {
        name: Set(name.clone()),
        value: Set(value.clone()),
    });
    setting::Entity::insert_many(rows)
        .on_conflict(
            OnConflict::column(setting::Column::Name)
                .update_column(setting::Column::Value)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await
        .map(drop)
        .map_err(|error| InboxError::new("keep the settings", error))
}
