//! Delivering on one leased stream.
//!
//! A window of attempts is under way at once. It opens with one attempt, doubles with each acknowledgement, and closes to
//! one again when an attempt fails for a reason that is not the SET's. After some of those in a row the stream rests, so
//! that a Receiver that is away gets one question now and then instead of its whole backlog.

mod window;

use std::{collections::HashSet, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use ssf_types::{error::Chain, push::PushOutcome, set::CompactSet, time::Timestamp};
use tracing::{debug, error, info, warn};

use self::window::Window;
use super::{
    gate::{Gate, Passage},
    wake::Wake,
};
use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        issuer::Issuers,
        mint,
        retry::RetryPolicy,
    },
    ports::{
        Clock, Fenced, LeasedStream, Outbox, Push, Settlement, Signer, StoreError, StreamLease,
    },
};

/// How often a stream with attempts under way looks for what fell due meanwhile.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How delivering goes about its work.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeliverySettings {
    /// Most attempts under way on one stream.
    pub window_max: usize,
    /// How long a lease lasts; it is renewed while attempts are under way.
    pub lease: Duration,
    /// Failures in a row after which a stream rests.
    pub failures_max: u32,
    /// How long deliveries wait after a failure, and how long a stream rests.
    pub retry: RetryPolicy,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            window_max: 32,
            lease: Duration::from_secs(30),
            failures_max: 3,
            retry: RetryPolicy::default(),
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

/// How an attempt ended.
struct Attempt {
    sequence: u64,
    ended: Ended,
}

enum Ended {
    Answered(PushOutcome, DeliveryState),
    /// The key cannot be used: the fault is ours, and the delivery stays as it is.
    NotSigned,
}

