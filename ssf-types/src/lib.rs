//! The vocabulary of the [OpenID Shared Signals Framework 1.0](https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html):
//! Security Event Tokens (SETs), the events in them, their subjects, and the streams that carry them.
//!
//! Everything here is values and rules that a peer could observe; there is no I/O and no clock. What comes from
//! outside is checked once, when it becomes a type, and every limit is a constant. Errors name the faulty member and
//! never its value; `{:?}` shows neither secrets nor who somebody is.
//!
//! # From an event to its effect
//!
//! A Transmitter says that Alice's sessions have ended, and a Receiver believes it:
//!
//! ```
//! use ssf_types::{
//!     audience::Audience,
//!     event::{Event, caep::SessionRevoked},
//!     id::Jti,
//!     jose::{self, KeySet, SigningKey},
//!     set::{Algorithm, Expectation, SetClaims, UnverifiedSet},
//!     subject::SimpleSubject,
//!     time::Timestamp,
//!     uri::Issuer,
//! };
//!
//! // At the Transmitter: what happened, to whom, for whom.
//! let issuer = Issuer::parse("https://tr.example.com")?;
//! let audience = Audience::new(["https://rp.example.com"])?;
//! let alice = SimpleSubject::email("alice@example.com")?;
//! let now = Timestamp::from_secs(1_615_305_159);
//! let event = Event::from(SessionRevoked::default());
//! let claims = SetClaims::new(issuer.clone(), Jti::parse("24c63fb56e5a2d77")?, now, audience.clone(), alice.into(), event);
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let token = key.sign(&claims)?;
//!
//! // At the Receiver: nothing of the token counts before its signature and its claims have been checked.
//! let keys = KeySet::parse(jose::jwks([&key]).to_string().as_bytes())?;
//! let set = UnverifiedSet::parse(token.as_str().as_bytes())?.verify(&keys, &Expectation::new(issuer, audience), now)?;
//!
//! // What it does about it is its own affair: here, look up sessions by the key under which they were registered.
//! let registered = SimpleSubject::email("Alice@Example.com")?.revocation_key();
//! let Event::SessionRevoked(_) = &set.claims().event else { unreachable!() };
//! let ssf_types::subject::Subject::Simple(subject) = &set.claims().sub_id else { unreachable!() };
//! assert_eq!(subject.revocation_key(), registered);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! | to | read | defined by |
//! |---|---|---|
//! | verify or make a SET, or find out what is wrong with one | [`set`], [`set::profile`], [`set::inspect`] | RFC 8417, SSF 1.0 §4 |
//! | read and write events: SSF, CAEP, RISC, OAuth 2018, SCIM, your own | [`mod@event`], [`events!`] | CAEP 1.0, RISC 1.0 |
//! | name somebody or something, and compare names | [`subject`], [`subject::canonical`], [`subject::matching`] | RFC 9493, SSF 1.0 §3, §8.1.3.1 |
//! | keep keys | [`jose`] | RFC 7517, RFC 7638, RFC 8725 |
//! | judge a JWT that is no SET, such as an access token | [`jwt`] | RFC 7519, RFC 8725, RFC 9068 |
//! | push, and understand the answer | [`push`] | RFC 8935 |
//! | poll, acknowledge, refuse | [`poll`] | RFC 8936 |
//! | manage streams: configuration, status, subjects, verification | [`stream`] | SSF 1.0 §8.1 |
//! | find a Transmitter | [`metadata`] | SSF 1.0 §7 |
//! | judge where a URL of a peer leads | [`address`], [`uri`] | RFC 6890, RFC 6052 |
//! | talk to a peer that is not quite there yet | [`dialect`] | the drafts, vendors' documents |
//!
//! # What is strict, and what is kept
//!
//! Reading is strict by default: what breaks a MUST is refused with the [code](error::ErrCode) that the specifications have for
//! it. Duplicate members, nesting without end, text without end and lists without end are refused everywhere
//! ([`json`]). What the specifications do not define is kept byte for byte and written again: unknown members as
//! [`json::Extra`], unknown events as [`event::Event::Other`], proprietary subjects as [`subject::SimpleSubject::Other`].
//! Only the bodies of push and poll, and the `delivery` of a stream, ignore members that they do not define.
//! Leniency has a name and is chosen for one peer: a [`dialect`].
//!
//! Names of members, error codes and URIs are those on the wire. Lengths are in bytes of UTF-8, moments are
//! [`time::Timestamp`]s, and durations say their unit.
//!
//! # Features
//!
//! `jose` (default) signs and verifies over josekit and OpenSSL. Without it everything else is there, and a
//! [`set::Verifier`] of your own checks signatures.

pub mod address;
pub mod audience;
pub mod dialect;
pub mod error;
pub mod event;
pub mod id;
#[cfg(feature = "jose")]
pub mod jose;
pub mod json;
pub mod jwt;
pub mod metadata;
pub mod poll;
pub mod push;
pub mod secret;
pub mod set;
pub mod stream;
pub mod subject;
pub mod time;
pub mod uri;
