//! What is known to be due on a stream is begun with.

use std::time::Duration;

use ssf_transmitter::{
    app::{
        deliver::{Delivered, First},
        status::Settled,
    },
    ports::{Clock, LeasedStream, Outbox},
};
use ssf_types::stream::StreamStatus;

use super::deliver::{Rig, acknowledged};

impl Rig {
    /// What a look finds that is made now.
    async fn found(&self, leased: &LeasedStream) -> First {
        let passage = self.gate.enter(&self.stream.id);
        let now = self.world.clock.now();
        let due = self.world.store.due(&leased.lease, now, 2, &[]);
        First {
            passage,
            due: due.await.unwrap(),
        }
    }
}

#[tokio::test]
async fn what_is_known_to_be_due_is_sent_without_a_look_and_the_rest_after_it() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a", "b", "c"]).await;
    let leased = rig.lease().await.unwrap();
    let mut first = rig.found(&leased).await;
    // A look would find the other one first.
    first.due.remove(0);
    let delivered = rig.deliver_first(&leased, Some(first), || false).await;
    assert_eq!(delivered, acknowledged(3));
    assert_eq!(rig.endpoint.users(), ["b", "a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_in_force_while_what_was_due_before_is_about_to_begin() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(5);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let first = rig.found(&leased).await;
    let before = rig.status(StreamStatus::Paused, rig.worker).await;
    assert_eq!(before.settled, Settled::NotYet);
    let pausing = async {
        // It takes as long as a request waits, and then as long again, until it is signed.
        let mut paused = rig.status(StreamStatus::Paused, rig.worker).await;
        while paused.settled == Settled::NotYet {
            assert_eq!(rig.endpoint.users(), [""; 0]);
            paused = rig.status(StreamStatus::Paused, rig.worker).await;
        }
        rig.endpoint.users()
    };
    let delivering = rig.deliver_first(&leased, Some(first), || false);
    let (delivered, begun) = tokio::join!(delivering, pausing);
    assert_eq!((delivered, begun), (acknowledged(1), vec!["a".to_owned()]));
}

#[tokio::test]
async fn on_a_stream_where_nothing_may_begin_what_is_known_to_be_due_keeps_nobody_waiting() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let first = rig.found(&leased).await;
    let delivered = rig.deliver_first(&leased, Some(first), || true).await;
    assert_eq!(delivered, Delivered::default());
    let paused = rig.status(StreamStatus::Paused, rig.worker).await;
    assert_eq!(paused.settled, Settled::InForce);
    assert_eq!(rig.endpoint.users(), [""; 0]);
}
