//! Counts what has become of events and deliveries, so that rows may go and the ledger still balances; and lets rows be
//! found by their age.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, small_integer, string},
    sea_orm::DatabaseBackend,
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0016_keep_totals"
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
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            manager.get_connection().execute_unprepared(LOCK).await?;
        }
        manager.create_table(ledger_total()).await?;
        for line in LINES {
            manager.get_connection().execute_unprepared(line).await?;
        }
        Ok(())
    }
}

/// All that is counted is of one moment. What nodes of an earlier version write after it is in no total.
const LOCK: &str = "LOCK TABLE stream_queue, event, fan_out_record, delivery, drop_record \
    IN ACCESS EXCLUSIVE MODE";

/// These lines mean the same to both databases.
///
/// What streams that are gone had numbered is what was matched and is missing from those that are there. SETs of the
/// framework were never handed in.
const LINES: &[&str] = &[
    "ALTER TABLE stream_queue ADD COLUMN acknowledged_total BIGINT NOT NULL DEFAULT 0",
    "ALTER TABLE stream_queue ADD COLUMN dropped_total BIGINT NOT NULL DEFAULT 0",
    "UPDATE stream_queue SET \
        acknowledged_total = (SELECT COUNT(*) FROM delivery WHERE delivery.stream_id = stream_queue.stream_id AND state = 1), \
        dropped_total = (SELECT COUNT(*) FROM delivery WHERE delivery.stream_id = stream_queue.stream_id AND state = 3)",
    "INSERT INTO ledger_total (name, shard, value) SELECT 'accepted', 0, COUNT(*) FROM event \
        WHERE event_type NOT LIKE 'https://schemas.openid.net/secevent/ssf/event-type/%'",
    "INSERT INTO ledger_total (name, shard, value) SELECT 'dispatched', 0, COUNT(*) FROM event \
        WHERE event_type NOT LIKE 'https://schemas.openid.net/secevent/ssf/event-type/%' AND dispatched_at IS NOT NULL",
    "INSERT INTO ledger_total (name, shard, value) SELECT 'numbered_gone', 0, \
        (SELECT COALESCE(SUM(matched), 0) FROM fan_out_record) - (SELECT COALESCE(SUM(last_sequence), 0) FROM stream_queue)",
    "INSERT INTO ledger_total (name, shard, value) \
        SELECT 'dropped.' || reason, 0, SUM(deliveries) FROM drop_record GROUP BY reason",
    "CREATE INDEX delivery_quarantined ON delivery (stream_id) WHERE state = 2",
    "CREATE INDEX delivery_pending_since ON delivery (iat) WHERE state = 0",
    "CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at IS NOT NULL",
    "CREATE INDEX drop_record_at ON drop_record (dropped_at)",
];

fn ledger_total() -> TableCreateStatement {
    Table::create()
        .table("ledger_total")
        .col(string("name"))
        .col(small_integer("shard"))
        .col(big_integer("value"))
        .primary_key(Index::create().col("name").col("shard"))
        .to_owned()
}
