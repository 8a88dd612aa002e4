//! `events`: one event, in the form that its type defines (RFC 8417 §2.2, SSF 1.0 §4.2).

use serde_json::{Value, json};

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{IAT, SESSION_REVOKED, Token, token},
};

const EVENTS: Rule = rule("SET-024", "RFC 8417 §2.2");
const ONE: Rule = rule("SET-016", "SSF 1.0 §4.2.1");
const TWICE: Rule = rule("SET-025", "RFC 8417 §2.2");
const UNKNOWN: Rule = rule("SET-019", "SSF 1.0 §4.2.3");
const ABOUT_STREAM: Rule = rule("SSF-T-226", "SSF 1.0 §8.1.4.1");
const PAYLOAD: Rule = rule("PUSH-R-009", "RFC 8935 §2.4");
const REQUEST: &str = "invalid_request";

pub(super) fn table() -> Vec<Case> {
    let mut table = shape();
    table.extend(unknown());
    table.extend(framework());
    table.extend(payload());
    table.extend(one_of_each_type());
    table
}

fn caep(name: &str) -> String {
    format!("https://schemas.openid.net/secevent/caep/event-type/{name}")
}

fn risc(name: &str) -> String {
    format!("https://schemas.openid.net/secevent/risc/event-type/{name}")
}

fn ssf(name: &str) -> String {
    format!("https://schemas.openid.net/secevent/ssf/event-type/{name}")
}

