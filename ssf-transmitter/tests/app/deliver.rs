//! Delivering on one stream, and stopping it.

use std::{
    collections::HashMap,
    io,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use ssf_transmitter::{
    app::{
        deliver::{Delivered, Deliverer, DeliverySettings, First, Start, Term},
        gate::Gate,
        ids, manage,
        slots::Slots,
        standstill::Standstill,
        status::{Settled, StatusError, StatusUpdated, Updating},
        wake::Wake,
    },
    domain::{
        id::WorkerId,
        issuer::{IssuerName, Issuers},
        mint::Minted,
        profile::Profile,
        room::Room,
        stream::{Stream, StreamChange, Terms},
    },
    ports::{Clock, LeasedStream, NotSent, Outbox, Push, SignError, Signer, StreamStore},
    testing::{ManualClock, MemoryStore},
};
use ssf_types::{
    error::ErrCode,
    event::{EventPayload, ssf::StreamUpdated},
    push::{Failure, NoAnswer, PushError, PushOutcome},
    set::{Algorithm, CompactSet},
    stream::{PushDelivery, StreamStatus, UpdateStatus, UpdateStream},
    uri::Issuer,
};

use tokio::time::Instant;

use super::fixture::*;

/// Puts claims into a SET as they are, after a while, or refuses to.
#[derive(Default)]
pub(super) struct PlainSigner {
    broken: AtomicBool,
    pub(super) takes: Duration,
    /// The process is stopped for so long while it signs.
    pub(super) stopped: Mutex<Duration>,
}

impl Signer for PlainSigner {
    async fn sign(
        &self,
        _: &IssuerName,
        _: Option<Algorithm>,
        minted: Minted,
    ) -> Result<CompactSet, SignError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(SignError(Box::new(io::Error::other("no key"))));
        }
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        let stopped = std::mem::take(&mut *self.stopped.lock().unwrap());
        if !stopped.is_zero() {
            tokio::time::advance(stopped).await;
        }
        let claims = serde_json::to_vec(&minted.in_dialect()).unwrap();
        let unsigned = |_: &[u8]| Ok::<_, io::Error>(b"signature".to_vec());
        Ok(CompactSet::compose("e30", &claims, unsigned).unwrap())
    }
}

/// What one attempt brought: `jti`, `iat`, and whom it was about, or which status it announced.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Seen {
    jti: String,
    iat: u64,
    user: String,
}

/// A Receiver that answers by user, acknowledges those it was told nothing about, and takes its time.
#[derive(Default)]
pub(super) struct Endpoint {
    answers: Mutex<HashMap<&'static str, PushOutcome>>,
    /// What those are answered whom no answer of their own was given.
    otherwise: Mutex<Option<PushOutcome>>,
    seen: Mutex<Vec<Seen>>,
    at_once: Mutex<(usize, usize)>,
    /// It does not answer about the one before it has heard about the other.
    pub(super) held: Option<(&'static str, &'static str)>,
    /// As much is under way to its host as may be.
    pub(super) is_crowded: AtomicBool,
    /// Nothing can be sent, for want of something of the Transmitter's own.
    pub(super) is_unsendable: AtomicBool,
    arrived: tokio::sync::Notify,
}

impl Endpoint {
    pub(super) fn answer(&self, user: &'static str, outcome: PushOutcome) {
        self.answers.lock().unwrap().insert(user, outcome);
    }

    /// Lets what waits for a SET about `user` go on.
    pub(super) fn pretend(&self, user: &str) {
        let seen = Seen {
            jti: String::new(),
            iat: 0,
            user: user.to_owned(),
        };
        self.seen.lock().unwrap().push(seen);
        self.arrived.notify_waiters();
    }

    pub(super) fn recover(&self) {
        self.answers.lock().unwrap().clear();
        *self.otherwise.lock().unwrap() = None;
    }

    /// Answers so whatever comes.
    pub(super) fn always(&self, outcome: PushOutcome) {
        *self.otherwise.lock().unwrap() = Some(outcome);
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn users(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.user).collect()
    }

    pub(super) fn most_at_once(&self) -> usize {
        self.at_once.lock().unwrap().1
    }

    /// Waits until a SET about `user` has arrived.
    pub(super) async fn heard_about(&self, user: &str) {
        while !self.users().iter().any(|seen| seen == user) {
            self.arrived.notified().await;
        }
    }
}

