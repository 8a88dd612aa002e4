//! Delivering on one leased stream.
//!
//! A window of attempts is under way at once. It opens with one attempt, doubles with each answer that judges the SET, and
//! closes to one again when an attempt fails for a reason that is not the SET's. What each answer means is said by
//! [`Health::learn`](crate::domain::circuit::Health::learn); here it is carried out.

mod gather;
mod pause;
mod run;
mod start;
mod term;
mod window;

use std::{future::Future, pin::pin, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use ssf_types::{error::Chain, push::PushOutcome, set::CompactSet, time::Timestamp};
use tokio::{sync::watch, time::Instant};
use tracing::{debug, error, info, warn};

use self::{
    gather::gather,
    pause::{Pausing, pause},
    run::Run,
    window::Window,
};
pub use self::{
    start::{First, Start},
    term::Term,
};
use super::{
    gate::{Gate, Passage},
    measure::{self, LeaseChange, Leased},
    wake::Wake,
};
use crate::{
    domain::{
        attempt,
        circuit::{Circuit, CircuitPolicy, Tried},
        delivery::{Delivery, DeliveryState},
        issuer::Issuers,
        mint,
        trouble::Trouble,
    },
    failpoint::{Failpoint, during, reached},
    ports::{
        AuditStore, Clock, Fenced, Finished, LeasedStream, NotSent, OperatedStreams, Outbox, Push,
        Settlement, Signer, StoreError, StreamLease,
    },
};

/// How often a stream with attempts under way looks for what fell due meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How soon a stream looks again for a place at a host to which as much is under way as may be.
const CROWDED: Duration = Duration::from_millis(50);

/// How soon a stream tries again what was not sent for want of something of our own.
const UNSENT: Duration = Duration::from_secs(1);

/// How long leases last unless told otherwise: a stream moves within 10 s of a crash.
pub const LEASE_DEFAULT: Duration = Duration::from_secs(8);

/// How long a stop on one of several nodes waits for attempts under way: most end, and the others go on with the rest soon.
const HAND_OVER: Duration = Duration::from_millis(500);

/// How delivering goes about its work.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeliverySettings {
    /// Most attempts under way on one stream.
    pub window_max: usize,
    /// How long a lease lasts; it is renewed while attempts are under way.
    pub lease: Duration,
    /// How long attempts under way may take to end once it is time to stop; then they are broken off.
    pub hand_over: Duration,
    /// When the circuit opens, and how long deliveries and streams wait.
    pub circuit: CircuitPolicy,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            window_max: 32,
            lease: LEASE_DEFAULT,
            hand_over: HAND_OVER,
            circuit: CircuitPolicy::default(),
        }
    }
}

/// What delivering needs; it is borrowed from whoever runs the loops.
#[derive(Clone, Copy, Debug)]
pub struct Deliverer<'a, S, G, P, C> {
    /// Where deliveries are kept.
    pub store: &'a S,
    /// Signs SETs.
    pub signer: &'a G,
    /// Sends them.
    pub push: &'a P,
    /// Tells the time.
    pub clock: &'a C,
    /// Is called when deliveries were added, so that a stream with room in its window takes them at once.
    pub fresh: &'a Wake,
    /// Is passed on the way from what is due to its attempt.
    pub gate: &'a Gate,
    /// The `iss` of the SETs, by the names of the streams' issuers.
    pub issuers: &'a Issuers,
    /// How to go about it.
    pub settings: DeliverySettings,
    /// Gives a random number in `0.0..1.0` for each delay.
    pub jitter: fn() -> f64,
}

/// What was done on a stream before it was given back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Delivered {
    /// Deliveries that were acknowledged.
    pub acknowledged: u64,
    /// Deliveries that were refused for good.
    pub quarantined: u64,
    /// Attempts that failed and will be repeated.
    pub failed: u64,
}

/// What an attempt needs before it begins.
struct Ready<T> {
    place: T,
    passage: Passage,
}

/// An attempt that has ended.
struct Attempt {
    delivery: Delivery,
    begun: Timestamp,
    ended: Ended,
}

enum Ended {
    Answered(PushOutcome),
    /// The lease was over, or nearly: the delivery stays as it is, and says nothing about the Receiver.
    NotBegun,
    /// Nothing was sent, for want of something of our own: the delivery stays as it is, and says nothing about the Receiver.
    NotSent,
    /// The key cannot be used: the fault is ours, and the delivery stays as it is.
    NotSigned,
}

