//! The numbers of a public key: as a JWK writes them (RFC 7518 §6, RFC 8037 §2), and as the library holds them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    bn::{BigNum, BigNumContext},
    ec::{EcGroup, EcKey},
    error::ErrorStack,
    nid::Nid,
    pkey::{HasPublic, Id, PKey, Public},
    rsa::Rsa,
};
use serde_json::{Map, Value};

use super::{KeyError, RSA_BITS_MAX, RSA_BITS_MIN};
use crate::{
    id::Kid,
    json::{JsonError, Members},
    set::Algorithm,
};

/// Most bytes of a public exponent: 65537 has three, and a long one makes verifying as slow as signing.
const EXPONENT_BYTES_MAX: usize = 4;

/// The points whose order divides eight, in both spellings where there are two, without the sign bit.
///
/// With such a key the same signature holds for one message in eight or more, and OpenSSL does not refuse it.
const SMALL_ORDER: [[u8; 32]; 7] = [
    ends(0x00, 0x00, 0x00),
    ends(0x01, 0x00, 0x00),
    ends(0xec, 0xff, 0x7f),
    ends(0xed, 0xff, 0x7f),
    ends(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut point = [middle; 32];
    point[0] = first;
    point[31] = last;
    point
}

/// A public key by its numbers: for RSA and P-256 big-endian, RSA without leading zeros; for Ed25519 the encoded point.
#[derive(Clone, Eq, PartialEq)]
pub(super) enum Numbers {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256 { x: [u8; 32], y: [u8; 32] },
    Ed25519 { x: [u8; 32] },
}

impl Numbers {
    /// Takes the numbers out of a JWK.
    pub(super) fn take(jwk: &mut Members<'_>) -> Result<Self, KeyError> {
        let kty: String = jwk.required("kty", "a string").map_err(KeyError::Jwk)?;
        if kty == "RSA" {
            return Self::rsa(&octets(jwk, "n")?, &octets(jwk, "e")?);
        }
        if kty != "EC" && kty != "OKP" {
            return Err(KeyError::UnsupportedType);
        }
        let crv: String = jwk.required("crv", "a string").map_err(KeyError::Jwk)?;
        match (kty.as_str(), crv.as_str()) {
            ("EC", "P-256") => Ok(Self::P256 {
                x: octets_32(jwk, "x")?,
                y: octets_32(jwk, "y")?,
            }),
            ("OKP", "Ed25519") => Self::ed25519(octets_32(jwk, "x")?),
            _ => Err(KeyError::UnsupportedType),
        }
    }

    /// The numbers of a key that the library has read.
    pub(super) fn of<T: HasPublic>(key: &PKey<T>) -> Result<Self, KeyError> {
        match key.id() {
            Id::RSA | Id::RSA_PSS => {
                let rsa = key.rsa().map_err(not_a_key)?;
                Self::rsa(&rsa.n().to_vec(), &rsa.e().to_vec())
            }
            Id::EC => {
                let ec = key.ec_key().map_err(not_a_key)?;
                if ec.group().curve_name() != Some(Nid::X9_62_PRIME256V1) {
                    return Err(KeyError::UnsupportedType);
                }
                let (x, y) = coordinates(&ec).map_err(not_a_key)?;
                Ok(Self::P256 {
                    x: x.try_into().map_err(|_| KeyError::NotAKey)?,
                    y: y.try_into().map_err(|_| KeyError::NotAKey)?,
                })
            }
            Id::ED25519 => {
                let x = key.raw_public_key().map_err(not_a_key)?;
                Self::ed25519(x.try_into().map_err(|_| KeyError::NotAKey)?)
            }
            _ => Err(KeyError::UnsupportedType),
        }
    }

    fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        let (n, e) = (trimmed(n), trimmed(e));
        let bits = n
            .first()
            .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyError::RsaSize { bits });
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if e.len() > EXPONENT_BYTES_MAX || !is_odd(e) || e == [1] {
            return Err(KeyError::RsaExponent);
        }
        if !is_odd(n) {
            return Err(KeyError::NotAKey);
        }
        Ok(Self::Rsa {
            n: n.to_vec(),
            e: e.to_vec(),
        })
    }

    fn ed25519(x: [u8; 32]) -> Result<Self, KeyError> {
        let mut unsigned = x;
        unsigned[31] &= 0x7f;
        if SMALL_ORDER.contains(&unsigned) {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self::Ed25519 { x })
    }

    /// The algorithms that a key of this type serves; the one to sign with first.
    pub(super) fn algorithms(&self) -> &'static [Algorithm] {
        match self {
            Self::Rsa { .. } => &[Algorithm::Rs256, Algorithm::Ps256],
            Self::P256 { .. } => &[Algorithm::Es256],
            Self::Ed25519 { .. } => &[Algorithm::EdDsa],
        }
    }

    /// The algorithm, if a key of this type serves it (RFC 8725 §3.1).
    pub(super) fn suits(&self, algorithm: Algorithm) -> Result<Algorithm, KeyError> {
        if self.algorithms().contains(&algorithm) {
            Ok(algorithm)
        } else {
            Err(KeyError::Unsuitable(algorithm))
        }
    }

    /// The key in the library's hands, which checks that a point is on its curve.
    pub(super) fn key(&self) -> Result<PKey<Public>, KeyError> {
        let key = match self {
            Self::Rsa { n, e } => {
                Rsa::from_public_components(number(n)?, number(e)?).and_then(PKey::from_rsa)
            }
            Self::P256 { x, y } => p256_point(x, y).and_then(PKey::from_ec_key),
            Self::Ed25519 { x } => PKey::public_key_from_raw_bytes(x, Id::ED25519),
        };
        key.map_err(not_a_key)
    }

    /// The members of a JWK that make up the key, in lexical order: what a thumbprint is made of.
    pub(super) fn to_jwk(&self) -> Map<String, Value> {
        let text = |number: &[u8]| Value::String(BASE64URL.encode(number));
        let members = match self {
            Self::Rsa { n, e } => vec![("e", text(e)), ("kty", "RSA".into()), ("n", text(n))],
            Self::P256 { x, y } => vec![
                ("crv", "P-256".into()),
                ("kty", "EC".into()),
                ("x", text(x)),
                ("y", text(y)),
            ],
            Self::Ed25519 { x } => vec![
                ("crv", "Ed25519".into()),
                ("kty", "OKP".into()),
                ("x", text(x)),
            ],
        };
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The thumbprint: SHA-256 of the required members in lexical order (RFC 7638 §3, RFC 8037 §2).
    pub(super) fn thumbprint(&self) -> Kid {
        let input = Value::Object(self.to_jwk()).to_string();
        let digest = openssl::sha::sha256(input.as_bytes());
        #[expect(
            clippy::expect_used,
            reason = "32 bytes are 43 characters of base64url"
        )]
        Kid::parse(BASE64URL.encode(digest)).expect("a digest in base64url is an identifier")
    }
}

