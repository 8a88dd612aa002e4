//! Each check of the SET profile, obeyed and broken; faults are made by hand, since the types refuse to make them.

#![cfg(feature = "jose")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod signatures;

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    error::{Chain, ErrCode},
    event::{
        Event,
        caep::{SessionRevoked, TokenClaimsChange},
        risc::IdentifierRecycled,
        ssf::Verification,
    },
    id::Jti,
    jose::{self, KeySet, SignError, SigningKey},
    json::{JsonError, Members},
    set::{
        Algorithm, CompactSet, Expectation, SET_BYTES_MAX, SetClaims, SetError, UnverifiedSet,
        VerifiedSet, Verifier,
        inspect::{Check, Inspection, Inspector, Verdict},
    },
    subject::SimpleSubject,
    time::Timestamp,
    uri::Issuer,
};

const ISSUER: &str = "https://tr.example.com";
const AUDIENCE: &str = "https://rp.example.com";
const NOW: u64 = 1_615_305_159;

static RSA: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());
static PSS: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Ps256).unwrap());
static EC: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());
static ED: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa).unwrap());

fn keys() -> KeySet {
    KeySet::parse(
        jose::jwks([&*RSA, &*PSS, &*EC, &*ED])
            .to_string()
            .as_bytes(),
    )
    .unwrap()
}

fn header() -> Value {
    json!({ "alg": "ES256", "kid": EC.kid(), "typ": "secevent+jwt" })
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "jti": "756E69717565206964656E746966696572", "iat": NOW, "aud": AUDIENCE,
        "txn": "8675309", "sub_id": { "format": "email", "email": "alice@example.com" },
        "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked": {} },
    })
}

/// Signs whatever it is given with the P-256 key, well formed or not.
fn signed_text(header: &str, claims: &str) -> Vec<u8> {
    let pem = secrecy::ExposeSecret::expose_secret(EC.pem());
    let signer = josekit::jws::ES256.signer_from_pem(pem).unwrap();
    CompactSet::compose(&BASE64URL.encode(header), claims.as_bytes(), |input| {
        josekit::jws::JwsSigner::sign(&signer, input)
    })
    .unwrap()
    .into_string()
    .into_bytes()
}

fn signed(header: &Value, claims: &Value) -> Vec<u8> {
    signed_text(&header.to_string(), &claims.to_string())
}

fn expectation() -> Expectation {
    Expectation::new(
        Issuer::parse(ISSUER).unwrap(),
        Audience::new([AUDIENCE]).unwrap(),
    )
}

fn verify(token: &[u8]) -> Result<VerifiedSet, SetError> {
    let now = Timestamp::from_secs(NOW);
    let expected = expectation();
    let result = UnverifiedSet::parse(token).and_then(|set| set.verify(&keys(), &expected, now));
    let first = inspect(token, &expected)
        .faults()
        .next()
        .map(|(_, error)| error.clone());
    assert_eq!(
        result.as_ref().err(),
        first.as_ref(),
        "verifying and inspecting differ"
    );
    result
}

fn inspect(token: &[u8], expected: &Expectation) -> Inspection {
    let keys = keys();
    let mut inspector = Inspector::default();
    inspector.issuer = Some(&expected.issuer);
    inspector.audience = Some(&expected.audience);
    inspector.keys = Some(&keys);
    inspector.latest = Some(Timestamp::from_secs(NOW).after(expected.leeway));
    inspector.inspect(token)
}

fn with_claim(name: &str, value: Value) -> Result<VerifiedSet, SetError> {
    let mut claims = claims();
    claims[name] = value;
    verify(&signed(&header(), &claims))
}

fn without_claim(name: &str) -> Result<VerifiedSet, SetError> {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    verify(&signed(&header(), &claims))
}

fn with_header(name: &str, value: Value) -> Result<VerifiedSet, SetError> {
    let mut header = header();
    header[name] = value;
    verify(&signed(&header, &claims()))
}

fn refused(result: Result<VerifiedSet, SetError>, code: &ErrCode, description: &str) {
    let Err(error) = result else {
        panic!("accepted, although {description}")
    };
    assert_eq!(Chain(&error).to_string(), description);
    assert_eq!(&error.code(), code, "{description}");
}

