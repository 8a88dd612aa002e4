//! SQLite: a file in a directory of the test's own.

use std::{os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use ssf_transmitter::{
    domain::{
        coverage::{SubjectOperation, SubjectTerms},
        fan_out::StepMax,
        pace::Pace,
    },
    ports::{Outbox, StoreError, SubjectChange, SubjectChanged, SubjectStore},
    sealing::{DataKey, Sealer},
    store::{Access, OpenStoreError, SeaStore},
};
use ssf_types::stream::StreamStatus;
use tempfile::TempDir;

use super::fixture::*;

/// A database that can be opened again, as after a crash.
pub(crate) struct Rig {
    directory: TempDir,
    sealer: Sealer,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            sealer: Sealer::new(&DataKey::generate()),
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("transmitter.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite://{}", self.path().display())
    }

    async fn access(&self, access: Access) -> Result<SeaStore, OpenStoreError> {
        SeaStore::open(&self.url(), self.sealer.clone(), access).await
    }

    /// Waits, within bounds, for a lock that is held: a process that another test forks keeps the file of a store that was
    /// dropped open until it begins its own program.
    pub(crate) async fn open(&self) -> SeaStore {
        let opened = async {
            loop {
                match self.access(Access::Serve).await {
                    Err(OpenStoreError::InUse(_)) => tokio::task::yield_now().await,
                    opened => return opened.unwrap(),
                }
            }
        };
        let opened = tokio::time::timeout(Duration::from_secs(10), opened).await;
        opened.expect("nobody else has it")
    }

    /// All bytes that the database left on the disk.
    fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let read =
            |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.unwrap().path()).unwrap();
        files.flat_map(read).collect()
    }
}

fn has(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn two_processes_never_serve_from_one_file() {
    let rig = Rig::new();
    let serving = rig.open().await;
    let second = rig.access(Access::Serve).await.unwrap_err();
    assert!(matches!(second, OpenStoreError::InUse(_)), "{second}");
    rig.access(Access::Administer).await.unwrap();
    drop(serving);
    rig.open().await;
}

#[tokio::test]
async fn a_crash_between_acceptance_and_fan_out_loses_nothing() {
    let rig = Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    drop(store);
    let store = rig.open().await;
    assert_eq!(dispatch(&store).await, (1, 1));
}

#[tokio::test]
async fn a_crash_between_fan_out_and_settlement_repeats_with_the_same_jti() {
    let rig = Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(&store).await;
    let before = due(&store, &lease(&store, 1, NOW).await, NOW).await;
    drop(store);
    // The lease of the dead process does not delay its successor.
    let store = rig.open().await;
    let leased = lease(&store, 2, NOW).await;
    assert_eq!(due(&store, &leased, NOW).await, before);
}

#[tokio::test]
async fn a_restarted_process_fans_out_at_once() {
    let rig = Rig::new();
    let store = rig.open().await;
    store
        .lease_fan_out(worker(1), NOW, later(10))
        .await
        .unwrap();
    drop(store);
    let store = rig.open().await;
    let lease = store.lease_fan_out(worker(2), NOW, later(10)).await;
    assert!(lease.unwrap().is_some());
}

#[tokio::test]
async fn a_step_that_is_given_up_happens_whole_or_not_at_all() {
    let rig = Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    for patience in (0_u32..).map(|times| times * Duration::from_micros(50)) {
        let step = store.fan_out(held, NOW, StepMax::events(10), decide);
        // A step that is given up while it commits has happened, and the next one finds nothing to do.
        if tokio::time::timeout(patience, step).await.is_ok() {
            break;
        }
    }
    let leased = lease(&store, 1, NOW).await;
    assert_eq!(sequences(&due(&store, &leased, NOW).await), [1]);
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    let rig = Rig::new();
    let _store = rig.open().await;
    let mode = std::fs::metadata(rig.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn no_subject_payload_or_secret_stands_in_the_file() {
    let rig = Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(&store).await;
    let bytes = rig.bytes();
    assert!(has(&bytes, LOGOUT), "what is not sealed is found");
    for secret in [ALICE, "s3cret", "rp.example.com/events", r#"{"a":1}"#] {
        assert!(!has(&bytes, secret), "{secret}");
    }
}

#[tokio::test]
async fn another_key_does_not_open_what_was_sealed() {
    let mut rig = Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    drop(store);
    rig.sealer = Sealer::new(&DataKey::generate());
    let read = rig.open().await;
    let read = ssf_transmitter::ports::StreamStore::stream(&read, stream.receiver, &stream.id);
    let error = read.await.unwrap_err();
    let StoreError::Corrupt(row) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(row.table, "stream");
    assert!(error.to_string().ends_with("sealed with another key"));
}

#[tokio::test]
async fn a_url_of_another_database_is_refused() {
    let sealer = Sealer::new(&DataKey::generate());
    let error = SeaStore::open("mysql://localhost/x", sealer, Access::Serve).await;
    assert!(matches!(error.unwrap_err(), OpenStoreError::Url));
}

#[tokio::test]
async fn the_record_of_a_fan_out_says_why_a_stream_got_nothing() {
    let rig = Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    set_status(&store, &stream, StreamStatus::Disabled).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    set_status(&store, &stream, StreamStatus::Enabled).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(&store).await, (3, 1));
    let database = Database::connect(rig.url()).await.unwrap();
    let sql = "SELECT skipped FROM fan_out_record ORDER BY event_position";
    let rows = database.query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, sql));
    let told: Vec<String> = rows
        .await
        .unwrap()
        .iter()
        .map(|row| row.try_get("", "skipped").unwrap())
        .collect();
    let disabled = r#"{"stream_disabled":1}"#;
    assert_eq!(told, [disabled, disabled, "{}"]);
}

