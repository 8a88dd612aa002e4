//! The keys of a run: that of the issuer, and one that nobody published.

use aws_lc_rs::{
    encoding::AsDer,
    error::Unspecified,
    hmac,
    rand::SystemRandom,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::ExposeSecret;
use serde_json::Value;
use ssf_types::{
    id::{IdError, Kid},
    jose::SigningKey,
    set::Algorithm,
};

/// Characters in a line of PEM (RFC 7468 §2).
const PEM_LINE: usize = 64;

/// A key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is no private key.
    #[error("the signing key is no private key in PEM that may be used")]
    Key(#[source] ssf_types::jose::KeyError),
    /// No key was made.
    #[error("no signing key can be made")]
    NotMade(#[source] ssf_types::jose::KeyError),
    /// It is not for RS256.
    #[error("the signing key has to be an RSA key for RS256, and is for {0}")]
    Algorithm(&'static str),
    /// Its name is none.
    #[error("the kid cannot be the name of a key")]
    Kid(#[source] IdError),
    /// The cryptographic library does not take it.
    #[error("the signing key cannot be read as PKCS#8 with at least 2048 bits")]
    Refused,
}

/// A key that signs anything, sound or not.
#[derive(Debug)]
pub struct Key {
    pair: RsaKeyPair,
    kid: String,
    jwk: Value,
}

impl Key {
    /// Makes a key with 2048 bits, named by its thumbprint.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn generate() -> Result<Self, KeyError> {
        let made = SigningKey::generate(Algorithm::Rs256).map_err(KeyError::NotMade)?;
        Self::from_pem(made.pem().expose_secret(), None)
    }

    /// Reads a private key in PEM, and gives it the name under which it is published.
    ///
    /// # Errors
    /// It is no RSA key for RS256.
    pub fn from_pem(pem: &str, kid: Option<&str>) -> Result<Self, KeyError> {
        let mut key = SigningKey::from_any_pem(pem).map_err(KeyError::Key)?;
        if key.algorithm() != Algorithm::Rs256 {
            return Err(KeyError::Algorithm(key.algorithm().as_str()));
        }
        if let Some(kid) = kid {
            key = key.with_kid(Kid::parse(kid).map_err(KeyError::Kid)?);
        }
        let pair = match PrivateKeyDer::from_pem_slice(pem.as_bytes()) {
            Ok(PrivateKeyDer::Pkcs8(der)) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Pkcs1(der)) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(KeyError::Refused),
        };
        Ok(Self {
            pair: pair.map_err(|_| KeyError::Refused)?,
            kid: key.kid().to_string(),
            jwk: key.public_key().to_jwk(),
        })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half.
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// Signs with RS256.
    pub(crate) fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, input, &mut signature)?;
        Ok(signature)
    }

    /// Signs with HS256 and the PEM of the public half as the secret, as whoever knows nothing else can.
    pub(super) fn hmac_with_public_half(&self, input: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem()?.as_bytes());
        Ok(hmac::sign(&secret, input).as_ref().to_vec())
    }

    fn public_pem(&self) -> Result<String, Unspecified> {
        let der = self.pair.public_key().as_der()?;
        Ok(pem("PUBLIC KEY", der.as_ref()))
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut lines = String::new();
    for (at, character) in STANDARD.encode(der).chars().enumerate() {
        if at % PEM_LINE == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    format!("-----BEGIN {label}-----{lines}\n-----END {label}-----\n")
}

/// The keys of a run.
#[derive(Debug)]
pub(crate) struct Keys {
    /// The issuer's.
    pub(crate) own: Key,
    /// One that the issuer publishes in the middle of the run, if it is one that does.
    pub(crate) next: Option<Key>,
    /// One that the issuer does not publish.
    pub(crate) foreign: Key,
}

impl Keys {
    /// Those of an issuer with this key.
    pub(crate) fn of(own: Key) -> Result<Self, KeyError> {
        Ok(Self {
            own,
            next: None,
            foreign: Key::generate()?,
        })
    }

    /// The same of an issuer that publishes one more in the middle of the run.
    pub(crate) fn and_next(self) -> Result<Self, KeyError> {
        let next = Some(Key::generate()?);
        Ok(Self { next, ..self })
    }
}

#[cfg(test)]
mod tests {
    use openssl::{
        ec::{EcGroup, EcKey},
        nid::Nid,
        pkey::PKey,
        rsa::Rsa,
    };

    use super::*;

    #[test]
    fn the_secret_of_the_attack_is_the_pem_that_others_write() {
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let pem = String::from_utf8(rsa.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let key = Key::from_pem(&pem, Some("a")).unwrap();
        assert_eq!(key.kid(), "a");
        let theirs = String::from_utf8(rsa.public_key_to_pem().unwrap()).unwrap();
        assert_eq!(key.public_pem().unwrap(), theirs);
    }

    #[test]
    fn a_key_for_another_algorithm_is_refused_with_its_name() {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let ec = EcKey::generate(&group)
            .unwrap()
            .private_key_to_pem()
            .unwrap();
        let error = Key::from_pem(str::from_utf8(&ec).unwrap(), None).unwrap_err();
        assert!(error.to_string().ends_with("is for ES256"), "{error}");
    }
}