fn shape() -> Vec<Case> {
    let events = |events: Value| token().claim("events", events);
    let twice = format!(r#"{{"{SESSION_REVOKED}":{{}},"{SESSION_REVOKED}":{{}}}}"#);
    let not_objects = [
        ("event-null", Value::Null),
        ("event-array", json!([])),
        ("event-string", json!("revoked")),
        ("event-true", json!(true)),
    ];
    let two = json!({
        SESSION_REVOKED: {},
        caep("credential-change"): { "credential_type": "password", "change_type": "update" },
    });
    let and_unknown = json!({ SESSION_REVOKED: {}, "urn:example:other": {} });
    let mut table = vec![
        EVENTS.accept(
            "event-empty",
            "an event without members is {}",
            events(json!({ SESSION_REVOKED: {} })),
        ),
        EVENTS.refuse(
            "events-missing",
            REQUEST,
            "events is required",
            token().without("events"),
        ),
        EVENTS.refuse(
            "events-empty",
            REQUEST,
            "nothing happened",
            events(json!({})),
        ),
        EVENTS.refuse(
            "events-array",
            REQUEST,
            "events is an object",
            events(json!([{ SESSION_REVOKED: {} }])),
        ),
        EVENTS.refuse(
            "events-array-of-uris",
            REQUEST,
            "events is an object",
            events(json!([SESSION_REVOKED])),
        ),
        EVENTS.refuse(
            "events-null",
            REQUEST,
            "events is an object",
            events(Value::Null),
        ),
        EVENTS.refuse(
            "events-string",
            REQUEST,
            "events is an object",
            events(json!(SESSION_REVOKED)),
        ),
        EVENTS.refuse(
            "event-name-empty",
            REQUEST,
            "a type of event is a URI",
            events(json!({ "": {} })),
        ),
        EVENTS.refuse(
            "event-name-no-uri",
            REQUEST,
            "a type of event is an absolute URI",
            events(json!({ "session-revoked": {} })),
        ),
        ONE.refuse(
            "events-two",
            REQUEST,
            "two events that have nothing to do with each other",
            events(two),
        ),
        ONE.refuse(
            "events-known-and-unknown",
            REQUEST,
            "an unknown event beside a known one is a second event",
            events(and_unknown),
        )
        .reading(),
        TWICE.refuse(
            "events-one-twice",
            REQUEST,
            "the same type stands twice",
            token().claims_text(move |claims| {
                let (before, _) = claims.split_once("\"events\":").expect("there are events");
                format!("{before}\"events\":{twice}}}")
            }),
        ),
    ];
    table.extend(not_objects.map(|(name, payload)| {
        EVENTS.refuse(
            name,
            REQUEST,
            "an event is an object",
            token().event(SESSION_REVOKED, payload),
        )
    }));
    table
}

fn unknown() -> Vec<Case> {
    vec![
        UNKNOWN.accept(
            "event-of-unknown-type",
            "a type that nobody here knows is no fault",
            token().event(
                "https://example.com/events/smoke-signal",
                json!({ "puffs": 3 }),
            ),
        ),
        UNKNOWN.accept(
            "event-of-unknown-urn",
            "a type is any absolute URI",
            token().event("urn:example:smoke-signal", json!({})),
        ),
        UNKNOWN.accept(
            "event-unknown-members",
            "members that are not understood are ignored",
            token().event(
                SESSION_REVOKED,
                json!({ "x_foo": [{}], "event_timestamp": IAT }),
            ),
        ),
        rule("SET-005", "SSF 1.0 §3.1.1").accept(
            "event-repeats-the-subject",
            "events of CAEP and RISC may repeat sub_id as subject",
            token().event(
                SESSION_REVOKED,
                json!({
                    "subject": { "format": "email", "email": "alice@example.com" },
                }),
            ),
        ),
        rule("SET-005", "SSF 1.0 §3.1.1")
            .accept(
                "event-with-another-subject",
                "sub_id decides",
                token().event(
                    SESSION_REVOKED,
                    json!({
                        "subject": { "format": "opaque", "id": "somebody else" },
                    }),
                ),
            )
            .reading(),
        UNKNOWN
            .accept(
                "risc-verification",
                "the verification event of 2018 is an unknown type today",
                token().event(&risc("verification"), json!({ "state": "s" })),
            )
            .reading(),
    ]
}

fn framework() -> Vec<Case> {
    let stream = json!({ "format": "opaque", "id": "f67e39a0a4d34d56b3aa1bc4cff0069f" });
    let about_stream =
        |name: &str, payload: Value| token().subject(stream.clone()).event(&ssf(name), payload);
    let user = json!({ "format": "email", "email": "alice@example.com" });
    vec![
        ABOUT_STREAM.accept(
            "verification",
            "about the stream, with the state that the receiver asked for",
            about_stream(
                "verification",
                json!({ "state": "VGhpcyBpcyBhbiBleGFtcGxl" }),
            ),
        ),
        ABOUT_STREAM.accept(
            "verification-unasked",
            "a transmitter may verify on its own account, without state",
            about_stream("verification", json!({})),
        ),
        ABOUT_STREAM.accept(
            "stream-updated",
            "about the stream",
            about_stream(
                "stream-updated",
                json!({ "status": "paused", "reason": "Internal error" }),
            ),
        ),
        ABOUT_STREAM.refuse(
            "verification-about-a-user",
            REQUEST,
            "a verification is about the stream",
            about_stream("verification", json!({})).subject(user.clone()),
        ),
        ABOUT_STREAM.refuse(
            "verification-about-a-complex-subject",
            REQUEST,
            "a verification is about the stream",
            about_stream("verification", json!({})).subject(json!({
                "format": "complex", "user": user,
            })),
        ),
        rule("SSF-T-246", "SSF 1.0 §8.1.5").refuse(
            "stream-updated-about-a-user",
            REQUEST,
            "a change of the stream is about the stream",
            about_stream("stream-updated", json!({ "status": "paused" })).subject(user),
        ),
        rule("SSF-T-225", "SSF 1.0 §8.1.4.1").refuse(
            "verification-with-numeric-state",
            REQUEST,
            "state is a string",
            about_stream("verification", json!({ "state": 7 })),
        ),
        rule("SSF-T-244", "SSF 1.0 §8.1.5").refuse(
            "stream-updated-without-status",
            REQUEST,
            "status is required",
            about_stream("stream-updated", json!({})),
        ),
        rule("SSF-T-244", "SSF 1.0 §8.1.5").refuse(
            "stream-updated-with-unknown-status",
            REQUEST,
            "a stream is enabled, paused or disabled",
            about_stream("stream-updated", json!({ "status": "deleted" })),
        ),
    ]
}

fn payload() -> Vec<Case> {
    let email_only = "the subject of this event is an address or a phone number";
    let of = |uri: String, payload: Value| token().event(&uri, payload);
    let iss_sub = json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "1" });
    vec![
        PAYLOAD.refuse(
            "credential-change-without-change_type",
            REQUEST,
            "change_type is required (CAEP 1.0 §3.3.1)",
            of(
                caep("credential-change"),
                json!({ "credential_type": "password" }),
            ),
        ),
        PAYLOAD.refuse(
            "risk-level-in-lower-case",
            REQUEST,
            "levels are LOW, MEDIUM and HIGH (CAEP 1.0 §3.8.1)",
            of(
                caep("risk-level-change"),
                json!({ "principal": "USER", "current_level": "low" }),
            ),
        ),
        PAYLOAD.refuse(
            "reason-as-string",
            REQUEST,
            "reason_admin is an object of languages (CAEP 1.0 §2)",
            of(
                caep("session-revoked"),
                json!({ "reason_admin": "Policy 41" }),
            ),
        ),
        PAYLOAD.refuse(
            "event_timestamp-string",
            REQUEST,
            "event_timestamp is a number (CAEP 1.0 §2)",
            of(
                caep("session-revoked"),
                json!({ "event_timestamp": "1615304991" }),
            ),
        ),
        PAYLOAD.accept(
            "credential-type-unknown",
            "the list of credential types is open (CAEP 1.0 §3.3.1)",
            of(
                caep("credential-change"),
                json!({ "credential_type": "carrier-pigeon", "change_type": "create" }),
            ),
        ),
        rule("RISC-005", "RISC 1.0 §2.5").refuse(
            "identifier-changed-about-an-account",
            REQUEST,
            email_only,
            of(risc("identifier-changed"), json!({})).subject(iss_sub.clone()),
        ),
        rule("RISC-009", "RISC 1.0 §2.6").refuse(
            "identifier-recycled-about-an-account",
            REQUEST,
            email_only,
            of(risc("identifier-recycled"), json!({})).subject(iss_sub),
        ),
    ]
}

