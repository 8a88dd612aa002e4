//! What every store promises about how a Receiver has answered, and about what it forgets when that acts.

use std::{collections::HashMap, convert::Infallible};

use ssf_transmitter::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        circuit::Health,
        delivery::{DeliveryState, Offer},
        dropped::{DropReason, DropRecord},
        issuer::IssuerName,
        room::Room,
        stream::Stream,
        trouble::{PauseCause, Trouble, TroubleKind},
        verification::{VerificationError, verification},
    },
    ports::{ChangedStream, Fenced, LeasedStream, SentAlone, Settlement},
};
use ssf_types::{id::Jti, stream::StreamStatus, time::Timestamp};
use uuid::Uuid;

use super::{super::fixture::*, announcement::decide_status};

/// A stream on which everything is as it never is by default.
fn troubled(acts: u64) -> Health {
    Health {
        trouble: Some(Trouble {
            kind: TroubleKind::Gone,
            since: later(1),
            last: "404".to_owned(),
        }),
        rests: 4,
        not_before: later(300),
        failed_sets: 3,
        failed_through: 7,
        misdirected: 2,
        acts,
    }
}

/// A stream that rests with one delivery, which has failed.
async fn resting_stream(store: &impl Store) -> Stream {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let failed = [postponed(1, 5, later(200))];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    give_back(store, &leased, &troubled(0)).await;
    stream
}

async fn give_back(store: &impl Store, leased: &LeasedStream, health: &Health) {
    let released = store.release(&leased.lease, health).await.unwrap();
    assert_eq!(released, Fenced::Stored);
}

async fn health(store: &impl Store, stream: &Stream) -> Health {
    let health = store.health(&stream.issuer, &stream.id).await;
    health.unwrap().unwrap()
}

fn jti() -> Jti {
    Jti::parse(Uuid::new_v4().simple().to_string()).unwrap()
}

/// Pauses a stream as delivering does; what it decides on is told how often the Receiver has acted.
async fn pause(store: &impl Store, stream: &Stream) -> u64 {
    let mut acts = 0;
    let decide = |stream: &Stream, known: Circumstances| {
        acts = known.acts;
        let ids = (event_id(), jti());
        let decision = StatusDecision::paused(stream, PauseCause::Gone, NOW, ids);
        Ok::<_, Infallible>(decision)
    };
    let paused = store.decide_status(&stream.issuer, &stream.id, NOW, decide);
    assert!(matches!(
        paused.await.unwrap(),
        ChangedStream::Changed { .. }
    ));
    acts
}

fn refused_key(sequence: u64, key_refusals: u32, due: Timestamp) -> Settlement {
    Settlement {
        sequence,
        state: DeliveryState::Pending {
            attempts: 9,
            key_refusals,
            due,
        },
        answer: None,
    }
}

pub(crate) async fn how_a_receiver_has_answered_is_kept_and_told(store: &impl Store) {
    let stream = resting_stream(store).await;
    assert_eq!(health(store, &stream).await, troubled(0));
    assert_eq!(store.next_due().await.unwrap(), Some(later(300)));
    assert_eq!(lease(store, 1, later(300)).await.health, troubled(0));
    for kind in TroubleKind::ALL {
        let leased = lease(store, 1, later(600)).await;
        let mut other = troubled(0);
        other.trouble.as_mut().unwrap().kind = kind;
        give_back(store, &leased, &other).await;
        assert_eq!(health(store, &stream).await, other);
    }
    let leased = lease(store, 1, later(600)).await;
    give_back(store, &leased, &Health::default()).await;
    assert_eq!(health(store, &stream).await, Health::default());
    let other = IssuerName::parse("acme").unwrap();
    assert_eq!(store.health(&other, &stream.id).await.unwrap(), None);
}

