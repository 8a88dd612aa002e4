//! What the answers of a Receiver mean for its stream, over the time that they last.

use std::time::Duration;

use ssf_transmitter::{
    domain::{
        circuit::{Circuit, Health},
        dropped::{DropReason, DropRecord},
        stream::Stream,
        trouble::{PauseCause, TroubleKind},
    },
    ports::{AuditStore, Clock, OperatedStreams, Outbox, StreamStore},
};
use ssf_types::{
    error::ErrCode,
    push::{Failure, PushError, PushOutcome},
    stream::StreamStatus,
    time::Timestamp,
};

use super::deliver::{Rig, USERS, acknowledged, down};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Rig {
    /// Moves the clock to when the next attempt may begin, at least a millisecond on, but not beyond `end`; `false` if
    /// nothing is due until then.
    async fn until_due(&self, end: Timestamp) -> bool {
        let now = self.world.clock.now();
        let Some(due) = self.world.store.next_due().await.unwrap() else {
            return false;
        };
        if due > end {
            self.world.clock.advance(end.since(now));
            return false;
        }
        self.world.clock.advance(due.since(now));
        true
    }

    /// Delivers whenever something is due, for so long; returns the longest time between two attempts.
    async fn for_millis(&self, millis: u64) -> Duration {
        let mut last = self.world.clock.now();
        let end = last.after(Duration::from_millis(millis));
        let mut longest = Duration::ZERO;
        while self.until_due(end).await {
            let now = self.world.clock.now();
            longest = longest.max(now.since(last));
            last = now;
            self.run().await;
        }
        longest
    }

    async fn stored(&self) -> Stream {
        let (receiver, id) = (self.stream.receiver, &self.stream.id);
        let stream = self.world.store.stream(receiver, id).await.unwrap();
        stream.unwrap()
    }

    async fn health(&self) -> Health {
        let (issuer, id) = (&self.stream.issuer, &self.stream.id);
        let health = self.world.store.health(issuer, id).await.unwrap();
        health.unwrap()
    }

    async fn drops(&self) -> Vec<DropRecord> {
        let (receiver, id) = (self.stream.receiver, &self.stream.id);
        self.world.store.drops(receiver, id).await.unwrap()
    }

    fn times_announced(&self) -> usize {
        let users = self.endpoint.users();
        users.iter().filter(|user| *user == "paused").count()
    }
}

fn refused(err: ErrCode) -> PushError {
    PushError::new(err, "no")
}

fn misdirected() -> PushOutcome {
    PushOutcome::StreamRefused(refused(ErrCode::InvalidAudience))
}

