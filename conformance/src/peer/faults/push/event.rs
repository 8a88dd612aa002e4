//! Faults in which events are accepted.

use serde_json::Value;

use super::{claim, refuses};
use crate::{
    checks::Verdict::Failed,
    event_types::{
        ASSURANCE_LEVEL_CHANGE, CREDENTIAL_CHANGE, RISK_LEVEL_CHANGE, TOKEN_CLAIMS_CHANGE,
    },
    peer::receiver::{Breaks::Verdict, Pushed, ReceiverFault},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "claims of a token have to be strings",
        found: &[("CAEP-TCC-003.claims-of-any-type", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let claims = event(pushed, TOKEN_CLAIMS_CHANGE.uri).map(|event| &event["claims"]);
            let mut claims = claims.and_then(Value::as_object).into_iter().flatten();
            refuses(verdict, claims.any(|(_, value)| !value.is_string()));
        }),
    },
    ReceiverFault {
        name: "an assurance level needs the level before",
        found: &[("CAEP-ALC-005.without-previous-level", Failed)],
        breaks: Verdict(|pushed, verdict| {
            refuses(verdict, lacks_level(pushed, ASSURANCE_LEVEL_CHANGE.uri));
        }),
    },
    ReceiverFault {
        name: "a risk level needs the level before",
        found: &[("CAEP-RLC-005.without-previous-level", Failed)],
        breaks: Verdict(|pushed, verdict| {
            refuses(verdict, lacks_level(pushed, RISK_LEVEL_CHANGE.uri));
        }),
    },
    ReceiverFault {
        name: "a subject has to be an address",
        found: &[("INTEROP-026.iss-sub", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let subject = claim(pushed, "sub_id");
            refuses(
                verdict,
                subject.is_some_and(|subject| subject["format"] == "iss_sub"),
            );
        }),
    },
    ReceiverFault {
        name: "that a credential was deleted is no change",
        found: &[("INTEROP-047.each-change-type", Failed)],
        breaks: Verdict(|pushed, verdict| {
            refuses(verdict, credential_says(pushed, "change_type", "delete"));
        }),
    },
    ReceiverFault {
        name: "a number that is called is no credential",
        found: &[("INTEROP-049.each-credential-type", Failed)],
        breaks: Verdict(|pushed, verdict| {
            refuses(
                verdict,
                credential_says(pushed, "credential_type", "phone-voice"),
            );
        }),
    },
];

fn event<'p>(pushed: &'p Pushed, wanted: &str) -> Option<&'p Value> {
    let (uri, event) = pushed.event()?;
    (uri == wanted).then_some(event)
}

fn lacks_level(pushed: &Pushed, wanted: &str) -> bool {
    event(pushed, wanted).is_some_and(|event| event.get("previous_level").is_none())
}

fn credential_says(pushed: &Pushed, member: &str, value: &str) -> bool {
    event(pushed, CREDENTIAL_CHANGE.uri).is_some_and(|event| event[member] == value)
}
