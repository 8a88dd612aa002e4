//! Faults of what the CAEP Interoperability Profile demands.

use serde_json::json;

use super::{is_of, omits, says};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::{CREDENTIAL_CHANGE, SESSION_REVOKED},
    peer::{
        Breaks::{Rules, Set},
        Fault,
    },
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "session-revoked has no reason_admin",
        found: &[("INTEROP-045.reason_admin", Failed)],
        breaks: Set(|_, claims| omits(claims, &SESSION_REVOKED, "reason_admin")),
    },
    Fault {
        name: "reason_admin of session-revoked is a text",
        found: &[
            ("INTEROP-045.reason_admin", Note),
            ("CAEP-COM-004.reason_admin", Warning),
        ],
        breaks: Set(|_, claims| says(claims, &SESSION_REVOKED, "reason_admin", json!("so"))),
    },
    Fault {
        name: "reason_admin of credential-change is blank",
        found: &[("INTEROP-051.reason_admin", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &CREDENTIAL_CHANGE,
                "reason_admin",
                json!({ "en": " " }),
            );
        }),
    },
    Fault {
        name: "credential-change is about something opaque",
        found: &[
            ("INTEROP-025.subject", Failed),
            ("PRIV-003.one-name", Warning),
        ],
        breaks: Set(|_, claims| {
            if is_of(claims, &CREDENTIAL_CHANGE)
                && let Some(subject) = claims.get_mut("sub_id")
            {
                let id = subject["email"].clone();
                *subject = json!({ "format": "opaque", "id": id });
            }
        }),
    },
    Fault {
        name: "session-revoked is not offered",
        found: &[("INTEROP-044.session-revoked", Failed)],
        breaks: Rules(|rules| rules.hides = Some(SESSION_REVOKED.uri)),
    },
    Fault {
        name: "credential-change is not offered",
        found: &[("INTEROP-046.credential-change", Failed)],
        breaks: Rules(|rules| rules.hides = Some(CREDENTIAL_CHANGE.uri)),
    },
];
