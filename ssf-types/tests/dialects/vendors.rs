//! The exchanges that vendors and drafts document.

#[cfg(feature = "jose")]
use ssf_types::{
    audience::Audience,
    dialect::Deviation,
    event::caep::SessionRevoked,
    id::Jti,
    jose::{self, KeySet, SigningKey},
    set::{Algorithm, Expectation, SetClaims, UnverifiedSet},
    subject::SimpleSubject,
    time::Timestamp,
    uri::Issuer,
};
use ssf_types::{
    dialect::{Body, Dialect, Management},
    metadata::WellKnown,
};

#[cfg(feature = "jose")]
use crate::exchange::NOW;
use crate::exchange::{Exchange, value, verify};

/// The fixtures by directory; each directory's README names the document that they follow.
pub(crate) const VENDORS: &[(&str, &[&str])] = &[
    (
        "okta",
        &[
            "credential-change",
            "metadata",
            "session-revoked",
            "stream",
            "user-risk-change",
        ],
    ),
    (
        "google-risc",
        &[
            "account-disabled",
            "add-subject",
            "id-token-claims",
            "metadata",
            "status-update",
            "stream-update",
            "token-revoked",
            "tokens-revoked",
            "verification",
            "verify",
        ],
    ),
    (
        "google-workspace",
        &["session-revoked", "session-revoked-read", "subjects-differ"],
    ),
    (
        "apple",
        &[
            "create",
            "created",
            "credential-change",
            "metadata",
            "session-revoked",
            "verification",
            "verify",
        ],
    ),
    (
        "sailpoint",
        &[
            "metadata",
            "risk-level-change",
            "stream",
            "update",
            "verification",
        ],
    ),
    (
        "sse-id1",
        &[
            "assurance-level-change",
            "push-error",
            "session-revoked",
            "session-revoked-written",
            "status",
            "stream",
            "streams",
            "token-claims-changed",
            "verification",
        ],
    ),
    (
        "risc-2018",
        &[
            "account-disabled",
            "account-enabled",
            "add-subject",
            "id-token-claims",
            "stream-update",
        ],
    ),
    ("ssf-id2", &["session-revoked", "set-errs", "status"]),
    ("ssf-id3", &["session-established", "session-revoked"]),
    ("authentik", &["create", "verification"]),
    ("caep-dev", &["stream"]),
    (
        "keycloak-sse",
        &["credential-change", "metadata", "verification"],
    ),
];

fn exchanges(vendor: &str) -> Vec<Exchange> {
    let (_, names) = VENDORS.iter().find(|(name, _)| *name == vendor).unwrap();
    Exchange::all(vendor, names)
}

fn every_exchange_is_as_documented(vendor: &str) {
    for exchange in exchanges(vendor) {
        exchange.check();
    }
}

#[test]
fn okta_is_understood_and_addressed_with_the_subject_in_the_event() {
    every_exchange_is_as_documented("okta");
}

#[test]
fn google_is_understood_as_risc_of_2018() {
    every_exchange_is_as_documented("google-risc");
}

#[test]
fn google_workspace_gets_the_subject_in_both_places() {
    every_exchange_is_as_documented("google-workspace");
}

#[test]
fn apple_is_understood_and_addressed_as_in_sse() {
    every_exchange_is_as_documented("apple");
}

#[test]
fn sailpoint_speaks_ssf_1_0() {
    every_exchange_is_as_documented("sailpoint");
    assert!(Dialect::named("sailpoint").unwrap().shows_status);
}

#[test]
fn sse_draft_1_is_understood() {
    every_exchange_is_as_documented("sse-id1");
}

#[test]
fn risc_of_2018_is_understood() {
    every_exchange_is_as_documented("risc-2018");
}

#[test]
fn ssf_drafts_2_and_3_are_understood() {
    every_exchange_is_as_documented("ssf-id2");
    every_exchange_is_as_documented("ssf-id3");
}

#[test]
fn authentik_caep_dev_and_keycloak_are_understood() {
    every_exchange_is_as_documented("authentik");
    every_exchange_is_as_documented("caep-dev");
    every_exchange_is_as_documented("keycloak-sse");
}

#[test]
fn every_dialect_but_the_strict_one_has_fixtures() {
    let vendors: Vec<&str> = VENDORS.iter().map(|(vendor, _)| *vendor).collect();
    for dialect in &Dialect::ALL[1..] {
        assert!(vendors.contains(&dialect.name), "{dialect}");
    }
    for vendor in vendors {
        for exchange in exchanges(vendor) {
            assert_eq!(exchange.dialect.name, vendor);
        }
    }
}

#[test]
fn what_the_strict_reader_refuses_is_recognised() {
    let mut recognised = 0;
    for (vendor, _) in VENDORS {
        let exchanges = exchanges(vendor);
        for exchange in exchanges
            .iter()
            .filter(|one| one.is_read() && one.is_of_claims())
        {
            let found = Dialect::recognise(exchange.peer.get());
            let names: Vec<&str> = found.iter().map(|one| one.dialect.name).collect();
            assert_eq!(
                names.contains(vendor),
                exchange.strict.is_some(),
                "{names:?}"
            );
            assert!(found.is_sorted_by_key(|one| one.deviations.len()));
            recognised += found.len();
        }
    }
    assert!(recognised > 0);
}

