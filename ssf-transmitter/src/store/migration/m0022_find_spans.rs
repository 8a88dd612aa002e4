//! Finds what was settled on a stream within a span of time, without a look at the rest of it.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0022_find_spans"
    }
}

#[expect(
    elided_lifetimes_in_paths,
    reason = "async_trait makes the lifetime another one than that of the trait if it is written"
)]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// PostgreSQL builds an index beside the work of others only outside of a transaction. So it can be repeated instead.
    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let lines = if manager.get_database_backend() == DatabaseBackend::Postgres {
            BESIDE_OTHERS
        } else {
            ALONE
        };
        for line in lines {
            manager.get_connection().execute_unprepared(line).await?;
        }
        Ok(())
    }
}

const ALONE: &[&str] = &[
    "CREATE INDEX IF NOT EXISTS delivery_span ON delivery (stream_id, settled_at) WHERE settled_at IS NOT NULL",
];

/// One whose building was cut short is there, and of no use.
const BESIDE_OTHERS: &[&str] = &[
    "DROP INDEX CONCURRENTLY IF EXISTS delivery_span",
    "CREATE INDEX CONCURRENTLY delivery_span ON delivery (stream_id, settled_at) WHERE settled_at IS NOT NULL",
];
