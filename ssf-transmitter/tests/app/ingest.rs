//! Accepting events.

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use ssf_transmitter::{
    app::{
        deliver::LEASE_DEFAULT,
        dispatch::{Dispatched, Dispatcher},
        gate::Gate,
        ids,
        ingest::{self, IngestError, Onward},
        slots::Slots,
        taker::taker,
        wake::Wake,
    },
    domain::{id::Fingerprint, subjects::SubjectPreference},
    ports::{Appended, Clock, Idempotency},
};
use ssf_types::time::Timestamp;
use tokio::time::Instant;

use super::fixture::*;

/// Counts commits: each of them reads the clock once.
struct CountingClock<'w>(&'w World, AtomicUsize);

impl Clock for CountingClock<'_> {
    fn now(&self) -> Timestamp {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.clock.now()
    }
}

fn dispatcher() -> Dispatcher {
    Dispatcher::new(
        ids::worker_id(),
        SubjectPreference::default(),
        LEASE_DEFAULT,
    )
}

/// Behind a dispatcher that has made no step.
fn onward() -> Onward {
    behind(&dispatcher())
}

fn behind(dispatcher: &Dispatcher) -> Onward {
    Onward {
        shortcut: dispatcher.shortcut(),
        taker: taker(
            ids::worker_id(),
            LEASE_DEFAULT,
            Slots::new(1),
            Gate::default(),
        )
        .0,
        accepted: Wake::default(),
        fresh: Wake::default(),
    }
}

/// Hands in one event, and tells who is called for that: who fans out, and who delivers.
async fn called(world: &World, onward: &Onward) -> (bool, bool) {
    let (mut accepted, mut fresh) = (onward.accepted.listen(), onward.fresh.listen());
    let (ingest, queue) = ingest::queue();
    let submitting = async move { ingest.submit(main(), vec![logout("a")], None).await };
    let queue = queue.run(&world.store, &world.clock, onward);
    let (answer, ()) = tokio::join!(submitting, queue);
    assert!(matches!(answer, Ok(Appended::Accepted(_))));
    let is_called = |called: Option<()>| called.is_some();
    (
        is_called(accepted.called().now_or_never()),
        is_called(fresh.called().now_or_never()),
    )
}

async fn accepted(world: &World) -> u64 {
    match dispatcher().step(&world.store, &world.clock).await.unwrap() {
        Dispatched::Some { events, .. } => events,
        Dispatched::Idle | Dispatched::NotOurs => 0,
    }
}

#[tokio::test]
async fn submissions_that_wait_together_share_a_commit() {
    let world = World::new();
    let clock = CountingClock(&world, AtomicUsize::new(0));
    let (ingest, queue) = ingest::queue();
    let mut submitting: FuturesUnordered<_> = ["a", "b", "c", "d"]
        .map(|user| ingest.submit(main(), vec![logout(user)], None))
        .into_iter()
        .collect();
    assert!(submitting.next().now_or_never().is_none());
    let answers = async {
        let mut answered = 0;
        while let Some(answer) = submitting.next().await {
            assert!(matches!(answer, Ok(Appended::Accepted(_))));
            answered += 1;
        }
        answered
    };
    let onward = onward();
    let answered = tokio::select! {
        answered = answers => answered,
        () = queue.run(&world.store, &clock, &onward) => unreachable!("a handle is left"),
    };
    assert_eq!(answered, 4);
    assert_eq!(clock.1.load(Ordering::SeqCst), 1);
    assert_eq!(accepted(&world).await, 4);
}

#[tokio::test]
async fn what_waits_when_the_last_handle_goes_is_stored() {
    let world = World::new();
    let (ingest, queue) = ingest::queue();
    let submitting =
        tokio::spawn(async move { ingest.submit(main(), vec![logout("a")], None).await });
    queue.run(&world.store, &world.clock, &onward()).await;
    let answer = submitting.await.unwrap().unwrap();
    assert!(matches!(answer, Appended::Accepted(ids) if ids.len() == 1));
    assert_eq!(accepted(&world).await, 1);
}

#[tokio::test]
async fn a_caller_that_hangs_up_takes_nothing_back() {
    let world = World::new();
    let (ingest, queue) = ingest::queue();
    assert!(
        ingest
            .submit(main(), vec![logout("a")], None)
            .now_or_never()
            .is_none()
    );
    drop(ingest);
    queue.run(&world.store, &world.clock, &onward()).await;
    assert_eq!(accepted(&world).await, 1);
}

#[tokio::test]
async fn beyond_a_thousand_waiting_submissions_the_next_is_told_to_come_back() {
    let (ingest, _queue) = ingest::queue();
    for _ in 0..1024 {
        assert!(
            ingest
                .submit(main(), vec![logout("a")], None)
                .now_or_never()
                .is_none()
        );
    }
    let refused = ingest.submit(main(), vec![logout("a")], None).await;
    assert!(matches!(refused, Err(IngestError::Busy)));
}

