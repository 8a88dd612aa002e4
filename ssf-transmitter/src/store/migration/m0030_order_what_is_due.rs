//! Finds what has been due longest without a look at all that fell due in the same moment, which a fan-out makes many.

use sea_orm_migration::{prelude::*, sea_orm::DatabaseBackend};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0030_order_what_is_due"
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
    "DROP INDEX IF EXISTS delivery_due",
    "CREATE INDEX delivery_due ON delivery (stream_id, due_at, sequence) WHERE due_at IS NOT NULL",
];

/// The former index serves until the other one is there. One whose building was cut short is of no use.
const BESIDE_OTHERS: &[&str] = &[
    "DROP INDEX CONCURRENTLY IF EXISTS delivery_due_in_order",
    "CREATE INDEX CONCURRENTLY delivery_due_in_order ON delivery (stream_id, due_at, sequence) WHERE due_at IS NOT NULL",
    "DROP INDEX CONCURRENTLY IF EXISTS delivery_due",
    "ALTER INDEX delivery_due_in_order RENAME TO delivery_due",
];
