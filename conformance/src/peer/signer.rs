//! The keys of the reference, and what it signs.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

use super::{Members, PeerError, chaos::TurningKeys};
use crate::push::{Key, KeyError, Keys};

/// The name of the RSA key.
const RSA_KID: &str = "c";

/// The name of the other.
const EC_KID: &str = "b";

/// One for all transmitters of a process, since it takes long to make one.
static RSA: LazyLock<Result<Key, KeyError>> = LazyLock::new(Key::generate);

/// The one that signs after a change, and before the next one.
static RSA_NEXT: LazyLock<Result<Key, KeyError>> = LazyLock::new(Key::generate);

/// Whose RSA key it is.
enum Rsa {
    /// All transmitters of the process have it.
    OfProcess(&'static Key),
    /// That of a run in which a Receiver is judged.
    OfRun(Arc<Keys>),
    /// Several, one after the other.
    Turning(Arc<TurningKeys>),
}

/// An RSA key, and a P-256 key for what claims to be signed with one.
pub(super) struct Signer {
    rsa: Rsa,
    ec: EcdsaKeyPair,
    /// How often another key was asked for.
    changes: AtomicUsize,
    random: SystemRandom,
}

impl Signer {
    /// Makes the keys.
    pub(super) fn new() -> Result<Self, PeerError> {
        let rsa = RSA.as_ref().map_err(|_| PeerError::Key)?;
        Self::with(Rsa::OfProcess(rsa))
    }

    /// Signs with the key of a run.
    pub(super) fn of_run(keys: Arc<Keys>) -> Result<Self, PeerError> {
        Self::with(Rsa::OfRun(keys))
    }

    /// Signs with keys that follow one another.
    pub(super) fn turning(keys: Arc<TurningKeys>) -> Result<Self, PeerError> {
        Self::with(Rsa::Turning(keys))
    }

    fn with(rsa: Rsa) -> Result<Self, PeerError> {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Ok(Self {
            rsa,
            ec: ec.map_err(|_| PeerError::Key)?,
            changes: AtomicUsize::new(0),
            random: SystemRandom::new(),
        })
    }

    /// Signs with another key from now on.
    pub(super) fn rotate(&self) -> Result<(), PeerError> {
        let is_ready = matches!(self.rsa, Rsa::OfProcess(_)) && RSA_NEXT.is_ok();
        is_ready.then_some(()).ok_or(PeerError::Key)?;
        self.changes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The keys that have signed since the first change, oldest first; each has a name of its own.
    pub(super) fn further_keys(&self) -> Vec<Value> {
        let changes = self.changes.load(Ordering::Relaxed);
        let named = |change: usize| {
            let mut jwk = after(change)?.jwk().clone();
            jwk["kid"] = json!(kid_after(change));
            Some(jwk)
        };
        (1..=changes).filter_map(named).collect()
    }

    /// The name of the RSA key.
    fn kid(&self) -> String {
        match &self.rsa {
            Rsa::OfProcess(_) => match self.changes.load(Ordering::Relaxed) {
                0 => RSA_KID.to_owned(),
                changes => kid_after(changes),
            },
            Rsa::OfRun(keys) => keys.own.kid().to_owned(),
            Rsa::Turning(keys) => keys.kid(),
        }
    }

    fn sign_with_rsa(&self, kid: Option<&str>, input: &[u8]) -> Option<Vec<u8>> {
        match &self.rsa {
            Rsa::OfProcess(key) => {
                let changed = after(self.changes.load(Ordering::Relaxed));
                changed.unwrap_or(key).sign(input).ok()
            }
            Rsa::OfRun(keys) => keys.own.sign(input).ok(),
            Rsa::Turning(keys) => keys.sign(kid?, input),
        }
    }

    /// The public keys, as a JWK set has them.
    pub(super) fn jwks(&self) -> [Value; 2] {
        // An uncompressed point: 4, and two coordinates of 32 bytes.
        let point = self.ec.public_key().as_ref();
        let coordinate = |at: usize| BASE64URL.encode(point.get(at..at + 32).unwrap_or_default());
        let rsa = match &self.rsa {
            Rsa::OfProcess(key) => {
                let mut jwk = key.jwk().clone();
                jwk["kid"] = json!(RSA_KID);
                jwk
            }
            Rsa::OfRun(keys) => keys.own.jwk().clone(),
            Rsa::Turning(keys) => keys.jwks().pop().unwrap_or_default(),
        };
        let ec = json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": EC_KID,
            "x": coordinate(1), "y": coordinate(33),
        });
        [ec, rsa]
    }

    /// The header of a SET.
    pub(super) fn header(&self) -> Members {
        let kid = self.kid();
        let members = [("alg", "RS256"), ("kid", &kid), ("typ", "secevent+jwt")];
        members
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .into_iter()
            .collect()
    }

    /// A JWS in compact form, with the signature that its header tells of; `text` is the header as it is written.
    pub(super) fn sign(
        &self,
        header: &Members,
        text: &str,
        claims: &[u8],
    ) -> Result<String, PeerError> {
        let said = |name: &str| header.get(name).and_then(Value::as_str);
        let header = BASE64URL.encode(text);
        let signed = format!("{header}.{}", BASE64URL.encode(claims));
        let signature = match said("alg") {
            Some("none") => Vec::new(),
            Some("HS256") => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, RSA_KID.as_bytes());
                hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
            }
            Some("ES256") => {
                let signature = self.ec.sign(&self.random, signed.as_bytes());
                signature.map_err(|_| PeerError::Key)?.as_ref().to_vec()
            }
            _ => {
                let signature = self.sign_with_rsa(said("kid"), signed.as_bytes());
                signature.ok_or(PeerError::Key)?
            }
        };
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }
}

/// The key that signs after so many changes: two take turns, since it takes long to make one.
fn after(changes: usize) -> Option<&'static Key> {
    let key = if changes.is_multiple_of(2) {
        &RSA
    } else {
        &RSA_NEXT
    };
    key.as_ref().ok()
}

fn kid_after(changes: usize) -> String {
    format!("{RSA_KID}{changes}")
}
