//! What every store promises, in sentences. The rules are those in the head of `ports`.

use ssf_transmitter::{
    domain::{
        credential::Credential,
        delivery::DeliveryState,
        dropped::{DropReason, DropRecord},
        fan_out::StepMax,
        room::Room,
        subjects::SubjectPreference,
    },
    ports::{
        AddedReceiver, Appended, ChangedStream, CreatedStream, DeletedStream, FannedOut, Fenced,
        FirstWrite, Settlement,
    },
};
use ssf_types::{error::ErrCode, id::StreamId, subject::SimpleSubject};

use super::fixture::*;

mod announcement;
pub(crate) mod at_once;
mod audit;
mod circuit;
mod finish;
mod horizon;
mod issuers;
mod keys;
mod ledger;
mod lost_leases;
mod operators;
mod overview;
pub(crate) mod poll;
mod profiles;
mod push_hosts;
mod quotas;
mod receivers;
mod replay;
mod retention;
mod sequence;
mod signing_alg;
mod status;
mod subjects;
mod tending;
mod trace;
mod turns;
mod verification;

pub(crate) use self::{
    announcement::*, at_once::*, audit::*, circuit::*, finish::*, horizon::*, issuers::*, keys::*,
    ledger::*, lost_leases::*, operators::*, overview::*, poll::*, profiles::*, push_hosts::*,
    quotas::*, receivers::*, replay::*, retention::*, sequence::*, signing_alg::*, status::*,
    subjects::*, tending::*, trace::*, turns::*, verification::*,
};

pub(crate) async fn an_accepted_event_reaches_each_interested_stream_once(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    known_stream(store, 2, &[LOGOUT, PASSWORD]).await;
    known_stream(store, 3, &[PASSWORD]).await;
    let ids = accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 2));
    assert_eq!(dispatch(store).await, (0, 0));
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(10))
        .await
        .unwrap();
    assert_eq!(leased.len(), 2);
    for stream in &leased {
        let due = due(store, stream, NOW).await;
        assert_eq!(sequences(&due), [1]);
        assert_eq!(due[0].event.id, ids[0]);
        assert_eq!(due[0].event.event, event(LOGOUT, email(ALICE)));
        assert_eq!(due[0].event.accepted_at, NOW);
        assert_eq!(due[0].sub_id, email(ALICE).into());
        assert_eq!((due[0].iat, due[0].attempts), (NOW, 0));
    }
}

pub(crate) async fn a_stream_gets_no_event_that_was_accepted_before_it(store: &impl Store) {
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    assert_eq!(dispatch(store).await, (2, 1));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(due(store, &leased, NOW).await[0].sub_id, email(BOB).into());
}

pub(crate) async fn deliveries_are_numbered_from_one_without_gaps(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    for users in [
        ["a@b.example", "c@b.example"],
        ["d@b.example", "e@b.example"],
    ] {
        let events = users.map(|user| event(LOGOUT, email(user)));
        accept(store, events.to_vec()).await;
        dispatch(store).await;
    }
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2, 3, 4]);
}

pub(crate) async fn a_step_of_the_fan_out_takes_the_oldest_events_first(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example"];
    let ids = accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    for expected in [2, 1, 0] {
        let done = store
            .fan_out(held, NOW, StepMax::events(2), decide)
            .await
            .unwrap();
        let all = FannedOut::Done {
            events: expected,
            deliveries: expected,
        };
        assert_eq!(done, all);
    }
    let leased = lease(store, 1, NOW).await;
    let order: Vec<_> = due(store, &leased, NOW)
        .await
        .iter()
        .map(|delivery| delivery.event.id)
        .collect();
    assert_eq!(order, ids);
}