#[test]
fn a_set_that_obeys_every_rule_is_accepted() {
    let set = verify(&signed(&header(), &claims())).unwrap();
    assert_eq!(set.claims().txn.as_ref().unwrap().as_str(), "8675309");
    assert!(matches!(set.claims().event, Event::SessionRevoked(_)));
    assert_eq!(set.json(), claims().to_string());
}

#[test]
fn keys_may_be_chosen_at_run_time() {
    let keys: Box<dyn Verifier> = Box::new(keys());
    let set = UnverifiedSet::parse(&signed(&header(), &claims())).unwrap();
    let now = Timestamp::from_secs(NOW);
    assert!(set.verify(&*keys, &expectation(), now).is_ok());
}

#[test]
fn white_space_around_the_token_is_ignored() {
    let mut token = signed(&header(), &claims());
    token.extend_from_slice(b"\r\n");
    assert!(verify(&token).is_ok());
}

#[test]
fn a_body_that_is_no_compact_jws_is_an_invalid_request() {
    let description = "the body must be one JWS in compact form: three base64url parts, without padding, joined by dots";
    for body in ["", "abc", "a.b", "é.b.c", "a.b.c.d", "{\"payload\":\"\"}"] {
        refused(
            verify(body.as_bytes()),
            &ErrCode::InvalidRequest,
            description,
        );
    }
    let padded = String::from_utf8(signed(&header(), &claims())).unwrap() + "=";
    refused(
        verify(padded.as_bytes()),
        &ErrCode::InvalidRequest,
        description,
    );
}

#[test]
fn an_endless_token_is_refused_before_it_is_read() {
    let token = vec![b'a'; SET_BYTES_MAX + 1];
    refused(
        verify(&token),
        &ErrCode::InvalidRequest,
        "a SET has at most 65536 bytes",
    );
}

#[test]
fn a_header_that_is_not_utf8_is_blamed_for_it() {
    let token = format!("{}.e30.AAAA", BASE64URL.encode(b"{\"typ\":\"\xff\"}"));
    refused(
        verify(token.as_bytes()),
        &ErrCode::InvalidRequest,
        "the JOSE header is faulty: not JSON (line 1, column 9)",
    );
}

#[test]
fn an_endless_header_is_refused() {
    refused(
        with_header("x_foo", json!("x".repeat(4096))),
        &ErrCode::InvalidRequest,
        "a JOSE header has at most 4096 bytes",
    );
}

#[test]
fn typ_is_secevent_jwt_in_any_spelling_of_the_media_type() {
    for typ in ["secevent+jwt", "SecEvent+JWT", "application/secevent+jwt"] {
        assert!(with_header("typ", json!(typ)).is_ok(), "{typ}");
    }
    for typ in ["JWT", "logout+jwt", "", "text/secevent+jwt"] {
        refused(
            with_header("typ", json!(typ)),
            &ErrCode::InvalidRequest,
            "typ must be secevent+jwt",
        );
    }
    let mut untyped = header();
    untyped.as_object_mut().unwrap().remove("typ");
    refused(
        verify(&signed(&untyped, &claims())),
        &ErrCode::InvalidRequest,
        "typ must be secevent+jwt",
    );
}

#[test]
fn a_header_must_not_bring_a_key() {
    for name in ["jwk", "jku", "x5c", "x5u"] {
        refused(
            with_header(name, json!("https://attacker.example/keys")),
            &ErrCode::InvalidKey,
            &format!("the header must not have {name}: keys come from jwks_uri alone"),
        );
    }
}

#[test]
fn critical_extensions_are_refused() {
    refused(
        with_header("crit", json!(["exp"])),
        &ErrCode::InvalidRequest,
        "the header must not have crit: no extension is supported",
    );
}

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    for iss in [
        "https://tr.example.com/",
        "https://TR.example.com",
        "https://other.example.com",
        "",
    ] {
        refused(
            with_claim("iss", json!(iss)),
            &ErrCode::InvalidIssuer,
            "iss is not the issuer that is expected here",
        );
    }
}

