//! Lets events that cannot be read wait apart, so that they keep no others from their fan-out.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0023_set_events_aside"
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
        manager.get_connection().execute_unprepared(COLUMN).await?;
        Ok(())
    }
}

/// Means the same to both databases.
const COLUMN: &str = "ALTER TABLE event ADD COLUMN set_aside_until BIGINT";
