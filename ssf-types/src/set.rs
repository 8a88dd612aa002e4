//! Security Event Tokens (RFC 8417) as SSF 1.0 §4.1 profiles them.
//!
//! A token is an [`UnverifiedSet`] until its signature and its claims have been checked; only then there is a
//! [`VerifiedSet`], and nothing else can make one. Checks run in a fixed order, so that a SET with one fault always
//! gets the same code: form of the token, `iss`, key and signature, `aud`, then the claims and the event.

pub mod profile;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Serialize, Serializer};

use crate::{
    audience::Audience,
    error::ErrCode,
    event::{Event, Events},
    id::{Jti, Kid, Txn},
    json::{self, Extra, JsonError, Members},
    subject::Subject,
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

/// Media type of a SET, and the body of each push (RFC 8417 §7.1, RFC 8935 §2.1).
pub const MEDIA_TYPE: &str = "application/secevent+jwt";

/// The `typ` that a SET is written with (RFC 8417 §2.3).
pub const TYP: &str = "secevent+jwt";

/// Longest SET that is accepted, in bytes; the specifications' examples have about 1 KiB.
pub const SET_BYTES_MAX: usize = 64 * 1024;

/// Longest JOSE header that is accepted, decoded, in bytes.
pub const HEADER_BYTES_MAX: usize = 4 * 1024;

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
    #[error("the JOSE header is faulty: {0}")]
    Header(JsonError),
    /// The header's `typ` says that this is something else (SSF 1.0 §4.1.1).
    #[error("typ must be secevent+jwt")]
    WrongType,
    /// The header's `alg` is not one that is accepted (RFC 8725 §3.1).
    #[error("alg must be RS256 or ES256")]
    UnsupportedAlgorithm,
    /// The header brings or points to a key of its own (RFC 8725 §3.10).
    #[error("the header must not have {0}: keys come from jwks_uri alone")]
    KeyInHeader(&'static str),
    /// The header has critical extensions, and none is supported (RFC 7515 §4.1.11).
    #[error("the header must not have crit: no extension is supported")]
    CriticalExtension,
    /// The claims are not what they have to be.
    #[error("the claims are faulty: {0}")]
    Claims(JsonError),
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
            | Self::NotAboutStream => ErrCode::InvalidRequest,
            Self::UnsupportedAlgorithm
            | Self::KeyInHeader(_)
            | Self::UnknownKey
            | Self::BadSignature => ErrCode::InvalidKey,
            Self::WrongIssuer => ErrCode::InvalidIssuer,
            Self::WrongAudience => ErrCode::InvalidAudience,
        }
    }
}

/// An algorithm that SETs are signed with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 and a key of 2048 bits or more (RFC 7518 §3.3); the default in SSF.
    Rs256,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 §3.4).
    Es256,
}

impl Algorithm {
    /// The value of `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The algorithm that `alg` names, if it is one of ours; `none` and symmetric ones never are.
    pub fn parse(alg: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == alg)
    }
}

/// The JOSE header of a SET.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// How the SET is signed.
    pub alg: Algorithm,
    /// Which key signed it.
    pub kid: Option<Kid>,
}

/// Checks signatures with the keys of one issuer.
pub trait Verifier {
    /// Whether `signature` over `signing_input` was made with a key of the issuer that fits the header.
    ///
    /// # Errors
    /// [`SetError::UnknownKey`] if no key fits, [`SetError::BadSignature`] if one does and the signature is wrong.
    fn check(
        &self,
        header: &Header,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), SetError>;
}

/// What a Receiver expects of the SETs on a stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expectation {
    /// The issuer in the stream's configuration, which is also that of discovery.
    pub issuer: Issuer,
    /// Names of this Receiver, one of which `aud` has to hold.
    pub audience: Audience,
    /// How far the clocks may differ.
    pub leeway: std::time::Duration,
}

impl Expectation {
    /// Expects SETs of `issuer` for `audience`, with clocks at most 60 seconds apart.
    pub fn new(issuer: Issuer, audience: Audience) -> Self {
        Self {
            issuer,
            audience,
            leeway: std::time::Duration::from_mins(1),
        }
    }
}

/// A token that has the form of a SET, and nothing more.
///
/// Printing it for debugging shows the header alone.
#[derive(Clone)]
pub struct UnverifiedSet {
    header: Header,
    signing_input: String,
    signature: Vec<u8>,
    claims: String,
    iss: String,
}

