//! A server's keys come and go, and so does the server: a real one on loopback, and a clock that the test moves.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use openssl::{
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::{PKey, Private},
    rsa::Rsa,
    sign::Signer,
};
use serde_json::{Value, json};
use ssf_types::jose::PublicKey;
use tokio::time;

use super::*;
use crate::domain::{authorization_server::IntrospectionClient, push_address::OwnMachine};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub(super) const HERE: &str = "https://tr.example.com";

pub(super) struct State {
    issuer: String,
    keys: Vec<Value>,
    pub(super) is_up: bool,
    /// How often the metadata were asked for.
    asked: usize,
    /// What is said of every token.
    pub(super) introspection: Value,
    /// The forms with which the server was asked about tokens.
    pub(super) questions: Vec<String>,
}

/// A server that publishes what the test says.
pub(super) struct Server {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            issuer: url.clone(),
            keys: Vec::new(),
            is_up: true,
            asked: 0,
            introspection: json!({"active": false}),
            questions: Vec::new(),
        }));
        let serving = Arc::clone(&state);
        let at = url.clone();
        thread::spawn(move || {
            for connection in listener.incoming() {
                answer(&connection.unwrap(), &at, &serving);
            }
        });
        Self { url, state }
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    fn publish(&self, keys: &[&Key]) {
        self.set(|state| state.keys = keys.iter().map(|key| key.jwk()).collect());
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// What stands for the server here.
    fn trusted(&self) -> ExternalServer {
        self.trusted_with(None)
    }

    /// The same, which is asked about tokens if we are a client of its.
    pub(super) fn trusted_with(&self, client: Option<IntrospectionClient>) -> ExternalServer {
        let issuer = Issuer::parse(self.url.as_str()).unwrap();
        let mut settings = AuthorizationServer::new(IssuerName::default(), issuer);
        settings.introspection = client;
        let here = Issuer::parse(HERE).unwrap();
        ExternalServer::new(settings, &here, &outbound())
    }

    fn token(&self, key: &Key, kid: Option<&str>) -> String {
        let mut header = json!({"alg": "EdDSA", "typ": "at+jwt"});
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        let claims = json!({
            "iss": self.url, "aud": HERE, "exp": 1_800_000_300, "client_id": "rp",
            "scope": "ssf.read",
        });
        key.signed(&header, &claims)
    }
}

/// Allows nothing but what is public, and a server of this machine that is named without TLS.
fn outbound() -> Outbound {
    let addresses = PushAddresses::new(OwnMachine::Refused, Vec::new());
    Outbound::new(&addresses, &TrustAnchors::default()).unwrap()
}

