//! The durable inbox in an embedded SQLite file: the only tree that names sea-orm.

mod entity;
mod lock;
mod migration;
mod row;

use std::{fs::File, io, path::Path, time::Duration};

use sea_orm::{
    ColumnTrait, ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    EntityTrait, QueryFilter, Set, TransactionTrait,
    sea_query::OnConflict,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;

use self::entity::{revocation, set, setting};
use crate::{
    inbox::{Inbox, InboxError, ReceivedSet, Retained, Settings},
    revocation::Revocation,
};

/// How long a predecessor may take to end, as in a rolling restart.
pub(crate) const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(10);

const URL_PREFIX: &str = "sqlite://";

/// Keeps everything in one SQLite file.
///
/// One connection writes, so transactions never wait for each other's locks. One process at a time uses a file, which a
/// lock file beside it ensures: another one's index would not hear of its revocations.
#[derive(Debug)]
pub(crate) struct SqliteInbox {
    database: DatabaseConnection,
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
            database,
            _lock: lock,
        })
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.database
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
    async fn retain(
        &self,
        received: &ReceivedSet,
        revocations: &[Revocation],
    ) -> Result<Retained, InboxError> {
        let failed = |error: DbErr| InboxError::new("retain a SET", error);
        let transaction = self.database.begin().await.map_err(failed)?;
        let known = set::Entity::find()
            .filter(set::Column::Issuer.eq(received.issuer.as_str()))
            .filter(set::Column::Jti.eq(received.jti.as_str()))
            .one(&transaction)
            .await
            .map_err(failed)?;
        if let Some(known) = known {
            return Ok(row::repeated(&known, received));
        }
        set::Entity::insert(row::of_set(received))
            .exec_without_returning(&transaction)
            .await
            .map_err(failed)?;
        for revocation in revocations {
            merge(&transaction, revocation).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(Retained::New)
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, InboxError> {
        revocation::Entity::find()
            .all(&self.database)
            .await
            .map_err(|error| InboxError::new("list the revocations", error))?
            .into_iter()
            .map(row::to_revocation)
            .collect()
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        let rows = setting::Entity::find()
            .all(&self.database)
            .await
            .map_err(|error| InboxError::new("read the settings", error))?;
        Ok(rows.into_iter().map(|row| (row.name, row.value)).collect())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
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
            .exec_without_returning(&self.database)
            .await
            .map(drop)
            .map_err(|error| InboxError::new("keep the settings", error))
    }
}

/// Merges a revocation into the row with its key.
async fn merge(
    transaction: &DatabaseTransaction,
    revocation: &Revocation,
) -> Result<(), InboxError> {
    let failed = |error: DbErr| InboxError::new("retain a revocation", error);
    let key = revocation.key.to_bytes().to_vec();
    let known = revocation::Entity::find_by_id(key)
        .one(transaction)
        .await
        .map_err(failed)?;
    let mut merged = revocation.clone();
    if let Some(known) = known {
        let known = row::to_revocation(known)?;
        merged.thresholds = known.thresholds.merge(&revocation.thresholds);
    }
    revocation::Entity::insert(row::of_revocation(&merged)?)
        .on_conflict(
            OnConflict::column(revocation::Column::Key)
                .update_column(revocation::Column::Thresholds)
                .to_owned(),
        )
        .exec_without_returning(transaction)
        .await
        .map(drop)
        .map_err(failed)
}
