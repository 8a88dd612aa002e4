//! The guard as middleware: what a browser and a program see.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::time::Duration;

use actix_web::{
    App, HttpResponse,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    test::{self, TestRequest},
    web,
};
use common::{Transmitter, builder, email, signed, started, until};
use futures_util::FutureExt;
use serde::Serialize;
use serde_json::{Value, json};
use ssf_receiver::{
    Receiver, Session, SessionKeys,
    actions::{Action, Trigger},
    guard::{Decision, Denial, Guard, Presented, Reason},
};
use ssf_types::time::Timestamp;
use tokio::time::timeout;

const T: u64 = 1_615_305_159;
const CREDENTIAL_CHANGE: &str =
    "https://schemas.openid.net/secevent/caep/event-type/credential-change";

fn session_of(request: &ServiceRequest) -> Option<Session> {
    serde_json::from_str(request.headers().get("x-session")?.to_str().ok()?).ok()
}

async fn receiver(transmitter: &Transmitter) -> Receiver {
    started(builder(transmitter).in_memory()).await
}

async fn accept(receiver: &Receiver, claims: &Value) {
    let set = signed(&Transmitter::header(), claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    assert_eq!(answer.await.status(), 202);
}

fn alice(receiver: &Receiver) -> Session {
    let session = receiver.session(Timestamp::from_secs(T));
    session
        .email("alice@example.com")
        .auth_time(Timestamp::from_secs(T))
}

async fn respond<F, P, S: Serialize>(
    guard: Guard<F>,
    session: Option<&S>,
    language: &str,
) -> ServiceResponse<impl MessageBody + use<F, P, S>>
where
    F: Fn(&ServiceRequest) -> Option<P> + 'static,
    P: Into<Presented>,
{
    let app = App::new().route("/", web::get().to(|| async { "secret page" }));
    let app = test::init_service(app.wrap(guard)).await;
    let mut request = TestRequest::get().insert_header(("Accept-Language", language));
    if let Some(session) = session {
        let json = serde_json::to_string(session).unwrap();
        request = request.insert_header(("x-session", json));
    }
    app.call(request.to_request()).await.unwrap()
}

fn credential_change(transmitter: &Transmitter, kind: &str, change: &str) -> Value {
    let mut claims = transmitter.claims("1", &email("alice@example.com"), T);
    claims["events"] = json!({ CREDENTIAL_CHANGE: {
        "credential_type": kind, "change_type": change, "event_timestamp": T,
    }});
    claims
}

#[actix_web::test]
async fn a_revoked_session_gets_401_with_the_reason_in_its_language() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let session = alice(&receiver);
    let before = respond(receiver.guard(session_of), Some(&session), "de").await;
    assert_eq!(before.status(), 200);
    accept(
        &receiver,
        &transmitter.claims("1", &email("alice@example.com"), T),
    )
    .await;
    let after = respond(
        receiver.guard(session_of),
        Some(&session),
        "de-CH, en;q=0.5",
    )
    .await;
    assert_eq!(after.status(), 401);
    let header = |name: &str| {
        after
            .headers()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        header("www-authenticate"),
        r#"Bearer error="invalid_token""#
    );
    assert_eq!(header("content-language"), "de");
    assert_eq!(header("vary"), "Accept-Language");
    assert_eq!(header("cache-control"), "no-store");
    let body: Value = test::read_body_json(after).await;
    let reason = "Vom Administrator abgemeldet";
    assert_eq!(
        body,
        json!({ "error": "session_revoked", "reason": reason })
    );
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_session_is_refused_by_the_keys_that_the_application_kept_of_it() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let kept = receiver.keys(&alice(&receiver));
    let keys_of = |request: &ServiceRequest| -> Option<SessionKeys> {
        serde_json::from_str(request.headers().get("x-session")?.to_str().ok()?).ok()
    };
    let before = respond(receiver.guard(keys_of), Some(&kept), "en").await;
    assert_eq!(before.status(), 200);
    let subject = email("alice@example.com");
    accept(&receiver, &transmitter.claims("1", &subject, T)).await;
    let after = respond(receiver.guard(keys_of), Some(&kept), "en").await;
    assert_eq!(after.status(), 401);
    transmitter.stop().await;
}

/// An event of RISC about alice, without members.
fn risc(transmitter: &Transmitter, jti: &str, name: &str, at: u64) -> Value {
    let mut claims = transmitter.claims(jti, &email("alice@example.com"), at);
    let uri = format!("https://schemas.openid.net/secevent/risc/event-type/{name}");
    claims["events"] = json!({ uri: {} });
    claims
}

#[actix_web::test]
async fn a_disabled_account_is_forbidden_even_to_sign_in_until_it_is_enabled_and_that_revives_nothing()
 {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let before = alice(&receiver);
    let since = receiver
        .session(Timestamp::from_secs(T + 9))
        .email("alice@example.com");
    accept(&receiver, &risc(&transmitter, "1", "account-disabled", T)).await;
    let blocked = respond(receiver.guard(session_of), Some(&since), "en").await;
    assert_eq!(blocked.status(), 403);
    assert!(!blocked.headers().contains_key("www-authenticate"));
    let body: Value = test::read_body_json(blocked).await;
    assert_eq!(body["error"], "session_blocked");
    accept(
        &receiver,
        &risc(&transmitter, "2", "account-enabled", T + 1),
    )
    .await;
    let enabled = respond(receiver.guard(session_of), Some(&since), "en").await;
    assert_eq!(enabled.status(), 200);
    let ended = respond(receiver.guard(session_of), Some(&before), "en").await;
    assert_eq!(ended.status(), 401);
    transmitter.stop().await;
}

