//! Lets a source have a quota of its own, and finds what waits of each.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0026_limit_sources"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait makes the lifetime another one than that of the trait if it is written"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// Also on SQLite, where it is not the default: a step that a crash cut short could never be repeated.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in STATEMENTS {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}

/// They mean the same to both databases. Sources that are there have the quota that all others have.
const STATEMENTS: [&str; 2] = [
    "ALTER TABLE source ADD COLUMN events_per_second BIGINT",
    "ALTER TABLE source ADD COLUMN backlog_max BIGINT",
];
