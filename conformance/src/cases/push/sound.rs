//! SETs that have to be accepted, plain and odd.

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::{Must, Should},
    push::{Probe, SESSION_REVOKED},
};

pub(super) const SOUND: Case = Case {
    level: Must,
    tags: &["push", "sound"],
    ..Case::PUSH
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "PUSH-R-017.same-again",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8935 §2",
        title: "the same SET is answered with 202 again",
        why: "a transmitter that did not see the first answer sends again, and must not be told of a fault",
        judge: Judge::Push(|p| Box::pin(again(p))),
        ..SOUND
    },
    Case {
        id: "PUSH-R-002.other-order",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8935 §2.2",
        title: "the order of members does not matter",
        why: "JSON objects have no order, and transmitters write theirs in every one",
        judge: Judge::Push(|p| Box::pin(p.accepts(p.sound().backwards()))),
        ..SOUND
    },
    Case {
        id: "SET-010.audience-array",
        profiles: Profile::AND_LEGACY,
        section: "SSF 1.0 §4.1.8",
        title: "aud may be an array that has others as well",
        why: "both forms are allowed (RFC 7519 §4.1.3), and several receivers may share one SET",
        judge: Judge::Push(|p| {
            let set = p.sound();
            let own = set.get("aud").cloned().unwrap_or_default();
            let aud = json!(["https://ssf-conformance.invalid", own]);
            Box::pin(p.accepts(set.claim("aud", aud)))
        }),
        ..SOUND
    },
    Case {
        id: "SET-019.unknown-claims",
        section: "SSF 1.0 §4.2.3",
        title: "claims that the receiver does not know are ignored",
        why: "a receiver that refuses them stops working when its transmitter learns something new",
        judge: Judge::Push(|p| {
            let nested = json!({ "a": [1, null, { "b": "c" }] });
            Box::pin(p.accepts(p.sound().claim("ssf_conformance", nested)))
        }),
        ..SOUND
    },
    Case {
        id: "SET-019.unknown-member-of-event",
        section: "SSF 1.0 §4.2.3",
        title: "members of an event that the receiver does not know are ignored",
        why: "a receiver that refuses them stops working when its transmitter learns something new",
        judge: Judge::Push(|p| {
            let payload = json!({ "ssf_conformance": { "a": [1, null] } });
            Box::pin(p.accepts(p.sound().event(SESSION_REVOKED, &payload)))
        }),
        ..SOUND
    },
    Case {
        id: "SET-019.unknown-event-type",
        section: "SSF 1.0 §4.2.3",
        level: Should,
        title: "an event of a type that the receiver does not know is accepted",
        why: "the SET is sound, and refusing it has the transmitter send it again or give the stream up",
        judge: Judge::Push(|p| {
            let uri = "https://ssf-conformance.invalid/event-type/unknown";
            Box::pin(p.accepts(p.sound().event(uri, &json!({}))))
        }),
        ..SOUND
    },
    Case {
        id: "SET-005.subject-repeated",
        section: "SSF 1.0 §3.1.1",
        title: "the subject may stand in a CAEP event once more",
        why: "transmitters that serve older receivers as well write it in both places",
        judge: Judge::Push(|p| {
            let set = p.sound();
            let subject = set.get("sub_id").cloned().unwrap_or_default();
            Box::pin(p.accepts(set.event(SESSION_REVOKED, &json!({ "subject": subject }))))
        }),
        ..SOUND
    },
    Case {
        id: "SET-033.issued-earlier",
        profiles: Profile::AND_LEGACY,
        section: "RFC 8417 §5.3",
        level: Should,
        title: "a SET that was issued before the last one is accepted",
        why: "SETs overtake one another, and one that is late has happened all the same",
        judge: Judge::Push(|p| {
            let set = p.sound();
            let iat = set.get("iat").and_then(Value::as_u64).unwrap_or_default();
            Box::pin(p.accepts(set.claim("iat", json!(iat.saturating_sub(3600)))))
        }),
        ..SOUND
    },
];

async fn again(probe: &Probe) -> Result<(), Stop> {
    let set = probe.sound();
    probe.push(&set).await?.given_success()?;
    for _ in 0..2 {
        let answered = probe.push(&set).await?;
        probe.expect_accepted(&answered);
    }
    Ok(())
}
