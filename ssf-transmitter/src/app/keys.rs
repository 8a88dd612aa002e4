//! What is done to the keys of an issuer, by command, by schedule, or because one is needed.
//!
//! Keys are made before the change that adds them, since making one takes up to a second; a change that turns out not to
//! need it leaves it aside.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use ssf_types::{
    id::Kid,
    jose::{KeyError, SigningKey},
    set::Algorithm,
    time::Timestamp,
    uri::EndpointUrl,
};
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use crate::{
    domain::{
        issuer::{IssuerName, Issuers},
        key::{KeyChangeError, KeyOrigin, KeyPolicy, KeyRing, KeyTimes, StoredKey},
    },
    ports::{KeyStore, StoreError},
};

/// Keys were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeKeysError {
    /// The store did not do it, or nobody knows.
    #[error("the keys cannot be changed now")]
    Store(#[source] StoreError),
    /// No key could be made.
    #[error("no key can be made")]
    Make(#[source] KeyError),
    /// The keys cannot be changed in this way.
    #[error(transparent)]
    Refused(KeyChangeError),
}

/// When an imported key begins to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignsFrom {
    /// After it has been published for as long as the policy says; at once where nothing signs with its algorithm.
    Ahead,
    /// At once: Receivers know it already.
    Now,
}

/// Whether the transmitter may make keys of an issuer itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MakesKeys {
    /// It may: the issuer's metadata names the JWKS of this transmitter.
    Yes,
    /// It must not: the JWKS is published elsewhere, and would not have them.
    No,
}

/// What is to be done about keys without being told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyPlan {
    /// What SETs are signed with unless a stream asks for something else.
    pub algorithm: Algorithm,
    /// How long the states of a key last.
    pub policy: KeyPolicy,
    /// Where the JWKS of issuers is published that do not use this transmitter's.
    pub jwks_uris: BTreeMap<IssuerName, EndpointUrl>,
}

impl KeyPlan {
    /// Puts a plan together.
    pub fn new(
        algorithm: Algorithm,
        policy: KeyPolicy,
        jwks_uris: BTreeMap<IssuerName, EndpointUrl>,
    ) -> Self {
        Self {
            algorithm,
            policy,
            jwks_uris,
        }
    }

    /// Whether keys of `issuer` are made here.
    pub fn makes(&self, issuer: &IssuerName) -> MakesKeys {
        if self.jwks_uris.contains_key(issuer) {
            return MakesKeys::No;
        }
        MakesKeys::Yes
    }
}

/// Makes sure that something signs for each of `issuers`, with the algorithm of the plan and with those that streams may
/// have asked for; for one whose keys are not made here it can only be told.
///
/// # Errors
/// No key can be made, or the store failed.
pub async fn prepare<S: KeyStore>(
    store: &S,
    issuers: &Issuers,
    plan: &KeyPlan,
    now: Timestamp,
) -> Result<(), ChangeKeysError> {
    let rings = store.key_rings().await.map_err(ChangeKeysError::Store)?;
    let none = KeyRing::default();
    for (issuer, _) in issuers.iter() {
        let ring = rings.get(issuer).unwrap_or(&none);
        match plan.makes(issuer) {
            MakesKeys::Yes => {
                for algorithm in ring.lacking(plan.algorithm, now) {
                    provide(store, issuer, algorithm, &plan.policy, now).await?;
                }
            }
            MakesKeys::No => tell(issuer, ring.signing(plan.algorithm, now)),
        }
    }
    Ok(())
}

/// Tells what is wrong where keys are published elsewhere.
fn tell(issuer: &IssuerName, signing: Option<&StoredKey>) {
    let Some(key) = signing else {
        error!(issuer.name = %issuer, "nothing signs: import the key that jwks_uris publishes");
        return;
    };
    match key.origin {
        KeyOrigin::Imported => {}
        KeyOrigin::Made => {
            warn!(issuer.name = %issuer, key.kid = %key.kid, "a key signs that was made here: see that jwks_uris publishes it");
        }
    }
}

/// Makes a key that follows the one which signs with `algorithm`, as soon as it has been published for long enough.
///
/// # Errors
/// Another one follows already, or the store failed.
pub async fn rotate<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    algorithm: Algorithm,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<KeyRing, ChangeKeysError> {
    let times = KeyTimes::new(now, now.after(policy.publish_ahead));
    let next = made(algorithm, times).await?;
    let kid = next.kid.clone();
    let ring = change(store, issuer, |ring| ring.succeeded_by(next, policy, now)).await?;
    info!(issuer.name = %issuer, key.kid = %kid, "made the key that signs next");
    Ok(ring)
}

