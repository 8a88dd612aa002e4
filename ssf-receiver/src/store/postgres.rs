//! Opening a PostgreSQL database, and taking turns in it.
//!
//! Transactions that decide by what they read have a turn each: a lock that they take first and hold until they have committed.
//! So whoever has it sees all that was written before, whichever instance wrote it, and what is numbered in a turn has the order
//! of the commits: who sees a number sees all that are smaller.

use std::{str::FromStr, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    sqlx::{self, Connection, PgConnection, postgres::PgConnectOptions},
};
use sea_orm_migration::MigratorTrait;
use tokio::time::{Instant, sleep, timeout};

use super::{migration::Migrator, statement};
use crate::inbox::InboxError;

/// Connections of one process, besides that of its line: one writes SETs, others read and keep the rest.
const CONNECTIONS_MAX: u32 = 8;

/// How long whoever needs a connection waits for one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that was idle for so long is tried before it is used.
const IDLE_UNTRIED_MAX: Duration = Duration::from_secs(1);

/// How often a taken lock is asked for.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long another instance may take that brings the tables up to date.
const MIGRATION_PATIENCE: Duration = Duration::from_mins(1);

/// Number of the lock under which tables are brought up to date; any number that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x5353_4652_0001;

/// Number of the lock of a turn.
const TURN_LOCK: i64 = 0x5353_4652_0002;

/// Whatever the server's default is, and whatever the URL says.
const FIXED: [(&str, &str); 2] = [
    // What was acknowledged has to be on its disk.
    ("synchronous_commit", "on"),
    // Whoever has waited for a turn has to see what was written meanwhile.
    ("default_transaction_isolation", "read committed"),
];

