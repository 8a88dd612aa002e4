//! Opening a PostgreSQL database, and taking turns in it.
//!
//! 1. One process at a time uses a database: a session of its own holds a lock. Should that session be cut, another process may
//!    take over; from then on, nothing of the former one is written any more.
//! 2. Transactions that decide by what they read have a turn each: a lock that they take first and hold until they have committed.
//!    So whoever has it sees all that was written before.

use std::{str::FromStr, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    TransactionTrait,
    sqlx::{self, Connection, PgConnection, postgres::PgConnectOptions},
};
use sea_orm_migration::MigratorTrait;
use tokio::time::{Instant, sleep, timeout};

use super::{Tables, migration::Migrator, statement};
use crate::inbox::InboxError;

/// Connections of one process, besides the one that holds the lock: one writes SETs, others read and keep the rest.
const CONNECTIONS_MAX: u32 = 8;

/// How long whoever needs a connection waits for one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for so long is tried before it is used.
const IDLE_UNTRIED_MAX: Duration = Duration::from_secs(1);

/// How often a taken lock is asked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// Number of the lock that a process holds; any number that nothing else in the database uses.
const PROCESS_LOCK: i64 = 0x5353_4652_0001;

/// Number of the lock of a turn.
const TURN_LOCK: i64 = 0x5353_4652_0002;

/// The setting that counts how often the database was opened.
const GENERATION: &str = "generation";

/// Whatever the server's default is: what was acknowledged has to be on its disk.
const DURABLE: (&str, &str) = ("synchronous_commit", "on");

/// What holds of each session unless the URL says otherwise.
const BOUNDS: [(&str, &str); 6] = [
    // Between two statements of a transaction we only compute; whoever stands still in the midst of a turn loses it.
    ("idle_in_transaction_session_timeout", "10s"),
    // Turns are short: whoever waits for so long waits for somebody who stands still.
    ("lock_timeout", "15s"),
    // A machine that vanished does not close its connections: the server notices within 25 s.
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "20s"),
];

/// Whether a URL is one of PostgreSQL.
pub(super) fn is_meant(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// Opens the database at `url`, and brings its tables up to date. Nobody else can, as long as the session that comes with the
/// tables lasts.
pub(super) async fn open(
    url: &str,
    patience: Duration,
) -> Result<(Tables, PgConnection), InboxError> {
    let options = PgConnectOptions::from_str(url);
    let options = options.map_err(|error| InboxError::new("be opened", error))?;
    let session = alone(&bound(options), patience).await?;
    let opened = |error: DbErr| InboxError::new("be opened", error);
    let database = connect(url).await.map_err(opened)?;
    Migrator::up(&database, None).await.map_err(opened)?;
    let generation = take_over(&database).await.map_err(opened)?;
    let tables = Tables {
        database,
        generation: Some(generation),
    };
    Ok((tables, session))
}

/// A session that holds the lock of a process; whoever has it gets `patience` to end.
async fn alone(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, InboxError> {
    let failed = |error: sqlx::Error| InboxError::new("be opened", error);
    let connected = timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options)).await;
    let connected = connected.map_err(|_| InboxError::new("be opened", "its server is silent"))?;
    let mut session = connected.map_err(failed)?;
    let begun = Instant::now();
    loop {
        let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(PROCESS_LOCK);
        let is_taken: bool = taken.fetch_one(&mut session).await.map_err(failed)?;
        if is_taken {
            return Ok(session);
        }
        if begun.elapsed() >= patience {
            return Err(InboxError::new("be locked", "another process uses it"));
        }
        sleep(INTERVAL).await;
    }
}

