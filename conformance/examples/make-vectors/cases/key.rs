//! Which key it is: `kid`, the key set, and what a key is for (SSF 1.0 §4.1.4, RFC 7517 §4, RFC 8725 §3).

use serde_json::{Value, json};

use super::rule;
use crate::{
    case::{Case, Rule},
    keys,
    token::{Token, token},
};

const KID: Rule = rule("SET-030", "RFC 7515 §4.1.4");
const FORM: Rule = rule("PUSH-R-009", "RFC 7515 §4.1.4");
const JWKS: Rule = rule("SET-030", "RFC 7517 §5");
const FITS: Rule = rule("SET-030", "RFC 7517 §4.4");
const STRONG: Rule = rule("SET-030", "RFC 7518 §3.3");
const KEY: &str = "invalid_key";
const REQUEST: &str = "invalid_request";

pub(super) fn table() -> Vec<Case> {
    let mut table = algorithms();
    table.extend(chosen());
    table.extend(kid());
    table.extend(fitting());
    table.extend(unusable());
    table
}

fn algorithms() -> Vec<Case> {
    vec![
        FITS.accept("rs256", "RS256 with 2048 bits", token()),
        FITS.accept(
            "rs256-3072",
            "RS256 with 3072 bits",
            token().signed("rsa-3072", "RS256"),
        ),
        FITS.accept(
            "ps256",
            "PS256 with a salt as long as the digest",
            token().signed("rsa-second", "PS256"),
        ),
        FITS.accept(
            "es256",
            "ES256, r and s in 64 bytes",
            token().signed("p256", "ES256"),
        ),
        FITS.accept(
            "eddsa",
            "EdDSA with Ed25519 (RFC 8037)",
            token().signed("ed25519", "EdDSA"),
        ),
    ]
}

fn chosen() -> Vec<Case> {
    let nameless = |token: Token| token.without_header("kid");
    vec![
        KID.accept(
            "no-kid-one-key",
            "kid is optional, and there is one key",
            nameless(token()),
        )
        .keys("single"),
        KID.accept(
            "no-kid-several-keys",
            "without kid, each key that fits alg is tried",
            nameless(token().signed("rsa-3072", "RS256")),
        )
        .reading(),
        KID.accept(
            "no-kid-one-of-each-type",
            "without kid, alg chooses the type of the key",
            nameless(token().signed("p256", "ES256")),
        )
        .keys("bare")
        .reading(),
        FITS.accept(
            "key-without-alg",
            "alg and use of a key are optional (RFC 7517 §4.2, §4.4)",
            token(),
        )
        .keys("bare"),
        FITS.accept(
            "rsa-key-without-alg-for-ps256",
            "an RSA key that does not say otherwise serves PS256",
            token().signed("rsa", "PS256"),
        )
        .keys("bare"),
        FITS.accept(
            "key-ops-verify",
            "key_ops allows verifying (RFC 7517 §4.3)",
            token(),
        )
        .keys("key-ops"),
        JWKS.accept(
            "odd-keys-beside",
            "keys that are not understood are ignored (RFC 7517 §5)",
            token(),
        )
        .keys("odd-keys"),
        KID.accept(
            "one-kid-two-types-rsa",
            "alg tells the two keys of one kid apart (RFC 7517 §4.5)",
            token().header("kid", json!("key-1")),
        )
        .keys("one-kid-two-types"),
        KID.accept(
            "one-kid-two-types-ec",
            "alg tells the two keys of one kid apart (RFC 7517 §4.5)",
            token()
                .signed("p256", "ES256")
                .header("kid", json!("key-1")),
        )
        .keys("one-kid-two-types"),
        KID.accept(
            "one-kid-one-type-second-fits",
            "the second key of that kid signed",
            token().header("kid", json!("key-1")),
        )
        .keys("one-kid-one-type")
        .reading(),
    ]
}

