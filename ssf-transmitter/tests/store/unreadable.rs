//! Rows that somebody has changed from outside, or that a later version has written.

use std::time::Duration;

use ssf_transmitter::{
    domain::{room::Room, stream::Stream},
    ports::{Finished, LeasedStream, OperatedStreams, Outbox},
    store::SeaStore,
};

use super::{
    contract::at_once::{hand_in_and_take, room_for},
    fixture::*,
    sqlite::Rig,
};

/// Two streams with something due.
async fn two_streams(store: &SeaStore) -> [Stream; 2] {
    let streams = [
        known_stream(store, 1, &[LOGOUT]).await,
        known_stream(store, 2, &[LOGOUT]).await,
    ];
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    streams
}

async fn take(store: &SeaStore, at: u64) -> Vec<LeasedStream> {
    let until = later(at).after(Duration::from_secs(30));
    let leased = store.lease_streams(worker(1), later(at), until, Room::of(10));
    leased.await.unwrap()
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_is_looked_at_again_later_and_hinders_no_other() {
    for (table, column, value) in [
        ("stream", "delivery", "x'00'"),
        ("stream", "issuer", "''"),
        ("receiver", "profile", "''"),
    ] {
        let rig = Rig::new();
        let store = rig.open().await;
        let [broken, healthy] = two_streams(&store).await;
        let id = match table {
            "receiver" => broken.receiver.uuid().simple().to_string(),
            _ => broken.id.as_str().to_owned(),
        };
        let sql = format!("UPDATE {table} SET {column} = {value} WHERE id = x'{id}'");
        edit(&rig.url(), &sql).await;
        let leased = take(&store, 0).await;
        assert_eq!(leased.len(), 1, "{table}.{column}");
        assert_eq!(leased[0].lease.stream, healthy.id);
        store
            .release(&leased[0].lease, &rested(1, later(900)))
            .await
            .unwrap();
        assert_eq!(take(&store, 299).await, []);
        assert_eq!(store.next_due().await.unwrap(), Some(later(300)));
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_rests_where_what_it_gets_is_accepted_and_hinders_no_other() {
    for (column, value) in [("delivery", "x'00'"), ("created_at", "'today'")] {
        let rig = Rig::new();
        let store = rig.open().await;
        let broken = known_stream(&store, 1, &[LOGOUT]).await;
        let healthy = known_stream(&store, 2, &[LOGOUT]).await;
        let id = broken.id.as_str();
        let sql = format!("UPDATE stream SET {column} = {value} WHERE id = x'{id}'");
        edit(&rig.url(), &sql).await;
        let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
        let held = (held.unwrap().unwrap(), Some(room_for(10)));
        let accepted = hand_in_and_take(&store, held, vec![event(LOGOUT, email(ALICE))]);
        let accepted = accepted.await;
        let taken = accepted.taken.iter().map(|taken| &taken.leased);
        let taken: Vec<_> = taken.map(|leased| &leased.lease.stream).collect();
        assert_eq!(
            (taken, accepted.is_left),
            (vec![&healthy.id], true),
            "{column}"
        );
        let healthy = &accepted.taken[0].leased;
        let settled = [acknowledged(1)];
        let finished = store.finish(&healthy.lease, &settled, None, NOW).await;
        assert_eq!(finished.unwrap(), Finished::GivenBack);
        assert_eq!(take(&store, 299).await, []);
        assert_eq!(store.next_due().await.unwrap(), Some(later(300)));
    }
}

#[tokio::test]
async fn a_kind_of_trouble_that_is_not_known_is_none() {
    let rig = Rig::new();
    let store = rig.open().await;
    let [stream, _] = two_streams(&store).await;
    let id = stream.id.as_str();
    let sql = format!("UPDATE stream_queue SET trouble = 'toothache' WHERE stream_id = x'{id}'");
    edit(&rig.url(), &sql).await;
    let health = store.health(&stream.issuer, &stream.id).await.unwrap();
    assert_eq!(health.unwrap().trouble, None);
    assert_eq!(take(&store, 0).await.len(), 2);
}
