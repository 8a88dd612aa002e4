//! A private key that signs SETs.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    ec::EcKey,
    pkey::{Id, PKey, Private},
    rsa::{Rsa, RsaPrivateKeyBuilder},
};
use secrecy::SecretString;
use serde_json::json;

use super::{
    KeyError, PEM_BYTES_MAX, PublicKey, RSA_BITS, SignError,
    jwk::{self, Jwk, Purpose},
    numbers::{Numbers, not_a_key, number, octets, octets_32, p256_point},
    reading,
    signer::Signer,
};
use crate::{
    dialect::InDialect,
    id::Kid,
    json::{self, Members},
    set::{Algorithm, CompactSet, SET_BYTES_MAX, TYP},
};

/// What a new key signs to show that its two parts belong together.
const PROBE: &[u8] = b"the two parts of a key";

/// A private key that signs SETs with one algorithm.
///
/// Its name in the header of each SET, `kid`, is the thumbprint of the public key (RFC 7638) unless it was given another.
/// Printing it for debugging shows the name and the algorithm.
///
/// ```
/// use ssf_types::{jose::SigningKey, set::Algorithm};
///
/// let key = SigningKey::generate(Algorithm::EdDsa)?;
/// assert_eq!(key.kid(), &key.public_key().thumbprint());
/// assert_eq!(key.public_key().to_jwk()["crv"], "Ed25519");
/// # Ok::<(), ssf_types::jose::KeyError>(())
/// ```
#[derive(Clone)]
pub struct SigningKey {
    kid: Kid,
    algorithm: Algorithm,
    header: Arc<str>,
    signer: Arc<Signer>,
    public: PublicKey,
    pem: Arc<SecretString>,
}

impl SigningKey {
    /// Makes a new key: RSA with 2048 bits, P-256, or Ed25519.
    ///
    /// # Errors
    /// The cryptographic library refused.
    pub fn generate(algorithm: Algorithm) -> Result<Self, KeyError> {
        let key = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => Rsa::generate(RSA_BITS).and_then(PKey::from_rsa),
            Algorithm::Es256 => PKey::ec_gen("P-256"),
            Algorithm::EdDsa => PKey::generate_ed25519(),
        };
        let key = key.map_err(|_| KeyError::NotMade(algorithm))?;
        Self::new(&key, algorithm, None)
    }

    /// Reads a private key in PEM (PKCS#8, RFC 7468 §10) to sign with `algorithm`.
    ///
    /// The older forms with `RSA PRIVATE KEY` and `EC PRIVATE KEY` are read too.
    ///
    /// # Errors
    /// The text is no such key, or one that does not suit the algorithm or must not be used.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        Self::new(&private_key(pem)?, algorithm, None)
    }

    /// Reads a private key in PEM to sign with the algorithm that the key's type suggests: RS256 for RSA, and PS256
    /// where the key is marked for PSS, with SHA-256 and 32 bytes of salt.
    ///
    /// # Errors
    /// The text is no such key, or one that must not be used.
    pub fn from_any_pem(pem: &str) -> Result<Self, KeyError> {
        let key = private_key(pem)?;
        let algorithm = match key.id() {
            Id::RSA_PSS => Algorithm::Ps256,
            _ => first(Numbers::of(&key)?.algorithms())?,
        };
        Self::new(&key, algorithm, None)
    }

    /// Reads a private JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
    ///
    /// An RSA key without `alg` signs with RS256, and a key without `kid` is named by its thumbprint. An RSA key has to
    /// have all of `p`, `q`, `dp`, `dq` and `qi`.
    ///
    /// # Errors
    /// The text is no such key, or one that must not be used.
    pub fn from_jwk(jwk: &[u8]) -> Result<Self, KeyError> {
        let mut members = jwk::members(jwk)?;
        let public = Jwk::take(&mut members, Purpose::Sign)?;
        let key = private_part(&mut members, &public.numbers)?;
        // An Ed25519 key derives its public part anew, so that a wrong one would go unnoticed.
        if Numbers::of(&key)? != public.numbers {
            return Err(KeyError::Mismatch);
        }
        Self::new(&key, first(&public.algorithms)?, public.kid)
    }

    fn new(key: &PKey<Private>, algorithm: Algorithm, kid: Option<Kid>) -> Result<Self, KeyError> {
        let numbers = Numbers::of(key)?;
        let algorithm = numbers.suits(algorithm)?;
        let kid = kid.unwrap_or_else(|| numbers.thumbprint());
        let der = key.private_key_to_pkcs8().map_err(not_a_key)?;
        let signer = Arc::new(Signer::from_der(algorithm, &der)?);
        let public = PublicKey::new(Some(kid.clone()), &[algorithm], numbers, key)?;
        is_pair(&signer, &public, algorithm)?;
        let pem = key.private_key_to_pem_pkcs8().map_err(not_a_key)?;
        let pem = String::from_utf8(pem).map_err(|_| KeyError::NotAKey)?;
        Ok(Self {
            header: header(algorithm, &kid),
            kid,
            algorithm,
            signer,
            public,
            pem: Arc::new(pem.into()),
        })
    }

    /// The same key under another name.
    #[must_use]
    pub fn with_kid(self, kid: Kid) -> Self {
        Self {
            header: header(self.algorithm, &kid),
            public: self.public.with_kid(kid.clone()),
            kid,
            ..self
        }
    }

    /// The key's name, which stands in the header of each SET (RFC 7515 §4.1.4).
    pub fn kid(&self) -> &Kid {
        &self.kid
    }

    /// The algorithm that the key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public part, for this algorithm alone.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// The private key in PKCS#8 PEM, to be stored encrypted.
    pub fn pem(&self) -> &SecretString {
        &self.pem
    }

    /// Signs a SET, in SSF 1.0 or [in a dialect](crate::set::SetClaims::in_dialect).
    ///
    /// This is slow for RSA (about a quarter of a millisecond), so call it off an asynchronous reactor.
    ///
    /// # Errors
    /// The claims cannot be written, have a member twice or are too long, or the cryptographic library refused.
    pub fn sign<'c>(&self, claims: impl Into<InDialect<'c>>) -> Result<CompactSet, SignError> {
        let claims = claims.into();
        claims.claims().check().map_err(SignError::Profile)?;
        let claims = serde_json::to_vec(&claims).map_err(SignError::Claims)?;
        json::check(&claims).map_err(SignError::Unsound)?;
        let set = CompactSet::compose(&self.header, &claims, |input| self.signer.sign(input))?;
        if set.as_str().len() > SET_BYTES_MAX {
            return Err(SignError::TooLong);
        }
        Ok(set)
    }

    /// Signs an assertion with which a client shows who it is: a JWT of `typ` `JWT`, so that nobody takes it for a SET
    /// (RFC 7523 §3).
    ///
    /// Its claims are not checked.
    ///
    /// # Errors
    /// The claims cannot be written, or the cryptographic library refused.
    pub fn sign_assertion(&self, claims: &serde_json::Value) -> Result<SecretString, SignError> {
        let header = json!({ "alg": self.algorithm.as_str(), "kid": self.kid, "typ": "JWT" });
        let header = BASE64URL.encode(header.to_string());
        let claims = serde_json::to_vec(claims).map_err(SignError::Claims)?;
        let jwt = CompactSet::compose(&header, &claims, |input| self.signer.sign(input))?;
        Ok(jwt.into_string().into())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn header(algorithm: Algorithm, kid: &Kid) -> Arc<str> {
    let header = json!({ "alg": algorithm.as_str(), "kid": kid, "typ": TYP });
    BASE64URL.encode(header.to_string()).into()
}

fn first(algorithms: &[Algorithm]) -> Result<Algorithm, KeyError> {
    algorithms
        .first()
        .copied()
        .ok_or(KeyError::UnsupportedAlgorithm)
}

fn private_key(pem: &str) -> Result<PKey<Private>, KeyError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(KeyError::PemTooLong);
    }
    // Without a callback of ours, OpenSSL would ask for the passphrase on the terminal.
    let mut is_encrypted = false;
    let key = reading::alone(|| {
        PKey::private_key_from_pem_callback(pem.as_bytes(), |_| {
            is_encrypted = true;
            Ok(0)
        })
    });
    key.map_err(|_| {
        if is_encrypted {
            KeyError::Encrypted
        } else {
            KeyError::NotPrivatePem
        }
    })
}

