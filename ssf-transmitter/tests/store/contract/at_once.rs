//! Events that are fanned out as they are accepted.

use ssf_transmitter::{
    domain::{event::NewEvent, fan_out::StepMax, room::Room},
    ports::{Appended, AtOnce, FanOutLease, FannedOut, Fenced, Finished, Settlement, Taking},
};
use ssf_types::{id::StreamId, subject::Subject};

use super::{
    super::fixture::*,
    poll::polled_stream,
    replay::{of, replayed},
};

async fn fan_out_lease(store: &impl Store) -> FanOutLease {
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    held.unwrap().unwrap()
}

/// Hands events in, and tells what was fanned out with that.
pub(crate) async fn hand_in(
    store: &impl Store,
    lease: FanOutLease,
    events: Vec<NewEvent>,
) -> FannedOut {
    let accepted = hand_in_and_take(store, (lease, None), events).await;
    assert_eq!(accepted.taken, []);
    accepted.fanned_out
}

/// Hands events in where there is room for streams.
pub(crate) async fn hand_in_and_take(
    store: &impl Store,
    (lease, offer): (FanOutLease, Option<Taking>),
    events: Vec<NewEvent>,
) -> AtOnce {
    let submissions = vec![submission(events)];
    let accepted = store.append_and_fan_out(submissions, NOW, lease, decide, |_| offer);
    let accepted = accepted.await.unwrap();
    let answers = &accepted.answers;
    assert!(
        matches!(answers.as_slice(), [Appended::Accepted(_)]),
        "{answers:?}"
    );
    accepted
}

/// For so many.
pub(crate) fn room_for(streams: usize) -> Taking {
    Taking {
        worker: worker(1),
        until: later(30),
        room: Room::of(streams),
    }
}

/// Hands events in for which there is too much to do at once, or just not.
pub(crate) async fn hand_in_at_most(store: &impl Store, users: usize) -> FannedOut {
    let user = |number| event(LOGOUT, email(&format!("{number}@example.com")));
    let held = fan_out_lease(store).await;
    hand_in(store, held, (0..users).map(user).collect()).await
}

fn done(events: u64, deliveries: u64) -> FannedOut {
    FannedOut::Done { events, deliveries }
}

pub(crate) async fn where_nothing_waits_an_event_is_fanned_out_as_it_is_accepted(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[LOGOUT, PASSWORD]).await;
    let held = fan_out_lease(store).await;
    let events = vec![event(LOGOUT, email(ALICE)), event(PASSWORD, email(BOB))];
    assert_eq!(hand_in(store, held, events).await, done(2, 3));
    assert_eq!(dispatch(store).await, (0, 0));
    let leased = store.lease_streams(worker(1), NOW, later(30), Room::of(10));
    let mut due = Vec::new();
    for leased in leased.await.unwrap() {
        let sent = store.due(&leased.lease, NOW, 10, &[]).await.unwrap();
        due.extend(sent.into_iter().map(|one| (one.sequence, one.sub_id)));
    }
    due.sort_by_key(|(sequence, subject)| (*sequence, *subject == Subject::from(email(BOB))));
    let [alice, bob] = [ALICE, BOB].map(|user| Subject::from(email(user)));
    assert_eq!(due, [(1, alice.clone()), (1, alice), (2, bob)]);
}

pub(crate) async fn behind_an_event_that_waits_others_wait_and_keep_their_order(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    let later_one = vec![event(LOGOUT, email(BOB))];
    assert_eq!(hand_in(store, held, later_one).await, FannedOut::NOTHING);
    assert_eq!(dispatch(store).await, (2, 2));
    let leased = lease(store, 1, NOW).await;
    let due = due(store, &leased, NOW).await;
    let about: Vec<&Subject> = due.iter().map(|one| &one.sub_id).collect();
    let expected = [ALICE, BOB].map(|user| Subject::from(email(user)));
    assert_eq!(about, expected.iter().collect::<Vec<_>>());
}

