//! What every store promises about whose turn it is.

use std::collections::HashMap;

use ssf_transmitter::{
    domain::{
        circuit::Health,
        id::ReceiverId,
        room::Room,
        stream::Stream,
        trouble::{Trouble, TroubleKind},
    },
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

/// More streams in trouble than are looked at for a few that are taken, all of one Receiver, each with something due.
async fn many_in_trouble(store: &impl Store) -> ReceiverId {
    let receiver = known_receiver(store, 1).await;
    for _ in 0..20 {
        let stream = stream_of(&receiver, &[LOGOUT]);
        let created = store.create_stream(&stream, 100).await.unwrap();
        assert_eq!(created, CreatedStream::Created);
    }
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let unanswered = Health {
        trouble: Some(Trouble {
            kind: TroubleKind::Unreachable,
            since: NOW,
            last: "timeout".to_owned(),
        }),
        ..Health::default()
    };
    let leased = take(store, 0, Room::of(20)).await;
    assert_eq!(leased.len(), 20);
    for one in leased {
        store.release(&one.lease, &unanswered).await.unwrap();
    }
    receiver.id
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

pub(crate) async fn streams_in_trouble_that_have_their_share_leave_the_others_theirs(
    store: &impl Store,
) {
    let troubled = many_in_trouble(store).await;
    let sound = known_stream(store, 2, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    // It has had its turn after all the others.
    let leased = take(store, 1, Room::of(1)).await;
    assert_eq!(receivers(&leased), [sound.receiver]);
    let one = &leased[0];
    store.release(&one.lease, &one.health).await.unwrap();
    let none_left = Room::of(4).with_troubled(0);
    let leased = take(store, 2, none_left).await;
    assert_eq!(receivers(&leased), [sound.receiver]);
    let one = &leased[0];
    store.release(&one.lease, &one.health).await.unwrap();
    let leased = take(store, 3, Room::of(4).with_troubled(2)).await;
    assert_eq!(receivers(&leased), [troubled, troubled, sound.receiver]);
    let leased = take(store, 3, Room::of(4)).await;
    assert_eq!(receivers(&leased), [troubled; 4]);
}
