//! The claims around the event (RFC 8417 §2.2, SSF 1.0 §4.1).

use serde_json::{Value, json};

use super::rule;
use crate::{
    case::{Case, Rule},
    token::{AUDIENCE, IAT, ISSUER, SESSION_REVOKED, token},
};

const ISS: Rule = rule("SET-009", "SSF 1.0 §4.1.6");
const AUD: Rule = rule("SET-013", "RFC 8725 §3.9");
const AUD_FORM: Rule = rule("SET-010", "SSF 1.0 §4.1.8");
const SUB: Rule = rule("SET-002", "SSF 1.0 §4.1.2");
const EXP: Rule = rule("SET-003", "SSF 1.0 §4.1.7");
const REQUIRED: Rule = rule("SET-020", "RFC 8417 §2.2");
const IAT_FORM: Rule = rule("SET-022", "RFC 8417 §2.2");
const TOE: Rule = rule("SET-026", "RFC 8417 §2.2");
const TXN: Rule = rule("SET-027", "RFC 8417 §2.2");
const UNKNOWN: Rule = rule("SET-019", "SSF 1.0 §4.2.3");
const REQUEST: &str = "invalid_request";

pub(super) fn issuer() -> Vec<Case> {
    let of = |iss: Value| token().claim("iss", iss);
    let foreign = [
        (
            "issuer-foreign",
            "https://attacker.example",
            "a stranger's name, signed with a key of the right issuer",
        ),
        (
            "issuer-with-slash",
            "https://tr.example.com/",
            "issuers are compared byte for byte, slash included",
        ),
        (
            "issuer-in-capitals",
            "https://TR.example.com",
            "issuers are compared byte for byte, host included",
        ),
        (
            "issuer-with-port",
            "https://tr.example.com:443",
            "issuers are compared byte for byte, default port included",
        ),
        (
            "issuer-longer",
            "https://tr.example.com.attacker.example",
            "the right name is only the beginning of this one",
        ),
        (
            "issuer-below",
            "https://tr.example.com/tenant",
            "another tenant is another issuer",
        ),
        ("issuer-empty", "", "the empty string is not the issuer"),
    ];
    let malformed = [
        ("issuer-number", json!(7), "iss is a string"),
        ("issuer-null", Value::Null, "iss is a string"),
        (
            "issuer-array",
            json!([ISSUER]),
            "iss is a string, unlike aud",
        ),
    ];
    let mut table = vec![
        ISS.accept(
            "issuer-with-slash-as-the-stream",
            "the stream's issuer ends in a slash, too",
            of(json!("https://tr.example.com/")),
        )
        .issuer("https://tr.example.com/"),
        ISS.accept(
            "issuer-with-path",
            "an issuer may have a path",
            of(json!("https://tr.example.com/tenant")),
        )
        .issuer("https://tr.example.com/tenant"),
        REQUIRED.refuse(
            "issuer-missing",
            REQUEST,
            "iss is required",
            token().without("iss"),
        ),
    ];
    table.extend(
        foreign.map(|(name, iss, why)| ISS.refuse(name, "invalid_issuer", why, of(json!(iss)))),
    );
    table.extend(malformed.map(|(name, iss, why)| {
        REQUIRED
            .refuse(name, REQUEST, why, of(iss))
            .or("invalid_issuer")
    }));
    table
}

