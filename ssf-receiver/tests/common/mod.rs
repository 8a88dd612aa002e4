//! A Transmitter that says what a test wants it to say, over real HTTP.

#![expect(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and a harness may panic"
)]

pub mod hooks;
pub mod party;
pub mod polls;

use std::{
    net::TcpListener,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::{StatusCode, header},
    web,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use josekit::jws::JwsSigner;
use serde_json::{Value, json};
use ssf_receiver::{Builder, Receiver};
use ssf_types::{
    audience::Audience,
    jose::{self, SigningKey},
    secret::AuthorizationHeader,
    set::{Algorithm, CompactSet},
};

pub const SESSION_REVOKED: &str =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
pub const AUDIENCE: &str = "https://rp.example.com/stream/1";
pub const TOKEN: &str = "management-s3cret";

static KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256).unwrap());

/// What the Transmitter answers with, where a test does not want the truth.
#[derive(Clone)]
pub enum Lie {
    Status(u16),
    Body(String),
    /// Bytes without end.
    Endless,
}

/// The stream that was made, with its secret.
#[derive(Clone)]
pub struct Stream {
    pub id: String,
    pub configuration: Value,
    pub authorization: String,
}

#[derive(Default)]
pub struct State {
    pub issuer: Mutex<String>,
    pub keys: Mutex<Vec<SigningKey>>,
    pub metadata_lie: Mutex<Option<Lie>>,
    pub keys_lie: Mutex<Option<Lie>>,
    pub stream_iss: Mutex<Option<String>>,
    pub down: AtomicBool,
    pub key_fetches: AtomicUsize,
    pub created: AtomicUsize,
    pub deleted: AtomicUsize,
    pub streams: Mutex<Vec<Stream>>,
    /// Whether a Receiver may have one stream alone.
    pub one_stream: AtomicBool,
    /// How many of the next lists are behind: they are empty.
    pub lists_behind: AtomicUsize,
    /// Whether streams cannot be changed.
    pub unchanging: AtomicBool,
    pub updated: AtomicUsize,
    /// Whether all streams are lost when somebody asks for the status of one.
    pub forgetful: AtomicBool,
    /// Whether no stream has a status.
    pub without_status: AtomicBool,
    pub statuses: AtomicUsize,
    pub inactivity_timeout: Mutex<Option<u64>>,
    /// Where streams are polled, if not here.
    pub polled_at: Mutex<Option<String>>,
    pub polls: polls::Polls,
    /// Bodies of the requests for a verification.
    pub verifications: Mutex<Vec<Value>>,
}

pub struct Transmitter {
    pub state: Arc<State>,
    pub issuer: String,
    server: ServerHandle,
}

impl Transmitter {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        state.issuer.lock().unwrap().clone_from(&issuer);
        state.keys.lock().unwrap().push(KEY.clone());
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/.well-known/ssf-configuration", web::get().to(metadata))
                .route("/.well-known/openid-configuration", web::get().to(provider))
                .route("/jwks", web::get().to(keys))
                .route("/moved/jwks", web::get().to(moved_keys))
                .route("/streams", web::get().to(list))
                .route("/streams", web::post().to(create))
                .route("/streams", web::patch().to(update))
                .route("/streams", web::delete().to(delete))
                .route("/status", web::get().to(status))
                .route("/verify", web::post().to(verify))
                .route("/poll/{stream}", web::post().to(polls::poll))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            state,
            issuer,
            server: handle,
        }
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }

    /// The only stream.
    pub fn stream(&self) -> Stream {
        let streams = self.state.streams.lock().unwrap();
        assert_eq!(streams.len(), 1);
        streams[0].clone()
    }

    pub fn header() -> Value {
        json!({ "alg": "ES256", "kid": KEY.kid(), "typ": "secevent+jwt" })
    }

    /// Claims of an ID token of `sub` that was issued a minute ago, with `more` beside them or in their place.
    pub fn token_claims(&self, sub: &str, more: &Value) -> Value {
        let mut claims = json!({
            "iss": self.issuer, "aud": "application", "sub": sub, "jti": format!("token-of-{sub}"),
            "iat": now() - 60, "auth_time": now() - 60, "exp": now() + 600,
        });
        let members = more.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(members);
        claims
    }

    /// An ID token with these claims.
    pub fn token(&self, sub: &str, more: &Value) -> String {
        let mut header = Self::header();
        header["typ"] = "JWT".into();
        signed(&header, &self.token_claims(sub, more))
    }

    /// Claims of a SET that ends the session that `subject` names.
    pub fn claims(&self, jti: &str, subject: &Value, happened: u64) -> Value {
        json!({
            "iss": self.issuer, "jti": jti, "iat": happened, "aud": AUDIENCE, "sub_id": subject,
            "events": { SESSION_REVOKED: {
                "event_timestamp": happened,
                "reason_user": { "en": "Signed out by an administrator", "de": "Vom Administrator abgemeldet" },
            }},
        })
    }
}

