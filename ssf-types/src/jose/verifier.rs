//! What checks the signatures of one key with one algorithm.

use josekit::jws::{ES256, EdDSA, JwsVerifier, PS256};

use super::{KeyError, reading, rs256::Rs256};
use crate::set::Algorithm;

/// Made once: that costs as much as several signatures.
pub(super) enum Verifier {
    Rs256(Rs256),
    Library(Box<dyn JwsVerifier + Send + Sync>),
}

impl Verifier {
    /// One for the key in this `SubjectPublicKeyInfo`.
    pub(super) fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyError> {
        let unsuitable = KeyError::Unsuitable(algorithm);
        reading::alone(|| {
            let made: Result<Box<dyn JwsVerifier + Send + Sync>, _> = match algorithm {
                Algorithm::Rs256 => {
                    let made = Rs256::from_der(der).map(Self::Rs256);
                    return made.map_err(|_| unsuitable);
                }
                Algorithm::Ps256 => PS256.verifier_from_der(der).map(|made| Box::new(made) as _),
                Algorithm::Es256 => ES256.verifier_from_der(der).map(|made| Box::new(made) as _),
                Algorithm::EdDsa => EdDSA.verifier_from_der(der).map(|made| Box::new(made) as _),
            };
            made.map(Self::Library).map_err(|_| unsuitable)
        })
    }

    /// Whether the key made `signature` over `message`.
    pub(super) fn is_valid(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rs256(rs256) => rs256.verify(message, signature).unwrap_or(false),
            Self::Library(verifier) => verifier.verify(message, signature).is_ok(),
        }
    }
}