pub(super) fn audience() -> Vec<Case> {
    let of = |aud: Value| token().claim("aud", aud);
    let foreign = [
        (
            "audience-foreign",
            json!("https://other.example.com"),
            "the SET is meant for somebody else",
        ),
        (
            "audience-foreign-array",
            json!(["https://other.example.com", "https://third.example.com"]),
            "none of the names is ours",
        ),
        (
            "audience-with-slash",
            json!("https://rp.example.com/"),
            "names are compared byte for byte",
        ),
        (
            "audience-in-capitals",
            json!("https://RP.example.com"),
            "names are compared byte for byte",
        ),
        (
            "audience-longer",
            json!("https://rp.example.com.attacker.example"),
            "our name is only the beginning of this one",
        ),
        (
            "audience-of-two-in-one",
            json!("https://rp.example.com https://other.example.com"),
            "aud is an array, not a list within a string",
        ),
    ];
    let malformed = [
        (
            "audience-number",
            json!(7),
            "aud is a string or an array of strings",
        ),
        (
            "audience-null",
            Value::Null,
            "aud is a string or an array of strings",
        ),
        (
            "audience-object",
            json!({ "aud": AUDIENCE }),
            "aud is a string or an array of strings",
        ),
        (
            "audience-array-with-number",
            json!([AUDIENCE, 7]),
            "each name is a string",
        ),
        ("audience-array-empty", json!([]), "nobody is meant"),
        ("audience-empty", json!(""), "the empty string names nobody"),
    ];
    let many = |count: usize| -> Vec<String> {
        (0..count)
            .map(|n| format!("https://rp{n}.example.com"))
            .chain([AUDIENCE.to_owned()])
            .collect()
    };
    let mut table = vec![
        AUD_FORM.accept(
            "audience-array-of-one",
            "an array of one means the string in it",
            of(json!([AUDIENCE])),
        ),
        AUD_FORM.accept(
            "audience-array-with-ours-last",
            "one name of ours is enough",
            of(json!(["https://other.example.com", AUDIENCE])),
        ),
        AUD_FORM.accept(
            "audience-array-with-ours-twice",
            "a name that stands twice is still ours",
            of(json!([AUDIENCE, AUDIENCE])),
        ),
        AUD_FORM
            .accept(
                "audience-second-name",
                "the receiver goes by two names",
                of(json!("client-1")),
            )
            .audience(&[AUDIENCE, "client-1"]),
        AUD_FORM.accept(
            "audience-of-ten",
            "ten names, ours among them",
            of(json!(many(9))),
        ),
        AUD_FORM
            .refuse(
                "audience-missing",
                REQUEST,
                "a stream has an audience, so its SETs have one",
                token().without("aud"),
            )
            .or("invalid_audience"),
        AUD_FORM
            .refuse(
                "audience-too-many",
                REQUEST,
                "more than 32 names",
                of(json!(many(40))),
            )
            .limit(),
    ];
    table
        .extend(foreign.map(|(name, aud, why)| AUD.refuse(name, "invalid_audience", why, of(aud))));
    table.extend(malformed.map(|(name, aud, why)| {
        AUD_FORM
            .refuse(name, REQUEST, why, of(aud))
            .or("invalid_audience")
    }));
    table
}

pub(super) fn table() -> Vec<Case> {
    let mut table = forbidden();
    table.extend(jti());
    table.extend(iat());
    table.extend(optional());
    table
}

fn forbidden() -> Vec<Case> {
    let with = |name: &str, value: Value| token().claim(name, value);
    let session = |payload: Value| token().event(SESSION_REVOKED, payload);
    vec![
        SUB.refuse(
            "sub",
            REQUEST,
            "sub_id names the subject, and an ID Token has sub",
            with("sub", json!("alice")),
        ),
        SUB.refuse(
            "sub-null",
            REQUEST,
            "null is not absent",
            with("sub", Value::Null),
        ),
        SUB.refuse(
            "sub-instead-of-sub_id",
            REQUEST,
            "sub_id names the subject",
            with("sub", json!("alice")).without("sub_id"),
        ),
        SUB.accept(
            "sub-in-the-event",
            "sub is forbidden among the claims alone",
            session(json!({ "sub": "alice" })),
        ),
        EXP.refuse(
            "exp-past",
            REQUEST,
            "what happened does not expire",
            with("exp", json!(IAT - 60)),
        ),
        EXP.refuse(
            "exp-future",
            REQUEST,
            "an expiry that is far off is one, too",
            with("exp", json!(4_102_444_800_u64)),
        ),
        EXP.refuse(
            "exp-null",
            REQUEST,
            "null is not absent",
            with("exp", Value::Null),
        ),
        EXP.accept(
            "exp-in-the-event",
            "exp is forbidden among the claims alone",
            session(json!({ "exp": IAT - 60 })),
        ),
        UNKNOWN.accept(
            "unknown-claims",
            "claims that are not understood are ignored",
            with("x_foo", json!({ "a": [1, null, true] })).claim("sid", json!("s-1")),
        ),
    ]
}

