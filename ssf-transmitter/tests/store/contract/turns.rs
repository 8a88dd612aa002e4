//! What every store promises about whose turn it is.

use std::collections::HashMap;

use ssf_transmitter::{
    domain::{id::ReceiverId, room::Room, stream::Stream},
    ports::{CreatedStream, LeasedStream},
};

use super::super::fixture::*;

/// Streams of two Receivers with something due: two of the one, then one of the other.
async fn streams_of_two(store: &impl Store) -> [Stream; 3] {
    let (one, other) = (
        known_receiver(store, 1).await,
        known_receiver(store, 2).await,
    );
    let streams = [&one, &one, &other].map(|receiver| stream_of(receiver, &[LOGOUT]));
    for stream in &streams {
        let created = store.create_stream(stream, 100).await.unwrap();
        assert_eq!(created, CreatedStream::Created);
    }
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    streams
}

async fn take(store: &impl Store, at: u64, room: Room) -> Vec<LeasedStream> {
    let leased = store.lease_streams(worker(1), later(at), later(at + 30), room);
    leased.await.unwrap()
}

fn receivers(leased: &[LeasedStream]) -> Vec<ReceiverId> {
    leased.iter().map(|one| one.stream.receiver).collect()
}

pub(crate) async fn the_stream_that_nobody_had_for_the_longest_time_is_leased_first(
    store: &impl Store,
) {
    let streams = streams_of_two(store).await;
    let mut turns = Vec::new();
    for at in 0..6 {
        let leased = take(store, at, Room::of(1)).await;
        let [one] = leased.as_slice() else {
            panic!("{leased:?}")
        };
        store.release(&one.lease, &one.health).await.unwrap();
        turns.push(one.lease.stream.clone());
    }
    assert_eq!(turns[..3], turns[3..]);
    assert!(streams.iter().all(|stream| turns.contains(&stream.id)));
}

pub(crate) async fn a_receiver_that_has_its_share_leaves_the_others_theirs(store: &impl Store) {
    let [first, _, last] = streams_of_two(store).await;
    let none_left = Room::new(3, 1, HashMap::from([(first.receiver, 1)]));
    let leased = take(store, 0, none_left).await;
    assert_eq!(receivers(&leased), [last.receiver]);
    let leased = take(store, 0, Room::new(3, 1, HashMap::new())).await;
    assert_eq!(receivers(&leased), [first.receiver]);
    let leased = take(store, 0, Room::new(3, 2, HashMap::new())).await;
    assert_eq!(receivers(&leased), [first.receiver]);
}
