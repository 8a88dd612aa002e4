//! Access tokens of an external authorization server: a real one, which answers on loopback over HTTP.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use openssl::pkey::{PKey, Private};
use serde_json::{Value, json};

use crate::{
    access::{add, receiver},
    rig::{Answer, Installation, Transmitter, client, stream_for, text, value},
    tokens::{jwk, now, signed},
};

/// An authorization server with one key.
pub(crate) struct Server {
    pub(crate) url: String,
    key: PKey<Private>,
    shared: Arc<Shared>,
}

/// What the server does when it is asked.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Says this.
    Says(Value),
    /// Answers with this status; a redirect leads to [`ELSEWHERE`].
    Status(u16),
    /// Sends a byte now and then, without end.
    Drips,
}

/// Where redirects lead.
pub(crate) const ELSEWHERE: &str = "/elsewhere";

struct Shared {
    url: String,
    jwk: Value,
    /// What is done when somebody asks about a token.
    introspection: Mutex<Reply>,
    /// Paths that were asked for, in order.
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = PKey::generate_ed25519().unwrap();
        let mut jwk: Value = serde_json::from_str(&jwk(&key)).unwrap();
        jwk["kid"] = json!("1");
        let shared = Arc::new(Shared {
            url: url.clone(),
            jwk,
            introspection: Mutex::new(Reply::Says(json!({"active": false}))),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || shared.serve(&connection.unwrap()));
            }
        });
        Self { url, key, shared }
    }

    /// Has all who ask about a token from now on answered like this.
    pub(crate) fn replies(&self, reply: Reply) {
        *self.shared.introspection.lock().unwrap() = reply;
    }

    pub(crate) fn asked(&self, path: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|known| *known == path).count()
    }

    /// An access token for `audience` with these claims changed.
    pub(crate) fn token(&self, audience: &str, change: &[(&str, Value)]) -> String {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "1"});
        self.token_with(&header, audience, change)
    }

    pub(crate) fn token_with(
        &self,
        header: &Value,
        audience: &str,
        change: &[(&str, Value)],
    ) -> String {
        let mut claims = json!({
            "iss": self.url,
            "aud": audience,
            "sub": "machine",
            "client_id": "rp-client",
            "scope": "openid ssf.manage",
            "iat": now(),
            "exp": now() + 300,
            "jti": "1",
        });
        for (name, value) in change {
            claims[name] = value.clone();
        }
        signed(&self.key, header, &claims)
    }
}

/// A request that the server got.
struct Asked {
    path: String,
    authorization: String,
    body: String,
}

impl Asked {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split(' ').nth(1)?.to_owned();
        let (mut authorization, mut length) = (String::new(), 0);
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "authorization" => value.clone_into(&mut authorization),
                "content-length" => length = value.parse().ok()?,
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            path,
            authorization,
            body: String::from_utf8(body).ok()?,
        })
    }
}

impl Shared {
    fn serve(&self, connection: &TcpStream) {
        let mut reader = BufReader::new(connection);
        while let Some(asked) = Asked::read(&mut reader) {
            self.asked.lock().unwrap().push(asked.path.clone());
            let sent = match self.answer(&asked) {
                Reply::Says(document) => send(connection, 200, &document.to_string()),
                Reply::Status(status) => send(connection, status, "{}"),
                Reply::Drips => drip(connection),
            };
            if sent.is_err() {
                return;
            }
        }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let url = &self.url;
        match asked.path.as_str() {
            "/.well-known/openid-configuration" => {
                let document = json!({
                    "issuer": url,
                    "authorization_endpoint": format!("{url}/authorize"),
                    "token_endpoint": format!("{url}/token"),
                    "jwks_uri": format!("{url}/jwks"),
                    "introspection_endpoint": format!("{url}/introspect"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["EdDSA"],
                });
                Reply::Says(document)
            }
            "/jwks" => Reply::Says(json!({"keys": [self.jwk]})),
            "/introspect" => {
                let has_form = asked.body.starts_with("token=");
                if has_form && asked.authorization == format!("Basic {}", BASE64.encode(CLIENT)) {
                    self.introspection.lock().unwrap().clone()
                } else {
                    Reply::Status(401)
                }
            }
            _ => Reply::Status(404),
        }
    }
}

fn send(mut connection: &TcpStream, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Answer\r\nlocation: {ELSEWHERE}");
    write!(
        connection,
        "{head}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn drip(mut connection: &TcpStream) -> io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 Answer\r\ncontent-length: 100000\r\n\r\n")?;
    loop {
        connection.write_all(b" ")?;
        thread::sleep(Duration::from_millis(50));
    }
}

const METADATA: &str = "/.well-known/openid-configuration";

/// A transmitter that trusts the server, with a Receiver that is its client `rp-client`.
pub(crate) struct Served {
    pub(crate) installation: Installation,
    pub(crate) transmitter: Transmitter,
    pub(crate) server: Server,
}

impl Served {
    pub(crate) fn start(more: &str) -> Self {
        Self::start_with(more, Installation::new())
    }