#[test]
fn the_issuer_is_judged_before_the_key() {
    let mut foreign = claims();
    foreign["iss"] = json!("https://other.example.com");
    let mut header = header();
    header["kid"] = json!("other");
    assert_eq!(
        verify(&signed(&header, &foreign)).unwrap_err(),
        SetError::WrongIssuer
    );
}

#[test]
fn the_audience_has_to_name_this_receiver() {
    assert!(with_claim("aud", json!(["https://x.example", AUDIENCE])).is_ok());
    refused(
        with_claim("aud", json!("https://x.example")),
        &ErrCode::InvalidAudience,
        "aud does not name this receiver",
    );
    refused(
        without_claim("aud"),
        &ErrCode::InvalidRequest,
        "the claims are faulty: aud is missing",
    );
}

#[test]
fn sub_and_exp_have_no_place_in_a_set() {
    refused(
        with_claim("sub", json!("alice")),
        &ErrCode::InvalidRequest,
        "sub must not be there: sub_id names the subject",
    );
    refused(
        with_claim("exp", json!(NOW + 60)),
        &ErrCode::InvalidRequest,
        "exp must not be there: what happened does not expire",
    );
}

#[test]
fn claims_that_every_set_has_are_demanded() {
    for name in ["iss", "jti", "iat", "sub_id", "events"] {
        refused(
            without_claim(name),
            &ErrCode::InvalidRequest,
            &format!("the claims are faulty: {name} is missing"),
        );
    }
}

#[test]
fn numeric_dates_are_numbers_of_seconds() {
    refused(
        with_claim("iat", json!("1615305159")),
        &ErrCode::InvalidRequest,
        "the claims are faulty: iat must be a number of seconds since 1970",
    );
    let future = "iat lies in the future; seconds since 1970 are expected";
    refused(
        with_claim("iat", json!(NOW * 1000 / 10)),
        &ErrCode::InvalidRequest,
        future,
    );
    assert!(with_claim("iat", json!(NOW + 60)).is_ok());
    refused(
        with_claim("iat", json!(NOW + 61)),
        &ErrCode::InvalidRequest,
        future,
    );
}

#[test]
fn a_set_may_be_old() {
    assert!(with_claim("iat", json!(NOW - 90 * 24 * 3600)).is_ok());
}

#[test]
fn a_set_has_exactly_one_event() {
    let one = "events must have exactly one member";
    refused(
        with_claim("events", json!({})),
        &ErrCode::InvalidRequest,
        one,
    );
    refused(
        with_claim(
            "events",
            json!({ "urn:example:a": {}, "urn:example:b": {} }),
        ),
        &ErrCode::InvalidRequest,
        one,
    );
    refused(
        with_claim("events", json!([])),
        &ErrCode::InvalidRequest,
        "the claims are faulty: events must be an object",
    );
    refused(
        with_claim("events", json!({ "session-revoked": {} })),
        &ErrCode::InvalidRequest,
        "the claims are faulty: events must be an object whose member names are absolute URIs",
    );
}

#[test]
fn an_event_that_breaks_its_definition_is_an_invalid_request() {
    let uri = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
    refused(
        with_claim("events", json!({ uri: { "credential_type": "password" } })),
        &ErrCode::InvalidRequest,
        &format!("the claims are faulty: events.{uri}.change_type is missing"),
    );
}

#[test]
fn a_fault_in_the_subject_names_the_member_and_not_the_person() {
    refused(
        with_claim(
            "sub_id",
            json!({ "format": "email", "email": "Alice <alice@example.com>" }),
        ),
        &ErrCode::InvalidRequest,
        "the claims are faulty: sub_id.email must be an address such as a@b.example",
    );
}

#[test]
fn a_recycled_identifier_is_an_identifier() {
    let about = |sub_id: Value| {
        let mut claims = claims();
        claims["sub_id"] = sub_id;
        claims["events"] = json!({
            "https://schemas.openid.net/secevent/risc/event-type/identifier-recycled": {}
        });
        verify(&signed(&header(), &claims))
    };
    assert!(about(json!({ "format": "email", "email": "foo@example.com" })).is_ok());
    refused(
        about(json!({ "format": "iss_sub", "iss": "https://idp.example.com", "sub": "7" })),
        &ErrCode::InvalidRequest,
        "sub_id must be an email or a phone_number: the identifier that changed hands",
    );
}

