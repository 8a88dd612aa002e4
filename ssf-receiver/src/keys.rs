//! The keys of an issuer, the Transmitter's above all: cached, refreshed when a SET names an unknown one, never from an
//! address in a token.
//!
//! 1. A SET whose key is unknown is never refused here for that: a key may come a moment later, or be held up by a cache. Who
//!    keeps such SETs says when it is too late (see [`crate::quarantine`]).
//! 2. One fetch at a time; who arrives while one is under way waits for the next.
//! 3. Fetches have a [`Budget`]; beyond it, and while the Transmitter cannot be reached, the answer is "not now".
//! 4. Keys that were fetched stay in use while fetching fails, across restarts too, but not for longer than
//!    [`KEYS_AGE_MAX`]: one that was withdrawn must go out of use.

mod documents;
mod memory;
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

use arc_swap::ArcSwapOption;
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

#[cfg(test)]
pub(crate) use self::documents::Scripted;
pub(crate) use self::{documents::Documents, memory::KeyMemory};
#[cfg(feature = "daemon")]
use crate::client::token_keys;
use crate::{
    budget::Budget,
    client::{REQUEST_TIMEOUT, discovery::DiscoveryError},
    clock,
};

/// Age at which keys are fetched anew unasked, so that a withdrawn key goes out of use.
const REFRESH_INTERVAL: Duration = Duration::from_mins(10);

/// How long keys stay in use while no newer ones can be fetched.
pub(crate) const KEYS_AGE_MAX: Duration = Duration::from_hours(24);

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
    /// It may be later: the keys that were fetched meanwhile lack its key.
    WithoutKey(E),
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
    documents: Documents,
    current: ArcSwapOption<Current>,
    metadata: ArcSwapOption<TransmitterMetadata>,
    /// Number of the last fetch that began.
    begun: AtomicU64,
    /// Number of the first fetch that somebody waits for; behind `begun` if nobody does.
    wanted: AtomicU64,
    asked: Notify,
    rounds: watch::Sender<Round>,
    /// Number of the last fetch that succeeded.
    fetched: watch::Sender<u64>,
}

/// The keys in use.
#[derive(Debug)]
struct Current {
    keys: KeySet,
    /// When the fetch of them began.
    fetched_at: Timestamp,
    /// The same by a steady clock, or the start of this process if they were fetched before.
    since: Instant,
    /// How old they were at that moment.
    age: Duration,
    is_remembered: bool,
}

impl Current {
    fn is_in_use(&self) -> bool {
        self.age + self.since.elapsed() <= KEYS_AGE_MAX
    }
}

/// A fetch that ended, or was not allowed to begin.
#[derive(Clone, Copy, Debug)]
struct Round {
    number: u64,
    outcome: Result<(), Duration>,
}

impl Keys {
    /// The keys of `issuer`: those that are remembered, until there are newer ones.
    pub(crate) fn new(issuer: Issuer, documents: Documents, remembered: Option<KeyMemory>) -> Self {
        let none = Round {
            number: 0,
            outcome: Err(RETRY_AFTER),
        };
        let remembered = remembered.and_then(|memory| memory.into_current(&issuer));
        let (current, metadata) = match remembered {
            Some((current, metadata)) => (Some(Arc::new(current)), Some(Arc::new(metadata))),
            None => (None, None),
        };
        Self {
            issuer,
            documents,
            current: ArcSwapOption::new(current),
            metadata: ArcSwapOption::new(metadata),
            begun: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            asked: Notify::new(),
            rounds: watch::Sender::new(none),
            fetched: watch::Sender::new(0),
        }
    }

    /// Whether there are keys.
    pub(crate) fn loaded(&self) -> bool {
        let current = self.current.load();
        current.as_ref().is_some_and(|current| current.is_in_use())
    }

    /// Whether there are keys that this process has fetched itself.
    pub(crate) fn are_known(&self) -> bool {
        self.loaded() && self.fetched_at().is_some()
    }

    /// Changes with each fetch that succeeds.
    pub(crate) fn fetches(&self) -> watch::Receiver<u64> {
        self.fetched.subscribe()
    }

    /// When the last fetch began that succeeded; `None` if none has since the start.
    pub(crate) fn fetched_at(&self) -> Option<Instant> {
        let current = self.current.load();
        let current = current.as_ref().filter(|current| !current.is_remembered);
        current.map(|current| current.since)
    }

    /// What is to be remembered of keys and metadata.
    pub(crate) fn memory(&self) -> Option<KeyMemory> {
        let (current, metadata) = (self.current.load(), self.metadata.load());
        Some(KeyMemory::new(current.as_ref()?, metadata.as_ref()?))
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
        let metadata = Arc::new(self.documents.metadata(&self.issuer).await?);
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
        self.verified(verify, may_come(set)).await
    }

    /// Verifies a SET with the keys that are here.
    pub(crate) fn verify_now(
        &self,
        set: &UnverifiedSet,
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<VerifiedSet, Unverified> {
        let verify = |keys: &KeySet| set.verify(keys, expected, now);
        self.verified_now(verify, may_come(set))
    }

    /// What `verify` makes of the keys, or of newer ones where the right one `may_come`.
    async fn verified<T, E>(
        &self,
        verify: impl Fn(&KeySet) -> Result<T, E>,
        may_come: impl Fn(&E) -> bool,
    ) -> Result<T, Unverified<E>> {
        let arrival = self.begun.load(Ordering::Acquire);
        match self.verified_now(&verify, &may_come) {
            Err(Unverified::WithoutKey(_)) => {}
            verified => return verified,
        }
        self.fetched_after(arrival)
            .await
            .map_err(|retry_after| Unverified::NotNow { retry_after })?;
        self.verified_now(verify, may_come)
    }

    fn verified_now<T, E>(
        &self,
        verify: impl Fn(&KeySet) -> Result<T, E>,
        may_come: impl Fn(&E) -> bool,
    ) -> Result<T, Unverified<E>> {
        let current = self.current.load();
        let keys = match current.as_deref() {
            Some(current) if current.is_in_use() => &current.keys,
            Some(_) | None => &KeySet::default(),
        };
        verify(keys).map_err(|error| {
            if may_come(&error) {
                Unverified::WithoutKey(error)
            } else {
                Unverified::Never(error)
            }
        })
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
        let (fetched_at, since) = (clock::now(), Instant::now());
        let result = match self.fetch_documents().await {
            Ok(keys) => {
                tracing::info!(%issuer, keys = keys.len(), "keys were fetched");
                self.current.store(Some(Arc::new(Current {
                    keys,
                    fetched_at,
                    since,
                    age: Duration::ZERO,
                    is_remembered: false,
                })));
                self.fetched.send_replace(number);
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
        #[cfg(feature = "daemon")]
        if let Documents::TokenIssuer(http, jwks_url) = &self.documents {
            let found = token_keys::fetch(http, &self.issuer, jwks_url.as_ref());
            return Ok(found.await?);
        }
        let metadata = self.discover().await?;
        Ok(self.documents.keys(&metadata).await?)
    }
}

/// Whether a SET may be verified with keys that are fetched later.
fn may_come(set: &UnverifiedSet) -> impl Fn(&SetError) -> bool {
    // Without a name, the key may be one that we do not have yet.
    let is_nameless = set.header().kid.is_none();
    move |error| {
        matches!(error, SetError::UnknownKey)
            || is_nameless && matches!(error, SetError::BadSignature)
    }
}
