//! What a database says when it cannot go on, told apart where something follows from it.

use std::{borrow::Cow, process};

use sea_orm::{DbErr, RuntimeErr, sqlx};
use tracing::error;

use crate::ports::StoreError;

/// SQLite's `SQLITE_FULL`, and PostgreSQL's `disk_full`: codes of the two never meet, for the latter have five places.
const FULL: [&str; 2] = ["13", "53100"];

/// SQLite's `SQLITE_IOERR_FSYNC` and `SQLITE_IOERR_DIR_FSYNC`. PostgreSQL ends its own processes then.
const NOT_SYNCED: [&str; 2] = ["1034", "1290"];

/// How a process ends whose disk did not confirm a write: `EX_IOERR` of sysexits.
const EXIT_STATUS: i32 = 74;

impl From<DbErr> for StoreError {
    /// Ends the process where the disk did not confirm a write: nobody knows what of it is there, and the operating system may
    /// confirm the next one without having written this one. The next start reads what there is.
    ///
    /// Every fault of the database passes here before anything follows from it, so that nothing is answered any more.
    fn from(error: DbErr) -> Self {
        let code = code(&error).unwrap_or_default();
        if NOT_SYNCED.contains(&code.as_str()) {
            error!(
                code,
                "the disk did not confirm what was written: the process ends"
            );
            process::exit(EXIT_STATUS);
        }
        if FULL.contains(&code.as_str()) {
            return Self::Full(Box::new(error));
        }
        Self::Unavailable(Box::new(error))
    }
}

/// The code that the database gave.
pub(super) fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return None;
    };
    let RuntimeErr::SqlxError(error) = runtime else {
        return None;
    };
    let sqlx::Error::Database(error) = &**error else {
        return None;
    };
    error.code().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sea_orm::ConnectionTrait;

    use super::*;

    #[tokio::test]
    async fn a_database_without_room_is_full_and_another_fault_is_not() {
        let database = sea_orm::Database::connect("sqlite::memory:").await.unwrap();
        let limit = "CREATE TABLE t (x BLOB); PRAGMA max_page_count = 2";
        database.execute_unprepared(limit).await.unwrap();
        let full = database.execute_unprepared("INSERT INTO t VALUES (zeroblob(100000))");
        let full = StoreError::from(full.await.unwrap_err());
        assert!(matches!(full, StoreError::Full(_)), "{full:?}");
        let other = database.execute_unprepared("SELECT nonsense").await;
        let other = StoreError::from(other.unwrap_err());
        assert!(matches!(other, StoreError::Unavailable(_)), "{other:?}");
    }

    #[test]
    fn what_no_database_said_has_no_code() {
        let timeout = Arc::new(sqlx::Error::PoolTimedOut);
        assert_eq!(code(&DbErr::Conn(RuntimeErr::SqlxError(timeout))), None);
    }
}