#[test]
fn a_framework_event_is_about_the_stream() {
    let event = json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": {} });
    refused(
        with_claim("events", event.clone()),
        &ErrCode::InvalidRequest,
        "sub_id of a framework event must be opaque, with the stream_id as its id",
    );
    let mut verification = claims();
    verification["events"] = event;
    verification["sub_id"] = json!({ "format": "opaque", "id": "f67e39a0" });
    assert!(verify(&signed(&header(), &verification)).is_ok());
}

#[test]
fn members_that_nobody_knows_are_ignored_and_kept() {
    let set = with_claim("x_foo", json!({ "a": 1 })).unwrap();
    assert_eq!(set.claims().extra.json("x_foo"), Some(r#"{"a":1}"#));
}

#[test]
fn a_member_that_stands_twice_is_refused_in_header_and_claims() {
    let twice = claims()
        .to_string()
        .replacen('{', r#"{"iss":"https://other.example.com","#, 1);
    let error = verify(&signed_text(&header().to_string(), &twice)).unwrap_err();
    assert!(
        Chain(&error)
            .to_string()
            .contains("the same member stands twice"),
        "{error}"
    );
    assert_eq!(error.code(), ErrCode::InvalidRequest);
    let twice = header().to_string().replacen('{', r#"{"alg":"none","#, 1);
    let error = verify(&signed_text(&twice, &claims().to_string())).unwrap_err();
    assert!(
        Chain(&error)
            .to_string()
            .contains("the same member stands twice"),
        "{error}"
    );
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(60), "]".repeat(60));
    let error = verify(&signed_text(&header().to_string(), &deep)).unwrap_err();
    assert_eq!(
        Chain(&error).to_string(),
        "the claims are faulty: arrays and objects are nested deeper than 32 levels"
    );
}

#[test]
fn nothing_secret_is_printed_for_debugging() {
    let set = verify(&signed(&header(), &claims())).unwrap();
    let unverified = UnverifiedSet::parse(&signed(&header(), &claims())).unwrap();
    for printed in [
        format!("{set:?}"),
        format!("{unverified:?}"),
        format!("{:?}", &*EC),
    ] {
        assert!(
            !printed.contains("alice") && !printed.contains("PRIVATE"),
            "{printed}"
        );
    }
}

#[test]
fn an_inspection_tells_every_fault_and_not_only_the_first() {
    let mut header = header();
    header["typ"] = json!("JWT");
    let mut claims = claims();
    claims["sub"] = json!("alice");
    claims["aud"] = json!("https://x.example");
    claims.as_object_mut().unwrap().remove("jti");
    let inspection = inspect(&signed(&header, &claims), &expectation());
    let faults: Vec<Check> = inspection.faults().map(|(check, _)| check).collect();
    assert_eq!(faults, [Check::Typ, Check::Aud, Check::NoSub, Check::Jti]);
    assert_eq!(
        inspection.verdict(Check::Signature),
        Some(&Verdict::NotRun("the header is faulty"))
    );
}

#[test]
fn an_inspection_advises_where_the_letter_is_kept() {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("txn");
    let header = json!({ "alg": "ES256", "typ": "application/secevent+jwt" });
    let inspection = inspect(&signed(&header, &claims), &expectation());
    assert_eq!(inspection.faults().count(), 0);
    let advised: Vec<Check> = inspection
        .findings
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Advice(_)))
        .map(|(check, _)| *check)
        .collect();
    assert_eq!(advised, [Check::Typ, Check::Kid, Check::Txn]);
}

#[test]
fn an_inspection_tells_why_the_signature_was_not_checked() {
    let token = String::from_utf8(signed(&header(), &claims())).unwrap();
    let reason = |token: &str| {
        let inspection = inspect(token.as_bytes(), &expectation());
        inspection.verdict(Check::Signature).cloned()
    };
    assert_eq!(reason(&token), Some(Verdict::Passed));
    assert_eq!(
        reason(&format!("{token}=")),
        Some(Verdict::NotRun("the signature cannot be decoded"))
    );
    assert_eq!(
        reason(&format!("e30{}", &token[token.find('.').unwrap()..])),
        Some(Verdict::NotRun("the header is faulty"))
    );
}

#[test]
fn an_inspection_has_one_result_for_each_check_whatever_it_is_given() {
    for token in [&b""[..], b"x", b"..", b"e30.e30.", b"e30.W10.AA", b"\xff"] {
        let inspection = inspect(token, &expectation());
        let checks: Vec<Check> = inspection
            .findings
            .iter()
            .map(|(check, _)| *check)
            .collect();
        assert_eq!(checks, Check::ALL);
        assert!(inspection.faults().count() > 0);
    }
}

#[test]
fn no_claim_is_signed_twice_or_out_of_place() {
    let with = |extra: &str| {
        let mut claims = SetClaims::new(
            Issuer::parse(ISSUER).unwrap(),
            Jti::parse("1").unwrap(),
            Timestamp::from_secs(NOW),
            Audience::new([AUDIENCE]).unwrap(),
            SimpleSubject::Opaque { id: "7".into() }.into(),
            SessionRevoked::default().into(),
        );
        claims.extra = Members::parse(extra).unwrap().rest();
        EC.sign(&claims)
    };
    let set = with(r#"{"x_tenant":"7"}"#).unwrap();
    let set = verify(set.as_str().as_bytes()).unwrap();
    assert_eq!(set.claims().extra.json("x_tenant"), Some(r#""7""#));
    for name in [
        "iss", "jti", "iat", "aud", "txn", "toe", "sub_id", "events", "sub", "exp",
    ] {
        let error = with(&format!(r#"{{"{name}":"https://tr.example.org"}}"#)).unwrap_err();
        assert_eq!(
            Chain(&error).to_string(),
            format!("the claims cannot be written: {name} is not among the other claims of a SET")
        );
    }
}

#[test]
fn no_member_of_an_event_is_signed_twice() {
    let mut event = SessionRevoked::default();
    event.common.event_timestamp = Some(Timestamp::from_secs(NOW));
    event.extra = Members::parse(r#"{"event_timestamp":7}"#).unwrap().rest();
    let claims = SetClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Jti::parse("1").unwrap(),
        Timestamp::from_secs(NOW),
        Audience::new([AUDIENCE]).unwrap(),
        SimpleSubject::Opaque { id: "7".into() }.into(),
        event.into(),
    );
    assert!(matches!(
        EC.sign(&claims),
        Err(SignError::Unsound(JsonError::Duplicate { .. }))
    ));
}

fn put_together(sub_id: SimpleSubject, event: impl Into<Event>) -> SetClaims {
    SetClaims::new(
        Issuer::parse(ISSUER).unwrap(),
        Jti::parse("1").unwrap(),
        Timestamp::from_secs(NOW),
        Audience::new([AUDIENCE]).unwrap(),
        sub_id.into(),
        event.into(),
    )
}

#[test]
fn claims_that_break_the_profile_are_not_signed() {
    let email = |email: &str| SimpleSubject::Email {
        email: email.into(),
    };
    let refusal = |claims: SetClaims| match EC.sign(&claims) {
        Err(SignError::Profile(error)) => Chain(&error).to_string(),
        other => panic!("{other:?}"),
    };
    assert!(
        EC.sign(&put_together(
            email("a@b.example"),
            IdentifierRecycled::default()
        ))
        .is_ok()
    );
    assert_eq!(
        refusal(put_together(email("nobody"), IdentifierRecycled::default())),
        "the claims are faulty: sub_id.email must be an address such as a@b.example"
    );
    assert_eq!(
        refusal(put_together(email("a@b.example"), Verification::default())),
        "sub_id of a framework event must be opaque, with the stream_id as its id"
    );
}

#[test]
fn what_no_receiver_would_take_is_not_signed() {
    let sized = |bytes: usize| {
        let event = TokenClaimsChange::new([("x", Value::from("x".repeat(bytes)))]).unwrap();
        put_together(SimpleSubject::Opaque { id: "7".into() }, event)
    };
    assert!(EC.sign(&sized(SET_BYTES_MAX / 2)).is_ok());
    assert!(matches!(
        EC.sign(&sized(SET_BYTES_MAX * 3 / 4)),
        Err(SignError::TooLong)
    ));
}