fn unauthorized() -> PushOutcome {
    PushOutcome::CredentialsRefused {
        status: 401,
        error: None,
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_after_any_outage_hears_from_us_within_5_minutes_and_drains_at_full_speed()
 {
    let users: Vec<String> = (0..200).map(|number| format!("user {number}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    for outage in [1000, MINUTE, HOUR, 7 * DAY] {
        let rig = Rig::new().await;
        rig.endpoint.always(down());
        rig.world.happens_to(&users).await;
        let longest = rig.for_millis(outage).await;
        assert!(longest <= Duration::from_mins(5), "{outage}: {longest:?}");
        rig.endpoint.recover();
        let back = rig.world.clock.now();
        assert!(rig.until_due(back.after(Duration::from_mins(5))).await);
        assert_eq!(rig.run().await, acknowledged(200), "{outage}");
        assert_eq!(rig.endpoint.most_at_once(), 32);
        assert_eq!(rig.health().await, Health::default());
    }
}

#[tokio::test]
async fn a_receiver_that_is_away_for_a_month_is_asked_rarely_and_its_stream_stays_enabled() {
    let rig = Rig::new().await;
    rig.endpoint.always(down());
    rig.world.happens_to(&USERS).await;
    rig.for_millis(30 * DAY).await;
    let attempts = rig.endpoint.users().len();
    assert!((8640..8700).contains(&attempts), "{attempts}");
    assert_eq!(rig.stored().await.status, StreamStatus::Enabled);
    let health = rig.health().await;
    assert_eq!(health.circuit(), Circuit::Open);
    let trouble = health.trouble.unwrap();
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert_eq!(trouble.last, "connect");
    let began = rig.world.clock.now().since(trouble.since);
    assert_eq!(began, Duration::from_hours(24 * 30));
}

#[tokio::test]
async fn t61_a_receiver_that_refuses_everything_is_sent_each_set_once_at_full_speed() {
    let rig = Rig::new().await;
    let refusal = PushOutcome::SetRefused(refused(ErrCode::InvalidRequest));
    rig.endpoint.always(refusal);
    rig.world.happens_to(&USERS).await;
    assert_eq!(rig.run().await.quarantined, 10);
    assert_eq!(rig.endpoint.users().len(), 10);
    assert!(rig.endpoint.most_at_once() >= 4);
    assert_eq!(rig.stored().await.status, StreamStatus::Enabled);
}

#[tokio::test]
async fn a_set_that_fails_whatever_happens_does_not_keep_the_circuit_open() {
    let rig = Rig::new().await;
    for user in ["bad", "worse", "worst"] {
        let failure = PushOutcome::Failed(Failure::Status(500));
        rig.endpoint.answer(user, failure);
    }
    rig.world.happens_to(&["bad", "worse", "worst"]).await;
    rig.for_millis(HOUR).await;
    assert_eq!(rig.health().await.circuit(), Circuit::Open);
    let happened = rig.world.clock.now();
    rig.world.happens_to(&["a", "b"]).await;
    while !rig.endpoint.users().contains(&"b".to_owned()) {
        assert!(rig.until_due(happened.after(Duration::from_mins(6))).await);
        rig.run().await;
    }
}

#[tokio::test]
async fn a_refused_key_is_shown_again_while_other_users_go_on() {
    let rig = Rig::new().await;
    let refusal = PushOutcome::KeyRefused(refused(ErrCode::InvalidKey));
    rig.endpoint.answer("a", refusal);
    rig.world.happens_to(&["a", "a", "b"]).await;
    let delivered = rig.run().await;
    assert_eq!((delivered.acknowledged, delivered.failed), (1, 1));
    for wait in [5000, 30_000, 120_000] {
        rig.after(wait - 1);
        assert!(rig.lease().await.is_none(), "{wait}");
        rig.after(1);
        assert_eq!(rig.run().await.failed, 1, "{wait}");
    }
    rig.after(600_000);
    // The last of its attempts, and the first of the one that waited for it.
    let delivered = rig.run().await;
    assert_eq!((delivered.quarantined, delivered.failed), (1, 1));
    assert_eq!(rig.stored().await.status, StreamStatus::Enabled);
    rig.endpoint.recover();
    rig.after(5000);
    assert_eq!(rig.run().await, acknowledged(1));
    assert_eq!(
        rig.endpoint.users(),
        ["a", "b", "a", "a", "a", "a", "a", "a"]
    );
}

#[tokio::test]
async fn three_misdirected_sets_pause_a_stream_and_the_rest_waits_until_its_receiver_acts() {
    let rig = Rig::new().await;
    rig.endpoint.always(misdirected());
    rig.world.happens_to(&USERS).await;
    let delivered = rig.run().await;
    // The announcement was offered once, and refused like everything else.
    assert_eq!((delivered.quarantined, delivered.failed), (3, 1));
    assert_eq!(rig.times_announced(), 1);
    let paused = rig.stored().await;
    assert_eq!(paused.status, StreamStatus::Paused);
    let reason = PauseCause::Misdirected.reason();
    assert_eq!(paused.reason.as_deref(), Some(reason));
    let now = rig.world.clock.now();
    let record = DropRecord::new(DropReason::AnnouncementFailed, 1, now);
    assert_eq!(rig.drops().await, [record]);
    rig.after(DAY);
    assert!(rig.lease().await.is_none());
    rig.endpoint.recover();
    rig.status(StreamStatus::Enabled, rig.worker).await;
    assert_eq!(rig.run().await, acknowledged(7));
    assert_eq!(rig.times_announced(), 1, "a late one would not be true");
    assert_eq!(rig.stored().await.reason, None);
}

#[tokio::test]
async fn a_receiver_that_does_not_let_us_in_is_asked_each_minute_for_an_hour() {
    let rig = Rig::new().await;
    rig.endpoint.always(unauthorized());
    rig.world.happens_to(&USERS).await;
    rig.for_millis(2 * HOUR).await;
    let paused = rig.stored().await;
    assert_eq!(paused.status, StreamStatus::Paused);
    let reason = PauseCause::Unauthorized.reason();
    assert_eq!(paused.reason.as_deref(), Some(reason));
    let attempts = rig.endpoint.users().len();
    assert!((60..70).contains(&attempts), "{attempts}");
    assert_eq!(rig.times_announced(), 1);
    rig.endpoint.recover();
    rig.status(StreamStatus::Enabled, rig.worker).await;
    assert_eq!(
        rig.run().await,
        acknowledged(10),
        "nothing was quarantined, and all is due"
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_asked_for_a_day() {
    let rig = Rig::new().await;
    rig.endpoint.always(PushOutcome::Gone { status: 410 });
    rig.world.happens_to(&USERS).await;
    rig.for_millis(DAY - MINUTE).await;
    assert_eq!(rig.stored().await.status, StreamStatus::Enabled);
    rig.for_millis(10 * MINUTE).await;
    assert_eq!(rig.stored().await.status, StreamStatus::Paused);
}

#[tokio::test]
async fn a_pause_that_is_taken_is_the_last_set_of_the_stream() {
    let rig = Rig::new().await;
    let acknowledgement = PushOutcome::Acknowledged { status: 202 };
    rig.endpoint.always(misdirected());
    rig.endpoint.answer("paused", acknowledgement);
    rig.world.happens_to(&USERS).await;
    let delivered = rig.run().await;
    assert_eq!((delivered.quarantined, delivered.acknowledged), (3, 1));
    assert_eq!(rig.endpoint.users().pop().as_deref(), Some("paused"));
    assert_eq!(rig.drops().await, []);
}

#[tokio::test]
async fn what_announces_a_pause_is_offered_by_the_next_worker_if_the_first_one_stops() {
    let rig = Rig::new().await;
    rig.endpoint.always(misdirected());
    rig.world.happens_to(&USERS).await;
    let leased = rig.lease().await.unwrap();
    let third = || rig.endpoint.users().len() == 3;
    rig.deliver(&leased, third).await;
    assert_eq!((rig.times_announced(), rig.endpoint.users().len()), (0, 3));
    rig.run().await;
    assert_eq!(rig.times_announced(), 1);
    assert!(rig.lease().await.is_none());
}

#[tokio::test]
async fn a_pause_stands_in_the_audit_log() {
    let rig = Rig::new().await;
    rig.endpoint.always(misdirected());
    rig.world.happens_to(&USERS).await;
    rig.run().await;
    let entries = rig.world.store.records(0, 10).await.unwrap();
    let told: Vec<String> = entries.iter().map(|record| format!("{record:?}")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("misdirected") && told[0].contains("delivery"));
}

#[tokio::test]
async fn a_receiver_that_acts_is_asked_at_once() {
    let rig = Rig::new().await;
    rig.endpoint.always(down());
    rig.world.happens_to(&USERS).await;
    rig.for_millis(HOUR).await;
    assert!(rig.lease().await.is_none());
    rig.endpoint.recover();
    rig.status(StreamStatus::Enabled, rig.worker).await;
    assert_eq!(rig.run().await, acknowledged(10));
}

#[tokio::test]
async fn what_was_on_the_wire_when_the_receiver_acted_lets_the_stream_rest_no_longer() {
    let mut rig = Rig::new().await;
    rig.endpoint.always(down());
    rig.world.happens_to(&USERS).await;
    rig.for_millis(HOUR).await;
    rig.endpoint.held = Some(("late", "sentinel"));
    rig.world.happens_to(&["late"]).await;
    let now = rig.world.clock.now();
    assert!(rig.until_due(now.after(Duration::from_mins(5))).await);
    let leased = rig.lease().await.unwrap();
    let acting = async {
        // The one that has not failed yet is asked with first.
        rig.endpoint.heard_about("late").await;
        rig.status(StreamStatus::Enabled, rig.worker).await;
        rig.endpoint.pretend("sentinel");
    };
    let both = async { tokio::join!(rig.deliver(&leased, || false), acting).0 };
    let delivered = tokio::time::timeout(Duration::from_secs(10), both).await;
    assert_eq!(delivered.unwrap().failed, 1);
    rig.endpoint.recover();
    assert_eq!(rig.run().await, acknowledged(11));
}

#[tokio::test]
async fn a_receiver_that_acts_in_time_is_not_paused() {
    let mut rig = Rig::new().await;
    rig.endpoint.always(misdirected());
    rig.endpoint.held = Some(("c", "sentinel"));
    rig.world.happens_to(&["a", "b", "c", "d"]).await;
    let leased = rig.lease().await.unwrap();
    let acting = async {
        rig.endpoint.heard_about("c").await;
        rig.status(StreamStatus::Enabled, rig.worker).await;
        rig.endpoint.recover();
        rig.endpoint.answer("c", misdirected());
        rig.endpoint.pretend("sentinel");
    };
    let both = async { tokio::join!(rig.deliver(&leased, || false), acting).0 };
    let delivered = tokio::time::timeout(Duration::from_secs(10), both).await;
    assert_eq!(delivered.unwrap().quarantined, 3);
    assert_eq!(rig.run().await, acknowledged(1));
    assert_eq!(rig.stored().await.status, StreamStatus::Enabled);
    assert_eq!(rig.times_announced(), 0);
}

#[tokio::test]
async fn a_circuit_that_has_opened_stays_so_through_a_crash() {
    let mut rig = Rig::new().await;
    rig.endpoint.held = Some(("b", "never"));
    let busy = PushOutcome::Busy {
        status: 503,
        retry_after: None,
    };
    rig.endpoint.answer("c", busy);
    rig.world.happens_to(&["a", "b", "c"]).await;
    let leased = rig.lease().await.unwrap();
    let opened = async {
        while rig.health().await.circuit() == Circuit::Closed {
            tokio::task::yield_now().await;
        }
    };
    let crash = async {
        tokio::select! {
            delivered = rig.deliver(&leased, || false) => panic!("{delivered:?}"),
            () = opened => {}
        }
    };
    let opened = tokio::time::timeout(Duration::from_secs(10), crash).await;
    opened.expect("it is stored while an attempt is under way");
}

#[tokio::test]
async fn an_announcement_of_the_operators_is_repeated_as_before() {
    let rig = Rig::new().await;
    rig.endpoint.always(down());
    rig.decide(StreamStatus::Paused).await;
    rig.for_millis(HOUR).await;
    assert!(rig.times_announced() > 10);
    assert_eq!(rig.drops().await, []);
}
