//! The signature over exactly these bytes (SSF 1.0 §4.1.4, RFC 7518 §3).

use super::rule;
use crate::{
    case::{Case, Rule},
    keys,
    token::{Token, parts, token},
};

const SIGNED: Rule = rule("SET-030", "RFC 7515 §5.2");
const RSA: Rule = rule("SET-030", "RFC 7518 §3.3");
const ECDSA: Rule = rule("SET-030", "RFC 7518 §3.4");
const EDDSA: Rule = rule("SET-030", "RFC 8037 §3.1");
const KEY: &str = "invalid_key";

pub(super) fn table() -> Vec<Case> {
    let mut table = changed();
    table.extend(shaped());
    table
        .into_iter()
        .map(|case| case.or("authentication_failed"))
        .collect()
}

/// Gives one part of the token another text.
fn with_part(token: Token, index: usize, change: fn(&str) -> String) -> Token {
    token.then(move |token| {
        let mut parts = parts(&token);
        parts[index] = change(&parts[index]);
        parts.join(".")
    })
}

/// Puts another letter in the place of one in the middle.
fn bit_flipped(part: &str) -> String {
    let (before, rest) = part.split_at(part.len() / 2);
    let letter = if rest.starts_with('A') { "B" } else { "A" };
    format!("{before}{letter}{}", &rest[1..])
}

/// Names Mallory where Alice stood.
fn other_subject(claims: &str) -> String {
    reencoded(claims, |claims| {
        claims.replace("alice@example.com", "mallo@example.com")
    })
}

fn reencoded(part: &str, change: impl FnOnce(String) -> String) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
    let text = String::from_utf8(BASE64URL.decode(part).unwrap()).unwrap();
    BASE64URL.encode(change(text))
}

fn changed() -> Vec<Case> {
    let header = |header: &str| reencoded(header, |header| header.replace('}', r#","x_foo":1}"#));
    vec![
        SIGNED.refuse(
            "claims-changed",
            KEY,
            "somebody named another subject after signing",
            with_part(token(), 1, other_subject),
        ),
        SIGNED.refuse(
            "header-changed",
            KEY,
            "somebody added a member after signing",
            with_part(token(), 0, header),
        ),
        SIGNED.refuse(
            "claims-written-anew",
            KEY,
            "a blank that changes no value changes the bytes",
            with_part(token(), 1, |claims| {
                reencoded(claims, |claims| claims.replacen(':', ": ", 1))
            }),
        ),
        SIGNED.refuse(
            "signature-changed-rs256",
            KEY,
            "one letter of the signature differs",
            with_part(token(), 2, bit_flipped),
        ),
        SIGNED.refuse(
            "signature-changed-eddsa",
            KEY,
            "one letter of the signature differs",
            with_part(token().signed("ed25519", "EdDSA"), 2, bit_flipped),
        ),
        SIGNED.refuse(
            "signature-empty",
            KEY,
            "nothing follows the last dot",
            token().signed_with(|_, _| Vec::new()),
        ),
        SIGNED.refuse(
            "signature-cut",
            KEY,
            "the last 16 bytes are lost",
            token().signed_with(|keys, input| keys.sign("rsa", "RS256", input)[..240].to_vec()),
        ),
        SIGNED.refuse(
            "signature-of-another-set",
            KEY,
            "the signature belongs to another SET of the same key",
            token().signed_with(|keys, _| keys.sign("rsa", "RS256", b"another SET")),
        ),
    ]
}

fn shaped() -> Vec<Case> {
    // The same claims as the SET `es256`, so that the chance in its signature is not drawn twice.
    let ec = |change: fn(Vec<u8>) -> Vec<u8>| {
        let same = token()
            .signed("p256", "ES256")
            .claim("jti", serde_json::json!("es256"));
        same.signed_with(move |keys, input| change(keys.sign("p256", "ES256", input)))
    };
    vec![
        RSA.refuse(
            "rs256-byte-before",
            KEY,
            "a zero byte stands before a sound signature",
            token().signed_with(|keys, input| [vec![0], keys.sign("rsa", "RS256", input)].concat()),
        ),
        RSA.refuse(
            "rs256-byte-after",
            KEY,
            "a zero byte stands after a sound signature",
            token().signed_with(|keys, input| [keys.sign("rsa", "RS256", input), vec![0]].concat()),
        ),
        RSA.refuse(
            "rs256-zero",
            KEY,
            "the signature is 256 zero bytes",
            token().signed_with(|_, _| vec![0; 256]),
        ),
        ECDSA.refuse(
            "es256-der",
            KEY,
            "the signature is in DER, as X.509 has it, and not r and s in 64 bytes",
            ec(|signature| keys::der(&signature)),
        ),
        ECDSA.refuse(
            "es256-zero",
            KEY,
            "r and s are zero, which careless libraries take for any message (CVE-2022-21449)",
            ec(|_| vec![0; 64]),
        ),
        ECDSA.refuse(
            "es256-63-bytes",
            KEY,
            "the last byte is lost",
            ec(|signature| signature[..63].to_vec()),
        ),
        ECDSA.refuse(
            "es256-65-bytes",
            KEY,
            "a zero byte stands before a sound signature",
            ec(|signature| [vec![0], signature].concat()),
        ),
        ECDSA.refuse(
            "es256-halves-swapped",
            KEY,
            "s stands before r",
            ec(|signature| [&signature[32..], &signature[..32]].concat()),
        ),
        EDDSA.refuse(
            "eddsa-zero",
            KEY,
            "the signature is 64 zero bytes",
            token()
                .signed("ed25519", "EdDSA")
                .signed_with(|_, _| vec![0; 64]),
        ),
        EDDSA.refuse(
            "eddsa-identity",
            KEY,
            "R is the neutral point and S is zero",
            token().signed("ed25519", "EdDSA").signed_with(|_, _| {
                let mut signature = vec![0; 64];
                signature[0] = 1;
                signature
            }),
        ),
        EDDSA.refuse(
            "eddsa-63-bytes",
            KEY,
            "the last byte is lost",
            token()
                .signed("ed25519", "EdDSA")
                .signed_with(|keys, input| keys.sign("ed25519", "EdDSA", input)[..63].to_vec()),
        ),
    ]
}
