//! The JOSE header (SSF 1.0 §4.1.1, RFC 7515 §4, RFC 8725 §3).

use serde_json::{Value, json};

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{Token, hmac_with_public_pem, token, utf16},
};

const TYP: Rule = rule("SET-001", "SSF 1.0 §4.1.1");
const ALG: Rule = rule("SET-030", "RFC 8725 §3.1");
const NONE: Rule = rule("SET-029", "RFC 8417 §5.1");
const OWN_KEY: Rule = rule("SET-030", "RFC 8725 §3.10");
const CRIT: Rule = rule("PUSH-R-001", "RFC 7515 §4.1.11");
const FORM: Rule = rule("PUSH-R-009", "RFC 7515 §4");
const JWE: Rule = rule("SET-030", "RFC 7516 §3.1");
/// HMAC fills up its key with zeros, so this one means the same as none, which OpenSSL does not take.
const NOTHING: [u8; 1] = [0];
const REQUEST: &str = "invalid_request";
const KEY: &str = "invalid_key";

pub(super) fn table() -> Vec<Case> {
    let mut table = typ();
    table.extend(alg());
    table.extend(own_key());
    table.extend(crit());
    table.extend(form());
    table
}

fn typ() -> Vec<Case> {
    let typed = |typ: Value| token().header("typ", typ);
    let accepted = [
        (
            "typ-in-capitals",
            "SECEVENT+JWT",
            "media types are compared without regard to case (RFC 7515 §4.1.9)",
        ),
        (
            "typ-with-application",
            "application/secevent+jwt",
            "application/ may be left out and may be there (RFC 7515 §4.1.9)",
        ),
        (
            "typ-with-application-in-capitals",
            "Application/SecEvent+JWT",
            "the prefix is compared without regard to case, too",
        ),
    ];
    let refused = [
        (
            "typ-jwt",
            json!("JWT"),
            "any JWT of this issuer could then be taken for a SET (RFC 8725 §3.11)",
        ),
        (
            "typ-logout",
            json!("logout+jwt"),
            "a back-channel logout token is no SET of SSF",
        ),
        (
            "typ-access-token",
            json!("at+jwt"),
            "an access token is no SET",
        ),
        ("typ-cut", json!("secevent"), "it is secevent+jwt"),
        (
            "typ-application-twice",
            json!("application/application/secevent+jwt"),
            "one prefix may be left out, not two",
        ),
        (
            "typ-with-blank",
            json!("secevent+jwt "),
            "a blank is not trimmed",
        ),
        ("typ-empty", json!(""), "it is secevent+jwt"),
        ("typ-number", json!(7), "typ is a string"),
        ("typ-array", json!(["secevent+jwt"]), "typ is a string"),
        ("typ-null", Value::Null, "null is no string, and not absent"),
    ];
    let mut table = vec![TYP.refuse(
        "typ-missing",
        REQUEST,
        "without typ any JWT could be taken for a SET",
        token().without_header("typ"),
    )];
    table.extend(accepted.map(|(name, typ, why)| TYP.accept(name, why, typed(json!(typ)))));
    table.extend(refused.map(|(name, typ, why)| TYP.refuse(name, REQUEST, why, typed(typ))));
    table
}