    pub(crate) fn start_with(more: &str, installation: Installation) -> Self {
        let server = Server::start();
        trust(&installation, &server.url, more);
        let transmitter = installation.serve();
        let client = [
            "--external-client-id",
            "rp-client",
            "--authorization-server",
            &server.url,
        ];
        let added = add(&installation, "rp", &client);
        assert_eq!(value(&added, "receiver_token"), None);
        Self {
            installation,
            transmitter,
            server,
        }
    }

    pub(crate) fn token(&self, change: &[(&str, Value)]) -> String {
        self.server.token(&self.transmitter.issuer, change)
    }

    pub(crate) async fn read(&self, token: &str) -> Answer {
        let read = client().get(self.transmitter.url("/ssf/stream"));
        Answer::to(read.bearer_auth(token)).await
    }
}

/// Name and secret with which a transmitter asks about tokens; the encoding of a form keeps both apart (RFC 6749 §2.3.1).
const CLIENT: &str = "us%3A1:s3cret";

/// An installation at whose main issuer the tokens of a server count.
fn trusting(server: &str, more: &str) -> Installation {
    let installation = Installation::new();
    trust(&installation, server, more);
    installation
}

/// Has the tokens of a server count at the main issuer of an installation.
pub(crate) fn trust(installation: &Installation, server: &str, more: &str) {
    let file = format!("[authorization_servers.corp]\nissuer = \"{server}\"\n{more}");
    fs::write(installation.path("ssf-transmitter.toml"), file).unwrap();
}

#[tokio::test]
async fn a_token_of_the_authorization_server_lets_its_client_manage_streams() {
    let served = Served::start("");
    let token = served.token(&[]);
    let create = client().post(served.transmitter.url("/ssf/stream"));
    let create = create.json(&stream_for("https://rp.example.com/events"));
    let created = Answer::to(create.bearer_auth(&token)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.json()["aud"], "https://rp.example.com");
    let listed = served.read(&token).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    assert_eq!(
        (served.server.asked(METADATA), served.server.asked("/jwks")),
        (1, 1)
    );
}

#[tokio::test]
async fn the_protected_resource_names_every_authorization_server() {
    let served = Served::start("");
    let url = served
        .transmitter
        .url("/.well-known/oauth-protected-resource");
    let document = Answer::to(client().get(url)).await.json();
    let expected = json!([served.transmitter.issuer, served.server.url]);
    assert_eq!(document["authorization_servers"], expected);

    let alone = Installation::new().with("SSF_TRANSMITTER_TOKEN_ENDPOINT", "false");
    let file = "[authorization_servers.corp]\nissuer = 'https://as.example.com'";
    fs::write(alone.path("ssf-transmitter.toml"), file).unwrap();
    let transmitter = alone.serve();
    let url = transmitter.url("/.well-known/oauth-protected-resource");
    let document = Answer::to(client().get(url)).await.json();
    assert_eq!(
        document["authorization_servers"],
        json!(["https://as.example.com"])
    );
    let url = transmitter.url("/.well-known/ssf-configuration");
    let schemes = Answer::to(client().get(url)).await.json()["authorization_schemes"].clone();
    assert_eq!(schemes[0]["spec_urn"], "urn:ietf:rfc:6749");
}

#[tokio::test]
async fn every_claim_of_a_foreign_token_is_checked() {
    let served = Served::start("");
    for (name, value) in [
        ("iss", json!("https://other.example.com")),
        ("aud", json!("https://other.example.com")),
        ("exp", json!(now() - 120)),
        ("nbf", json!(now() + 120)),
        ("client_id", json!("another-client")),
        ("client_id", json!(null)),
    ] {
        let answer = served.read(&served.token(&[(name, value)])).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert_eq!(answer.code(), "invalid_token", "{name}");
    }
    assert_eq!(served.read(&served.token(&[])).await.status, 200);
}

#[tokio::test]
async fn type_and_signature_of_a_foreign_token_are_checked() {
    let served = Served::start("");
    let issuer = &served.transmitter.issuer;
    for header in [
        json!({"alg": "EdDSA", "typ": "JWT", "kid": "1"}),
        json!({"alg": "EdDSA", "typ": "secevent+jwt", "kid": "1"}),
        json!({"alg": "EdDSA", "kid": "1"}),
        json!({"alg": "none", "typ": "at+jwt"}),
        json!({"alg": "HS256", "typ": "at+jwt", "kid": "1"}),
        json!({"alg": "ES256", "typ": "at+jwt", "kid": "1"}),
    ] {
        let token = served.server.token_with(&header, issuer, &[]);
        assert_eq!(served.read(&token).await.status, 401, "{header}");
    }
    let stranger = Server::start();
    let forged = stranger.token(issuer, &[("iss", json!(served.server.url))]);
    assert_eq!(served.read(&forged).await.status, 401);
    assert_eq!(stranger.asked(METADATA), 0);
    assert_eq!(served.read(&stranger.token(issuer, &[])).await.status, 401);
    assert_eq!(stranger.asked(METADATA), 0);
}

#[tokio::test]
async fn a_foreign_token_lets_its_bearer_do_what_both_its_scopes_and_the_receivers_allow() {
    let served = Served::start("");
    let reading = served.token(&[("scope", json!("openid ssf.read"))]);
    assert_eq!(served.read(&reading).await.status, 200);
    let create = client().post(served.transmitter.url("/ssf/stream"));
    let create = create.bearer_auth(reading).json(&json!({}));
    let refused = Answer::to(create).await;
    assert_eq!(refused.code(), "insufficient_scope");
    let nothing = served.token(&[("scope", json!("openid"))]);
    assert_eq!(served.read(&nothing).await.status, 403);

    let restricted = [
        "--scope",
        "ssf.read",
        "--external-client-id",
        "reader",
        "--authorization-server",
        &served.server.url,
    ];
    add(&served.installation, "reader", &restricted);
    let managing = served.token(&[("client_id", json!("reader"))]);
    let create = client().post(served.transmitter.url("/ssf/stream"));
    let create = create.bearer_auth(&managing).json(&json!({}));
    assert_eq!(Answer::to(create).await.status, 403);
    assert_eq!(served.read(&managing).await.status, 200);
}

#[tokio::test]
async fn a_client_whose_receiver_was_removed_is_nobody() {
    let served = Served::start("");
    let token = served.token(&[]);
    assert_eq!(served.read(&token).await.status, 200);
    receiver(&served.installation, &["remove", "rp"]);
    assert_eq!(served.read(&token).await.status, 401);
}

#[tokio::test]
async fn what_cannot_be_checked_now_is_not_called_invalid() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let installation = trusting(&gone, "");
    let transmitter = installation.serve();
    let key = PKey::generate_ed25519().unwrap();
    let claims = json!({
        "iss": gone, "aud": transmitter.issuer, "exp": now() + 60,
        "client_id": "rp-client", "scope": "ssf.read",
    });
    let token = signed(&key, &json!({"alg": "EdDSA", "typ": "at+jwt"}), &claims);
    let own = installation.add_receiver("rq");
    let read = async |token: &str| {
        let read = client().get(transmitter.url("/ssf/stream"));
        Answer::to(read.bearer_auth(token)).await
    };
    for _ in 0..2 {
        let answer = read(&token).await;
        assert_eq!(
            (answer.status, answer.code()),
            (503, "unavailable".to_owned())
        );
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(read(&own).await.status, 200, "others do not depend on it");
    assert!(!installation.log().contains(&token));
}

#[tokio::test]
async fn an_authorization_server_counts_at_its_issuer_alone() {
    let server = Server::start();
    let installation = trusting(&server.url, "for_issuer = \"acme\"\n")
        .with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let transmitter = installation.serve();
    let issuer = format!("{}/acme", transmitter.issuer);
    let client_of = |name: &str| {
        let client = [
            "receiver",
            "add",
            "rp",
            "--audience",
            "https://rp.example.com",
            "--issuer-name",
            name,
            "--external-client-id",
            "rp-client",
            "--authorization-server",
            &server.url,
        ];
        installation.run(&client)
    };
    let refused = text(&client_of("main").stderr);
    assert!(
        refused.contains("authorization_servers has to name it"),
        "{refused}"
    );
    assert!(client_of("acme").status.success());
    let read = async |path: &str, token: &str| {
        let read = client().get(transmitter.url(path));
        Answer::to(read.bearer_auth(token)).await.status
    };
    let token = server.token(&issuer, &[]);
    assert_eq!(read("/acme/ssf/stream", &token).await, 200);
    assert_eq!(read("/ssf/stream", &token).await, 401);
    let for_main = server.token(&transmitter.issuer, &[]);
    assert_eq!(read("/acme/ssf/stream", &for_main).await, 401);
    assert_eq!(read("/ssf/stream", &for_main).await, 401);
}

#[tokio::test]
async fn products_that_do_not_keep_to_rfc_9068_can_be_described() {
    let more = "token_type = \"JWT\"\nclient_claim = \"azp\"\naudience = \"ssf-api\"\n";
    let served = Served::start(more);
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "1"});
    let change = [("azp", json!("rp-client")), ("client_id", json!(null))];
    let token = served.server.token_with(&header, "ssf-api", &change);
    assert_eq!(served.read(&token).await.status, 200);
    assert_eq!(served.read(&served.token(&[])).await.status, 401);
}

#[test]
fn a_client_of_an_authorization_server_is_one_receiver() {
    let served = Served::start("");
    let client = [
        "receiver",
        "add",
        "rq",
        "--audience",
        "https://rq.example.com",
        "--external-client-id",
        "rp-client",
        "--authorization-server",
        &served.server.url,
    ];
    let output = served.installation.run(&client);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("another receiver is this client"), "{told}");
    let half = served.installation.run(&client[..7]);
    assert_eq!(half.status.code(), Some(2));
    assert!(text(&half.stderr).contains("--authorization-server"));
}
