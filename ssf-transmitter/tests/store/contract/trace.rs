//! What every store promises about telling what has become of events and deliveries.

use std::collections::HashMap;

use futures_util::future::join_all;
use ssf_transmitter::{
    domain::{
        attempt::{AnswerClass, Attempt},
        delivery::DeliveryState,
        id::EventId,
        room::Room,
        stream::Stream,
        trace::{Asked, Certainty, Recollection, Standing, TracedDelivery, TracedEvent, Unsent},
    },
    ports::{DeliveryFilter, Finished, PollStep, Settlement, Sought, Traced},
};
use ssf_types::{
    error::ErrCode,
    id::StreamId,
    push::{PushError, PushOutcome},
    stream::StreamStatus,
    uri::EventTypeUri,
};

use super::{
    super::fixture::*,
    poll::{poll, polled_stream, take, wanting},
};

fn answered(outcome: &PushOutcome) -> Attempt {
    Attempt::pushed(outcome, NOW)
}

/// A push that failed with 500, as the one with this number.
fn failed(sequence: u64, attempts: u32) -> Settlement {
    let outcome = PushOutcome::Failed(ssf_types::push::Failure::Status(500));
    Settlement {
        answer: Some(answered(&outcome)),
        ..postponed(sequence, attempts, NOW)
    }
}

fn taken(sequence: u64, status: u16) -> Settlement {
    Settlement {
        answer: Some(answered(&PushOutcome::Acknowledged { status })),
        ..acknowledged(sequence)
    }
}

/// A push that was refused for good.
pub(super) fn refused_attempt(sequence: u64) -> Settlement {
    let error = PushError::new(ErrCode::InvalidRequest, "what is alice@example.com");
    Settlement {
        sequence,
        state: DeliveryState::refused(&error, NOW),
        answer: Some(answered(&PushOutcome::SetRefused(error))),
    }
}

async fn found(store: &impl Store, sought: &Sought) -> Vec<TracedEvent> {
    store.find_events(sought, 0, 10).await.unwrap()
}

async fn traced(store: &impl Store, id: EventId) -> (TracedEvent, Traced) {
    let event = found(store, &Sought::Event(id)).await.remove(0);
    let traced = store.trace(&event, (None, 100), decide).await.unwrap();
    (event, traced)
}

async fn delivery_of(store: &impl Store, id: EventId) -> TracedDelivery {
    let (_, mut traced) = traced(store, id).await;
    let deliveries = traced.streams.iter_mut();
    let mut deliveries = deliveries.flat_map(|one| one.deliveries.drain(..));
    deliveries.next().unwrap()
}

pub(crate) async fn the_first_attempts_that_failed_and_the_latest_are_kept(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    for attempts in 1..=30 {
        let failed = [failed(1, attempts)];
        store
            .settle(&leased.lease, &failed, None, NOW)
            .await
            .unwrap();
    }
    let refusal = store
        .settle(&leased.lease, &[refused_attempt(1)], None, NOW)
        .await;
    refusal.unwrap();
    let delivery = delivery_of(store, ids[0]).await;
    assert_eq!(delivery.standing, Standing::Quarantined);
    assert_eq!(delivery.failed, 31);
    let numbers: Vec<u32> = delivery
        .attempts
        .iter()
        .map(|(number, _)| *number)
        .collect();
    let expected: Vec<u32> = (1..=5).chain(17..=31).collect();
    assert_eq!(numbers, expected);
    let (_, first) = &delivery.attempts[0];
    assert_eq!(
        (first.class, first.status),
        (AnswerClass::Failed, Some(500))
    );
    let (_, last) = delivery.attempts.last().unwrap();
    assert_eq!((last.class, last.status), (AnswerClass::Refused, Some(400)));
    assert_eq!(last.code.as_deref(), Some("invalid_request"));
    let words = last.description.as_deref();
    assert_eq!(words, Some("what is alice@example.com"));
}

pub(crate) async fn what_is_acknowledged_at_once_has_a_status_and_no_attempts(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = store
        .settle(&leased.lease, &[taken(1, 204)], None, NOW)
        .await;
    settled.unwrap();
    let delivery = delivery_of(store, ids[0]).await;
    assert_eq!(delivery.standing, Standing::Delivered);
    assert_eq!((delivery.status, delivery.failed), (Some(204), 0));
    assert_eq!((delivery.settled_at, delivery.due), (Some(NOW), None));
    assert_eq!(delivery.attempts, []);
}

