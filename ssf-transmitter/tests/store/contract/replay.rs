//! What every store promises about sending once more.

use std::ops::RangeInclusive;

use ssf_transmitter::{
    app::replay::{replay, resend},
    domain::{delivery::DeliveryState, replay::NotReplayed, trace::Standing},
    ports::{DeliveryFilter, Replayed},
    testing::ManualClock,
};
use ssf_types::{
    id::{Jti, StreamId},
    stream::StreamStatus,
};

use super::{
    super::fixture::*,
    poll::{acknowledging, poll, polled_stream, take},
    trace::refused_attempt,
};

pub(super) fn of(stream: &StreamId) -> DeliveryFilter {
    DeliveryFilter {
        stream: Some(stream.clone()),
        ..DeliveryFilter::default()
    }
}

pub(super) async fn replayed(store: &impl Store, filter: &DeliveryFilter) -> Vec<Replayed> {
    let clock = ManualClock::new(NOW);
    let page = replay((store, &clock), (filter, None, 100)).await.unwrap();
    balances(store).await;
    assert_eq!(page.next, None);
    page.replayed
}

fn outcomes(replayed: &[Replayed]) -> Vec<(u64, Result<bool, NotReplayed>)> {
    let told = |one: &Replayed| {
        let outcome = one.outcome.as_ref().map(|jti| *jti == one.jti);
        (one.sequence, outcome.map_err(|reason| *reason))
    };
    replayed.iter().map(told).collect()
}

async fn names(store: &impl Store, stream: &StreamId) -> Vec<(u64, Jti, Standing)> {
    let found = store.find_deliveries(&of(stream), None, 100).await.unwrap();
    let told = found.into_iter();
    told.map(|one| (one.sequence, one.jti, one.standing))
        .collect()
}

pub(crate) async fn what_was_refused_is_sent_again_under_its_number_and_name(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let first = due(store, &leased, NOW).await.remove(0);
    let settled = store
        .settle(&leased.lease, &[refused_attempt(1)], None, NOW)
        .await;
    settled.unwrap();
    assert_eq!(due(store, &leased, NOW).await, []);

    let again = replayed(store, &of(&stream.id)).await;
    assert_eq!(outcomes(&again), [(1, Ok(true))]);
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.pending, ledger.quarantined), (1, 0));
    assert_eq!((ledger.numbered, ledger.replayed), (1, 0));
    let second = due(store, &leased, NOW).await.remove(0);
    assert_eq!((second.jti, second.attempts), (first.jti, 0));

    let settled = store
        .settle(&leased.lease, &[acknowledged(1)], None, NOW)
        .await;
    settled.unwrap();
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.pending, ledger.acknowledged), (0, 1));
    let found = store.find_deliveries(&of(&stream.id), None, 10).await;
    assert_eq!(
        found.unwrap()[0].failed,
        1,
        "what was before is not forgotten"
    );
}

pub(crate) async fn what_was_refused_and_is_sent_again_is_not_dropped_for_its_age(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let events = [ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(store, events.to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = store
        .settle(&leased.lease, &[refused_attempt(1)], None, NOW)
        .await;
    settled.unwrap();
    let again = replayed(store, &of(&stream.id)).await;
    assert!(outcomes(&again).contains(&(1, Ok(true))));

    assert_eq!(
        store.expire_pending(later(1), later(9), 10).await.unwrap(),
        1,
        "the other one is as old"
    );
    let left = due(store, &leased, later(9)).await;
    let left: Vec<u64> = left.iter().map(|one| one.sequence).collect();
    assert_eq!(left, [1]);
}

pub(crate) async fn what_was_taken_is_sent_anew_under_another_number_and_name(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let first = due(store, &leased, NOW).await.remove(0);
    let settled = store
        .settle(&leased.lease, &[acknowledged(1)], None, NOW)
        .await;
    settled.unwrap();
    let of_event = DeliveryFilter {
        event: Some(ids[0]),
        ..DeliveryFilter::default()
    };
    let anew = replayed(store, &of_event).await;
    assert_eq!(outcomes(&anew), [(1, Ok(false))]);
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.acknowledged, ledger.pending), (1, 1));
    assert_eq!(
        (ledger.matched, ledger.replayed, ledger.numbered),
        (1, 1, 2)
    );
    let second = due(store, &leased, NOW).await.remove(0);
    assert_eq!(second.sequence, 2);
    assert_ne!(second.jti, first.jti);
    assert_eq!((second.event.id, &second.sub_id), (ids[0], &first.sub_id));

    // Asked for again, it is not sent a third time under its former name.
    let named = DeliveryFilter {
        jtis: Some(vec![first.jti]),
        ..DeliveryFilter::default()
    };
    let since = Err(NotReplayed::ReplayedSince);
    assert_eq!(outcomes(&replayed(store, &named).await), [(1, since)]);
    let settled = store
        .settle(&leased.lease, &[acknowledged(2)], None, NOW)
        .await;
    settled.unwrap();
    let all = replayed(store, &of_event).await;
    assert_eq!(outcomes(&all), [(1, since), (2, Ok(false))]);
    assert_eq!(names(store, &stream.id).await.len(), 3);
}

