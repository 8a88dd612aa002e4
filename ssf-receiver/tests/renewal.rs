//! Renewals, in applications of actix-web and of axum side by side, which answer alike.

#![cfg(all(feature = "actix", feature = "tower", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    App, HttpRequest, HttpServer,
    dev::{ServerHandle, ServiceRequest},
    web,
};
use axum::{Router, extract::Request, http::request::Parts, routing::get};
use common::{Transmitter, builder, client, email, signed, started, until};
use futures_util::future::join_all;
use serde_json::{Value, json};
use ssf_receiver::{
    Receiver, SessionKeys,
    guard::{Decision, Reason, Renewed},
};
use ssf_types::time::Timestamp;
use tokio::sync::Semaphore;

const T: u64 = 1_615_305_159;

/// After every watermark.
const LATER: u64 = 4_000_000_000;

/// An identity provider that is asked whether sessions go on.
struct Provider {
    answer: Mutex<Renewed>,
    asked: AtomicUsize,
    /// Requests whose session was looked at.
    came: AtomicUsize,
    /// Whether it answers at all, for now.
    open: Semaphore,
}

impl Provider {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            answer: Mutex::new(Renewed::Confirmed),
            asked: AtomicUsize::new(0),
            came: AtomicUsize::new(0),
            open: Semaphore::new(1),
        })
    }

    async fn asked(self: Arc<Self>) -> Renewed {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _turn = self.open.acquire().await.unwrap();
        *self.answer.lock().unwrap()
    }

    fn says(&self, renewed: Renewed) {
        *self.answer.lock().unwrap() = renewed;
    }

    fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn session_of(&self, header: Option<&str>) -> Option<SessionKeys> {
        self.came.fetch_add(1, Ordering::SeqCst);
        serde_json::from_str(header?).ok()
    }
}

