//! Storage over sea-orm: SQLite in a file, or PostgreSQL by URL. No other module names sea-orm.
//!
//! Subjects, payloads, delivery addresses with their secrets, private keys and the reasons of refusals are sealed, each
//! bound to its table, column and row; rows are found by keyed fingerprints. Times are milliseconds since 1970.
//!
//! Transactions begin with what serialises them. On SQLite that is `BEGIN IMMEDIATE` on the one connection that writes.
//! On PostgreSQL it is the row of a lease or of a stream's queue, and for the place of a stream among the events an
//! advisory lock that commits of events share. Whoever waits for several takes them in this order: the lease of the fan-out,
//! the advisory lock, queues by id. Whoever accepts events waits for the advisory lock alone, and passes by whatever else is
//! locked.

mod announce;
mod append;
mod at_once;
mod attempts;
mod audit;
mod change;
mod circuit;
mod connect;
mod credentials;
mod deliver;
mod dropped;
mod due_row;
mod entity;
mod failure;
mod fan_out;
mod fresh;
mod gathered;
mod hold;
mod horizon;
mod keys;
mod lease;
mod ledger;
mod limited;
mod line;
mod look;
mod lost_lease;
mod migration;
mod named;
mod number;
mod operate;
mod operators;
mod ordered;
mod outbox;
mod overview;
mod owner_tokens;
mod poll;
mod receivers;
mod recent;
mod replay;
mod retention;
mod row;
mod sequence;
mod session;
mod settings;
mod settle;
mod source_backlog;
mod sources;
mod statistics;
mod streams;
mod subjects;
mod tend;
mod trace;
mod undo;
mod unreadable;
mod verify;
mod waiting;
mod writes;

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};

use self::{
    connect::DatabaseLock,
    fresh::FreshEvents,
    gathered::Gathered,
    look::{Look, Seen},
    recent::RecentEvents,
    settle::{Settled, Settling},
    statistics::Growth,
};
pub use self::{
    connect::{Access, OpenStoreError},
    line::{Line, Notice},
};
use crate::{ports::StoreError, sealing::Sealer};

/// A database with the key that opens what is sealed in it. Clones share connections.
#[derive(Clone)]
pub struct SeaStore {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    sealer: Sealer,
    /// Where this process counts what it accepts.
    shard: i16,
    recent: Arc<RecentEvents>,
    fresh: Arc<FreshEvents>,
    growth: Arc<Growth>,
    looks: Arc<Gathered<Look, Seen>>,
    settlings: Arc<Gathered<Settling, Settled>>,
    // Kept for as long as the store is open: the operating system releases it with the last clone, or the process.
    _lock: Option<Arc<DatabaseLock>>,
}

impl std::fmt::Debug for SeaStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeaStore")
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

/// How a transaction takes part in placing streams among the events.
#[derive(Clone, Copy)]
enum Placing {
    /// It commits events; others may do so, too.
    Event,
    /// It creates or changes a stream: no event is being committed meanwhile.
    Stream,
}

/// Number of the advisory lock of [`Placing`]; any number that nothing else in the database uses.
const PLACING_LOCK: i64 = 0x5353_4650_4c43;

impl SeaStore {
    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.ping().await?)
    }

    fn backend(&self) -> DatabaseBackend {
        self.writer.get_database_backend()
    }

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await
    }

    /// Begins a transaction that adds events or streams.
    async fn begin_placing(&self, placing: Placing) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        self.lock_placing(&transaction, placing).await?;
        Ok(transaction)
    }

    /// Begins a transaction that changes a stream: no event is fanned out or committed meanwhile.
    async fn begin_change(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        lease::lock_fan_out(&transaction).await?;
        self.lock_placing(&transaction, Placing::Stream).await?;
        Ok(transaction)
    }

    async fn lock_placing(
        &self,
        transaction: &DatabaseTransaction,
        placing: Placing,
    ) -> Result<(), DbErr> {
        if self.backend() == DatabaseBackend::Postgres {
            let sql = match placing {
                Placing::Event => "SELECT pg_advisory_xact_lock_shared($1)",
                Placing::Stream => "SELECT pg_advisory_xact_lock($1)",
            };
            let lock = Statement::from_sql_and_values(
                DatabaseBackend::Postgres,
                sql,
                [PLACING_LOCK.into()],
            );
            transaction.execute_raw(lock).await?;
        }
        Ok(())
    }
}