fn jti() -> Vec<Case> {
    let named = |jti: Value| token().claim("jti", jti);
    vec![
        REQUIRED.accept(
            "jti-url",
            "any string can be a jti",
            named(json!("https://tr.example.com/sets/1?a=b#c")),
        ),
        REQUIRED.refuse(
            "jti-missing",
            REQUEST,
            "jti is required",
            token().without("jti"),
        ),
        REQUIRED.refuse("jti-number", REQUEST, "jti is a string", named(json!(7))),
        REQUIRED.refuse("jti-null", REQUEST, "jti is a string", named(Value::Null)),
        REQUIRED.refuse(
            "jti-empty-object",
            REQUEST,
            "jti is a string",
            named(json!({})),
        ),
        REQUIRED
            .refuse(
                "jti-with-line-break",
                REQUEST,
                "a line break would split a log line",
                named(json!("a\nb")),
            )
            .reading(),
        REQUIRED
            .refuse(
                "jti-with-nul",
                REQUEST,
                "NUL ends strings in many databases",
                named(json!("a\u{0}b")),
            )
            .reading(),
        REQUIRED
            .refuse(
                "jti-too-long",
                REQUEST,
                "a jti of more than 255 bytes",
                named(json!("j".repeat(256))),
            )
            .limit(),
    ]
}

fn iat() -> Vec<Case> {
    let at = |iat: Value| token().claim("iat", iat);
    let written = |text: &str| token().claims_replaced("1615305159,", format!("{text},"));
    let malformed = [
        (
            "iat-string",
            json!(IAT.to_string()),
            "a NumericDate is a number, even where a string looks like one",
        ),
        (
            "iat-date",
            json!("2021-03-09T15:52:39Z"),
            "a NumericDate is a number",
        ),
        ("iat-null", Value::Null, "null is no number"),
        ("iat-boolean", json!(true), "true is no number"),
        ("iat-array", json!([IAT]), "an array is no number"),
        ("iat-negative", json!(-1), "no SET was made before 1970"),
        (
            "iat-milliseconds",
            json!(IAT * 1000),
            "milliseconds in the place of seconds lie far in the future",
        ),
        (
            "iat-tomorrow",
            json!(IAT + 86_400),
            "the SET was made tomorrow",
        ),
    ];
    let mut table = vec![
        IAT_FORM.accept(
            "iat-fraction",
            "a NumericDate may have a fraction (RFC 7519 §2)",
            written("1615305159.643"),
        ),
        IAT_FORM.accept(
            "iat-exponent",
            "JSON may write the number with an exponent",
            written("1.615305159e9"),
        ),
        IAT_FORM
            .accept(
                "iat-a-year-ago",
                "a stream may have been paused, and nothing expires",
                at(json!(IAT - 31_536_000)),
            )
            .reading(),
        IAT_FORM
            .accept("iat-at-1970", "the age of a SET is no fault", at(json!(0)))
            .reading(),
        IAT_FORM
            .accept(
                "iat-clock-ahead",
                "clocks may differ by a minute",
                at(json!(IAT + 65)),
            )
            .limit(),
        IAT_FORM
            .refuse(
                "iat-clock-far-ahead",
                REQUEST,
                "one second more than a minute",
                at(json!(IAT + 66)),
            )
            .limit(),
        IAT_FORM.refuse(
            "iat-infinite",
            REQUEST,
            "no clock shows 1e400, and most readers make it infinite",
            written("1e400"),
        ),
        IAT_FORM.refuse(
            "iat-beyond-all-clocks",
            REQUEST,
            "1e300 seconds are no moment",
            written("1e300"),
        ),
        REQUIRED.refuse(
            "iat-missing",
            REQUEST,
            "iat is required",
            token().without("iat"),
        ),
    ];
    table.extend(malformed.map(|(name, iat, why)| IAT_FORM.refuse(name, REQUEST, why, at(iat))));
    table
}

fn optional() -> Vec<Case> {
    let toe = |toe: Value| token().claim("toe", toe);
    vec![
        rule("SET-014", "SSF 1.0 §4.1.9").accept(
            "txn-missing",
            "txn should be there, and a SET without one is sound",
            token().without("txn"),
        ),
        TXN.refuse(
            "txn-number",
            REQUEST,
            "txn is a string; drafts had numbers",
            token().claim("txn", json!(8_675_309)),
        ),
        TXN.refuse(
            "txn-null",
            REQUEST,
            "null is no string, and not absent",
            token().claim("txn", Value::Null),
        ),
        TOE.accept("toe", "when it happened", toe(json!(IAT - 3600))),
        TOE.accept(
            "toe-fraction",
            "a NumericDate may have a fraction",
            toe(json!(1_615_301_559.5)),
        ),
        TOE.refuse(
            "toe-string",
            REQUEST,
            "a NumericDate is a number",
            toe(json!("1615301559")),
        ),
        TOE.refuse(
            "toe-negative",
            REQUEST,
            "nothing that a SET tells of was before 1970",
            toe(json!(-5)),
        )
        .reading(),
    ]
}