impl UnverifiedSet {
    /// Reads a token: one JWS in compact form, with a SET's header and with claims that are sound JSON.
    ///
    /// White space around the token is ignored.
    ///
    /// # Errors
    /// Says what the token's form lacks.
    pub fn parse(token: &[u8]) -> Result<Self, SetError> {
        if token.len() > SET_BYTES_MAX {
            return Err(SetError::TooLong);
        }
        let token = std::str::from_utf8(token)
            .map_err(|_| SetError::NotCompact)?
            .trim_ascii();
        let (signing_input, signature) = token.rsplit_once('.').ok_or(SetError::NotCompact)?;
        let (header, claims) = signing_input.split_once('.').ok_or(SetError::NotCompact)?;
        let header = Header::parse(&decoded(header)?)?;
        let claims = decoded(claims)?;
        json::check(&claims).map_err(SetError::Claims)?;
        let claims = String::from_utf8(claims).map_err(|_| SetError::NotCompact)?;
        let iss = Members::parse(&claims)
            .and_then(|mut members| members.required("iss", "a string"))
            .map_err(SetError::Claims)?;
        Ok(Self {
            header,
            signing_input: signing_input.to_owned(),
            signature: decoded(signature)?,
            claims,
            iss,
        })
    }

    /// The issuer that the token claims to have: good for choosing keys and for nothing else.
    pub fn unverified_issuer(&self) -> &str {
        &self.iss
    }

    /// The header, which is not covered by any check but that of its form.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks `iss`, the signature, `aud` and the claims.
    ///
    /// # Errors
    /// The first check that fails, in the order of this module's description.
    pub fn verify(
        &self,
        keys: &impl Verifier,
        expected: &Expectation,
        now: Timestamp,
    ) -> Result<VerifiedSet, SetError> {
        profile::issuer_is(&self.iss, &expected.issuer)?;
        keys.check(&self.header, self.signing_input.as_bytes(), &self.signature)?;
        let mut members = Members::parse(&self.claims).map_err(SetError::Claims)?;
        let aud: Audience = members
            .required("aud", "a string or an array of strings")
            .map_err(SetError::Claims)?;
        profile::audience_is(&aud, &expected.audience)?;
        let claims = SetClaims::read(&expected.issuer, aud, members)?;
        profile::issued_before(claims.iat, now.after(expected.leeway))?;
        Ok(VerifiedSet {
            claims,
            json: self.claims.clone(),
        })
    }
}

impl std::fmt::Debug for UnverifiedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnverifiedSet")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, SetError> {
        if json.len() > HEADER_BYTES_MAX {
            return Err(SetError::HeaderTooLong);
        }
        let text = json::check(json).map_err(SetError::Header)?;
        let mut members = Members::parse(text).map_err(SetError::Header)?;
        profile::is_secevent(&mut members)?;
        profile::no_key_in_header(&members)?;
        profile::no_critical_extension(&members)?;
        Ok(Self {
            alg: profile::algorithm(&mut members)?,
            kid: members
                .optional("kid", "a string of 1 to 255 bytes")
                .map_err(SetError::Header)?,
        })
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, SetError> {
    BASE64URL.decode(part).map_err(|_| SetError::NotCompact)
}

/// A SET whose signature and claims have been checked.
///
/// Printing it for debugging shows no identifiers of the subject.
#[derive(Clone)]
pub struct VerifiedSet {
    claims: SetClaims,
    json: String,
}

impl VerifiedSet {
    /// The claims.
    pub fn claims(&self) -> &SetClaims {
        &self.claims
    }

    /// The claims as they were signed, byte for byte.
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl std::fmt::Debug for VerifiedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VerifiedSet").field(&self.claims).finish()
    }
}

/// The claims of a SET.
///
/// Printing them for debugging shows the issuer, the `jti`, and the kinds of subject and event alone.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct SetClaims {
    /// The Transmitter; that of the stream (SSF 1.0 §4.1.6).
    pub iss: Issuer,
    /// Names this SET; the same in every attempt to deliver it.
    pub jti: Jti,
    /// When the SET was made.
    pub iat: Timestamp,
    /// The Receiver.
    pub aud: Audience,
    /// Ties together the SETs that have one cause.
    pub txn: Option<Txn>,
    /// When the event happened (RFC 8417 §2.2).
    pub toe: Option<Timestamp>,
    /// Whom or what the event is about.
    pub sub_id: Subject,
    /// What happened.
    pub event: Event,
    /// Claims that no specification here defines.
    pub extra: Extra,
}