fn alg() -> Vec<Case> {
    let unsigned = |alg: &str| {
        token()
            .header("alg", json!(alg))
            .signed_with(|_, _| Vec::new())
    };
    let hmac = || token().header("alg", json!("HS256"));
    vec![
        NONE.refuse(
            "alg-none",
            KEY,
            "an unsigned SET shows nothing",
            unsigned("none"),
        )
        .or(REQUEST),
        NONE.refuse(
            "alg-none-mixed-case",
            KEY,
            "none in another spelling shows no more",
            unsigned("nOnE"),
        )
        .or(REQUEST),
        NONE.refuse(
            "alg-none-with-signature",
            KEY,
            "a signature that none does not cover is decoration",
            token().header("alg", json!("none")),
        )
        .or(REQUEST),
        ALG.refuse(
            "hmac-with-public-pem",
            KEY,
            "the public key, as PEM, served as an HMAC secret",
            hmac().signed_with(hmac_with_public_pem),
        )
        .or(REQUEST),
        ALG.refuse(
            "hmac-with-modulus",
            KEY,
            "the public modulus served as an HMAC secret",
            hmac().signed_with(|keys, input| crate::keys::hmac(&keys.modulus("rsa"), input)),
        )
        .or(REQUEST),
        ALG.refuse(
            "hmac-with-nothing",
            KEY,
            "the HMAC secret is empty",
            hmac().signed_with(|_, input| crate::keys::hmac(&NOTHING, input)),
        )
        .or(REQUEST),
        ALG.refuse(
            "alg-in-lower-case",
            KEY,
            "alg is compared with regard to case (RFC 7515 §4.1.1)",
            token().header("alg", json!("rs256")),
        )
        .or(REQUEST),
        ALG.refuse(
            "alg-rs512",
            KEY,
            "the signature is sound, the algorithm is not among those accepted",
            token().signed("rsa", "RS512"),
        )
        .or(REQUEST)
        .reading(),
        ALG.refuse(
            "alg-unknown",
            KEY,
            "no such algorithm is registered",
            token().header("alg", json!("XS256")),
        )
        .or(REQUEST),
        FORM.refuse(
            "alg-missing",
            REQUEST,
            "alg is required (RFC 7515 §4.1.1)",
            token().without_header("alg"),
        ),
        FORM.refuse(
            "alg-number",
            REQUEST,
            "alg is a string",
            token().header("alg", json!(256)),
        ),
        FORM.refuse(
            "alg-null",
            REQUEST,
            "alg is a string",
            token().header("alg", Value::Null),
        ),
        JWE.refuse(
            "encrypted",
            REQUEST,
            "five parts: a JWE, and SSF names no keys to encrypt with",
            encrypted(),
        )
        .or(KEY)
        .reading(),
    ]
}

/// The parts of a JWE have the right lengths, and nobody could decrypt it: the receiver has no key anyway.
fn encrypted() -> Token {
    let header = json!({ "alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT", "typ": "secevent+jwt", "kid": "rsa" });
    token().header_bytes(header.to_string()).then(|token| {
        let [header, ciphertext, encrypted_key] = crate::token::parts(&token);
        format!("{header}.{encrypted_key}.AAAAAAAAAAAAAAAA.{ciphertext}.AAAAAAAAAAAAAAAAAAAAAA")
    })
}

fn own_key() -> Vec<Case> {
    let url = "https://attacker.example/keys";
    let by_stranger = |name: &str, value: Value| {
        token()
            .header(name, value)
            .signed_as("rsa-stranger", "RS256")
    };
    let stranger = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
    vec![
        OWN_KEY.refuse(
            "jku",
            KEY,
            "jku points at keys of the attacker, who signed",
            by_stranger("jku", json!(url)),
        ),
        OWN_KEY.refuse(
            "x5u",
            KEY,
            "x5u points at a certificate of the attacker, who signed",
            by_stranger("x5u", json!(url)),
        ),
        OWN_KEY.refuse(
            "x5c",
            KEY,
            "x5c brings a certificate of the attacker, who signed",
            by_stranger("x5c", json!(["MIIB"])),
        ),
        OWN_KEY.refuse(
            "jwk",
            KEY,
            "jwk brings a key of the attacker, who signed",
            by_stranger("jwk", stranger),
        ),
        OWN_KEY.refuse(
            "jku-file",
            KEY,
            "jku points into the receiver's own files",
            by_stranger("jku", json!("file:///etc/passwd")),
        ),
        OWN_KEY
            .refuse(
                "jku-with-right-signature",
                KEY,
                "the key of the issuer signed, and still no SET says where keys come from",
                token().header("jku", json!(url)),
            )
            .reading(),
        OWN_KEY
            .accept(
                "x5t",
                "a thumbprint brings no key",
                token().header("x5t", json!("dGhlIHRodW1icHJpbnQ")),
            )
            .reading(),
        OWN_KEY.accept(
            "jku-among-the-claims",
            "jku means something in the header alone",
            token().claim("jku", json!(url)),
        ),
    ]
}