pub(crate) async fn what_is_acknowledged_at_the_same_time_keeps_its_moment_and_its_status(
    store: &impl Store,
) {
    const STREAMS: u8 = 6;
    for number in 1..=STREAMS {
        known_stream(store, number, &[LOGOUT]).await;
    }
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(STREAMS.into()))
        .await
        .unwrap();
    let answers = (0_u16..).map(|number| (later(u64::from(number / 2)), 200 + number % 3));
    let expected: HashMap<StreamId, _> = leased
        .iter()
        .map(|one| one.lease.stream.clone())
        .zip(answers)
        .collect();
    join_all(expected.iter().map(async |(stream, (at, status))| {
        let owned = leased.iter().find(|one| one.lease.stream == *stream);
        let settlements = [Settlement {
            state: DeliveryState::Acknowledged { at: *at },
            ..taken(1, *status)
        }];
        let finished = store.finish(&owned.unwrap().lease, &settlements, None, later(30));
        assert_eq!(finished.await.unwrap(), Finished::GivenBack);
    }))
    .await;
    let (_, traced) = traced(store, ids[0]).await;
    let kept: HashMap<StreamId, _> = traced
        .streams
        .into_iter()
        .map(|one| {
            let delivery = &one.deliveries[0];
            let answer = (delivery.settled_at.unwrap(), delivery.status.unwrap());
            (one.stream.id, answer)
        })
        .collect();
    assert_eq!(kept, expected);
}

