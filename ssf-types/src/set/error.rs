//! Why a token is no SET that may be acted on, and the wire code of each fault.

use super::{HEADER_BYTES_MAX, SET_BYTES_MAX};
use crate::{error::ErrCode, json::JsonError};

/// A token is not a SET that may be acted on.
///
/// Each variant has one wire code ([`SetError::code`]). Messages tell the peer what to fix and hold no claims.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The token has more than [`SET_BYTES_MAX`] bytes.
    #[error("a SET has at most {SET_BYTES_MAX} bytes")]
    TooLong,
    /// The token does not consist of three parts in base64url (RFC 7515 §7.1).
    #[error(
        "the body must be one JWS in compact form: three base64url parts, without padding, joined by dots"
    )]
    NotCompact,
    /// The header has more than [`HEADER_BYTES_MAX`] bytes.
    #[error("a JOSE header has at most {HEADER_BYTES_MAX} bytes")]
    HeaderTooLong,
    /// The header is not what it has to be.
    #[error("the JOSE header is faulty")]
    Header(#[source] JsonError),
    /// The header's `typ` says that this is something else (SSF 1.0 §4.1.1).
    #[error("typ must be secevent+jwt")]
    WrongType,
    /// The header's `alg` is not one that is accepted (RFC 8725 §3.1).
    #[error("alg must be RS256, PS256, ES256 or EdDSA")]
    UnsupportedAlgorithm,
    /// The header brings or points to a key of its own (RFC 8725 §3.10).
    #[error("the header must not have {0}: keys come from jwks_uri alone")]
    KeyInHeader(&'static str),
    /// The header has critical extensions, and none is supported (RFC 7515 §4.1.11).
    #[error("the header must not have crit: no extension is supported")]
    CriticalExtension,
    /// The claims are not what they have to be.
    #[error("the claims are faulty")]
    Claims(#[source] JsonError),
    /// `iss` is not the issuer of the stream (SSF 1.0 §4.1.6).
    #[error("iss is not the issuer that is expected here")]
    WrongIssuer,
    /// The issuer has no key with this `kid`, or none for this `alg`.
    #[error("the issuer's keys have none with this kid and alg")]
    UnknownKey,
    /// The key is known and the signature is not its own.
    #[error("the signature does not match the key")]
    BadSignature,
    /// `aud` does not name this Receiver (RFC 8725 §3.9).
    #[error("aud does not name this receiver")]
    WrongAudience,
    /// There is a top-level `sub` (SSF 1.0 §4.1.2).
    #[error("sub must not be there: sub_id names the subject")]
    SubPresent,
    /// There is an `exp` (SSF 1.0 §4.1.7).
    #[error("exp must not be there: what happened does not expire")]
    ExpPresent,
    /// `iat` lies in the future, beyond the leeway for clocks.
    #[error("iat lies in the future; seconds since 1970 are expected")]
    IssuedInFuture,
    /// `events` has no event or more than one (SSF 1.0 §4.2.1).
    #[error("events must have exactly one member")]
    NotOneEvent,
    /// A framework event is not about a stream (SSF 1.0 §8.1.4.1, §8.1.5).
    #[error("sub_id of a framework event must be opaque, with the stream_id as its id")]
    NotAboutStream,
    /// An event about an identifier is about something else (RISC 1.0 §2.5, §2.6).
    #[error("sub_id must be an email or a phone_number: the identifier that changed hands")]
    NotAboutIdentifier,
}

impl SetError {
    /// The code that tells a Transmitter of this fault (RFC 8935 §2.4).
    pub fn code(&self) -> ErrCode {
        match self {
            Self::TooLong
            | Self::HeaderTooLong
            | Self::NotCompact
            | Self::Header(_)
            | Self::WrongType
            | Self::CriticalExtension
            | Self::Claims(_)
            | Self::SubPresent
            | Self::ExpPresent
            | Self::IssuedInFuture
            | Self::NotOneEvent
            | Self::NotAboutStream
            | Self::NotAboutIdentifier => ErrCode::InvalidRequest,
            Self::UnsupportedAlgorithm
            | Self::KeyInHeader(_)
            | Self::UnknownKey
            | Self::BadSignature => ErrCode::InvalidKey,
            Self::WrongIssuer => ErrCode::InvalidIssuer,
            Self::WrongAudience => ErrCode::InvalidAudience,
        }
    }
}