pub(crate) async fn a_step_of_the_fan_out_ends_where_its_deliveries_are_many(store: &impl Store) {
    for token in 1..=3 {
        known_stream(store, token, &[LOGOUT]).await;
    }
    let users = ["a@b.example", "c@b.example", "d@b.example", "e@b.example"];
    let ids = accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    for (deliveries_max, events) in [(1, 1), (4, 2), (4, 1), (4, 0)] {
        let most = StepMax {
            events: 10,
            deliveries: deliveries_max,
        };
        let done = store.fan_out(held, NOW, most, decide).await.unwrap();
        let expected = FannedOut::Done {
            events,
            deliveries: 3 * events,
        };
        assert_eq!(done, expected);
    }
    balances(store).await;
    let leased = store.lease_streams(worker(1), NOW, later(30), Room::of(10));
    let leased = leased.await.unwrap();
    assert_eq!(leased.len(), 3);
    for stream in &leased {
        let order: Vec<_> = due(store, stream, NOW)
            .await
            .iter()
            .map(|delivery| delivery.event.id)
            .collect();
        assert_eq!(order, ids);
    }
}

pub(crate) async fn a_submission_larger_than_one_statement_is_accepted_whole(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = (0..2500).map(|number| format!("{number}@b.example"));
    let events = users.map(|user| event(LOGOUT, email(&user))).collect();
    let ids = accept(store, events).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let held = held.unwrap().unwrap();
    let done = store
        .fan_out(held, NOW, StepMax::events(3000), decide)
        .await
        .unwrap();
    let expected = FannedOut::Done {
        events: 2500,
        deliveries: 2500,
    };
    assert_eq!(done, expected);
    let leased = lease(store, 1, NOW).await;
    let due = store.due(&leased.lease, NOW, 3000, &[]).await.unwrap();
    assert_eq!(sequences(&due), (1..=2500).collect::<Vec<_>>());
    let order: Vec<_> = due.iter().map(|delivery| delivery.event.id).collect();
    assert_eq!(order, ids);
}

