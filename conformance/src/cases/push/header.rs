//! What the JOSE header says besides the key.

use serde_json::json;

use super::{INVALID_REQUEST, UNVERIFIED};
use crate::{
    case::{Case, Judge, Profile},
    checks::Level::{Must, MustImplied},
};

const HEADER: Case = Case {
    level: MustImplied,
    tags: &["push", "header"],
    profiles: Profile::AND_LEGACY,
    ..Case::PUSH
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "JWTBCP-011.typ-jwt",
        also: &["JWTBCP-012"],
        section: "RFC 8725 §3.11",
        title: "a JWT whose typ is JWT is no SET",
        why: "an ID token or an access token of the same issuer could be pushed as a SET",
        judge: Judge::Push(|p| {
            Box::pin(p.refuses(p.sound().header("typ", json!("JWT")), INVALID_REQUEST))
        }),
        ..HEADER
    },
    Case {
        id: "JWTBCP-011.without-typ",
        section: "RFC 8725 §3.11",
        title: "a JWT without typ is no SET",
        why: "an ID token or an access token of the same issuer could be pushed as a SET",
        judge: Judge::Push(|p| {
            Box::pin(p.refuses(p.sound().without_header("typ"), INVALID_REQUEST))
        }),
        ..HEADER
    },
    Case {
        id: "JWTBCP-012.access-token",
        section: "RFC 8725 §3.12",
        title: "a token whose typ is at+jwt is no SET, whatever else it has",
        why: "the issuer signs access tokens with the same key; what they say must not count as an event",
        judge: Judge::Push(|p| {
            Box::pin(p.refuses(p.sound().header("typ", json!("at+jwt")), INVALID_REQUEST))
        }),
        ..HEADER
    },
    Case {
        id: "PUSH-R-001.unknown-crit",
        section: "RFC 7515 §4.1.11",
        level: Must,
        title: "a header member that is critical and unknown has the SET refused",
        why: "crit is how an issuer says that ignoring the member is not safe",
        judge: Judge::Push(|p| {
            let name = "https://ssf-conformance.invalid/critical";
            let critical = p.sound().header("crit", json!([name]));
            Box::pin(p.refuses(critical.header(name, json!(true)), UNVERIFIED))
        }),
        ..HEADER
    },
];
