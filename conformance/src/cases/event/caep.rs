//! Each type of CAEP (CAEP 1.0 §3).

use super::{
    Rule::{Member, NoOthers, Time, Together, Type, Value},
    rule,
};
use crate::{
    case::Case,
    checks::Level::{May, Must, MustImplied, Should},
    event_types::{
        ASSURANCE_LEVEL_CHANGE, CREDENTIAL_CHANGE, DEVICE_COMPLIANCE_CHANGE, RISK_LEVEL_CHANGE,
        SESSION_ESTABLISHED, SESSION_PRESENTED, SESSION_REVOKED, TOKEN_CLAIMS_CHANGE,
    },
};

/// What goes wrong when the time is another.
const WHEN: &str =
    "Receivers compare it with when a session began, and spare those that are younger.";

/// What goes wrong when a member has another type.
const TYPED: &str = "Readers with types refuse the whole SET for a value of another type.";

/// What goes wrong when a closed list is left.
const CLOSED: &str = "The list is closed: a receiver has to refuse what is not on it.";

/// The cases of this section.
pub const CASES: &[Case] = &[
    rule(
        ("CAEP-SR-001.members", MustImplied),
        &SESSION_REVOKED,
        NoOthers,
        "session-revoked is an object without members of its own",
        "The subject alone says which sessions end; what stands elsewhere is not read.",
    ),
    rule(
        ("CAEP-SR-003.time", Must),
        &SESSION_REVOKED,
        Time,
        "event_timestamp of session-revoked is when the session was revoked",
        WHEN,
    ),
    rule(
        ("CAEP-TCC-001.claims", Must),
        &TOKEN_CLAIMS_CHANGE,
        Member("claims"),
        "claims of token-claims-change is an object with a changed claim at least",
        "Without it a receiver knows that something changed, and not what.",
    ),
    rule(
        ("CAEP-TCC-002.time", Must),
        &TOKEN_CLAIMS_CHANGE,
        Time,
        "event_timestamp of token-claims-change is when the claims changed",
        WHEN,
    ),
    rule(
        ("CAEP-CC-001.credential_type", Must),
        &CREDENTIAL_CHANGE,
        Type("credential_type"),
        "credential_type of credential-change is there, a string",
        "Without it a receiver does not know which sessions rest on the credential.",
    ),
    rule(
        ("CAEP-CC-002.credential_type-known", Must),
        &CREDENTIAL_CHANGE,
        Value("credential_type"),
        "credential_type of credential-change is one that is known",
        "Another may be agreed on; a receiver that does not know it can only guess.",
    ),
    rule(
        ("CAEP-CC-003.change_type", Must),
        &CREDENTIAL_CHANGE,
        Type("change_type"),
        "change_type of credential-change is there, a string",
        "A credential that was added and one that was stolen call for different things.",
    ),
    rule(
        ("CAEP-CC-004.change_type-known", Must),
        &CREDENTIAL_CHANGE,
        Value("change_type"),
        "change_type of credential-change is create, revoke, update or delete",
        CLOSED,
    ),
    rule(
        ("CAEP-CC-005.friendly_name", May),
        &CREDENTIAL_CHANGE,
        Member("friendly_name"),
        "friendly_name of credential-change is a string",
        TYPED,
    ),
    rule(
        ("CAEP-CC-006.x509_issuer", May),
        &CREDENTIAL_CHANGE,
        Member("x509_issuer"),
        "x509_issuer of credential-change is a string",
        TYPED,
    ),
    rule(
        ("CAEP-CC-007.x509_serial", May),
        &CREDENTIAL_CHANGE,
        Member("x509_serial"),
        "x509_serial of credential-change is a string, and no number",
        "Serials are longer than numbers in JSON are exact.",
    ),
    rule(
        ("CAEP-CC-008.fido2_aaguid", May),
        &CREDENTIAL_CHANGE,
        Member("fido2_aaguid"),
        "fido2_aaguid of credential-change is a string",
        TYPED,
    ),
    rule(
        ("CAEP-CC-009.time", Must),
        &CREDENTIAL_CHANGE,
        Time,
        "event_timestamp of credential-change is when the credential changed",
        WHEN,
    ),
    rule(
        ("CAEP-ALC-001.namespace", Must),
        &ASSURANCE_LEVEL_CHANGE,
        Type("namespace"),
        "namespace of assurance-level-change is there, a string",
        "A level means nothing without the scale it is on.",
    ),
    rule(
        ("CAEP-ALC-003.current_level", Must),
        &ASSURANCE_LEVEL_CHANGE,
        Member("current_level"),
        "current_level of assurance-level-change is there, a string",
        "It is what the event is about.",
    ),
    rule(
        ("CAEP-ALC-004.previous_level", May),
        &ASSURANCE_LEVEL_CHANGE,
        Member("previous_level"),
        "previous_level of assurance-level-change is a string",
        TYPED,
    ),
    rule(
        ("CAEP-ALC-006.change_direction", May),
        &ASSURANCE_LEVEL_CHANGE,
        Type("change_direction"),
        "change_direction of assurance-level-change is a string",
        TYPED,
    ),
    rule(
        ("CAEP-ALC-007.with-previous_level", Should),
        &ASSURANCE_LEVEL_CHANGE,
        Together("change_direction", "previous_level"),
        "change_direction of assurance-level-change goes with previous_level",
        "Not every receiver knows the order of the levels.",
    ),
    rule(
        ("CAEP-ALC-008.change_direction-known", Must),
        &ASSURANCE_LEVEL_CHANGE,
        Value("change_direction"),
        "change_direction of assurance-level-change is increase or decrease",
        CLOSED,
    ),
    rule(
        ("CAEP-ALC-009.time", Must),
        &ASSURANCE_LEVEL_CHANGE,
        Time,
        "event_timestamp of assurance-level-change is when the level changed",
        WHEN,
    ),
    rule(
        ("CAEP-DCC-001.previous_status", Must),
        &DEVICE_COMPLIANCE_CHANGE,
        Member("previous_status"),
        "previous_status of device-compliance-change is compliant or not-compliant",
        CLOSED,
    ),
    rule(
        ("CAEP-DCC-002.current_status", Must),
        &DEVICE_COMPLIANCE_CHANGE,
        Member("current_status"),
        "current_status of device-compliance-change is compliant or not-compliant",
        CLOSED,
    ),
    rule(
        ("CAEP-DCC-003.time", Must),
        &DEVICE_COMPLIANCE_CHANGE,
        Time,
        "event_timestamp of device-compliance-change is when the status changed",
        WHEN,
    ),
    rule(
        ("CAEP-SE-001.fp_ua", May),
        &SESSION_ESTABLISHED,
        Member("fp_ua"),
        "fp_ua of session-established is a string",
        TYPED,
    ),
    rule(
        ("CAEP-SE-001.acr", May),
        &SESSION_ESTABLISHED,
        Member("acr"),
        "acr of session-established is a string",
        TYPED,
    ),
    rule(
        ("CAEP-SE-001.ext_id", May),
        &SESSION_ESTABLISHED,
        Member("ext_id"),
        "ext_id of session-established is a string",
        TYPED,
    ),
    rule(
        ("CAEP-SE-003.amr", Must),
        &SESSION_ESTABLISHED,
        Member("amr"),
        "amr of session-established is an array of strings",
        "An older draft had a string; readers of CAEP 1.0 refuse it.",
    ),
    rule(
        ("CAEP-SE-005.time", MustImplied),
        &SESSION_ESTABLISHED,
        Time,
        "event_timestamp of session-established is when the session began",
        WHEN,
    ),
    rule(
        ("CAEP-SP-001.fp_ua", May),
        &SESSION_PRESENTED,
        Member("fp_ua"),
        "fp_ua of session-presented is a string",
        TYPED,
    ),
    rule(
        ("CAEP-SP-001.ext_id", May),
        &SESSION_PRESENTED,
        Member("ext_id"),
        "ext_id of session-presented is a string",
        TYPED,
    ),
    rule(
        ("CAEP-SP-002.time", MustImplied),
        &SESSION_PRESENTED,
        Time,
        "event_timestamp of session-presented is when the session was seen",
        WHEN,
    ),
    rule(
        ("CAEP-RLC-001.risk_reason", Should),
        &RISK_LEVEL_CHANGE,
        Member("risk_reason"),
        "risk_reason of risk-level-change is there, a string",
        "Without it nobody can tell why somebody was locked out.",
    ),
    rule(
        ("CAEP-RLC-002.principal", Must),
        &RISK_LEVEL_CHANGE,
        Member("principal"),
        "principal of risk-level-change is there, a string",
        "A risk of a device is not one of its user.",
    ),
    rule(
        ("CAEP-RLC-003.current_level", Must),
        &RISK_LEVEL_CHANGE,
        Member("current_level"),
        "current_level of risk-level-change is LOW, MEDIUM or HIGH",
        CLOSED,
    ),
    rule(
        ("CAEP-RLC-004.previous_level", May),
        &RISK_LEVEL_CHANGE,
        Member("previous_level"),
        "previous_level of risk-level-change is LOW, MEDIUM or HIGH",
        CLOSED,
    ),
];
