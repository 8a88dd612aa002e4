//! What events may say, and about whom: sound SETs of each kind have to be accepted.

use serde_json::{Value, json};

use super::sound::SOUND;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::MustImplied,
    event_types::{
        ASSURANCE_LEVEL_CHANGE, CHANGE_TYPES, CREDENTIAL_CHANGE, CREDENTIAL_TYPES,
        RISK_LEVEL_CHANGE, TOKEN_CLAIMS_CHANGE,
    },
    push::{Probe, Set},
};

const EVENT: Case = Case {
    tags: &["push", "event"],
    ..SOUND
};

const INTEROP: Case = Case {
    profiles: &[Profile::CaepInterop],
    ..EVENT
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "CAEP-TCC-003.claims-of-any-type",
        section: "CAEP 1.0 §3.2",
        level: MustImplied,
        title: "the claims of token-claims-change may be of any type",
        why: "roles are arrays and flags are booleans; a receiver that expects strings refuses just the changes of those",
        judge: Judge::Push(|p| {
            let claims =
                json!({ "role": ["admin"], "trusted": false, "address": { "country": "NZ" } });
            let says = json!({ "event_timestamp": issued(&p.sound()), "claims": claims });
            Box::pin(p.accepts(p.sound().event(TOKEN_CLAIMS_CHANGE.uri, &says)))
        }),
        ..EVENT
    },
    Case {
        id: "CAEP-ALC-005.without-previous-level",
        section: "CAEP 1.0 §3.4.1",
        title: "assurance-level-change may say nothing of the level before",
        why: "a transmitter that does not know it leaves it out",
        judge: Judge::Push(|p| {
            let says = json!({
                "event_timestamp": issued(&p.sound()), "namespace": "NIST-AAL", "current_level": "nist-aal1",
            });
            Box::pin(p.accepts(p.sound().event(ASSURANCE_LEVEL_CHANGE.uri, &says)))
        }),
        ..EVENT
    },
    Case {
        id: "CAEP-RLC-005.without-previous-level",
        section: "CAEP 1.0 §3.8.1",
        title: "risk-level-change may say nothing of the level before",
        why: "a transmitter that does not know it leaves it out",
        judge: Judge::Push(|p| {
            let says = json!({
                "event_timestamp": issued(&p.sound()), "principal": "USER", "current_level": "HIGH",
            });
            Box::pin(p.accepts(p.sound().event(RISK_LEVEL_CHANGE.uri, &says)))
        }),
        ..EVENT
    },
    Case {
        id: "INTEROP-026.iss-sub",
        section: "CAEP Interoperability Profile 1.0 §2.5",
        title: "a subject may be an issuer and its name for somebody",
        why: "it is one of the formats that each receiver accepts; a transmitter may have no address of its users",
        judge: Judge::Push(|p| {
            let subject = json!({ "format": "iss_sub", "iss": "https://ssf-conformance.invalid", "sub": "nobody" });
            Box::pin(p.accepts(p.sound().claim("sub_id", subject)))
        }),
        ..INTEROP
    },
    Case {
        id: "INTEROP-047.each-change-type",
        section: "CAEP Interoperability Profile 1.0 §3.2",
        title: "credential-change is accepted with each change_type",
        why: "a credential that is revoked matters as much as one that is made",
        judge: Judge::Push(|p| {
            Box::pin(async {
                let changes = CHANGE_TYPES.iter().map(|change| (*change, "password"));
                accepts_each(p, changes).await
            })
        }),
        ..INTEROP
    },
    Case {
        id: "INTEROP-049.each-credential-type",
        section: "CAEP Interoperability Profile 1.0 §3.2",
        title: "credential-change is accepted with each credential_type",
        why: "which credentials its users have is up to the transmitter",
        judge: Judge::Push(|p| {
            Box::pin(async {
                let changes = CREDENTIAL_TYPES
                    .iter()
                    .map(|credential| ("update", *credential));
                accepts_each(p, changes).await
            })
        }),
        ..INTEROP
    },
];

/// When a SET says that it was issued.
fn issued(set: &Set) -> Value {
    set.get("iat").cloned().unwrap_or_default()
}

/// Expects that changes of credentials are accepted, each in a SET of its own.
async fn accepts_each(
    probe: &Probe,
    changes: impl Iterator<Item = (&'static str, &'static str)>,
) -> Result<(), Stop> {
    probe.given_accepted().await?;
    for (change, credential) in changes {
        let set = probe.sound();
        let says = json!({
            "event_timestamp": issued(&set), "change_type": change, "credential_type": credential,
            "reason_admin": { "en": "a rehearsal" },
        });
        let answered = probe.push(&set.event(CREDENTIAL_CHANGE.uri, &says)).await?;
        let status = answered.status();
        let found = format!("{status} with {}", answered.shown_body());
        let what = format!("the answer to {change} of {credential}");
        probe.expect(status == 202, what, "202", found);
    }
    Ok(())
}
