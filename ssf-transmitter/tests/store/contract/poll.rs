//! What every store promises about streams that are polled.

use std::time::Duration;

use ssf_transmitter::{
    domain::{
        delivery::{Delivery, DeliveryState},
        id::AnswerId,
        method::DeliveryMethod,
        poll::{CLAIMS_BYTES_MAX, SETS_OUT_MAX},
        room::Room,
        stream::Stream,
        verification::{Requested, verification},
    },
    ports::{CreatedStream, DeletedStream, PollSettled, PollStep, Polled, SentAlone},
};
use ssf_types::{
    error::ErrCode,
    event::Event,
    id::{Jti, StreamId},
    push::PushError,
    stream::StreamStatus,
    time::Timestamp,
};
use uuid::Uuid;

use super::{super::fixture::*, announcement::decide_status};

/// What a poll got.
pub(crate) struct Got {
    settled: PollSettled,
    pub(crate) deliveries: Vec<Delivery>,
    more: bool,
}

/// A polled stream that the store has, of a Receiver that it knows.
pub(crate) async fn polled_stream(store: &impl Store, number: u8, uris: &[&str]) -> Stream {
    let receiver = known_receiver(store, number).await;
    let mut stream = stream_of(&receiver, uris);
    stream.delivery = DeliveryMethod::Poll;
    let created = store.create_stream(&stream, 100).await.unwrap();
    assert_eq!(created, CreatedStream::Created);
    stream
}

pub(super) fn wanting(sets_max: usize, now: Timestamp) -> PollStep {
    PollStep {
        settled: [].into(),
        sets_max,
        overhead_bytes: 512,
        answer: AnswerId::new(Uuid::new_v4()),
        until: now.after(Duration::from_mins(1)),
    }
}

pub(super) fn acknowledging(deliveries: &[Delivery], now: Timestamp) -> PollStep {
    let state = DeliveryState::Acknowledged { at: now };
    let acknowledged = deliveries
        .iter()
        .map(|one| (one.jti.clone(), state.clone()));
    PollStep {
        settled: acknowledged.collect(),
        ..wanting(100, now)
    }
}

pub(super) async fn take(
    store: &impl Store,
    stream: &Stream,
    step: PollStep,
    now: Timestamp,
) -> Got {
    let polled = store.poll(stream.receiver, &stream.id, step, now).await;
    let polled = polled.unwrap();
    let Polled::Done {
        settled,
        deliveries,
        more_available,
        ..
    } = polled
    else {
        panic!("{polled:?}")
    };
    Got {
        settled,
        deliveries,
        more: more_available,
    }
}

pub(crate) async fn poll(
    store: &impl Store,
    stream: &Stream,
    sets_max: usize,
    now: Timestamp,
) -> Got {
    take(store, stream, wanting(sets_max, now), now).await
}

/// The numbers of what a poll without a limit of its own gets.
async fn numbers(store: &impl Store, stream: &Stream, now: Timestamp) -> Vec<u64> {
    sequences(&poll(store, stream, 100, now).await.deliveries)
}

async fn happens_to(store: &impl Store, users: &[&str]) {
    let events = users.iter().map(|user| event(LOGOUT, email(user)));
    accept(store, events.collect()).await;
    dispatch(store).await;
}

/// Whether a poll that began to wait at `since` would be called at `now`.
async fn is_called(store: &impl Store, stream: &Stream, since: Timestamp, now: Timestamp) -> bool {
    let called = store.pollable(since, now).await.unwrap();
    called.contains(&stream.id)
}

fn counted(acknowledged: u64, ignored: u64) -> PollSettled {
    let mut settled = PollSettled::default();
    settled.acknowledged = acknowledged;
    settled.accepted_at = vec![NOW; usize::try_from(acknowledged).unwrap()];
    settled.ignored = ignored;
    settled
}

