//! The signing key: made at the first start, kept sealed by the store, used off the reactor.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc, thread};

use secrecy::ExposeSecret;
use serde_json::Value;
use ssf_types::{
    jose::{self, KeyError, SigningKey},
    set::{Algorithm, CompactSet, SetClaims},
};
use tokio::{
    sync::Semaphore,
    task::{JoinError, spawn_blocking},
};
use tracing::info;

use crate::{
    domain::{
        issuer::{IssuerName, Issuers},
        key::StoredKey,
    },
    ports::{Clock, FirstWrite, KeyStore, SignError, Signer, StoreError},
};

/// The signing keys cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadKeysError {
    /// The store cannot give or take them.
    #[error("the signing keys cannot be loaded")]
    Store(#[source] StoreError),
    /// A stored key is no key, or none could be made.
    #[error("a signing key cannot be used")]
    Key(#[source] KeyError),
    /// The store has taken the first key and then had none.
    #[error("the store has no signing key")]
    None,
    /// The signing key is for another algorithm than the configured one.
    #[error("the signing key is for {stored}: signing_algorithm has to say so")]
    OtherAlgorithm {
        /// What the key is for.
        stored: Algorithm,
    },
}

/// The keys of all issuers; of each, the newest signs, and all are published.
///
/// Signing takes about a quarter of a millisecond of one core. It happens on blocking threads, on at most as many at
/// once as there are cores, so that neither the reactor nor other blocking work has to wait.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    issuers: Arc<HashMap<IssuerName, IssuerKeys>>,
    cores: Arc<Semaphore>,
}

#[derive(Debug)]
struct IssuerKeys {
    current: SigningKey,
    jwks: Value,
}

/// The issuer has no keys here: it is not configured.
#[derive(Debug, thiserror::Error)]
#[error("there are no keys of the issuer {0}")]
struct NoKeys(IssuerName);

impl SigningKeys {
    /// Loads the keys of `issuers`; the first start of each makes one for `algorithm`.
    ///
    /// # Errors
    /// The store fails, a key cannot be used, or the newest one is for another algorithm.
    pub async fn load<S: KeyStore>(
        store: &S,
        clock: &impl Clock,
        issuers: &Issuers,
        algorithm: Algorithm,
    ) -> Result<Self, LoadKeysError> {
        let mut keys = HashMap::new();
        for (issuer, _) in issuers.iter() {
            let own = IssuerKeys::load(store, clock, issuer, algorithm).await?;
            keys.insert(issuer.clone(), own);
        }
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            issuers: Arc::new(keys),
            cores: Arc::new(Semaphore::new(cores)),
        })
    }

    /// The public keys of `issuer`, for its `jwks_uri` (RFC 7517 §5); `None` if it is not one of those loaded.
    pub fn jwks(&self, issuer: &IssuerName) -> Option<&Value> {
        Some(&self.issuers.get(issuer)?.jwks)
    }
}

impl IssuerKeys {
    async fn load<S: KeyStore>(
        store: &S,
        clock: &impl Clock,
        issuer: &IssuerName,
        algorithm: Algorithm,
    ) -> Result<Self, LoadKeysError> {
        let mut stored = store
            .signing_keys(issuer)
            .await
            .map_err(LoadKeysError::Store)?;
        if stored.is_empty() {
            make_first(store, clock, issuer, algorithm).await?;
            stored = store
                .signing_keys(issuer)
                .await
                .map_err(LoadKeysError::Store)?;
        }
        let keys = stored
            .iter()
            .map(|key| SigningKey::from_pem(key.algorithm, key.pem.expose_secret()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(LoadKeysError::Key)?;
        let jwks = jose::jwks(&keys);
        let current = keys.into_iter().next().ok_or(LoadKeysError::None)?;
        if current.algorithm() != algorithm {
            return Err(LoadKeysError::OtherAlgorithm {
                stored: current.algorithm(),
            });
        }
        Ok(Self { current, jwks })
    }
}

/// Makes a key off the reactor; several nodes that start together agree on one.
async fn make_first<S: KeyStore>(
    store: &S,
    clock: &impl Clock,
    issuer: &IssuerName,
    algorithm: Algorithm,
) -> Result<(), LoadKeysError> {
    #[expect(
        clippy::expect_used,
        reason = "generate() does not panic, and nobody cancels the task"
    )]
    let key = spawn_blocking(move || SigningKey::generate(algorithm))
        .await
        .expect("the task ends")
        .map_err(LoadKeysError::Key)?;
    let stored = StoredKey::new(
        issuer.clone(),
        key.kid().clone(),
        algorithm,
        key.pem().clone(),
        clock.now(),
    );
    let written = store
        .insert_first_key(&stored)
        .await
        .map_err(LoadKeysError::Store)?;
    match written {
        FirstWrite::Written => {
            info!(issuer.name = %issuer, key.kid = %key.kid(), "made a signing key");
        }
        FirstWrite::AlreadyThere => {
            info!(issuer.name = %issuer, "another node made the signing key");
        }
    }
    Ok(())
}

