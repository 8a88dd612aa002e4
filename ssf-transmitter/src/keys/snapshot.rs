//! What is known of all keys at one moment, ready for use.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use secrecy::ExposeSecret;
use ssf_types::{
    id::Kid,
    jose::{self, KeyError, SigningKey},
    set::Algorithm,
    time::Timestamp,
};

use crate::domain::{
    issuer::IssuerName,
    key::{KeyRing, KeyState, StoredKey},
};

/// All keys as they are used from one moment on, until one of them changes its state.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    revision: u64,
    /// When the next key changes its state by itself.
    right_until: Option<Timestamp>,
    rings: BTreeMap<IssuerName, KeyRing>,
    issuers: HashMap<IssuerName, IssuerKeys>,
}

#[derive(Debug)]
struct IssuerKeys {
    /// All that are not gone: making one costs several signatures, so they are taken over from snapshot to snapshot.
    parsed: HashMap<Kid, SigningKey>,
    /// One for each algorithm that anything signs with.
    signing: Vec<SigningKey>,
    jwks: Arc<str>,
}

impl Snapshot {
    /// Whether nothing has changed by `now`, at which the store has this revision.
    pub(super) fn is_right(&self, revision: u64, now: Timestamp) -> bool {
        self.revision == revision && self.right_until.is_none_or(|until| now < until)
    }

    /// The keys, those that are gone included.
    pub(super) fn rings(&self) -> &BTreeMap<IssuerName, KeyRing> {
        &self.rings
    }

    /// The key that signs SETs of `issuer` with `algorithm`.
    pub(super) fn signing(&self, issuer: &IssuerName, algorithm: Algorithm) -> Option<&SigningKey> {
        let keys = self.issuers.get(issuer)?;
        keys.signing.iter().find(|key| key.algorithm() == algorithm)
    }

    /// The public keys of `issuer`: an empty set if it has none.
    pub(super) fn jwks(&self, issuer: &IssuerName) -> Arc<str> {
        let keys = self.issuers.get(issuer);
        keys.map_or_else(|| jwks(&[]), |keys| Arc::clone(&keys.jwks))
    }

    /// The snapshot that follows.
    ///
    /// # Errors
    /// A stored key is no key.
    pub(super) fn followed_by(
        &self,
        revision: u64,
        rings: BTreeMap<IssuerName, KeyRing>,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let mut issuers = HashMap::new();
        for (issuer, ring) in &rings {
            let known = self.issuers.get(issuer).map(|keys| &keys.parsed);
            issuers.insert(issuer.clone(), IssuerKeys::read(ring, known, now)?);
        }
        let keys = rings.values().flat_map(KeyRing::keys);
        let right_until = keys.filter_map(|key| key.times.next_change(now)).min();
        Ok(Self {
            revision,
            right_until,
            rings,
            issuers,
        })
    }
}

impl IssuerKeys {
    fn read(
        ring: &KeyRing,
        known: Option<&HashMap<Kid, SigningKey>>,
        now: Timestamp,
    ) -> Result<Self, KeyError> {
        let mut parsed = HashMap::new();
        let mut published = Vec::new();
        for key in ring.keys() {
            let state = key.state(now);
            if state == KeyState::Gone {
                continue;
            }
            let known = known.and_then(|known| known.get(&key.kid));
            let Some(usable) = usable(key, known).transpose()? else {
                continue;
            };
            parsed.insert(key.kid.clone(), usable.clone());
            published.push((state, usable));
        }
        // A Receiver that tries keys one by one meets the one that signs first.
        published.sort_by_key(|(state, _)| match state {
            KeyState::Signing => 0,
            KeyState::Published => 1,
            KeyState::Retiring | KeyState::Gone => 2,
        });
        let published: Vec<SigningKey> = published.into_iter().map(|(_, key)| key).collect();
        let signing = Algorithm::ALL
            .iter()
            .filter_map(|algorithm| ring.signing(*algorithm, now))
            .filter_map(|key| parsed.get(&key.kid).cloned())
            .collect();
        Ok(Self {
            parsed,
            signing,
            jwks: jwks(&published),
        })
    }
}

/// The key ready for use; `None` if its private part is not there any more.
fn usable(key: &StoredKey, known: Option<&SigningKey>) -> Option<Result<SigningKey, KeyError>> {
    let pem = key.pem.as_ref()?;
    if let Some(known) = known {
        return Some(Ok(known.clone()));
    }
    let read = SigningKey::from_pem(key.algorithm, pem.expose_secret());
    Some(read.map(|read| read.with_kid(key.kid.clone())))
}

fn jwks(keys: &[SigningKey]) -> Arc<str> {
    jose::jwks(keys).to_string().into()
}