pub(crate) async fn how_a_receiver_has_answered_is_kept_with_what_is_settled(store: &impl Store) {
    let stream = resting_stream(store).await;
    let leased = lease(store, 1, later(300)).await;
    let mut worse = troubled(0);
    worse.rests = 5;
    let settled = store.settle(&leased.lease, &[], Some(&worse), NOW).await;
    assert_eq!(settled.unwrap(), Fenced::Stored);
    assert_eq!(health(store, &stream).await, worse);
    // The Receiver has acted since: what was learnt before is void.
    set_status(store, &stream, StreamStatus::Enabled).await;
    let late = store.settle(&leased.lease, &[], Some(&worse), NOW).await;
    assert_eq!(late.unwrap(), Fenced::Stored);
    assert_eq!(health(store, &stream).await.rests, 0);
}

pub(crate) async fn streams_with_trouble_are_counted_by_its_kind(store: &impl Store) {
    assert_eq!(store.troubles().await.unwrap(), HashMap::new());
    resting_stream(store).await;
    known_stream(store, 2, &[LOGOUT]).await;
    let counted = HashMap::from([(TroubleKind::Gone, 1)]);
    assert_eq!(store.troubles().await.unwrap(), counted);
}

pub(crate) async fn a_disabled_stream_is_in_no_trouble_and_a_paused_one_is(store: &impl Store) {
    let stream = resting_stream(store).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    let counted = HashMap::from([(TroubleKind::Gone, 1)]);
    assert_eq!(store.troubles().await.unwrap(), counted);
    assert_eq!(store.open_circuits().await.unwrap(), 1);
    decide_status(store, &stream, StreamStatus::Disabled).await;
    assert_eq!(store.troubles().await.unwrap(), HashMap::new());
    assert_eq!(store.open_circuits().await.unwrap(), 0);
}

pub(crate) async fn a_stream_is_in_trouble_before_its_circuit_opens(store: &impl Store) {
    resting_stream(store).await;
    known_stream(store, 2, &[PASSWORD]).await;
    assert_eq!(store.open_circuits().await.unwrap(), 1);
    let leased = lease(store, 1, later(300)).await;
    let closed = Health {
        rests: 0,
        ..troubled(0)
    };
    give_back(store, &leased, &closed).await;
    let counted = HashMap::from([(TroubleKind::Gone, 1)]);
    assert_eq!(store.troubles().await.unwrap(), counted);
    assert_eq!(store.open_circuits().await.unwrap(), 0);
}

pub(crate) async fn a_receiver_that_changes_its_stream_closes_the_circuit(store: &impl Store) {
    let stream = resting_stream(store).await;
    change(store, &stream, |stream| stream.description = None).await;
    assert_eq!(
        health(store, &stream).await,
        Health {
            acts: 1,
            ..Health::default()
        }
    );
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
}

pub(crate) async fn a_receiver_that_enables_its_stream_once_more_closes_the_circuit(
    store: &impl Store,
) {
    let stream = resting_stream(store).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!((leased.health.rests, leased.health.acts), (0, 1));
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
}

pub(crate) async fn a_verification_that_is_requested_closes_the_circuit(store: &impl Store) {
    let stream = resting_stream(store).await;
    let decide = |stream: &Stream, before| {
        let interval = std::time::Duration::from_secs(30);
        verification(stream, None, before, interval, NOW, (event_id(), jti()))
    };
    let sent = store.send_verification(stream.receiver, &stream.id, NOW, decide);
    assert_eq!(sent.await.unwrap(), SentAlone::Numbered);
    let leased = lease(store, 1, NOW).await;
    assert_eq!((leased.health.rests, leased.health.acts), (0, 1));
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
    // One that is refused is no act.
    let sent = store.send_verification(stream.receiver, &stream.id, NOW, decide);
    assert!(matches!(
        sent.await.unwrap(),
        SentAlone::Refused(VerificationError::TooSoon { .. })
    ));
    assert_eq!(health(store, &stream).await.acts, 1);
}

