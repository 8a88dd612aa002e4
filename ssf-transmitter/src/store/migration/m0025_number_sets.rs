//! Lets the SETs of a stream have numbers, and finds those that were given up.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0025_number_sets"
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

/// They mean the same to both databases. Streams that are there have asked for none. The index has the state, so that no row has
/// to be looked at.
const STATEMENTS: [&str; 3] = [
    "ALTER TABLE stream ADD COLUMN sequence_epoch VARCHAR",
    "ALTER TABLE stream_queue ADD COLUMN sequence_after BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX delivery_given_up ON delivery (stream_id, sequence, state) WHERE state >= 2",
];
