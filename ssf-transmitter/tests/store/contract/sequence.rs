//! What every store promises about the numbers of streams whose Receivers have asked for them.

use ssf_transmitter::{
    domain::{method::DeliveryMethod, room::Room, sequence, stream::Stream},
    ports::{CreatedStream, Fenced, Polled, SentAlone, Settlement},
};
use ssf_types::{id::Epoch, set::Account, stream::StreamStatus};

use super::{super::fixture::*, poll::wanting, verification::verify};

fn epoch(name: &str) -> Epoch {
    Epoch::parse(name).unwrap()
}

/// A stream whose SETs have numbers.
async fn numbered_stream(
    store: &impl Store,
    number: u8,
    alter: impl FnOnce(&mut Stream),
) -> Stream {
    let receiver = known_receiver(store, number).await;
    let mut stream = stream_of(&receiver, &[LOGOUT]);
    stream.sequence_epoch = Some(epoch("first"));
    alter(&mut stream);
    let created = store.create_stream(&stream, 100).await.unwrap();
    assert_eq!(created, CreatedStream::Created);
    stream
}

async fn kept(store: &impl Store, stream: &Stream) -> Option<Epoch> {
    let read = store.stream(stream.receiver, &stream.id).await;
    read.unwrap().unwrap().sequence_epoch
}

/// One event about each of so many people.
async fn happen(store: &impl Store, people: usize) {
    let about = |number| event(LOGOUT, email(&format!("{number}@example.com")));
    accept(store, (0..people).map(about).collect()).await;
    dispatch(store).await;
}

/// The account of the verification that is requested now, which is then acknowledged.
async fn account(store: &impl Store, stream: &Stream, seconds: u64) -> Option<Account> {
    account_of(store, stream, "first", seconds).await
}

async fn account_of(
    store: &impl Store,
    stream: &Stream,
    epoch_now: &str,
    seconds: u64,
) -> Option<Account> {
    let now = later(seconds);
    assert_eq!(verify(store, stream, now).await, SentAlone::Numbered);
    let leased = lease(store, 1, now).await;
    let due = due(store, &leased, now).await;
    let mut events = due
        .iter()
        .map(|one| (one.sequence, one.event.event.event.clone()));
    let (number, mut event) = events.next_back().unwrap();
    let settled = [acknowledged(number)];
    store
        .settle(&leased.lease, &settled, None, now)
        .await
        .unwrap();
    store.release(&leased.lease, &leased.health).await.unwrap();
    sequence::take(&mut event, &epoch(epoch_now))
}

async fn settle(store: &impl Store, settlements: &[Settlement]) {
    let leased = lease(store, 1, NOW).await;
    let settled = store.settle(&leased.lease, settlements, None, NOW).await;
    assert_eq!(settled.unwrap(), Fenced::Stored);
    store.release(&leased.lease, &leased.health).await.unwrap();
}

pub(crate) async fn an_epoch_is_kept_with_its_stream(store: &impl Store) {
    let silent = known_stream(store, 2, &[LOGOUT]).await;
    let stream = numbered_stream(store, 1, |_| ()).await;
    change(store, &stream, |stream| stream.description = None).await;
    assert_eq!(kept(store, &stream).await, Some(epoch("first")));
    assert_eq!(kept(store, &silent).await, None);
    happen(store, 1).await;
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(10))
        .await;
    let mut epochs: Vec<_> = leased
        .unwrap()
        .into_iter()
        .map(|one| one.stream.sequence_epoch)
        .collect();
    epochs.sort();
    assert_eq!(epochs, [None, Some(epoch("first"))]);
}

pub(crate) async fn a_poll_hears_what_the_run_of_its_numbers_is_called(store: &impl Store) {
    let polled = |stream: &mut Stream| stream.delivery = DeliveryMethod::Poll;
    let stream = numbered_stream(store, 1, polled).await;
    happen(store, 1).await;
    let step = wanting(100, NOW);
    let polled = store.poll(stream.receiver, &stream.id, step, NOW).await;
    let Ok(Polled::Done {
        deliveries,
        epoch: named,
        ..
    }) = polled
    else {
        panic!("{polled:?}")
    };
    assert_eq!(sequences(&deliveries), [1]);
    assert_eq!(named, Some(epoch("first")));
}