impl Push for Endpoint {
    type Place = ();

    fn place(&self, _: &PushDelivery) -> Option<()> {
        (!self.is_crowded.load(Ordering::SeqCst)).then_some(())
    }

    async fn push(
        &self,
        (): (),
        to: &PushDelivery,
        _: Profile,
        set: CompactSet,
    ) -> Result<PushOutcome, NotSent> {
        assert_eq!(to.endpoint_url.as_str(), "https://rp.example.com/events");
        if self.is_unsendable.load(Ordering::SeqCst) {
            return Err(NotSent);
        }
        let seen = read(&set);
        let user = seen.user.clone();
        self.seen.lock().unwrap().push(seen);
        {
            let mut at_once = self.at_once.lock().unwrap();
            at_once.0 += 1;
            at_once.1 = at_once.1.max(at_once.0);
        }
        self.arrived.notify_waiters();
        tokio::task::yield_now().await;
        if let Some((held, other)) = self.held
            && held == user
        {
            self.heard_about(other).await;
        }
        self.at_once.lock().unwrap().0 -= 1;
        let answer = self.answers.lock().unwrap().get(user.as_str()).cloned();
        let answer = answer.or_else(|| self.otherwise.lock().unwrap().clone());
        Ok(answer.unwrap_or(PushOutcome::Acknowledged { status: 202 }))
    }
}

fn read(set: &CompactSet) -> Seen {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = set.as_str().split('.').nth(1).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], "https://tr.example.com");
    assert_eq!(claims["aud"], "https://rp.example.com");
    let user = if let Some(status) = claims["events"][StreamUpdated::URI]["status"].as_str() {
        status
    } else {
        assert_eq!(claims["events"], serde_json::json!({ LOGOUT: {} }));
        claims["sub_id"]["id"].as_str().unwrap()
    };
    Seen {
        jti: claims["jti"].as_str().unwrap().to_owned(),
        iat: claims["iat"].as_u64().unwrap(),
        user: user.to_owned(),
    }
}

/// A transmitter with one stream to one Receiver.
pub(super) struct Rig {
    pub(super) world: World,
    pub(super) stream: Stream,
    pub(super) endpoint: Endpoint,
    pub(super) signer: PlainSigner,
    fresh: Wake,
    pub(super) gate: Gate,
    pub(super) slots: Slots,
    issuers: Issuers,
    pub(super) worker: WorkerId,
}

impl Rig {
    pub(super) async fn new() -> Self {
        let world = World::new();
        let stream = world.stream().await;
        Self {
            world,
            stream,
            endpoint: Endpoint::default(),
            signer: PlainSigner::default(),
            fresh: Wake::default(),
            gate: Gate::default(),
            slots: Slots::new(1),
            issuers: Issuers::only(Issuer::parse("https://tr.example.com").unwrap()),
            worker: ids::worker_id(),
        }
    }

    pub(super) async fn lease(&self) -> Option<LeasedStream> {
        let now = self.world.clock.now();
        let until = now.after(Duration::from_secs(30));
        let leased = self
            .world
            .store
            .lease_streams(self.worker, now, until, Room::of(1));
        leased.await.unwrap().pop()
    }

    pub(super) async fn deliver(
        &self,
        leased: &LeasedStream,
        stopping: impl Fn() -> bool,
    ) -> Delivered {
        self.deliver_first(leased, None, stopping).await
    }

