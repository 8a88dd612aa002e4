//! The Transmitter's keys: cached, refreshed when a SET names an unknown one, never from an address in a token.
//!
//! 1. A SET whose key is unknown is refused for ever only if a fetch that began after its arrival succeeded and still
//!    lacks the key.
//! 2. One fetch at a time; who arrives while one is under way waits for the next.
//! 3. Fetches have a [`Budget`]; beyond it, and while the Transmitter cannot be reached, the answer is "not now".
//! 4. Keys that were fetched stay in use while fetching fails.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use ssf_types::{
    error::Chain,
    jose::KeySet,
    metadata::TransmitterMetadata,
    set::{Expectation, SetError, UnverifiedSet, VerifiedSet},
    time::Timestamp,
    uri::Issuer,
};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use crate::{
    budget::Budget,
    client::{
        Http, REQUEST_TIMEOUT,
        discovery::{self, DiscoveryError},
    },
};

/// Age at which keys are fetched anew unasked, so that a withdrawn key goes out of use.
const REFRESH_INTERVAL: Duration = Duration::from_mins(10);

/// Longest wait of a SET for keys; Transmitters wait about as long for an answer.
const WAIT_MAX: Duration = REQUEST_TIMEOUT;

/// What a Transmitter is told to wait after a failed fetch.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A SET was not verified.
#[derive(Debug)]
pub(crate) enum Unverified {
    /// It never will be.
    Never(SetError),
    /// It may be later: keys could not be fetched.
    NotNow { retry_after: Duration },
}

/// The keys of one Transmitter.
#[derive(Debug)]
pub(crate) struct Keys {
    issuer: Issuer,
    http: Http,
    current: ArcSwap<KeySet>,
    metadata: ArcSwapOption<TransmitterMetadata>,
    /// Number of the last fetch that began.
    begun: AtomicU64,
    /// Number of the first fetch that somebody waits for; behind `begun` if nobody does.
    wanted: AtomicU64,
    asked: Notify,
    rounds: watch::Sender<Round>,
}

/// A fetch that ended, or was not allowed to begin.
#[derive(Clone, Copy, Debug)]
struct Round {
    number: u64,
    outcome: Result<(), Duration>,
}

impl Keys {
    pub(crate) fn new(issuer: Issuer, http: Http) -> Self {
        let none = Round {
            number: 0,
            outcome: Err(RETRY_AFTER),
        };
        Self {
            issuer,
            http,
            current: ArcSwap::default(),
            metadata: ArcSwapOption::empty(),
            begun: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            asked: Notify::new(),
            rounds: watch::Sender::new(none),
        }
    }

    /// Whether there are keys.
    pub(crate) fn loaded(&self) -> bool {
        !self.current.load().is_empty()
    }

    /// Members of complex subjects that the Transmitter calls critical.
    pub(crate) fn critical_subject_members(&self) -> BTreeSet<String> {
        let metadata = self.metadata.load();
        let members = metadata.iter().flat_map(|m| &m.critical_subject_members);
        members.cloned().collect()
    }

    /// The metadata as it was last fetched.
    pub(crate) fn metadata(&self) -> Option<Arc<TransmitterMetadata>> {
        self.metadata.load_full()
    }

    /// Fetches the metadata.
    pub(crate) async fn discover(&self) -> Result<Arc<TransmitterMetadata>, DiscoveryError> {
        let metadata = Arc::new(discovery::metadata(&self.http, &self.issuer).await?);
        self.metadata.store(Some(Arc::clone(&metadata)));
        Ok(metadata)
    }

    /// Verifies a SET, with newer keys if need be.
    pub(crate) async fn verify(
        &self,
        set: &UnverifiedSet,
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<VerifiedSet, Unverified> {
        let arrival = self.begun.load(Ordering::Acquire);
        let verified = self.verify_with_current(set, expected, now);
        let may_change = match &verified {
            Err(SetError::UnknownKey) => true,
            // Without a name, the key may be one that we do not have yet.
            Err(SetError::BadSignature) => set.header().kid.is_none(),
            Err(_) | Ok(_) => false,
        };
        if !may_change {
            return verified.map_err(Unverified::Never);
        }
        self.fetched_after(arrival)
            .await
            .map_err(|retry_after| Unverified::NotNow { retry_after })?;
        self.verify_with_current(set, expected, now)
            .map_err(Unverified::Never)
    }

    fn verify_with_current(
        &self,
        set: &UnverifiedSet,
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<VerifiedSet, SetError> {
        set.verify(&**self.current.load(), expected, now)
    }

    /// Fetches the keys now.
    ///
    /// # Errors
    /// How long to wait before the next try.
    pub(crate) async fn refresh(&self) -> Result<(), Duration> {
        self.fetched_after(self.begun.load(Ordering::Acquire)).await
    }

    /// Waits until a fetch that began after `arrival` ended.
    async fn fetched_after(&self, arrival: u64) -> Result<(), Duration> {
        let mut rounds = self.rounds.subscribe();
        self.wanted.fetch_max(arrival + 1, Ordering::AcqRel);
        self.asked.notify_one();
        let ended = timeout(WAIT_MAX, rounds.wait_for(|round| round.number > arrival)).await;
        match ended {
            Ok(Ok(round)) => round.outcome,
            // Nobody fetches any more, or not in time.
            Ok(Err(_)) | Err(_) => Err(RETRY_AFTER),
        }
    }

    /// Fetches whenever keys are wanted, and at times unasked; never returns.
    pub(crate) async fn keep(&self) {
        let start = Instant::now();
        let mut budget = Budget::new();
        loop {
            let asked = timeout(REFRESH_INTERVAL, self.asked.notified())
                .await
                .is_ok();
            if asked && self.wanted.load(Ordering::Acquire) <= self.begun.load(Ordering::Acquire) {
                continue;
            }
            let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
            let outcome = match budget.take(start.elapsed()) {
                Ok(()) => self.fetch().await,
                Err(wait) => {
                    tracing::warn!(
                        wait_secs = wait.as_secs(),
                        "the budget for fetching keys is spent"
                    );
                    Err(wait)
                }
            };
            self.rounds.send_replace(Round { number, outcome });
        }
    }

    async fn fetch(&self) -> Result<(), Duration> {
        let result = match self.fetch_documents().await {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "the transmitter's keys were fetched");
                self.current.store(Arc::new(keys));
                Ok(())
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the transmitter's keys cannot be fetched");
                Err(RETRY_AFTER)
            }
        };
        let label = if result.is_ok() { "fetched" } else { "failed" };
        metrics::counter!("ssf_receiver_key_fetches_total", "result" => label).increment(1);
        result
    }

    /// The keys, from where the metadata says that they are now: `jwks_uri` may move.
    async fn fetch_documents(&self) -> Result<KeySet, DiscoveryError> {
        let metadata = self.discover().await?;
        discovery::keys(&self.http, &metadata).await
    }
}
