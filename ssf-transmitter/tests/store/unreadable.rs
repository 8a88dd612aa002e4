//! Rows that somebody has changed from outside, or that a later version has written.

use std::time::Duration;

use ssf_transmitter::{
    domain::{room::Room, stream::Stream},
    ports::{LeasedStream, OperatedStreams, Outbox},
    store::SeaStore,
};

use super::{fixture::*, sqlite::Rig};

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