pub(crate) async fn who_has_lost_the_fan_out_accepts_events_and_leaves_them_waiting(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let lost = fan_out_lease(store).await;
    let held = store.lease_fan_out(worker(2), later(10), later(20)).await;
    let events = vec![event(LOGOUT, email(ALICE))];
    assert_eq!(hand_in(store, lost, events).await, FannedOut::LeaseLost);
    let step = store.fan_out(
        held.unwrap().unwrap(),
        later(10),
        StepMax::events(10),
        decide,
    );
    assert_eq!(step.await.unwrap(), done(1, 1));
}

pub(crate) async fn a_repeated_submission_is_not_fanned_out_again(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let new = || vec![keyed(1, 1, event(LOGOUT, email(ALICE)))];
    let hand_in = || store.append_and_fan_out(new(), NOW, held, decide, |_| None);
    let first = hand_in().await.unwrap();
    assert!(matches!(first.answers.as_slice(), [Appended::Accepted(_)]));
    assert_eq!(first.fanned_out, done(1, 1));
    let again = hand_in().await.unwrap();
    assert!(matches!(again.answers.as_slice(), [Appended::Replayed(_)]));
    assert_eq!(again.fanned_out, FannedOut::NOTHING);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(due(store, &leased, NOW).await.len(), 1);
}

pub(crate) async fn what_is_fanned_out_at_once_waits_for_what_is_pending_of_the_same_user(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    for _ in 0..2 {
        let events = vec![event(LOGOUT, email(ALICE)), event(LOGOUT, email(ALICE))];
        assert_eq!(hand_in(store, held, events).await, done(2, 2));
    }
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
}

pub(crate) async fn with_what_is_fanned_out_at_once_streams_are_taken_as_many_as_there_is_room_for(
    store: &impl Store,
) {
    for number in 1..=3 {
        known_stream(store, number, &[LOGOUT]).await;
    }
    let held = fan_out_lease(store).await;
    let events = vec![event(LOGOUT, email(ALICE))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(2))), events).await;
    assert_eq!(accepted.fanned_out, done(1, 3));
    assert_eq!((accepted.taken.len(), accepted.is_left), (2, true));
    for taken in &accepted.taken {
        assert_eq!(sequences(&due(store, &taken.leased, NOW).await), [1]);
    }
    let left = store.lease_streams(worker(2), NOW, later(30), Room::of(10));
    let left = left.await.unwrap();
    assert_eq!(left.len(), 1);
    for taken in &accepted.taken {
        assert_ne!(taken.leased.lease.stream, left[0].lease.stream);
    }
}

pub(crate) async fn whoever_offers_room_is_told_which_streams_get_something(store: &impl Store) {
    let pushed = known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[PASSWORD]).await;
    let polled = polled_stream(store, 3, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let events = vec![event(LOGOUT, email(ALICE)), event(LOGOUT, email(BOB))];
    let mut told = Vec::new();
    let offer = |streams: &[StreamId]| {
        told = streams.to_vec();
        None
    };
    let submissions = vec![submission(events)];
    let accepted = store.append_and_fan_out(submissions, NOW, held, decide, offer);
    assert_eq!(accepted.await.unwrap().fanned_out, done(2, 4));
    told.sort_unstable();
    let mut expected = [pushed.id, polled.id];
    expected.sort_unstable();
    assert_eq!(told, expected);
}

pub(crate) async fn with_a_stream_comes_what_is_due_first_on_it_as_a_look_would_find_it(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    for users in [&[ALICE][..], &[ALICE, ALICE, BOB, "carol@example.com"]] {
        let events = users.iter().map(|user| event(LOGOUT, email(user)));
        let handed_in = hand_in_and_take(store, (held, Some(room_for(1))), events.collect());
        let [taken] = &handed_in.await.taken[..] else {
            panic!("the stream was not taken");
        };
        let lease = &taken.leased.lease;
        assert!(!taken.due.is_empty());
        assert_eq!(taken.due, store.due(lease, NOW, 2, &[]).await.unwrap());
        let all: Vec<Settlement> = (1..=5).map(acknowledged).collect();
        let finished = store.finish(lease, &all, None, NOW).await;
        assert_eq!(finished.unwrap(), Finished::GivenBack);
    }
}

