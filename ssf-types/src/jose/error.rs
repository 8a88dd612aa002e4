//! Why a key, a JWKS or a signature cannot be had.

use super::{JWK_BYTES_MAX, JWKS_BYTES_MAX, KEYS_MAX, PEM_BYTES_MAX, RSA_BITS_MAX, RSA_BITS_MIN};
use crate::{
    json::JsonError,
    set::{Algorithm, SET_BYTES_MAX, SetError},
};

/// A key cannot be made, read or trusted.
///
/// The messages name the fault and never a part of the key, so that they may be logged and sent to the peer. What the
/// cryptographic library says is left out for that reason.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The PEM has more than [`PEM_BYTES_MAX`] bytes.
    #[error("a key in PEM has at most {PEM_BYTES_MAX} bytes")]
    PemTooLong,
    /// The text is not a private key in PEM.
    #[error("this is not a private key in PEM, which begins with -----BEGIN PRIVATE KEY-----")]
    NotPrivatePem,
    /// The text is not a public key in PEM.
    #[error("this is not a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----")]
    NotPublicPem,
    /// The PEM is protected by a passphrase.
    #[error("the key is encrypted with a passphrase; it has to be given in clear")]
    Encrypted,
    /// The JWK has more than [`JWK_BYTES_MAX`] bytes.
    #[error("a JWK has at most {JWK_BYTES_MAX} bytes")]
    JwkTooLong,
    /// The JWK is not an object, or a member is missing or not what it has to be (RFC 7518 §6).
    #[error("the JWK is faulty")]
    Jwk(#[source] JsonError),
    /// A key that is published has a private or symmetric part, which therefore is no secret any more.
    #[error("a published key must not have {0}, which is secret: whoever has read it can sign")]
    SecretMember(&'static str),
    /// `use` or `key_ops` say that the key is not for signatures (RFC 7517 §4.2, §4.3).
    #[error("{member} says that the key is not for signatures")]
    OtherPurpose {
        /// The member that says so.
        member: &'static str,
    },
    /// The key is neither RSA nor on a curve that we use.
    #[error("a key must be RSA, EC on P-256 or OKP on Ed25519")]
    UnsupportedType,
    /// The key is for an algorithm that we do not use.
    #[error("a key must be for RS256, PS256, ES256 or EdDSA")]
    UnsupportedAlgorithm,
    /// The key is of another type than the algorithm needs (RFC 8725 §3.1).
    #[error("a key of this type does not serve {0}")]
    Unsuitable(Algorithm),
    /// The RSA key is too small to be safe or too large to be checked at leisure (RFC 7518 §3.3).
    #[error("an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, and this one has {bits}")]
    RsaSize {
        /// Bits of the modulus.
        bits: usize,
    },
    /// The RSA key's public exponent is even, 1, or longer than 32 bits.
    #[error("an RSA key has an odd public exponent of 3 to 4294967295")]
    RsaExponent,
    /// The public key is one of the points with which signatures can be made up (RFC 8032 §5.1.7).
    #[error("the public key is a point of small order, for which anybody can make signatures")]
    SmallOrder,
    /// The numbers are not those of a key: a point lies beside the curve, or a modulus is even.
    #[error("the numbers do not make up a key")]
    NotAKey,
    /// The private part does not belong to the public one, so that nobody could verify what it signs.
    #[error("the private and the public part are not of one key")]
    Mismatch,
    /// The cryptographic library cannot make a key.
    #[error("no key could be made for {0}")]
    NotMade(Algorithm),
}

/// A SET cannot be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The claims cannot be written as JSON.
    #[error("the claims cannot be written")]
    Claims(#[source] serde_json::Error),
    /// The claims break the SET profile ([`SetClaims::check`](crate::set::SetClaims::check)).
    #[error("a receiver would refuse the claims")]
    Profile(#[source] SetError),
    /// The claims would have a member twice, since the `extra` of an event names one that the event has, or would be
    /// nested too deep; no Receiver of ours would take them.
    #[error("the claims could not be read again")]
    Unsound(#[source] JsonError),
    /// The token would have more than [`SET_BYTES_MAX`] bytes, and no Receiver of ours would take it.
    #[error("a SET has at most {SET_BYTES_MAX} bytes")]
    TooLong,
    /// The cryptographic library refused.
    #[error("the key cannot sign")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The bytes are not a JWKS.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// The document has more than [`JWKS_BYTES_MAX`] bytes.
    #[error("a JWKS has at most {JWKS_BYTES_MAX} bytes")]
    TooLong,
    /// The document has more than [`KEYS_MAX`] keys.
    #[error("a JWKS has at most {KEYS_MAX} keys")]
    TooManyKeys,
    /// The document is not an object with an array `keys` (RFC 7517 §5).
    #[error("this is not a JWKS")]
    Malformed(#[source] JsonError),
}