#[actix_web::test]
async fn an_application_has_another_effect_follow_from_an_event() {
    let transmitter = Transmitter::start();
    let builder = builder(&transmitter).in_memory();
    let receiver = started(builder.action(Trigger::AccountDisabled, Action::Note)).await;
    let session = alice(&receiver);
    accept(&receiver, &risc(&transmitter, "1", "account-disabled", T)).await;
    let response = respond(receiver.guard(session_of), Some(&session), "en").await;
    assert_eq!(response.status(), 200);
    transmitter.stop().await;
}

#[actix_web::test]
async fn whatever_outlives_a_request_is_told_when_its_session_ends_and_no_other_is() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let bob = receiver.session(Timestamp::from_secs(T));
    let bob = receiver.keys(&bob.email("bob@example.com"));
    let alice = receiver.keys(&alice(&receiver));
    let mut of_alice = Box::pin(receiver.refused(&alice));
    let mut of_bob = Box::pin(receiver.refused(&bob));
    assert!((&mut of_alice).now_or_never().is_none());
    assert!((&mut of_bob).now_or_never().is_none());
    let subject = email("alice@example.com");
    accept(&receiver, &transmitter.claims("1", &subject, T)).await;
    let denial = timeout(Duration::from_secs(20), of_alice).await.unwrap();
    assert_eq!(denial.reason(), Reason::Revoked);
    let again = receiver.refused(&alice).now_or_never();
    assert!(again.is_some(), "it was refused before");
    assert!((&mut of_bob).now_or_never().is_none());
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_request_without_a_session_passes() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let response = respond(receiver.guard(session_of), None::<&Session>, "en").await;
    assert_eq!(test::read_body(response).await, "secret page");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_lost_key_asks_for_a_fresh_sign_in() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    let stale = alice(&receiver);
    accept(
        &receiver,
        &credential_change(&transmitter, "fido2-roaming", "revoke"),
    )
    .await;
    let response = respond(receiver.guard(session_of), Some(&stale), "fr").await;
    assert_eq!(response.status(), 401);
    assert_eq!(
        response.headers().get("www-authenticate").unwrap(),
        r#"Bearer error="insufficient_user_authentication", max_age=0"#
    );
    assert_eq!(response.headers().get("content-language").unwrap(), "en");
    let body: Value = test::read_body_json(response).await;
    assert_eq!(body["error"], "login_required");
    let fresh = stale.auth_time(Timestamp::from_secs(T + 1));
    let response = respond(receiver.guard(session_of), Some(&fresh), "fr").await;
    assert_eq!(response.status(), 200);
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_changed_password_ends_the_session_and_a_new_passkey_does_not() {
    let transmitter = Transmitter::start();
    for (kind, change, status) in [
        ("fido2-platform", "create", 200),
        ("password", "update", 401),
    ] {
        let receiver = receiver(&transmitter).await;
        let session = alice(&receiver);
        accept(&receiver, &credential_change(&transmitter, kind, change)).await;
        let response = respond(receiver.guard(session_of), Some(&session), "en").await;
        assert_eq!(response.status(), status, "{kind} {change}");
    }
    transmitter.stop().await;
}

#[actix_web::test]
async fn the_application_may_answer_in_its_own_way() {
    let transmitter = Transmitter::start();
    let receiver = receiver(&transmitter).await;
    accept(
        &receiver,
        &transmitter.claims("1", &email("alice@example.com"), T),
    )
    .await;
    let guard = receiver.guard(session_of).on_deny(|_, denial: &Denial| {
        HttpResponse::SeeOther()
            .insert_header((
                "Location",
                format!("/sign-in?why={}", denial.reason().error()),
            ))
            .finish()
    });
    let response = respond(guard, Some(&alice(&receiver)), "en").await;
    assert_eq!(response.status(), 303);
    assert_eq!(
        response.headers().get("location").unwrap(),
        "/sign-in?why=session_revoked"
    );
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_peer_that_hangs_up_does_not_come_between_the_database_and_the_index() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let database = format!(
        "sqlite://{}",
        directory.path().join("receiver.db").display()
    );
    let receiver = started(builder(&transmitter).database(database)).await;
    let claims = transmitter.claims("1", &email("alice@example.com"), T);
    let set = signed(&Transmitter::header(), &claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    // Begun, and dropped before it could end.
    assert!(answer.now_or_never().is_none());
    let session = alice(&receiver);
    until("the session is over", || {
        matches!(receiver.decide(&session), Decision::Deny(_))
    })
    .await;
    transmitter.stop().await;
}

#[test]
fn what_the_documentation_shows_for_actix_web_is_what_compiles() {
    let example = include_str!("../examples/embed_actix.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert!(include_str!("../../docs/receiver.md").contains(code.trim()));
    let (_, readme) = include_str!("../../README.md")
        .split_once("## Embed the receiver\n\n```rust\n")
        .unwrap();
    let (shown, _) = readme.split_once("```").unwrap();
    let unindented = code
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line));
    let main = unindented.collect::<Vec<_>>().join("\n");
    assert!(main.contains(shown), "{shown}");
}
