//! The signing keys as they are used: a snapshot of what the store has.
//!
//! 1. A snapshot counts for [`FRESH`] from the moment at which looking into the store for changes began; then nobody signs
//!    with it until it has been confirmed. So a key that was removed makes no signature that begins later than that,
//!    on whatever node, and whatever the clocks of the nodes say.
//! 2. The key is chosen when a signature begins, not when somebody asks for one.
//! 3. Only [`keep`] looks into the store, so that no older snapshot ever follows on a newer one.

mod keeper;
mod signers;
mod snapshot;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use ssf_types::{
    jose::KeyError,
    set::{Algorithm, CompactSet},
    time::Timestamp,
};
use tokio::{
    sync::{Mutex, Notify, watch},
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

pub use self::keeper::keep;
use self::{signers::Signers, snapshot::Snapshot};
use crate::{
    app::keys::{self, ChangeKeysError},
    domain::{issuer::IssuerName, key::KeyPolicy, mint::Minted},
    failpoint::{Failpoint, reached},
    ports::{Clock, KeyStore, SignError, Signer, StoreError},
    sealing::Sealer,
    txn,
};

/// How long a snapshot of the keys counts: a removed key signs no longer than this.
pub const FRESH: Duration = Duration::from_secs(1);

/// SETs that are signed in one turn where many are wanted together: whoever waits for them is woken once for all, and whoever waits
/// behind them does so for a few milliseconds.
const PIECE_SETS: usize = 8;

/// Longest wait for a snapshot that counts, before a signature is given up for this time.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The signing keys cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadKeysError {
    /// The store cannot give or take them.
    #[error("the signing keys cannot be loaded")]
    Store(#[source] StoreError),
    /// A stored key is no key.
    #[error("a signing key cannot be used")]
    Key(#[source] KeyError),
}

/// There is no key for an algorithm, or nobody knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvideError {
    /// It was not made.
    #[error("a key that a stream needs was not made")]
    Make(#[source] ChangeKeysError),
    /// It was made, and this process has not seen it yet.
    #[error("a key that a stream needs was made and is not published yet")]
    Unconfirmed(#[source] SignError),
}

/// There is nothing to sign with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum NoKey {
    /// None of the issuer's keys signs with the algorithm.
    #[error("no key of the issuer {issuer} signs with {algorithm}")]
    None {
        issuer: IssuerName,
        algorithm: Algorithm,
    },
    /// The process ends, or there is a fault in the cryptographic library.
    #[error("the signature was broken off")]
    BrokenOff,
    /// A key may have been removed meanwhile.
    #[error("what is known of the signing keys is too old: the database did not answer in time")]
    NotFresh,
}

/// The keys of all issuers. Clones share them.
///
/// Signing takes about a quarter of a millisecond of one core. It happens on blocking threads, on at most as many at
/// once as there are cores, so that neither the reactor nor other blocking work has to wait.
#[derive(Clone, Debug)]
pub struct SigningKeys(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    /// When the look into the store began that found the snapshot to be right.
    confirmed: watch::Sender<Instant>,
    /// Asks for such a look now.
    wanted: Notify,
    signers: Signers<Vec<Result<CompactSet, SignError>>>,
    /// Lets one key after the other be made that requests ask for.
    providing: Mutex<()>,
    default_algorithm: Algorithm,
    /// Makes names for the `txn` of SETs, if each Receiver shall have its own.
    txns: OnceLock<Sealer>,
}

impl SigningKeys {
    /// Loads the keys; what does not ask for another algorithm is signed with `default_algorithm`.
    ///
    /// # Errors
    /// The store fails, or a key cannot be used.
    pub async fn load<S: KeyStore>(
        store: &S,
        clock: &impl Clock,
        default_algorithm: Algorithm,
    ) -> Result<Self, LoadKeysError> {
        let (confirmed, _) = watch::channel(Instant::now());
        let keys = Self(Arc::new(Shared {
            snapshot: ArcSwap::default(),
            confirmed,
            wanted: Notify::new(),
            signers: Signers::new(),
            providing: Mutex::new(()),
            default_algorithm,
            txns: OnceLock::new(),
        }));
        keys.look(store, clock).await?;
        Ok(keys)
    }

    /// Has each Receiver get names of its own for the `txn` of SETs, instead of what other Receivers get as well.
    #[must_use]
    pub fn with_txns_by(self, sealer: Sealer) -> Self {
        _ = self.0.txns.set(sealer);
        self
    }

    /// The public keys of `issuer` as a JWKS (RFC 7517 §5), for its `jwks_uri`.
    pub fn jwks(&self, issuer: &IssuerName) -> Arc<str> {
        self.0.snapshot.load().jwks(issuer)
    }

    /// Whether something signs SETs of `issuer` with `algorithm`.
    pub fn signs_with(&self, issuer: &IssuerName, algorithm: Algorithm) -> bool {
        self.0.snapshot.load().signing(issuer, algorithm).is_some()
    }

    /// Makes sure that something signs SETs of `issuer` with `algorithm`, and that [`jwks`](Self::jwks) has its key.
    ///
    /// Of those who need one at the same time, one makes it: that takes up to a second of a core. The other nodes have a
    /// second to publish it.
    ///
    /// # Errors
    /// No key can be made, or the store failed, or does not answer in time.
    pub async fn provide<S: KeyStore>(
        &self,
        store: &S,
        issuer: &IssuerName,
        algorithm: Algorithm,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<(), ProvideError> {
        let _turn = self.0.providing.lock().await;
        if self.signs_with(issuer, algorithm) {
            return Ok(());
        }
        keys::provide(store, issuer, algorithm, policy, now)
            .await
            .map_err(ProvideError::Make)?;
        // By then the other nodes have looked, too, so that a Receiver gets the key from whichever it asks.
        sleep(FRESH).await;
        self.caught_up().await.map_err(ProvideError::Unconfirmed)
    }

    /// Waits until changes that were stored before this call are known here.
    ///
    /// # Errors
    /// The store does not answer in time.
    pub async fn caught_up(&self) -> Result<(), SignError> {
        let asked = Instant::now();
        let mut confirmed = self.0.confirmed.subscribe();
        self.0.wanted.notify_one();
        // Not at the same moment: a clock may be too coarse to tell which of the two came first.
        let is_later = confirmed.wait_for(|confirmed| *confirmed > asked);
        match timeout(WAIT_MAX, is_later).await {
            Ok(Ok(_)) => Ok(()),
            // The sender lives as long as this value does.
            Ok(Err(_)) | Err(_) => Err(SignError(NoKey::NotFresh.into())),
        }
    }

    /// Waits for a snapshot that counts, and that has a key for this issuer and algorithm if there is one.
    async fn ready_for(&self, issuer: &IssuerName, algorithm: Algorithm) -> Result<(), SignError> {
        if !self.0.is_fresh() || !self.signs_with(issuer, algorithm) {
            self.caught_up().await?;
        }
        Ok(())
    }

    /// Looks into the store for changes; what is known counts from the beginning of the look.
    async fn look<S: KeyStore>(
        &self,
        store: &S,
        clock: &impl Clock,
    ) -> Result<Arc<Snapshot>, LoadKeysError> {
        let began = Instant::now();
        let revision = store.keys_revision().await.map_err(LoadKeysError::Store)?;
        let known = self.0.snapshot.load_full();
        let now = clock.now();
        let snapshot = if known.is_right(revision, now) {
            known
        } else {
            let rings = store.key_rings().await.map_err(LoadKeysError::Store)?;
            let next = blocking(move || known.followed_by(revision, rings, now)).await;
            let next = Arc::new(next.map_err(LoadKeysError::Key)?);
            reached(Failpoint::KeyReload);
            self.0.snapshot.store(Arc::clone(&next));
            next
        };
        self.0.confirmed.send_replace(began);
        Ok(snapshot)
    }
}

impl Shared {
    fn is_fresh(&self) -> bool {
        self.confirmed.borrow().elapsed() < FRESH
    }

    fn sign(
        &self,
        issuer: &IssuerName,
        algorithm: Algorithm,
        minted: &Minted,
    ) -> Result<CompactSet, SignError> {
        // In this order: a snapshot is there before it is confirmed.
        if !self.is_fresh() {
            return Err(SignError(NoKey::NotFresh.into()));
        }
        let snapshot = self.snapshot.load();
        let Some(key) = snapshot.signing(issuer, algorithm) else {
            let issuer = issuer.clone();
            return Err(SignError(NoKey::None { issuer, algorithm }.into()));
        };
        let began = Instant::now();
        let signed = key.sign(minted.in_dialect());
        metrics::histogram!("ssf_sign_seconds", "algorithm" => algorithm.as_str())
            .record(began.elapsed());
        signed.map_err(|error| SignError(error.into()))
    }
}

impl Signer for SigningKeys {
    async fn sign(
        &self,
        issuer: &IssuerName,
        algorithm: Option<Algorithm>,
        minted: Minted,
    ) -> Result<CompactSet, SignError> {
        let algorithm = algorithm.unwrap_or(self.0.default_algorithm);
        let signed = self.sign_piece(issuer, algorithm, vec![minted]).await;
        let only = signed.into_iter().next();
        only.unwrap_or_else(|| Err(SignError(NoKey::BrokenOff.into())))
    }

    async fn sign_all(
        &self,
        issuer: &IssuerName,
        algorithm: Option<Algorithm>,
        minted: Vec<Minted>,
    ) -> Vec<Result<CompactSet, SignError>> {
        let algorithm = algorithm.unwrap_or(self.0.default_algorithm);
        let mut pieces = Vec::with_capacity(minted.len().div_ceil(PIECE_SETS));
        let mut piece = minted;
        while !piece.is_empty() {
            let rest = piece.split_off(piece.len().min(PIECE_SETS));
            pieces.push(self.sign_piece(issuer, algorithm, piece));
            piece = rest;
        }
        join_all(pieces).await.into_iter().flatten().collect()
    }
}

impl SigningKeys {
    /// Signs these in one turn, one after the other.
    async fn sign_piece(
        &self,
        issuer: &IssuerName,
        algorithm: Algorithm,
        mut piece: Vec<Minted>,
    ) -> Vec<Result<CompactSet, SignError>> {
        let count = piece.len();
        // Before its turn: an issuer without a key must not hold up the others.
        if self.ready_for(issuer, algorithm).await.is_err() {
            return refused(count, || NoKey::NotFresh);
        }
        let (shared, issuer) = (Arc::clone(&self.0), issuer.clone());
        if let Some(sealer) = shared.txns.get() {
            for Minted {
                claims, receiver, ..
            } in &mut piece
            {
                let name = |txn| txn::named(sealer, *receiver, txn);
                claims.txn = claims.txn.as_ref().map(name);
            }
        }
        let signing = move || {
            let sign = |minted| shared.sign(&issuer, algorithm, minted);
            piece.iter().map(sign).collect()
        };
        let signed = self.0.signers.run(signing).await;
        signed.unwrap_or_else(|| refused(count, || NoKey::BrokenOff))
    }
}

fn refused(count: usize, why: impl Fn() -> NoKey) -> Vec<Result<CompactSet, SignError>> {
    let refuse = |_| Err(SignError(why().into()));
    (0..count).map(refuse).collect()
}

/// Does slow work off the reactor.
#[expect(
    clippy::expect_used,
    reason = "the work does not panic, and nobody cancels the task"
)]
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.expect("the task ends")
}