pub(crate) async fn a_polled_stream_is_kept_as_such_and_never_leased(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, Some(stream.clone()));
    happens_to(store, &[ALICE]).await;
    assert_eq!(store.next_due().await.unwrap(), None);
    let none = store.lease_streams(worker(1), later(3600), later(3630), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    assert_eq!(sequences(&got), [1]);
    assert_eq!(got[0].event.event, event(LOGOUT, email(ALICE)));
    assert_eq!(got[0].sub_id, email(ALICE).into());
    assert_eq!(got[0].iat, NOW);
}

pub(crate) async fn a_poll_gets_what_waits_longest_first_and_hears_whether_there_is_more(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    assert_eq!(numbers(store, &stream, NOW).await, [0; 0]);
    happens_to(store, &["a@b.example", "c@b.example", "d@b.example"]).await;
    let first = poll(store, &stream, 2, NOW).await;
    assert_eq!(
        (sequences(&first.deliveries), first.more),
        (vec![1, 2], true)
    );
    let second = poll(store, &stream, 1, NOW).await;
    assert_eq!(
        (sequences(&second.deliveries), second.more),
        (vec![3], false)
    );
    let third = poll(store, &stream, 2, NOW).await;
    assert_eq!((sequences(&third.deliveries), third.more), (vec![], false));
}

pub(crate) async fn a_poll_that_wants_nothing_hears_whether_there_is_something(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    assert!(!poll(store, &stream, 0, NOW).await.more);
    happens_to(store, &[ALICE]).await;
    let got = poll(store, &stream, 0, NOW).await;
    assert_eq!((got.deliveries.len(), got.more), (0, true));
    assert_eq!(numbers(store, &stream, NOW).await, [1]);
}

pub(crate) async fn an_answer_ends_before_it_is_too_long(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &["a@b.example", "c@b.example", "d@b.example"]).await;
    let bulky = PollStep {
        overhead_bytes: CLAIMS_BYTES_MAX / 3,
        ..wanting(100, NOW)
    };
    let got = take(store, &stream, bulky, NOW).await;
    assert_eq!((sequences(&got.deliveries), got.more), (vec![1, 2], true));
    let huge = PollStep {
        overhead_bytes: CLAIMS_BYTES_MAX + 1,
        ..wanting(100, NOW)
    };
    let got = take(store, &stream, huge, NOW).await;
    assert_eq!((sequences(&got.deliveries), got.more), (vec![3], false));
}

pub(crate) async fn what_was_handed_out_comes_again_with_the_same_jti_when_its_time_is_over(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    let first = poll(store, &stream, 1, NOW).await.deliveries;
    assert_eq!(numbers(store, &stream, later(30)).await, [2]);
    assert_eq!(numbers(store, &stream, later(59)).await, [0; 0]);
    let again = poll(store, &stream, 100, later(60)).await.deliveries;
    assert_eq!(again, first);
    assert_eq!(numbers(store, &stream, later(90)).await, [2]);
}

pub(crate) async fn what_is_taken_back_comes_again_at_once(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    let lost = wanting(1, NOW);
    let answer = lost.answer;
    let first = take(store, &stream, lost, NOW).await.deliveries;
    assert_eq!(numbers(store, &stream, NOW).await, [2]);
    for _ in 0..2 {
        store.take_back(&stream.id, answer, NOW).await.unwrap();
    }
    let again = poll(store, &stream, 100, NOW).await.deliveries;
    assert_eq!(again, first, "and nothing of the other answer");
    // An answer that ended by time is not taken out of the next one's hands.
    store.take_back(&stream.id, answer, NOW).await.unwrap();
    assert_eq!(numbers(store, &stream, NOW).await, [0; 0]);
}

pub(crate) async fn what_is_acknowledged_never_comes_again_even_if_its_time_was_over(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    let step = acknowledging(&got[..1], later(59));
    let settled = take(store, &stream, step, later(59)).await.settled;
    assert_eq!(settled, counted(1, 0));
    let again = poll(store, &stream, 100, later(60)).await.deliveries;
    assert_eq!(sequences(&again), [2]);
    let step = acknowledging(&got[1..], later(600));
    let last = take(store, &stream, step, later(600)).await;
    assert_eq!((last.settled, last.deliveries), (counted(1, 0), vec![]));
    assert_eq!(numbers(store, &stream, later(3600)).await, [0; 0]);
}

