//! Signing and verifying, over josekit: the only module that names it (and OpenSSL, for a thumbprint).
//!
//! Keys are parsed once and kept, since parsing one costs as much as two to six signatures.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use josekit::{
    jwk::{Jwk, KeyPair},
    jws::{ES256, JwsSigner, JwsVerifier, RS256},
};
use serde_json::{Map, Value, json};

use crate::{
    id::Kid,
    json::{self, Members},
    set::{Algorithm, CompactSet, Header, SetClaims, SetError, TYP, Verifier},
};

/// Most keys of a JWKS that are used; a Transmitter has two or three.
pub const KEYS_MAX: usize = 64;

/// Longest JWKS that is read, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// Size of a generated RSA key; larger ones sign three to fourteen times slower.
const RSA_BITS: u32 = 2048;

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The cryptographic library refused.
    #[error("the key cannot be used for {algorithm}")]
    Unusable {
        /// What the key was meant for.
        algorithm: &'static str,
        /// Why it was refused.
        #[source]
        source: josekit::JoseError,
    },
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written")]
    Claims(#[source] serde_json::Error),
}

/// A private key that signs SETs.
///
/// Its `kid` is the thumbprint of the public key (RFC 7638). Printing it for debugging shows the `kid` alone.
#[derive(Clone)]
pub struct SigningKey {
    kid: Kid,
    algorithm: Algorithm,
    header: Arc<str>,
    signer: Arc<dyn JwsSigner + Send + Sync>,
    public: Map<String, Value>,
    pem: Arc<secrecy::SecretString>,
}

impl SigningKey {
    /// Makes a new key: RSA with 2048 bits, or P-256.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let pem = match algorithm {
            Algorithm::Rs256 => RS256
                .generate_key_pair(RSA_BITS)
                .map(|pair| pair.to_pem_private_key()),
            Algorithm::Es256 => ES256
                .generate_key_pair()
                .map(|pair| pair.to_pem_private_key()),
        };
        let pem = pem.map_err(|source| KeyError::Unusable {
            algorithm: algorithm.as_str(),
            source,
        })?;
        Self::from_pem(algorithm, &String::from_utf8_lossy(&pem))
    }

    /// Reads a private key in PKCS#8 PEM.
    ///
    /// # Errors
    /// The text is no such key, or the key does not suit the algorithm; RSA needs 2048 bits.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let unusable = |source| KeyError::Unusable {
            algorithm: algorithm.as_str(),
            source,
        };
        let (signer, public): (Box<dyn JwsSigner + Send + Sync>, Jwk) = match algorithm {
            Algorithm::Rs256 => {
                let pair = RS256.key_pair_from_pem(pem).map_err(unusable)?;
                let signer = RS256.signer_from_pem(pem).map_err(unusable)?;
                (Box::new(signer), pair.to_jwk_public_key())
            }
            Algorithm::Es256 => {
                let pair = ES256.key_pair_from_pem(pem).map_err(unusable)?;
                let signer = ES256.signer_from_pem(pem).map_err(unusable)?;
                (Box::new(signer), pair.to_jwk_public_key())
            }
        };
        let mut public: Map<String, Value> = public.as_ref().clone();
        let kid = thumbprint(&public);
        public.insert("kid".into(), json!(kid.as_str()));
        public.insert("alg".into(), json!(algorithm.as_str()));
        public.insert("use".into(), json!("sig"));
        public.remove("key_ops");
        let header =
            json!({ "alg": algorithm.as_str(), "kid": kid.as_str(), "typ": TYP }).to_string();
        Ok(Self {
            kid,
            algorithm,
            header: BASE64URL.encode(header).into(),
            signer: signer.into(),
            public,
            pem: Arc::new(pem.to_owned().into()),
        })
    }

    /// The key's name: the thumbprint of its public part (RFC 7638).
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The algorithm that the key is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The private key in PKCS#8 PEM, to be stored encrypted.
    pub fn pem(&self) -> &secrecy::SecretString {
        &self.pem
    }

    /// Signs a SET.
    ///
    /// This is slow for RSA (about a quarter of a millisecond), so call it off an asynchronous reactor.
    ///
    /// # Errors
    /// The claims cannot be written, or the cryptographic library refused.
    pub fn sign(&self, claims: &SetClaims) -> Result<CompactSet, KeyError> {
        let claims = serde_json::to_vec(claims).map_err(KeyError::Claims)?;
        CompactSet::compose(&self.header, &claims, |input| {
            self.signer
                .sign(input)
                .map_err(|source| KeyError::Unusable {
                    algorithm: self.algorithm.as_str(),
                    source,
                })
        })
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// Writes the public parts of keys as a JWKS (RFC 7517 §5), for `jwks_uri`.
pub fn jwks<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> Value {
    let keys: Vec<&Map<String, Value>> = keys.into_iter().map(|key| &key.public).collect();
    json!({ "keys": keys })
}

/// The thumbprint of a public key: SHA-256 of its required members in lexical order (RFC 7638 §3).
fn thumbprint(jwk: &Map<String, Value>) -> Kid {
    let required: &[&str] = match jwk.get("kty").and_then(Value::as_str) {
        Some("EC") => &["crv", "kty", "x", "y"],
        _ => &["e", "kty", "n"],
    };
    let input: BTreeMap<&str, &Value> = required
        .iter()
        .filter_map(|name| Some((*name, jwk.get(*name)?)))
        .collect();
    let digest = openssl::sha::sha256(json!(input).to_string().as_bytes());
    #[expect(
        clippy::expect_used,
        reason = "32 bytes are 43 characters of base64url"
    )]
    Kid::parse(BASE64URL.encode(digest)).expect("a digest in base64url is an identifier")
}

