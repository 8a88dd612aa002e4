//! `sub_id`: whom or what a SET is about (RFC 9493, SSF 1.0 §3).

use serde_json::{Value, json};

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{SESSION_REVOKED, token},
};

const SUB_ID: Rule = rule("SET-004", "SSF 1.0 §3.1");
const FORM: Rule = rule("SUBJ-020", "RFC 9493 §3");
const REQUIRED: Rule = rule("SUBJ-021", "RFC 9493 §3.2");
const COMPLEX: Rule = rule("SUBJ-004", "SSF 1.0 §3.3");
const REQUEST: &str = "invalid_request";

pub(super) fn table() -> Vec<Case> {
    let mut table = formats();
    table.extend(absent());
    table.extend(malformed());
    table
}

fn formats() -> Vec<Case> {
    let accepted = [
        (
            "account",
            "RFC 9493 §3.2.1",
            json!({ "format": "account", "uri": "acct:alice@example.com" }),
        ),
        (
            "iss_sub",
            "RFC 9493 §3.2.3",
            json!({ "format": "iss_sub", "iss": "https://tr.example.com", "sub": "145234573" }),
        ),
        (
            "iss_sub-of-another-issuer",
            "RFC 9493 §4.2",
            json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "145234573" }),
        ),
        (
            "opaque",
            "RFC 9493 §3.2.4",
            json!({ "format": "opaque", "id": "11112222333344445555" }),
        ),
        (
            "phone_number",
            "RFC 9493 §3.2.5",
            json!({ "format": "phone_number", "phone_number": "+12065550100" }),
        ),
        (
            "did",
            "RFC 9493 §3.2.6",
            json!({ "format": "did", "url": "did:example:123456/did/url/path?versionId=1" }),
        ),
        (
            "uri",
            "RFC 9493 §3.2.7",
            json!({ "format": "uri", "uri": "urn:uuid:4e851e98-83c4-4743-a5da-150ecb53042f" }),
        ),
        (
            "aliases",
            "RFC 9493 §3.2.8",
            json!({ "format": "aliases", "identifiers": [
            { "format": "email", "email": "alice@example.com" }, { "format": "opaque", "id": "7" },
        ] }),
        ),
        (
            "jwt_id",
            "SSF 1.0 §3.5.1",
            json!({
                "format": "jwt_id",
                "iss": "https://idp.example.com",
                "jti": "B70BA622-9515-4353-A866-823539EECBC8",
            }),
        ),
        (
            "saml_assertion_id",
            "SSF 1.0 §3.5.2",
            json!({
                "format": "saml_assertion_id",
                "issuer": "https://idp.example.com",
                "assertion_id": "_8e8dc5f69a98cc4c1ff3427e5ce34606fd672f91e6",
            }),
        ),
        (
            "ip-addresses",
            "SSF 1.0 §3.5.3",
            json!({
                "format": "ip-addresses",
                "ip-addresses": ["10.29.37.75", "2001:0db8:0000:0000:0000:8a2e:0370:7334"],
            }),
        ),
        (
            "complex",
            "SSF 1.0 §3.3",
            json!({ "format": "complex",
                "user": { "format": "email", "email": "alice@example.com" },
                "device": { "format": "opaque", "id": "d-1" },
                "tenant": { "format": "iss_sub", "iss": "https://idp.example.com", "sub": "t-1" },
            }),
        ),
        (
            "complex-with-unknown-member",
            "SSF 1.0 §3.3",
            json!({ "format": "complex",
                "user": { "format": "email", "email": "alice@example.com" },
                "vehicle": { "format": "opaque", "id": "v-1" },
            }),
        ),
        (
            "proprietary",
            "SSF 1.0 §3.4",
            json!({ "format": "catalog_item", "catalog_id": "c0384/winter/2354122" }),
        ),
        (
            "unknown-member",
            "SSF 1.0 §4.2.3",
            json!({ "format": "email", "email": "alice@example.com", "x_foo": 1 }),
        ),
    ];
    let case = |(name, section, subject)| {
        let case = rule("SUBJ-010", section).accept(
            format!("subject-{name}"),
            "a sound subject of this format",
            token().subject(subject),
        );
        if name == "unknown-member" {
            case.reading()
        } else {
            case
        }
    };
    accepted.map(case).into()
}

fn absent() -> Vec<Case> {
    let in_event = |subject: Value| {
        token()
            .without("sub_id")
            .event(SESSION_REVOKED, json!({ "subject": subject }))
    };
    let user = json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "00u1" });
    let of_2018 = json!({
        "subject_type": "iss-sub", "iss": "https://idp.example.com", "sub": "7375626A656374",
    });
    vec![
        SUB_ID.refuse(
            "subject-missing",
            REQUEST,
            "nobody is named",
            token().without("sub_id"),
        ),
        SUB_ID.refuse(
            "subject-in-the-event-alone",
            REQUEST,
            "SSE drafts named the subject in the event; SSF 1.0 has sub_id",
            in_event(json!({ "format": "email", "email": "alice@example.com" })),
        ),
        SUB_ID.refuse(
            "subject-in-the-event-by-member",
            REQUEST,
            "some products put user, device and tenant into the event",
            in_event(json!({ "user": user })),
        ),
        SUB_ID.refuse(
            "subject-of-2018",
            REQUEST,
            "RISC of 2018 had subject_type in the event",
            in_event(of_2018),
        ),
    ]
}