/// Signs whatever it is given, well formed or not.
pub fn signed_with(key: &SigningKey, header: &Value, claims: &str) -> String {
    let pem = secrecy::ExposeSecret::expose_secret(key.pem());
    let signer = josekit::jws::ES256.signer_from_pem(pem).unwrap();
    let header = BASE64URL.encode(header.to_string());
    CompactSet::compose(&header, claims.as_bytes(), |input| signer.sign(input))
        .unwrap()
        .into_string()
}

pub fn signed(header: &Value, claims: &Value) -> String {
    signed_with(&KEY, header, &claims.to_string())
}

/// A receiver of what the Transmitter pushes with `Bearer x`.
pub fn builder(transmitter: &Transmitter) -> Builder {
    Receiver::builder(&transmitter.issuer, "http://127.0.0.1:9/push").existing_stream(
        Audience::new([AUDIENCE]).unwrap(),
        AuthorizationHeader::parse("Bearer x").unwrap(),
    )
}

pub async fn started(builder: Builder) -> Receiver {
    let receiver = builder.start().await.unwrap();
    receiver.ready().await;
    receiver
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the program that is tested has no other clock"
)]
pub fn now() -> u64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub fn email(email: &str) -> Value {
    json!({ "format": "email", "email": email })
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()
        .unwrap()
}

pub async fn push(url: &str, authorization: &str, set: String) -> reqwest::Response {
    client()
        .post(url)
        .header("Authorization", authorization)
        .header("Content-Type", "application/secevent+jwt")
        .body(set)
        .send()
        .await
        .unwrap()
}

/// Waits, within bounds, until `is_so` is.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    eventually(what, async || is_so()).await;
}

/// The same where it has to be asked for.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_mins(1), waiting).await;
    assert!(waited.is_ok(), "{what}");
}

type Shared = web::Data<State>;

fn told(lie: &Mutex<Option<Lie>>, state: &State, truth: &Value) -> HttpResponse {
    if state.down.load(Ordering::SeqCst) {
        return HttpResponse::ServiceUnavailable().finish();
    }
    match lie.lock().unwrap().clone() {
        None => HttpResponse::Ok().json(truth),
        Some(Lie::Status(status)) => HttpResponse::build(StatusCode::from_u16(status).unwrap())
            .insert_header((header::LOCATION, "/elsewhere"))
            .finish(),
        Some(Lie::Body(body)) => HttpResponse::Ok().body(body),
        Some(Lie::Endless) => {
            let chunk = web::Bytes::from_static(&[b' '; 16 * 1024]);
            let chunks =
                futures_util::stream::repeat_with(move || Ok::<_, actix_web::Error>(chunk.clone()));
            HttpResponse::Ok().streaming(chunks)
        }
    }
}

async fn metadata(state: Shared) -> HttpResponse {
    let issuer = state.issuer.lock().unwrap().clone();
    let truth = json!({
        "spec_version": "1_0", "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
        "configuration_endpoint": format!("{issuer}/streams"), "status_endpoint": format!("{issuer}/status"),
        "verification_endpoint": format!("{issuer}/verify"), "set_sequence_supported": true,
        "delivery_methods_supported": ["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"],
    });
    told(&state.metadata_lie, &state, &truth)
}

/// The metadata of the same as an OpenID Provider, whose keys are the same.
async fn provider(state: Shared) -> HttpResponse {
    let issuer = state.issuer.lock().unwrap().clone();
    let truth = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
    told(&state.metadata_lie, &state, &truth)
}

async fn keys(state: Shared) -> HttpResponse {
    state.key_fetches.fetch_add(1, Ordering::SeqCst);
    let truth = jose::jwks(&*state.keys.lock().unwrap());
    told(&state.keys_lie, &state, &truth)
}

/// The keys in a place where nothing is wrong with them.
async fn moved_keys(state: Shared) -> HttpResponse {
    HttpResponse::Ok().json(jose::jwks(&*state.keys.lock().unwrap()))
}

fn refused(request: &HttpRequest, state: &State) -> Option<HttpResponse> {
    if state.down.load(Ordering::SeqCst) {
        return Some(HttpResponse::ServiceUnavailable().finish());
    }
    let presented = request.headers().get("Authorization");
    let expected = format!("Bearer {TOKEN}");
    (presented.and_then(|value| value.to_str().ok()) != Some(&expected))
        .then(|| HttpResponse::Unauthorized().finish())
}