pub(crate) async fn the_chosen_identifier_is_kept_with_the_delivery(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let opaque = SimpleSubject::Opaque { id: "7".into() };
    let aliases = SimpleSubject::Aliases {
        identifiers: vec![opaque, email(ALICE)],
    };
    accept(store, vec![event(LOGOUT, aliases)]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(
        due(store, &leased, NOW).await[0].sub_id,
        email(ALICE).into()
    );
}

pub(crate) async fn a_stream_without_a_suitable_identifier_gets_nothing(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let aliases = SimpleSubject::Aliases {
        identifiers: vec![email(ALICE)],
    };
    accept(store, vec![event(LOGOUT, aliases)]).await;
    let held = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let preference = SubjectPreference::new(["did"]).unwrap();
    let none = |event: &_, streams: &[StreamId]| {
        ssf_transmitter::domain::fan_out::fan_out(event, streams, &preference, NOW, || {
            unreachable!("nothing fits")
        })
    };
    let done = store
        .fan_out(held.unwrap().unwrap(), NOW, StepMax::events(10), none)
        .await;
    let expected = FannedOut::Done {
        events: 1,
        deliveries: 0,
    };
    assert_eq!(done.unwrap(), expected);
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn a_repeated_submission_is_answered_as_before_and_adds_nothing(
    store: &impl Store,
) {
    known_stream(store, 1, &[LOGOUT]).await;
    let new = || keyed(1, 1, event(LOGOUT, email(ALICE)));
    let first = store.append(vec![new(), new()], NOW).await.unwrap();
    let [Appended::Accepted(ids), Appended::Replayed(again)] = first.as_slice() else {
        panic!("{first:?}")
    };
    assert_eq!(again.ids, *ids);
    let second = store.append(vec![new()], later(1)).await.unwrap();
    assert_eq!(second, [Appended::Replayed(again.clone())]);
    assert_eq!(again.answer, "answer 1");
    assert_eq!(dispatch(store).await, (1, 1));
}

pub(crate) async fn a_key_with_another_body_is_a_conflict_and_hinders_nobody(store: &impl Store) {
    let new = |key, body| keyed(key, body, event(LOGOUT, email(ALICE)));
    store.append(vec![new(1, 1)], NOW).await.unwrap();
    let batch = vec![new(1, 2), new(2, 3), new(2, 4), new(3, 5)];
    let answers = store.append(batch, NOW).await.unwrap();
    assert!(
        matches!(
            answers.as_slice(),
            [
                Appended::KeyConflict,
                Appended::Accepted(_),
                Appended::KeyConflict,
                Appended::Accepted(_)
            ]
        ),
        "{answers:?}"
    );
    assert_eq!(dispatch(store).await, (3, 0));
}

pub(crate) async fn one_worker_fans_out_at_a_time(store: &impl Store) {
    let first = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let first = first.unwrap().unwrap();
    let refused = store.lease_fan_out(worker(2), later(9), later(19)).await;
    assert_eq!(refused.unwrap(), None);
    let prolonged = store.lease_fan_out(worker(1), later(5), later(15)).await;
    assert_eq!(prolonged.unwrap(), Some(first));
    let second = store.lease_fan_out(worker(2), later(15), later(25)).await;
    assert!(second.unwrap().unwrap().epoch > first.epoch);
}

pub(crate) async fn a_worker_that_lost_the_lease_fans_out_nothing(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    let first = store.lease_fan_out(worker(1), NOW, later(10)).await;
    let second = store.lease_fan_out(worker(2), later(10), later(20)).await;
    let late = store.fan_out(
        first.unwrap().unwrap(),
        later(10),
        StepMax::events(10),
        decide,
    );
    assert_eq!(late.await.unwrap(), FannedOut::LeaseLost);
    let taken = store.fan_out(
        second.unwrap().unwrap(),
        later(10),
        StepMax::events(10),
        decide,
    );
    let expected = FannedOut::Done {
        events: 1,
        deliveries: 1,
    };
    assert_eq!(taken.await.unwrap(), expected);
}

pub(crate) async fn a_stream_has_one_owner_at_a_time(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let first = lease(store, 1, NOW).await;
    let none = store.lease_streams(worker(2), later(29), later(59), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    let renewed = store.renew(&first.lease, later(60)).await.unwrap();
    assert_eq!(renewed, Fenced::Stored);
    let none = store.lease_streams(worker(2), later(59), later(89), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    assert_eq!(store.next_due().await.unwrap(), Some(later(60)));
    let second = lease(store, 2, later(60)).await;
    assert!(second.lease.epoch > first.lease.epoch);
}

pub(crate) async fn the_next_owner_repeats_with_the_same_jti(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let first = lease(store, 1, NOW).await;
    let before = due(store, &first, NOW).await;
    let second = lease(store, 2, later(30)).await;
    assert_eq!(due(store, &second, later(30)).await, before);
}

pub(crate) async fn a_worker_that_lost_a_stream_changes_nothing(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let first = lease(store, 1, NOW).await;
    let second = lease(store, 1, later(30)).await;
    let resume = rested(1, later(300));
    let late = store
        .settle(&first.lease, &[acknowledged(1)], None, later(30))
        .await;
    assert_eq!(late.unwrap(), Fenced::LeaseLost);
    let renewed = store.renew(&first.lease, later(90)).await;
    assert_eq!(renewed.unwrap(), Fenced::LeaseLost);
    let released = store.release(&first.lease, &resume).await;
    assert_eq!(released.unwrap(), Fenced::LeaseLost);
    assert_eq!(due(store, &first, later(30)).await, []);
    assert_eq!(sequences(&due(store, &second, later(30)).await), [1]);
}

pub(crate) async fn deliveries_of_one_user_wait_for_each_other_and_others_pass(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB, ALICE, "Alice@EXAMPLE.com"];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1, 2]);
    // A failure holds the followers back, too.
    let failed = [postponed(1, 1, later(5)), acknowledged(2)];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    assert_eq!(due(store, &leased, later(4)).await, []);
    let again = due(store, &leased, later(5)).await;
    assert_eq!((sequences(&again), again[0].attempts), (vec![1], 1));
    for (settled, next) in [(1, vec![3]), (3, vec![4]), (4, vec![])] {
        let settlement = [acknowledged(settled)];
        store
            .settle(&leased.lease, &settlement, None, later(5))
            .await
            .unwrap();
        assert_eq!(sequences(&due(store, &leased, later(5)).await), next);
    }
}

pub(crate) async fn a_later_event_waits_for_one_that_is_pending(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [1]);
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2]);
}

