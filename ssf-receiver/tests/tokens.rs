//! Access tokens of an authorization server that the Transmitter names, or that lies.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode, web,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as BASE64URL},
};
use common::until;
use serde_json::{Value, json};
use ssf_receiver::{OAuthClient, Receiver, StreamState};
use ssf_types::{jose::SigningKey, set::Algorithm, uri::Issuer};

const SECRET: &str = "client-s3cret";
const ENDPOINT: &str = "http://127.0.0.1:9/push";

/// A request for a token, as it came.
#[derive(Clone, Debug)]
struct Asked {
    authorization: Option<String>,
    form: Vec<(String, String)>,
}

impl Asked {
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.form.iter();
        let (_, value) = values.find(|(key, _)| key == name)?;
        Some(value)
    }
}

#[derive(Default)]
struct State {
    issuer: Mutex<String>,
    /// Whether the refusal says where the document is.
    silent: AtomicBool,
    resource: Mutex<Value>,
    server: Mutex<Value>,
    /// What the token endpoint answers, but for the token itself, which is numbered.
    grant: Mutex<(u16, Value)>,
    asked: Mutex<Vec<Asked>>,
    /// How many of the first tokens are refused.
    refused: AtomicUsize,
    probes: AtomicUsize,
    streams: Mutex<Vec<Value>>,
}

/// A Transmitter and its authorization server.
struct World {
    state: Arc<State>,
    issuer: String,
    server: ServerHandle,
}