/// Does the same where the schedule wants it; several nodes that find so together make one key.
///
/// # Errors
/// No key can be made, there are too many, or the store failed.
pub async fn rotate_if_due<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    algorithm: Algorithm,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<(), ChangeKeysError> {
    let times = KeyTimes::new(now, now.after(policy.publish_ahead));
    let next = made(algorithm, times).await?;
    let kid = next.kid.clone();
    let rotated = change(store, issuer, |ring| {
        if ring.due_for_rotation(policy, now).contains(&algorithm) {
            return ring.succeeded_by(next, policy, now);
        }
        Ok(ring)
    });
    if rotated.await?.find(&kid).is_some() {
        info!(issuer.name = %issuer, key.kid = %kid, "made the key that signs next, as scheduled");
    }
    Ok(())
}

/// Adds a key that the operator brings.
///
/// # Errors
/// The key or its name is known, it would wait beside another one, or the store failed.
pub async fn import<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    key: &SigningKey,
    signs: SignsFrom,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<KeyRing, ChangeKeysError> {
    let signs_from = match signs {
        SignsFrom::Ahead => now.after(policy.publish_ahead),
        SignsFrom::Now => now,
    };
    let new = stored(key, KeyOrigin::Imported, KeyTimes::new(now, signs_from));
    change(store, issuer, |ring| ring.succeeded_by(new, policy, now)).await
}

/// Has a key sign from now on.
///
/// # Errors
/// There is no such key, or it is gone; or the store failed.
pub async fn activate<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    kid: &Kid,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<KeyRing, ChangeKeysError> {
    change(store, issuer, |ring| ring.activated(kid, policy, now)).await
}

/// Takes a key out of use; it stays published for a while.
///
/// # Errors
/// There is no such key, it is gone, or nothing would sign in its stead; or the store failed.
pub async fn retire<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    kid: &Kid,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<KeyRing, ChangeKeysError> {
    change(store, issuer, |ring| ring.retired(kid, policy, now)).await
}

/// Takes a key out of use and out of the JWKS at once, for good; where it signed, and no other is there to do so, one is
/// made if `makes` allows it.
///
/// With the answer, no signature by this key begins in a process that looks at the database from then on; in the others
/// none does as soon as what they know of the keys is too old
/// ([`FRESH`](crate::keys::FRESH)).
///
/// # Errors
/// There is no such key, or it is gone; or the store failed.
pub async fn remove<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    kid: &Kid,
    makes: MakesKeys,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<KeyRing, ChangeKeysError> {
    let rings = store.key_rings().await.map_err(ChangeKeysError::Store)?;
    let known = rings.get(issuer).and_then(|ring| ring.find(kid));
    let algorithm = known.map(|key| key.algorithm);
    let spare = match (makes, algorithm) {
        (MakesKeys::Yes, Some(algorithm)) => Some(made(algorithm, KeyTimes::new(now, now)).await?),
        (MakesKeys::Yes, None) | (MakesKeys::No, _) => None,
    };
    change(store, issuer, |ring| ring.without(kid, spare, policy, now)).await
}

/// Makes sure that something signs with `algorithm`; several nodes that do so together agree on one key.
///
/// # Errors
/// No key can be made, there are too many, or the store failed.
pub async fn provide<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    algorithm: Algorithm,
    policy: &KeyPolicy,
    now: Timestamp,
) -> Result<(), ChangeKeysError> {
    let spare = made(algorithm, KeyTimes::new(now, now)).await?;
    let kid = spare.kid.clone();
    let provided = change(store, issuer, |ring| ring.provided_with(spare, policy, now));
    if provided.await?.find(&kid).is_some() {
        info!(issuer.name = %issuer, key.kid = %kid, "made a signing key");
    }
    Ok(())
}

/// Destroys the private parts of keys whose time is over.
///
/// # Errors
/// The store failed.
pub async fn forget<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    now: Timestamp,
) -> Result<(), ChangeKeysError> {
    change(store, issuer, |ring| Ok(ring.without_remains(now))).await?;
    info!(issuer.name = %issuer, "destroyed the private part of a key whose time was over");
    Ok(())
}

async fn change<S: KeyStore>(
    store: &S,
    issuer: &IssuerName,
    change: impl FnOnce(KeyRing) -> Result<KeyRing, KeyChangeError> + Send,
) -> Result<KeyRing, ChangeKeysError> {
    store
        .change_keys(issuer, change)
        .await
        .map_err(ChangeKeysError::Store)?
        .map_err(ChangeKeysError::Refused)
}

/// Makes a key, off the reactor.
async fn made(algorithm: Algorithm, times: KeyTimes) -> Result<StoredKey, ChangeKeysError> {
    #[expect(
        clippy::expect_used,
        reason = "generate() does not panic, and nobody cancels the task"
    )]
    let key = spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .expect("the task ends")
        .map_err(ChangeKeysError::Make)?;
    Ok(stored(&key, KeyOrigin::Made, times))
}

fn stored(key: &SigningKey, origin: KeyOrigin, times: KeyTimes) -> StoredKey {
    let names = (key.kid().clone(), key.public_key().thumbprint());
    let pem = key.pem().expose_secret().into();
    StoredKey::new(names, key.algorithm(), origin, times, Some(pem))
}
