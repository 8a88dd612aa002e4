//! What a JWK tells of a key beside its numbers (RFC 7517 §4).

use super::{JWK_BYTES_MAX, KeyError, numbers::Numbers};
use crate::{
    id::Kid,
    json::{self, Members},
    set::Algorithm,
};

/// Members that only a private or a symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What the key is to be used for, as `key_ops` says it.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Sign,
    Verify,
}

/// The public part of a JWK, checked.
pub(super) struct Jwk {
    pub(super) kid: Option<Kid>,
    /// One algorithm where `alg` names it, otherwise all that the key can serve.
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) numbers: Numbers,
}

impl Jwk {
    /// Takes out all members that are ours to judge; the private ones are left.
    pub(super) fn take(jwk: &mut Members<'_>, purpose: Purpose) -> Result<Self, KeyError> {
        let numbers = Numbers::take(jwk)?;
        is_for(jwk, purpose)?;
        let alg: Option<String> = jwk.optional("alg", "a string").map_err(KeyError::Jwk)?;
        Ok(Self {
            kid: kid(jwk)?,
            algorithms: served(&numbers, alg.as_deref())?,
            numbers,
        })
    }
}

/// The members of a JWK that stands alone, after its limits have been checked.
pub(super) fn members(jwk: &[u8]) -> Result<Members<'_>, KeyError> {
    if jwk.len() > JWK_BYTES_MAX {
        return Err(KeyError::JwkTooLong);
    }
    json::check(jwk)
        .and_then(Members::parse)
        .map_err(KeyError::Jwk)
}

/// The key's name, where it has one (RFC 7517 §4.5).
pub(super) fn kid(jwk: &mut Members<'_>) -> Result<Option<Kid>, KeyError> {
    jwk.optional(
        "kid",
        "a string of 1 to 255 bytes without control characters",
    )
    .map_err(KeyError::Jwk)
}

/// A key that is published has no secret part.
pub(super) fn has_no_secret(jwk: &Members<'_>) -> Result<(), KeyError> {
    match SECRET.into_iter().find(|name| jwk.has(name)) {
        Some(name) => Err(KeyError::SecretMember(name)),
        None => Ok(()),
    }
}

/// Neither `use` nor `key_ops` say anything else (RFC 7517 §4.2, §4.3).
fn is_for(jwk: &mut Members<'_>, purpose: Purpose) -> Result<(), KeyError> {
    let key_use: Option<String> = jwk.optional("use", "a string").map_err(KeyError::Jwk)?;
    if key_use.is_some_and(|key_use| key_use != "sig") {
        return Err(KeyError::OtherPurpose { member: "use" });
    }
    let operations: Option<Vec<String>> = jwk
        .optional("key_ops", "an array of strings")
        .map_err(KeyError::Jwk)?;
    let wanted = match purpose {
        Purpose::Sign => "sign",
        Purpose::Verify => "verify",
    };
    if operations.is_some_and(|operations| operations.iter().all(|found| found != wanted)) {
        return Err(KeyError::OtherPurpose { member: "key_ops" });
    }
    Ok(())
}

/// One algorithm for one key, where `alg` says which (RFC 8725 §3.1).
fn served(numbers: &Numbers, alg: Option<&str>) -> Result<Vec<Algorithm>, KeyError> {
    let Some(alg) = alg else {
        return Ok(numbers.algorithms().to_vec());
    };
    let algorithm = Algorithm::parse(alg).ok_or(KeyError::UnsupportedAlgorithm)?;
    Ok(vec![numbers.suits(algorithm)?])
}