    /// The same, where something is known to be due.
    pub(super) async fn deliver_first(
        &self,
        leased: &LeasedStream,
        first: Option<First>,
        stopping: impl Fn() -> bool,
    ) -> Delivered {
        let deliverer = Deliverer {
            store: &self.world.store,
            signer: &self.signer,
            push: &self.endpoint,
            clock: &self.world.clock,
            fresh: &self.fresh,
            gate: &self.gate,
            issuers: &self.issuers,
            settings: DeliverySettings::default(),
            jitter: || 1.0,
        };
        let stopping = std::future::poll_fn(|_| {
            if stopping() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let term = Term::begin(deliverer.settings.lease, self.world.clock.now());
        let start = Start::new(term, self.slots.take().unwrap()).with(first);
        deliverer.deliver(leased, start, stopping).await.unwrap()
    }

    /// Leases the stream, which has something due, and delivers.
    pub(super) async fn run(&self) -> Delivered {
        let leased = self.lease().await.unwrap();
        self.deliver(&leased, || false).await
    }

    /// Gives the stream another status, as `worker` serves its Receiver.
    pub(super) async fn status(&self, status: StreamStatus, worker: WorkerId) -> StatusUpdated {
        let mut owner = receiver();
        owner.id = self.stream.receiver;
        let request = UpdateStatus::new(self.stream.id.clone(), status);
        let updating = self.updating(worker);
        updating.update(&owner, request).await.unwrap()
    }

    /// Gives the stream a status that its Receiver did not ask for.
    pub(super) async fn decide(&self, status: StreamStatus) -> StatusUpdated {
        let updating = self.updating(self.worker);
        let decided = updating.decide(&self.stream.issuer, &self.stream.id, status, None);
        decided.await.unwrap()
    }

    fn updating(&self, worker: WorkerId) -> Updating<'_, MemoryStore, ManualClock> {
        Updating {
            store: &self.world.store,
            clock: &self.world.clock,
            fresh: &self.fresh,
            gate: &self.gate,
            worker,
        }
    }

    fn standstill(&self, worker: WorkerId) -> Standstill<'_, MemoryStore, ManualClock> {
        Standstill {
            store: &self.world.store,
            clock: &self.world.clock,
            fresh: &self.fresh,
            gate: &self.gate,
            worker,
        }
    }

    pub(super) fn after(&self, millis: u64) {
        self.world.clock.advance(Duration::from_millis(millis));
    }
}

pub(super) const USERS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

pub(super) fn down() -> PushOutcome {
    PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Connect))
}

pub(super) fn acknowledged(count: u64) -> Delivered {
    Delivered {
        acknowledged: count,
        ..Delivered::default()
    }
}

#[tokio::test]
async fn what_is_due_is_delivered_and_the_stream_given_back() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    assert_eq!(rig.run().await, acknowledged(10));
    let mut users = rig.endpoint.users();
    users.sort();
    assert_eq!(users, USERS);
    assert!(rig.lease().await.is_none());
    rig.world.happens_to(&["k"]).await;
    assert_eq!(rig.run().await, acknowledged(1));
}

#[tokio::test]
async fn the_window_opens_with_each_acknowledgement() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    rig.run().await;
    let most = rig.endpoint.most_at_once();
    assert!((4..=10).contains(&most), "{most}");
}

#[tokio::test]
async fn an_attempt_is_repeated_with_the_same_jti_and_iat() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    rig.endpoint.answer("a", down());
    assert_eq!(rig.run().await.failed, 1);
    assert!(rig.lease().await.is_none());
    rig.after(249);
    assert!(rig.lease().await.is_none());
    rig.after(1);
    rig.endpoint.recover();
    assert_eq!(rig.run().await, acknowledged(1));
    let seen = rig.endpoint.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].iat, 1_800_000_010);
}

#[tokio::test]
async fn events_of_one_user_arrive_in_order_however_wide_the_window_is() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    for _ in 0..4 {
        rig.world.happens_to(&["x"]).await;
    }
    assert_eq!(rig.run().await, acknowledged(14));
    let seen = rig.endpoint.seen();
    let of_x = seen.iter().filter(|seen| seen.user == "x");
    let issued: Vec<u64> = of_x.map(|seen| seen.iat - 1_800_000_000).collect();
    assert_eq!(issued, [20, 30, 40, 50]);
}

#[tokio::test]
async fn a_refused_set_holds_nobody_up() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a", "a", "b"]).await;
    let refusal = PushError::new(ErrCode::InvalidRequest, "no such event here");
    rig.endpoint.answer("a", PushOutcome::SetRefused(refusal));
    let expected = Delivered {
        acknowledged: 1,
        quarantined: 2,
        failed: 0,
    };
    assert_eq!(rig.run().await, expected);
    rig.after(3_600_000);
    assert!(rig.lease().await.is_none());
}

#[tokio::test]
async fn a_receiver_that_is_away_is_asked_now_and_then_and_not_for_its_whole_backlog() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    for user in USERS {
        rig.endpoint.answer(user, down());
    }
    assert_eq!(rig.run().await.failed, 3);
    for rest in [250, 500, 1000, 2000] {
        rig.after(rest - 1);
        assert!(rig.lease().await.is_none(), "{rest}");
        rig.after(1);
        assert_eq!(rig.run().await.failed, 1, "{rest}");
    }
    rig.after(4000);
    rig.endpoint.recover();
    assert_eq!(rig.run().await, acknowledged(10));
}

