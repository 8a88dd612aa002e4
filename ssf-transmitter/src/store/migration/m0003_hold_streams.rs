//! Lets streams be paused and disabled.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_hold_streams"
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
        for column in COLUMNS {
            manager.get_connection().execute_unprepared(column).await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases.
const COLUMNS: &[&str] = &[
    "ALTER TABLE stream_queue ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE stream_event_type ADD COLUMN disabled_through BIGINT NOT NULL DEFAULT 0",
];
