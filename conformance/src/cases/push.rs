//! Cases of a push endpoint (RFC 8935): what is accepted, what is refused, and how.

pub(super) mod answer;
mod claims;
mod event;
mod header;
mod older;
mod request;
mod signature;
mod sound;
mod tls;

use crate::case::{Case, Profile};

/// All cases of a push endpoint.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    answer::CASES
        .iter()
        .chain(request::CASES)
        .chain(of_endpoints())
        .chain(of_sets())
}

/// Those that are about the endpoint alone, whoever says where it is.
pub fn of_endpoints() -> impl Iterator<Item = &'static Case> {
    tls::CASES.iter()
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

/// Those of what no SET of SSF 1.0 has.
pub fn older() -> impl Iterator<Item = &'static Case> {
    older::CASES.iter()
}

/// Those of SETs that are judged in a dialect.
pub fn in_dialect() -> impl Iterator<Item = &'static Case> {
    let shared = of_sets().filter(|case| case.profiles.contains(&Profile::Legacy));
    shared.chain(older())
}

/// The body is no SET, or breaks its definition.
pub(super) const INVALID_REQUEST: &[&str] = &["invalid_request"];

/// Nothing vouches for it: no specification says which of these it is.
pub(super) const UNVERIFIED: &[&str] = &["invalid_key", "authentication_failed", "invalid_request"];

/// The key is none of the issuer's.
const INVALID_KEY: &[&str] = &["invalid_key", "authentication_failed"];
