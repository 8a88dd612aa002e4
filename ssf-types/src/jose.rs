//! Keys, signing and verifying (RFC 7515, RFC 7517, RFC 7518, RFC 8037).
//!
//! A [`SigningKey`] signs SETs with one algorithm, a [`KeySet`] verifies those of one issuer. Keys come in as PEM or JWK
//! and go out as JWKS ([`jwks`], [`KeySet::to_jwks`]); each is checked once, when it comes in:
//!
//! * RSA has 2048 to 8192 bits and an exponent of at most 32 bits; elliptic curves are P-256 and Ed25519.
//! * A key serves one algorithm. Only an RSA key whose JWK does not say which serves two, RS256 and PS256.
//! * A key that is published with its private part is not trusted.
//!
//! josekit signs and verifies, on top of OpenSSL, and is named here alone; RS256 is done with OpenSSL itself. The keys are
//! taken apart here and not there, because its readers demand what the other members of a JWK say, check no sizes, and quote
//! values in their errors.

mod error;
mod jwk;
mod key_set;
mod numbers;
mod public_key;
mod reading;
mod rs256;
mod signer;
mod signing_key;
mod verifier;

pub use self::{
    error::{JwksError, KeyError, SignError},
    key_set::{KeySet, PassedOver, jwks},
    public_key::PublicKey,
    signing_key::SigningKey,
};

/// Most keys of a JWKS; a Transmitter has two or three.
pub const KEYS_MAX: usize = 64;

/// Longest JWKS that is read, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;

/// Longest JWK that is read alone, in bytes: a private RSA key of 8192 bits has about 7 KiB.
pub const JWK_BYTES_MAX: usize = 16 * 1024;

/// Longest PEM that is read, in bytes: a private RSA key of 8192 bits has about 6.5 KiB.
pub const PEM_BYTES_MAX: usize = 16 * 1024;

/// Fewest bits of an RSA key, for signing and for verifying (RFC 7518 §3.3).
pub const RSA_BITS_MIN: usize = 2048;

/// Most bits of an RSA key: at this size, verifying takes about fourteen times as long as with 2048 bits.
pub const RSA_BITS_MAX: usize = 8192;

/// Size of a generated RSA key; larger ones sign three to fourteen times slower.
const RSA_BITS: u32 = 2048;