fn malformed() -> Vec<Case> {
    let user = json!({ "format": "email", "email": "alice@example.com" });
    let faulty = [
        (FORM, "null", Value::Null, "sub_id is an object"),
        (
            FORM,
            "string",
            json!("alice@example.com"),
            "sub_id is an object",
        ),
        (
            rule("SUBJ-035", "RFC 9493 §4.1"),
            "array",
            json!([user]),
            "sub_id is one subject, not a list",
        ),
        (
            FORM,
            "without-format",
            json!({ "email": "alice@example.com" }),
            "format is required",
        ),
        (
            FORM,
            "format-null",
            json!({ "format": null, "email": "alice@example.com" }),
            "format is a string",
        ),
        (
            FORM,
            "format-empty",
            json!({ "format": "" }),
            "the empty string names no format",
        ),
        (
            rule("RISC-019", "RISC 1.0 §3.1"),
            "subject_type",
            json!({ "subject_type": "email", "email": "alice@example.com" }),
            "subject_type is an old spelling of format",
        ),
        (
            REQUIRED,
            "email-missing",
            json!({ "format": "email" }),
            "email is required",
        ),
        (
            REQUIRED,
            "email-empty",
            json!({ "format": "email", "email": "" }),
            "email is not empty",
        ),
        (
            REQUIRED,
            "email-null",
            json!({ "format": "email", "email": null }),
            "email is not null",
        ),
        (
            REQUIRED,
            "iss_sub-without-sub",
            json!({ "format": "iss_sub", "iss": "https://idp.example.com" }),
            "sub is required",
        ),
        (
            rule("SUBJ-029", "RFC 9493 §3.2.5"),
            "phone-with-blanks",
            json!({ "format": "phone_number", "phone_number": "+1 206 555 0100" }),
            "E.164 has no blanks",
        ),
        (
            rule("SUBJ-013", "SSF 1.0 §3.5.3"),
            "ip-addresses-string",
            json!({ "format": "ip-addresses", "ip-addresses": "10.29.37.75" }),
            "ip-addresses is an array",
        ),
        (
            rule("SUBJ-033", "RFC 9493 §3.2.8"),
            "aliases-in-aliases",
            json!({ "format": "aliases", "identifiers": [{ "format": "aliases", "identifiers": [user] }] }),
            "aliases do not nest",
        ),
        (
            rule("SUBJ-032", "RFC 9493 §3.2.8"),
            "aliases-empty",
            json!({ "format": "aliases", "identifiers": [] }),
            "there is at least one identifier",
        ),
        (
            COMPLEX,
            "complex-empty",
            json!({ "format": "complex" }),
            "a complex subject has at least one member",
        ),
        (
            COMPLEX,
            "complex-in-complex",
            json!({ "format": "complex", "user": { "format": "complex", "user": user } }),
            "the members are simple subjects",
        ),
        (
            COMPLEX,
            "complex-with-string",
            json!({ "format": "complex", "user": "alice" }),
            "the members are simple subjects",
        ),
        (
            COMPLEX,
            "complex-without-format",
            json!({ "user": user }),
            "drafts had complex subjects without format",
        ),
    ];
    let case = |(rule, name, subject, why): (Rule, &str, Value, &str)| {
        rule.refuse(
            format!("subject-{name}"),
            REQUEST,
            why,
            token().subject(subject),
        )
    };
    let mut table: Vec<Case> = faulty.into_iter().map(case).collect();
    let long = json!({ "format": "opaque", "id": "x".repeat(2049) });
    let many = json!({ "format": "aliases", "identifiers": vec![json!({ "format": "opaque", "id": "1" }); 33] });
    table.push(
        REQUIRED
            .refuse(
                "subject-too-long",
                REQUEST,
                "an identifier of more than 2048 bytes",
                token().subject(long),
            )
            .limit(),
    );
    table.push(
        rule("SUBJ-032", "RFC 9493 §3.2.8")
            .refuse(
                "subject-too-many-aliases",
                REQUEST,
                "more than 32 identifiers",
                token().subject(many),
            )
            .limit(),
    );
    table.push(
        rule("SUBJ-007", "SSF 1.0 §3.3")
            .refuse(
                "subject-member-twice",
                REQUEST,
                "which email counts depends on the reader",
                token().claims_replaced(
                    r#""email":"alice@example.com""#,
                    r#""email":"alice@example.com","email":"bob@example.com""#,
                ),
            )
            .reading(),
    );
    table
}