/// The public keys of one issuer.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: Vec<PublicKey>,
}

#[derive(Clone)]
struct PublicKey {
    kid: Option<Kid>,
    algorithm: Algorithm,
    verifier: Arc<dyn JwsVerifier + Send + Sync>,
}

/// The bytes are not a JWKS.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The document has more than [`JWKS_BYTES_MAX`] bytes.
    #[error("a JWKS has at most {JWKS_BYTES_MAX} bytes")]
    TooLong,
    /// The document is not an object with an array `keys`.
    #[error("this is not a JWKS: {0}")]
    Malformed(json::JsonError),
}

impl KeySet {
    /// Reads a JWKS key by key: keys of other kinds, for other uses, or too weak ones are passed over (RFC 7517 §5).
    ///
    /// At most [`KEYS_MAX`] keys are used.
    ///
    /// # Errors
    /// The document as a whole is not a JWKS.
    pub fn parse(jwks: &[u8]) -> Result<Self, JwksError> {
        if jwks.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong);
        }
        let text = json::check(jwks).map_err(JwksError::Malformed)?;
        let keys: Vec<Value> = Members::parse(text)
            .and_then(|mut members| members.required("keys", "an array of keys"))
            .map_err(JwksError::Malformed)?;
        Ok(Self {
            keys: keys
                .into_iter()
                .filter_map(PublicKey::read)
                .take(KEYS_MAX)
                .collect(),
        })
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key with this name is there.
    pub fn has(&self, kid: &Kid) -> bool {
        self.keys.iter().any(|key| key.kid.as_ref() == Some(kid))
    }
}

impl PublicKey {
    fn read(jwk: Value) -> Option<Self> {
        let Value::Object(mut jwk) = jwk else {
            return None;
        };
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let algorithm = match (text("kty")?, text("alg")) {
            ("RSA", None | Some("RS256")) => Algorithm::Rs256,
            ("EC", None | Some("ES256")) if text("crv") == Some("P-256") => Algorithm::Es256,
            _ => return None,
        };
        let kid = match text("kid") {
            Some(kid) => Some(Kid::parse(kid).ok()?),
            None => None,
        };
        // The library would demand what these say; the header's own kid and alg are compared here instead.
        for name in ["kid", "use", "key_ops", "x5c", "x5u", "x5t"] {
            jwk.remove(name);
        }
        let jwk = Jwk::from_map(jwk).ok()?;
        let verifier: Arc<dyn JwsVerifier + Send + Sync> = match algorithm {
            Algorithm::Rs256 => Arc::new(RS256.verifier_from_jwk(&jwk).ok()?),
            Algorithm::Es256 => Arc::new(ES256.verifier_from_jwk(&jwk).ok()?),
        };
        Some(Self {
            kid,
            algorithm,
            verifier,
        })
    }

    fn fits(&self, header: &Header) -> bool {
        let named = match (&header.kid, &self.kid) {
            (Some(wanted), Some(kid)) => wanted == kid,
            (Some(_), None) => false,
            (None, _) => true,
        };
        named && header.alg == self.algorithm
    }
}

impl Verifier for KeySet {
    fn check(
        &self,
        header: &Header,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), SetError> {
        let mut fault = SetError::UnknownKey;
        for key in self.keys.iter().filter(|key| key.fits(header)) {
            match key.verifier.verify(signing_input, signature) {
                Ok(()) => return Ok(()),
                Err(_) => fault = SetError::BadSignature,
            }
        }
        Err(fault)
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.kid))
            .finish()
    }
}
