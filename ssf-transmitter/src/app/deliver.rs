//! Delivering on one leased stream.
//!
//! A window of attempts is under way at once. It opens with one attempt, doubles with each answer that judges the SET, and
//! closes to one again when an attempt fails for a reason that is not the SET's. What each answer means is said by
//! [`Health::learn`](crate::domain::circuit::Health::learn); here it is carried out.

mod pause;
mod window;

use std::{collections::HashSet, future::Future, pin::pin, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use ssf_types::{error::Chain, push::PushOutcome, set::CompactSet, time::Timestamp};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use self::{
    pause::{Pausing, pause},
    window::Window,
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
    ports::{
        AuditStore, Clock, Fenced, LeasedStream, OperatedStreams, Outbox, Push, Settlement, Signer,
        StoreError, StreamLease,
    },
};

/// How often a stream with attempts under way looks for what fell due meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

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

/// An attempt that has ended.
struct Attempt {
    delivery: Delivery,
    begun: Timestamp,
    ended: Ended,
}

enum Ended {
    Answered(PushOutcome),
    /// The key cannot be used: the fault is ours, and the delivery stays as it is.
    NotSigned,
}

impl<S: Outbox + OperatedStreams + AuditStore, G: Signer, P: Push, C: Clock>
    Deliverer<'_, S, G, P, C>
{
    /// Delivers what is due on a leased stream until nothing is, the stream has to rest, the lease is lost, or `stopping`
    /// comes; then attempts under way are finished, unless the lease is lost, and the stream is given back. After `stopping`
    /// they get a limited time: what is broken off is repeated with the same `jti` by whoever takes the stream.
    ///
    /// # Errors
    /// The store is not available. The lease expires by itself, and attempts whose end could not be stored are
    /// repeated with the same `jti`.
    #[tracing::instrument(name = "deliver", skip_all, fields(stream.id = %leased.lease.stream, peer.host = leased.push.endpoint_url.host()))]
    pub async fn deliver(
        &self,
        leased: &LeasedStream,
        stopping: impl Future<Output = ()>,
    ) -> Result<Delivered, StoreError> {
        let lease = &leased.lease;
        let mut done = Delivered::default();
        let mut window = Window::new(leased, &self.settings);
        let mut under_way = FuturesUnordered::new();
        let mut sequences = HashSet::new();
        let mut fresh = self.fresh.listen();
        let mut renew_at = self.clock.now().after(self.settings.lease / 3);
        let mut stopping = pin!(stopping);
        let mut stops_at = None;
        loop {
            if stops_at.is_none() && stopping.as_mut().now_or_never().is_some() {
                stops_at = Some(Instant::now() + self.settings.hand_over);
            }
            let now = self.clock.now();
            if now >= renew_at {
                if self.renew(lease, now).await? == Fenced::LeaseLost {
                    break;
                }
                renew_at = now.after(self.settings.lease / 3);
            }
            if !window.is_shut(now)
                && stops_at.is_none()
                && sequences.len() < window.width
                && let Some(passage) = self.enter(sequences.is_empty()).await
            {
                for delivery in self.startable(lease, now, &window, &sequences).await? {
                    sequences.insert(delivery.sequence);
                    under_way.push(self.attempt(leased, delivery, passage.clone()));
                }
            }
            let next = tokio::select! {
                next = under_way.next() => next,
                () = fresh.wait(LOOK_INTERVAL) => continue,
                () = &mut stopping, if stops_at.is_none() => {
                    stops_at = Some(Instant::now() + self.settings.hand_over);
                    continue;
                }
                () = until(stops_at) => break,
            };
            let Some(first) = next else { break };
            let mut ended = vec![first];
            while let Some(Some(attempt)) = under_way.next().now_or_never() {
                ended.push(attempt);
            }
            for attempt in &ended {
                sequences.remove(&attempt.delivery.sequence);
            }
            let settlements = self.judge(ended, &mut window, &mut done);
            let now = self.clock.now();
            let settled = self.store.settle(lease, &settlements, now).await?;
            if noticed(settled) == Fenced::LeaseLost {
                break;
            }
            self.pause_if_due(leased, &mut window).await?;
        }
        // Nothing is under way any more under a lease that is lost or given back.
        drop(under_way);
        self.store.release(lease, &window.health).await?;
        Ok(done)
    }

    /// Says what becomes of deliveries, in the order in which their answers came.
    fn judge(
        &self,
        ended: Vec<Attempt>,
        window: &mut Window,
        done: &mut Delivered,
    ) -> Vec<Settlement> {
        let now = self.clock.now();
        let mut settlements = Vec::with_capacity(ended.len());
        for attempt in ended {
            let jitter = (self.jitter)();
            let was = window.health.circuit();
            match attempt.ended {
                Ended::NotSigned => {
                    window.not_signed(attempt.begun, now, &self.settings, jitter);
                    done.failed += 1;
                }
                Ended::Answered(outcome) => {
                    let tried = Tried::new(&attempt.delivery, attempt.begun);
                    let answer = attempt::Attempt::pushed(&outcome, now);
                    let label = answer.class.as_str();
                    let state = window.learn(&tried, outcome, now, &self.settings, jitter);
                    report(&attempt.delivery, label, &state);
                    done.count(&state);
                    settlements.push(Settlement {
                        sequence: attempt.delivery.sequence,
                        state,
                        answer: Some(answer),
                    });
                }
            }
            report_circuit(was, window.health.circuit(), window.health.trouble.as_ref());
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

    /// Enters the gate. While attempts are under way, some of which may be in it, nobody waits for it here: they would
    /// never leave.
    async fn enter(&self, alone: bool) -> Option<Passage> {
        match self.gate.try_enter() {
            None if alone => Some(self.gate.enter().await),
            entered => entered,
        }
    }

    async fn renew(&self, lease: &StreamLease, now: Timestamp) -> Result<Fenced, StoreError> {
        let until = now.after(self.settings.lease);
        Ok(noticed(self.store.renew(lease, until).await?))
    }

    /// Deliveries that are due, not under way, and fit into the window.
    async fn startable(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        window: &Window,
        under_way: &HashSet<u64>,
    ) -> Result<Vec<Delivery>, StoreError> {
        // Those under way are pending still, so at most as many of the answer as there are of them are not wanted.
        let limit = u64::try_from(window.candidates()).unwrap_or(u64::MAX);
        let mut due = self.store.due(lease, now, limit).await?;
        due.retain(|delivery| !under_way.contains(&delivery.sequence));
        if window.health.circuit() == Circuit::Open {
            // One that fails whatever happens must not keep the circuit open.
            due.sort_by_key(|delivery| delivery.attempts);
        }
        due.truncate(window.width - under_way.len());
        Ok(due)
    }

    async fn attempt(
        &self,
        leased: &LeasedStream,
        delivery: Delivery,
        passage: Passage,
    ) -> Attempt {
        let begun = self.clock.now();
        let ended = match self.sign(leased, &delivery).await {
            None => Ended::NotSigned,
            Some(set) => {
                drop(passage);
                let outcome = self.push.push(&leased.push, leased.profile, set).await;
                if let PushOutcome::OtherSuccess { status } = outcome {
                    warn!(set.jti = %delivery.jti, http.status = status, "the receiver answers another 2xx than 202: its profile does not allow that, and the SET is sent again");
                }
                Ended::Answered(outcome)
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
        let minted = mint::mint(issuer, &stream.audience, leased.profile, epoch, delivery);
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