/// One SET for each type of event, so that a receiver can be shown them all.
fn one_of_each_type() -> Vec<Case> {
    let caep_types = [
        (
            "session-revoked",
            json!({
                "event_timestamp": IAT - 168,
                "initiating_entity": "policy",
                "reason_user": { "en": "Sign in again", "de": "Bitte neu anmelden" },
            }),
        ),
        (
            "token-claims-change",
            json!({ "claims": { "role": "ro-admin", "trusted": false, "groups": ["a", "b"] } }),
        ),
        (
            "credential-change",
            json!({
                "credential_type": "fido2-roaming",
                "change_type": "create",
                "fido2_aaguid": "accced6a-63f5-490a-9eea-e59bc1896cfc",
                "friendly_name": "My key",
            }),
        ),
        (
            "assurance-level-change",
            json!({
                "namespace": "NIST-AAL",
                "current_level": "nist-aal2",
                "previous_level": "nist-aal1",
                "change_direction": "increase",
            }),
        ),
        (
            "device-compliance-change",
            json!({ "previous_status": "compliant", "current_status": "not-compliant" }),
        ),
        (
            "session-established",
            json!({ "fp_ua": "abb0b6e7da81a42233f8f2b1a8ddb1b9a4c81611", "acr": "AAL2", "amr": ["otp"] }),
        ),
        (
            "session-presented",
            json!({ "fp_ua": "abb0b6e7da81a42233f8f2b1a8ddb1b9a4c81611", "ext_id": "12345" }),
        ),
        (
            "risk-level-change",
            json!({
                "principal": "USER",
                "current_level": "LOW",
                "previous_level": "HIGH",
                "risk_reason": "PASSWORD_FOUND_IN_DATA_BREACH",
            }),
        ),
    ];
    let risc_types = [
        ("account-credential-change-required", json!({})),
        ("account-purged", json!({})),
        ("account-disabled", json!({ "reason": "hijacking" })),
        ("account-enabled", json!({})),
        (
            "identifier-changed",
            json!({ "new-value": "alice.miller@example.com" }),
        ),
        ("identifier-recycled", json!({})),
        (
            "credential-compromise",
            json!({ "credential_type": "password", "event_timestamp": IAT - 3600 }),
        ),
        ("opt-in", json!({})),
        ("opt-out-initiated", json!({})),
        ("opt-out-cancelled", json!({})),
        ("opt-out-effective", json!({})),
        ("recovery-activated", json!({})),
        ("recovery-information-changed", json!({})),
        ("sessions-revoked", json!({})),
    ];
    let sound = |family: &str, section: &'static str, name: &str, token: Token| {
        rule("SET-024", section).accept(
            format!("{family}-{name}"),
            "a sound event of this type",
            token,
        )
    };
    let caep_sets = caep_types.map(|(name, payload)| {
        sound(
            "caep",
            "CAEP 1.0 §3",
            name,
            token().event(&caep(name), payload),
        )
    });
    let risc_sets = risc_types.map(|(name, payload)| {
        sound(
            "risc",
            "RISC 1.0 §2",
            name,
            token().signed("p256", "ES256").event(&risc(name), payload),
        )
    });
    caep_sets
        .into_iter()
        .chain(risc_sets)
        .chain(oauth())
        .chain([scim()])
        .collect()
}