#[tokio::test]
async fn after_the_end_of_the_queue_nothing_is_accepted() {
    let (ingest, queue) = ingest::queue();
    drop(queue);
    let refused = ingest.submit(main(), vec![logout("a")], None).await;
    assert!(matches!(refused, Err(IngestError::Stopping)));
}

#[tokio::test(start_paused = true)]
async fn a_commit_wakes_the_dispatcher() {
    let world = World::new();
    let (ingest, queue) = ingest::queue();
    let onward = onward();
    let mut listener = onward.accepted.listen();
    let began = Instant::now();
    let submitting = async {
        ingest
            .submit(main(), vec![logout("a")], None)
            .await
            .unwrap();
        listener.wait(Duration::from_hours(1)).await;
    };
    tokio::select! {
        () = submitting => {}
        () = queue.run(&world.store, &world.clock, &onward) => pending().await,
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn each_submission_gets_its_own_answer() {
    let world = World::new();
    let (ingest, queue) = ingest::queue();
    let key = |body| {
        Some(Idempotency {
            key: Fingerprint::new([1; 32]),
            body: Fingerprint::new([body; 32]),
            answer: "said".to_owned(),
        })
    };
    let answers = async {
        tokio::join!(
            ingest.submit(main(), vec![logout("a")], key(1)),
            ingest.submit(main(), vec![logout("a")], key(1)),
            ingest.submit(main(), vec![logout("b")], key(2)),
            ingest.submit(main(), vec![logout("c")], None),
        )
    };
    let onward = onward();
    let (first, again, conflict, other) = tokio::select! {
        answers = answers => answers,
        () = queue.run(&world.store, &world.clock, &onward) => unreachable!("a handle is left"),
    };
    let Appended::Accepted(ids) = first.unwrap() else {
        panic!("the first is accepted")
    };
    let Appended::Replayed(again) = again.unwrap() else {
        panic!("it was accepted before")
    };
    assert_eq!((again.ids, again.answer.as_str()), (ids, "said"));
    assert_eq!(conflict.unwrap(), Appended::KeyConflict);
    assert!(matches!(other.unwrap(), Appended::Accepted(_)));
}

#[tokio::test]
async fn while_the_dispatcher_has_the_lease_a_commit_fans_out_and_calls_who_delivers() {
    let world = World::new();
    world.stream().await;
    let mut dispatcher = dispatcher();
    let onward = behind(&dispatcher);
    assert_eq!(called(&world, &onward).await, (true, false));
    let step = dispatcher.step(&world.store, &world.clock).await.unwrap();
    let expected = Dispatched::Some {
        events: 1,
        deliveries: 1,
    };
    assert_eq!(step, expected);
    assert_eq!(called(&world, &onward).await, (false, true));
    let step = dispatcher.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(step, Dispatched::Idle);
}

#[tokio::test]
async fn where_all_that_get_something_are_handed_over_nobody_is_called() {
    for (is_polled, is_called) in [(false, false), (true, true)] {
        let world = World::new();
        world.stream().await;
        if is_polled {
            world.polled_stream().await;
        }
        let mut dispatcher = dispatcher();
        dispatcher.step(&world.store, &world.clock).await.unwrap();
        let (taker, mut handed) = taker(
            ids::worker_id(),
            LEASE_DEFAULT,
            Slots::new(1),
            Gate::default(),
        );
        let onward = Onward {
            taker,
            ..behind(&dispatcher)
        };
        assert_eq!(called(&world, &onward).await, (false, is_called));
        assert!(handed.arrived().is_some() && handed.arrived().is_none());
    }
}

#[tokio::test]
async fn once_the_lease_is_given_back_events_wait_for_whoever_takes_it() {
    let world = World::new();
    world.stream().await;
    let mut dispatcher = dispatcher();
    let onward = behind(&dispatcher);
    dispatcher.step(&world.store, &world.clock).await.unwrap();
    dispatcher.give_back(&world.store).await.unwrap();
    assert_eq!(called(&world, &onward).await, (true, false));
    assert_eq!(accepted(&world).await, 1);
}

#[tokio::test]
async fn once_another_has_taken_the_lease_events_wait_for_it() {
    let world = World::new();
    world.stream().await;
    let (mut first, mut second) = (dispatcher(), dispatcher());
    let onward = behind(&first);
    first.step(&world.store, &world.clock).await.unwrap();
    world.clock.advance(LEASE_DEFAULT);
    second.step(&world.store, &world.clock).await.unwrap();
    assert_eq!(called(&world, &onward).await, (true, false));
    let step = second.step(&world.store, &world.clock).await.unwrap();
    assert!(matches!(step, Dispatched::Some { events: 1, .. }));
}
