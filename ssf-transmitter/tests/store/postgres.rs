//! PostgreSQL: a cluster of this test run's own, with a database for each test.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, Statement, TransactionTrait,
};
use ssf_transmitter::{
    domain::{fan_out::StepMax, room::Room, stream::Stream, verification::verification},
    ports::{Appended, FannedOut, Fenced, Outbox, RetentionStore, SentAlone, StreamStore},
    sealing::{DataKey, Sealer},
    store::{Access, SeaStore},
};
use ssf_types::{id::Jti, stream::StreamStatus};
use tokio::time::{sleep, timeout};

use self::cluster::Cluster;
use super::{contract::at_once::hand_in, fixture::*};

mod cluster;

/// A database that several nodes can open.
pub(crate) struct Rig {
    url: String,
    sealer: Sealer,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            url: Cluster::of_this_run().new_database(),
            sealer: Sealer::new(&DataKey::generate()),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn open(&self) -> SeaStore {
        self.open_with("").await
    }

    /// Opens it with more parameters in the URL.
    async fn open_with(&self, parameters: &str) -> SeaStore {
        let url = format!("{}{parameters}", self.url);
        SeaStore::open(&url, self.sealer.clone(), Access::Serve)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_migrate_once() {
    let rig = Rig::new();
    let (one, other) = tokio::join!(rig.open(), rig.open());
    let stream = known_stream(&one, 1, &[LOGOUT]).await;
    let read = other.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, Some(stream));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_get_one_key_at_once_one_accepts() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    for key in 0..20 {
        let new = || vec![keyed(key, key, event(LOGOUT, email(ALICE)))];
        let (left, right) = tokio::join!(one.append(new(), NOW), other.append(new(), NOW));
        let answers = [left.unwrap().remove(0), right.unwrap().remove(0)];
        let ([Appended::Accepted(ids), Appended::Replayed(again)]
        | [Appended::Replayed(again), Appended::Accepted(ids)]) = &answers
        else {
            panic!("{answers:?}")
        };
        assert_eq!(again.ids, *ids);
    }
    assert_eq!(dispatch(&one).await, (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_never_lease_the_same_stream() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    for number in 0..20 {
        known_stream(&one, number, &[LOGOUT]).await;
    }
    accept(&one, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(&one).await, (1, 20));
    let lease = |store: SeaStore, owner| async move {
        let leased = store
            .lease_streams(worker(owner), NOW, later(30), Room::of(20))
            .await;
        let ids = leased
            .unwrap()
            .into_iter()
            .map(|leased| leased.lease.stream);
        ids.collect::<Vec<_>>()
    };
    let (left, right) = tokio::join!(lease(one, 1), lease(other, 2));
    assert!(left.iter().all(|stream| !right.contains(stream)));
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_and_fanning_out_at_once_forget_no_follower() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    known_stream(&one, 1, &[LOGOUT]).await;
    accept(&one, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(&one).await;
    let leased = lease(&one, 1, NOW).await;
    for sequence in 1..30 {
        accept(&other, vec![event(LOGOUT, email(ALICE))]).await;
        let settled = [acknowledged(sequence)];
        let settling = one.settle(&leased.lease, &settled, None, NOW);
        let (stored, dispatched) = tokio::join!(settling, dispatch(&other));
        assert_eq!((stored.unwrap(), dispatched), (Fenced::Stored, (1, 1)));
        assert_eq!(sequences(&due(&one, &leased, NOW).await), [sequence + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_and_accepting_what_is_fanned_out_at_once_forget_no_follower() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    known_stream(&one, 1, &[LOGOUT]).await;
    let held = other.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    let happens = || hand_in(&other, held, vec![event(LOGOUT, email(ALICE))]);
    happens().await;
    let leased = lease(&one, 1, NOW).await;
    for sequence in 1..30 {
        let settled = [acknowledged(sequence)];
        let settling = one.settle(&leased.lease, &settled, None, NOW);
        let (stored, _) = tokio::join!(settling, happens());
        assert_eq!(stored.unwrap(), Fenced::Stored);
        // While the other node settles, what it is sent waits.
        dispatch(&other).await;
        assert_eq!(sequences(&due(&one, &leased, NOW).await), [sequence + 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_changes_while_what_it_gets_is_fanned_out_at_once_keeps_nothing_pending() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    let stream = known_stream(&one, 1, &[LOGOUT]).await;
    let held = other.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    for round in 0..20 {
        let handing_in = async {
            for user in 0..5 {
                let user = format!("{round}.{user}@b.example");
                hand_in(&other, held, vec![event(LOGOUT, email(&user))]).await;
            }
        };
        tokio::join!(ask_for(&one, &stream, &[PASSWORD]), handing_in);
        dispatch(&other).await;
        assert_eq!(one.next_due().await.unwrap(), None);
        ask_for(&one, &stream, &[LOGOUT]).await;
    }
    balances(&one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_created_amid_events_gets_the_later_ones_and_no_other() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    let receiver = known_receiver(&one, 1).await;
    let stream = stream_of(&receiver, &[LOGOUT]);
    let created = AtomicBool::new(false);
    let creating = async {
        one.create_stream(&stream, 100).await.unwrap();
        created.store(true, Ordering::SeqCst);
    };
    let accepting = async {
        let (mut all, mut after) = (Vec::new(), 0);
        while after < 10 {
            after += usize::from(created.load(Ordering::SeqCst));
            // Users of their own, so that all are due at once.
            let user = format!("{}@b.example", all.len());
            all.extend(accept(&other, vec![event(LOGOUT, email(&user))]).await);
        }
        all
    };
    let ((), all) = tokio::join!(creating, accepting);
    let (_, deliveries) = dispatch(&one).await;
    let leased = lease(&one, 1, NOW).await;
    let due = one.due(&leased.lease, NOW, 1000, &[]).await.unwrap();
    let got: Vec<_> = due.iter().map(|delivery| delivery.event.id).collect();
    assert!(deliveries >= 10, "{deliveries}");
    assert_eq!(got, all[all.len() - got.len()..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_that_is_given_up_amid_events_leaves_nothing_pending() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    let stream = known_stream(&one, 1, &[LOGOUT]).await;
    let mut dropped = 0;
    for _ in 0..10 {
        let users = (0..20).map(|user| event(LOGOUT, email(&format!("{user}@b.example"))));
        accept(&other, users.collect()).await;
        let (now, (_, numbered)) =
            tokio::join!(ask_for(&one, &stream, &[PASSWORD]), dispatch(&other));
        assert_eq!(now, numbered, "all that was numbered before is dropped");
        dropped += now;
        assert_eq!(one.next_due().await.unwrap(), None);
        ask_for(&one, &stream, &[LOGOUT]).await;
    }
    let drops = one.drops(stream.receiver, &stream.id).await.unwrap();
    let recorded: u64 = drops.iter().map(|record| record.deliveries).sum();
    assert_eq!(recorded, dropped);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_stream_that_is_disabled_amid_events_nothing_stays_pending() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    let stream = known_stream(&one, 1, &[LOGOUT]).await;
    for round in 0..10 {
        let users = (0..20).map(|user| event(LOGOUT, email(&format!("{user}@b.example"))));
        accept(&other, users.collect()).await;
        let disabling = set_status(&one, &stream, StreamStatus::Disabled);
        let (dropped, (_, numbered)) = tokio::join!(disabling, dispatch(&other));
        assert_eq!(dropped, numbered, "round {round}");
        set_status(&one, &stream, StreamStatus::Enabled).await;
        assert_eq!(one.next_due().await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_that_are_asked_for_a_verification_at_once_one_sends_it() {
    let rig = Rig::new();
    let (one, other) = (rig.open().await, rig.open().await);
    for number in 0..10 {
        let stream = known_stream(&one, number, &[]).await;
        let decide = |stream: &Stream, last| {
            let ids = (event_id(), Jti::parse("756E69717565").unwrap());
            verification(stream, None, last, Duration::from_mins(1), NOW, ids)
        };
        let left = one.send_verification(stream.receiver, &stream.id, NOW, decide);
        let right = other.send_verification(stream.receiver, &stream.id, NOW, decide);
        let (left, right) = tokio::join!(left, right);
        let sent = [left.unwrap(), right.unwrap()];
        let numbered = |sent: &&SentAlone<_>| **sent == SentAlone::Numbered;
        assert_eq!(sent.iter().filter(numbered).count(), 1, "{sent:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_within_a_transaction_is_stopped_and_others_go_on() {
    let rig = Rig::new();
    let hasty = "&options=-c%20idle_in_transaction_session_timeout=200ms";
    let (still, other) = (rig.open_with(hasty).await, rig.open().await);
    known_stream(&other, 1, &[LOGOUT]).await;
    accept(&other, vec![event(LOGOUT, email(ALICE))]).await;
    let held = still.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    let (resume, resumed) = mpsc::channel::<()>();
    let (stand, stands) = mpsc::channel();
    let standing = tokio::spawn(async move {
        let stands_still = move |event: &_, streams: &[_]| {
            stand.send(()).unwrap();
            // Whoever stands still must not keep the runtime from hearing the others.
            let _ = tokio::task::block_in_place(|| resumed.recv());
            decide(event, streams)
        };
        still
            .fan_out(held, NOW, StepMax::events(1000), stands_still)
            .await
    });
    tokio::task::block_in_place(|| stands.recv()).unwrap();
    // The row of the lease is locked meanwhile.
    let taken = async {
        loop {
            match other.lease_fan_out(worker(2), later(11), later(21)).await {
                Ok(Some(lease)) => break lease,
                Ok(None) | Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let lease = timeout(Duration::from_secs(30), taken).await;
    let done = other
        .fan_out(lease.unwrap(), later(11), StepMax::events(1000), decide)
        .await;
    let once = FannedOut::Done {
        events: 1,
        deliveries: 1,
    };
    assert_eq!(done.unwrap(), once);
    drop(resume);
    standing.await.unwrap().unwrap_err();
    balances(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_locked_is_forgotten_later() {
    let rig = Rig::new();
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(&store, users.to_vec()).await;
    dispatch(&store).await;
    let leased = lease(&store, 1, NOW).await;
    let settlements = [acknowledged(1), acknowledged(2)];
    let settled = store.settle(&leased.lease, &settlements, None, NOW).await;
    settled.unwrap();
    let database = Database::connect(rig.url()).await.unwrap();
    let busy = database.begin().await.unwrap();
    let lock = "SELECT 1 FROM delivery WHERE sequence = 1 FOR UPDATE";
    busy.execute_unprepared(lock).await.unwrap();
    assert_eq!(store.forget_settled(later(1), 10).await.unwrap(), 1);
    busy.rollback().await.unwrap();
    assert_eq!(store.forget_settled(later(1), 10).await.unwrap(), 1);
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_of_the_schema_gives_way_to_those_who_are_at_work() {
    let rig = Rig::new();
    drop(rig.open().await);
    let database = Database::connect(rig.url()).await.unwrap();
    let before = "ALTER TABLE event DROP COLUMN set_aside_until;
        DELETE FROM seaql_migrations WHERE version = 'm0023_set_events_aside'";
    database.execute_unprepared(before).await.unwrap();
    let busy = database.begin().await.unwrap();
    let reads = "LOCK TABLE event IN ACCESS SHARE MODE";
    busy.execute_unprepared(reads).await.unwrap();
    let working = async {
        let waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'event'::regclass \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waits = Statement::from_string(DatabaseBackend::Postgres, waits);
        while database
            .query_one_raw(waits.clone())
            .await
            .unwrap()
            .is_none()
        {
            tokio::task::yield_now().await;
        }
        let comes_later = database.execute_unprepared("SELECT 1 FROM event");
        comes_later.await.unwrap();
        busy.rollback().await.unwrap();
    };
    let all = async { tokio::join!(rig.open(), working) };
    let (store, ()) = timeout(Duration::from_mins(1), all).await.unwrap();
    assert_eq!(dispatch(&store).await, (0, 0));
    database.close().await.unwrap();
}

/// A number of what PostgreSQL counts about the deliveries, once it is as great as that.
async fn counted(database: &DatabaseConnection, what: &str, least: i64) -> i64 {
    let sql = format!(
        "SELECT ({what})::bigint AS it FROM pg_stat_user_tables WHERE relname = 'delivery'"
    );
    let look = async || {
        let statement = Statement::from_string(DatabaseBackend::Postgres, sql.clone());
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get::<i64>("", "it").unwrap()
    };
    timeout(Duration::from_secs(30), async {
        loop {
            let count = look().await;
            if count >= least {
                return count;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_settlement_reads_does_not_grow_with_a_backlog_that_has_just_come() {
    const READ: &str = "seq_tup_read + idx_tup_fetch";
    const SETTLED: u64 = 20;
    let rig = Rig::new();
    let one = rig.open().await;
    let database = Database::connect(rig.url()).await.unwrap();
    known_stream(&one, 1, &[LOGOUT]).await;
    let of_user = |number: u32| event(LOGOUT, email(&format!("{number}@b.example")));
    for _ in 0..4 {
        accept(&one, (0..1000).map(of_user).collect()).await;
        dispatch(&one).await;
    }
    counted(&database, "analyze_count", 1).await;
    let leased = lease(&one, 1, NOW).await;
    let before = counted(&database, READ, 0).await;
    for sequence in 1..=SETTLED {
        let settled = [acknowledged(sequence)];
        let stored = one.settle(&leased.lease, &settled, None, NOW).await;
        assert_eq!(stored.unwrap(), Fenced::Stored);
    }
    // Each is acknowledged, and makes the next one under its key due.
    counted(&database, "n_tup_upd", i64::try_from(2 * SETTLED).unwrap()).await;
    let read = counted(&database, READ, 0).await - before;
    // What the fan-outs have read may be counted late, and is less than the backlog itself.
    let for_each = read / i64::try_from(SETTLED).unwrap();
    assert!(for_each < 1000, "{read} rows were read");
}
