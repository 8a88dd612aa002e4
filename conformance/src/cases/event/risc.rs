//! Each type of RISC (RISC 1.0 §2).

use super::{
    Rule::{Member, NoOthers, Subject, Time},
    rule,
};
use crate::{
    case::Case,
    checks::Level::{May, Must, MustImplied, Should},
    event_types::{
        ACCOUNT_CREDENTIAL_CHANGE_REQUIRED, ACCOUNT_DISABLED, ACCOUNT_ENABLED, ACCOUNT_PURGED,
        CREDENTIAL_COMPROMISE, IDENTIFIER_CHANGED, IDENTIFIER_RECYCLED, OPT_IN, OPT_OUT_CANCELLED,
        OPT_OUT_EFFECTIVE, OPT_OUT_INITIATED, RECOVERY_ACTIVATED, RECOVERY_INFORMATION_CHANGED,
    },
};

/// What goes wrong when an event says more than it can.
const NOTHING: &str = "Receivers know of no members; what stands in them is lost.";

/// What goes wrong when an identifier is named by something else.
const IDENTIFIER: &str =
    "The event is about the identifier itself; any other subject does not say which.";

/// The formats of addresses and numbers.
const IDENTIFIERS: &[&str] = &["email", "phone_number"];

/// The cases of this section.
pub const CASES: &[Case] = &[
    rule(
        ("RISC-001.members", MustImplied),
        &ACCOUNT_CREDENTIAL_CHANGE_REQUIRED,
        NoOthers,
        "account-credential-change-required is an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-002.members", MustImplied),
        &ACCOUNT_PURGED,
        NoOthers,
        "account-purged is an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-003.reason", May),
        &ACCOUNT_DISABLED,
        Member("reason"),
        "reason of account-disabled is hijacking or bulk-account",
        "A receiver does one thing for an account that was hijacked, and another for one of a spammer.",
    ),
    rule(
        ("RISC-004.members", MustImplied),
        &ACCOUNT_ENABLED,
        NoOthers,
        "account-enabled is an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-005.subject", Must),
        &IDENTIFIER_CHANGED,
        Subject(IDENTIFIERS),
        "identifier-changed is about an address or a number",
        IDENTIFIER,
    ),
    rule(
        ("RISC-008.new-value", May),
        &IDENTIFIER_CHANGED,
        Member("new-value"),
        "new-value of identifier-changed is a string, and has a hyphen in its name",
        "Receivers look for that name alone.",
    ),
    rule(
        ("RISC-009.subject", Must),
        &IDENTIFIER_RECYCLED,
        Subject(IDENTIFIERS),
        "identifier-recycled is about an address or a number",
        IDENTIFIER,
    ),
    rule(
        ("RISC-010.credential_type", Must),
        &CREDENTIAL_COMPROMISE,
        Member("credential_type"),
        "credential_type of credential-compromise is there, a string",
        "Without it a receiver does not know which credential is to be changed.",
    ),
    rule(
        ("RISC-011.event_timestamp", May),
        &CREDENTIAL_COMPROMISE,
        Time,
        "event_timestamp of credential-compromise is when it was discovered, in seconds",
        "Receivers look at what happened since.",
    ),
    rule(
        ("RISC-012.reason_admin", May),
        &CREDENTIAL_COMPROMISE,
        Member("reason_admin"),
        "reason_admin of credential-compromise can be read",
        "The type is not said: a string, or texts under language tags, can be read.",
    ),
    rule(
        ("RISC-012.reason_user", May),
        &CREDENTIAL_COMPROMISE,
        Member("reason_user"),
        "reason_user of credential-compromise can be read",
        "The type is not said: a string, or texts under language tags, can be read.",
    ),
    rule(
        ("RISC-014.opt-in", Should),
        &OPT_IN,
        NoOthers,
        "opt-in is sent, an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-014.opt-out-initiated", Should),
        &OPT_OUT_INITIATED,
        NoOthers,
        "opt-out-initiated is sent, an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-014.opt-out-cancelled", Should),
        &OPT_OUT_CANCELLED,
        NoOthers,
        "opt-out-cancelled is sent, an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-014.opt-out-effective", Should),
        &OPT_OUT_EFFECTIVE,
        NoOthers,
        "opt-out-effective is sent, an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-016.members", MustImplied),
        &RECOVERY_ACTIVATED,
        NoOthers,
        "recovery-activated is an object without members",
        NOTHING,
    ),
    rule(
        ("RISC-017.members", MustImplied),
        &RECOVERY_INFORMATION_CHANGED,
        NoOthers,
        "recovery-information-changed is an object without members",
        NOTHING,
    ),
];