async fn connect(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(CONNECTIONS_MAX)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire_if_idle_for(IDLE_UNTRIED_MAX)
        .sqlx_logging(false)
        .map_sqlx_postgres_opts(bound);
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

/// Counts this opening. Whoever opened the database before writes nothing any more.
async fn take_over(database: &DatabaseConnection) -> Result<i64, DbErr> {
    let transaction = database.begin().await?;
    lock_turn(&transaction).await?;
    let count = format!(
        "INSERT INTO setting (name, value) VALUES ('{GENERATION}', '1') \
         ON CONFLICT (name) DO UPDATE SET value = (setting.value::bigint + 1)::text"
    );
    transaction.execute_unprepared(&count).await?;
    let generation = generation(&transaction).await?;
    transaction.commit().await?;
    Ok(generation)
}

/// Waits for the turn of a transaction, which must not have read anything.
///
/// Each statement that follows sees what was committed before it, so that one alone would be too early.
pub(super) async fn take_turn(transaction: &DatabaseTransaction, own: i64) -> Result<(), DbErr> {
    lock_turn(transaction).await?;
    if generation(transaction).await? == own {
        return Ok(());
    }
    let fault = "another process has taken over the database: restart this one";
    Err(DbErr::Custom(fault.to_owned()))
}

async fn lock_turn(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let text = "SELECT pg_advisory_xact_lock(?)";
    let locked = statement::execute(transaction, text, vec![TURN_LOCK.into()]);
    locked.await.map(drop)
}

async fn generation(connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let text = "SELECT value::bigint FROM setting WHERE name = ?";
    let rows = statement::query(connection, text, vec![GENERATION.into()]).await?;
    rows.first().map_or(Ok(0), |row| row.try_get_by_index(0))
}

#[cfg(test)]
mod tests {
    use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};

    use super::*;
    use crate::{
        cluster::Cluster,
        inbox::{Arriving, Inbox, ReceivedSet, Retained, Write},
        revocation::{
            Detail, Effect, IndexKey, Kind, Mask, Revocation, RevocationKey, ScopeId, State,
        },
        store::{SqlInbox, Writer},
    };

    fn options_of(url: &str) -> String {
        let options = bound(PgConnectOptions::from_str(url).unwrap());
        options.get_options().unwrap_or_default().to_owned()
    }

    #[test]
    fn what_the_url_says_of_a_session_counts_unless_it_loses_what_was_acknowledged() {
        let options = options_of(
            "postgres://localhost/ssf?options=-c%20lock_timeout=3s%20-c%20synchronous_commit=off",
        );
        assert_eq!(options.matches("-c lock_timeout").count(), 1);
        assert!(options.contains("-c lock_timeout=3s"), "{options}");
        assert!(options.contains("-c tcp_user_timeout=20s"), "{options}");
        assert!(options.ends_with("-c synchronous_commit=on"), "{options}");
    }

    /// What the SET of this number says: of four keys, in an order that each has for itself.
    fn arriving(writer: u32, number: u32) -> Arriving {
        let revocation = |key: u32| {
            let moment = 1 + (number * 7 + writer * 5 + key * 3) % 11;
            let kind = if key.is_multiple_of(2) {
                Kind::Ended
            } else {
                Kind::Risk
            };
            Revocation {
                scope: ScopeId::default(),
                key: RevocationKey::from_bytes([u8::try_from(key).unwrap(); 16]),
                mask: Mask {
                    has: [format!("user/{}", key % 3)].into(),
                    ..Mask::default()
                },
                kind,
                state: (kind == Kind::Risk).then(|| State {
                    occurred: u64::from(moment),
                    toe: u64::from(writer),
                    arrived: u64::from(number),
                    effect: Effect::StepUp,
                }),
                moment,
                until: moment + number,
                detail: Detail {
                    event: format!("urn:example:{moment}").into(),
                    reason: None,
                }
                .into(),
            }
        };
        let claims = format!("{{\"of\":{writer}}}");
        let mut keys = [1, 2, 3, 4];
        keys.rotate_left((writer + number) as usize % 4);
        Arriving {
            set: ReceivedSet {
                issuer: Issuer::parse("https://idp.example.com").unwrap(),
                // Every third comes to all of them.
                jti: Jti::parse(if number.is_multiple_of(3) {
                    number.to_string()
                } else {
                    format!("{writer}-{number}")
                })
                .unwrap(),
                fingerprint: IndexKey::new([7; 16]).claims(&claims),
                claims: if number.is_multiple_of(3) {
                    "{}".to_owned()
                } else {
                    claims
                },
                received_at: Timestamp::from_millis(number.into()),
                outcome: "revoked",
            },
            revocations: keys.map(revocation).to_vec(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_writes_at_once_the_rows_are_what_all_of_it_merges_to() {
        const WRITERS: u32 = 4;
        const SETS: u32 = 20;
        let url = Cluster::of_this_run().new_database();
        let inbox = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let mut writing = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let tables = Tables {
                database: connect(&url).await.unwrap(),
                ..inbox.tables.clone()
            };
            writing.spawn(async move {
                let mut new = Vec::new();
                for number in 0..SETS {
                    let set = arriving(writer, number);
                    let answers = Writer(tables.clone())
                        .write(std::slice::from_ref(&set))
                        .await;
                    if answers.unwrap() == [Retained::New] {
                        new.extend(set.revocations);
                    }
                }
                new
            });
        }
        let mut merged = std::collections::BTreeMap::new();
        let mut count = 0;
        for one in writing.join_all().await.into_iter().flatten() {
            count += 1;
            let key = (one.key, one.kind);
            let known = merged.remove(&key);
            let known = known.map_or(one.clone(), |known: Revocation| known.merge(&one));
            merged.insert(key, known);
        }
        // Those that came to all of them are new once.
        let shared = (0..SETS).filter(|number| number.is_multiple_of(3)).count();
        let own = WRITERS as usize * (SETS as usize - shared);
        assert_eq!(count, 4 * (own + shared));
        let mut kept = Vec::new();
        inbox.revocations(|one| kept.push(one)).await.unwrap();
        kept.sort_by_key(|one| (one.key, one.kind));
        assert_eq!(kept, merged.into_values().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn one_at_a_time_uses_a_database() {
        let url = Cluster::of_this_run().new_database();
        let first = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let second = SqlInbox::open(&url, Duration::ZERO).await.unwrap_err();
        let cause = std::error::Error::source(&second).unwrap().to_string();
        assert_eq!(cause, "another process uses it");
        drop(first);
        // The server notices a moment later.
        let patience = Duration::from_secs(10);
        SqlInbox::open(&url, patience).await.unwrap();
    }

    #[tokio::test]
    async fn who_was_cut_off_writes_nothing_once_another_has_taken_over() {
        let url = Cluster::of_this_run().new_database();
        let first = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_locks \
                   WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        first.connection().execute_unprepared(cut).await.unwrap();
        // Nobody else has come: nothing is lost.
        let set = |number| [arriving(1, number)];
        assert_eq!(first.retain(&set(1)).await.unwrap(), [Retained::New]);
        let patience = Duration::from_secs(10);
        let second = SqlInbox::open(&url, patience).await.unwrap();
        let refused = first.retain(&set(2)).await.unwrap_err();
        let cause = ssf_types::error::Chain(&refused).to_string();
        assert!(cause.contains("another process has taken over"), "{cause}");
        assert_eq!(second.retain(&set(2)).await.unwrap(), [Retained::New]);
    }
}