impl World {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        state.issuer.lock().unwrap().clone_from(&issuer);
        *state.resource.lock().unwrap() = json!({
            "resource": issuer, "authorization_servers": [format!("{issuer}/as")],
            "scopes_supported": ["profile", "ssf.read", "ssf.manage"],
        });
        *state.server.lock().unwrap() = json!({
            "issuer": format!("{issuer}/as"), "token_endpoint": format!("{issuer}/as/token"),
        });
        let grant = json!({ "token_type": "Bearer", "expires_in": 3600 });
        *state.grant.lock().unwrap() = (200, grant);
        let data = web::Data::from(Arc::clone(&state));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/as/token", web::post().to(token))
                .default_service(web::to(other))
        });
        let server = server.workers(1).disable_signals();
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Self {
            state,
            issuer,
            server: handle,
        }
    }

    async fn receiver(&self, client: OAuthClient) -> Receiver {
        let builder = Receiver::builder(&self.issuer, ENDPOINT).oauth_client(client);
        builder.in_memory().start().await.unwrap()
    }

    async fn ready(&self, client: OAuthClient) -> Receiver {
        let receiver = self.receiver(client).await;
        receiver.ready().await;
        receiver
    }

    /// Why no stream can be set up.
    async fn last_error(&self, client: OAuthClient) -> String {
        let receiver = self.receiver(client).await;
        let mut found = None;
        until("an attempt fails", || {
            if let StreamState::Pending { last_error } = receiver.status().stream {
                found = last_error;
            }
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn token(
    request: HttpRequest,
    form: web::Form<Vec<(String, String)>>,
    state: web::Data<State>,
) -> HttpResponse {
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
    let form = form.into_inner();
    let mut asked = state.asked.lock().unwrap();
    asked.push(Asked {
        authorization,
        form,
    });
    let (status, mut body) = state.grant.lock().unwrap().clone();
    if status == 200 && body.is_object() && body.get("access_token").is_none() {
        body["access_token"] = format!("token-{}", asked.len()).into();
    }
    HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(body)
}

async fn other(request: HttpRequest, body: web::Bytes, state: web::Data<State>) -> HttpResponse {
    let issuer = state.issuer.lock().unwrap().clone();
    match request.path() {
        "/.well-known/ssf-configuration" => {
            return HttpResponse::Ok().json(json!({
                "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
                "configuration_endpoint": format!("{issuer}/streams"),
                "status_endpoint": format!("{issuer}/status"), "verification_endpoint": format!("{issuer}/verify"),
            }));
        }
        "/jwks" => {
            let key = SigningKey::generate(Algorithm::Es256).unwrap();
            return HttpResponse::Ok().json(ssf_types::jose::jwks(&[key]));
        }
        "/resource" if !state.silent.load(Ordering::SeqCst) => {
            return HttpResponse::Ok().json(&*state.resource.lock().unwrap());
        }
        "/.well-known/oauth-protected-resource" => {
            return HttpResponse::Ok().json(&*state.resource.lock().unwrap());
        }
        "/.well-known/oauth-authorization-server/as" => {
            return HttpResponse::Ok().json(&*state.server.lock().unwrap());
        }
        _ => {}
    }
    managed(&request, &body, &state, &issuer)
}

fn managed(request: &HttpRequest, body: &[u8], state: &State, issuer: &str) -> HttpResponse {
    let presented = request.headers().get("authorization");
    let presented = presented
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let number = presented.strip_prefix("Bearer token-");
    let number: Option<usize> = number.and_then(|number| number.parse().ok());
    if number.is_none() {
        state.probes.fetch_add(1, Ordering::SeqCst);
    }
    if number.is_none_or(|number| number <= state.refused.load(Ordering::SeqCst)) {
        let mut refusal = HttpResponse::Unauthorized();
        if !state.silent.load(Ordering::SeqCst) {
            let challenge =
                format!(r#"Bearer error="invalid_token", resource_metadata="{issuer}/resource""#);
            refusal.insert_header(("www-authenticate", challenge));
        }
        return refusal.finish();
    }
    let mut streams = state.streams.lock().unwrap();
    match (request.method().as_str(), request.path()) {
        ("GET", "/streams") => HttpResponse::Ok().json(&*streams),
        ("POST", "/streams") => {
            let asked: Value = serde_json::from_slice(body).unwrap();
            let mut delivery = asked["delivery"].clone();
            delivery
                .as_object_mut()
                .unwrap()
                .remove("authorization_header");
            let stream = json!({
                "stream_id": "1", "iss": issuer, "aud": "a", "delivery": delivery,
                "events_requested": asked["events_requested"], "events_delivered": asked["events_requested"],
            });
            streams.push(stream.clone());
            HttpResponse::Created().json(stream)
        }
        ("GET", "/status") => {
            HttpResponse::Ok().json(json!({ "stream_id": "1", "status": "enabled" }))
        }
        _ => HttpResponse::NoContent().finish(),
    }
}

fn client() -> OAuthClient {
    OAuthClient::with_secret("app", SECRET)
}

#[actix_web::test]
async fn one_token_from_where_the_refusal_leads_serves_all_requests() {
    let world = World::start();
    let receiver = world.ready(client()).await;
    let asked = world.asked();
    assert_eq!(asked.len(), 1);
    let basic = format!("Basic {}", STANDARD.encode(format!("app:{SECRET}")));
    assert_eq!(asked[0].authorization.as_deref(), Some(&*basic));
    assert_eq!(asked[0].value("grant_type"), Some("client_credentials"));
    // Those that the document names, of those that are needed.
    assert_eq!(asked[0].value("scope"), Some("ssf.manage ssf.read"));
    assert_eq!(asked[0].value("client_secret"), None);
    assert_eq!(world.state.probes.load(Ordering::SeqCst), 1);
    receiver.delete_stream().await.unwrap();
    assert_eq!(world.asked().len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn a_refusal_that_leads_nowhere_leaves_the_well_known_place() {
    let world = World::start();
    world.state.silent.store(true, Ordering::SeqCst);
    world.ready(client()).await;
    assert_eq!(world.asked().len(), 1);
    world.stop().await;
}

#[actix_web::test]
async fn a_transmitter_that_has_its_own_names_for_scopes_is_asked_for_those() {
    let world = World::start();
    world.state.resource.lock().unwrap()["scopes_supported"] = json!(["events", "streams"]);
    world.ready(client()).await;
    assert_eq!(world.asked()[0].value("scope"), Some("events streams"));
    world.stop().await;
}

#[actix_web::test]
async fn a_server_and_scopes_that_are_configured_are_not_looked_for() {
    let world = World::start();
    *world.state.resource.lock().unwrap() = Value::Null;
    let server = Issuer::parse(format!("{}/as", world.issuer)).unwrap();
    let client = client().authorization_server(server).scopes(["a", "b"]);
    world.ready(client).await;
    assert_eq!(world.asked()[0].value("scope"), Some("a b"));
    assert_eq!(world.state.probes.load(Ordering::SeqCst), 0);
    world.stop().await;
}

#[actix_web::test]
async fn a_secret_goes_into_the_body_where_that_alone_is_taken() {
    let world = World::start();
    let methods = json!(["private_key_jwt", "client_secret_post"]);
    world.state.server.lock().unwrap()["token_endpoint_auth_methods_supported"] = methods;
    world.ready(client()).await;
    let asked = world.asked();
    assert_eq!(asked[0].authorization, None);
    assert_eq!(asked[0].value("client_secret"), Some(SECRET));
    world.stop().await;
}

#[actix_web::test]
async fn a_client_with_a_key_signs_an_assertion_and_sends_no_secret() {
    let world = World::start();
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    world.ready(OAuthClient::with_key("app", key.clone())).await;
    let asked = world.asked();
    assert_eq!(asked[0].authorization, None);
    assert_eq!(asked[0].value("client_id"), Some("app"));
    assert_eq!(asked[0].value("client_secret"), None);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(asked[0].value("client_assertion_type"), Some(kind));
    let assertion = asked[0].value("client_assertion").unwrap();

    // Another library judges it.
    let jwk = key.public_key().to_jwk().to_string();
    let jwk = josekit::jwk::Jwk::from_bytes(jwk.as_bytes()).unwrap();
    let verifier = josekit::jws::ES256.verifier_from_jwk(&jwk).unwrap();
    let (claims, header) = josekit::jwt::decode_with_verifier(assertion, &verifier).unwrap();
    assert_eq!(header.token_type(), Some("JWT"));
    assert_eq!(
        (claims.issuer(), claims.subject()),
        (Some("app"), Some("app"))
    );
    let endpoint = format!("{}/as/token", world.issuer);
    assert_eq!(claims.claim("aud"), Some(&json!(endpoint)));
    assert_eq!(claims.jwt_id().unwrap().len(), 32);
    let life = claims
        .expires_at()
        .unwrap()
        .duration_since(claims.issued_at().unwrap());
    assert_eq!(life.unwrap().as_secs(), 120);
    let middle = assertion.split('.').nth(1).unwrap();
    assert!(BASE64URL.decode(middle).is_ok());
    world.stop().await;
}

#[actix_web::test]
async fn a_token_that_is_about_to_end_is_used_for_one_request_alone() {
    let world = World::start();
    world.state.grant.lock().unwrap().1["expires_in"] = 30.into();
    world.ready(client()).await;
    // The list, the creation, and the status: each had another.
    assert!(world.asked().len() >= 3);
    // Where they are had is found out once.
    assert_eq!(world.state.probes.load(Ordering::SeqCst), 1);
    world.stop().await;
}

#[actix_web::test]
async fn a_token_that_is_refused_is_fetched_once_anew() {
    let world = World::start();
    world.state.refused.store(1, Ordering::SeqCst);
    world.ready(client()).await;
    assert_eq!(world.asked().len(), 2);
    world.stop().await;
}

#[actix_web::test]
async fn a_transmitter_that_refuses_every_token_is_told_so_after_two() {
    let world = World::start();
    world.state.refused.store(usize::MAX, Ordering::SeqCst);
    let told = world.last_error(client()).await;
    assert!(
        told.contains(
            "answered with status 401; check the management token, or the client's credentials"
        ),
        "{told}"
    );
    assert_eq!(world.asked().len(), 2);
    world.stop().await;
}

#[actix_web::test]
async fn a_refusal_of_the_authorization_server_is_told_with_what_to_do_and_without_the_secret() {
    for (code, hint) in [
        (
            "invalid_client",
            "check the client's id, and its secret or key",
        ),
        ("unauthorized_client", "may not use client credentials"),
        ("invalid_scope", "configure others"),
        ("too\nodd", "too\\nodd"),
    ] {
        let world = World::start();
        let refusal = json!({ "error": code, "error_description": format!("not {SECRET}") });
        *world.state.grant.lock().unwrap() = (400, refusal);
        let told = world.last_error(client()).await;
        assert!(told.contains(hint), "{told}");
        assert!(!told.contains("s3cret"), "{told}");
        world.stop().await;
    }
}

#[actix_web::test]
async fn what_is_no_token_to_be_sent_is_refused_and_not_repeated() {
    let told = "not one of RFC 6749 §5.1, or its token is none to be sent as Bearer";
    for grant in [
        json!({ "access_token": "s3cret", "token_type": "mac" }),
        json!({ "access_token": "s3\ncret", "token_type": "Bearer" }),
        json!({ "access_token": "s3cret".repeat(2000), "token_type": "Bearer" }),
        json!({ "access_token": ["s3cret"], "token_type": "Bearer" }),
        json!({ "access_token": "s3cret" }),
        json!("s3cret"),
    ] {
        let world = World::start();
        *world.state.grant.lock().unwrap() = (200, grant.clone());
        let error = world.last_error(client()).await;
        assert!(error.contains(told), "{grant}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
        world.stop().await;
    }
}

#[actix_web::test]
async fn documents_that_are_not_about_this_transmitter_or_its_server_lead_to_no_token() {
    type Change = fn(&World);
    let changes: [(Change, &str); 6] = [
        (
            |world| {
                world.state.resource.lock().unwrap()["resource"] =
                    json!("https://evil.example.com");
            },
            "about another resource than the transmitter",
        ),
        (
            |world| world.state.resource.lock().unwrap()["authorization_servers"] = json!([]),
            "configure authorization_server",
        ),
        (
            |world| {
                world.state.resource.lock().unwrap()["authorization_servers"] =
                    json!(["http://evil.example.com"]);
            },
            "authorization_servers must be",
        ),
        (
            |world| {
                world.state.server.lock().unwrap()["issuer"] = json!("https://evil.example.com");
            },
            "issuer must be byte for byte",
        ),
        (
            |world| {
                world.state.server.lock().unwrap()["token_endpoint"] =
                    json!("http://evil.example.com/token");
            },
            "token_endpoint must be an https URL",
        ),
        (
            |world| {
                let methods = json!(["tls_client_auth"]);
                world.state.server.lock().unwrap()["token_endpoint_auth_methods_supported"] =
                    methods;
            },
            "takes neither client_secret_basic nor anything else that this client has",
        ),
    ];
    for (change, told) in changes {
        let world = World::start();
        change(&world);
        let error = world.last_error(client()).await;
        assert!(error.contains(told), "{error}");
        assert!(world.asked().is_empty());
        world.stop().await;
    }
}
