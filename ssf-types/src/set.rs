//! Security Event Tokens (RFC 8417) as SSF 1.0 §4.1 profiles them.
//!
//! A token is an [`UnverifiedSet`] until its signature and its claims have been checked; only then there is a
//! [`VerifiedSet`], and nothing else can make one. Checks run in a fixed order, so that a SET with one fault always
//! gets the same code: form of the token, `iss`, key and signature, `aud`, then the claims and the event.

mod claims;
mod compact;
mod error;
mod header;
pub mod inspect;
pub mod profile;
mod replay;
mod sequence;
mod token;

pub use self::{
    claims::SetClaims,
    compact::CompactSet,
    error::SetError,
    header::{Algorithm, Header},
    replay::{NUMBERS_MAX, NotSent, ReplayRequest, Replayed, WhyNot},
    sequence::{Account, RANGES_MAX, SEQ_MAX, Sequence},
    token::{Expectation, UnverifiedSet, VerifiedSet, Verifier},
};

/// Media type of a SET, and the body of each push (RFC 8417 §7.1, RFC 8935 §2.1).
pub const MEDIA_TYPE: &str = "application/secevent+jwt";

/// The `typ` that a SET is written with (RFC 8417 §2.3).
pub const TYP: &str = "secevent+jwt";

/// How far the clocks of two peers may differ unless somebody says otherwise: machines that keep time differ by less.
pub const LEEWAY: std::time::Duration = std::time::Duration::from_mins(1);

/// Longest SET that is accepted, in bytes; the specifications' examples have about 1 KiB.
pub const SET_BYTES_MAX: usize = 64 * 1024;

/// Longest JOSE header that is accepted, decoded, in bytes.
pub const HEADER_BYTES_MAX: usize = 4 * 1024;
