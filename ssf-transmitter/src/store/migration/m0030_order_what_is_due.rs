//! Finds what has been due longest without a look at all that fell due in the same moment, which a fan-out makes many.

use sea_orm_migration::prelude::*;

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
    "DROP INDEX delivery_due",
    "CREATE INDEX delivery_due ON delivery (stream_id, due_at, sequence) WHERE due_at IS NOT NULL",
];
