//! What keeps an attempt from beginning: a lease that is over, a host to which enough is under way, others who wait.

use std::{sync::atomic::Ordering, time::Duration};

use ssf_transmitter::{
    app::{deliver::Delivered, status::Settled},
    domain::{circuit::Health, dropped::DropRecord},
    ports::{OperatedStreams, StreamStore},
};
use ssf_types::{
    error::ErrCode,
    push::{PushError, PushOutcome},
    stream::StreamStatus,
};

use super::deliver::{Rig, USERS, acknowledged};

const SECOND: Duration = Duration::from_secs(1);

impl Rig {
    fn crowd(&self, is_crowded: bool) {
        let host = &self.endpoint.is_crowded;
        host.store(is_crowded, Ordering::SeqCst);
    }

    async fn known_health(&self) -> Health {
        let (issuer, id) = (&self.stream.issuer, &self.stream.id);
        let health = self.world.store.health(issuer, id).await.unwrap();
        health.unwrap()
    }

    async fn known_drops(&self) -> Vec<DropRecord> {
        let (receiver, id) = (self.stream.receiver, &self.stream.id);
        self.world.store.drops(receiver, id).await.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_ready_when_the_lease_is_over_does_not_begin_and_counts_for_nothing() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    *rig.signer.stopped.lock().unwrap() = Duration::from_millis(7500);
    assert_eq!(rig.run().await, Delivered::default());
    assert_eq!(rig.endpoint.users(), [""; 0]);
    assert_eq!(rig.known_health().await, Health::default());
    assert_eq!(rig.run().await, acknowledged(1));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_renewed_lets_an_attempt_begin_that_takes_long_to_sign() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_mins(1);
    rig.world.happens_to(&["a"]).await;
    assert_eq!(rig.run().await, acknowledged(1));
}

#[tokio::test(start_paused = true)]
async fn a_host_without_a_free_place_is_asked_soon_and_is_no_failure() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    rig.crowd(true);
    let leased = rig.lease().await.unwrap();
    let clearing = async {
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(rig.endpoint.users(), [""; 0]);
        rig.crowd(false);
        let arrived = rig.endpoint.heard_about("a");
        tokio::time::timeout(SECOND, arrived).await.unwrap();
    };
    let (delivered, ()) = tokio::join!(rig.deliver(&leased, || false), clearing);
    assert_eq!(delivered, acknowledged(1));
    assert_eq!(rig.known_health().await, Health::default());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sent_for_want_of_something_of_ours_is_tried_again_and_is_no_failure() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    let is_unsendable = &rig.endpoint.is_unsendable;
    is_unsendable.store(true, Ordering::SeqCst);
    let leased = rig.lease().await.unwrap();
    let mending = async {
        tokio::time::sleep(60 * SECOND).await;
        assert_eq!(rig.endpoint.users(), [""; 0]);
        is_unsendable.store(false, Ordering::SeqCst);
        let arrived = rig.endpoint.heard_about("a");
        tokio::time::timeout(2 * SECOND, arrived).await.unwrap();
    };
    let (delivered, ()) = tokio::join!(rig.deliver(&leased, || false), mending);
    assert_eq!(delivered, acknowledged(10));
    assert_eq!(rig.known_health().await, Health::default());
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_a_pause_was_answered_that_waited_for_a_place() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    rig.crowd(true);
    let leased = rig.lease().await.unwrap();
    let pausing = async {
        tokio::time::sleep(SECOND).await;
        let paused = rig.status(StreamStatus::Paused, rig.worker).await;
        rig.crowd(false);
        paused.settled
    };
    let (delivered, settled) = tokio::join!(rig.deliver(&leased, || false), pausing);
    assert_eq!(
        (delivered, settled),
        (Delivered::default(), Settled::InForce)
    );
    assert_eq!(rig.endpoint.users(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_once_is_not_used_up_where_there_is_no_place() {
    let rig = Rig::new().await;
    let refused = PushError::new(ErrCode::InvalidAudience, "no");
    rig.endpoint.always(PushOutcome::StreamRefused(refused));
    rig.world.happens_to(&USERS).await;
    let leased = rig.lease().await.unwrap();
    let third = || rig.endpoint.users().len() == 3;
    rig.deliver(&leased, third).await;
    rig.endpoint.recover();
    rig.crowd(true);
    let leased = rig.lease().await.unwrap();
    let waited = tokio::time::timeout(10 * SECOND, rig.deliver(&leased, || false));
    assert!(waited.await.is_err());
    assert_eq!(rig.known_drops().await, []);
    rig.crowd(false);
    rig.after(30_000);
    assert_eq!(rig.run().await, acknowledged(1));
    assert_eq!(rig.endpoint.users().last().unwrap(), "paused");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_for_an_answer_lets_others_have_its_slot_and_begins_nothing_more() {
    let mut rig = Rig::new().await;
    rig.endpoint.held = Some(("b", "at last"));
    rig.world.happens_to(&["a", "b"]).await;
    let leased = rig.lease().await.unwrap();
    rig.slots.want(true);
    let waiting = async {
        rig.slots.freed().await;
        assert_eq!(rig.slots.free(), 1);
        assert_eq!(rig.endpoint.users(), ["a", "b"]);
        rig.world.happens_at_once_to(&["c"]).await;
        tokio::time::sleep(3 * SECOND).await;
        rig.endpoint.pretend("at last");
    };
    let (delivered, ()) = tokio::join!(rig.deliver(&leased, || false), waiting);
    assert_eq!(delivered, acknowledged(2));
    assert_eq!(rig.endpoint.users(), ["a", "b", "at last"]);
    assert_eq!(rig.run().await, acknowledged(1));
}
