//! The vocabulary of the [OpenID Shared Signals Framework 1.0](https://openid.net/specs/openid-sharedsignals-framework-1_0-final.html):
//! Security Event Tokens (SETs), the events in them, their subjects, and the streams that carry them.
//!
//! Everything here is values and rules that a peer could observe; there is no I/O and no clock. What comes from
//! outside is checked once, when it becomes a type, and every limit is a constant. Errors name the faulty member and
//! never its value.
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
//! // A Transmitter says that Alice's sessions have ended …
//! let issuer = Issuer::parse("https://tr.example.com")?;
//! let audience = Audience::new(["https://rp.example.com"])?;
//! let alice = SimpleSubject::email("alice@example.com")?;
//! let now = Timestamp::from_secs(1_615_305_159);
//! let event = Event::from(SessionRevoked::default());
//! let claims = SetClaims::new(issuer.clone(), Jti::parse("24c63fb56e5a2d77")?, now, audience.clone(), alice.into(), event);
//! let key = SigningKey::generate(Algorithm::Es256)?;
//! let token = key.sign(&claims)?;
//!
//! // … and the Receiver believes it, because it has checked the signature and the claims.
//! let keys = KeySet::parse(jose::jwks([&key]).to_string().as_bytes())?;
//! let set = UnverifiedSet::parse(token.as_str().as_bytes())?.verify(&keys, &Expectation::new(issuer, audience), now)?;
//! assert!(matches!(set.claims().event, Event::SessionRevoked(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audience;
pub mod dialect;
pub mod error;
pub mod event;
pub mod id;
#[cfg(feature = "jose")]
pub mod jose;
pub mod json;
pub mod metadata;
pub mod poll;
pub mod push;
pub mod secret;
pub mod set;
pub mod stream;
pub mod subject;
pub mod time;
pub mod uri;