pub(crate) async fn what_is_refused_never_comes_again_and_holds_nothing_back(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, ALICE]).await;
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    assert_eq!(sequences(&got), [1]);
    let error = PushError::new(ErrCode::InvalidKey, "unknown kid");
    let refused = DeliveryState::refused(&error, NOW);
    let step = PollStep {
        settled: [(got[0].jti.clone(), refused)].into(),
        ..wanting(100, NOW)
    };
    let next = take(store, &stream, step, NOW).await;
    assert_eq!(next.settled.refused, [got[0].jti.clone()]);
    assert_eq!((next.settled.acknowledged, next.settled.ignored), (0, 0));
    assert_eq!(sequences(&next.deliveries), [2]);
    assert_eq!(numbers(store, &stream, later(60)).await, [2]);
}

pub(crate) async fn an_acknowledgement_counts_before_the_next_sets_are_picked(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, ALICE, ALICE]).await;
    let mut got = poll(store, &stream, 100, NOW).await.deliveries;
    for expected in [2, 3] {
        assert_eq!(numbers(store, &stream, NOW).await, [0; 0]);
        got = take(store, &stream, acknowledging(&got, NOW), NOW)
            .await
            .deliveries;
        assert_eq!(sequences(&got), [expected]);
    }
}

pub(crate) async fn a_set_that_is_with_the_receiver_holds_back_later_ones_of_its_user(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    let got = poll(store, &stream, 100, NOW).await;
    happens_to(store, &[ALICE, BOB]).await;
    let next = poll(store, &stream, 100, NOW).await;
    assert_eq!((sequences(&next.deliveries), next.more), (vec![3], false));
    let step = acknowledging(&got.deliveries, NOW);
    let last = take(store, &stream, step, NOW).await;
    assert_eq!(sequences(&last.deliveries), [2]);
}

pub(crate) async fn a_jti_that_is_unknown_or_settled_means_nothing(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    let step = || acknowledging(&got, NOW);
    assert_eq!(
        take(store, &stream, step(), NOW).await.settled,
        counted(1, 0)
    );
    assert_eq!(
        take(store, &stream, step(), NOW).await.settled,
        counted(0, 1)
    );
    let mut unknown = got[0].clone();
    unknown.jti = Jti::parse("nope").unwrap();
    let step = acknowledging(&[unknown], NOW);
    assert_eq!(take(store, &stream, step, NOW).await.settled, counted(0, 1));
}

