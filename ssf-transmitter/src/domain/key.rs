//! A signing key as it is kept.

use secrecy::SecretString;
use ssf_types::{id::Kid, set::Algorithm, time::Timestamp};

use super::issuer::IssuerName;

/// A private key with what has to be known about it before it is parsed.
///
/// Printing it for debugging shows no part of the key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredKey {
    /// Whose SETs it signs.
    pub issuer: IssuerName,
    /// Names the key in SETs and in the JWKS.
    pub kid: Kid,
    /// What the key signs with.
    pub algorithm: Algorithm,
    /// The private key, PKCS#8 in PEM.
    pub pem: SecretString,
    /// When the key was made.
    pub created_at: Timestamp,
}

impl StoredKey {
    /// Describes a key.
    pub fn new(
        issuer: IssuerName,
        kid: Kid,
        algorithm: Algorithm,
        pem: SecretString,
        created_at: Timestamp,
    ) -> Self {
        Self {
            issuer,
            kid,
            algorithm,
            pem,
            created_at,
        }
    }
}
