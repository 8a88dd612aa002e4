//! Taking streams: by the loop that delivers, and with events that are accepted.

use futures_util::FutureExt;
use tokio::time::Instant;

use super::fixture::*;
use std::time::Duration;

use ssf_transmitter::{
    app::{
        deliver::{LEASE_DEFAULT, Term},
        dispatch::{Dispatcher, Shortcut},
        gate::Gate,
        ids,
        slots::Slots,
        taker::{Handed, TakenStream, Taker, taker},
    },
    domain::{
        stream::Stream,
        subjects::SubjectPreference,
        trouble::{Trouble, TroubleKind},
    },
    ports::{Clock, Outbox, Submission},
};

const SECOND: Duration = Duration::from_secs(1);

/// A process that fans out, and delivers on as many streams as it has slots.
struct Rig {
    world: World,
    stream: Stream,
    shortcut: Shortcut,
    slots: Slots,
    gate: Gate,
    taker: Taker,
    handed: Handed,
}

impl Rig {
    async fn new(slots: usize) -> Self {
        let world = World::new();
        let stream = world.stream().await;
        let worker = ids::worker_id();
        let slots = Slots::new(slots);
        let gate = Gate::default();
        let mut dispatcher = Dispatcher::new(worker, SubjectPreference::default(), LEASE_DEFAULT);
        dispatcher.step(&world.store, &world.clock).await.unwrap();
        let (taker, handed) = taker(worker, LEASE_DEFAULT, slots.clone(), gate.clone());
        Self {
            world,
            stream,
            shortcut: dispatcher.shortcut(),
            slots,
            gate,
            taker,
            handed,
        }
    }

    /// Hands in an event, and tells which stream was handed over for that.
    async fn happens_to(&mut self, user: &str) -> Option<TakenStream> {
        let now = self.world.clock.now();
        let submission = Submission {
            issuer: main(),
            source: None,
            idempotency: None,
            events: vec![(ids::event_id(now), logout(user))],
        };
        let handing = (now, &self.taker);
        let accepted = self
            .shortcut
            .accept(&self.world.store, vec![submission], handing);
        accepted.await.unwrap();
        self.handed.arrived()
    }

    /// Looks for streams as the loop does; `None` if there is no room.
    async fn look(&self) -> Option<Vec<TakenStream>> {
        let turn = self.taker.turn().await;
        let now = self.world.clock.now();
        let (term, taking) = turn.taking(now)?;
        let leased = self
            .world
            .store
            .lease_streams(taking.worker, now, taking.until, taking.room);
        let leased = leased.await.unwrap().into_iter();
        turn.succeed();
        Some(leased.map(|leased| turn.takes(leased, term)).collect())
    }
}

