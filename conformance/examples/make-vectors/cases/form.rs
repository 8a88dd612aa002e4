//! One JWS in compact form, and nothing around it (RFC 7515 §7.1, RFC 8935 §2.1).

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{parts, token},
};

const COMPACT: Rule = rule("PUSH-R-009", "RFC 7515 §7.1");
const BASE64URL: Rule = rule("PUSH-R-009", "RFC 7515 §2");
const BOUNDED: Rule = rule("PUSH-R-022", "RFC 8935 §5.4");
const REQUEST: &str = "invalid_request";

pub(super) fn table() -> Vec<Case> {
    let mut table = accepted();
    table.extend(parted());
    table.extend(encoded());
    table.extend(sized());
    table
}

fn accepted() -> Vec<Case> {
    vec![
        COMPACT.accept(
            "least-surprise",
            "a SET like those of the specifications",
            token(),
        ),
        COMPACT
            .accept(
                "line-feed-after",
                "a line feed after the token is what files and echo leave",
                token().then(|token| token + "\n"),
            )
            .reading(),
        COMPACT
            .accept(
                "white-space-around",
                "white space around the token changes nothing in it",
                token().then(|token| format!(" \r\n{token}\r\n")),
            )
            .reading(),
    ]
}

fn parted() -> Vec<Case> {
    vec![
        COMPACT.refuse(
            "nothing",
            REQUEST,
            "there is no token",
            token().then(|_| String::new()),
        ),
        COMPACT.refuse(
            "no-dots",
            REQUEST,
            "the body is a word",
            token().then(|_| "abc".to_owned()),
        ),
        COMPACT.refuse(
            "two-parts",
            REQUEST,
            "the signature is missing with its dot",
            token().then(|token| {
                let [header, claims, _] = parts(&token);
                format!("{header}.{claims}")
            }),
        ),
        COMPACT.refuse(
            "four-parts",
            REQUEST,
            "there is one part too many",
            token().then(|token| token + ".AA"),
        ),
        COMPACT.refuse(
            "no-header",
            REQUEST,
            "the header is empty",
            token().then(|token| {
                let [_, claims, signature] = parts(&token);
                format!(".{claims}.{signature}")
            }),
        ),
        COMPACT.refuse(
            "no-claims",
            REQUEST,
            "the claims are empty, and signed so",
            token().claims_text(|_| ""),
        ),
        COMPACT.refuse(
            "cut-in-the-claims",
            REQUEST,
            "the second half of the token is lost",
            token().then(|token| token.chars().take(token.len() / 2).collect()),
        ),
        COMPACT.refuse(
            "in-quotes",
            REQUEST,
            "a push is the token alone, not a JSON string of it",
            token().then(|token| format!("\"{token}\"")),
        ),
        COMPACT.refuse(
            "with-scheme",
            REQUEST,
            "Bearer stands in front of the token",
            token().then(|token| format!("Bearer {token}")),
        ),
        COMPACT.refuse(
            "flattened-json",
            REQUEST,
            "RFC 8417 §2 wants the compact form, not the JSON serialisation",
            token().then(|token| {
                let [header, claims, signature] = parts(&token);
                let signed = format!(r#""protected":"{header}","signature":"{signature}""#);
                format!(r#"{{"payload":"{claims}",{signed}}}"#)
            }),
        ),
        COMPACT.refuse(
            "general-json",
            REQUEST,
            "RFC 8417 §2 wants the compact form, not the JSON serialisation",
            token().then(|token| {
                let [header, claims, signature] = parts(&token);
                let signature = format!(r#"{{"protected":"{header}","signature":"{signature}"}}"#);
                format!(r#"{{"payload":"{claims}","signatures":[{signature}]}}"#)
            }),
        ),
        COMPACT.refuse(
            "two-tokens",
            REQUEST,
            "a push carries one SET",
            token().then(|token| format!("{token}\n{token}")),
        ),
    ]
}

fn encoded() -> Vec<Case> {
    vec![
        BASE64URL.refuse(
            "padded",
            REQUEST,
            "base64url has no padding here",
            token().then(|token| {
                parts(&token)
                    .map(|part| format!("{part}{}", "=".repeat((4 - part.len() % 4) % 4)))
                    .join(".")
            }),
        ),
        BASE64URL.refuse(
            "line-break-inside",
            REQUEST,
            "a line break stands within a part",
            token().then(|token| {
                let [header, claims, signature] = parts(&token);
                format!("{header}.{}\n{}.{signature}", &claims[..64], &claims[64..])
            }),
        ),
        BASE64URL.refuse(
            "blank-inside",
            REQUEST,
            "a blank stands after a dot",
            token().then(|token| token.replace('.', ". ")),
        ),
        BASE64URL.refuse(
            "base64-alphabet",
            REQUEST,
            "+ and / belong to base64, not to base64url",
            token().then(|token| token.replace('-', "+").replace('_', "/")),
        ),
        BASE64URL.refuse(
            "byte-order-mark-before",
            REQUEST,
            "the token begins with a byte order mark",
            token().then(|token| format!("\u{feff}{token}")),
        ),
        BASE64URL.refuse(
            "letter-beyond-ascii",
            REQUEST,
            "an e with an acute accent stands in the claims",
            token().then(|token| {
                let [header, claims, signature] = parts(&token);
                format!("{header}.é{claims}.{signature}")
            }),
        ),
        BASE64URL
            .refuse(
                "bits-left-over",
                REQUEST,
                "the last character has bits to spare, so one SET has many spellings",
                token().then(|token| {
                    let (kept, last) = token.split_at(token.len() - 1);
                    // 256 bytes end in a character with four bits left over, all zero in the one true spelling.
                    let spelling = match last {
                        "A" => "B",
                        "Q" => "R",
                        "g" => "h",
                        "w" => "x",
                        other => panic!("{other} has bits left over already"),
                    };
                    format!("{kept}{spelling}")
                }),
            )
            .reading(),
    ]
}

fn sized() -> Vec<Case> {
    let filled = |bytes| token().claim("x_filler", serde_json::json!("x".repeat(bytes)));
    vec![
        BOUNDED.accept(
            "long",
            "12 KiB of claims are unusual and no fault",
            filled(12 * 1024),
        ),
        BOUNDED
            .refuse(
                "too-long",
                "invalid_request",
                "more than 64 KiB",
                filled(64 * 1024),
            )
            .limit(),
        BOUNDED
            .refuse(
                "header-too-long",
                "invalid_request",
                "a header of more than 4 KiB",
                token().header("x_filler", serde_json::json!("x".repeat(4 * 1024))),
            )
            .limit(),
    ]
}
