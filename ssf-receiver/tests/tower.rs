//! The guard as a layer, in a real application of axum.

#![cfg(all(feature = "actix", feature = "tower", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use common::{Transmitter, builder, client, email, signed, started};
use serde_json::{Value, json};
use ssf_receiver::{Receiver, SessionKeys, guard::Denial};
use ssf_types::time::Timestamp;

const T: u64 = 1_615_305_159;

/// An application that listens on the loopback network, with its receiver.
struct Application {
    receiver: Receiver,
    transmitter: Transmitter,
    url: String,
}

fn session_of(request: &Request) -> Option<SessionKeys> {
    let keys = request.headers().get("x-session")?.to_str().ok()?;
    serde_json::from_str(keys).ok()
}

async fn push(State(receiver): State<Receiver>, headers: HeaderMap, set: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let (authorization, content_type) = (text(header::AUTHORIZATION), text(header::CONTENT_TYPE));
    receiver
        .accept(authorization, content_type, &set)
        .await
        .into()
}

fn redirect(_: &HeaderMap, denial: &Denial) -> Response<Body> {
    Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header("location", format!("/sign-in?{}", denial.reason().error()))
        .body(Body::empty())
        .unwrap()
}

impl Application {
    async fn start() -> Self {
        let transmitter = Transmitter::start();
        let receiver = started(builder(&transmitter).in_memory()).await;
        let guard = receiver.layer(session_of);
        let app = Router::new()
            .route("/", get(async || "secret page").layer(guard.clone()))
            .route(
                "/pages",
                get(async || "secret page").layer(guard.on_deny(redirect)),
            )
            .route("/push", post(push))
            .with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            receiver,
            transmitter,
            url,
        }
    }

    fn alice(&self) -> SessionKeys {
        let session = self.receiver.session(Timestamp::from_secs(T));
        self.receiver.keys(&session.email("alice@example.com"))
    }

    async fn get(&self, path: &str, session: Option<&SessionKeys>) -> reqwest::Response {
        let mut request = client().get(format!("{}{path}", self.url));
        if let Some(session) = session {
            request = request.header("x-session", serde_json::to_string(session).unwrap());
        }
        let request = request.header("accept-language", "de");
        request.send().await.unwrap()
    }

    async fn push(&self, set: String, secret: &str) -> reqwest::Response {
        common::push(&format!("{}/push", self.url), secret, set).await
    }

    async fn revoke_alice(&self) {
        let claims = self.transmitter.claims("1", &email("alice@example.com"), T);
        let pushed = self
            .push(signed(&Transmitter::header(), &claims), "Bearer x")
            .await;
        assert_eq!(pushed.status(), 202);
    }
}

#[actix_web::test]
async fn axum_refuses_a_session_that_was_ended_and_answers_as_actix_web_does() {
    let application = Application::start().await;
    let alice = application.alice();
    assert_eq!(application.get("/", Some(&alice)).await.status(), 200);
    application.revoke_alice().await;
    let refused = application.get("/", Some(&alice)).await;
    assert_eq!(refused.status(), 401);
    for (name, value) in [
        ("www-authenticate", r#"Bearer error="invalid_token""#),
        ("content-language", "de"),
        ("content-type", "application/json"),
        ("vary", "Accept-Language"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(refused.headers()[name], value);
    }
    let body: Value = refused.json().await.unwrap();
    let reason = "Vom Administrator abgemeldet";
    assert_eq!(body, json!({"error": "session_revoked", "reason": reason}));
    application.transmitter.stop().await;
}

#[actix_web::test]
async fn a_request_without_a_session_passes_the_layer() {
    let application = Application::start().await;
    application.revoke_alice().await;
    let answer = application.get("/", None).await;
    assert_eq!(answer.text().await.unwrap(), "secret page");
    application.transmitter.stop().await;
}

#[actix_web::test]
async fn an_application_answers_refused_requests_in_its_own_way() {
    let application = Application::start().await;
    let alice = application.alice();
    application.revoke_alice().await;
    let answer = application.get("/pages", Some(&alice)).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/sign-in?session_revoked");
    application.transmitter.stop().await;
}

#[actix_web::test]
async fn a_push_to_axum_without_the_secret_is_refused_with_the_code() {
    let application = Application::start().await;
    let claims = application
        .transmitter
        .claims("1", &email("alice@example.com"), T);
    let pushed = application
        .push(signed(&Transmitter::header(), &claims), "Bearer y")
        .await;
    assert_eq!(pushed.status(), 400);
    assert_eq!(pushed.headers()["content-language"], "en");
    let body: Value = pushed.json().await.unwrap();
    assert_eq!(body["err"], "authentication_failed");
    application.transmitter.stop().await;
}

#[test]
fn what_the_documentation_shows_for_axum_is_what_compiles() {
    let example = include_str!("../examples/embed_axum.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert!(include_str!("../../docs/receiver.md").contains(code.trim()));
}
