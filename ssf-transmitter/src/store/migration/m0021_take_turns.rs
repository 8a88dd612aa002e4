//! Remembers when streams were last taken, so that those go first that nobody has had for the longest time.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0021_take_turns"
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

/// They mean the same to both databases.
const STATEMENTS: [&str; 2] = [
    "ALTER TABLE stream_queue ADD COLUMN taken_at BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX stream_queue_taken ON stream_queue (taken_at) WHERE next_due IS NOT NULL",
];