pub(crate) async fn a_stop_leaves_the_circuit_as_it_is_and_a_start_closes_it(store: &impl Store) {
    let stream = resting_stream(store).await;
    set_status(store, &stream, StreamStatus::Paused).await;
    decide_status(store, &stream, StreamStatus::Disabled).await;
    assert_eq!(health(store, &stream).await, troubled(0));
    decide_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(health(store, &stream).await.rests, 0);
}

pub(crate) async fn the_transmitter_alone_does_not_close_the_circuit(store: &impl Store) {
    let stream = resting_stream(store).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    assert_eq!(health(store, &stream).await, troubled(0));
    let none = store.lease_streams(worker(1), later(299), later(330), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
}

pub(crate) async fn what_was_learnt_before_the_receiver_acted_is_void(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    give_back(store, &leased, &troubled(0)).await;
    let again = lease(store, 1, NOW).await;
    assert_eq!((again.health.rests, again.health.acts), (0, 1));
    give_back(store, &again, &troubled(1)).await;
    assert_eq!(health(store, &stream).await, troubled(1));
}

pub(crate) async fn who_pauses_a_stream_is_told_whether_its_receiver_has_acted(store: &impl Store) {
    let stream = resting_stream(store).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(pause(store, &stream).await, 1);
}

pub(crate) async fn a_refused_key_is_counted_and_keeps_its_schedule(store: &impl Store) {
    let stream = resting_stream(store).await;
    let leased = lease(store, 1, later(300)).await;
    let refused = [refused_key(1, 2, later(900))];
    store
        .settle(&leased.lease, &refused, None, NOW)
        .await
        .unwrap();
    set_status(store, &stream, StreamStatus::Enabled).await;
    assert_eq!(due(store, &leased, later(899)).await, []);
    let again = due(store, &leased, later(900)).await;
    assert_eq!((again[0].attempts, again[0].key_refusals), (9, 2));
    // It goes to another place, which may have the key.
    change(store, &stream, |stream| {
        stream.delivery = without_secret(&stream.delivery);
    })
    .await;
    let leased = lease(store, 2, later(1)).await;
    let again = due(store, &leased, later(1)).await;
    assert_eq!((again[0].attempts, again[0].key_refusals), (9, 0));
}

pub(crate) async fn a_pause_that_was_not_taken_is_dropped_with_a_record(store: &impl Store) {
    let stream = resting_stream(store).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    pause(store, &stream).await;
    let leased = lease(store, 1, NOW).await;
    let offered = due(store, &leased, NOW).await;
    assert_eq!(
        (offered[0].sequence, offered[0].offer, offered.len()),
        (2, Offer::Once, 1)
    );
    let reason = DropReason::AnnouncementFailed;
    let dropped = Settlement {
        sequence: 2,
        state: DeliveryState::Dropped { at: NOW, reason },
        answer: None,
    };
    let settled = [dropped.clone(), dropped];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(due(store, &leased, later(900)).await, []);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(drops, [DropRecord::new(reason, 1, NOW)]);
    // What the operator announces then waits for nothing.
    decide_status(store, &stream, StreamStatus::Disabled).await;
    let told = due(store, &leased, NOW).await;
    assert_eq!(
        (sequences(&told), told[0].offer),
        (vec![3], Offer::UntilSettled)
    );
}

pub(crate) async fn a_pause_that_is_over_is_not_announced_any_more(store: &impl Store) {
    let stream = resting_stream(store).await;
    pause(store, &stream).await;
    set_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let reason = DropReason::AnnouncementOutdated;
    assert_eq!(drops, [DropRecord::new(reason, 1, NOW)]);
}

pub(crate) async fn a_start_by_the_operator_is_announced_instead_of_the_pause(store: &impl Store) {
    let stream = resting_stream(store).await;
    pause(store, &stream).await;
    decide_status(store, &stream, StreamStatus::Enabled).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [3]);
}
