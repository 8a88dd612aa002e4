//! Opening an SQLite file.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DbErr,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait;

use super::{lock, migration::Migrator};
use crate::inbox::InboxError;

const URL_PREFIX: &str = "sqlite://";

/// Opens the file at `url` (`sqlite://path`), made if it is not there, and brings its tables up to date. It is locked as long as
/// what comes with it is there.
///
/// A new file is readable by its owner alone: it holds the push secret, and claims.
pub(super) async fn open(
    url: &str,
    patience: Duration,
) -> Result<(DatabaseConnection, File), InboxError> {
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
    let lock = PathBuf::from(format!("{path}.lock"));
    let lock = create_private(&lock).map_err(|error| InboxError::new("be locked", error))?;
    let lock = lock::take(lock, patience).await?;
    let mut options = ConnectOptions::new(url);
    options
        // One that writes, so that transactions never wait for each other's locks.
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
        });
    let database = Database::connect(options).await.map_err(opened)?;
    Migrator::up(&database, None).await.map_err(opened)?;
    Ok((database, lock))
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
