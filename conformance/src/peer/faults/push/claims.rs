//! Faults in which claims are looked at.

use serde_json::{Value, json};

use super::{claim, has, lacks, takes};
use crate::{
    checks::Verdict::Failed,
    peer::receiver::{Breaks::Verdict, Pushed, ReceiverFault, Verdict as Thought},
};

/// The faults.
pub(super) const FAULTS: &[ReceiverFault] = &[
    ReceiverFault {
        name: "the issuer is not looked at",
        found: &[
            ("PUSH-R-011.foreign-issuer", Failed),
            ("SET-009.issuer-with-slash", Failed),
        ],
        breaks: Verdict(|_, verdict| {
            takes(verdict, *verdict == Thought::Refused("invalid_issuer"));
        }),
    },
    ReceiverFault {
        name: "a slash at the end of the issuer makes no difference",
        found: &[("SET-009.issuer-with-slash", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let iss = claim(pushed, "iss").and_then(Value::as_str);
            takes(verdict, iss.is_some_and(|iss| iss.ends_with('/')));
        }),
    },
    ReceiverFault {
        name: "a foreign issuer is called a fault of the request",
        found: &[
            ("PUSH-R-011.foreign-issuer", Failed),
            ("SET-009.issuer-with-slash", Failed),
        ],
        breaks: Verdict(|_, verdict| {
            if *verdict == Thought::Refused("invalid_issuer") {
                *verdict = Thought::Refused("invalid_request");
            }
        }),
    },
    ReceiverFault {
        name: "the audience is not looked at",
        found: &[("PUSH-R-012.foreign-audience", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let refused = *verdict == Thought::Refused("invalid_audience");
            takes(verdict, refused && has(pushed, "aud"));
        }),
    },
    ReceiverFault {
        name: "a SET for nobody is for this receiver",
        found: &[("JWTBCP-009.without-audience", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "aud"))),
    },
    ReceiverFault {
        name: "iss may be missing",
        found: &[("PUSH-R-003.without-iss", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "iss"))),
    },
    ReceiverFault {
        name: "jti may be missing",
        found: &[("PUSH-R-003.without-jti", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "jti"))),
    },
    ReceiverFault {
        name: "iat may be missing",
        found: &[("PUSH-R-003.without-iat", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "iat"))),
    },
    ReceiverFault {
        name: "events may be missing",
        found: &[("PUSH-R-003.without-events", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "events"))),
    },
    ReceiverFault {
        name: "events may be none",
        found: &[("SET-024.empty-events", Failed)],
        breaks: Verdict(|pushed, verdict| {
            takes(verdict, claim(pushed, "events") == Some(&json!({})));
        }),
    },
    ReceiverFault {
        name: "an event may be null",
        found: &[("SET-024.event-is-null", Failed)],
        breaks: Verdict(|pushed, verdict| {
            takes(
                verdict,
                pushed.event().is_some_and(|(_, payload)| payload.is_null()),
            );
        }),
    },
    ReceiverFault {
        name: "of several events one is taken",
        found: &[("INTEROP-043.two-events", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, has_several_events(pushed))),
    },
    ReceiverFault {
        name: "what an event has to say is not looked at",
        found: &[("PUSH-R-009.event-breaks-its-definition", Failed)],
        breaks: Verdict(|pushed, verdict| {
            let is_empty = |(uri, payload): (&str, &Value)| {
                uri.ends_with("/credential-change") && *payload == json!({})
            };
            takes(verdict, pushed.event().is_some_and(is_empty));
        }),
    },
    ReceiverFault {
        name: "sub_id may be missing",
        found: &[("SET-004.without-sub_id", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, lacks(pushed, "sub_id"))),
    },
    ReceiverFault {
        name: "exp is not looked at",
        found: &[("SET-003.expired", Failed), ("SET-003.exp", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, has(pushed, "exp"))),
    },
    ReceiverFault {
        name: "exp may be there while it is not over",
        found: &[("SET-003.exp", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, expires_after_iat(pushed))),
    },
    ReceiverFault {
        name: "sub may be there",
        found: &[("SET-002.sub", Failed)],
        breaks: Verdict(|pushed, verdict| takes(verdict, has(pushed, "sub"))),
    },
];

fn has_several_events(pushed: &Pushed) -> bool {
    let events = claim(pushed, "events").and_then(Value::as_object);
    events.is_some_and(|events| events.len() > 1)
}

fn expires_after_iat(pushed: &Pushed) -> bool {
    let number = |name| claim(pushed, name).and_then(Value::as_u64);
    number("exp")
        .zip(number("iat"))
        .is_some_and(|(exp, iat)| exp > iat)
}