#[tokio::test]
async fn one_bad_set_does_not_let_the_stream_rest() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    rig.endpoint
        .answer("a", PushOutcome::Failed(Failure::Status(500)));
    let delivered = rig.run().await;
    assert_eq!((delivered.acknowledged, delivered.failed), (9, 1));
}

#[tokio::test]
async fn failures_between_acknowledgements_do_not_add_up() {
    let rig = Rig::new().await;
    rig.world
        .happens_to(&["bad", "a", "bad too", "b", "worse", "c", "d"])
        .await;
    for user in ["bad", "bad too", "worse"] {
        rig.endpoint.answer(user, down());
    }
    let delivered = rig.run().await;
    assert_eq!((delivered.acknowledged, delivered.failed), (4, 3));
}

#[tokio::test]
async fn a_busy_receiver_gets_the_time_that_it_asks_for() {
    let rig = Rig::new().await;
    rig.world.happens_to(&USERS).await;
    let retry_after = Some(Duration::from_mins(1));
    rig.endpoint.answer(
        "a",
        PushOutcome::Busy {
            status: 429,
            retry_after,
        },
    );
    assert_eq!(rig.run().await.failed, 1);
    rig.after(59_999);
    assert!(rig.lease().await.is_none());
    rig.after(1);
    rig.endpoint.recover();
    assert_eq!(rig.run().await, acknowledged(10));
}

#[tokio::test]
async fn without_a_key_nothing_is_sent_and_nothing_is_lost() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a", "b"]).await;
    rig.signer.broken.store(true, Ordering::SeqCst);
    rig.run().await;
    assert_eq!(rig.endpoint.users(), [""; 0]);
    assert!(rig.lease().await.is_none(), "the stream rests");
    rig.signer.broken.store(false, Ordering::SeqCst);
    rig.after(250);
    assert_eq!(rig.run().await, acknowledged(2));
}