/// What holds of each session unless the URL says otherwise.
const BOUNDS: [(&str, &str); 6] = [
    // Between two statements of a transaction we only compute, for milliseconds. Who stands still in the midst of a turn keeps
    // all others from theirs, and loses it.
    ("idle_in_transaction_session_timeout", "3s"),
    // Longer than that, so that whoever waits behind somebody who stands still gets his turn.
    ("lock_timeout", "10s"),
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

/// Opens the database at `url`, and brings its tables up to date.
pub(super) async fn open(url: &str) -> Result<DatabaseConnection, InboxError> {
    let options = PgConnectOptions::from_str(url);
    let options = options.map_err(|error| InboxError::new("be opened", error))?;
    // The lock ends with the session.
    let alone = alone(&bound(options)).await?;
    let opened = |error: DbErr| InboxError::new("be opened", error);
    let database = connect(url).await.map_err(opened)?;
    Migrator::up(&database, None).await.map_err(opened)?;
    drop(alone);
    Ok(database)
}

/// A session beside which no other one brings the tables up to date.
async fn alone(options: &PgConnectOptions) -> Result<PgConnection, InboxError> {
    let failed = |error: sqlx::Error| InboxError::new("be opened", error);
    let connected = timeout(ACQUIRE_TIMEOUT, PgConnection::connect_with(options)).await;
    let connected = connected.map_err(|_| InboxError::new("be opened", "its server is silent"))?;
    let mut session = connected.map_err(failed)?;
    let begun = Instant::now();
    loop {
        let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(MIGRATION_LOCK);
        let is_taken: bool = taken.fetch_one(&mut session).await.map_err(failed)?;
        if is_taken {
            return Ok(session);
        }
        if begun.elapsed() >= MIGRATION_PATIENCE {
            let why = "another instance has been bringing its tables up to date for too long";
            return Err(InboxError::new("be opened", why));
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
    options.options(absent).options(FIXED)
}

/// Waits for the turn of a transaction, which must not have read anything.
///
/// Each statement that follows sees what was committed before it, so that one alone would be too early.
pub(super) async fn take_turn(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    let text = "SELECT pg_advisory_xact_lock(?)";
    let taken = statement::execute(transaction, text, vec![TURN_LOCK.into()]);
    taken.await.map(drop)
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait;
    use ssf_types::{id::Jti, time::Timestamp, uri::Issuer};

    use super::*;
    use crate::{
        cluster::Cluster,
        inbox::{Arriving, Inbox, Line, ReceivedSet, Retained, SharedInbox, Write, each_behind},
        revocation::{
            Detail, Effect, IndexKey, Kind, Mask, Revocation, RevocationKey, ScopeId, State,
        },
        store::{SqlInbox, Tables, Writer},
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
        let fixed = r"-c synchronous_commit=on -c default_transaction_isolation=read\ committed";
        assert!(options.ends_with(fixed), "{options}");
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
                sequence: None,
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
            let tables = Tables::new(connect(&url).await.unwrap());
            writing.spawn(async move {
                let mut new = Vec::new();
                for number in 0..SETS {
                    let set = arriving(writer, number);
                    let answers = Writer::new(tables.clone())
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

    #[tokio::test(flavor = "multi_thread")]
    async fn instances_that_start_together_agree_upon_one_secret() {
        let url = Cluster::of_this_run().new_database();
        let open = || SqlInbox::open(&url, Duration::ZERO);
        let (one, other) = tokio::join!(open(), open());
        let (one, other) = (one.unwrap(), other.unwrap());
        let (left, right) = tokio::join!(
            one.setting_or("index_key", "left".to_owned()),
            other.setting_or("index_key", "right".to_owned()),
        );
        assert_eq!(left.unwrap(), right.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_instance_writes_the_other_hears_of_and_reads_once() {
        let url = Cluster::of_this_run().new_database();
        let one = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let other = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let mut line = other.line().await.unwrap();
        let mut place = 0;
        let mut read = async || {
            let mut keys = Vec::new();
            let each = |found: Revocation| keys.push((found.key, found.kind));
            each_behind(&other, &mut place, each).await.unwrap();
            keys.sort();
            keys
        };
        one.retain(&[arriving(1, 1)]).await.unwrap();
        timeout(Duration::from_secs(10), line.hear())
            .await
            .unwrap()
            .unwrap();
        let first = read().await;
        assert_eq!(first.len(), 4);
        assert_eq!(read().await, Vec::new());
        // All of them later: each is read again, and nothing else.
        let mut later = arriving(1, 2);
        for revocation in &mut later.revocations {
            revocation.moment = 1000;
            revocation.until = 2000;
            if let Some(state) = &mut revocation.state {
                state.occurred = 1000;
            }
        }
        one.retain(&[later]).await.unwrap();
        let second = read().await;
        assert_eq!(second, first);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_instance_leads_until_its_time_is_over() {
        let url = Cluster::of_this_run().new_database();
        let one = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let other = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        assert!(other.lead().await.unwrap());
        assert!(!one.lead().await.unwrap());
        let over = "UPDATE lease SET ends_at = clock_timestamp()";
        one.connection().execute_unprepared(over).await.unwrap();
        assert!(one.lead().await.unwrap());
        assert!(!other.lead().await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_asked_for_is_forgotten_after_an_hour() {
        let url = Cluster::of_this_run().new_database();
        let one = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let other = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let scope = ScopeId::default();
        one.asked_with(scope, "a state").await.unwrap();
        assert!(other.was_asked(scope, "a state").await.unwrap());
        let old = "UPDATE asked SET asked_at = asked_at - interval '61 minutes'";
        one.connection().execute_unprepared(old).await.unwrap();
        assert!(!other.was_asked(scope, "a state").await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_had_to_wait_for_a_turn_sees_what_was_written_meanwhile() {
        let url = Cluster::of_this_run().new_database();
        let administrator = connect(&url).await.unwrap();
        let strict = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', \
                      current_database()); END $$";
        administrator.execute_unprepared(strict).await.unwrap();
        let one = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let other = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let turn = one.tables.begin().await.unwrap();
        let who_waits = async {
            let turn = other.tables.begin().await.unwrap();
            let seen = statement::query(&turn, "SELECT name FROM setting", Vec::new()).await;
            seen.unwrap().len()
        };
        let writing = async {
            let waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let looked = async || statement::query(&administrator, waits, Vec::new()).await;
            while looked().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let write = "INSERT INTO setting (name, value) VALUES ('a', 'b')";
            turn.execute_unprepared(write).await.unwrap();
            turn.commit().await.unwrap();
        };
        let (seen, ()) = tokio::join!(who_waits, writing);
        assert_eq!(seen, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_stands_still_in_a_turn_loses_it_and_others_go_on() {
        let url = Cluster::of_this_run().new_database();
        let one = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let other = SqlInbox::open(&url, Duration::ZERO).await.unwrap();
        let turn = one.tables.begin().await.unwrap();
        let retained = other.retain(&[arriving(1, 1)]).await;
        assert_eq!(retained.unwrap(), [Retained::New]);
        assert!(turn.commit().await.is_err());
    }
}
