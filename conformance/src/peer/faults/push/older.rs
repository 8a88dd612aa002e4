//! Faults in how SETs of older drafts are read, each with a dialect in which it shows.

use serde_json::Value;

use super::{claim, refuses, takes};
use crate::{
    checks::Verdict::Failed,
    event_types::{ASSURANCE_LEVEL_CHANGE, SESSION_ESTABLISHED, TOKEN_CLAIMS_CHANGE},
    peer::receiver::{Breaks::Verdict, Pushed, ReceiverFault},
    push::Dialect,
};

/// The faults.
pub(super) const FAULTS: &[(Dialect, ReceiverFault)] = &[
    (
        Dialect::SseId1,
        ReceiverFault {
            name: "a SET may be about nobody where the subject stands in the event",
            found: &[("LEGACY-R-001.about-nobody", Failed)],
            breaks: Verdict(|pushed, verdict| takes(verdict, is_about_nobody(pushed))),
        },
    ),
    (
        Dialect::SsfId3,
        ReceiverFault {
            name: "a SET may be about nobody in a draft that has sub_id",
            found: &[("LEGACY-R-001.about-nobody", Failed)],
            breaks: Verdict(|pushed, verdict| takes(verdict, is_about_nobody(pushed))),
        },
    ),
    (
        Dialect::Authentik,
        ReceiverFault {
            name: "the subject in an event may be a text",
            found: &[("LEGACY-R-001.subject-is-a-text", Failed)],
            breaks: Verdict(|pushed, verdict| {
                takes(verdict, subject(pushed).is_some_and(Value::is_string));
            }),
        },
    ),
    (
        Dialect::SseId1,
        ReceiverFault {
            name: "a subject of several members needs a format",
            found: &[("LEGACY-R-002.complex-without-format", Failed)],
            breaks: Verdict(|pushed, verdict| refuses(verdict, has_device(pushed))),
        },
    ),
    (
        Dialect::Okta,
        ReceiverFault {
            name: "an object without a format is a subject, whatever it holds",
            found: &[("LEGACY-R-002.member-is-a-text", Failed)],
            breaks: Verdict(|pushed, verdict| takes(verdict, has_device(pushed))),
        },
    ),
    (
        Dialect::GoogleRisc,
        ReceiverFault {
            name: "iss-sub is no format",
            found: &[("LEGACY-R-003.iss-sub", Failed)],
            breaks: Verdict(|pushed, verdict| refuses(verdict, is_of_type(pushed, "iss-sub"))),
        },
    ),
    (
        Dialect::Risc2018,
        ReceiverFault {
            name: "phone is no format",
            found: &[("LEGACY-R-003.phone", Failed)],
            breaks: Verdict(|pushed, verdict| refuses(verdict, is_of_type(pushed, "phone"))),
        },
    ),
    (
        Dialect::SseId1,
        ReceiverFault {
            name: "the verification of SSE has no subject and is refused",
            found: &[("LEGACY-R-004.verification", Failed)],
            breaks: Verdict(|pushed, verdict| {
                refuses(verdict, pushed.is_about(&older("sse", "verification")));
            }),
        },
    ),
    (
        Dialect::GoogleRisc,
        ReceiverFault {
            name: "the verification of RISC has no subject and is refused",
            found: &[("LEGACY-R-004.verification", Failed)],
            breaks: Verdict(|pushed, verdict| {
                refuses(verdict, pushed.is_about(&older("risc", "verification")));
            }),
        },
    ),
    (
        Dialect::Authentik,
        ReceiverFault {
            name: "a state has to be a text",
            found: &[("LEGACY-R-004.null-state", Failed)],
            breaks: Verdict(|pushed, verdict| {
                let is_null = |event: &Value| event.get("state").is_some_and(Value::is_null);
                refuses(verdict, says(pushed, is_null));
            }),
        },
    ),
    (
        Dialect::SsfId2,
        ReceiverFault {
            name: "a reason needs a language",
            found: &[("LEGACY-R-005.reason-as-text", Failed)],
            breaks: Verdict(|pushed, verdict| {
                refuses(
                    verdict,
                    says(pushed, |event| event["reason_admin"].is_string()),
                );
            }),
        },
    ),
    (
        Dialect::SseId1,
        ReceiverFault {
            name: "an event of the far future is refused",
            found: &[("LEGACY-R-006.milliseconds", Failed)],
            breaks: Verdict(|pushed, verdict| {
                let is_far = |event: &Value| {
                    event["event_timestamp"]
                        .as_u64()
                        .is_some_and(|at| at > 1 << 35)
                };
                refuses(verdict, says(pushed, is_far));
            }),
        },
    ),
    (
        Dialect::SsfId3,
        ReceiverFault {
            name: "txn has to be a text",
            found: &[("LEGACY-R-007.numeric-txn", Failed)],
            breaks: Verdict(|pushed, verdict| {
                refuses(verdict, claim(pushed, "txn").is_some_and(Value::is_number));
            }),
        },
    ),
    (
        Dialect::SsfId3,
        ReceiverFault {
            name: "an event whose type ends with a d is refused",
            found: &[("LEGACY-R-008.token-claims-changed", Failed)],
            breaks: Verdict(|pushed, verdict| {
                refuses(
                    verdict,
                    pushed.is_about(&older("caep", "token-claims-changed")),
                );
            }),
        },
    ),
    (
        Dialect::SsfId2,
        ReceiverFault {
            name: "changed claims have to be wrapped",
            found: &[("LEGACY-R-008.claims-unwrapped", Failed)],
            breaks: Verdict(|pushed, verdict| {
                let is_bare = lacks(pushed, TOKEN_CLAIMS_CHANGE.uri, "claims");
                refuses(verdict, is_bare);
            }),
        },
    ),
    (
        Dialect::SseId1,
        ReceiverFault {
            name: "a level needs a namespace",
            found: &[("LEGACY-R-009.without-namespace", Failed)],
            breaks: Verdict(|pushed, verdict| {
                let is_bare = lacks(pushed, ASSURANCE_LEVEL_CHANGE.uri, "namespace");
                refuses(verdict, is_bare);
            }),
        },
    ),
    (
        Dialect::SsfId3,
        ReceiverFault {
            name: "amr has to be an array",
            found: &[("LEGACY-R-010.amr-as-text", Failed)],
            breaks: Verdict(|pushed, verdict| {
                let is_text = pushed.is_about(SESSION_ESTABLISHED.uri)
                    && says(pushed, |event| event["amr"].is_string());
                refuses(verdict, is_text);
            }),
        },
    ),
];

