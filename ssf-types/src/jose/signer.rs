//! What makes the signatures of one key with one algorithm.

use josekit::jws::{ES256, EdDSA, JwsSigner, PS256};

use super::{KeyError, SignError, reading, rs256::Rs256Signer};
use crate::set::Algorithm;

/// Made once: that costs as much as several signatures.
pub(super) enum Signer {
    Rs256(Rs256Signer),
    Library(Box<dyn JwsSigner + Send + Sync>),
}

impl Signer {
    /// One for the key in this PKCS#8 (RFC 5958).
    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let unsuitable = KeyError::Unsuitable(algorithm);
        reading::alone(|| {
            let made: Result<Box<dyn JwsSigner + Send + Sync>, _> = match algorithm {
                Algorithm::Rs256 => {
                    let made = Rs256Signer::from_der(der).map(Self::Rs256);
                    return made.map_err(|_| unsuitable);
                }
                Algorithm::Ps256 => PS256.signer_from_der(der).map(|made| Box::new(made) as _),
                Algorithm::Es256 => ES256.signer_from_der(der).map(|made| Box::new(made) as _),
                Algorithm::EdDsa => EdDSA.signer_from_der(der).map(|made| Box::new(made) as _),
            };
            made.map(Self::Library).map_err(|_| unsuitable)
        })
    }

    /// The signature over `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Rs256(rs256) => rs256
                .sign(message)
                .map_err(|source| SignError::Refused(source.into())),
            Self::Library(signer) => signer
                .sign(message)
                .map_err(|source| SignError::Refused(source.into())),
        }
    }
}
