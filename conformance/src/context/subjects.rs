//! Subjects that nobody else has.

use serde_json::{Value, json};

use crate::chance::Chance;

/// Where those subjects are at home.
const HOME: &str = "ssf-conformance.example.com";

/// A subject of this name.
pub(super) fn subject_named(word: &str) -> Value {
    json!({ "format": "email", "email": format!("{word}@{HOME}") })
}

/// A token whose first characters are this word of 16.
pub(super) fn token(word: &str) -> Value {
    json!({
        "format": "oauth_token",
        "token_type": "access_token",
        "token_identifier_alg": "prefix",
        "token": word,
    })
}

/// A subject of each format, with the name of the format and what stands in no other.
pub(super) fn of_each_format(chance: &mut Chance) -> Vec<(&'static str, String, Value)> {
    let word = chance.word();
    let issuer = format!("https://{HOME}");
    let number = format!("1555{:08}", chance.number() % 100_000_000);
    let octet = chance.number().to_be_bytes();
    let address = format!("10.{}.{}.{}", octet[0], octet[1], octet[2]);
    let of = |name: &'static str, subject: fn(&str, &str) -> Value| {
        let mark = format!("{word}-{name}");
        let mut subject = subject(&mark, &issuer);
        subject["format"] = json!(name);
        (name, mark, subject)
    };
    vec![
        of(
            "account",
            |mark, _| json!({ "uri": format!("acct:{mark}@{HOME}") }),
        ),
        of(
            "email",
            |mark, _| json!({ "email": format!("{mark}@{HOME}") }),
        ),
        of(
            "iss_sub",
            |mark, issuer| json!({ "iss": issuer, "sub": mark }),
        ),
        of("opaque", |mark, _| json!({ "id": mark })),
        (
            "phone_number",
            number.clone(),
            json!({ "format": "phone_number", "phone_number": format!("+{number}") }),
        ),
        of(
            "did",
            |mark, _| json!({ "url": format!("did:example:{mark}") }),
        ),
        of(
            "uri",
            |mark, issuer| json!({ "uri": format!("{issuer}/{mark}") }),
        ),
        of("aliases", |mark, issuer| {
            json!({ "identifiers": [
                { "format": "email", "email": format!("{mark}@{HOME}") },
                { "format": "iss_sub", "iss": issuer, "sub": mark },
            ] })
        }),
        of(
            "jwt_id",
            |mark, issuer| json!({ "iss": issuer, "jti": mark }),
        ),
        of(
            "saml_assertion_id",
            |mark, issuer| json!({ "issuer": issuer, "assertion_id": format!("_{mark}") }),
        ),
        (
            "ip-addresses",
            address.clone(),
            json!({
                "format": "ip-addresses",
                "ip-addresses": [address, "2001:0db8:0000:0000:0000:8a2e:0370:7334"],
            }),
        ),
        of("complex", |mark, issuer| {
            json!({
                "user": { "format": "email", "email": format!("{mark}@{HOME}") },
                "tenant": { "format": "iss_sub", "iss": issuer, "sub": "tenant" },
            })
        }),
    ]
}
