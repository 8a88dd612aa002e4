//! Lets a stream remember how its Receiver has answered, and a delivery how often its key was refused.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0015_judge_answers"
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
        for change in CHANGES {
            manager.get_connection().execute_unprepared(change).await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases.
const CHANGES: &[&str] = &[
    "ALTER TABLE stream_queue ADD COLUMN trouble VARCHAR",
    "ALTER TABLE stream_queue ADD COLUMN trouble_since BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE stream_queue ADD COLUMN trouble_last VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE stream_queue ADD COLUMN failed_sets INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE stream_queue ADD COLUMN failed_through BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE stream_queue ADD COLUMN misdirected INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE stream_queue ADD COLUMN receiver_acts BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX stream_queue_trouble ON stream_queue (trouble) WHERE trouble IS NOT NULL",
    "ALTER TABLE delivery ADD COLUMN key_refusals INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE delivery ADD COLUMN offered_once BOOLEAN NOT NULL DEFAULT FALSE",
];