fn older(generation: &str, name: &str) -> String {
    format!("https://schemas.openid.net/secevent/{generation}/event-type/{name}")
}

fn says(pushed: &Pushed, fits: impl Fn(&Value) -> bool) -> bool {
    pushed.event().is_some_and(|(_, event)| fits(event))
}

fn lacks(pushed: &Pushed, uri: &str, member: &str) -> bool {
    pushed.is_about(uri) && says(pushed, |event| event.get(member).is_none())
}

/// The subject in the event, of a SET that is the issuer's.
fn subject(pushed: &Pushed) -> Option<&Value> {
    let (_, event) = pushed.event().filter(|_| pushed.is_verified)?;
    event.get("subject")
}

fn has_device(pushed: &Pushed) -> bool {
    subject(pushed).is_some_and(|subject| subject.get("device").is_some())
}

fn is_of_type(pushed: &Pushed, name: &str) -> bool {
    subject(pushed).is_some_and(|subject| subject["subject_type"] == name)
}

/// The issuer has said of nothing at all whom its one event is about.
fn is_about_nobody(pushed: &Pushed) -> bool {
    let is_sound = pushed.is_verified && pushed.event().is_some_and(|(_, event)| event.is_object());
    is_sound && !pushed.claims.contains_key("sub_id") && subject(pushed).is_none()
}
