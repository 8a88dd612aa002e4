//! A public key and the algorithms that it serves.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use openssl::pkey::{HasPublic, Id, PKey};
use serde_json::{Value, json};

use super::{
    KeyError, PEM_BYTES_MAX,
    jwk::{self, Jwk, Purpose},
    numbers::{Numbers, not_a_key},
    reading,
    verifier::Verifier,
};
use crate::{id::Kid, json::Members, set::Algorithm};

/// A key that verifies SETs: RSA with 2048 to 8192 bits, P-256 or Ed25519.
///
/// An RSA key that does not say which algorithm it is for serves RS256 and PS256. Printing a key for debugging shows its
/// `kid` and its algorithms.
///
/// ```
/// use ssf_types::jose::PublicKey;
///
/// // RFC 8037 appendix A.2, and the thumbprint of appendix A.3.
/// let key = PublicKey::from_jwk(
///     br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// )?;
/// assert_eq!(key.thumbprint().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// # Ok::<(), ssf_types::jose::KeyError>(())
/// ```
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<Kid>,
    numbers: Numbers,
    verifiers: Vec<(Algorithm, Arc<Verifier>)>,
}

impl PublicKey {
    /// Reads a public key in PEM (`SubjectPublicKeyInfo`, RFC 7468 §13); its `kid` becomes its thumbprint.
    ///
    /// A key that is marked for PSS serves PS256, if it is marked for SHA-256 with 32 bytes of salt.
    ///
    /// # Errors
    /// The text is no such key, or one that must not be used.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(KeyError::PemTooLong);
        }
        let der = subject_public_key_info(pem).ok_or(KeyError::NotPublicPem)?;
        let key = reading::alone(|| PKey::public_key_from_der(&der))
            .map_err(|_| KeyError::NotPublicPem)?;
        let numbers = Numbers::of(&key)?;
        // A key that is marked for PSS serves nothing else (RFC 4055 §1.2), and that with its own parameters alone.
        let algorithms = match key.id() {
            Id::RSA_PSS => &[Algorithm::Ps256][..],
            _ => numbers.algorithms(),
        };
        Self::new(Some(numbers.thumbprint()), algorithms, numbers, &key)
    }

    /// Reads a public JWK (RFC 7517 §4); its `kid` stays as it is, also where it has none.
    ///
    /// # Errors
    /// The text is no such key, or one that must not be used.
    pub fn from_jwk(jwk: &[u8]) -> Result<Self, KeyError> {
        Self::take(&mut jwk::members(jwk)?)
    }

    /// Reads a public key from the members of a JWK.
    pub(super) fn take(jwk: &mut Members<'_>) -> Result<Self, KeyError> {
        jwk::has_no_secret(jwk)?;
        let jwk = Jwk::take(jwk, Purpose::Verify)?;
        let key = jwk.numbers.key()?;
        Self::new(jwk.kid, &jwk.algorithms, jwk.numbers, &key)
    }

    pub(super) fn new(
        kid: Option<Kid>,
        algorithms: &[Algorithm],
        numbers: Numbers,
        key: &PKey<impl HasPublic>,
    ) -> Result<Self, KeyError> {
        let der = key.public_key_to_der().map_err(not_a_key)?;
        let verifiers = algorithms
            .iter()
            .map(|algorithm| Ok((*algorithm, Arc::new(Verifier::from_der(*algorithm, &der)?))))
            .collect::<Result<_, KeyError>>()?;
        Ok(Self {
            kid,
            numbers,
            verifiers,
        })
    }

    /// The same key under another name.
    #[must_use]
    pub fn with_kid(self, kid: Kid) -> Self {
        Self {
            kid: Some(kid),
            ..self
        }
    }

    /// The key's name (RFC 7517 §4.5).
    pub fn kid(&self) -> Option<&Kid> {
        self.kid.as_ref()
    }

    /// The key's SHA-256 thumbprint in base64url, 43 characters (RFC 7638 §3).
    pub fn thumbprint(&self) -> Kid {
        self.numbers.thumbprint()
    }

    /// The algorithms that the key serves: two for an RSA key without `alg`, otherwise one.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.verifiers.iter().map(|(algorithm, _)| *algorithm)
    }

    /// The key as a JWK, with `use`, and with `kid` and `alg` where they are known (RFC 7517 §4).
    pub fn to_jwk(&self) -> Value {
        let mut jwk = self.numbers.to_jwk();
        if let Some(kid) = &self.kid {
            jwk.insert("kid".into(), json!(kid));
        }
        if let [(algorithm, _)] = &self.verifiers[..] {
            jwk.insert("alg".into(), json!(algorithm.as_str()));
        }
        jwk.insert("use".into(), json!("sig"));
        Value::Object(jwk)
    }

    pub(super) fn verifier(&self, algorithm: Algorithm) -> Option<&Verifier> {
        let (_, verifier) = self
            .verifiers
            .iter()
            .find(|(served, _)| *served == algorithm)?;
        Some(verifier)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The bytes of the first public key in PEM (RFC 7468 §13), whatever text stands around it.
///
/// OpenSSL's own reader of public keys asks for a passphrase on the terminal as soon as it meets an encrypted private one.
fn subject_public_key_info(pem: &str) -> Option<Vec<u8>> {
    let (_, after) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
    let (body, _) = after.split_once("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64.decode(body).ok()
}
