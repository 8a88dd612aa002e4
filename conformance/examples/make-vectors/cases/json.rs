//! The claims as JSON: one reading, in UTF-8, and not without end (RFC 8259, RFC 7519 §4).

use serde_json::json;

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{SESSION_REVOKED, token, utf16},
};

const JSON: Rule = rule("PUSH-R-009", "RFC 8259 §2");
const UTF8: Rule = rule("PUSH-R-009", "RFC 8259 §8.1");
const TWICE: Rule = rule("SET-025", "RFC 7519 §4");
const BOUNDED: Rule = rule("PUSH-R-022", "RFC 8259 §9");
const REQUEST: &str = "invalid_request";

pub(super) fn table() -> Vec<Case> {
    let mut table = accepted();
    table.extend(twice());
    table.extend(broken());
    table.extend(nested());
    table
}

fn accepted() -> Vec<Case> {
    let spread = |claims: String| {
        let value: serde_json::Value = serde_json::from_str(&claims).unwrap();
        format!("{value:#}\r\n")
    };
    let reason = json!({ "reason_user": { "de": "Zurückgesetzt – bitte neu anmelden", "ja": "再度サインインしてください" } });
    let other_order = [
        r#""events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}"#,
        r#""sub_id":{"email":"alice@example.com","format":"email"}"#,
        r#""jti":"json-other-order","aud":"https://rp.example.com""#,
        r#""iat":1615305159,"iss":"https://tr.example.com""#,
    ];
    let other_order = format!("{{{}}}", other_order.join(","));
    vec![
        JSON.accept(
            "json-spread",
            "white space between the tokens of JSON changes nothing",
            token().claims_text(spread),
        ),
        JSON.accept(
            "json-other-order",
            "the order of members means nothing, in sub_id neither",
            token().claims_text(|_| other_order),
        ),
        JSON.accept(
            "json-escapes",
            "escapes mean the characters that they name",
            token().claims_replaced("\"iss\":\"https://tr", r#""\u0069ss":"https:\/\/t\u0072"#),
        ),
        UTF8.accept(
            "json-beyond-ascii",
            "text in any language",
            token().event(SESSION_REVOKED, reason),
        ),
        UTF8.accept(
            "json-surrogate-pair",
            "two escapes make one character",
            token().claims_replaced("\"txn\":\"8675309\"", r#""txn":"\ud83d\ude80""#),
        ),
        TWICE.accept(
            "same-name-in-two-objects",
            "a name may stand in two objects",
            token().claim("x_foo", json!({ "iss": 1, "x_foo": { "iss": 2 } })),
        ),
    ]
}

fn twice() -> Vec<Case> {
    vec![
        TWICE
            .refuse(
                "claim-twice",
                REQUEST,
                "which aud counts depends on the reader",
                token().claims_replaced("\"aud\":", r#""aud":"https://other.example.com","aud":"#),
            )
            .reading(),
        TWICE
            .refuse(
                "claim-twice-alike",
                REQUEST,
                "two equal values are still two members",
                token()
                    .claims_replaced("\"txn\":\"8675309\"", r#""txn":"8675309","txn":"8675309""#),
            )
            .reading(),
        TWICE
            .refuse(
                "claim-twice-in-escapes",
                REQUEST,
                r"\u0069ss is iss",
                token().claims_replaced(
                    "\"iss\":",
                    r#""\u0069ss":"https://attacker.example","iss":"#,
                ),
            )
            .reading(),
        TWICE
            .refuse(
                "unknown-claim-twice",
                REQUEST,
                "a member that is ignored may not stand twice either",
                token().claims_replaced("\"txn\":", r#""x_foo":1,"x_foo":2,"txn":"#),
            )
            .reading(),
        TWICE
            .refuse(
                "event-member-twice",
                REQUEST,
                "which event_timestamp counts depends on the reader",
                token().claims_replaced(
                    "\"event_timestamp\":",
                    r#""event_timestamp":0,"event_timestamp":"#,
                ),
            )
            .reading(),
        TWICE
            .refuse(
                "twice-deep-inside",
                REQUEST,
                "at any depth",
                token().claims_replaced("\"txn\":", r#""x_foo":[{"a":[{"b":1,"b":2}]}],"txn":"#),
            )
            .reading(),
    ]
}

fn broken() -> Vec<Case> {
    vec![
        JSON.refuse(
            "json-array",
            REQUEST,
            "the claims are an object",
            token().claims_text(|claims| format!("[{claims}]")),
        ),
        JSON.refuse(
            "json-string",
            REQUEST,
            "the claims are an object",
            token().claims_text(|_| r#""claims""#),
        ),
        JSON.refuse(
            "json-null",
            REQUEST,
            "the claims are an object",
            token().claims_text(|_| "null"),
        ),
        JSON.refuse(
            "json-cut",
            REQUEST,
            "the last brace is missing",
            token().claims_text(|claims| claims.as_bytes()[..claims.len() - 1].to_vec()),
        ),
        JSON.refuse(
            "json-two-objects",
            REQUEST,
            "a second object follows the first",
            token().claims_text(|claims| format!("{claims}{{}}")),
        ),
        JSON.refuse(
            "json-text-after",
            REQUEST,
            "something follows the object",
            token().claims_text(|claims| format!("{claims} ;")),
        ),
        JSON.refuse(
            "json-trailing-comma",
            REQUEST,
            "a comma stands before the last brace",
            token().claims_text(|claims| format!("{},}}", &claims[..claims.len() - 1])),
        ),
        JSON.refuse(
            "json-comment",
            REQUEST,
            "JSON has no comments",
            token().claims_replaced("\"iat\":", "/* now */\"iat\":"),
        ),
        JSON.refuse(
            "json-single-quotes",
            REQUEST,
            "strings have double quotes",
            token().claims_text(|claims| claims.replace('"', "'")),
        ),
        JSON.refuse(
            "json-not-a-number",
            REQUEST,
            "JSON has no NaN",
            token().claims_replaced("1615305159,", "NaN,"),
        ),
        JSON.refuse(
            "json-leading-zero",
            REQUEST,
            "numbers have no leading zero",
            token().claims_replaced("1615305159,", "01615305159,"),
        ),
        JSON.refuse(
            "json-plus-sign",
            REQUEST,
            "numbers have no plus sign",
            token().claims_replaced("1615305159,", "+1615305159,"),
        ),
        JSON.refuse(
            "json-line-break-in-string",
            REQUEST,
            "control characters in strings are escaped",
            token().claims_replaced("8675309", "867\n5309"),
        ),
        UTF8.refuse(
            "json-lone-surrogate",
            REQUEST,
            "half of a character is none",
            token().claims_replaced("8675309", r"\ud83d"),
        )
        .reading(),
        UTF8.refuse(
            "json-utf-16",
            REQUEST,
            "JSON between systems is in UTF-8",
            token().claims_text(|claims| utf16(&claims)),
        ),
        UTF8.refuse(
            "json-byte-order-mark",
            REQUEST,
            "JSON between systems has no byte order mark",
            token().claims_text(|claims| format!("\u{feff}{claims}")),
        )
        .reading(),
        UTF8.refuse(
            "json-latin-1",
            REQUEST,
            "a byte that is not UTF-8",
            token().claims_text(|claims| {
                let at = claims.find("8675309").expect("there is a txn");
                [&claims.as_bytes()[..at], b"\xe9", &claims.as_bytes()[at..]].concat()
            }),
        ),
        UTF8.refuse(
            "json-overlong-utf-8",
            REQUEST,
            "a slash in two bytes is not UTF-8",
            token().claims_text(|claims| {
                let at = claims.find("8675309").expect("there is a txn");
                [
                    &claims.as_bytes()[..at],
                    b"\xc0\xaf",
                    &claims.as_bytes()[at..],
                ]
                .concat()
            }),
        ),
    ]
}

fn nested() -> Vec<Case> {
    let arrays = |depth: usize| {
        token().claims_replaced(
            "\"txn\":",
            format!(
                "\"x_foo\":{}{},\"txn\":",
                "[".repeat(depth),
                "]".repeat(depth)
            ),
        )
    };
    let objects = |depth: usize| {
        token().claims_replaced(
            "\"txn\":",
            format!(
                "\"x_foo\":{}1{},\"txn\":",
                "{\"a\":".repeat(depth),
                "}".repeat(depth)
            ),
        )
    };
    vec![
        BOUNDED.accept("nested-twenty", "20 levels in an unknown claim", arrays(20)),
        BOUNDED
            .refuse("nested-forty", REQUEST, "more than 32 levels", arrays(40))
            .limit(),
        BOUNDED
            .refuse(
                "nested-forty-objects",
                REQUEST,
                "more than 32 levels",
                objects(40),
            )
            .limit(),
        BOUNDED
            .refuse(
                "nested-ten-thousand",
                REQUEST,
                "a reader that calls itself for each level would fall over",
                arrays(10_000),
            )
            .limit(),
    ]
}