pub(crate) async fn what_is_sent_again_keeps_order_with_what_is_pending(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let new = || event(LOGOUT, email(ALICE));
    accept(store, vec![new(), new(), new(), event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    for sequence in [1, 2] {
        let settled = store
            .settle(&leased.lease, &[refused_attempt(sequence)], None, NOW)
            .await;
        settled.unwrap();
    }
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3, 4]);
    replayed(store, &of(&stream.id)).await;
    let expected = [1, 4];
    let mut now = sequences(&due(store, &leased, NOW).await);
    now.sort_unstable();
    assert_eq!(now, expected);
    // What was under way when it was held back is not due before its turn, although it fails then.
    let failed = store
        .settle(&leased.lease, &[postponed(3, 1, NOW)], None, NOW)
        .await;
    failed.unwrap();
    let mut now = sequences(&due(store, &leased, NOW).await);
    now.sort_unstable();
    assert_eq!(now, expected);
    for sequence in [1, 2, 3] {
        let settled = store
            .settle(&leased.lease, &[acknowledged(sequence)], None, NOW)
            .await;
        settled.unwrap();
    }
    assert_eq!(sequences(&due(store, &leased, NOW).await), [4]);
}

pub(crate) async fn what_is_sent_once_more_on_a_held_stream_waits_for_that(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(store, users.to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = [acknowledged(1), refused_attempt(2)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    set_status(store, &stream, StreamStatus::Paused).await;
    let both = replayed(store, &of(&stream.id)).await;
    assert_eq!(outcomes(&both), [(1, Ok(false)), (2, Ok(true))]);
    assert_eq!(due(store, &leased, NOW).await, []);
    let held = names(store, &stream.id).await;
    let held: Vec<u64> = (held.into_iter())
        .filter_map(|(number, _, standing)| (standing == Standing::Held).then_some(number))
        .collect();
    assert_eq!(held, [2, 3]);
    set_status(store, &stream, StreamStatus::Enabled).await;
    let mut now = sequences(&due(store, &leased, NOW).await);
    now.sort_unstable();
    assert_eq!(now, [2, 3]);
    set_status(store, &stream, StreamStatus::Disabled).await;
    let none = replayed(store, &of(&stream.id)).await;
    let dropped = Err(NotReplayed::Dropped);
    let since = Err(NotReplayed::ReplayedSince);
    assert_eq!(outcomes(&none), [(1, since), (2, dropped), (3, dropped)]);
}

pub(crate) async fn a_poll_gets_what_is_sent_once_more(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let first = poll(store, &stream, 10, NOW).await.deliveries;
    take(store, &stream, acknowledging(&first, NOW), NOW).await;
    replayed(store, &of(&stream.id)).await;
    let second = poll(store, &stream, 10, NOW).await.deliveries;
    assert_eq!(sequences(&second), [2]);
    assert_ne!(second[0].jti, first[0].jti);
}

pub(crate) async fn a_page_of_what_is_sent_once_more_tells_where_the_next_begins(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(store, users.to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let both = [refused_attempt(1), refused_attempt(2)];
    store.settle(&leased.lease, &both, None, NOW).await.unwrap();
    let clock = ManualClock::new(NOW);
    let filter = of(&stream.id);
    let first = replay((store, &clock), (&filter, None, 1)).await.unwrap();
    assert_eq!(outcomes(&first.replayed), [(1, Ok(true))]);
    let (id, number) = first.next.unwrap();
    assert_eq!((&id, number), (&stream.id, 1));
    let after = Some((&id, number));
    let second = replay((store, &clock), (&filter, after, 2)).await.unwrap();
    assert_eq!(outcomes(&second.replayed), [(2, Ok(true))]);
    assert_eq!(second.next, None);
}

pub(crate) async fn what_is_sent_once_more_is_not_in_a_span_that_was_over_before(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = store
        .settle(&leased.lease, &[acknowledged(1)], None, NOW)
        .await;
    settled.unwrap();
    let of_event = DeliveryFilter {
        event: Some(ids[0]),
        until: Some(later(1)),
        ..DeliveryFilter::default()
    };
    let first = replayed(store, &of_event).await;
    assert_eq!(outcomes(&first), [(1, Ok(false))]);
    let mut second = acknowledged(2);
    second.state = DeliveryState::Acknowledged { at: later(2) };
    let settled = store.settle(&leased.lease, &[second], None, later(2)).await;
    settled.unwrap();
    let again = replayed(store, &of_event).await;
    assert_eq!(outcomes(&again), [(1, Err(NotReplayed::ReplayedSince))]);
}

async fn resent(store: &impl Store, stream: &StreamId, numbers: &[RangeInclusive<u64>]) -> String {
    let clock = ManualClock::new(NOW);
    let answer = resend((store, &clock), stream, numbers).await.unwrap();
    balances(store).await;
    serde_json::to_string(&answer).unwrap()
}

pub(crate) async fn what_a_receiver_lost_is_sent_again_under_its_number_and_name(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let events = [ALICE, ALICE, BOB].map(|user| event(LOGOUT, email(user)));
    accept(store, events.to_vec()).await;
    dispatch(store).await;
    let other = known_stream(store, 2, &[LOGOUT]).await;
    let leased = lease(store, 1, NOW).await;
    let first = due(store, &leased, NOW).await.remove(0);
    assert_eq!(first.sequence, 1);
    for sequence in [1, 2] {
        let settled = &[acknowledged(sequence)];
        store
            .settle(&leased.lease, settled, None, NOW)
            .await
            .unwrap();
    }
    let answer = resent(store, &stream.id, &[1..=1, 3..=4]).await;
    assert_eq!(
        answer,
        r#"{"again":[[1,1]],"pending":[[3,3]],"left_out":[{"reason":"not_kept","numbers":[[4,4]]}]}"#
    );
    let ledger = store.ledger().await.unwrap();
    assert_eq!((ledger.acknowledged, ledger.replayed), (1, 0));
    let again = due(store, &leased, NOW).await;
    let again = again.iter().find(|one| one.sequence == 1).unwrap();
    assert_eq!((&again.jti, again.iat), (&first.jti, first.iat));

    // Asked for again at once, it is on its way, and nobody else's is touched.
    let answer = resent(store, &stream.id, &[1..=2]).await;
    assert_eq!(answer, r#"{"again":[[2,2]],"pending":[[1,1]]}"#);
    let answer = resent(store, &other.id, &[1..=1]).await;
    assert_eq!(
        answer,
        r#"{"left_out":[{"reason":"not_kept","numbers":[[1,1]]}]}"#
    );

    for sequence in [1, 2] {
        let settled = &[acknowledged(sequence)];
        store
            .settle(&leased.lease, settled, None, NOW)
            .await
            .unwrap();
    }
    balances(store).await;
    assert_eq!(store.ledger().await.unwrap().acknowledged, 2);
}

pub(crate) async fn what_a_receiver_asks_for_again_keeps_order_with_what_is_pending(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE)); 2]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = &[acknowledged(1)];
    store
        .settle(&leased.lease, settled, None, NOW)
        .await
        .unwrap();
    let due_now = async || -> Vec<u64> {
        let due = due(store, &leased, NOW).await;
        due.iter().map(|one| one.sequence).collect()
    };
    assert_eq!(due_now().await, [2]);
    resent(store, &stream.id, &[1..=1]).await;
    assert_eq!(due_now().await, [1], "the later one waits for it");
    let settled = &[acknowledged(1)];
    store
        .settle(&leased.lease, settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(due_now().await, [2]);
}