/// The bytes of a member in base64url (RFC 7518 §2).
pub(super) fn octets(jwk: &mut Members<'_>, name: &'static str) -> Result<Vec<u8>, KeyError> {
    const FORM: &str = "a string in base64url without padding";
    let text: String = jwk.required(name, FORM).map_err(KeyError::Jwk)?;
    BASE64URL
        .decode(text)
        .map_err(|_| KeyError::Jwk(JsonError::invalid(name, FORM)))
}

/// The bytes of a coordinate, which has its full size (RFC 7518 §6.2.1.2).
pub(super) fn octets_32(jwk: &mut Members<'_>, name: &'static str) -> Result<[u8; 32], KeyError> {
    octets(jwk, name)?
        .try_into()
        .map_err(|_| KeyError::Jwk(JsonError::invalid(name, "32 bytes in base64url")))
}

pub(super) fn number(bytes: &[u8]) -> Result<BigNum, KeyError> {
    BigNum::from_slice(bytes).map_err(not_a_key)
}

/// A point of P-256; one beside the curve is refused.
pub(super) fn p256_point(x: &[u8; 32], y: &[u8; 32]) -> Result<EcKey<Public>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let (x, y) = (BigNum::from_slice(x)?, BigNum::from_slice(y)?);
    EcKey::from_public_key_affine_coordinates(&group, &x, &y)
}

/// Drops what the library says, since it may repeat what it was given.
pub(super) fn not_a_key(_: ErrorStack) -> KeyError {
    KeyError::NotAKey
}

fn trimmed(mut number: &[u8]) -> &[u8] {
    while let Some((0, rest)) = number.split_first() {
        number = rest;
    }
    number
}

fn coordinates<T: HasPublic>(key: &EcKey<T>) -> Result<(Vec<u8>, Vec<u8>), ErrorStack> {
    let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
    let mut context = BigNumContext::new()?;
    key.public_key()
        .affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
    Ok((x.to_vec_padded(32)?, y.to_vec_padded(32)?))
}