fn kid() -> Vec<Case> {
    let named = |kid: Value| token().header("kid", kid);
    let unknown = [
        ("kid-unknown", "rsa-4", "the issuer has no such key"),
        (
            "kid-in-capitals",
            "RSA",
            "kid is compared with regard to case",
        ),
        (
            "kid-path",
            "../../../../../../dev/null",
            "kid is a name, and no path to a file with an empty key",
        ),
        (
            "kid-sql",
            "rsa' UNION SELECT 'AQAB' --",
            "kid is a name, and no part of a query",
        ),
        (
            "kid-command",
            "rsa|/usr/bin/id",
            "kid is a name, and no command",
        ),
        (
            "kid-url",
            "https://attacker.example/keys#1",
            "kid is a name, and nothing to be fetched",
        ),
    ];
    let malformed = [
        ("kid-number", json!(1), "kid is a string"),
        ("kid-null", Value::Null, "kid is a string"),
        ("kid-object", json!({ "kid": "rsa" }), "kid is a string"),
    ];
    let mut table = vec![
        KID.refuse(
            "kid-of-another-key",
            KEY,
            "a key of the issuer signed, but not the one that kid names",
            token()
                .signed("rsa-3072", "RS256")
                .header("kid", json!("rsa")),
        )
        .or("authentication_failed"),
        KID.refuse(
            "kid-where-keys-have-none",
            KEY,
            "kid names a key, and the only key has no name",
            token(),
        )
        .keys("single")
        .reading(),
        FORM.refuse(
            "kid-empty",
            REQUEST,
            "an empty name is none",
            named(json!("")),
        )
        .or(KEY)
        .reading(),
        FORM.refuse(
            "kid-with-nul",
            REQUEST,
            "control characters split lines and end strings",
            named(json!("rsa\u{0}")),
        )
        .or(KEY)
        .reading(),
        FORM.refuse(
            "kid-too-long",
            REQUEST,
            "a name of more than 255 bytes",
            named(json!("r".repeat(256))),
        )
        .or(KEY)
        .limit(),
    ];
    table.extend(unknown.map(|(name, kid, why)| KID.refuse(name, KEY, why, named(json!(kid)))));
    table.extend(
        malformed.map(|(name, kid, why)| FORM.refuse(name, REQUEST, why, named(kid)).or(KEY)),
    );
    table
}

fn fitting() -> Vec<Case> {
    let with_alg =
        |alg: &str, kid: &str| token().header("alg", json!(alg)).header("kid", json!(kid));
    vec![
        FITS.refuse(
            "ps256-by-rs256-key",
            KEY,
            "the key says RS256, and the signature is a sound PS256 (RFC 7517 §4.4)",
            token().signed("rsa", "PS256"),
        ),
        FITS.refuse(
            "rs256-by-ps256-key",
            KEY,
            "the key says PS256, and the signature is a sound RS256",
            token().signed("rsa-second", "RS256"),
        ),
        FITS.refuse(
            "es256-named-rsa-key",
            KEY,
            "alg is ES256, and kid names an RSA key",
            token()
                .signed_as("p256", "ES256")
                .header("alg", json!("ES256")),
        ),
        FITS.refuse(
            "rs256-named-ec-key",
            KEY,
            "alg is RS256, and kid names a P-256 key",
            with_alg("RS256", "p256"),
        ),
        FITS.refuse(
            "eddsa-named-ec-key",
            KEY,
            "alg is EdDSA, and kid names a P-256 key",
            with_alg("EdDSA", "p256").signed_as("ed25519", "EdDSA"),
        ),
        FITS.refuse(
            "ps256-signed-rs256",
            KEY,
            "alg is PS256, and the signature a PKCS #1 1.5 one",
            with_alg("PS256", "rsa-second").signed_as("rsa-second", "RS256"),
        )
        .or("authentication_failed"),
        FITS.refuse(
            "use-enc",
            KEY,
            "the key is for encryption (RFC 7517 §4.2)",
            token(),
        )
        .keys("encryption"),
        FITS.refuse(
            "key-ops-without-verify",
            KEY,
            "key_ops does not allow verifying (RFC 7517 §4.3)",
            token().signed("p256", "ES256"),
        )
        .keys("encryption"),
    ]
}

fn unusable() -> Vec<Case> {
    let symmetric = || {
        token()
            .header("alg", json!("HS256"))
            .header("kid", json!("hmac"))
    };
    vec![
        JWKS.refuse("no-keys", KEY, "the issuer has published no key", token())
            .keys("empty"),
        JWKS.refuse(
            "stranger",
            KEY,
            "a key that the issuer has not published signed under a name that it has",
            token().signed_as("rsa-stranger", "RS256"),
        )
        .or("authentication_failed"),
        STRONG
            .refuse(
                "rsa-1024",
                KEY,
                "the signature is sound, and the key has 1024 bits",
                token().signed("rsa-1024", "RS256"),
            )
            .keys("weak"),
        STRONG
            .refuse(
                "exponent-1",
                KEY,
                "anybody can sign for a key with the exponent 1 (RFC 8017 §3.1)",
                token().signed_with(|keys, input| {
                    keys::forged_for_exponent_1(keys.modulus("rsa").len(), input)
                }),
            )
            .or("authentication_failed")
            .keys("exponent-1"),
        FITS.refuse(
            "published-secret",
            KEY,
            "the JWKS publishes a symmetric key, and the SET is signed with it",
            symmetric().signed_with(|keys, input| keys::hmac(&keys.secret("hmac"), input)),
        )
        .or(REQUEST)
        .keys("symmetric"),
        JWKS.refuse(
            "leaked-key",
            KEY,
            "whoever read the JWKS can sign, for it holds the private key",
            token().signed("rsa-leaked", "RS256"),
        )
        .keys("leaked")
        .reading(),
    ]
}
