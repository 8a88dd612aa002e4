//! What owners hand in with which they may be done, and what is settled together with it.

use futures_util::future::join_all;
use ssf_transmitter::{
    domain::room::Room,
    ports::{Fenced, Finished},
};
use ssf_types::stream::StreamStatus;

use super::super::fixture::*;

async fn happen(store: &impl Store, addresses: &[&str]) {
    let events = addresses
        .iter()
        .map(|address| event(LOGOUT, email(address)));
    accept(store, events.collect()).await;
    dispatch(store).await;
}

pub(crate) async fn a_stream_of_which_nothing_is_due_goes_back_with_the_last_settlement(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    for settlement in [acknowledged(1), refused(2), postponed(3, 1, later(60))] {
        happen(store, &[ALICE]).await;
        let leased = lease(store, 1, NOW).await;
        let finished = store.finish(&leased.lease, &[settlement], None, NOW).await;
        assert_eq!(finished.unwrap(), Finished::GivenBack);
        assert!(store.is_over(&leased.lease, NOW).await.unwrap());
    }
    let again = lease(store, 2, later(60)).await;
    assert_eq!(sequences(&due(store, &again, later(60)).await), [3]);
}

pub(crate) async fn a_stream_of_which_something_is_due_stays_with_its_owner(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    happen(store, &["a@b.example", "c@b.example", "d@b.example"]).await;
    let leased = lease(store, 1, NOW).await;
    for settlement in [acknowledged(1), refused(2)] {
        let finished = store.finish(&leased.lease, &[settlement], None, NOW).await;
        assert_eq!(finished.unwrap(), Finished::GoesOn);
    }
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
    let others = store
        .lease_streams(worker(2), NOW, later(30), Room::of(10))
        .await;
    assert_eq!(others.unwrap(), []);
}

pub(crate) async fn what_the_last_settlement_lets_through_keeps_the_stream(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    happen(store, &[ALICE, ALICE]).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
    let finished = store
        .finish(&leased.lease, &[acknowledged(1)], None, NOW)
        .await;
    assert_eq!(finished.unwrap(), Finished::GoesOn);
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2]);
}

pub(crate) async fn the_last_settlement_keeps_how_the_receiver_has_answered(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    happen(store, &[ALICE]).await;
    let leased = lease(store, 1, NOW).await;
    let (health, failed) = (rested(1, later(60)), [postponed(1, 1, later(60))]);
    let finished = store.finish(&leased.lease, &failed, Some(&health), NOW);
    assert_eq!(finished.await.unwrap(), Finished::GivenBack);
    assert_eq!(lease(store, 1, later(60)).await.health, health);
}

pub(crate) async fn a_last_settlement_without_the_lease_changes_nothing(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    happen(store, &[ALICE]).await;
    let lost = lease(store, 1, NOW).await;
    let newer = lease(store, 2, later(30)).await;
    let late = store
        .finish(&lost.lease, &[acknowledged(1)], None, later(30))
        .await;
    assert_eq!(late.unwrap(), Finished::LeaseLost);
    assert_eq!(sequences(&due(store, &newer, later(30)).await), [1]);
}

pub(crate) async fn what_is_settled_at_the_same_time_becomes_what_it_would_alone(
    store: &impl Store,
) {
    const STREAMS: u8 = 9;
    for number in 1..=STREAMS {
        known_stream(store, number, &[LOGOUT]).await;
    }
    happen(store, &["a@b.example", "a@b.example", "c@b.example"]).await;
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(STREAMS.into()))
        .await
        .unwrap();
    // Most hand in one answer; one has lost its lease, and others have more to tell.
    let handed_in = |number: usize| match number {
        0 => vec![refused(1)],
        1 => vec![acknowledged(1), acknowledged(2), acknowledged(3)],
        2 => vec![postponed(1, 1, later(60)), acknowledged(3)],
        3 => vec![acknowledged(3)],
        _ => vec![acknowledged(1)],
    };
    let mut owners: Vec<_> = leased.iter().map(|one| one.lease.clone()).collect();
    owners[4].epoch += 1;
    let all = owners.iter().enumerate().map(async |(number, lease)| {
        let settlements = handed_in(number);
        store.finish(lease, &settlements, None, NOW).await.unwrap()
    });
    let finished = join_all(all).await;
    for (number, finished) in finished.into_iter().enumerate() {
        let expected = match number {
            1 | 2 => Finished::GivenBack,
            4 => Finished::LeaseLost,
            _ => Finished::GoesOn,
        };
        assert_eq!(finished, expected, "{number}");
    }
    for (number, leased) in leased.iter().enumerate() {
        let expected: &[u64] = match number {
            1 | 2 => &[],
            3 => &[1],
            4 => &[1, 3],
            _ => &[3, 2],
        };
        let mut due = sequences(&due(store, leased, NOW).await);
        due.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(due, expected, "{number}");
    }
    let ledger = store.ledger().await.unwrap();
    let acknowledged = 3 + 1 + 1 + u64::from(STREAMS) - 5;
    assert_eq!((ledger.acknowledged, ledger.quarantined), (acknowledged, 1));
    let renewed = store.renew(&leased[5].lease, later(60)).await;
    assert_eq!(renewed.unwrap(), Fenced::Stored);
}

pub(crate) async fn what_is_looked_for_at_the_same_time_is_found_as_it_would_be_alone(
    store: &impl Store,
) {
    const STREAMS: u8 = 6;
    let mut streams = Vec::new();
    for number in 1..=STREAMS {
        streams.push(known_stream(store, number, &[LOGOUT]).await);
    }
    happen(store, &["a@b.example", "c@b.example"]).await;
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(STREAMS.into()))
        .await
        .unwrap();
    let mut owners: Vec<_> = leased.iter().map(|one| one.lease.clone()).collect();
    // One has lost its lease, one waits for a repetition, one is paused, and of one all is done.
    owners[1].epoch += 1;
    let postponed = [postponed(1, 1, later(60))];
    let done = [acknowledged(1), acknowledged(2)];
    for (owner, settled) in [(&owners[2], &postponed[..]), (&owners[4], &done[..])] {
        store.settle(owner, settled, None, NOW).await.unwrap();
    }
    let paused = streams.iter().find(|one| one.id == owners[3].stream);
    set_status(store, paused.unwrap(), StreamStatus::Paused).await;
    for looks in 1..=3 {
        let all = owners.iter().cycle().take(looks * owners.len());
        let seen = join_all(all.map(async |owner| {
            let due = store.due(owner, NOW, 1, &[]).await.unwrap();
            sequences(&due)
        }));
        let one_round: [&[u64]; 6] = [&[1], &[], &[2], &[], &[], &[1]];
        assert_eq!(seen.await, one_round.repeat(looks));
    }
}
