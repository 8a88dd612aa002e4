//! Each check of the SET profile as a function of its own, named for the rule (SSF 1.0 §4.1, RFC 8417 §2.2, RFC 8725 §3).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{Algorithm, SetError};
use crate::{
    audience::Audience,
    event::Event,
    json::Members,
    subject::{SimpleSubject, Subject},
    time::Timestamp,
    uri::Issuer,
};

/// The header's `typ` is `secevent+jwt`, in any case and with or without `application/` (SSF 1.0 §4.1.1).
pub(super) fn is_secevent(header: &mut Members<'_>) -> Result<(), SetError> {
    let typ: Option<String> = header
        .optional("typ", "a string")
        .map_err(SetError::Header)?;
    let typ = typ.ok_or(SetError::WrongType)?.to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != super::TYP {
        return Err(SetError::WrongType);
    }
    Ok(())
}

/// The header's `alg` is one of ours; never `none`, never symmetric (RFC 8725 §3.1).
pub(super) fn algorithm(header: &mut Members<'_>) -> Result<Algorithm, SetError> {
    let alg: String = header
        .required("alg", "a string")
        .map_err(SetError::Header)?;
    Algorithm::parse(&alg).ok_or(SetError::UnsupportedAlgorithm)
}

/// The header neither brings a key nor points to one (RFC 8725 §3.10).
pub(super) fn no_key_in_header(header: &Members<'_>) -> Result<(), SetError> {
    match ["jwk", "jku", "x5c", "x5u"]
        .into_iter()
        .find(|name| header.has(name))
    {
        Some(name) => Err(SetError::KeyInHeader(name)),
        None => Ok(()),
    }
}

/// The header has no `crit`, because no extension is supported (RFC 7515 §4.1.11).
pub(super) fn no_critical_extension(header: &Members<'_>) -> Result<(), SetError> {
    if header.has("crit") {
        Err(SetError::CriticalExtension)
    } else {
        Ok(())
    }
}

/// `iss` is, byte for byte, the issuer of the stream (SSF 1.0 §4.1.6).
///
/// # Errors
/// [`SetError::WrongIssuer`].
pub fn issuer_is(iss: &str, expected: &Issuer) -> Result<(), SetError> {
    if iss == expected.as_str() {
        Ok(())
    } else {
        Err(SetError::WrongIssuer)
    }
}

/// `aud` holds a name of this Receiver (SSF 1.0 §4.1.8, RFC 8725 §3.9).
///
/// # Errors
/// [`SetError::WrongAudience`].
pub fn audience_is(aud: &Audience, expected: &Audience) -> Result<(), SetError> {
    if aud.intersects(expected) {
        Ok(())
    } else {
        Err(SetError::WrongAudience)
    }
}

/// There is no top-level `sub` (SSF 1.0 §4.1.2).
pub(super) fn no_sub(claims: &Members<'_>) -> Result<(), SetError> {
    if claims.has("sub") {
        Err(SetError::SubPresent)
    } else {
        Ok(())
    }
}

/// There is no `exp` (SSF 1.0 §4.1.7).
pub(super) fn no_exp(claims: &Members<'_>) -> Result<(), SetError> {
    if claims.has("exp") {
        Err(SetError::ExpPresent)
    } else {
        Ok(())
    }
}

/// `iat` is not after `latest`; how old a SET may be is nobody's rule, since a stream may have been paused.
///
/// # Errors
/// [`SetError::IssuedInFuture`].
pub fn issued_before(iat: Timestamp, latest: Timestamp) -> Result<(), SetError> {
    if iat <= latest {
        Ok(())
    } else {
        Err(SetError::IssuedInFuture)
    }
}

/// `events` has one member (SSF 1.0 §4.2.1).
pub(super) fn exactly_one(events: Members<'_>) -> Result<(Cow<'_, str>, &RawValue), SetError> {
    let mut events = events.into_iter();
    match (events.next(), events.next()) {
        (Some(event), None) => Ok(event),
        (None, _) | (Some(_), Some(_)) => Err(SetError::NotOneEvent),
    }
}

/// A framework event is about the stream (SSF 1.0 §8.1.4.1, §8.1.5).
///
/// # Errors
/// [`SetError::NotAboutStream`].
pub fn framework_event_is_about_stream(event: &Event, sub_id: &Subject) -> Result<(), SetError> {
    let opaque = matches!(sub_id, Subject::Simple(SimpleSubject::Opaque { .. }));
    if event.is_framework() && !opaque {
        Err(SetError::NotAboutStream)
    } else {
        Ok(())
    }
}