/// Puts the private members of a JWK and its public numbers together; what does not fit is found by [`is_pair`].
fn private_part(jwk: &mut Members<'_>, numbers: &Numbers) -> Result<PKey<Private>, KeyError> {
    match numbers {
        Numbers::Rsa { n, e } => {
            let mut secret = |name| number(&octets(jwk, name)?);
            RsaPrivateKeyBuilder::new(number(n)?, number(e)?, secret("d")?)
                .map_err(not_a_key)?
                .set_factors(secret("p")?, secret("q")?)
                .map_err(not_a_key)?
                .set_crt_params(secret("dp")?, secret("dq")?, secret("qi")?)
                .and_then(|key| PKey::from_rsa(key.build()))
        }
        Numbers::P256 { x, y } => {
            let d = number(&octets_32(jwk, "d")?)?;
            p256_point(x, y)
                .and_then(|public| {
                    EcKey::from_private_components(public.group(), &d, public.public_key())
                })
                .and_then(PKey::from_ec_key)
        }
        Numbers::Ed25519 { .. } => {
            PKey::private_key_from_raw_bytes(&octets_32(jwk, "d")?, Id::ED25519)
        }
    }
    .map_err(not_a_key)
}

/// What the private part signs, the public part verifies; no library checks this when it puts a key together.
fn is_pair(signer: &Signer, public: &PublicKey, algorithm: Algorithm) -> Result<(), KeyError> {
    let signature = signer.sign(PROBE).map_err(|_| KeyError::Mismatch)?;
    let verifier = public
        .verifier(algorithm)
        .ok_or(KeyError::Unsuitable(algorithm))?;
    let is_pair = verifier.is_valid(PROBE, &signature);
    is_pair.then_some(()).ok_or(KeyError::Mismatch)
}
