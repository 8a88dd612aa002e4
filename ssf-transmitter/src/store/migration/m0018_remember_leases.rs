//! Remembers leases that were taken away from somebody who may still be at work.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0018_remember_leases"
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
        manager.create_table(lost_lease()).await
    }
}

/// It refers to no stream, because it outlives it.
fn lost_lease() -> TableCreateStatement {
    Table::create()
        .table("lost_lease")
        .col(uuid("stream_id"))
        .col(big_integer("epoch"))
        .col(uuid("worker"))
        .col(big_integer("ends_at"))
        .primary_key(Index::create().col("stream_id").col("epoch"))
        .to_owned()
}
