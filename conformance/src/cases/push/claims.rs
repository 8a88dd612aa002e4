//! Claims that make a SET none, or none for this Receiver.

use serde_json::json;

use super::INVALID_REQUEST;
use crate::{
    case::{Case, Judge, Profile},
    checks::Level::{Must, MustImplied},
    push::SESSION_REVOKED,
};

const CLAIMS: Case = Case {
    section: "RFC 8935 §2.3",
    level: Must,
    tags: &["push", "claims"],
    ..Case::PUSH
};

const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "PUSH-R-011.foreign-issuer",
        profiles: Profile::AND_LEGACY,
        also: &["JWTBCP-008"],
        section: "RFC 8935 §2.4",
        level: MustImplied,
        title: "a SET of another issuer is refused with invalid_issuer",
        why: "the key is the right one, so only iss tells whose word it is",
        judge: Judge::Push(|p| {
            let iss = json!("https://ssf-conformance.invalid");
            Box::pin(p.refuses(p.sound().claim("iss", iss), &["invalid_issuer"]))
        }),
        ..CLAIMS
    },
    Case {
        id: "SET-009.issuer-with-slash",
        profiles: Profile::AND_LEGACY,
        section: "SSF 1.0 §4.1.6",
        title: "an issuer that differs by a slash at its end is another one",
        why: "issuers are compared byte for byte; with tenants in the path, a slash may be another tenant",
        judge: Judge::Push(|p| {
            let sound = p.sound();
            let own = sound.get("iss").and_then(serde_json::Value::as_str);
            let own = own.unwrap_or_default();
            let iss = match own.strip_suffix('/') {
                Some(without) => without.to_owned(),
                None => format!("{own}/"),
            };
            Box::pin(p.refuses(sound.claim("iss", json!(iss)), &["invalid_issuer"]))
        }),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-012.foreign-audience",
        profiles: Profile::AND_LEGACY,
        also: &["SET-013"],
        section: "RFC 8935 §2.4",
        level: MustImplied,
        title: "a SET for another receiver is refused with invalid_audience",
        why: "a SET that another receiver got could be passed on, and would count",
        judge: Judge::Push(|p| {
            let aud = json!(["https://ssf-conformance.invalid"]);
            Box::pin(p.refuses(p.sound().claim("aud", aud), &["invalid_audience"]))
        }),
        ..CLAIMS
    },
    Case {
        id: "JWTBCP-009.without-audience",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8725 §3.9",
        title: "a SET for nobody in particular is refused",
        why: "an issuer with several receivers says by aud for whom a SET is; without it, it could be anybody's",
        judge: Judge::Push(|p| {
            let codes = &["invalid_audience", "invalid_request"];
            Box::pin(p.refuses(p.sound().without("aud"), codes))
        }),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-003.without-iss",
        profiles: Profile::AND_LEGACY,
        title: "a SET without iss is refused",
        why: "iss is required (RFC 8417 §2.2), and says whose keys count",
        judge: Judge::Push(|p| {
            let codes = &["invalid_request", "invalid_issuer"];
            Box::pin(p.refuses(p.sound().without("iss"), codes))
        }),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-003.without-jti",
        profiles: Profile::AND_LEGACY,
        title: "a SET without jti is refused",
        why: "jti is required (RFC 8417 §2.2); without it, a repeated SET cannot be told from a new one",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().without("jti"), INVALID_REQUEST))),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-003.without-iat",
        profiles: Profile::AND_LEGACY,
        title: "a SET without iat is refused",
        why: "iat is required (RFC 8417 §2.2); what was issued when decides which sessions it can be about",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().without("iat"), INVALID_REQUEST))),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-003.without-events",
        profiles: Profile::AND_LEGACY,
        title: "a JWT without events is no SET",
        why: "events is required (RFC 8417 §2.2), and is what a SET has beyond other JWTs",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().without("events"), INVALID_REQUEST))),
        ..CLAIMS
    },
    Case {
        id: "SET-024.empty-events",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8417 §2.2",
        title: "a SET whose events are none is refused",
        why: "it has at least one event; 202 would tell the transmitter that it said something",
        judge: Judge::Push(|p| {
            Box::pin(p.refuses(p.sound().claim("events", json!({})), INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "SET-024.event-is-null",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8417 §2.2",
        title: "an event that is no object is refused",
        why: "the value of an event is an object, if need be an empty one",
        judge: Judge::Push(|p| {
            let events = json!({ SESSION_REVOKED: null });
            Box::pin(p.refuses(p.sound().claim("events", events), INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "INTEROP-043.two-events",
        section: "CAEP Interoperability Profile 1.0 §2.8.1",
        profiles: &[Profile::CaepInterop],
        title: "a SET with two events is refused",
        why: "one SET has one event, so that each is acknowledged or refused on its own",
        judge: Judge::Push(|p| {
            let change = json!({ "change_type": "update", "credential_type": "password" });
            let events = json!({ SESSION_REVOKED: {}, CREDENTIAL_CHANGE: change });
            Box::pin(p.refuses(p.sound().claim("events", events), INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "PUSH-R-009.event-breaks-its-definition",
        section: "RFC 8935 §2.4",
        level: MustImplied,
        title: "an event without a member that its definition requires is refused",
        why: "a credential-change that does not say what changed cannot be acted upon, and nobody is told",
        judge: Judge::Push(|p| {
            let set = p.sound().event(CREDENTIAL_CHANGE, &json!({}));
            Box::pin(p.refuses(set, INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "SET-004.without-sub_id",
        section: "SSF 1.0 §3.1",
        title: "a SET without sub_id is refused",
        why: "it is about nobody; 202 would tell the transmitter that somebody's sessions have ended",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().without("sub_id"), INVALID_REQUEST))),
        ..CLAIMS
    },
    Case {
        id: "SET-003.expired",
        section: "RFC 7519 §4.1.4",
        title: "a SET that has expired is refused",
        why: "SSF has no exp; where it stands nevertheless, a JWT must not be taken after it",
        judge: Judge::Push(|p| {
            let set = p.sound();
            let iat = set.get("iat").and_then(serde_json::Value::as_u64);
            let past = iat.unwrap_or_default().saturating_sub(24 * 3600);
            Box::pin(p.refuses(set.claim("exp", json!(past)), INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "SET-003.exp",
        section: "SSF 1.0 §4.1.7",
        profiles: &[Profile::Hardening],
        title: "a SET with exp is refused, also before that moment",
        why: "SSF bans exp so that no SET passes for an ID token or an access token, nor one of those for a SET",
        judge: Judge::Push(|p| {
            let set = p.sound();
            let iat = set.get("iat").and_then(serde_json::Value::as_u64);
            let future = iat.unwrap_or_default() + 24 * 3600;
            Box::pin(p.refuses(set.claim("exp", json!(future)), INVALID_REQUEST))
        }),
        ..CLAIMS
    },
    Case {
        id: "SET-002.sub",
        section: "SSF 1.0 §4.1.2",
        profiles: &[Profile::Hardening],
        title: "a SET with sub is refused",
        why: "SSF bans sub so that no SET passes for an ID token or an access token, nor one of those for a SET",
        judge: Judge::Push(|p| {
            Box::pin(p.refuses(
                p.sound().claim("sub", json!("ssf-conformance")),
                INVALID_REQUEST,
            ))
        }),
        ..CLAIMS
    },
];