impl<S: Outbox + OperatedStreams + AuditStore, G: Signer, P: Push, C: Clock>
    Deliverer<'_, S, G, P, C>
{
    /// Delivers what is due on a leased stream until nothing is, the stream has to rest, the lease is lost or over, others
    /// want the slot, or `stopping` comes; then attempts under way are finished, unless the lease is lost, and the stream is
    /// given back. After `stopping` they get a limited time: what is broken off is repeated with the same `jti` by whoever
    /// takes the stream.
    ///
    /// # Errors
    /// The store is not available. The lease expires by itself, and attempts whose end could not be stored are
    /// repeated with the same `jti`.
    #[tracing::instrument(name = "deliver", skip_all, fields(stream.id = %leased.lease.stream, peer.host = leased.push.endpoint_url.host()))]
    pub async fn deliver(
        &self,
        leased: &LeasedStream,
        start: Start,
        stopping: impl Future<Output = ()>,
    ) -> Result<Delivered, StoreError> {
        let lease = &leased.lease;
        let mut run = Run::new(leased, start, &self.settings);
        let mut under_way = FuturesUnordered::new();
        let mut fresh = self.fresh.listen();
        let mut stopping = pin!(stopping);
        loop {
            if run.stops_at.is_none() && stopping.as_mut().now_or_never().is_some() {
                run.stop(self.settings.hand_over);
            }
            if self.keep(lease, &mut run).await? == Fenced::LeaseLost {
                break;
            }
            for (delivery, ready) in self.startable(leased, &mut run).await? {
                run.under_way.insert(delivery.sequence);
                let term = run.term.subscribe();
                under_way.push(self.attempt(leased, delivery, ready, term));
            }
            if run.is_over() {
                break;
            }
            let first = tokio::select! {
                // In this order, so that a simulated world comes again exactly. What has ended comes first: what there is to
                // learn from it may keep the next attempt from beginning.
                biased;
                Some(first) = under_way.next() => first,
                () = until(run.stops_at) => break,
                () = &mut stopping, if run.stops_at.is_none() => {
                    run.stop(self.settings.hand_over);
                    continue;
                }
                () = run.is_in_the_way() => {
                    run.leave();
                    continue;
                }
                () = until(run.again_at) => continue,
                () = fresh.wait(run.look_interval(self.clock.now())) => continue,
            };
            let ended = gather(first, &mut under_way, run.wanted()).await;
            match self.settle(leased, &mut run, ended).await? {
                Finished::GoesOn => {}
                Finished::GivenBack => return Ok(run.done),
                Finished::LeaseLost => break,
            }
        }
        // Nothing is under way any more under a lease that is lost or given back.
        drop(under_way);
        self.store.release(lease, &run.window.health).await?;
        Ok(run.done)
    }

    /// Prolongs the lease when it is time to. One that is over, or was prolonged too late, is not relied on any more:
    /// somebody may have been told meanwhile that nobody holds it.
    async fn keep(&self, lease: &StreamLease, run: &mut Run) -> Result<Fenced, StoreError> {
        let (term, now) = (*run.term.borrow(), self.clock.now());
        if term.is_over(now) {
            run.leave();
            return Ok(Fenced::Stored);
        }
        if !term.is_to_be_renewed(now) {
            return Ok(Fenced::Stored);
        }
        let next = Term::begin(self.settings.lease, now);
        let renewed = noticed(self.store.renew(lease, next.until()).await?);
        if term.is_over(self.clock.now()) {
            run.leave();
        } else {
            run.term.send_replace(next);
        }
        Ok(renewed)
    }

    /// Deliveries that are due, not under way, and fit into the window and into what may be under way to the host.
    ///
    /// Each has passed the gate and has a place there, so that nothing keeps it from beginning at once.
    async fn startable(
        &self,
        leased: &LeasedStream,
        run: &mut Run,
    ) -> Result<Vec<(Delivery, Ready<P::Place>)>, StoreError> {
        let first = run.first.take();
        let now = self.clock.now();
        let room = run.room(now);
        if room == 0 {
            return Ok(Vec::new());
        }
        let (passage, known) = match first {
            Some(First { passage, due }) => (passage, Some(due)),
            None => (self.gate.enter(&leased.lease.stream), None),
        };
        let place = || self.push.place(&leased.push);
        let first = place();
        let mut due = if let Some(due) = known {
            due
        } else {
            // Without a place, all there is to know is whether anything waits for one.
            let beginning = if first.is_some() { room } else { 1 };
            self.look(&leased.lease, run, beginning).await?
        };
        run.is_behind = due.len() >= room.max(2);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let Some(first) = first else {
            run.again_at = Some(Instant::now() + CROWDED);
            return Ok(Vec::new());
        };
        if run.window.health.circuit() == Circuit::Open {
            // One that fails whatever happens must not keep the circuit open.
            due.sort_by_key(|delivery| delivery.attempts);
        }
        let places = std::iter::once(first).chain(std::iter::from_fn(place));
        let ready = places.take(room.min(due.len())).map(|place| Ready {
            place,
            passage: passage.clone(),
        });
        Ok(due.into_iter().zip(ready).collect())
    }

    /// What is due and not under way, for so many attempts that may begin.
    async fn look(
        &self,
        lease: &StreamLease,
        run: &Run,
        beginning: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let candidates = run.window.candidates(beginning);
        // Whether there is a second one decides whether the slot is lent, and whether an end of an attempt waits for others.
        let limit = u64::try_from(candidates.max(2)).unwrap_or(u64::MAX);
        let under_way: Vec<u64> = run.under_way.iter().copied().collect();
        let due = self.store.due(lease, self.clock.now(), limit, &under_way);
        due.await
    }

    /// Stores what became of attempts, and what they say about the Receiver if that is news. Where nothing else is under way
    /// or due, it gives the stream back with that.
    async fn settle(
        &self,
        leased: &LeasedStream,
        run: &mut Run,
        ended: Vec<Attempt>,
    ) -> Result<Finished, StoreError> {
        for attempt in &ended {
            run.under_way.remove(&attempt.delivery.sequence);
        }
        let settlements = self.judge(ended, run);
        let news = run.window.news().cloned();
        if settlements.is_empty() && news.is_none() {
            return Ok(Finished::GoesOn);
        }
        let (lease, news, now) = (&leased.lease, news.as_ref(), self.clock.now());
        let is_last = run.under_way.is_empty() && !run.window.is_to_pause();
        let finished = if is_last {
            run.lend_slot();
            let finished = self.store.finish(lease, &settlements, news, now).await?;
            run.take_slot_back();
            finished
        } else {
            match self.store.settle(lease, &settlements, news, now).await? {
                Fenced::Stored => Finished::GoesOn,
                Fenced::LeaseLost => Finished::LeaseLost,
            }
        };
        if finished == Finished::LeaseLost {
            noticed(Fenced::LeaseLost);
            return Ok(finished);
        }
        reached(Failpoint::AfterSettle);
        measure::quarantined("push", quarantined(&settlements));
        run.window.stored();
        self.pause_if_due(leased, &mut run.window).await?;
        Ok(finished)
    }

    /// Says what becomes of deliveries, in the order in which their answers came.
    fn judge(&self, ended: Vec<Attempt>, run: &mut Run) -> Vec<Settlement> {
        let now = self.clock.now();
        let mut settlements = Vec::with_capacity(ended.len());
        for attempt in ended {
            let jitter = (self.jitter)();
            let was = run.window.health.circuit();
            match attempt.ended {
                Ended::NotBegun => {}
                Ended::NotSent => run.again_at = Some(Instant::now() + UNSENT),
                Ended::NotSigned => {
                    run.window
                        .not_signed(attempt.begun, now, &self.settings, jitter);
                    run.done.failed += 1;
                }
                Ended::Answered(outcome) => {
                    run.answered();
                    let tried = Tried::new(&attempt.delivery, attempt.begun);
                    let answer = attempt::Attempt::pushed(&outcome, now);
                    let label = answer.class.as_str();
                    let state = run
                        .window
                        .learn(&tried, outcome, now, &self.settings, jitter);
                    report(&attempt.delivery, label, &state);
                    run.done.count(&state);
                    settlements.push(Settlement {
                        sequence: attempt.delivery.sequence,
                        state,
                        answer: Some(answer),
                    });
                }
            }
            report_circuit(
                was,
                run.window.health.circuit(),
                run.window.health.trouble.as_ref(),
            );
        }
        settlements
    }

    async fn pause_if_due(
        &self,
        leased: &LeasedStream,
        window: &mut Window,
    ) -> Result<(), StoreError> {
        let Some(cause) = window.pause() else {
            return Ok(());
        };
        // It is rare, and would make each delivery larger.
        let pausing = Box::pin(pause((self.store, self.clock), leased, cause));
        match pausing.await? {
            Pausing::Paused => {
                warn!(cause = cause.as_str(), "the stream is paused");
                window.paused();
            }
            Pausing::Overtaken => window.outdated(),
        }
        Ok(())
    }

    #[tracing::instrument(level = "debug", skip_all, fields(set.jti = %delivery.jti, delivery.attempt = delivery.attempts + 1))]
    async fn attempt(
        &self,
        leased: &LeasedStream,
        delivery: Delivery,
        ready: Ready<P::Place>,
        term: watch::Receiver<Term>,
    ) -> Attempt {
        let Ready { place, passage } = ready;
        let begun = self.clock.now();
        let ended = match self.sign(leased, &delivery).await {
            None => Ended::NotSigned,
            // Signing may have taken long, and the process may have been stopped meanwhile.
            Some(_) if term.borrow().is_over(self.clock.now()) => Ended::NotBegun,
            Some(set) => {
                drop(passage);
                let push = self.push.push(place, &leased.push, leased.profile, set);
                let outcome = during(Failpoint::MidPost, push).await;
                reached(Failpoint::AfterAnswer);
                if let Ok(PushOutcome::OtherSuccess { status }) = outcome {
                    warn!(set.jti = %delivery.jti, http.status = status, "the receiver answers another 2xx than 202: its profile does not allow that, and the SET is sent again");
                }
                match outcome {
                    Ok(outcome) => Ended::Answered(outcome),
                    Err(NotSent) => Ended::NotSent,
                }
            }
        };
        Attempt {
            delivery,
            begun,
            ended,
        }
    }

    /// Mints and signs the SET; `None` if that cannot be done now, which is our own fault and is logged here.
    async fn sign(&self, leased: &LeasedStream, delivery: &Delivery) -> Option<CompactSet> {
        let stream = &leased.stream;
        let Some(issuer) = self.issuers.of(&stream.issuer) else {
            error!(set.jti = %delivery.jti, issuer.name = %stream.issuer, "no attempt for an issuer that is not configured");
            return None;
        };
        let epoch = stream.sequence_epoch.as_ref();
        let whom = (stream.receiver, &stream.audience);
        let minted = mint::mint(issuer, whom, leased.profile, epoch, delivery);
        let signing = self.signer.sign(&stream.issuer, stream.signing_alg, minted);
        match signing.await {
            Ok(set) => Some(set),
            Err(error) => {
                error!(set.jti = %delivery.jti, error = %Chain(&error), "no attempt without a signature");
                None
            }
        }
    }
}