pub(crate) async fn what_is_settled_stays_so(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let refused = Settlement {
        sequence: 2,
        state: DeliveryState::Quarantined {
            at: NOW,
            code: ErrCode::InvalidKey,
            description: "unknown kid".into(),
        },
        answer: None,
    };
    let settled = [acknowledged(1), refused];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let late = [postponed(1, 1, NOW), postponed(2, 1, NOW)];
    let stored = store.settle(&leased.lease, &late, None, NOW).await.unwrap();
    assert_eq!(stored, Fenced::Stored);
    assert_eq!(due(store, &leased, later(3600)).await, []);
}

pub(crate) async fn a_repeated_settlement_does_not_hurry_a_follower(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, ALICE];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    for settlement in [acknowledged(1), postponed(2, 1, later(5)), acknowledged(1)] {
        let stored = store.settle(&leased.lease, &[settlement], None, NOW).await;
        assert_eq!(stored.unwrap(), Fenced::Stored);
    }
    assert_eq!(due(store, &leased, later(4)).await, []);
    assert_eq!(sequences(&due(store, &leased, later(5)).await), [2]);
}

pub(crate) async fn at_most_as_many_deliveries_as_asked_for_are_due(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example"];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let two = store.due(&leased.lease, NOW, 2, &[]).await.unwrap();
    assert_eq!(sequences(&two), [1, 2]);
}

pub(crate) async fn what_is_under_way_is_not_due_again_and_takes_no_place(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example", "e@b.example"];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let two = store.due(&leased.lease, NOW, 2, &[1, 3]).await.unwrap();
    assert_eq!(sequences(&two), [2, 4]);
    let last = store.due(&leased.lease, NOW, 1, &[1, 2, 3]).await.unwrap();
    assert_eq!(sequences(&last), [4]);
}

pub(crate) async fn a_stream_rests_until_it_may_go_on(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    assert_eq!(store.next_due().await.unwrap(), Some(NOW));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(leased.health.rests, 0);
    let resume = rested(2, later(8));
    let released = store.release(&leased.lease, &resume).await.unwrap();
    assert_eq!(released, Fenced::Stored);
    accept(store, vec![event(LOGOUT, email(BOB))]).await;
    dispatch(store).await;
    assert_eq!(store.next_due().await.unwrap(), Some(later(8)));
    let none = store.lease_streams(worker(1), later(7), later(30), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    assert_eq!(lease(store, 1, later(8)).await.health.rests, 2);
}

pub(crate) async fn a_stream_with_nothing_due_is_not_leased(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let postponed = [postponed(1, 1, later(5))];
    store
        .settle(&leased.lease, &postponed, None, NOW)
        .await
        .unwrap();
    let at_once = rested(0, NOW);
    store.release(&leased.lease, &at_once).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), Some(later(5)));
    let none = store.lease_streams(worker(1), later(4), later(30), Room::of(10));
    assert_eq!(none.await.unwrap(), []);
    let leased = lease(store, 1, later(5)).await;
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    store.release(&leased.lease, &at_once).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None);
}

pub(crate) async fn a_stream_is_read_as_it_was_created(store: &impl Store) {
    let stream = known_stream(store, 1, &[PASSWORD, "urn:example:unknown", LOGOUT]).await;
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read.as_ref(), Some(&stream));
    assert_eq!(store.streams(stream.receiver).await.unwrap(), [stream]);
}

pub(crate) async fn a_stream_is_seen_by_its_receiver_alone(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let other = known_receiver(store, 2).await;
    let read = store.stream(other.id, &stream.id).await.unwrap();
    assert_eq!(read, None);
    assert_eq!(store.streams(other.id).await.unwrap(), []);
    let deleted = store.delete_stream(other.id, &stream.id, NOW).await;
    assert_eq!(deleted.unwrap(), DeletedStream::NotFound);
    let refuse = |_: &_| Err(());
    let changed = store.change_stream(other.id, &stream.id, NOW, refuse);
    assert_eq!(changed.await.unwrap(), ChangedStream::NotFound);
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, Some(stream));
}

