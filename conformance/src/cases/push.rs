//! Cases of a push endpoint (RFC 8935): what is accepted, what is refused, and how.

pub(super) mod answer;
mod claims;
mod event;
mod header;
mod request;
mod signature;
mod sound;

use crate::case::Case;

/// All cases of a push endpoint.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    answer::CASES.iter().chain(request::CASES).chain(of_sets())
}

/// Those that are about the SET alone, however it is delivered.
pub fn of_sets() -> impl Iterator<Item = &'static Case> {
    sound::CASES
        .iter()
        .chain(signature::CASES)
        .chain(header::CASES)
        .chain(claims::CASES)
        .chain(event::CASES)
}

/// The body is no SET, or breaks its definition.
pub(super) const INVALID_REQUEST: &[&str] = &["invalid_request"];

/// Nothing vouches for it: no specification says which of these it is.
pub(super) const UNVERIFIED: &[&str] = &["invalid_key", "authentication_failed", "invalid_request"];

/// The key is none of the issuer's.
const INVALID_KEY: &[&str] = &["invalid_key", "authentication_failed"];