#[tokio::test]
async fn with_an_event_the_stream_that_gets_it_is_handed_over_once() {
    let mut rig = Rig::new(2).await;
    let taken = rig.happens_to("a").await.unwrap();
    assert_eq!(taken.leased.stream.id, rig.stream.id);
    let now = rig.world.clock.now();
    let due = rig.world.store.due(&taken.leased.lease, now, 10, &[]).await;
    assert_eq!(due.unwrap().len(), 1);
    assert!(rig.happens_to("b").await.is_none());
    assert!(rig.look().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_a_stream_waits_for_what_was_handed_over_as_due_with_it() {
    let mut rig = Rig::new(2).await;
    let taken = rig.happens_to("a").await.unwrap();
    let (gate, id) = (rig.gate.clone(), &rig.stream.id);
    assert!(!gate.clears(id, SECOND).await);
    let start = taken.beginning.start().await;
    assert!(!gate.clears(id, SECOND).await);
    drop(start);
    assert!(gate.clears(id, SECOND).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_was_due_on_a_stream_that_has_no_slot_yet() {
    let mut rig = Rig::new(2).await;
    let taken = rig.happens_to("a").await.unwrap();
    let slots = [rig.slots.take(), rig.slots.take()];
    let mut starting = Box::pin(taken.beginning.start());
    assert!((&mut starting).now_or_never().is_none());
    assert!(rig.gate.clears(&rig.stream.id, SECOND).await);
    drop(slots);
    starting.await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_stream_that_was_offered_room_and_not_taken() {
    let rig = Rig::new(2).await;
    let streams = [rig.stream.id.clone()];
    let offer = rig.taker.offer(&streams, rig.world.clock.now()).unwrap();
    assert!(!rig.gate.clears(&rig.stream.id, SECOND).await);
    offer.hand_over(Vec::new());
    assert!(rig.gate.clears(&rig.stream.id, SECOND).await);
}

#[tokio::test]
async fn while_the_loop_has_the_turn_streams_are_left_to_its_next_look() {
    let mut rig = Rig::new(2).await;
    let taker = rig.taker.clone();
    let turn = taker.turn().await;
    assert!(rig.happens_to("a").await.is_none());
    drop(turn);
    assert_eq!(rig.look().await.unwrap().len(), 1);
}

#[tokio::test]
async fn where_more_than_half_of_the_slots_are_taken_streams_are_left_to_a_look() {
    let mut rig = Rig::new(2).await;
    let _first = rig.slots.take();
    let _second = rig.slots.take();
    assert!(rig.happens_to("a").await.is_none());
    assert_eq!(rig.look().await.unwrap().len(), 1);
}

#[tokio::test]
async fn once_it_is_closed_nothing_is_handed_over() {
    let mut rig = Rig::new(2).await;
    rig.handed.close(&rig.taker).await;
    assert!(rig.happens_to("a").await.is_none());
    assert_eq!(rig.look().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_counts_among_those_of_its_receiver_until_it_is_dropped() {
    let mut rig = Rig::new(2).await;
    let taken = rig.happens_to("a").await.unwrap();
    let full = async || {
        let (_, taking) = rig
            .taker
            .turn()
            .await
            .taking(rig.world.clock.now())
            .unwrap();
        taking.room.full().collect::<Vec<_>>()
    };
    assert_eq!(full().await, [rig.stream.receiver]);
    drop(taken);
    assert_eq!(full().await, []);
}

#[tokio::test]
async fn of_all_streams_half_at_most_are_in_trouble() {
    let mut rig = Rig::new(1).await;
    let taken = rig.happens_to("a").await.unwrap();
    let mut leased = taken.leased.clone();
    leased.health.trouble = Some(Trouble {
        kind: TroubleKind::Unreachable,
        since: rig.world.clock.now(),
        last: "timeout".to_owned(),
    });
    drop(taken);
    let turn = rig.taker.turn().await;
    let is_full = || {
        let (_, taking) = turn.taking(rig.world.clock.now()).unwrap();
        taking.room.is_full_of_trouble()
    };
    let mut places = Vec::new();
    for _ in 0..4 {
        assert!(!is_full());
        let term = Term::begin(LEASE_DEFAULT, rig.world.clock.now());
        places.push(turn.takes(leased.clone(), term).place);
    }
    assert!(is_full());
}

#[tokio::test]
async fn after_an_offer_that_failed_there_is_none_until_a_look_has_succeeded() {
    let mut rig = Rig::new(2).await;
    let offer = rig.taker.offer(&[], rig.world.clock.now());
    offer.unwrap().fail();
    assert!(rig.happens_to("a").await.is_none());
    assert_eq!(rig.look().await.unwrap().len(), 1);
    assert!(rig.taker.offer(&[], rig.world.clock.now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_loop_does_not_wait_long_for_whoever_accepts() {
    let rig = Rig::new(2).await;
    let now = rig.world.clock.now();
    let _offer = rig.taker.offer(&[], now).unwrap();
    let began = Instant::now();
    assert!(rig.taker.turn().await.taking(now).is_some());
    assert_eq!(began.elapsed(), Duration::from_millis(100));
}
