//! The keys of an issuer, the Transmitter's above all: cached, refreshed when a SET names an unknown one, never from an
//! address in a token.
//!
//! 1. A SET, or another token, whose key is unknown is refused for ever only if a fetch that began after its arrival
//!    succeeded and still lacks the key.
//! 2. One fetch at a time; who arrives while one is under way waits for the next.
//! 3. Fetches have a [`Budget`]; beyond it, and while the Transmitter cannot be reached, the answer is "not now".
//! 4. Keys that were fetched stay in use while fetching fails.

#[cfg(feature = "daemon")]
mod tokens;

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

#[cfg(feature = "daemon")]
use crate::client::token_keys;
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

/// A SET, or another token, was not verified.
#[derive(Debug)]
pub(crate) enum Unverified<E = SetError> {
    /// It never will be.
    Never(E),
    /// It may be later: keys could not be fetched.
    NotNow { retry_after: Duration },
}

/// Where the keys of an issuer are.
#[derive(Debug)]
enum Origin {
    /// Where a Transmitter's metadata says.
    Transmitter,
    /// At this address, or where the metadata of an OpenID Provider says.
    #[cfg(feature = "daemon")]
    TokenIssuer(Option<ssf_types::uri::EndpointUrl>),
}

/// Keys were not fetched.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(transparent)]
    Transmitter(#[from] DiscoveryError),
    #[cfg(feature = "daemon")]
    #[error(transparent)]
    TokenIssuer(#[from] token_keys::TokenKeysError),
}

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) struct Keys {
    issuer: Issuer,
    origin: Origin,
    http: Http,
    current: ArcSwap<KeySet>,
    metadata: ArcSwapOption<TransmitterMetadata>,
    /// Number of the last fetch that succeeded.
    fetched: AtomicU64,
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
    /// Those of a Transmitter.
    pub(crate) fn new(issuer: Issuer, http: Http) -> Self {
        Self::of(issuer, Origin::Transmitter, http)
    }

    fn of(issuer: Issuer, origin: Origin, http: Http) -> Self {
        let none = Round {
            number: 0,
            outcome: Err(RETRY_AFTER),
        };
        Self {
            issuer,
            origin,
            http,
            current: ArcSwap::default(),
            metadata: ArcSwapOption::empty(),
            fetched: AtomicU64::new(0),
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
        let verify = |keys: &KeySet| set.verify(keys, expected, now);
        // Without a name, the key may be one that we do not have yet.
        let is_nameless = set.header().kid.is_none();
        let may_change = |error: &SetError| {
            matches!(error, SetError::UnknownKey)
                || is_nameless && matches!(error, SetError::BadSignature)
        };
        self.verified(verify, may_change).await
    }

    /// What `verify` makes of the keys, or of newer ones where they may change it.
    async fn verified<T, E>(
        &self,
        verify: impl Fn(&KeySet) -> Result<T, E>,
        may_change: impl Fn(&E) -> bool,
    ) -> Result<T, Unverified<E>> {
        let arrival = self.begun.load(Ordering::Acquire);
        // Not held across the await.
        let verified = verify(&self.current.load());
        match verified {
            Err(error) if may_change(&error) => {}
            Err(error) => return Err(Unverified::Never(error)),
            Ok(verified) => return Ok(verified),
        }
        self.fetched_after(arrival)
            .await
            .map_err(|retry_after| Unverified::NotNow { retry_after })?;
        verify(&self.current.load()).map_err(Unverified::Never)
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
                Ok(()) => self.fetch(number).await,
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

    async fn fetch(&self, number: u64) -> Result<(), Duration> {
        let issuer = &self.issuer;
        let result = match self.fetch_documents().await {
            Ok(keys) => {
                tracing::info!(%issuer, keys = keys.len(), "keys were fetched");
                self.current.store(Arc::new(keys));
                // After the keys: whoever reads this number has keys that are no older.
                self.fetched.store(number, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%issuer, error = %Chain(&error), "keys cannot be fetched");
                Err(RETRY_AFTER)
            }
        };
        let label = if result.is_ok() { "fetched" } else { "failed" };
        metrics::counter!("ssf_receiver_key_fetches_total", "result" => label).increment(1);
        result
    }

    /// The keys, from where the metadata says that they are now: `jwks_uri` may move.
    async fn fetch_documents(&self) -> Result<KeySet, KeysError> {
        match &self.origin {
            Origin::Transmitter => {
                let metadata = self.discover().await?;
                Ok(discovery::keys(&self.http, &metadata).await?)
            }
            #[cfg(feature = "daemon")]
            Origin::TokenIssuer(jwks_url) => {
                let found = token_keys::fetch(&self.http, &self.issuer, jwks_url.as_ref());
                Ok(found.await?)
            }
        }
    }
}