fn crit() -> Vec<Case> {
    let critical = |crit: Value| token().header("crit", crit);
    vec![
        CRIT.refuse(
            "crit-unknown",
            REQUEST,
            "an extension that is not understood is critical",
            critical(json!(["x_foo"])).header("x_foo", json!(1)),
        )
        .or(KEY),
        CRIT.refuse(
            "crit-b64",
            REQUEST,
            "the payload would not be in base64url (RFC 7797)",
            critical(json!(["b64"])).header("b64", json!(false)),
        )
        .or(KEY),
        CRIT.refuse(
            "crit-empty",
            REQUEST,
            "crit is never empty",
            critical(json!([])),
        )
        .or(KEY),
        CRIT.refuse(
            "crit-null",
            REQUEST,
            "crit is an array",
            critical(Value::Null),
        )
        .or(KEY),
        CRIT.refuse(
            "crit-not-there",
            REQUEST,
            "crit names a member that the header lacks",
            critical(json!(["exp"])),
        )
        .or(KEY),
        CRIT.accept(
            "crit-among-the-claims",
            "crit means something in the header alone",
            token().claim("crit", json!(["x_foo"])),
        ),
    ]
}

fn form() -> Vec<Case> {
    let text = |json: &str| token().header_bytes(json);
    let object = r#"{"alg":"RS256","kid":"rsa","typ":"secevent+jwt"}"#;
    vec![
        FORM.accept(
            "header-unknown-member",
            "members that are not understood are ignored (RFC 7515 §4)",
            token().header("x_foo", json!({ "a": 1 })),
        ),
        FORM.accept(
            "header-white-space",
            "JSON may have white space",
            text("{ \"alg\" : \"RS256\",\r\n\t\"kid\":\"rsa\", \"typ\":\"secevent+jwt\" }"),
        ),
        FORM.accept(
            "header-escapes",
            "escapes mean the characters that they name",
            text(r#"{"alg":"\u0052S256","kid":"rsa","t\u0079p":"secevent\u002bjwt"}"#),
        ),
        FORM.refuse(
            "header-alg-twice",
            REQUEST,
            "which alg counts depends on the reader (RFC 7515 §4)",
            text(r#"{"alg":"none","alg":"RS256","kid":"rsa","typ":"secevent+jwt"}"#),
        )
        .reading(),
        FORM.refuse(
            "header-kid-twice-in-escapes",
            REQUEST,
            "k\\u0069d is kid",
            text(r#"{"alg":"RS256","kid":"rsa","k\u0069d":"rsa-3072","typ":"secevent+jwt"}"#),
        )
        .or(KEY)
        .reading(),
        FORM.refuse(
            "header-array",
            REQUEST,
            "the header is an object",
            text(&format!("[{object}]")),
        ),
        FORM.refuse(
            "header-string",
            REQUEST,
            "the header is an object",
            text(r#""RS256""#),
        ),
        FORM.refuse(
            "header-not-json",
            REQUEST,
            "the header has no closing brace",
            text(&object[..object.len() - 1]),
        ),
        FORM.refuse(
            "header-utf-16",
            REQUEST,
            "the header is in UTF-8 (RFC 7515 §4)",
            token().header_bytes(utf16(object)),
        ),
        FORM.refuse(
            "header-not-utf-8",
            REQUEST,
            "the header is in UTF-8 (RFC 7515 §4)",
            token().header_bytes(
                *b"{\"alg\":\"RS256\",\"kid\":\"rsa\",\"typ\":\"secevent+jwt\",\"x\":\"\xff\"}",
            ),
        ),
        FORM.refuse(
            "header-nested-deep",
            REQUEST,
            "an array of 200 levels",
            text(&object.replace(
                "\"rsa\"",
                &format!("{}{}", "[".repeat(200), "]".repeat(200)),
            )),
        ),
    ]
}
