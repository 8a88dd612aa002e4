//! Faults in what is accepted.

use serde_json::Value;

use super::{claim, has, refuses};
use crate::{
    checks::Verdict::{Failed, Warning},
    peer::receiver::{Breaks::Verdict, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "a SET that comes again is refused",
        found: &[("PUSH-R-017.same-again", Failed)],
        breaks: Verdict(|pushed, verdict| refuses(verdict, pushed.is_repeated)),
    },
    ReceiverFault {
        name: "members in another order are refused",
        found: &[("PUSH-R-002.other-order", Failed)],
        breaks: Verdict(|pushed, verdict| {
            // In base64url, what begins with {"typ" begins so.
            refuses(verdict, pushed.text.starts_with("eyJ0eXAi"));
        }),
    },
    ReceiverFault {
        name: "aud has to be a string",
        found: &[("SET-010.audience-array", Failed)],
        breaks: Verdict(|pushed, verdict| {
            refuses(
                verdict,
                pushed.claims.get("aud").is_some_and(Value::is_array),
            );
        }),
    },
    ReceiverFault {
        name: "claims that are not known are refused",
        found: &[("SET-019.unknown-claims", Failed)],
        breaks: Verdict(|pushed, verdict| refuses(verdict, has(pushed, "ssf_conformance"))),
    },
    ReceiverFault {
        name: "members of an event that are not known are refused",
        found: &[("SET-019.unknown-member-of-event", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let has = |(_, payload): (_, &Value)| payload.get("ssf_conformance").is_some();
            refuses(verdict, pushed.event().is_some_and(has));
        }),
    },
    ReceiverFault {
        name: "events of a type that is not known are refused",
        found: &[("SET-019.unknown-event-type", Warning)],
        breaks: Verdict(|pushed, verdict| {
            let unknown = |(uri, _): (&str, _)| uri.starts_with("https://ssf-conformance.invalid/");
            refuses(verdict, pushed.event().is_some_and(unknown));
        }),
    },
    ReceiverFault {
        name: "the subject may not stand in an event",
        found: &[("SET-005.subject-repeated", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let has = |(_, payload): (_, &Value)| payload.get("subject").is_some();
            refuses(verdict, pushed.event().is_some_and(has));
        }),
    },
    ReceiverFault {
        name: "a SET whose iat is not after the event is refused",
        found: &[("SET-033.issued-earlier", Warning)],
        breaks: Verdict(|pushed, verdict| {
            let iat = claim(pushed, "iat").and_then(Value::as_u64);
            let moment = pushed
                .event()
                .and_then(|(_, e)| e["event_timestamp"].as_u64());
            let earlier = iat.zip(moment).is_some_and(|(iat, moment)| iat < moment);
            refuses(verdict, earlier);
        }),
    },
];
