//! Lets streams be polled: where one has something, what is with its Receiver, and which delivery a `jti` names.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, text, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_poll_streams"
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
        for column in COLUMNS {
            manager.get_connection().execute_unprepared(column).await?;
        }
        manager.create_table(poll_answer()).await?;
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}

/// These lines, and those below, mean the same to both databases.
const COLUMNS: &[&str] = &[
    "ALTER TABLE stream_queue ADD COLUMN polled BOOLEAN NOT NULL DEFAULT FALSE",
    "ALTER TABLE stream_queue ADD COLUMN poll_due BIGINT",
];

const INDEXES: &[&str] = &[
    "CREATE INDEX stream_queue_poll_due ON stream_queue (poll_due) WHERE poll_due IS NOT NULL",
    "CREATE INDEX poll_answer_stream ON poll_answer (stream_id)",
    "CREATE INDEX delivery_jti ON delivery (stream_id, jti) WHERE state = 0",
];

fn poll_answer() -> TableCreateStatement {
    Table::create()
        .table("poll_answer")
        .col(uuid("id").primary_key())
        .col(uuid("stream_id"))
        .col(big_integer("ends_at"))
        .col(text("sequences"))
        .foreign_key(
            ForeignKey::create()
                .from("poll_answer", "stream_id")
                .to("stream", "id")
                .on_delete(ForeignKeyAction::Cascade),
        )
        .to_owned()
}
