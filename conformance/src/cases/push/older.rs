//! SETs of older drafts and of vendors: what their Transmitters write and SSF 1.0 does not have.
//!
//! All cases of a run write SETs in its dialect; those here are about one way of writing each.

use serde_json::{Value, json};

use super::{INVALID_REQUEST, sound::SOUND};
use crate::{
    case::{Case, Judge, Profile},
    checks::Level::MustImplied,
    event_types::{ASSURANCE_LEVEL_CHANGE, SESSION_ESTABLISHED, TOKEN_CLAIMS_CHANGE, VERIFICATION},
    push::{SESSION_REVOKED, Set, Way},
};

/// The spelling in the examples of SSE and SSF up to draft 3.
const TOKEN_CLAIMS_CHANGED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/token-claims-changed";

const OLDER: Case = Case {
    level: MustImplied,
    profiles: &[Profile::Legacy],
    tags: &["legacy"],
    ..SOUND
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "LEGACY-R-001.about-nobody",
        section: "SSE draft 1 §11.1.2",
        title: "a SET that says nowhere whom it is about is refused",
        why: "whoever looks for the subject in several places must not take it for granted that it is in one of them",
        judge: Judge::Push(|p| Box::pin(p.refuses(p.sound().without("sub_id"), INVALID_REQUEST))),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-001.subject-is-a-text",
        section: "SSE draft 1 §11.1.2",
        title: "a SET whose subject is a text is refused",
        why: "a name without a format is anybody's who is called so somewhere",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::SubjectInEvent)?;
                let subject = json!("ssf-conformance@example.com");
                let spoilt = p.sound().claim("sub_id", subject);
                p.refuses(spoilt, INVALID_REQUEST).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-002.complex-without-format",
        section: "SSE draft 1 §3.2",
        title: "a complex subject without a format is accepted",
        why: "the drafts gave complex subjects none; a receiver that insists on it takes no event about a user on a device",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::ComplexWithoutFormat)?;
                let device = json!({ "format": "opaque", "id": "ssf-conformance" });
                p.accepts(complex(p.sound(), &device)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-002.member-is-a-text",
        section: "SSE draft 1 §3.2",
        title: "a subject with a member that is none is refused",
        why: "who takes an object without a format for a complex subject has to look at what it holds",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::ComplexWithoutFormat)?;
                let spoilt = complex(p.sound(), &json!("ssf-conformance"));
                p.refuses(spoilt, INVALID_REQUEST).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-003.iss-sub",
        section: "RISC profile 2018 §2.1",
        title: "an issuer and its name for somebody may be spelled iss-sub",
        why: "Google names all of its users so; who knows the later spelling alone takes no event at all",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::IssSubHyphen)?;
                let subject = json!({ "format": "iss_sub", "iss": "https://ssf-conformance.invalid", "sub": "nobody" });
                p.accepts(p.sound().claim("sub_id", subject)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-003.phone",
        section: "RISC profile 2018 §2.1.2",
        title: "a number may be called phone",
        why: "RFC 9493 renamed the format; a receiver that knows the later name alone refuses the events of a number",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::PhoneFormat)?;
                let subject = json!({ "format": "phone_number", "phone_number": "+15550100" });
                p.accepts(p.sound().claim("sub_id", subject)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-004.verification",
        section: "SSE draft 1 §7.1.4.1",
        title: "a verification under its older URI, without a subject, is accepted",
        why: "it is how such a transmitter tells that the stream works, and there is one stream for it to be about",
        judge: Judge::Push(|p| {
            Box::pin(async {
                let sse = p.given_way(Way::SseVerification);
                sse.or_else(|_| p.given_way(Way::RiscVerification))?;
                let set = p.sound().without("sub_id");
                p.accepts(set.event(VERIFICATION, &json!({}))).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-004.null-state",
        section: "SSF 1.0 §8.1.4.1",
        title: "a verification whose state is null has none",
        why: "some transmitters write what nobody set as null, with the first SET of each stream",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::NullState)?;
                let stream = json!({ "format": "opaque", "id": "ssf-conformance" });
                let set = p.sound().claim("sub_id", stream);
                p.accepts(set.event(VERIFICATION, &json!({ "state": null })))
                    .await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-005.reason-as-text",
        section: "SSE draft 1 §5",
        title: "reasons may be texts without a language",
        why: "the drafts' own examples have them so; a reason is for people, and no ground to keep a session",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::ReasonAsText)?;
                let says = json!({ "reason_admin": "a rehearsal", "reason_user": "a rehearsal" });
                p.accepts(p.sound().event(SESSION_REVOKED, &says)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-006.milliseconds",
        section: "CAEP draft 1 §2",
        title: "event_timestamp may count milliseconds",
        why: "the examples of the drafts do, against their text; read as seconds it is a date in fifty thousand years",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::Milliseconds)?;
                let set = p.sound();
                let moment = issued(&set) * 1000 + 123;
                p.accepts(set.event(SESSION_REVOKED, &json!({ "event_timestamp": moment })))
                    .await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-007.numeric-txn",
        section: "SSF 1.0 §4.1.9",
        title: "txn may be a number",
        why: "the examples of the draft have it so; it tells which SETs belong together, and nothing depends on it",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::NumericTxn)?;
                p.accepts(p.sound().claim("txn", json!(8_675_309))).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-008.token-claims-changed",
        section: "SSF draft 3 §10.1.3",
        title: "token-claims-change may be spelled token-claims-changed",
        why: "SSE and SSF spelled it so in their examples, and CAEP without the d",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::TokenClaimsChanged)?;
                let set = p.sound();
                let says =
                    json!({ "event_timestamp": issued(&set), "claims": { "role": "ro-admin" } });
                p.accepts(set.event(TOKEN_CLAIMS_CHANGED, &says)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-008.claims-unwrapped",
        section: "SSE draft 1 §11.1.3",
        title: "the claims that changed may stand in the event itself",
        why: "the examples up to SSF draft 2 have them so",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::ClaimsUnwrapped)?;
                let set = p.sound();
                let says = json!({ "event_timestamp": issued(&set), "role": "ro-admin" });
                p.accepts(set.event(TOKEN_CLAIMS_CHANGE.uri, &says)).await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-009.without-namespace",
        section: "CAEP draft 1 §3.4",
        title: "assurance-level-change may say nothing of a namespace",
        why: "the draft had the levels of NIST alone, and no member that says so",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::AssuranceWithoutNamespace)?;
                let set = p.sound();
                let says = json!({
                    "event_timestamp": issued(&set), "current_level": "nist-aal2",
                    "previous_level": "nist-aal1", "change_direction": "increase",
                });
                p.accepts(set.event(ASSURANCE_LEVEL_CHANGE.uri, &says))
                    .await
            })
        }),
        ..OLDER
    },
    Case {
        id: "LEGACY-R-010.amr-as-text",
        section: "CAEP draft 2 §3.6.2",
        title: "amr may be a text",
        why: "the draft's example has it so; how somebody signed in is no ground to refuse that they did",
        judge: Judge::Push(|p| {
            Box::pin(async {
                p.given_way(Way::AmrAsText)?;
                let set = p.sound();
                let says = json!({ "event_timestamp": issued(&set), "amr": "otp" });
                p.accepts(set.event(SESSION_ESTABLISHED.uri, &says)).await
            })
        }),
        ..OLDER
    },
];

/// A SET about whom it was, on this device.
fn complex(set: Set, device: &Value) -> Set {
    let user = set.get("sub_id").cloned().unwrap_or_default();
    let subject = json!({ "format": "complex", "user": user, "device": device });
    set.claim("sub_id", subject)
}

/// When a SET says that it was issued.
fn issued(set: &Set) -> u64 {
    let issued = set.get("iat").and_then(Value::as_u64);
    issued.unwrap_or_default()
}