pub(crate) async fn a_jti_of_another_stream_settles_nothing_there(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let other = polled_stream(store, 2, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    let own = poll(store, &stream, 100, NOW).await.deliveries;
    let step = acknowledging(&own, NOW);
    assert_eq!(take(store, &other, step, NOW).await.settled, counted(0, 1));
    assert_eq!(numbers(store, &stream, later(60)).await, [1]);
}

pub(crate) async fn a_poll_finds_the_receivers_own_polled_streams_alone(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let stranger = known_receiver(store, 2).await;
    let pushed = known_stream(store, 3, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    let unknown = StreamId::parse(Uuid::new_v4().simple().to_string()).unwrap();
    let odd = StreamId::parse("f67e39a0").unwrap();
    for (receiver, id) in [
        (stranger.id, &stream.id),
        (pushed.receiver, &pushed.id),
        (stream.receiver, &unknown),
        (stream.receiver, &odd),
    ] {
        for step in [wanting(100, NOW), acknowledging(&got, NOW)] {
            let polled = store.poll(receiver, id, step, later(60)).await.unwrap();
            assert_eq!(polled, Polled::NotFound);
        }
    }
    assert_eq!(numbers(store, &stream, later(60)).await, [1]);
}

pub(crate) async fn a_receiver_that_settles_nothing_gets_a_limited_number_of_sets(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let users =
        (0..=SETS_OUT_MAX).map(|number| event(LOGOUT, email(&format!("{number}@b.example"))));
    accept(store, users.collect()).await;
    while dispatch(store).await != (0, 0) {}
    let first = poll(store, &stream, SETS_OUT_MAX - 1, NOW).await;
    assert_eq!(
        (first.deliveries.len(), first.more),
        (SETS_OUT_MAX - 1, true)
    );
    assert_eq!(numbers(store, &stream, NOW).await, [SETS_OUT_MAX as u64]);
    let none = poll(store, &stream, 100, NOW).await;
    assert_eq!((none.deliveries.len(), none.more), (0, false));
    let step = acknowledging(&first.deliveries[..1], NOW);
    let next = take(store, &stream, step, NOW).await.deliveries;
    assert_eq!(sequences(&next), [SETS_OUT_MAX as u64 + 1]);
}

pub(crate) async fn a_paused_stream_hands_out_nothing_and_takes_what_is_said_of_its_sets(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE]).await;
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    happens_to(store, &[ALICE, BOB]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    happens_to(store, &["c@b.example"]).await;
    assert!(!is_called(store, &stream, NOW, later(1)).await);
    let step = acknowledging(&got, NOW);
    let held = take(store, &stream, step, NOW).await;
    assert_eq!((held.settled, held.more), (counted(1, 0), false));
    assert_eq!(held.deliveries, []);
    assert_eq!(numbers(store, &stream, later(60)).await, [0; 0]);
    set_status(store, &stream, StreamStatus::Enabled).await;
    let mut released = numbers(store, &stream, NOW).await;
    released.sort_unstable();
    assert_eq!(released, [2, 3, 4]);
}

pub(crate) async fn a_polled_stream_that_the_transmitter_pauses_hands_out_that_alone(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    decide_status(store, &stream, StreamStatus::Paused).await;
    assert!(is_called(store, &stream, NOW.before(Duration::from_secs(1)), NOW).await);
    let told = poll(store, &stream, 100, NOW).await;
    assert_eq!((sequences(&told.deliveries), told.more), (vec![3], false));
    let Event::StreamUpdated(updated) = &told.deliveries[0].event.event.event else {
        panic!("{:?}", told.deliveries)
    };
    assert_eq!(updated.status, StreamStatus::Paused);
    assert_eq!(numbers(store, &stream, later(60)).await, [3]);
    let step = acknowledging(&told.deliveries, NOW);
    let last = take(store, &stream, step, later(120)).await;
    assert_eq!((last.settled, last.deliveries), (counted(1, 0), vec![]));
}

pub(crate) async fn a_polled_stream_that_the_transmitter_starts_hands_out_that_first(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    happens_to(store, &[ALICE, BOB]).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    let told = poll(store, &stream, 100, NOW).await.deliveries;
    assert_eq!(sequences(&told), [3]);
    let step = acknowledging(&told, NOW);
    let held = take(store, &stream, step, NOW).await.deliveries;
    assert_eq!(sequences(&held), [1, 2]);
}

pub(crate) async fn what_was_held_does_not_wait_for_ever_for_a_receiver_that_settles_nothing(
    store: &impl Store,
) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    happens_to(store, &[ALICE]).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    for minutes in 0..3 {
        assert_eq!(numbers(store, &stream, later(60 * minutes)).await, [2]);
    }
    let mut all = numbers(store, &stream, later(180)).await;
    all.sort_unstable();
    assert_eq!(all, [1, 2]);
}

pub(crate) async fn a_disabled_stream_hands_out_nothing(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    let got = poll(store, &stream, 1, NOW).await.deliveries;
    assert_eq!(set_status(store, &stream, StreamStatus::Disabled).await, 2);
    let step = acknowledging(&got, NOW);
    let late = take(store, &stream, step, NOW).await;
    assert_eq!((late.settled, late.deliveries), (counted(0, 1), vec![]));
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(numbers(store, &stream, later(60)).await, [0; 0]);
}