impl<S: Outbox, G: Signer, P: Push, C: Clock> Deliverer<'_, S, G, P, C> {
    /// Delivers what is due on a leased stream until nothing is, the Receiver fails repeatedly, the lease is lost, or
    /// `stopping` says so; then attempts under way are finished and the stream is given back.
    ///
    /// # Errors
    /// The store is not available. The lease expires by itself, and attempts whose end could not be stored are
    /// repeated with the same `jti`.
    #[tracing::instrument(name = "deliver", skip_all, fields(stream.id = %leased.lease.stream, peer.host = leased.push.endpoint_url.host()))]
    pub async fn deliver(
        &self,
        leased: &LeasedStream,
        stopping: impl Fn() -> bool,
    ) -> Result<Delivered, StoreError> {
        let lease = &leased.lease;
        let mut done = Delivered::default();
        let mut window = Window::new(leased.failures, &self.settings);
        let mut under_way = FuturesUnordered::new();
        let mut sequences = HashSet::new();
        let mut fresh = self.fresh.listen();
        let mut renew_at = self.clock.now().after(self.settings.lease / 3);
        loop {
            let now = self.clock.now();
            if now >= renew_at {
                if self.renew(lease, now).await? == Fenced::LeaseLost {
                    return Ok(done);
                }
                renew_at = now.after(self.settings.lease / 3);
            }
            if !window.rests()
                && !stopping()
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
            };
            let Some(first) = next else { break };
            let mut ended = vec![first];
            while let Some(Some(attempt)) = under_way.next().now_or_never() {
                ended.push(attempt);
            }
            for attempt in &ended {
                sequences.remove(&attempt.sequence);
                window.learn(&attempt.ended);
                done.count(&attempt.ended);
            }
            if self.settle(lease, ended).await? == Fenced::LeaseLost {
                return Ok(done);
            }
        }
        if window.rests() {
            warn!(
                outcome = "failed",
                "the receiver fails, and the stream rests"
            );
        }
        let resume = window.resume(self.clock.now(), &self.settings.retry, (self.jitter)());
        self.store.release(lease, resume).await?;
        Ok(done)
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
        self.store
            .renew(lease, now.after(self.settings.lease))
            .await
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
        let limit = u64::try_from(window.width).unwrap_or(u64::MAX);
        let mut due = self.store.due(lease, now, limit).await?;
        due.retain(|delivery| !under_way.contains(&delivery.sequence));
        due.truncate(window.width - under_way.len());
        Ok(due)
    }

    async fn settle(&self, lease: &StreamLease, ended: Vec<Attempt>) -> Result<Fenced, StoreError> {
        let settlement = |attempt: Attempt| match attempt.ended {
            Ended::Answered(_, state) => Some(Settlement {
                sequence: attempt.sequence,
                state,
            }),
            Ended::NotSigned => None,
        };
        let settlements: Vec<Settlement> = ended.into_iter().filter_map(settlement).collect();
        self.store
            .settle(lease, &settlements, self.clock.now())
            .await
    }

    async fn attempt(
        &self,
        leased: &LeasedStream,
        delivery: Delivery,
        passage: Passage,
    ) -> Attempt {
        let sequence = delivery.sequence;
        let Some(set) = self.sign(leased, &delivery).await else {
            let ended = Ended::NotSigned;
            return Attempt { sequence, ended };
        };
        drop(passage);
        let outcome = self.push.push(&leased.push, leased.profile, set).await;
        if let PushOutcome::OtherSuccess { status } = outcome {
            warn!(set.jti = %delivery.jti, http.status = status, "the receiver answers another 2xx than 202: its profile does not allow that, and the SET is sent again");
        }
        let now = self.clock.now();
        let before = DeliveryState::Pending {
            attempts: delivery.attempts,
            due: now,
        };
        let state =
            before.after_attempt(outcome.clone(), now, &self.settings.retry, (self.jitter)());
        report(&delivery, &state);
        let ended = Ended::Answered(outcome, state);
        Attempt { sequence, ended }
    }

    /// Mints and signs the SET; `None` if that cannot be done now, which is our own fault and is logged here.
    async fn sign(&self, leased: &LeasedStream, delivery: &Delivery) -> Option<CompactSet> {
        let stream = &leased.stream;
        let Some(issuer) = self.issuers.of(&stream.issuer) else {
            error!(set.jti = %delivery.jti, issuer.name = %stream.issuer, "no attempt for an issuer that is not configured");
            return None;
        };
        let minted = mint::mint(issuer, &stream.audience, leased.profile, delivery);
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

fn report(delivery: &Delivery, state: &DeliveryState) {
    let jti = &delivery.jti;
    let r#type = delivery.event.event.event.uri();
    match state {
        DeliveryState::Acknowledged { .. } => {
            info!(set.jti = %jti, event.r#type = %r#type, outcome = "acknowledged", "delivery attempt ended");
        }
        DeliveryState::Quarantined { code, .. } => {
            warn!(set.jti = %jti, event.r#type = %r#type, outcome = "refused", code = code.as_str(), "delivery attempt ended");
        }
        DeliveryState::Pending { attempts, .. } => {
            debug!(set.jti = %jti, event.r#type = %r#type, outcome = "failed", delivery.attempt = attempts, "delivery attempt ended");
        }
    }
    let outcome = match state {
        DeliveryState::Acknowledged { .. } => "acknowledged",
        DeliveryState::Quarantined { .. } => "refused",
        DeliveryState::Pending { .. } => "failed",
    };
    metrics::counter!("ssf_delivery_attempts_total", "outcome" => outcome).increment(1);
}

impl Delivered {
    fn count(&mut self, ended: &Ended) {
        match ended {
            Ended::Answered(_, DeliveryState::Acknowledged { .. }) => self.acknowledged += 1,
            Ended::Answered(_, DeliveryState::Quarantined { .. }) => self.quarantined += 1,
            Ended::Answered(_, DeliveryState::Pending { .. }) | Ended::NotSigned => {
                self.failed += 1;
            }
        }
    }
}