#[test]
fn of_two_dialects_that_fit_the_narrower_one_is_named_first() {
    let claims = r#"{"iss":"https://accounts.google.com/","aud":"1.apps.googleusercontent.com","jti":"1","iat":1508184845,"events":{"https://schemas.openid.net/secevent/risc/event-type/account-enabled":{"subject":{"subject_type":"iss-sub","iss":"https://accounts.google.com/","sub":"7"}}}}"#;
    let names: Vec<&str> = Dialect::recognise(claims)
        .iter()
        .map(|one| one.dialect.name)
        .collect();
    assert_eq!(names, ["google-risc", "risc-2018"]);
}

#[test]
fn what_nobody_speaks_is_not_recognised() {
    for claims in [
        "",
        "[]",
        "{}",
        r#"{"iss":"https://idp.example.com","aud":"a","sub":"alice"}"#,
    ] {
        assert_eq!(Dialect::recognise(claims), [], "{claims}");
    }
}

#[test]
fn a_set_in_a_dialect_that_was_not_agreed_is_refused() {
    for exchange in exchanges("google-risc")
        .iter()
        .filter(|one| one.is_read() && one.is_of_claims())
    {
        let fault = verify(exchange.peer.get(), &Dialect::OKTA).unwrap_err();
        assert_eq!(fault.code().as_str(), "invalid_request");
    }
}

#[test]
fn apple_sees_its_audience_and_format_again() {
    let request = r#"{"iss":"https://idp.example.com","aud":["https://federation.apple.com/feed"],"format":"iss_sub"}"#;
    let answer =
        r#"{"stream_id":"1","iss":"https://idp.example.com","aud":"https://rp.example.com"}"#;
    let echoed = Dialect::APPLE.echo(request, answer).unwrap();
    assert_eq!(
        value(&echoed),
        value(
            r#"{"stream_id":"1","iss":"https://idp.example.com","aud":["https://federation.apple.com/feed"],"format":"iss_sub"}"#
        )
    );
    assert_eq!(Dialect::SSF_1_0.echo(request, answer).unwrap(), answer);
}

#[test]
fn a_stream_updated_for_some_subjects_is_refused_even_in_sse() {
    let claims = r#"{"iss":"https://tr.example.com","aud":"rp","jti":"1","iat":1493856000,"events":{"https://schemas.openid.net/secevent/sse/event-type/stream-updated":{"subject":{"tenant":{"format":"iss_sub","iss":"https://example.com/idp1","sub":"1234"}},"status":"paused"}}}"#;
    let fault = verify(claims, &Dialect::SSE_ID1).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "sub_id of a framework event must be opaque, with the stream_id as its id"
    );
}

#[test]
fn a_dialect_is_found_by_its_name_and_no_other() {
    for dialect in Dialect::ALL {
        assert_eq!(Dialect::named(dialect.name), Some(*dialect));
        let json = serde_json::to_string(dialect).unwrap();
        assert_eq!(
            serde_json::from_str::<&'static Dialect>(&json).unwrap(),
            *dialect
        );
    }
    assert_eq!(Dialect::named("Okta"), None);
    let error = serde_json::from_str::<&'static Dialect>(r#""esperanto""#).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("a dialect must be one of ssf-1.0, ssf-id3, "),
        "{error}"
    );
}

#[test]
fn each_generation_is_found_and_managed_as_it_was_specified() {
    assert_eq!(Dialect::SSF_ID2.well_known, WellKnown::Ssf);
    assert_eq!(Dialect::SSE_ID1.well_known, WellKnown::Sse);
    assert_eq!(Dialect::APPLE.well_known, WellKnown::Sse);
    assert_eq!(Dialect::GOOGLE_RISC.well_known, WellKnown::Risc);
    assert_eq!(Dialect::GOOGLE_RISC.management, Management::OneStream);
    assert_eq!(Dialect::SSF_1_0.management, Management::Streams);
}

#[test]
fn a_reading_printed_for_debugging_shows_nobody() {
    let request = r#"{"subject":{"subject_type":"email","email":"alice@example.com"}}"#;
    let reading = Dialect::RISC_2018
        .read(Body::Subject(None), request)
        .unwrap();
    assert_eq!(
        format!("{reading:?}"),
        "Reading { deviations: [SubjectType], .. }"
    );
}

#[cfg(feature = "jose")]
#[test]
fn a_set_signed_in_a_dialect_verifies_in_that_dialect_alone() {
    let alice = SimpleSubject::Email {
        email: "alice@example.com".into(),
    };
    let (issuer, audience) = (
        Issuer::parse("https://tr.example.com").unwrap(),
        Audience::new(["https://acme.okta.com"]).unwrap(),
    );
    let claims = SetClaims::new(
        issuer.clone(),
        Jti::parse("1").unwrap(),
        Timestamp::from_secs(1_702_448_550),
        audience.clone(),
        alice.into(),
        SessionRevoked::default().into(),
    );
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = KeySet::parse(jose::jwks([&key]).to_string().as_bytes()).unwrap();
    let expected = Expectation::new(issuer, audience);
    let token = key.sign(claims.in_dialect(&Dialect::OKTA)).unwrap();
    let set = UnverifiedSet::parse(token.as_str().as_bytes()).unwrap();

    let fault = set.verify(&keys, &expected, NOW).unwrap_err();
    assert_eq!(fault.code().as_str(), "invalid_request");
    let expected = expected.with_dialect(&Dialect::OKTA);
    let verified = set.verify(&keys, &expected, NOW).unwrap();
    assert_eq!(verified.claims(), &claims);
    assert_eq!(
        verified.deviations(),
        [Deviation::SubjectUnderUser, Deviation::SubjectInEvent]
    );
}