#[tokio::test]
async fn the_record_of_a_fan_out_counts_a_type_that_was_given_up_before_it() {
    let rig = Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    ask_for(&store, &stream, &[PASSWORD]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    accept(&store, vec![event(PASSWORD, email(ALICE))]).await;
    assert_eq!(dispatch(&store).await, (3, 1));
    let database = Database::connect(rig.url()).await.unwrap();
    let all = async |sql: &str, column: &str| -> Vec<String> {
        let rows = database.query_all_raw(Statement::from_string(DatabaseBackend::Sqlite, sql));
        let rows = rows.await.unwrap();
        rows.iter()
            .map(|row| row.try_get("", column).unwrap())
            .collect()
    };
    let told = all(
        "SELECT skipped FROM fan_out_record ORDER BY event_position",
        "skipped",
    )
    .await;
    assert_eq!(told, [r#"{"type_no_longer_requested":1}"#, "{}", "{}"]);
    let interest = all("SELECT event_type FROM stream_event_type", "event_type").await;
    assert_eq!(interest, [PASSWORD]);
    ask_for(&store, &stream, &[PASSWORD, LOGOUT]).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(&store).await, (1, 1));
}

#[tokio::test]
async fn a_pause_outlives_a_crash() {
    let rig = Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    set_status(&store, &stream, StreamStatus::Paused).await;
    accept(&store, vec![event(LOGOUT, email(ALICE))]).await;
    drop(store);
    let store = rig.open().await;
    assert_eq!(dispatch(&store).await, (1, 1));
    assert_eq!(store.next_due().await.unwrap(), None);
    set_status(&store, &stream, StreamStatus::Enabled).await;
    let leased = lease(&store, 1, NOW).await;
    assert_eq!(sequences(&due(&store, &leased, NOW).await), [1]);
}

/// The second step makes a table and then an index, whose name is taken.
#[tokio::test]
async fn a_step_of_the_schema_that_fails_half_way_can_be_repeated() {
    let rig = Rig::new();
    let database = Database::connect(format!("{}?mode=rwc", rig.url()))
        .await
        .unwrap();
    let obstacle = "CREATE TABLE other (id INTEGER); CREATE INDEX drop_record_stream ON other (id)";
    database.execute_unprepared(obstacle).await.unwrap();
    assert!(rig.access(Access::Serve).await.is_err());
    database
        .execute_unprepared("DROP TABLE other")
        .await
        .unwrap();
    database.close().await.unwrap();
    rig.open().await;
}

#[tokio::test]
async fn the_subjects_of_a_stream_are_not_in_the_file() {
    let rig = Rig::new();
    let store = rig.open().await;
    let stream = known_stream(&store, 1, &[LOGOUT]).await;
    let change = SubjectChange {
        receiver: stream.receiver,
        stream: stream.id,
        operation: SubjectOperation::Remove,
        subject: email(ALICE).into(),
        verified: true,
    };
    let terms = SubjectTerms {
        keys_max: 1,
        pace: Pace::per_second(1),
        grace: Duration::ZERO,
    };
    let answers = store.change_subjects(&[change], &terms, NOW).await.unwrap();
    assert_eq!(answers, [SubjectChanged::Stored]);
    assert!(!has(&rig.bytes(), ALICE));
}
