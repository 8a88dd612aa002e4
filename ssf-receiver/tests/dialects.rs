//! SETs as vendors and older drafts write them end sessions where their dialect is configured, and nowhere else.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use common::{Transmitter, builder, signed, started};
use serde_json::Value;
use ssf_receiver::{Receiver, Session, guard::Decision};
use ssf_types::{dialect::Dialect, subject::SimpleSubject, time::Timestamp};

/// Before all of these events.
const BEGAN: Timestamp = Timestamp::from_secs(1_500_000_000);

async fn receiver(transmitter: &Transmitter, dialect: &'static Dialect) -> Receiver {
    started(builder(transmitter).dialect(dialect).in_memory()).await
}

/// Claims of a recorded SET, from our own transmitter to us.
fn claims(transmitter: &Transmitter, recorded: &str) -> Value {
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let mut claims = recorded["peer"].clone();
    claims["iss"] = transmitter.issuer.clone().into();
    claims["aud"] = common::AUDIENCE.into();
    claims
}

async fn status(receiver: &Receiver, claims: &Value) -> u16 {
    let set = signed(&Transmitter::header(), claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    answer.await.status()
}

async fn is_read(dialect: &'static Dialect, recorded: &str, known: impl Fn(Session) -> Session) {
    let transmitter = Transmitter::start();
    let claims = claims(&transmitter, recorded);
    let strict = receiver(&transmitter, &Dialect::SSF_1_0).await;
    assert_eq!(status(&strict, &claims).await, 400);
    let fluent = receiver(&transmitter, dialect).await;
    let session = known(fluent.session(BEGAN));
    assert_eq!(fluent.decide(&session), Decision::Allow);
    assert_eq!(status(&fluent, &claims).await, 202);
    let decision = fluent.decide(&session);
    assert!(matches!(decision, Decision::Deny(_)), "{decision:?}");
    transmitter.stop().await;
}

macro_rules! recorded {
    ($file:literal) => {
        include_str!(concat!("../../ssf-types/tests/dialects/", $file, ".json"))
    };
}

#[actix_web::test]
async fn okta_ends_a_session_by_a_subject_within_the_event() {
    let okta = recorded!("okta/session-revoked");
    is_read(&Dialect::OKTA, okta, |session| {
        session.iss_sub("https://acme.okta.com", "00u1a2b3c4d5e6f7g8h9")
    })
    .await;
}

#[actix_web::test]
async fn google_ends_the_sessions_of_an_account_by_a_subject_type() {
    let google = recorded!("google-risc/account-disabled");
    is_read(&Dialect::GOOGLE_RISC, google, |session| {
        session.iss_sub("https://accounts.google.com/", "7375626A656374")
    })
    .await;
}

#[actix_web::test]
async fn the_risc_profile_of_2018_ends_sessions_by_a_phone() {
    let risc = recorded!("risc-2018/account-disabled");
    is_read(&Dialect::RISC_2018, risc, |session| {
        let phone_number = "+12065550123".to_owned();
        session.identifier("user", SimpleSubject::PhoneNumber { phone_number })
    })
    .await;
}

#[actix_web::test]
async fn the_first_draft_of_caep_ends_sessions_with_milliseconds_and_a_plain_reason() {
    let draft = recorded!("sse-id1/session-revoked");
    is_read(&Dialect::SSE_ID1, draft, |session| {
        session.iss_sub("https://idp.example.com/tenant-1/", "jane")
    })
    .await;
}

#[actix_web::test]
async fn keycloak_ends_sessions_when_a_password_was_changed() {
    let keycloak = recorded!("keycloak-sse/credential-change");
    is_read(&Dialect::KEYCLOAK_SSE, keycloak, |session| {
        session.email("alice@example.com")
    })
    .await;
}