impl Signer for SigningKeys {
    async fn sign(&self, issuer: &IssuerName, claims: SetClaims) -> Result<CompactSet, SignError> {
        let keys = self
            .issuers
            .get(issuer)
            .ok_or_else(|| SignError(NoKeys(issuer.clone()).into()))?;
        let key = keys.current.clone();
        let sign_error = |error: JoinError| SignError(error.into());
        // The semaphore is never closed; if it were, signing without a permit would still be right.
        let permit = Arc::clone(&self.cores).acquire_owned().await.ok();
        spawn_blocking(move || {
            let signed = key.sign(&claims);
            drop(permit);
            signed
        })
        .await
        .map_err(sign_error)?
        .map_err(|error| SignError(error.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ssf_types::{
        audience::Audience,
        event::caep::SessionRevoked,
        id::Jti,
        jose::KeySet,
        set::{Expectation, UnverifiedSet},
        subject::SimpleSubject,
        time::Timestamp,
        uri::Issuer,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> Timestamp {
            NOW
        }
    }

    #[derive(Default)]
    struct Keys(Mutex<Vec<StoredKey>>);

    impl KeyStore for Keys {
        async fn signing_keys(&self, issuer: &IssuerName) -> Result<Vec<StoredKey>, StoreError> {
            let keys = self.0.lock().unwrap();
            let own = keys.iter().filter(|key| key.issuer == *issuer);
            Ok(own.cloned().collect())
        }

        async fn insert_first_key(&self, key: &StoredKey) -> Result<FirstWrite, StoreError> {
            let mut keys = self.0.lock().unwrap();
            if keys.iter().any(|known| known.issuer == key.issuer) {
                return Ok(FirstWrite::AlreadyThere);
            }
            keys.push(key.clone());
            Ok(FirstWrite::Written)
        }
    }

    fn issuers() -> Issuers {
        let main = Issuer::parse("https://tr.example.com").unwrap();
        let acme = Issuer::parse("https://tr.example.com/acme").unwrap();
        Issuers::new(main, [(acme_name(), acme)]).unwrap()
    }

    fn main_name() -> IssuerName {
        IssuerName::default()
    }

    fn acme_name() -> IssuerName {
        IssuerName::parse("acme").unwrap()
    }

    async fn load(store: &Keys) -> Result<SigningKeys, LoadKeysError> {
        load_for(store, Algorithm::Rs256).await
    }

    async fn load_for(store: &Keys, algorithm: Algorithm) -> Result<SigningKeys, LoadKeysError> {
        SigningKeys::load(store, &FixedClock, &issuers(), algorithm).await
    }

    fn published(keys: &SigningKeys, issuer: &IssuerName) -> KeySet {
        KeySet::parse(keys.jwks(issuer).unwrap().to_string().as_bytes()).unwrap()
    }

    fn claims() -> SetClaims {
        SetClaims::new(
            Issuer::parse("https://tr.example.com").unwrap(),
            Jti::parse("1").unwrap(),
            NOW,
            Audience::new(["https://rp.example.com"]).unwrap(),
            SimpleSubject::Opaque { id: "7".into() }.into(),
            SessionRevoked::default().into(),
        )
    }

    #[tokio::test]
    async fn what_the_first_start_signs_the_published_keys_of_the_second_verify() {
        let store = Keys::default();
        let first = load(&store).await.unwrap();
        let token = first.sign(&main_name(), claims()).await.unwrap();
        let second = load(&store).await.unwrap();
        let keys = published(&second, &main_name());
        let expected = Expectation::new(claims().iss, claims().aud);
        let set = UnverifiedSet::parse(token.as_str().as_bytes())
            .unwrap()
            .verify(&keys, &expected, NOW)
            .unwrap();
        assert_eq!(set.claims(), &claims());
        assert_eq!(store.0.lock().unwrap().len(), 2, "one for each issuer");
    }

    #[tokio::test]
    async fn no_issuer_signs_with_anothers_key() {
        let keys = load(&Keys::default()).await.unwrap();
        let token = keys.sign(&acme_name(), claims()).await.unwrap();
        let expected = Expectation::new(claims().iss, claims().aud);
        let verified = |by: &IssuerName| {
            UnverifiedSet::parse(token.as_str().as_bytes())
                .unwrap()
                .verify(&published(&keys, by), &expected, NOW)
                .is_ok()
        };
        assert!(verified(&acme_name()));
        assert!(!verified(&main_name()));
    }

    #[tokio::test]
    async fn an_issuer_that_is_not_configured_signs_nothing() {
        let keys = load(&Keys::default()).await.unwrap();
        let other = IssuerName::parse("other").unwrap();
        assert!(keys.sign(&other, claims()).await.is_err());
        assert!(keys.jwks(&other).is_none());
    }

    #[tokio::test]
    async fn every_algorithm_can_be_configured() {
        for algorithm in Algorithm::ALL {
            let keys = load_for(&Keys::default(), *algorithm).await.unwrap();
            let jwks = keys.jwks(&main_name()).unwrap();
            assert_eq!(jwks["keys"][0]["alg"], algorithm.as_str());
            let token = keys.sign(&main_name(), claims()).await.unwrap();
            let token = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();
            assert_eq!(token.header().alg, *algorithm);
        }
    }

    #[tokio::test]
    async fn a_key_for_another_algorithm_does_not_sign_in_its_stead() {
        let store = Keys::default();
        load(&store).await.unwrap();
        let error = load_for(&store, Algorithm::Es256).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the signing key is for RS256: signing_algorithm has to say so"
        );
    }

    #[tokio::test]
    async fn the_published_document_holds_nothing_private() {
        let keys = load(&Keys::default()).await.unwrap();
        let published = &keys.jwks(&main_name()).unwrap()["keys"][0];
        let members = published.as_object().unwrap().keys().map(String::as_str);
        let members: std::collections::BTreeSet<&str> = members.collect();
        let public = ["alg", "e", "kid", "kty", "n", "use"];
        assert_eq!(members, public.into());
    }

    #[tokio::test]
    async fn a_stored_key_that_is_none_is_told() {
        let store = Keys::default();
        let broken = StoredKey::new(
            main_name(),
            ssf_types::id::Kid::parse("1").unwrap(),
            Algorithm::Rs256,
            "-----".into(),
            NOW,
        );
        store.0.lock().unwrap().push(broken);
        let error = load(&store).await.unwrap_err();
        assert!(matches!(error, LoadKeysError::Key(_)));
    }
}
