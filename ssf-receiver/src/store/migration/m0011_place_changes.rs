//! Revocations in an SQLite file have positions as well, which are never given twice and outlive a `VACUUM`: whoever publishes them
//! goes on behind the last one.

use sea_orm_migration::prelude::*;

use super::is_postgres;

pub(super) struct PlaceChanges;

impl MigrationName for PlaceChanges {
    fn name(&self) -> &'static str {
        "m0011_place_changes"
    }
}

const COLUMNS: &str =
    "key, kind, effect, occurred, toe, arrived, scope, mask, moment, until, detail";

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait binds a written lifetime later than the trait does"
)]
#[async_trait::async_trait]
impl MigrationTrait for PlaceChanges {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if is_postgres(manager) {
            return Ok(());
        }
        let connection = manager.get_connection();
        // The position is where the row lies, so that it costs nothing.
        let texts = [
            "ALTER TABLE revocation RENAME TO former".to_owned(),
            "CREATE TABLE revocation (position integer PRIMARY KEY AUTOINCREMENT, key blob NOT NULL, kind bigint NOT NULL, \
             effect bigint, occurred bigint, toe bigint, arrived bigint, scope bigint NOT NULL, mask bigint NOT NULL, \
             moment bigint NOT NULL, until bigint NOT NULL, detail bigint NOT NULL)"
                .to_owned(),
            format!("INSERT INTO revocation ({COLUMNS}) SELECT {COLUMNS} FROM former ORDER BY rowid"),
            "DROP TABLE former".to_owned(),
            "CREATE UNIQUE INDEX revocation_key_kind ON revocation (key, kind)".to_owned(),
            "CREATE INDEX revocation_scope_kind_until ON revocation (scope, kind, until)".to_owned(),
        ];
        for text in texts {
            connection.execute_unprepared(&text).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use std::time::Duration;

    use sea_orm::Database;

    use crate::{
        inbox::{Changes, Inbox},
        store::{SqlInbox, migration::Migrator},
    };

    use super::*;

    #[tokio::test]
    async fn what_a_former_version_revoked_is_there_in_its_order() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("inbox.db").display());
        let former = Database::connect(format!("{url}?mode=rwc")).await.unwrap();
        Migrator::up(&former, Some(9)).await.unwrap();
        for text in [
            "INSERT INTO mask VALUES (1, '[]', '[]', '')",
            "INSERT INTO detail VALUES (1, 'urn:example:event', '')",
            "INSERT INTO revocation (key, kind, scope, mask, moment, until, detail) VALUES \
             (x'22222222222222222222222222222222', 0, 3, 1, 7, 8, 1), (x'11111111111111111111111111111111', 0, 3, 1, 9, 9, 1)",
        ] {
            former.execute_unprepared(text).await.unwrap();
        }
        former.close().await.unwrap();
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        assert_eq!(inbox.revocation_count().await.unwrap(), 2);
        let changes = inbox.changes(0, 10).await.unwrap();
        let found = changes
            .iter()
            .map(|one| (one.position, one.revocation.moment));
        assert!(found.eq([(1, 7), (2, 9)]), "{changes:?}");
        assert_eq!(inbox.last_change().await.unwrap(), 2);
    }
}
