//! Letting go of what is old.

use std::time::Duration;

use ssf_transmitter::{
    app::retain::{Retained, Retaining},
    domain::{
        dropped::{DropReason, DropRecord},
        retention::Retention,
    },
    ports::{Clock, LedgerStore, Outbox, StreamStore},
};

use super::fixture::*;

const DAY: Duration = Duration::from_hours(24);

/// Steps until all that is old is gone; returns how many deliveries were dropped.
async fn round(world: &World, retaining: &mut Retaining) -> u64 {
    let mut all = 0;
    loop {
        let retained = retaining.step(&world.store, &world.clock).await.unwrap();
        assert_eq!(world.store.ledger().await.unwrap().imbalance(), 0);
        match retained {
            Retained::Some { dropped } => all += dropped,
            Retained::All => return all,
        }
    }
}

#[tokio::test]
async fn what_waits_is_dropped_after_its_time_and_forgotten_after_another() {
    let world = World::new();
    let stream = world.stream().await;
    world.happens_to(&["alice", "bob"]).await;
    let mut retaining = Retaining::new(Retention::new(30 * DAY, 90 * DAY));
    // An `iat` has whole seconds.
    let second = Duration::from_secs(1);
    world.clock.advance(29 * DAY + Duration::from_secs(86_399));
    assert_eq!(round(&world, &mut retaining).await, 0);
    world.clock.advance(second);
    assert_eq!(round(&world, &mut retaining).await, 2);
    assert_eq!(world.store.next_due().await.unwrap(), None);
    let dropped_at = world.clock.now();
    let drops = || world.store.drops(stream.receiver, &stream.id);
    let record = DropRecord::new(DropReason::Retention, 2, dropped_at);
    assert_eq!(drops().await.unwrap(), [record]);
    world.clock.advance(90 * DAY);
    round(&world, &mut retaining).await;
    assert_eq!(drops().await.unwrap(), [record], "to the very moment");
    world.clock.advance(second);
    round(&world, &mut retaining).await;
    assert_eq!(drops().await.unwrap(), []);
    let dropped = world.store.ledger().await.unwrap().dropped;
    assert_eq!(dropped, [(DropReason::Retention, 2)].into());
}