/// The types of 2018, whose subject SSF 1.0 takes from `sub_id`.
fn oauth() -> Vec<Case> {
    let refresh_token = json!({
        "format": "oauth_token",
        "token_type": "refresh_token",
        "token_identifier_alg": "plain",
        "token": "7265667265736820746F6B656E20737472696E67",
    });
    let client = json!({ "format": "oauth_client", "client_id": "s6BhdRkqt3" });
    let account =
        json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "145234573" });
    let types = [
        (
            "token-issued",
            "OAuth Event Types 2018 §3.1",
            &refresh_token,
            json!({ "token_subject": account.clone() }),
        ),
        (
            "token-revoked",
            "OAuth Event Types 2018 §3.2",
            &refresh_token,
            json!({ "reason": "inactive" }),
        ),
        (
            "tokens-revoked",
            "OAuth Event Types 2018 §3.3",
            &account,
            json!({ "reason": "user" }),
        ),
        (
            "client-disabled",
            "OAuth Event Types 2018 §3.4",
            &client,
            json!({}),
        ),
        (
            "client-enabled",
            "OAuth Event Types 2018 §3.5",
            &client,
            json!({}),
        ),
        (
            "client-credential-changed",
            "OAuth Event Types 2018 §3.6",
            &client,
            json!({}),
        ),
    ];
    let case = |(name, section, subject, payload): (&str, &'static str, &Value, Value)| {
        let uri = format!("https://schemas.openid.net/secevent/oauth/event-type/{name}");
        let token = token()
            .signed("rsa-second", "PS256")
            .subject(subject.clone())
            .event(&uri, payload);
        rule("OAEV-004", section).accept(
            format!("oauth-{name}"),
            "a sound event of this type",
            token,
        )
    };
    types.map(case).into()
}

fn scim() -> Case {
    let subject = json!({ "format": "scim", "uri": "/Users/44f6142df96bd6ab61e7521d9" });
    rule("SET-019", "RFC 9967 §2").accept(
        "scim-deactivate",
        "an event of SCIM, whose type is a URN",
        token().signed("ed25519", "EdDSA").subject(subject).event(
            "urn:ietf:params:scim:event:prov:deactivate",
            json!({ "id": "44f6142df96bd6ab61e7521d9" }),
        ),
    )
}
