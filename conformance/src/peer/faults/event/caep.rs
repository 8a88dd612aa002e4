//! Faults of the events of CAEP.

use serde_json::json;

use super::{an_hour_before, omits, says};
use crate::{
    checks::Verdict::{Failed, Note, Warning},
    event_types::{
        ASSURANCE_LEVEL_CHANGE, CREDENTIAL_CHANGE, DEVICE_COMPLIANCE_CHANGE, RISK_LEVEL_CHANGE,
        SESSION_ESTABLISHED, SESSION_PRESENTED, SESSION_REVOKED, TOKEN_CLAIMS_CHANGE,
    },
    peer::{Breaks::Set, Fault},
};

/// The faults.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "session-revoked tells which sessions in a member",
        found: &[("CAEP-SR-001.members", Note)],
        breaks: Set(|_, claims| says(claims, &SESSION_REVOKED, "sessions", json!(["s1"]))),
    },
    Fault {
        name: "session-revoked is told an hour late",
        found: &[
            ("CAEP-SR-003.time", Failed),
            ("SSF-T-183.poll", Failed),
            ("SSF-T-183.push", Failed),
        ],
        breaks: Set(|_, claims| an_hour_before(claims, &SESSION_REVOKED)),
    },
    Fault {
        name: "token-claims-change has no claims",
        found: &[("CAEP-TCC-001.claims", Failed)],
        breaks: Set(|_, claims| omits(claims, &TOKEN_CLAIMS_CHANGE, "claims")),
    },
    Fault {
        name: "claims of token-claims-change are empty",
        found: &[("CAEP-TCC-001.claims", Failed)],
        breaks: Set(|_, claims| says(claims, &TOKEN_CLAIMS_CHANGE, "claims", json!({}))),
    },
    Fault {
        name: "token-claims-change is told an hour late",
        found: &[("CAEP-TCC-002.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &TOKEN_CLAIMS_CHANGE)),
    },
    Fault {
        name: "credential-change has no credential_type",
        found: &[("CAEP-CC-001.credential_type", Failed)],
        breaks: Set(|_, claims| omits(claims, &CREDENTIAL_CHANGE, "credential_type")),
    },
    Fault {
        name: "credential_type is one of its own",
        found: &[("CAEP-CC-002.credential_type-known", Note)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &CREDENTIAL_CHANGE,
                "credential_type",
                json!("passphrase"),
            );
        }),
    },
    Fault {
        name: "credential_type is empty",
        found: &[("CAEP-CC-002.credential_type-known", Failed)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_CHANGE, "credential_type", json!(""))),
    },
    Fault {
        name: "credential-change has no change_type",
        found: &[("CAEP-CC-003.change_type", Failed)],
        breaks: Set(|_, claims| omits(claims, &CREDENTIAL_CHANGE, "change_type")),
    },
    Fault {
        name: "change_type is updated",
        found: &[("CAEP-CC-004.change_type-known", Failed)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_CHANGE, "change_type", json!("updated"))),
    },
    Fault {
        name: "friendly_name is in languages",
        found: &[("CAEP-CC-005.friendly_name", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &CREDENTIAL_CHANGE,
                "friendly_name",
                json!({ "en": "laptop" }),
            );
        }),
    },
    Fault {
        name: "x509_issuer is an object",
        found: &[("CAEP-CC-006.x509_issuer", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &CREDENTIAL_CHANGE,
                "x509_issuer",
                json!({ "CN": "Example CA" }),
            );
        }),
    },
    Fault {
        name: "x509_serial is a number",
        found: &[("CAEP-CC-007.x509_serial", Warning)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_CHANGE, "x509_serial", json!(1234))),
    },
    Fault {
        name: "fido2_aaguid is a list",
        found: &[("CAEP-CC-008.fido2_aaguid", Warning)],
        breaks: Set(|_, claims| says(claims, &CREDENTIAL_CHANGE, "fido2_aaguid", json!([1, 2]))),
    },
    Fault {
        name: "credential-change is told an hour late",
        found: &[("CAEP-CC-009.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &CREDENTIAL_CHANGE)),
    },
    Fault {
        name: "assurance-level-change has no namespace",
        found: &[("CAEP-ALC-001.namespace", Failed)],
        breaks: Set(|_, claims| omits(claims, &ASSURANCE_LEVEL_CHANGE, "namespace")),
    },
    Fault {
        name: "current_level is a number",
        found: &[("CAEP-ALC-003.current_level", Failed)],
        breaks: Set(|_, claims| says(claims, &ASSURANCE_LEVEL_CHANGE, "current_level", json!(2))),
    },
    Fault {
        name: "previous_level is a number",
        found: &[("CAEP-ALC-004.previous_level", Warning)],
        breaks: Set(|_, claims| says(claims, &ASSURANCE_LEVEL_CHANGE, "previous_level", json!(1))),
    },
    Fault {
        name: "change_direction is a number",
        found: &[("CAEP-ALC-006.change_direction", Warning)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &ASSURANCE_LEVEL_CHANGE,
                "change_direction",
                json!(1),
            );
        }),
    },
    Fault {
        name: "previous_level comes without change_direction",
        found: &[("CAEP-ALC-007.with-previous_level", Warning)],
        breaks: Set(|_, claims| omits(claims, &ASSURANCE_LEVEL_CHANGE, "change_direction")),
    },
    Fault {
        name: "change_direction is up",
        found: &[("CAEP-ALC-008.change_direction-known", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &ASSURANCE_LEVEL_CHANGE,
                "change_direction",
                json!("up"),
            );
        }),
    },
    Fault {
        name: "assurance-level-change is told an hour late",
        found: &[("CAEP-ALC-009.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &ASSURANCE_LEVEL_CHANGE)),
    },
    Fault {
        name: "previous_status is unknown",
        found: &[("CAEP-DCC-001.previous_status", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &DEVICE_COMPLIANCE_CHANGE,
                "previous_status",
                json!("unknown"),
            );
        }),
    },
    Fault {
        name: "current_status is non-compliant",
        found: &[("CAEP-DCC-002.current_status", Failed)],
        breaks: Set(|_, claims| {
            says(
                claims,
                &DEVICE_COMPLIANCE_CHANGE,
                "current_status",
                json!("non-compliant"),
            );
        }),
    },
    Fault {
        name: "device-compliance-change is told an hour late",
        found: &[("CAEP-DCC-003.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &DEVICE_COMPLIANCE_CHANGE)),
    },
    Fault {
        name: "fp_ua of session-established is a number",
        found: &[("CAEP-SE-001.fp_ua", Warning)],
        breaks: Set(|_, claims| says(claims, &SESSION_ESTABLISHED, "fp_ua", json!(1))),
    },
    Fault {
        name: "acr is a number",
        found: &[("CAEP-SE-001.acr", Warning)],
        breaks: Set(|_, claims| says(claims, &SESSION_ESTABLISHED, "acr", json!(2))),
    },
    Fault {
        name: "ext_id of session-established is a number",
        found: &[("CAEP-SE-001.ext_id", Warning)],
        breaks: Set(|_, claims| says(claims, &SESSION_ESTABLISHED, "ext_id", json!(12_345))),
    },
    Fault {
        name: "amr is a text",
        found: &[("CAEP-SE-003.amr", Failed)],
        breaks: Set(|_, claims| says(claims, &SESSION_ESTABLISHED, "amr", json!("otp"))),
    },
    Fault {
        name: "session-established is told an hour late",
        found: &[("CAEP-SE-005.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &SESSION_ESTABLISHED)),
    },
    Fault {
        name: "fp_ua of session-presented is a number",
        found: &[("CAEP-SP-001.fp_ua", Warning)],
        breaks: Set(|_, claims| says(claims, &SESSION_PRESENTED, "fp_ua", json!(1))),
    },
    Fault {
        name: "ext_id of session-presented is a number",
        found: &[("CAEP-SP-001.ext_id", Warning)],
        breaks: Set(|_, claims| says(claims, &SESSION_PRESENTED, "ext_id", json!(12_345))),
    },
    Fault {
        name: "session-presented is told an hour late",
        found: &[("CAEP-SP-002.time", Failed)],
        breaks: Set(|_, claims| an_hour_before(claims, &SESSION_PRESENTED)),
    },
    Fault {
        name: "risk-level-change has no reason",
        found: &[("CAEP-RLC-001.risk_reason", Warning)],
        breaks: Set(|_, claims| omits(claims, &RISK_LEVEL_CHANGE, "risk_reason")),
    },
    Fault {
        name: "risk-level-change has no principal",
        found: &[("CAEP-RLC-002.principal", Failed)],
        breaks: Set(|_, claims| omits(claims, &RISK_LEVEL_CHANGE, "principal")),
    },
    Fault {
        name: "a risk is high in small letters",
        found: &[("CAEP-RLC-003.current_level", Failed)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "current_level", json!("high"))),
    },
    Fault {
        name: "a risk was none before",
        found: &[("CAEP-RLC-004.previous_level", Warning)],
        breaks: Set(|_, claims| says(claims, &RISK_LEVEL_CHANGE, "previous_level", json!("NONE"))),
    },
];