pub(crate) async fn what_a_poll_said_of_a_set_is_told_in_its_words(store: &impl Store) {
    let stream = polled_stream(store, 1, &[LOGOUT]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let handed_out = poll(store, &stream, 10, NOW).await.deliveries;
    let out = delivery_of(store, ids[0]).await;
    assert_eq!(out.with_receiver_until, Some(later(60)));
    assert_eq!(out.standing, Standing::Pending);
    let error = PushError::new(ErrCode::InvalidRequest, "who is that");
    let state = DeliveryState::refused(&error, NOW);
    let says = PollStep {
        settled: [(handed_out[0].jti.clone(), state)].into(),
        ..wanting(10, NOW)
    };
    take(store, &stream, says, NOW).await;
    let refused = delivery_of(store, ids[0]).await;
    assert_eq!(refused.standing, Standing::Quarantined);
    let (number, attempt) = &refused.attempts[0];
    assert_eq!((*number, attempt.class), (1, AnswerClass::Refused));
    assert_eq!((attempt.status, attempt.at), (None, NOW));
    assert_eq!(attempt.description.as_deref(), Some("who is that"));
}

pub(crate) async fn an_event_is_found_by_its_id_a_jti_or_its_txn(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let mut with_txn = event(LOGOUT, email(ALICE));
    with_txn.txn = Some(ssf_types::id::Txn::parse("case-7").unwrap());
    let events = vec![with_txn.clone(), event(LOGOUT, email(BOB)), with_txn];
    let ids = accept(store, events).await;
    dispatch(store).await;
    let sought = async |sought: Sought| {
        let found = found(store, &sought).await;
        found.iter().map(|one| one.event.id).collect::<Vec<_>>()
    };
    assert_eq!(sought(Sought::Event(ids[1])).await, ids[1..2]);
    let cause = Sought::Txn("case-7".to_owned());
    assert_eq!(sought(cause.clone()).await, [ids[0], ids[2]]);
    let own = Sought::Txn(ids[1].to_string());
    assert_eq!(sought(own).await, ids[1..2]);
    // One that was handed in with a txn is not found by its own id instead.
    assert_eq!(sought(Sought::Txn(ids[0].to_string())).await, []);
    let jti = delivery_of(store, ids[2]).await.jti;
    assert_eq!(sought(Sought::Jti(jti)).await, ids[2..]);
    let first = found(store, &cause).await.remove(0);
    let rest = store.find_events(&cause, first.position + 1, 10).await;
    assert_eq!(rest.unwrap()[0].event.id, ids[2]);
    let one = store.find_events(&cause, 0, 1).await.unwrap();
    assert_eq!(one.len(), 1);
}

fn why(event: &TracedEvent, traced: &Traced, of: &Stream) -> (Unsent, Certainty) {
    let recollection = Recollection::new(event, traced.decided.clone());
    let mut streams = traced.streams.iter();
    let found = streams.find(|one| one.stream.id == of.id).unwrap();
    assert_eq!(found.deliveries, []);
    recollection.of(&found.stream, found.asked)
}

pub(crate) async fn a_trace_tells_of_each_stream_what_became_of_the_event(store: &impl Store) {
    let pushed = known_stream(store, 1, &[LOGOUT]).await;
    let disabled = known_stream(store, 2, &[LOGOUT]).await;
    set_status(store, &disabled, StreamStatus::Disabled).await;
    let other_type = known_stream(store, 3, &[PASSWORD]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    let (waiting, early) = traced(store, ids[0]).await;
    assert_eq!(waiting.fanned_out, None);
    let (reason, _) = why(&waiting, &early, &pushed);
    assert_eq!(reason.as_str(), "waits_for_fan_out");
    dispatch(store).await;
    let too_late = known_stream(store, 4, &[LOGOUT]).await;
    ask_for(store, &other_type, &[LOGOUT]).await;
    let (event, traced) = traced(store, ids[0]).await;
    let recorded = event.fanned_out.clone().unwrap();
    assert_eq!((recorded.at, recorded.matched), (NOW, 1));
    assert_eq!(recorded.skipped, [("stream_disabled".to_owned(), 1)].into());
    assert_eq!(traced.kept, 1);
    let mut got = traced
        .streams
        .iter()
        .filter(|one| !one.deliveries.is_empty());
    let got = got.next().unwrap();
    assert_eq!(got.stream.id, pushed.id);
    assert_eq!(got.asked, Asked::Before);
    assert_eq!(got.deliveries[0].event, ids[0]);
    let (reason, certainty) = why(&event, &traced, &disabled);
    assert_eq!(
        (reason.as_str(), certainty),
        ("stream_disabled", Certainty::Then)
    );
    for stream in [&too_late, &other_type] {
        let (reason, certainty) = why(&event, &traced, stream);
        assert_eq!(
            (reason.as_str(), certainty),
            ("asked_later", Certainty::Then)
        );
    }
}

pub(crate) async fn a_trace_is_read_stream_by_stream_and_knows_those_that_are_gone(
    store: &impl Store,
) {
    let mut streams = Vec::new();
    for number in 1..=3 {
        streams.push(known_stream(store, number, &[LOGOUT]).await);
    }
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let gone = streams.remove(1);
    let deleted = store.delete_stream(gone.receiver, &gone.id, NOW).await;
    deleted.unwrap();
    streams.sort_by(|left, right| left.id.as_str().cmp(right.id.as_str()));
    let event = found(store, &Sought::Event(ids[0])).await.remove(0);
    let page = async |after: Option<&StreamId>, limit| {
        let traced = store.trace(&event, (after, limit), decide).await.unwrap();
        assert_eq!(traced.kept, 2);
        let ids = traced.streams.iter().map(|one| one.stream.id.clone());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(event.fanned_out.as_ref().unwrap().matched, 3);
    let all: Vec<StreamId> = streams.iter().map(|one| one.id.clone()).collect();
    assert_eq!(page(None, 10).await, all);
    assert_eq!(page(None, 1).await, all[..1]);
    assert_eq!(page(Some(&all[0]), 10).await, all[1..]);
}

pub(crate) async fn deliveries_are_found_by_where_they_stand_when_and_of_what(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT, PASSWORD]).await;
    let users = ["a", "b", "c", "d"].map(|user| format!("{user}@b.example"));
    let types = [LOGOUT, LOGOUT, PASSWORD, LOGOUT];
    let events = types.iter().zip(&users);
    let events = events.map(|(uri, user)| event(uri, email(user))).collect();
    accept(store, events).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let late = Settlement {
        state: DeliveryState::Acknowledged { at: later(60) },
        ..acknowledged(3)
    };
    let settled = [taken(1, 202), refused_attempt(2), late];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let of_stream = || DeliveryFilter {
        stream: Some(stream.id.clone()),
        ..DeliveryFilter::default()
    };
    let numbers = async |filter: DeliveryFilter| {
        let found = store.find_deliveries(&filter, None, 10).await.unwrap();
        found.iter().map(|one| one.sequence).collect::<Vec<_>>()
    };
    assert_eq!(numbers(of_stream()).await, [1, 2, 3, 4]);
    let standing = |standing| DeliveryFilter {
        standing: Some(standing),
        ..of_stream()
    };
    assert_eq!(numbers(standing(Standing::Delivered)).await, [1, 3]);
    assert_eq!(numbers(standing(Standing::Quarantined)).await, [2]);
    assert_eq!(numbers(standing(Standing::Pending)).await, [4]);
    assert_eq!(numbers(standing(Standing::Held)).await, [0; 0]);
    let anywhere = DeliveryFilter {
        stream: None,
        ..standing(Standing::Quarantined)
    };
    assert_eq!(numbers(anywhere).await, [2]);
    let since = DeliveryFilter {
        since: Some(later(1)),
        ..of_stream()
    };
    assert_eq!(numbers(since).await, [3]);
    let until = DeliveryFilter {
        until: Some(later(60)),
        ..of_stream()
    };
    assert_eq!(numbers(until).await, [1, 2, 4]);
    let of_type = DeliveryFilter {
        event_type: Some(EventTypeUri::parse(PASSWORD).unwrap()),
        ..of_stream()
    };
    assert_eq!(numbers(of_type).await, [3]);
    let behind = Some((&stream.id, 2));
    let page = store
        .find_deliveries(&of_stream(), behind, 1)
        .await
        .unwrap();
    assert_eq!((page.len(), page[0].sequence), (1, 3));
    set_status(store, &stream, StreamStatus::Paused).await;
    assert_eq!(numbers(standing(Standing::Held)).await, [4]);
    set_status(store, &stream, StreamStatus::Disabled).await;
    assert_eq!(numbers(standing(Standing::Dropped)).await, [4]);
}