/// At `/` sessions are renewed, at `/without` they are not.
async fn in_axum(receiver: &Receiver, provider: &Arc<Provider>) -> String {
    let (sessions, asked) = (Arc::clone(provider), Arc::clone(provider));
    let session_of = move |request: &Request| {
        let header = request.headers().get("x-session");
        sessions.session_of(header.and_then(|value| value.to_str().ok()))
    };
    let without = receiver.layer(session_of);
    let with = without
        .clone()
        .on_renew(move |_: &Parts, _: &SessionKeys| Arc::clone(&asked).asked());
    let app = Router::new()
        .route("/", get(async || "secret page").layer(with))
        .route("/without", get(async || "secret page").layer(without));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

fn in_actix(receiver: &Receiver, provider: &Arc<Provider>) -> (String, ServerHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (receiver, provider) = (receiver.clone(), Arc::clone(provider));
    let server = HttpServer::new(move || {
        let (sessions, asked) = (Arc::clone(&provider), Arc::clone(&provider));
        let session_of = move |request: &ServiceRequest| {
            let header = request.headers().get("x-session");
            sessions.session_of(header.and_then(|value| value.to_str().ok()))
        };
        let with = receiver
            .guard(session_of.clone())
            .on_renew(move |_: &HttpRequest, _| Arc::clone(&asked).asked());
        let page = || web::get().to(async || "secret page");
        App::new()
            .service(web::resource("/").wrap(with).route(page()))
            .service(
                web::resource("/without")
                    .wrap(receiver.guard(session_of))
                    .route(page()),
            )
    });
    let server = server
        .workers(2)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (url, handle)
}

struct Setting {
    transmitter: Transmitter,
    receiver: Receiver,
    provider: Arc<Provider>,
    actix: ServerHandle,
    client: reqwest::Client,
    /// Those of actix-web's application and of axum's.
    urls: [String; 2],
}

impl Setting {
    async fn of(revocations_max: u32) -> Self {
        let transmitter = Transmitter::start();
        let builder = builder(&transmitter).in_memory();
        let receiver = started(builder.revocations_max(revocations_max)).await;
        let provider = Provider::new();
        let (url, actix) = in_actix(&receiver, &provider);
        Self {
            urls: [url, in_axum(&receiver, &provider).await],
            transmitter,
            receiver,
            provider,
            actix,
            client: client(),
        }
    }

    /// One that has forgotten what it was told, and does so with whatever it is told.
    async fn that_forgets() -> Self {
        let setting = Self::of(1).await;
        setting.revoke("1", "mallory@example.com").await;
        let session = setting.session("alice@example.com", T);
        until("what was told is forgotten", || {
            let decision = setting.receiver.decide_by_keys(&session);
            matches!(decision, Decision::Deny(denial) if denial.reason() == Reason::Renew)
        })
        .await;
        setting
    }

    async fn accept(&self, claims: &Value) {
        let set = signed(&Transmitter::header(), claims);
        let media_type = Some("application/secevent+jwt");
        let answer = self
            .receiver
            .accept(Some("Bearer x"), media_type, set.as_bytes());
        assert_eq!(answer.await.status(), 202);
    }

    async fn revoke(&self, jti: &str, address: &str) {
        let claims = self.transmitter.claims(jti, &email(address), T);
        self.accept(&claims).await;
    }

    /// An event about that address.
    async fn tell(&self, address: &str, uri: &str, event: Value) {
        let mut claims = self.transmitter.claims(address, &email(address), T);
        claims["events"] = json!({ format!("https://schemas.openid.net/secevent/{uri}"): event });
        self.accept(&claims).await;
    }

    fn session(&self, address: &str, began: u64) -> SessionKeys {
        let session = self.receiver.session(Timestamp::from_secs(began));
        let session = session.auth_time(Timestamp::from_secs(T));
        self.receiver.keys(&session.email(address))
    }

    async fn get(&self, url: &str, session: &SessionKeys) -> reqwest::Response {
        let request = self.client.get(url).header("accept-language", "de");
        let request = request.header("x-session", serde_json::to_string(session).unwrap());
        request.send().await.unwrap()
    }

    async fn stop(self) {
        self.actix.stop(false).await;
        self.transmitter.stop().await;
    }
}

#[actix_web::test]
async fn a_watermark_renews_unnoticed_once_for_a_hundred_requests_at_a_time() {
    let setting = Setting::that_forgets().await;
    for (number, url) in setting.urls.iter().enumerate() {
        let provider = &setting.provider;
        let session = setting.session(&format!("{number}@example.com"), T);
        let (came, asked) = (provider.came.load(Ordering::SeqCst), provider.times_asked());
        // Nobody is answered before all hundred are there.
        let closed = provider.open.acquire().await.unwrap();
        let requests = join_all((0..100).map(|_| setting.get(url, &session)));
        let all_are_there = until("all requests are there", || {
            provider.came.load(Ordering::SeqCst) == came + 100
        });
        let open = async {
            all_are_there.await;
            drop(closed);
        };
        let (answers, ()) = tokio::join!(requests, open);
        assert!(answers.iter().all(|answer| answer.status() == 200));
        assert_eq!(provider.times_asked(), asked + 1);
        let later = setting.get(url, &session).await;
        assert_eq!(later.text().await.unwrap(), "secret page");
        assert_eq!(provider.times_asked(), asked + 1);
    }
    setting.stop().await;
}

#[actix_web::test]
async fn a_refused_renewal_ends_the_session_for_good() {
    let setting = Setting::that_forgets().await;
    for (number, url) in setting.urls.iter().enumerate() {
        let session = setting.session(&format!("{number}@example.com"), T);
        setting.provider.says(Renewed::Refused);
        let asked = setting.provider.times_asked();
        let refused = setting.get(url, &session).await;
        assert_eq!(refused.status(), 401);
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"], "session_revoked");
        // Whatever it would say now, and whatever is forgotten besides.
        setting.provider.says(Renewed::Confirmed);
        setting
            .revoke(&format!("more-{number}"), "mallory@example.com")
            .await;
        assert_eq!(setting.get(url, &session).await.status(), 401);
        assert_eq!(setting.provider.times_asked(), asked + 1);
    }
    setting.stop().await;
}

#[actix_web::test]
async fn an_unreachable_provider_is_503_and_no_sign_out() {
    let setting = Setting::that_forgets().await;
    for (number, url) in setting.urls.iter().enumerate() {
        let session = setting.session(&format!("{number}@example.com"), T);
        setting.provider.says(Renewed::Unreachable);
        let unavailable = setting.get(url, &session).await;
        assert_eq!(unavailable.status(), 503);
        assert_eq!(unavailable.headers()["retry-after"], "5");
        assert!(!unavailable.headers().contains_key("www-authenticate"));
        let body: Value = unavailable.json().await.unwrap();
        assert_eq!(body["error"], "renewal_unavailable");
        setting.provider.says(Renewed::Confirmed);
        assert_eq!(setting.get(url, &session).await.status(), 200);
    }
    setting.stop().await;
}

#[actix_web::test]
async fn a_session_that_was_renewed_is_refused_once_it_is_revoked_even_if_that_is_forgotten() {
    let setting = Setting::that_forgets().await;
    for (number, url) in setting.urls.iter().enumerate() {
        let address = format!("{number}@example.com");
        let session = setting.session(&address, T);
        setting.provider.says(Renewed::Confirmed);
        assert_eq!(setting.get(url, &session).await.status(), 200);
        setting.provider.says(Renewed::Refused);
        setting.revoke(&format!("own-{number}"), &address).await;
        assert_eq!(setting.get(url, &session).await.status(), 401);
    }
    setting.stop().await;
}

/// What a client sees of an answer.
async fn seen(answer: reqwest::Response) -> (u16, Vec<Option<String>>, String) {
    let header = |name| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let headers = [
        "content-language",
        "vary",
        "cache-control",
        "www-authenticate",
        "retry-after",
    ];
    let headers = headers.map(header).to_vec();
    (
        answer.status().as_u16(),
        headers,
        answer.text().await.unwrap(),
    )
}

#[actix_web::test]
async fn axum_and_actix_web_answer_alike_for_each_decision() {
    let remembers = Setting::of(1_000).await;
    remembers.revoke("1", "revoked@example.com").await;
    let disabled = "risc/event-type/account-disabled";
    remembers
        .tell("blocked@example.com", disabled, json!({}))
        .await;
    let lost = json!({ "credential_type": "fido2-roaming", "change_type": "revoke", "event_timestamp": T });
    let change = "caep/event-type/credential-change";
    remembers
        .tell("reauthenticate@example.com", change, lost)
        .await;
    let risk = json!({ "principal": "USER", "current_level": "MEDIUM", "event_timestamp": T });
    let change = "caep/event-type/risk-level-change";
    remembers.tell("stepup@example.com", change, risk).await;
    let forgets = Setting::that_forgets().await;
    forgets.provider.says(Renewed::Unreachable);
    for (setting, path, who, began, status) in [
        (&remembers, "/", "allowed", T, 200),
        (&remembers, "/", "revoked", T, 401),
        (&remembers, "/", "blocked", LATER, 403),
        (&remembers, "/", "reauthenticate", LATER, 401),
        (&remembers, "/", "stepup", LATER, 401),
        (&forgets, "/", "allowed", LATER, 200),
        (&forgets, "/without", "renew", T, 401),
        (&forgets, "/", "unconfirmed", T, 503),
    ] {
        let session = setting.session(&format!("{who}@example.com"), began);
        let [actix, axum] = &setting.urls;
        let actix = seen(setting.get(&format!("{actix}{path}"), &session).await).await;
        let axum = seen(setting.get(&format!("{axum}{path}"), &session).await).await;
        assert_eq!(actix, axum, "{who}");
        assert_eq!(actix.0, status, "{who}");
    }
    remembers.stop().await;
    forgets.stop().await;
}
