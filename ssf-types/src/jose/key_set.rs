//! The public keys of one issuer (RFC 7517 §5).

use std::fmt;

use serde_json::{Value, json, value::RawValue};

use super::{JWKS_BYTES_MAX, JwksError, KEYS_MAX, KeyError, PublicKey, SigningKey, jwk};
use crate::{
    id::Kid,
    json::{self, Members},
    set::{Algorithm, Header, SetError, Verifier},
};

/// Most keys that are tried for one SET.
///
/// A header with a `kid` fits one key, or a few that share a name. Without a `kid` all keys for its `alg` fit, and
/// somebody who cannot sign should not make us do the work of 64 signatures.
const CANDIDATES_MAX: usize = 8;

/// The public keys of one issuer: those that may be used, and why the others may not.
///
/// Printing it for debugging shows the names of its keys.
///
/// ```
/// use ssf_types::jose::{KeyError, KeySet};
///
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"old"}]}"#)?;
/// assert!(keys.is_empty());
/// assert_eq!(keys.passed_over()[0].reason, KeyError::SecretMember("k"));
/// # Ok::<(), ssf_types::jose::JwksError>(())
/// ```
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    passed_over: Vec<PassedOver>,
}

/// A key of a JWKS that is not used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Its place in the array `keys`, from 0.
    pub position: usize,
    /// Its name, if it has one that can be read.
    pub kid: Option<Kid>,
    /// Why it is not used.
    pub reason: KeyError,
}

impl KeySet {
    /// Puts keys together; those that come first are tried first.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            passed_over: Vec::new(),
        }
    }

    /// Reads a JWKS key by key: keys of other kinds, for other uses, or too weak ones are passed over (RFC 7517 §5).
    ///
    /// # Errors
    /// The document as a whole is not a JWKS, or is too large.
    pub fn parse(jwks: &[u8]) -> Result<Self, JwksError> {
        if jwks.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong);
        }
        let text = json::check(jwks).map_err(JwksError::Malformed)?;
        let entries: Vec<Box<RawValue>> = Members::parse(text)
            .and_then(|mut members| members.required("keys", "an array of keys"))
            .map_err(JwksError::Malformed)?;
        if entries.len() > KEYS_MAX {
            return Err(JwksError::TooManyKeys);
        }
        let mut set = Self::default();
        for (position, entry) in entries.iter().enumerate() {
            match read(entry.get()) {
                Ok(key) => set.keys.push(key),
                Err(reason) => set.passed_over.push(PassedOver {
                    position,
                    kid: name(entry.get()),
                    reason,
                }),
            }
        }
        Ok(set)
    }

    /// The keys that can be used, in the order of the document.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The keys that cannot be used, in the order of the document, each with its reason.
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key with this name can be used.
    pub fn has(&self, kid: &Kid) -> bool {
        self.keys.iter().any(|key| key.kid() == Some(kid))
    }

    /// Whether a key that fits `algorithm` and `kid` made `signature` over `signing_input`; `None` if no key fits.
    ///
    /// This is for JWTs that are no SETs, such as access tokens; SETs are verified by [`UnverifiedSet`].
    ///
    /// [`UnverifiedSet`]: crate::set::UnverifiedSet
    pub fn verify(
        &self,
        algorithm: Algorithm,
        kid: Option<&Kid>,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        // A key without a name is not taken for one that has a name.
        let is_meant = |key: &&PublicKey| kid.is_none() || kid == key.kid();
        let candidates = self.keys.iter().filter(is_meant);
        let mut verifiers = candidates
            .filter_map(|key| key.verifier(algorithm))
            .take(CANDIDATES_MAX)
            .peekable();
        verifiers.peek()?;
        Some(verifiers.any(|verifier| verifier.is_valid(signing_input, signature)))
    }

    /// Writes the keys as a JWKS (RFC 7517 §5).
    pub fn to_jwks(&self) -> Value {
        json!({ "keys": self.keys.iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
    }
}

impl Verifier for KeySet {
    fn check(
        &self,
        header: &Header,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), SetError> {
        match self.verify(header.alg, header.kid.as_ref(), signing_input, signature) {
            Some(true) => Ok(()),
            Some(false) => Err(SetError::BadSignature),
            None => Err(SetError::UnknownKey),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

/// Writes the public parts of keys as a JWKS (RFC 7517 §5), for `jwks_uri`.
pub fn jwks<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Value {
    KeySet::new(keys.into_iter().map(|key| key.public_key().clone())).to_jwks()
}

fn read(jwk: &str) -> Result<PublicKey, KeyError> {
    PublicKey::take(&mut Members::parse(jwk).map_err(KeyError::Jwk)?)
}

fn name(jwk: &str) -> Option<Kid> {
    jwk::kid(&mut Members::parse(jwk).ok()?).ok()?
}
