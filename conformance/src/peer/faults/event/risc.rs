//! Faults of the events of RISC.

use serde_json::json;

use super::{event, is_of, omits, says};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::{
        ACCOUNT_CREDENTIAL_CHANGE_REQUIRED, ACCOUNT_DISABLED, ACCOUNT_ENABLED, ACCOUNT_PURGED,
        CREDENTIAL_COMPROMISE, EventType, IDENTIFIER_CHANGED, IDENTIFIER_RECYCLED, OPT_IN,
        OPT_OUT_CANCELLED, OPT_OUT_EFFECTIVE, OPT_OUT_INITIATED, RECOVERY_ACTIVATED,
        RECOVERY_INFORMATION_CHANGED,
    },
    peer::{Breaks::Set, Fault, Members},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "account-credential-change-required has a member",
        found: &[("RISC-001.members", Note)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &ACCOUNT_CREDENTIAL_CHANGE_REQUIRED,
                "account",
                json!("a"),
            );
        }),
    },
    Fault {
        name: "account-purged has a member",
        found: &[("RISC-002.members", Note)],
        breaks: Set(|_, claims| says(claims, &ACCOUNT_PURGED, "account", json!("a"))),
    },
    Fault {
        name: "account-enabled has a member",
        found: &[("RISC-004.members", Note)],
        breaks: Set(|_, claims| says(claims, &ACCOUNT_ENABLED, "account", json!("a"))),
    },
    Fault {
        name: "opt-in has a member",
        found: &[("RISC-014.opt-in", Note)],
        breaks: Set(|_, claims| says(claims, &OPT_IN, "account", json!("a"))),
    },
    Fault {
        name: "opt-out-initiated has a member",
        found: &[("RISC-014.opt-out-initiated", Note)],
        breaks: Set(|_, claims| says(claims, &OPT_OUT_INITIATED, "account", json!("a"))),
    },
    Fault {
        name: "opt-out-cancelled has a member",
        found: &[("RISC-014.opt-out-cancelled", Note)],
        breaks: Set(|_, claims| says(claims, &OPT_OUT_CANCELLED, "account", json!("a"))),
    },
    Fault {
        name: "opt-out-effective has a member",
        found: &[("RISC-014.opt-out-effective", Note)],
        breaks: Set(|_, claims| says(claims, &OPT_OUT_EFFECTIVE, "account", json!("a"))),
    },
    Fault {
        name: "recovery-activated has a member",
        found: &[("RISC-016.members", Note)],
        breaks: Set(|_, claims| says(claims, &RECOVERY_ACTIVATED, "account", json!("a"))),
    },
    Fault {
        name: "recovery-information-changed has a member",
        found: &[("RISC-017.members", Note)],
        breaks: Set(|_, claims| says(claims, &RECOVERY_INFORMATION_CHANGED, "account", json!("a"))),
    },
    Fault {
        name: "the reason of account-disabled is one of its own",
        found: &[("RISC-003.reason", Note)],
        breaks: Set(|_, claims| says(claims, &ACCOUNT_DISABLED, "reason", json!("left"))),
    },
    Fault {
        name: "the reason of account-disabled is an object",
        found: &[("RISC-003.reason", Warning)],
        breaks: Set(|_, claims| says(claims, &ACCOUNT_DISABLED, "reason", json!({ "en": "left" }))),
    },
    Fault {
        name: "identifier-changed is about an account",
        found: &[("RISC-005.subject", Failed)],
        breaks: Set(|_, claims| account(claims, &IDENTIFIER_CHANGED)),
    },
    Fault {
        name: "new-value is an object",
        found: &[("RISC-008.new-value", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &IDENTIFIER_CHANGED,
                "new-value",
                json!({ "email": "a@example.com" }),
            );
        }),
    },
    Fault {
        name: "new-value is written with an underscore",
        found: &[("RISC-008.new-value", Warning)],
        breaks: Set(|_, claims| {
            event(claims, &IDENTIFIER_CHANGED, |says| {
                if let Some(value) = says.remove("new-value") {
                    says.insert("new_value".into(), value);
                }
            });
        }),
    },
    Fault {
        name: "identifier-recycled is about an account",
        found: &[("RISC-009.subject", Failed)],
        breaks: Set(|_, claims| account(claims, &IDENTIFIER_RECYCLED)),
    },
    Fault {
        name: "credential-compromise has no credential_type",
        found: &[("RISC-010.credential_type", Failed)],
        breaks: Set(|_, claims| omits(claims, &CREDENTIAL_COMPROMISE, "credential_type")),
    },
    Fault {
        name: "event_timestamp of credential-compromise is a text",
        found: &[("RISC-011.event_timestamp", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &CREDENTIAL_COMPROMISE,
                "event_timestamp",
                json!("today"),
            );
        }),
    },
    Fault {
        name: "reason_admin of credential-compromise is a number",
        found: &[("RISC-012.reason_admin", Warning)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_COMPROMISE, "reason_admin", json!(7))),
    },
    Fault {
        name: "reason_user of credential-compromise is empty",
        found: &[("RISC-012.reason_user", Warning)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_COMPROMISE, "reason_user", json!({}))),
    },
];

/// Has an event be about the account instead of its identifier.
fn account(claims: &mut Members, of: &EventType) {
    if is_of(claims, of)
        && let Some(subject) = claims.remove("sub_id")
    {
        let number = subject.get("phone_number").cloned();
        claims.insert("sub_id".into(), json!({ "format": "opaque", "id": number }));
    }
}