pub(crate) async fn a_deleted_stream_is_gone_with_its_deliveries_and_its_lease(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let users = [ALICE, BOB];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    let delete = || store.delete_stream(stream.receiver, &stream.id, later(1));
    let deleted = DeletedStream::Deleted {
        dropped: 1,
        owners: vec![leased.lease.clone()],
    };
    assert_eq!(delete().await.unwrap(), deleted);
    assert_eq!(delete().await.unwrap(), DeletedStream::NotFound);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let record = DropRecord::new(DropReason::StreamDeleted, 1, later(1));
    assert_eq!(drops, [record]);
    let other = known_receiver(store, 2).await;
    assert_eq!(store.drops(other.id, &stream.id).await.unwrap(), []);
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, None);
    assert_eq!(due(store, &leased, NOW).await, []);
    let late = store
        .settle(&leased.lease, &[acknowledged(2)], None, NOW)
        .await;
    assert_eq!(late.unwrap(), Fenced::LeaseLost);
    assert_eq!(store.next_due().await.unwrap(), None);
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    assert_eq!(dispatch(store).await, (1, 0));
}

pub(crate) async fn a_stream_gets_a_type_from_the_moment_it_asks_for_it(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(PASSWORD, email(ALICE))]).await;
    assert_eq!(ask_for(store, &stream, &[LOGOUT, PASSWORD]).await, 0);
    let ids = accept(store, vec![event(PASSWORD, email(BOB))]).await;
    assert_eq!(dispatch(store).await, (2, 1));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(leased.stream.events_delivered, types(&[LOGOUT, PASSWORD]));
    assert_eq!(due(store, &leased, NOW).await[0].event.id, ids[0]);
}

pub(crate) async fn a_type_that_is_asked_for_still_misses_no_event_by_a_change(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    ask_for(store, &stream, &[PASSWORD, LOGOUT]).await;
    assert_eq!(dispatch(store).await, (1, 1));
}

pub(crate) async fn a_type_that_is_no_longer_asked_for_is_dropped_with_a_record(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT, PASSWORD]).await;
    let of = |uri, user| event(uri, email(user));
    accept(store, vec![of(LOGOUT, ALICE), of(PASSWORD, BOB)]).await;
    dispatch(store).await;
    accept(store, vec![of(LOGOUT, ALICE)]).await;
    assert_eq!(ask_for(store, &stream, &[PASSWORD]).await, 1);
    accept(store, vec![of(LOGOUT, ALICE)]).await;
    assert_eq!(dispatch(store).await, (2, 0));
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2]);
    let drops = store.drops(stream.receiver, &stream.id).await.unwrap();
    let reason = DropReason::TypeNoLongerRequested;
    assert_eq!(drops, [DropRecord::new(reason, 1, NOW)]);
    // The numbers go on behind what was dropped.
    accept(store, vec![of(PASSWORD, ALICE)]).await;
    dispatch(store).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2, 3]);
}

pub(crate) async fn what_a_dropped_delivery_held_back_is_due(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT, PASSWORD]).await;
    let of = |uri| event(uri, email(ALICE));
    accept(store, vec![of(LOGOUT), of(PASSWORD), of(PASSWORD)]).await;
    dispatch(store).await;
    assert_eq!(ask_for(store, &stream, &[PASSWORD]).await, 1);
    let leased = lease(store, 1, NOW).await;
    assert_eq!(sequences(&due(store, &leased, NOW).await), [2]);
}

pub(crate) async fn whoever_works_on_a_stream_that_changes_loses_the_lease(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let before = lease(store, 1, NOW).await;
    change(store, &stream, |stream| stream.description = None).await;
    assert_eq!(due(store, &before, NOW).await, []);
    let late = store
        .settle(&before.lease, &[acknowledged(1)], None, NOW)
        .await;
    assert_eq!(late.unwrap(), Fenced::LeaseLost);
    let after = lease(store, 2, NOW).await;
    assert_eq!(after.stream.description, None);
    assert_eq!(sequences(&due(store, &after, NOW).await), [1]);
}

pub(crate) async fn a_stream_whose_delivery_changes_goes_on_at_once_at_the_new_place(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let failed = [postponed(1, 5, later(300))];
    store
        .settle(&leased.lease, &failed, None, NOW)
        .await
        .unwrap();
    let resume = rested(3, later(300));
    store.release(&leased.lease, &resume).await.unwrap();
    change(store, &stream, |stream| {
        stream.delivery = without_secret(&stream.delivery);
    })
    .await;
    let leased = lease(store, 1, NOW).await;
    assert_eq!(leased.stream.delivery, without_secret(&stream.delivery));
    assert_eq!(leased.health.rests, 0);
    let due = due(store, &leased, NOW).await;
    assert_eq!((due[0].sequence, due[0].attempts), (1, 5));
}

