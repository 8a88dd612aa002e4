//! The signing key: made at the first start, kept sealed by the store, used off the reactor.

use std::{num::NonZeroUsize, sync::Arc, thread};

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
    domain::key::StoredKey,
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

/// The keys of this transmitter; the newest signs, all are published.
///
/// Signing takes about a quarter of a millisecond of one core. It happens on blocking threads, on at most as many at
/// once as there are cores, so that neither the reactor nor other blocking work has to wait.
#[derive(Clone, Debug)]
pub struct SigningKeys {
    current: SigningKey,
    jwks: Arc<Value>,
    cores: Arc<Semaphore>,
}

impl SigningKeys {
    /// Loads the keys; the first start makes one for `algorithm`.
    ///
    /// # Errors
    /// The store fails, a key cannot be used, or the newest one is for another algorithm.
    pub async fn load<S: KeyStore>(
        store: &S,
        clock: &impl Clock,
        algorithm: Algorithm,
    ) -> Result<Self, LoadKeysError> {
        let mut stored = store.signing_keys().await.map_err(LoadKeysError::Store)?;
        if stored.is_empty() {
            make_first(store, clock, algorithm).await?;
            stored = store.signing_keys().await.map_err(LoadKeysError::Store)?;
        }
        let keys = stored
            .iter()
            .map(|key| SigningKey::from_pem(key.algorithm, key.pem.expose_secret()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(LoadKeysError::Key)?;
        let jwks = Arc::new(jose::jwks(&keys));
        let current = keys.into_iter().next().ok_or(LoadKeysError::None)?;
        if current.algorithm() != algorithm {
            return Err(LoadKeysError::OtherAlgorithm {
                stored: current.algorithm(),
            });
        }
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Ok(Self {
            current,
            jwks,
            cores: Arc::new(Semaphore::new(cores)),
        })
    }

    /// The public keys, for `jwks_uri` (RFC 7517 §5).
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }
}

/// Makes a key off the reactor; several nodes that start together agree on one.
async fn make_first<S: KeyStore>(
    store: &S,
    clock: &impl Clock,
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
    let stored = StoredKey::new(key.kid().clone(), algorithm, key.pem().clone(), clock.now());
    let written = store
        .insert_first_key(&stored)
        .await
        .map_err(LoadKeysError::Store)?;
    match written {
        FirstWrite::Written => info!(key.kid = %key.kid(), "made a signing key"),
        FirstWrite::AlreadyThere => info!("another node made the signing key"),
    }
    Ok(())
}

impl Signer for SigningKeys {
    async fn sign(&self, claims: SetClaims) -> Result<CompactSet, SignError> {
        let sign_error = |error: JoinError| SignError(error.into());
        // The semaphore is never closed; if it were, signing without a permit would still be right.
        let permit = Arc::clone(&self.cores).acquire_owned().await.ok();
        let key = self.current.clone();
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
        async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
            Ok(self.0.lock().unwrap().clone())
        }

        async fn insert_first_key(&self, key: &StoredKey) -> Result<FirstWrite, StoreError> {
            let mut keys = self.0.lock().unwrap();
            if !keys.is_empty() {
                return Ok(FirstWrite::AlreadyThere);
            }
            keys.push(key.clone());
            Ok(FirstWrite::Written)
        }
    }

    async fn load(store: &Keys) -> Result<SigningKeys, LoadKeysError> {
        SigningKeys::load(store, &FixedClock, Algorithm::Rs256).await
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
        let token = first.sign(claims()).await.unwrap();
        let second = load(&store).await.unwrap();
        let keys = KeySet::parse(second.jwks().to_string().as_bytes()).unwrap();
        let expected = Expectation::new(claims().iss, claims().aud);
        let set = UnverifiedSet::parse(token.as_str().as_bytes())
            .unwrap()
            .verify(&keys, &expected, NOW)
            .unwrap();
        assert_eq!(set.claims(), &claims());
        assert_eq!(store.0.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn every_algorithm_can_be_configured() {
        for algorithm in Algorithm::ALL {
            let keys = SigningKeys::load(&Keys::default(), &FixedClock, *algorithm)
                .await
                .unwrap();
            assert_eq!(keys.jwks()["keys"][0]["alg"], algorithm.as_str());
            let token = keys.sign(claims()).await.unwrap();
            let token = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();
            assert_eq!(token.header().alg, *algorithm);
        }
    }

    #[tokio::test]
    async fn a_key_for_another_algorithm_does_not_sign_in_its_stead() {
        let store = Keys::default();
        load(&store).await.unwrap();
        let error = SigningKeys::load(&store, &FixedClock, Algorithm::Es256)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the signing key is for RS256: signing_algorithm has to say so"
        );
    }

    #[tokio::test]
    async fn the_published_document_holds_nothing_private() {
        let keys = load(&Keys::default()).await.unwrap();
        let published = &keys.jwks()["keys"][0];
        let members = published.as_object().unwrap().keys().map(String::as_str);
        let members: std::collections::BTreeSet<&str> = members.collect();
        let public = ["alg", "e", "kid", "kty", "n", "use"];
        assert_eq!(members, public.into());
    }

    #[tokio::test]
    async fn a_stored_key_that_is_none_is_told() {
        let store = Keys::default();
        let broken = StoredKey::new(
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
