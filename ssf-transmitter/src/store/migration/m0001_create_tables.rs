//! Creates all tables. SQLite gets rowid tables: `WITHOUT ROWID` is several times slower for rows of this size.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, binary, binary_null, integer, small_integer, string,
        string_null, text, text_null, uuid, uuid_null,
    },
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_create_tables"
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
        for table in [
            receiver(),
            stream(),
            stream_event_type(),
            stream_queue(),
            event(),
            fan_out_record(),
            delivery(),
            idempotency(),
            signing_key(),
            setting(),
            lease(),
        ] {
            manager.create_table(table).await?;
        }
        for index in INDEXES {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }
}

/// In SQL, because the builder knows no partial indexes for every database; these lines mean the same to both.
const INDEXES: &[&str] = &[
    "CREATE INDEX stream_receiver ON stream (receiver_id)",
    "CREATE INDEX stream_event_type_stream ON stream_event_type (stream_id)",
    "CREATE INDEX stream_queue_due ON stream_queue (next_due) WHERE next_due IS NOT NULL",
    "CREATE INDEX event_waiting ON event (position) WHERE dispatched_at IS NULL",
    "CREATE UNIQUE INDEX delivery_event ON delivery (event_position, stream_id)",
    "CREATE INDEX delivery_due ON delivery (stream_id, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX delivery_order ON delivery (order_key, stream_id, sequence) WHERE state = 0",
];

fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).to_owned()
}

/// A column that refers to a stream and goes with it.
fn of_stream(table: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table, "stream_id")
        .to("stream", "id")
        .on_delete(ForeignKeyAction::Cascade)
        .to_owned()
}

fn receiver() -> TableCreateStatement {
    table("receiver")
        .col(uuid("id").primary_key())
        .col(string("name").unique_key())
        .col(text("audience"))
        .col(binary("token_fingerprint").unique_key())
        .col(big_integer("created_at"))
        .to_owned()
}

fn stream() -> TableCreateStatement {
    table("stream")
        .col(uuid("id").primary_key())
        .col(uuid("receiver_id"))
        .col(text("audience"))
        .col(text_null("events_requested"))
        .col(text("events_delivered"))
        .col(binary("delivery"))
        .col(text_null("description"))
        .col(string("status"))
        .col(text_null("reason"))
        .col(big_integer("created_at"))
        .foreign_key(
            ForeignKey::create()
                .from("stream", "receiver_id")
                .to("receiver", "id"),
        )
        .to_owned()
}

fn stream_event_type() -> TableCreateStatement {
    table("stream_event_type")
        .col(text("event_type"))
        .col(uuid("stream_id"))
        .col(big_integer("after_position"))
        .primary_key(Index::create().col("event_type").col("stream_id"))
        .foreign_key(&mut of_stream("stream_event_type"))
        .to_owned()
}

fn stream_queue() -> TableCreateStatement {
    table("stream_queue")
        .col(uuid("stream_id").primary_key())
        .col(big_integer("last_sequence"))
        .col(big_integer_null("next_due"))
        .col(integer("failures"))
        .col(big_integer("resume_at"))
        .col(uuid_null("lease_worker"))
        .col(big_integer("lease_epoch"))
        .col(big_integer("lease_until"))
        .foreign_key(&mut of_stream("stream_queue"))
        .to_owned()
}

fn event() -> TableCreateStatement {
    table("event")
        .col(big_integer("position").primary_key().auto_increment())
        .col(uuid("id").unique_key())
        .col(text("event_type"))
        .col(binary("payload"))
        .col(big_integer("accepted_at"))
        .col(big_integer_null("dispatched_at"))
        .to_owned()
}

fn fan_out_record() -> TableCreateStatement {
    table("fan_out_record")
        .col(big_integer("event_position").primary_key())
        .col(big_integer("matched"))
        .col(text("skipped"))
        .to_owned()
}

fn delivery() -> TableCreateStatement {
    table("delivery")
        .col(uuid("stream_id"))
        .col(big_integer("sequence"))
        .col(big_integer("event_position"))
        .col(string("jti"))
        .col(big_integer("iat"))
        .col(binary_null("subject"))
        .col(binary("order_key"))
        .col(small_integer("state"))
        .col(big_integer("attempts"))
        .col(big_integer_null("due_at"))
        .col(big_integer_null("settled_at"))
        .col(string_null("code"))
        .col(binary_null("description"))
        .primary_key(Index::create().col("stream_id").col("sequence"))
        .foreign_key(&mut of_stream("delivery"))
        .to_owned()
}

fn idempotency() -> TableCreateStatement {
    table("idempotency")
        .col(binary("key").primary_key())
        .col(binary("body"))
        .col(binary("answer"))
        .col(big_integer("created_at"))
        .to_owned()
}

fn signing_key() -> TableCreateStatement {
    table("signing_key")
        .col(string("kid").primary_key())
        .col(string("algorithm"))
        .col(binary("pem"))
        .col(big_integer("created_at"))
        .to_owned()
}

fn setting() -> TableCreateStatement {
    table("setting")
        .col(string("name").primary_key())
        .col(binary("value"))
        .to_owned()
}

fn lease() -> TableCreateStatement {
    table("lease")
        .col(string("name").primary_key())
        .col(uuid("worker"))
        .col(big_integer("epoch"))
        .col(big_integer("expires_at"))
        .to_owned()
}
