//! Adds the table of what was dropped.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_keep_drops"
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
        manager.create_table(drop_record()).await?;
        let index = "CREATE INDEX drop_record_stream ON drop_record (stream_id)";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}

/// No foreign keys: a record outlives its stream.
fn drop_record() -> TableCreateStatement {
    Table::create()
        .table("drop_record")
        .col(big_integer("id").primary_key().auto_increment())
        .col(uuid("stream_id"))
        .col(uuid("receiver_id"))
        .col(string("reason"))
        .col(big_integer("deliveries"))
        .col(big_integer("dropped_at"))
        .to_owned()
}
