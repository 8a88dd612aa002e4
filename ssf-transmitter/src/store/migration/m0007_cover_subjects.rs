//! Lets subjects be added to streams and removed from them.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, binary, boolean, small_integer, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_cover_subjects"
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
        for table in [stream_subject(), subject_set(), subject_mask()] {
            manager.create_table(table).await?;
        }
        for line in LINES {
            manager.get_connection().execute_unprepared(line).await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases. All streams that there are cover everybody.
const LINES: &[&str] = &[
    "ALTER TABLE stream ADD COLUMN default_subjects VARCHAR(8) NOT NULL DEFAULT 'ALL'",
    "ALTER TABLE stream_event_type ADD COLUMN covers_all BOOLEAN NOT NULL DEFAULT TRUE",
    "DROP INDEX stream_event_type_interest",
    "CREATE INDEX stream_event_type_covers ON stream_event_type (issuer, event_type, covers_all)",
    "CREATE INDEX stream_subject_key ON stream_subject (key, stream_id)",
    "CREATE INDEX stream_subject_name ON stream_subject (stream_id, name)",
    "CREATE INDEX stream_subject_through ON stream_subject (through_position) WHERE through_position IS NOT NULL",
    "CREATE INDEX stream_subject_until ON stream_subject (until_at) WHERE until_at IS NOT NULL",
];

/// No foreign keys: a stream with a million rows is deleted at once, and its rows go in small steps.
fn stream_subject() -> TableCreateStatement {
    Table::create()
        .table("stream_subject")
        .col(big_integer("id").primary_key().auto_increment())
        .col(binary("key"))
        .col(uuid("stream_id"))
        .col(binary("name"))
        .col(boolean("verified"))
        .col(big_integer("after_position"))
        .col(big_integer("from_at"))
        .col(big_integer_null("through_position"))
        .col(big_integer_null("until_at"))
        .to_owned()
}

fn subject_set() -> TableCreateStatement {
    Table::create()
        .table("subject_set")
        .col(uuid("stream_id").primary_key())
        .col(big_integer("keys"))
        .col(big_integer("used_until"))
        .to_owned()
}

fn subject_mask() -> TableCreateStatement {
    Table::create()
        .table("subject_mask")
        .col(small_integer("bits").primary_key())
        .to_owned()
}