/// Answers one request; a server that is down hangs up.
fn answer(mut connection: &TcpStream, url: &str, state: &Mutex<State>) {
    let mut reader = BufReader::new(connection);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut state = state.lock().unwrap();
    if !state.is_up {
        return;
    }
    let document = if head.starts_with("GET /jwks ") {
        json!({"keys": state.keys})
    } else if head.starts_with("POST /introspect ") {
        state.questions.push(String::from_utf8(body).unwrap());
        state.introspection.clone()
    } else {
        state.asked += 1;
        json!({
            "issuer": state.issuer,
            "authorization_endpoint": format!("{url}/authorize"),
            "jwks_uri": format!("{url}/jwks"),
            "introspection_endpoint": format!("{url}/introspect"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    };
    let document = document.to_string();
    let length = document.len();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    let _ = write!(
        connection,
        "{head}\r\ncontent-length: {length}\r\n\r\n{document}"
    );
}

/// A key with which a server signs, and its name.
struct Key(PKey<Private>, &'static str);

impl Key {
    fn new(kid: &'static str) -> Self {
        Self(PKey::generate_ed25519().unwrap(), kid)
    }

    fn jwk(&self) -> Value {
        let pem = String::from_utf8(self.0.public_key_to_pem().unwrap()).unwrap();
        let mut jwk = PublicKey::from_pem(&pem).unwrap().to_jwk();
        jwk["kid"] = json!(self.1);
        jwk
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let encode = |json: &Value| BASE64URL.encode(json.to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let mut signer = Signer::new_without_digest(&self.0).unwrap();
        let signature = signer.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        format!("{input}.{}", BASE64URL.encode(signature))
    }
}

/// What becomes of a token.
#[derive(Debug, Eq, PartialEq)]
enum Judged {
    Accepted,
    Refused,
    NotNow,
}

async fn judged(server: &ExternalServer, token: &str) -> Judged {
    let jwt = UnverifiedJwt::parse(token).unwrap();
    match server.check(&jwt, NOW).await {
        Ok(client) => {
            assert_eq!(client.client_id, "rp");
            Judged::Accepted
        }
        Err(error) if error.is_for_now() => Judged::NotNow,
        Err(_) => Judged::Refused,
    }
}

/// Moves the clock by which fetching goes; it runs again afterwards, since what is fetched comes over real sockets.
pub(super) async fn pass(duration: Duration) {
    time::pause();
    time::advance(duration).await;
    time::resume();
}

const A_WHILE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_is_signed_with_it() {
    for kid in [Some("2"), None] {
        let (server, old, new) = (Server::start(), Key::new("1"), Key::new("2"));
        server.publish(&[&old]);
        let trusted = server.trusted();
        let before = judged(&trusted, &server.token(&old, Some("1"))).await;
        assert_eq!(before, Judged::Accepted);
        server.publish(&[&old, &new]);
        let token = server.token(&new, kid);
        assert_eq!(judged(&trusted, &token).await, Judged::NotNow, "{kid:?}");
        pass(A_WHILE).await;
        assert_eq!(judged(&trusted, &token).await, Judged::Accepted, "{kid:?}");
        assert_eq!(server.asked(), 2);
    }
}

#[tokio::test]
async fn made_up_keys_cost_the_server_one_question_in_a_while() {
    let (server, key) = (Server::start(), Key::new("1"));
    server.publish(&[&key]);
    let trusted = server.trusted();
    let made_up = server.token(&key, Some("made-up"));
    assert_eq!(
        judged(&trusted, &server.token(&key, None)).await,
        Judged::Accepted
    );
    assert_eq!(judged(&trusted, &made_up).await, Judged::NotNow);
    pass(A_WHILE).await;
    assert_eq!(judged(&trusted, &made_up).await, Judged::Refused);
    for _ in 0..5 {
        assert_eq!(judged(&trusted, &made_up).await, Judged::NotNow);
    }
    assert_eq!(server.asked(), 2);
    assert_eq!(
        judged(&trusted, &server.token(&key, Some("1"))).await,
        Judged::Accepted
    );
}

#[tokio::test]
async fn a_wrong_signature_under_a_known_key_is_refused_without_a_question() {
    let (server, key) = (Server::start(), Key::new("1"));
    server.publish(&[&key]);
    let trusted = server.trusted();
    assert_eq!(
        judged(&trusted, &server.token(&key, Some("1"))).await,
        Judged::Accepted
    );
    pass(A_WHILE).await;
    let forged = server.token(&Key::new("1"), Some("1"));
    assert_eq!(judged(&trusted, &forged).await, Judged::Refused);
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn keys_outlive_an_outage_for_an_hour_and_then_nobody_is_let_in() {
    let (server, key) = (Server::start(), Key::new("1"));
    server.publish(&[&key]);
    let trusted = server.trusted();
    let token = server.token(&key, Some("1"));
    assert_eq!(judged(&trusted, &token).await, Judged::Accepted);
    server.set(|state| state.is_up = false);
    pass(Duration::from_mins(59)).await;
    assert_eq!(judged(&trusted, &token).await, Judged::Accepted);
    pass(Duration::from_mins(1)).await;
    assert_eq!(judged(&trusted, &token).await, Judged::NotNow);
    server.set(|state| state.is_up = true);
    pass(A_WHILE).await;
    assert_eq!(judged(&trusted, &token).await, Judged::Accepted);
}

#[tokio::test]
async fn a_key_that_was_withdrawn_counts_no_longer_than_ten_minutes() {
    let (server, key) = (Server::start(), Key::new("1"));
    server.publish(&[&key]);
    let trusted = server.trusted();
    let token = server.token(&key, Some("1"));
    assert_eq!(judged(&trusted, &token).await, Judged::Accepted);
    server.publish(&[&Key::new("2")]);
    pass(Duration::from_mins(10)).await;
    assert_ne!(judged(&trusted, &token).await, Judged::Accepted);
    pass(A_WHILE).await;
    assert_eq!(judged(&trusted, &token).await, Judged::Refused);
}

#[tokio::test]
async fn the_metadata_of_another_issuer_are_not_taken() {
    let (server, key) = (Server::start(), Key::new("1"));
    server.publish(&[&key]);
    server.set(|state| state.issuer = "https://as.example.com".to_owned());
    let token = server.token(&key, Some("1"));
    assert_eq!(judged(&server.trusted(), &token).await, Judged::NotNow);
}

#[tokio::test]
async fn keys_of_all_our_algorithms_are_taken_as_they_are_and_others_are_passed_over() {
    let server = Server::start();
    let p256 = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = PKey::from_ec_key(EcKey::generate(&p256).unwrap()).unwrap();
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut keys = vec![
        Key(rsa, "rsa").jwk(),
        Key(ec, "ec").jwk(),
        Key::new("ed").jwk(),
    ];
    keys[0]["alg"] = json!("PS256");
    let others = [
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}),
        json!({"kty": "new", "kid": "unknown"}),
    ];
    server.set(|state| state.keys = [&keys[..], &others].concat());
    let issuer = Issuer::parse(server.url.as_str()).unwrap();
    let discovery = Discovery::new(issuer, &outbound());
    let published = discovery.current().await.unwrap();
    let taken = published.keys.to_jwks();
    assert_eq!(taken["keys"].as_array().unwrap().len(), 3, "{taken}");
    for (taken, given) in taken["keys"].as_array().unwrap().iter().zip(&keys) {
        for name in ["kid", "kty", "n", "e", "crv", "x", "y"] {
            assert_eq!(taken.get(name), given.get(name), "{name}");
        }
    }
    assert_eq!(taken["keys"][0]["alg"], "PS256");
}
