//! Lets the transmitter change the status of a stream itself, and look after streams on which nothing happens.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_announce_status"
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
    "ALTER TABLE delivery ADD COLUMN passes_hold BOOLEAN NOT NULL DEFAULT FALSE",
    "CREATE INDEX delivery_passing ON delivery (stream_id, sequence) WHERE passes_hold",
    "ALTER TABLE stream_queue ADD COLUMN opens_after BIGINT",
    "ALTER TABLE stream_queue ADD COLUMN verification BIGINT",
    "ALTER TABLE stream_queue ADD COLUMN keep_alive BIGINT",
    "ALTER TABLE stream_queue ADD COLUMN quiet_since BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX stream_queue_quiet ON stream_queue (quiet_since)",
    "ALTER TABLE stream_queue ADD COLUMN active_at BIGINT",
    "ALTER TABLE stream_event_type ADD COLUMN given_up_after BIGINT",
    "CREATE INDEX stream_event_type_given_up ON stream_event_type (given_up_after) WHERE given_up_after IS NOT NULL",
    "CREATE INDEX stream_queue_active ON stream_queue (active_at)",
];