async fn list(request: HttpRequest, state: Shared) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    let behind = &state.lists_behind;
    let fewer = |count: usize| count.checked_sub(1);
    if behind
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer)
        .is_ok()
    {
        return HttpResponse::Ok().json(json!([]));
    }
    let streams = state.streams.lock().unwrap();
    let all: Vec<&Value> = streams.iter().map(|stream| &stream.configuration).collect();
    HttpResponse::Ok().json(all)
}

async fn create(request: HttpRequest, state: Shared, body: web::Json<Value>) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    if state.one_stream.load(Ordering::SeqCst) && !state.streams.lock().unwrap().is_empty() {
        return HttpResponse::Conflict().finish();
    }
    let number = state.created.fetch_add(1, Ordering::SeqCst) + 1;
    let mut delivery = body["delivery"].clone();
    let secret = delivery["authorization_header"].take();
    delivery
        .as_object_mut()
        .unwrap()
        .remove("authorization_header");
    if delivery["method"] == "urn:ietf:rfc:8936" {
        let issuer = state.issuer.lock().unwrap();
        let elsewhere = state.polled_at.lock().unwrap().clone();
        let place = elsewhere.unwrap_or_else(|| format!("{issuer}/poll/{number}"));
        delivery["endpoint_url"] = place.into();
    }
    let iss = state.stream_iss.lock().unwrap().clone();
    let iss = iss.unwrap_or_else(|| state.issuer.lock().unwrap().clone());
    let id = format!("stream-{number}");
    let mut configuration = json!({
        "stream_id": id, "iss": iss, "aud": AUDIENCE, "delivery": delivery,
        "events_requested": body["events_requested"], "events_delivered": body["events_requested"],
        "set_sequence": body["set_sequence"],
    });
    if let Some(timeout) = *state.inactivity_timeout.lock().unwrap() {
        configuration["inactivity_timeout"] = timeout.into();
    }
    state.streams.lock().unwrap().push(Stream {
        id,
        configuration: configuration.clone(),
        authorization: secret.as_str().unwrap_or_default().to_owned(),
    });
    HttpResponse::Created().json(configuration)
}

async fn update(request: HttpRequest, state: Shared, body: web::Json<Value>) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    if state.unchanging.load(Ordering::SeqCst) {
        return HttpResponse::MethodNotAllowed().finish();
    }
    let mut streams = state.streams.lock().unwrap();
    let is_it = |stream: &&mut Stream| body["stream_id"] == stream.id.as_str();
    let Some(stream) = streams.iter_mut().find(is_it) else {
        return HttpResponse::NotFound().finish();
    };
    state.updated.fetch_add(1, Ordering::SeqCst);
    if let Some(events) = body.get("events_requested") {
        stream.configuration["events_requested"] = events.clone();
        stream.configuration["events_delivered"] = events.clone();
    }
    if let Some(delivery) = body.get("delivery") {
        let mut delivery = delivery.clone();
        let members = delivery.as_object_mut().unwrap();
        let secret = members.remove("authorization_header").unwrap_or_default();
        secret
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut stream.authorization);
        stream.configuration["delivery"] = delivery;
    }
    HttpResponse::Ok().json(&stream.configuration)
}

async fn delete(
    request: HttpRequest,
    state: Shared,
    query: web::Query<std::collections::HashMap<String, String>>,
) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    state.deleted.fetch_add(1, Ordering::SeqCst);
    let mut streams = state.streams.lock().unwrap();
    streams.retain(|stream| stream.id != query["stream_id"]);
    HttpResponse::NoContent().finish()
}

async fn verify(request: HttpRequest, state: Shared, body: web::Json<Value>) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    state.verifications.lock().unwrap().push(body.into_inner());
    HttpResponse::NoContent().finish()
}

async fn status(
    request: HttpRequest,
    state: Shared,
    query: web::Query<std::collections::HashMap<String, String>>,
) -> HttpResponse {
    if let Some(refusal) = refused(&request, &state) {
        return refusal;
    }
    state.statuses.fetch_add(1, Ordering::SeqCst);
    if state.forgetful.swap(false, Ordering::SeqCst) {
        state.streams.lock().unwrap().clear();
    }
    let id = &query["stream_id"];
    let mut streams = state.streams.lock().unwrap().clone().into_iter();
    if state.without_status.load(Ordering::SeqCst) || !streams.any(|stream| stream.id == *id) {
        return HttpResponse::NotFound().finish();
    }
    HttpResponse::Ok().json(json!({ "stream_id": id, "status": "enabled" }))
}
