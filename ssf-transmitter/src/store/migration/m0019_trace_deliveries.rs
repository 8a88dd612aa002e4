//! Keeps what Receivers answered, finds events and deliveries by their names, and lets a delivery be made anew.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, binary_null, integer, small_integer_null, string, string_null, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0019_trace_deliveries"
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
        manager.create_table(delivery_attempt()).await?;
        let event = Table::alter()
            .table("event")
            .add_column(ColumnDef::new("txn").binary())
            .to_owned();
        manager.alter_table(event).await?;
        for line in LINES {
            manager.get_connection().execute_unprepared(line).await?;
        }
        Ok(())
    }
}

/// These lines mean the same to both databases.
///
/// A delivery is looked for by its name whether or not it is pending, so that one index does for both.
const LINES: &[&str] = &[
    "ALTER TABLE delivery ADD COLUMN answer_status SMALLINT",
    "ALTER TABLE delivery ADD COLUMN repetition INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE delivery ADD COLUMN failed_before BIGINT NOT NULL DEFAULT 0",
    "CREATE INDEX event_txn ON event (txn) WHERE txn IS NOT NULL",
    "DROP INDEX delivery_event",
    "CREATE UNIQUE INDEX delivery_event ON delivery (event_position, stream_id, repetition)",
    "DROP INDEX delivery_jti",
    "CREATE INDEX delivery_named ON delivery (jti, stream_id)",
    "DROP INDEX delivery_quarantined",
    "CREATE INDEX delivery_quarantined ON delivery (stream_id, sequence) WHERE state = 2",
];

fn delivery_attempt() -> TableCreateStatement {
    let of_delivery = ForeignKey::create()
        .from("delivery_attempt", ("stream_id", "sequence"))
        .to("delivery", ("stream_id", "sequence"))
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned();
    Table::create()
        .table("delivery_attempt")
        .col(uuid("stream_id"))
        .col(big_integer("sequence"))
        .col(integer("place"))
        .col(big_integer("number"))
        .col(big_integer("ended_at"))
        .col(string("class"))
        .col(small_integer_null("status"))
        .col(string_null("code"))
        .col(binary_null("description"))
        .primary_key(
            Index::create()
                .col("stream_id")
                .col("sequence")
                .col("place"),
        )
        .foreign_key(&mut of_delivery.clone())
        .to_owned()
}