pub(crate) async fn a_verification_is_handed_out_by_the_next_poll(store: &impl Store) {
    let stream = polled_stream(store, 1, &[]).await;
    let decide = |stream: &Stream, before: Requested| {
        let ids = (event_id(), Jti::parse("756E69717565").unwrap());
        verification(stream, None, before, Duration::from_mins(1), NOW, ids)
    };
    let sent = store.send_verification(stream.receiver, &stream.id, NOW, decide);
    assert_eq!(sent.await.unwrap(), SentAlone::Numbered);
    assert!(is_called(store, &stream, NOW.before(Duration::from_secs(1)), NOW).await);
    let got = poll(store, &stream, 100, NOW).await.deliveries;
    assert_eq!(got[0].jti.as_str(), "756E69717565");
}

pub(crate) async fn a_backlog_moves_from_push_to_poll_and_back(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, ALICE, BOB]).await;
    let leased = lease(store, 1, NOW).await;
    let settled = [acknowledged(1), postponed(3, 1, later(300))];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    change(store, &stream, |stream| {
        stream.delivery = DeliveryMethod::Poll;
    })
    .await;
    assert_eq!(due(store, &leased, NOW).await, [], "the lease is lost");
    assert_eq!(store.next_due().await.unwrap(), None);
    assert_eq!(numbers(store, &stream, NOW).await, [2, 3]);
    change(store, &stream, |other| {
        other.delivery = stream.delivery.clone();
    })
    .await;
    let step = wanting(100, NOW);
    let gone = store.poll(stream.receiver, &stream.id, step, NOW).await;
    assert_eq!(gone.unwrap(), Polled::NotFound);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2, 3]);
    assert_eq!(leased.stream, stream);
}

pub(crate) async fn a_poll_is_called_for_what_came_and_for_what_comes_again(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let other = polled_stream(store, 2, &[PASSWORD]).await;
    let before = NOW.before(Duration::from_secs(1));
    assert!(!is_called(store, &stream, before, NOW).await);
    happens_to(store, &[ALICE]).await;
    assert!(is_called(store, &stream, before, NOW).await);
    assert!(!is_called(store, &other, before, NOW).await);
    let step = wanting(100, NOW);
    let answer = step.answer;
    take(store, &stream, step, NOW).await;
    assert!(!is_called(store, &stream, before, later(59)).await);
    assert!(is_called(store, &stream, later(50), later(60)).await);
    store
        .take_back(&stream.id, answer, later(20))
        .await
        .unwrap();
    assert!(is_called(store, &stream, later(19), later(20)).await);
}

pub(crate) async fn a_poll_is_called_when_a_pause_ends(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    happens_to(store, &[ALICE]).await;
    assert!(!is_called(store, &stream, NOW, later(3600)).await);
    let enable = |stream: &Stream| Ok::<_, ()>(stream.with_status(StreamStatus::Enabled, None));
    let changed = store.change_stream(stream.receiver, &stream.id, later(3600), enable);
    changed.await.unwrap();
    assert!(is_called(store, &stream, later(3599), later(3600)).await);
}

pub(crate) async fn a_deleted_stream_is_not_polled_any_more(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    happens_to(store, &[ALICE, BOB]).await;
    let step = wanting(1, NOW);
    let answer = step.answer;
    take(store, &stream, step, NOW).await;
    let deleted = store.delete_stream(stream.receiver, &stream.id, NOW).await;
    assert_eq!(
        deleted.unwrap(),
        DeletedStream::Deleted {
            dropped: 2,
            owners: Vec::new()
        }
    );
    let gone = store.poll(stream.receiver, &stream.id, wanting(1, NOW), NOW);
    assert_eq!(gone.await.unwrap(), Polled::NotFound);
    store.take_back(&stream.id, answer, NOW).await.unwrap();
}