#[tokio::test]
async fn when_the_process_stops_no_attempt_begins_and_the_stream_is_given_back() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    assert_eq!(rig.deliver(&leased, || true).await, Delivered::default());
    assert_eq!(rig.endpoint.users(), [""; 0]);
    assert_eq!(rig.run().await, acknowledged(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_breaks_off_what_stays_on_the_wire_and_the_next_worker_repeats_it() {
    let mut rig = Rig::new().await;
    rig.endpoint.held = Some(("b", "never"));
    rig.world.happens_to(&["a", "b"]).await;
    let leased = rig.lease().await.unwrap();
    let began = Instant::now();
    let on_the_wire = || rig.endpoint.users().contains(&"b".to_owned());
    assert_eq!(rig.deliver(&leased, on_the_wire).await, acknowledged(1));
    // The stop is noticed with the next look, at the latest.
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    rig.endpoint.held = None;
    assert_eq!(rig.run().await, acknowledged(1));
    let seen = rig.endpoint.seen();
    assert_eq!(seen[1], seen[2], "{seen:?}");
}

#[tokio::test]
async fn a_worker_that_was_replaced_stops_and_its_successor_repeats() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a", "b"]).await;
    let old = rig.lease().await.unwrap();
    rig.after(30_000);
    let new = rig.lease().await.unwrap();
    assert_eq!(rig.deliver(&old, || false).await.acknowledged, 0);
    assert_eq!(rig.deliver(&new, || false).await, acknowledged(2));
}

#[tokio::test]
async fn what_comes_while_an_attempt_is_under_way_starts_at_once() {
    let mut rig = Rig::new().await;
    rig.endpoint.held = Some(("b", "late"));
    rig.world.happens_to(&["a", "b"]).await;
    let leased = rig.lease().await.unwrap();
    let happening = async {
        rig.endpoint.heard_about("b").await;
        rig.world.happens_at_once_to(&["late"]).await;
        rig.fresh.wake();
    };
    let all = async { tokio::join!(rig.deliver(&leased, || false), happening).0 };
    let delivered = tokio::time::timeout(Duration::from_secs(10), all).await;
    assert_eq!(delivered.unwrap(), acknowledged(3));
}

#[tokio::test]
async fn a_pause_is_in_force_while_an_attempt_is_on_the_wire_and_lets_it_finish() {
    let mut rig = Rig::new().await;
    rig.endpoint.held = Some(("a", "sentinel"));
    rig.world.happens_to(&["a", "a"]).await;
    let leased = rig.lease().await.unwrap();
    let pausing = async {
        rig.endpoint.heard_about("a").await;
        let paused = rig.status(StreamStatus::Paused, rig.worker).await;
        rig.endpoint.pretend("sentinel");
        paused.settled
    };
    let all = async { tokio::join!(rig.deliver(&leased, || false), pausing) };
    let all = tokio::time::timeout(Duration::from_secs(10), all).await;
    assert_eq!(all.unwrap(), (acknowledged(1), Settled::InForce));
    assert!(rig.lease().await.is_none());
    rig.status(StreamStatus::Enabled, rig.worker).await;
    assert_eq!(rig.run().await, acknowledged(1));
    assert_eq!(rig.endpoint.users(), ["a", "sentinel", "a"]);
}

#[tokio::test]
async fn a_stream_that_is_disabled_sends_nothing_more() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a", "b"]).await;
    let leased = rig.lease().await.unwrap();
    let disabled = rig.status(StreamStatus::Disabled, rig.worker).await;
    assert_eq!((disabled.settled, disabled.dropped), (Settled::InForce, 2));
    assert_eq!(rig.deliver(&leased, || false).await, Delivered::default());
    rig.status(StreamStatus::Enabled, rig.worker).await;
    assert!(rig.lease().await.is_none());
    assert_eq!(rig.endpoint.users(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_in_force_yet_while_another_node_works_on_the_stream() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let elsewhere = ids::worker_id();
    let paused = rig.status(StreamStatus::Paused, elsewhere).await;
    assert_eq!(paused.settled, Settled::NotYet);
    // The other node looks, finds nothing due, and gives the stream back.
    let noticing = rig.deliver(&leased, || false);
    let again = rig.status(StreamStatus::Paused, elsewhere);
    let (delivered, again) = tokio::join!(noticing, again);
    assert_eq!(delivered, Delivered::default());
    assert_eq!(again.settled, Settled::InForce);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_in_force_yet_while_an_attempt_is_about_to_begin() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(5);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let pausing = async {
        let before = rig.status(StreamStatus::Paused, rig.worker).await;
        assert_eq!(rig.endpoint.users(), [""; 0]);
        let after = rig.status(StreamStatus::Paused, rig.worker).await;
        (before.settled, after.settled, rig.endpoint.users())
    };
    let (delivered, told) = tokio::join!(rig.deliver(&leased, || false), pausing);
    assert_eq!(delivered, acknowledged(1));
    let begun = vec!["a".to_owned()];
    assert_eq!(told, (Settled::NotYet, Settled::InForce, begun));
}

#[tokio::test]
async fn a_pause_of_the_transmitters_is_told_before_the_stop_and_its_end_before_what_was_held() {
    let rig = Rig::new().await;
    rig.world.happens_to(&["a"]).await;
    let paused = rig.decide(StreamStatus::Paused).await;
    assert_eq!(paused.settled, Settled::InForce);
    assert_eq!(rig.run().await, acknowledged(1));
    assert!(rig.lease().await.is_none());
    rig.decide(StreamStatus::Enabled).await;
    assert_eq!(rig.run().await, acknowledged(2));
    assert_eq!(rig.endpoint.users(), ["paused", "enabled", "a"]);
}

#[tokio::test]
async fn a_receiver_that_cannot_read_announcements_gets_its_events_all_the_same() {
    let rig = Rig::new().await;
    rig.decide(StreamStatus::Paused).await;
    rig.run().await;
    rig.world.happens_to(&["a"]).await;
    let failure = PushOutcome::Failed(Failure::Status(500));
    rig.endpoint.answer("enabled", failure);
    rig.decide(StreamStatus::Enabled).await;
    while !rig.endpoint.users().contains(&"a".to_owned()) {
        rig.run().await;
        rig.after(60_000);
    }
    let offered = ["paused", "enabled", "enabled", "enabled", "a"];
    assert_eq!(rig.endpoint.users()[..5], offered);
}

#[tokio::test]
async fn a_reason_is_shown_up_to_its_limit() {
    let rig = Rig::new().await;
    let updating = rig.updating(rig.worker);
    let reason = Some("é".repeat(1000));
    let (issuer, id) = (&rig.stream.issuer, &rig.stream.id);
    let paused = updating.decide(issuer, id, StreamStatus::Paused, reason);
    let told = paused.await.unwrap().stream.reason.unwrap();
    assert_eq!(told, "é".repeat(512));
}

#[tokio::test]
async fn another_receivers_stream_has_no_status() {
    let mut rig = Rig::new().await;
    rig.stream.receiver = receiver().id;
    let request = UpdateStatus::new(rig.stream.id.clone(), StreamStatus::Paused);
    let refused = rig.updating(rig.worker).update(&receiver(), request).await;
    assert!(matches!(refused, Err(StatusError::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_waits_for_an_attempt_that_is_about_to_begin() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(2);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let deleting = async {
        let mut owner = receiver();
        owner.id = rig.stream.receiver;
        let now = rig.world.clock.now();
        let standstill = rig.standstill(rig.worker);
        let deleted = manage::delete(standstill, &owner, &rig.stream.id, now).await;
        (deleted.unwrap(), rig.endpoint.users())
    };
    let (_, told) = tokio::join!(rig.deliver(&leased, || false), deleting);
    let begun = vec!["a".to_owned()];
    assert_eq!(told, (Some(1), begun));
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_an_attempt_that_is_about_to_begin() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(2);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let changing = async {
        let mut owner = receiver();
        owner.id = rig.stream.receiver;
        let mut update = UpdateStream::new(rig.stream.id.clone());
        update.description = Some("changed".into());
        let terms = Terms {
            issuer: &Issuer::parse("https://tr.example.com").unwrap(),
            events_supported: &rig.stream.events_delivered,
            min_verification_interval: Duration::from_secs(30),
            inactivity_timeout: None,
        };
        let (standstill, now) = (rig.standstill(rig.worker), rig.world.clock.now());
        let update = StreamChange::Update(update);
        let changed = manage::change(standstill, &owner, update, terms, now).await;
        (changed.unwrap().0.description, rig.endpoint.users())
    };
    let (_, told) = tokio::join!(rig.deliver(&leased, || false), changing);
    assert_eq!(told, (Some("changed".to_owned()), vec!["a".to_owned()]));
}

/// What another node serves its Receiver with.
fn elsewhere<'a>(rig: &'a Rig, gate: &'a Gate) -> Standstill<'a, MemoryStore, ManualClock> {
    Standstill {
        gate,
        ..rig.standstill(ids::worker_id())
    }
}

#[tokio::test(start_paused = true)]
async fn a_deletion_on_another_node_waits_for_an_attempt_that_is_about_to_begin() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(2);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let deleting = async {
        let mut owner = receiver();
        owner.id = rig.stream.receiver;
        let (gate, now) = (Gate::default(), rig.world.clock.now());
        let standstill = elsewhere(&rig, &gate);
        let deleted = manage::delete(standstill, &owner, &rig.stream.id, now).await;
        (deleted.unwrap(), rig.endpoint.users())
    };
    let (_, told) = tokio::join!(rig.deliver(&leased, || false), deleting);
    assert_eq!(told, (Some(1), vec!["a".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_pause_on_another_node_waits_for_whoever_lost_the_stream_a_moment_ago() {
    let mut rig = Rig::new().await;
    rig.signer.takes = Duration::from_secs(2);
    rig.world.happens_to(&["a"]).await;
    let leased = rig.lease().await.unwrap();
    let pausing = async {
        let mut owner = receiver();
        owner.id = rig.stream.receiver;
        let describe = |stream: &Stream| {
            let mut after = stream.clone();
            after.description = Some("changed".into());
            Ok::<_, ()>(after)
        };
        let (store, now) = (&rig.world.store, rig.world.clock.now());
        let changed = store.change_stream(owner.id, &rig.stream.id, now, describe);
        changed.await.unwrap();
        let gate = Gate::default();
        let updating = Updating {
            gate: &gate,
            ..rig.updating(ids::worker_id())
        };
        let request = UpdateStatus::new(rig.stream.id.clone(), StreamStatus::Paused);
        let updated = updating.update(&owner, request).await.unwrap();
        (updated.settled, rig.endpoint.users())
    };
    let (_, told) = tokio::join!(rig.deliver(&leased, || false), pausing);
    assert_eq!(told, (Settled::InForce, vec!["a".to_owned()]));
    assert_eq!(rig.endpoint.users(), ["a"]);
}
