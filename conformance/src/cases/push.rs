//! Cases of a push endpoint (RFC 8935): what is accepted, what is refused, and how.

mod answer;
mod claims;
mod header;
mod request;
mod signature;
mod sound;

use crate::case::Case;

/// All cases of a push endpoint.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    sound::CASES
        .iter()
        .chain(answer::CASES)
        .chain(request::CASES)
        .chain(signature::CASES)
        .chain(header::CASES)
        .chain(claims::CASES)
}

/// The body is no SET, or breaks its definition.
const INVALID_REQUEST: &[&str] = &["invalid_request"];

/// Nothing vouches for it: no specification says which of these it is.
const UNVERIFIED: &[&str] = &["invalid_key", "authentication_failed", "invalid_request"];

/// The key is none of the issuer's.
const INVALID_KEY: &[&str] = &["invalid_key", "authentication_failed"];