pub(crate) async fn a_verification_tells_what_became_of_the_numbers_before_it(store: &impl Store) {
    let stream = numbered_stream(store, 1, |_| ()).await;
    assert_eq!(
        account(store, &stream, 0).await,
        Some(Account::new(0, 0, []))
    );
    happen(store, 5).await;
    settle(
        store,
        &[acknowledged(2), refused(3), acknowledged(4), refused(5)],
    )
    .await;
    // The last of the five is pending.
    assert_eq!(
        account(store, &stream, 60).await,
        Some(Account::new(5, 0, [5, 3]))
    );
    settle(store, &[acknowledged(6)]).await;
    assert_eq!(
        account(store, &stream, 120).await,
        Some(Account::new(7, 0, [5, 3]))
    );
}

pub(crate) async fn what_was_dropped_is_among_the_numbers_that_were_given_up(store: &impl Store) {
    let stream = numbered_stream(store, 1, |_| ()).await;
    happen(store, 3).await;
    settle(store, &[acknowledged(2)]).await;
    set_status(store, &stream, StreamStatus::Disabled).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(
        account(store, &stream, 0).await,
        Some(Account::new(3, 0, [3, 1]))
    );
}

pub(crate) async fn a_sign_of_life_tells_it_too(store: &impl Store) {
    numbered_stream(store, 1, |_| ()).await;
    happen(store, 2).await;
    settle(store, &[refused(1), acknowledged(2)]).await;
    let make = |stream: &Stream| {
        let jti = ssf_types::id::Jti::parse("1").unwrap();
        ssf_transmitter::domain::verification::keep_alive(stream, later(60), (event_id(), jti))
    };
    store
        .send_keep_alives(later(60), later(60), 10, make)
        .await
        .unwrap();
    let leased = lease(store, 1, later(60)).await;
    let due = due(store, &leased, later(60)).await;
    let mut event = due[0].event.event.event.clone();
    assert_eq!(
        sequence::take(&mut event, &epoch("first")),
        Some(Account::new(2, 0, [1]))
    );
}

pub(crate) async fn nothing_is_told_on_a_stream_without_numbers(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    happen(store, 2).await;
    settle(store, &[refused(1), acknowledged(2)]).await;
    assert_eq!(account(store, &stream, 0).await, None);
}

pub(crate) async fn nothing_is_told_of_numbers_that_were_given_up_and_are_gone(store: &impl Store) {
    let stream = numbered_stream(store, 1, |_| ()).await;
    happen(store, 6).await;
    let settled = [
        acknowledged(1),
        refused(2),
        acknowledged(3),
        refused(4),
        acknowledged(6),
    ];
    settle(store, &settled).await;
    set_status(store, &stream, StreamStatus::Disabled).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(
        account(store, &stream, 0).await,
        Some(Account::new(6, 0, [5, 4, 2]))
    );
    // Number 2 is the oldest that was refused, and what was acknowledged goes without a trace.
    assert_eq!(
        store
            .expire_quarantined(later(1), later(60), 1)
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        account(store, &stream, 60).await,
        Some(Account::new(7, 2, [5, 4]))
    );
    store.forget_settled(later(1), 100).await.unwrap();
    assert_eq!(
        account(store, &stream, 120).await,
        Some(Account::new(8, 5, []))
    );
}

pub(crate) async fn another_epoch_begins_on_each_stream_with_numbers(store: &impl Store) {
    let silent = known_stream(store, 2, &[]).await;
    let stream = numbered_stream(store, 1, |_| ()).await;
    happen(store, 2).await;
    let before = lease(store, 1, NOW).await;
    let settled = [refused(1)];
    store
        .settle(&before.lease, &settled, None, NOW)
        .await
        .unwrap();
    let begun = store.begin_epochs(|| epoch("second")).await;
    assert_eq!(begun.unwrap(), 1);
    assert_eq!(kept(store, &stream).await, Some(epoch("second")));
    assert_eq!(kept(store, &silent).await, None);
    // Whoever signs with the former epoch stops.
    assert_eq!(due(store, &before, NOW).await, []);
    let after = lease(store, 1, NOW).await;
    assert_eq!(after.stream.sequence_epoch, Some(epoch("second")));
    let settled = [acknowledged(2)];
    store
        .settle(&after.lease, &settled, None, NOW)
        .await
        .unwrap();
    store.release(&after.lease, &after.health).await.unwrap();
    assert_eq!(
        account_of(store, &stream, "second", 60).await,
        Some(Account::new(2, 2, []))
    );
}