impl std::fmt::Debug for SetClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetClaims")
            .field("iss", &self.iss)
            .field("jti", &self.jti)
            .field("sub_id", &self.sub_id)
            .field("event", &self.event.uri())
            .finish_non_exhaustive()
    }
}

impl SetClaims {
    /// Makes the claims that every SET has.
    pub fn new(
        iss: Issuer,
        jti: Jti,
        iat: Timestamp,
        aud: Audience,
        sub_id: Subject,
        event: Event,
    ) -> Self {
        Self {
            iss,
            jti,
            iat,
            aud,
            txn: None,
            toe: None,
            sub_id,
            event,
            extra: Extra::default(),
        }
    }

    /// Reads all claims but the two that were checked before.
    fn read(iss: &Issuer, aud: Audience, mut members: Members<'_>) -> Result<Self, SetError> {
        profile::no_sub(&members)?;
        profile::no_exp(&members)?;
        let claims = SetError::Claims;
        members.take("iss");
        let seconds = "a number of seconds since 1970";
        let id = "a string of 1 to 255 bytes";
        let event = members
            .take("events")
            .ok_or(JsonError::Missing {
                path: "events".to_owned(),
            })
            .map_err(claims)?;
        let event = read_event(event.get())?;
        let set = Self {
            iss: iss.clone(),
            jti: members.required("jti", id).map_err(claims)?,
            iat: members.required("iat", seconds).map_err(claims)?,
            aud,
            txn: members.optional("txn", id).map_err(claims)?,
            toe: members.optional("toe", seconds).map_err(claims)?,
            sub_id: members
                .required_with("sub_id", Subject::read)
                .map_err(claims)?,
            event,
            extra: members.rest(),
        };
        profile::framework_event_is_about_stream(&set.event, &set.sub_id)?;
        Ok(set)
    }
}

fn read_event(json: &str) -> Result<Event, SetError> {
    let within = |error: JsonError| SetError::Claims(error.within("events"));
    let events = Members::parse(json).map_err(within)?;
    let (uri, payload) = profile::exactly_one(events)?;
    let uri = EventTypeUri::parse(uri).map_err(|_| {
        SetError::Claims(JsonError::invalid(
            "events",
            "an object whose member names are absolute URIs",
        ))
    })?;
    Event::read(&uri, payload.get()).map_err(|error| within(error.within(uri.as_str())))
}

impl Serialize for SetClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'c> {
            iss: &'c Issuer,
            jti: &'c Jti,
            iat: Timestamp,
            aud: &'c Audience,
            #[serde(skip_serializing_if = "Option::is_none")]
            txn: &'c Option<Txn>,
            #[serde(skip_serializing_if = "Option::is_none")]
            toe: Option<Timestamp>,
            sub_id: &'c Subject,
            events: Events<'c>,
            #[serde(flatten)]
            extra: &'c Extra,
        }
        let Self {
            iss,
            jti,
            iat,
            aud,
            txn,
            toe,
            sub_id,
            event,
            extra,
        } = self;
        Wire {
            iss,
            jti,
            iat: *iat,
            aud,
            txn,
            toe: *toe,
            sub_id,
            events: Events(event),
            extra,
        }
        .serialize(serializer)
    }
}

/// A signed SET in compact form: the body of a push.
///
/// Printing it for debugging shows nothing: whoever has it can replay it.
#[derive(Clone, Eq, PartialEq)]
pub struct CompactSet(String);

impl CompactSet {
    /// Composes a SET from its parts; `sign` gets what has to be signed.
    ///
    /// # Errors
    /// Those of `sign`.
    pub fn compose<E>(
        header: &str,
        claims: &[u8],
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
    ) -> Result<Self, E> {
        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 400);
        token.push_str(header);
        token.push('.');
        BASE64URL.encode_string(claims, &mut token);
        let signature = sign(token.as_bytes())?;
        token.push('.');
        BASE64URL.encode_string(signature, &mut token);
        Ok(Self(token))
    }

    /// The token.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The token, to be sent.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for CompactSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompactSet({} bytes)", self.0.len())
    }
}
