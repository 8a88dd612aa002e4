//! Lets many deliveries of a stream be dropped step by step.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, string, text_null, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0024_order_drops"
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
        manager.create_table(drop_order()).await?;
        for line in LINES {
            manager.get_connection().execute_unprepared(line).await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases.
const LINES: &[&str] = &[
    "CREATE INDEX drop_order_stream ON drop_order (stream_id)",
    "ALTER TABLE stream ADD COLUMN ended_at BIGINT",
    "ALTER TABLE stream_queue ADD COLUMN dropping BOOLEAN NOT NULL DEFAULT FALSE",
];

/// It goes with its stream, and not before it is carried out.
fn drop_order() -> TableCreateStatement {
    let mut of_stream = ForeignKey::create()
        .from("drop_order", "stream_id")
        .to("stream", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    Table::create()
        .table("drop_order")
        .col(big_integer("id").primary_key().auto_increment())
        .col(uuid("stream_id"))
        .col(uuid("receiver_id"))
        .col(string("reason"))
        .col(text_null("event_type"))
        .col(big_integer("through"))
        .col(big_integer("ordered_at"))
        .col(big_integer_null("record_id"))
        .foreign_key(&mut of_stream)
        .to_owned()
}
