//! Each check of the SET profile as a function of its own, named for the rule (SSF 1.0 §4.1, RFC 8417 §2.2, RFC 8725 §3).
//!
//! Verifying calls them in a fixed order and stops at the first that fails; inspecting calls all of them. Those that
//! read a member of the header or of the claims take it out.

use serde_json::value::RawValue;

use super::{Algorithm, SetError};
use crate::{
    audience::Audience,
    event::Event,
    id::{Jti, Kid, Txn},
    json::{JsonError, Members},
    subject::Subject,
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

const SECONDS: &str = "a number of seconds since 1970";
const ID: &str = "a string of 1 to 255 bytes without control characters";

/// The header's `typ` is `secevent+jwt`, in any case and with or without `application/` (SSF 1.0 §4.1.1).
///
/// # Errors
/// [`SetError::WrongType`], or [`SetError::Header`] if it is no string.
pub fn is_secevent(header: &mut Members<'_>) -> Result<(), SetError> {
    let typ: Option<String> = header
        .optional("typ", "a string")
        .map_err(SetError::Header)?;
    let typ = typ.ok_or(SetError::WrongType)?.to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != super::TYP {
        return Err(SetError::WrongType);
    }
    Ok(())
}

/// The header neither brings a key nor points to one (RFC 8725 §3.10).
///
/// # Errors
/// [`SetError::KeyInHeader`] with the first such member.
pub fn no_key_in_header(header: &Members<'_>) -> Result<(), SetError> {
    match ["jwk", "jku", "x5c", "x5u"]
        .into_iter()
        .find(|name| header.has(name))
    {
        Some(name) => Err(SetError::KeyInHeader(name)),
        None => Ok(()),
    }
}

/// The header has no `crit`, because no extension is supported (RFC 7515 §4.1.11).
///
/// # Errors
/// [`SetError::CriticalExtension`].
pub fn no_critical_extension(header: &Members<'_>) -> Result<(), SetError> {
    if header.has("crit") {
        return Err(SetError::CriticalExtension);
    }
    Ok(())
}

/// The header's `alg` is one of ours; never `none`, never symmetric (RFC 8725 §3.1).
///
/// # Errors
/// [`SetError::UnsupportedAlgorithm`], or [`SetError::Header`] if it is absent or no string.
pub fn algorithm(header: &mut Members<'_>) -> Result<Algorithm, SetError> {
    let alg: String = header
        .required("alg", "a string")
        .map_err(SetError::Header)?;
    Algorithm::parse(&alg).ok_or(SetError::UnsupportedAlgorithm)
}

/// The header's `kid`, if there, can name a key (RFC 7515 §4.1.4).
///
/// # Errors
/// [`SetError::Header`].
pub fn key_id(header: &mut Members<'_>) -> Result<Option<Kid>, SetError> {
    header.optional("kid", ID).map_err(SetError::Header)
}

/// There is an `iss` (RFC 8417 §2.2).
///
/// # Errors
/// [`SetError::Claims`].
pub fn issuer(claims: &mut Members<'_>) -> Result<String, SetError> {
    claims.required("iss", "a string").map_err(SetError::Claims)
}

/// `iss` is, byte for byte, the issuer of the stream (SSF 1.0 §4.1.6).
///
/// # Errors
/// [`SetError::WrongIssuer`].
pub fn issuer_is(iss: &str, expected: &Issuer) -> Result<(), SetError> {
    if iss != expected.as_str() {
        return Err(SetError::WrongIssuer);
    }
    Ok(())
}

/// There is an `aud`: a string or an array of them (SSF 1.0 §4.1.8).
///
/// # Errors
/// [`SetError::Claims`].
pub fn audience(claims: &mut Members<'_>) -> Result<Audience, SetError> {
    claims
        .required("aud", "a string or an array of strings")
        .map_err(SetError::Claims)
}

/// `aud` holds a name of this Receiver (SSF 1.0 §4.1.8, RFC 8725 §3.9).
///
/// # Errors
/// [`SetError::WrongAudience`].
pub fn audience_is(aud: &Audience, expected: &Audience) -> Result<(), SetError> {
    if !aud.intersects(expected) {
        return Err(SetError::WrongAudience);
    }
    Ok(())
}

/// There is no top-level `sub` (SSF 1.0 §4.1.2).
///
/// # Errors
/// [`SetError::SubPresent`].
pub fn no_sub(claims: &Members<'_>) -> Result<(), SetError> {
    if claims.has("sub") {
        return Err(SetError::SubPresent);
    }
    Ok(())
}

/// There is no `exp` (SSF 1.0 §4.1.7).
///
/// # Errors
/// [`SetError::ExpPresent`].
pub fn no_exp(claims: &Members<'_>) -> Result<(), SetError> {
    if claims.has("exp") {
        return Err(SetError::ExpPresent);
    }
    Ok(())
}

/// `events` has one member, whose name is a URI and whose value follows the definition of that type (SSF 1.0 §4.2.1).
///
/// # Errors
/// [`SetError::NotOneEvent`], or [`SetError::Claims`] with the faulty member.
pub fn event(claims: &mut Members<'_>) -> Result<Event, SetError> {
    let within = |error: JsonError| SetError::Claims(error.within("events"));
    let events: &RawValue = claims.take("events").ok_or_else(|| {
        SetError::Claims(JsonError::Missing {
            path: "events".to_owned(),
        })
    })?;
    let mut events = Members::parse(events.get()).map_err(within)?.into_iter();
    let (Some((uri, payload)), None) = (events.next(), events.next()) else {
        return Err(SetError::NotOneEvent);
    };
    let uri = EventTypeUri::parse(uri).map_err(|_| {
        let expected = "an object whose member names are absolute URIs";
        SetError::Claims(JsonError::invalid("events", expected))
    })?;
    Event::read(&uri, payload.get()).map_err(|error| within(error.within(uri.as_str())))
}

/// There is a `jti` (RFC 8417 §2.2).
///
/// # Errors
/// [`SetError::Claims`].
pub fn jti(claims: &mut Members<'_>) -> Result<Jti, SetError> {
    claims.required("jti", ID).map_err(SetError::Claims)
}

/// There is an `iat`, a number of seconds (RFC 8417 §2.2).
///
/// # Errors
/// [`SetError::Claims`].
pub fn issued_at(claims: &mut Members<'_>) -> Result<Timestamp, SetError> {
    claims.required("iat", SECONDS).map_err(SetError::Claims)
}

/// `txn`, if there, is a string (RFC 8417 §2.2).
///
/// # Errors
/// [`SetError::Claims`].
pub fn transaction(claims: &mut Members<'_>) -> Result<Option<Txn>, SetError> {
    claims.optional("txn", ID).map_err(SetError::Claims)
}

/// `toe`, if there, is a number of seconds (RFC 8417 §2.2).
///
/// # Errors
/// [`SetError::Claims`].
pub fn time_of_event(claims: &mut Members<'_>) -> Result<Option<Timestamp>, SetError> {
    claims.optional("toe", SECONDS).map_err(SetError::Claims)
}

/// There is a `sub_id`, and its format's rules hold (SSF 1.0 §3.1, RFC 9493 §3).
///
/// # Errors
/// [`SetError::Claims`] with the faulty member.
pub fn subject(claims: &mut Members<'_>) -> Result<Subject, SetError> {
    claims
        .required_with("sub_id", Subject::read)
        .map_err(SetError::Claims)
}

/// The subject is of a kind that the event may be about: that of a framework event is the stream, `opaque` with the
/// `stream_id` as its `id` (SSF 1.0 §8.1.4.1, §8.1.5), that of a changed or recycled identifier is the identifier
/// (RISC 1.0 §2.5, §2.6).
///
/// # Errors
/// [`SetError::NotAboutStream`] or [`SetError::NotAboutIdentifier`].
pub fn subject_suits_event(event: &Event, sub_id: &Subject) -> Result<(), SetError> {
    if event.accepts(sub_id) {
        return Ok(());
    }
    Err(if event.is_framework() {
        SetError::NotAboutStream
    } else {
        SetError::NotAboutIdentifier
    })
}

/// `iat` is not after `latest`; how old a SET may be is nobody's rule, since a stream may have been paused.
///
/// # Errors
/// [`SetError::IssuedInFuture`].
pub fn issued_before(iat: Timestamp, latest: Timestamp) -> Result<(), SetError> {
    if iat > latest {
        return Err(SetError::IssuedInFuture);
    }
    Ok(())
}