/// Counts a lease that is lost.
fn noticed(fenced: Fenced) -> Fenced {
    if fenced == Fenced::LeaseLost {
        measure::leases(Leased::Stream, LeaseChange::Lost, 1);
    }
    fenced
}

/// Waits for a moment, if there is one.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn quarantined(settlements: &[Settlement]) -> u64 {
    let is_quarantined =
        |settled: &&Settlement| matches!(settled.state, DeliveryState::Quarantined { .. });
    settlements.iter().filter(is_quarantined).count() as u64
}

fn report(delivery: &Delivery, outcome: &'static str, state: &DeliveryState) {
    let jti = &delivery.jti;
    let r#type = delivery.event.event.event.uri();
    match state {
        DeliveryState::Acknowledged { at } => {
            info!(set.jti = %jti, event.r#type = %r#type, outcome, "delivery attempt ended");
            measure::acknowledged("push", delivery.event.accepted_at, *at);
        }
        DeliveryState::Quarantined { code, .. } => {
            warn!(set.jti = %jti, event.r#type = %r#type, outcome, code = code.as_str(), "delivery attempt ended: quarantined");
        }
        DeliveryState::Pending { attempts, .. } => {
            debug!(set.jti = %jti, event.r#type = %r#type, outcome, delivery.attempt = attempts, "delivery attempt ended");
        }
        DeliveryState::Dropped { reason, .. } => {
            info!(set.jti = %jti, event.r#type = %r#type, outcome, reason = reason.as_str(), "delivery attempt ended: dropped");
        }
    }
    metrics::counter!("ssf_delivery_attempts_total", "outcome" => outcome).increment(1);
}

fn report_circuit(was: Circuit, is: Circuit, trouble: Option<&Trouble>) {
    let kind = trouble.map_or("none", |trouble| trouble.kind.as_str());
    let last = trouble.map_or("", |trouble| trouble.last.as_str());
    match (was, is) {
        (Circuit::Closed, Circuit::Open) => {
            warn!(
                trouble = kind,
                last, "the stream rests, and is asked now and then"
            );
        }
        (Circuit::Open, Circuit::Closed) => info!("the receiver answers again"),
        (Circuit::Closed, Circuit::Closed) | (Circuit::Open, Circuit::Open) => {}
    }
}

impl Delivered {
    fn count(&mut self, state: &DeliveryState) {
        match state {
            DeliveryState::Acknowledged { .. } => self.acknowledged += 1,
            DeliveryState::Quarantined { .. } => self.quarantined += 1,
            DeliveryState::Pending { .. } | DeliveryState::Dropped { .. } => self.failed += 1,
        }
    }
}