pub(crate) async fn with_a_stream_on_which_something_was_due_comes_nothing_or_what_a_look_would_find(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 1));
    let events = vec![event(LOGOUT, email(ALICE)), event(LOGOUT, email(BOB))];
    let handed_in = hand_in_and_take(store, (held, Some(room_for(1))), events).await;
    let [taken] = &handed_in.taken[..] else {
        panic!("the stream was not taken");
    };
    let due = store.due(&taken.leased.lease, NOW, 2, &[]).await.unwrap();
    assert_eq!(sequences(&due), [1, 3]);
    assert!(taken.due.is_empty() || taken.due == due);
}

pub(crate) async fn what_is_fanned_out_at_once_waits_for_what_was_refused_and_is_sent_again(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let about_alice = || vec![event(LOGOUT, email(ALICE))];
    assert_eq!(hand_in(store, held, about_alice()).await, done(1, 1));
    let leased = lease(store, 1, NOW).await;
    let settled = store.settle(&leased.lease, &[refused(1)], None, NOW).await;
    assert_eq!(settled.unwrap(), Fenced::Stored);
    assert_eq!(replayed(store, &of(&stream.id)).await.len(), 1);
    assert_eq!(hand_in(store, held, about_alice()).await, done(1, 1));
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
    let settled = [acknowledged(1), acknowledged(2)];
    let settled = store.settle(&leased.lease, &settled, None, NOW).await;
    assert_eq!(settled.unwrap(), Fenced::Stored);
    assert_eq!(hand_in(store, held, about_alice()).await, done(1, 1));
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
    // What was acknowledged and is sent once more has a number of its own, and is pending.
    replayed(store, &of(&stream.id)).await;
    assert_eq!(hand_in(store, held, about_alice()).await, done(1, 1));
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
}

pub(crate) async fn with_events_that_nobody_is_sent_no_stream_is_taken(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let events = vec![event(PASSWORD, email(ALICE))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(2))), events).await;
    assert_eq!((accepted.fanned_out, accepted.taken), (done(1, 0), vec![]));
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    let events = vec![event(LOGOUT, email(BOB))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(2))), events).await;
    assert_eq!(
        (accepted.fanned_out, accepted.taken),
        (FannedOut::NOTHING, vec![])
    );
}

pub(crate) async fn where_all_streams_that_get_something_are_taken_nothing_is_left(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let events = || vec![event(LOGOUT, email(ALICE)), event(LOGOUT, email(BOB))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(4))), events()).await;
    assert_eq!((accepted.taken.len(), accepted.is_left), (2, false));
    let accepted = hand_in_and_take(store, (held, Some(room_for(4))), events()).await;
    assert_eq!((accepted.taken.len(), accepted.is_left), (0, true));
}

pub(crate) async fn a_stream_that_is_polled_is_left_where_others_are_taken(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    polled_stream(store, 2, &[LOGOUT]).await;
    let held = fan_out_lease(store).await;
    let events = vec![event(LOGOUT, email(ALICE))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(4))), events).await;
    assert_eq!(accepted.fanned_out, done(1, 2));
    assert_eq!((accepted.taken.len(), accepted.is_left), (1, true));
}

pub(crate) async fn of_streams_that_have_something_due_those_that_get_nothing_new_are_not_taken(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[PASSWORD]).await;
    let held = fan_out_lease(store).await;
    assert_eq!(
        hand_in(store, held, vec![event(LOGOUT, email(ALICE))]).await,
        done(1, 1)
    );
    let events = vec![event(PASSWORD, email(ALICE))];
    let accepted = hand_in_and_take(store, (held, Some(room_for(4))), events).await;
    assert_eq!((accepted.taken.len(), accepted.is_left), (1, false));
    let left = store.lease_streams(worker(2), NOW, later(30), Room::of(10));
    assert_eq!(left.await.unwrap().len(), 1);
}
