//! Lets several issuers share a database; what is there belongs to the main one.

use sea_orm_migration::prelude::*;

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_name_issuers"
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

/// These lines mean the same to both databases. Fan-out looks interest up by issuer and type, with one range of the index.
const STATEMENTS: &[&str] = &[
    "ALTER TABLE receiver ADD COLUMN issuer VARCHAR NOT NULL DEFAULT 'main'",
    "ALTER TABLE stream ADD COLUMN issuer VARCHAR NOT NULL DEFAULT 'main'",
    "ALTER TABLE stream_event_type ADD COLUMN issuer VARCHAR NOT NULL DEFAULT 'main'",
    "ALTER TABLE event ADD COLUMN issuer VARCHAR NOT NULL DEFAULT 'main'",
    "ALTER TABLE signing_key ADD COLUMN issuer VARCHAR NOT NULL DEFAULT 'main'",
    "CREATE INDEX stream_event_type_interest ON stream_event_type (issuer, event_type, stream_id)",
];