pub(crate) async fn a_change_that_is_refused_or_changes_nothing_leaves_everything_as_it_was(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    let refuse = |_: &_| Err("no");
    let changed = store.change_stream(stream.receiver, &stream.id, NOW, refuse);
    assert_eq!(changed.await.unwrap(), ChangedStream::Refused("no"));
    assert_eq!(change(store, &stream, |_| ()).await, 0);
    let settled = [acknowledged(1)];
    let stored = store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(stored, Fenced::Stored);
    let read = store.stream(stream.receiver, &stream.id).await.unwrap();
    assert_eq!(read, Some(stream));
}

pub(crate) async fn an_id_that_is_no_id_of_ours_finds_nothing(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    let id = StreamId::parse("../../etc/passwd").unwrap();
    assert_eq!(store.stream(receiver.id, &id).await.unwrap(), None);
    let deleted = store.delete_stream(receiver.id, &id, NOW).await.unwrap();
    assert_eq!(deleted, DeletedStream::NotFound);
    let refuse = |_: &_| Err(());
    let changed = store.change_stream(receiver.id, &id, NOW, refuse).await;
    assert_eq!(changed.unwrap(), ChangedStream::NotFound);
    assert_eq!(store.drops(receiver.id, &id).await.unwrap(), []);
}

pub(crate) async fn a_receiver_has_a_limited_number_of_streams(store: &impl Store) {
    let (full, other) = (
        known_receiver(store, 1).await,
        known_receiver(store, 2).await,
    );
    for _ in 0..3 {
        let created = store.create_stream(&stream_of(&full, &[]), 3).await;
        assert_eq!(created.unwrap(), CreatedStream::Created);
    }
    let created = store.create_stream(&stream_of(&full, &[]), 3).await;
    assert_eq!(created.unwrap(), CreatedStream::TooMany);
    let created = store.create_stream(&stream_of(&other, &[]), 3).await;
    assert_eq!(created.unwrap(), CreatedStream::Created);
}

pub(crate) async fn a_receiver_is_found_by_its_token_alone(store: &impl Store) {
    let one = known_receiver(store, 1).await;
    let two = known_receiver(store, 2).await;
    let found = store
        .receiver_by_token(&main(), token(2), NOW)
        .await
        .unwrap();
    assert_eq!(found.as_ref(), Some(&two));
    assert_eq!(
        store
            .receiver_by_token(&main(), token(3), NOW)
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.receivers().await.unwrap(), [one, two]);
}

pub(crate) async fn a_receivers_name_is_given_once(store: &impl Store) {
    let one = known_receiver(store, 1).await;
    let namesake = receiver("rp1");
    let added = store
        .add_receiver(&namesake, &[Credential::Bearer(token(2))], NOW)
        .await
        .unwrap();
    assert_eq!(added, AddedReceiver::NameTaken);
    assert_eq!(
        store
            .receiver_by_token(&main(), token(2), NOW)
            .await
            .unwrap(),
        None
    );
    assert_eq!(store.receivers().await.unwrap(), [one]);
}

pub(crate) async fn a_setting_is_written_once_unless_it_is_replaced(store: &impl Store) {
    assert_eq!(store.setting("x").await.unwrap(), None);
    let first = store.insert_setting("x", b"1").await.unwrap();
    let second = store.insert_setting("x", b"2").await.unwrap();
    assert_eq!(
        (first, second),
        (FirstWrite::Written, FirstWrite::AlreadyThere)
    );
    assert_eq!(store.setting("x").await.unwrap(), Some(b"1".to_vec()));
    store.replace_setting("x", b"3").await.unwrap();
    store.replace_setting("y", b"4").await.unwrap();
    assert_eq!(store.setting("x").await.unwrap(), Some(b"3".to_vec()));
    assert_eq!(store.setting("y").await.unwrap(), Some(b"4".to_vec()));
}
