//! Faults of what all events have in common.

use serde_json::json;

use super::{event, is_of, says};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::{
        ACCOUNT_DISABLED, ACCOUNT_PURGED, RISK_LEVEL_CHANGE, SESSION_PRESENTED, SESSIONS_REVOKED,
    },
    peer::{
        Breaks::{Rules, Set},
        Fault,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "event_timestamp of session-presented is in milliseconds",
        found: &[
            ("CAEP-COM-001.event_timestamp", Warning),
            ("CAEP-SP-002.time", Failed),
        ],
        breaks: Set(|_, claims| {
            event(claims, &SESSION_PRESENTED, |says| {
                let at = says
                    .get("event_timestamp")
                    .and_then(serde_json::Value::as_u64);
                says.insert("event_timestamp".into(), json!(at.map(|at| at * 1000)));
            });
        }),
    },
    Fault {
        name: "initiating_entity is a list",
        found: &[("CAEP-COM-002.initiating_entity", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &RISK_LEVEL_CHANGE,
                "initiating_entity",
                json!(["policy"]),
            );
        }),
    },
    Fault {
        name: "initiating_entity is Admin",
        found: &[("CAEP-COM-003.initiating_entity-known", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &RISK_LEVEL_CHANGE,
                "initiating_entity",
                json!("Admin"),
            );
        }),
    },
    Fault {
        name: "reason_admin is a text",
        found: &[("CAEP-COM-004.reason_admin", Warning)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "reason_admin", json!("so"))),
    },
    Fault {
        name: "reason_admin is an empty object",
        found: &[("CAEP-COM-005.reason_admin-in-languages", Failed)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "reason_admin", json!({}))),
    },
    Fault {
        name: "reason_admin is under the name of a language",
        found: &[("CAEP-COM-005.reason_admin-in-languages", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &RISK_LEVEL_CHANGE,
                "reason_admin",
                json!({ "in English": "so" }),
            );
        }),
    },
    Fault {
        name: "reason_user is a text",
        found: &[("CAEP-COM-006.reason_user", Warning)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "reason_user", json!("so"))),
    },
    Fault {
        name: "reason_user is an empty object",
        found: &[("CAEP-COM-007.reason_user-in-languages", Failed)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "reason_user", json!({}))),
    },
    Fault {
        name: "the repeated subject is somebody else",
        found: &[("SET-005.repeated-subject", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &ACCOUNT_DISABLED,
                "subject",
                json!({ "format": "email", "email": "a@example.com" }),
            );
        }),
    },
    Fault {
        name: "the subject stands in the event alone",
        found: &[("SET-006.sub_id-besides", Failed)],
        breaks: Set(|_, claims| {
            if is_of(claims, &ACCOUNT_DISABLED) {
                claims.remove("sub_id");
            }
        }),
    },
    Fault {
        name: "the subject of a risk is named in another way",
        found: &[("PRIV-003.one-name", Warning)],
        breaks: Set(|_, claims| {
            if is_of(claims, &RISK_LEVEL_CHANGE)
                && let Some(subject) = claims.get_mut("sub_id")
                && let Some(email) = subject.get("email").cloned()
            {
                *subject =
                    json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": email });
            }
        }),
    },
    Fault {
        name: "a subject has a subject_type",
        found: &[("RISC-019.subject_type", Failed)],
        breaks: Set(|_, claims| {
            if is_of(claims, &ACCOUNT_PURGED)
                && let Some(subject) = claims.get_mut("sub_id")
            {
                subject["subject_type"] = subject["format"].clone();
            }
        }),
    },
    Fault {
        name: "sessions-revoked of RISC is offered",
        found: &[("RISC-018.sessions-revoked", Note)],
        breaks: Rules(|rules| rules.offers_besides = Some(SESSIONS_REVOKED)),
    },
];
