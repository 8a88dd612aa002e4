//! What each session of PostgreSQL is bound to, so that a node that vanishes, or stands still, keeps nobody waiting for
//! its locks.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr,
    Statement, TransactionTrait, sqlx::postgres::PgConnectOptions,
};
use sea_orm_migration::{MigratorTrait, sea_orm::ConnectionTrait};
use tokio::time::{Instant, sleep};

use super::{failure::code, migration::Migrator};

/// Connections to PostgreSQL of one process.
const CONNECTIONS: u32 = 16;

/// A connection that was idle for so long is tried before it is used: one that was used a moment ago seldom broke since, and a
/// round trip before each statement would be half of what a node does.
const IDLE_UNTRIED_MAX: Duration = Duration::from_secs(1);

/// Statements that a connection keeps prepared: all that there are, in the lengths in which lists come.
pub(super) const STATEMENTS_KEPT: usize = 500;

/// How long a request waits for a connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whatever the server's default is: what was accepted has to be on its disk.
const DURABLE: (&str, &str) = ("synchronous_commit", "on");

/// What holds unless the URL of the database says otherwise.
const BOUNDS: [(&str, &str); 6] = [
    // Between two statements of a transaction we only compute: for seconds, where 256 events go to thousands of streams.
    ("idle_in_transaction_session_timeout", "10s"),
    // Transactions are short: whoever waits for so long waits for somebody who stands still.
    ("lock_timeout", "10s"),
    // A machine that vanished does not close its connections: the server notices within 25 s.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "20s"),
];

/// Longest wait of a migration for one lock: whoever works with the table waits behind it for as long.
const MIGRATION_LOCK_TIMEOUT: (&str, &str) = ("lock_timeout", "2s");

/// Between two attempts to get such a lock, and between two looks whether another node migrates still.
const MIGRATION_PAUSE: Duration = Duration::from_millis(250);

/// How long it is tried to get such locks, or waited for another node that migrates, before the start fails.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(15);

/// PostgreSQL's `lock_not_available` and `deadlock_detected`.
const NOT_LOCKED: [&str; 2] = ["55P03", "40P01"];

/// Number of the advisory lock under which one node migrates at a time.
const MIGRATION_LOCK: i64 = 0x5353_464d_4947;

/// Connects to a database that has been migrated.
pub(super) async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(IDLE_UNTRIED_MAX)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(|options| bound(options).statement_cache_capacity(STATEMENTS_KEPT));
    Database::connect(options).await
}

fn bound(options: PgConnectOptions) -> PgConnectOptions {
    let own = options.get_options().unwrap_or_default().to_owned();
    let names = |word: &str| word.split_once('=').map(|(name, _)| name.to_owned());
    let own: Vec<String> = own.split_whitespace().filter_map(names).collect();
    let absent = BOUNDS
        .into_iter()
        .filter(|(name, _)| !own.iter().any(|own| own == name));
    options.options(absent).options([DURABLE])
}

/// Brings the database to the form that this version needs, while other nodes work with it.
///
/// A change of a table waits for a lock that all who come later wait behind. So it waits for a moment only, gives way, and is
/// tried again.
pub(super) async fn migrate(url: &str) -> Result<(), DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(2)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .sqlx_logging(false)
        // Neither is bound as to its time: one waits for the other, which may have much to do.
        .map_sqlx_postgres_opts(|options| {
            let unbound = ("idle_in_transaction_session_timeout", "0");
            bound(options).options([unbound, MIGRATION_LOCK_TIMEOUT])
        });
    let database = Database::connect(options).await?;
    let alone = database.begin().await?;
    let deadline = Instant::now() + MIGRATION_PATIENCE;
    // Whoever waited in one statement would hold a snapshot, and an index that is built beside the work of others waits for
    // all snapshots: each would wait for the other.
    while !is_alone(&alone).await? {
        if Instant::now() >= deadline {
            let fault = "another node has been migrating the database for too long";
            return Err(DbErr::Custom(fault.to_owned()));
        }
        sleep(MIGRATION_PAUSE).await;
    }
    let deadline = Instant::now() + MIGRATION_PATIENCE;
    loop {
        match Migrator::up(&database, None).await {
            Err(error) if gives_way(&error) && Instant::now() < deadline => {
                tracing::info!("a migration waits for the nodes that are at work");
                sleep(MIGRATION_PAUSE).await;
            }
            done => {
                done?;
                break;
            }
        }
    }
    alone.commit().await?;
    database.close().await
}

async fn is_alone(transaction: &DatabaseTransaction) -> Result<bool, DbErr> {
    let lock = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_try_advisory_xact_lock($1) AS alone",
        [MIGRATION_LOCK.into()],
    );
    let row = transaction.query_one_raw(lock).await?;
    row.map_or(Ok(false), |row| row.try_get("", "alone"))
}

/// Whether a lock was not to be had in time.
fn gives_way(error: &DbErr) -> bool {
    code(error).is_some_and(|code| NOT_LOCKED.contains(&code.as_str()))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn options_of(url: &str) -> String {
        let options = bound(PgConnectOptions::from_str(url).unwrap());
        options.get_options().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_the_url_says_of_a_session_counts() {
        let options =
            options_of("postgres://localhost/ssf?options=-c%20lock_timeout=3s%20-c%20jit=off");
        assert_eq!(options.matches("-c lock_timeout").count(), 1);
        assert!(options.contains("-c lock_timeout=3s"), "{options}");
        assert!(options.contains("-c tcp_user_timeout=20s"), "{options}");
    }

    #[test]
    fn what_was_accepted_is_on_the_disk_whatever_the_url_says() {
        let options = options_of("postgres://localhost/ssf?options[synchronous_commit]=off");
        assert!(options.ends_with("-c synchronous_commit=on"), "{options}");
    }
}
