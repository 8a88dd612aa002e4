//! What the specifications ask of the whole program, and no single part of it can show.

use std::fs;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use reqwest::Method;
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, claims_of, client, event_about, stream_for,
};

/// A transmitter with one Receiver, called `rp`.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
}

impl Served {
    fn start() -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        Self {
            installation,
            transmitter,
            receiver,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = client().request(method, self.transmitter.url(path));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn create(&self, endpoint: &str) -> Value {
        let body = stream_for(endpoint);
        let created = self.ask(Method::POST, "/ssf/stream", Some(&body)).await;
        assert_eq!(created.status, 201, "{}", created.body);
        created.json()
    }

    async fn hand_in(&self, email: &str) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        let request = request.json(&event_about(email)).bearer_auth(token);
        assert_eq!(Answer::to(request).await.status, 202);
    }
}

/// The header of a SET.
fn header_of(set: &str) -> Value {
    let header = set.split('.').next().unwrap();
    serde_json::from_slice(&BASE64.decode(header).unwrap()).unwrap()
}

#[tokio::test]
async fn nothing_is_published_where_older_drafts_had_it() {
    let served = Served::start();
    for path in [
        "/.well-known/risc-configuration",
        "/.well-known/sse-configuration",
    ] {
        let answer = served.ask(Method::GET, path, None).await;
        assert_eq!(answer.problem().0, 404, "{path}");
    }
}

#[tokio::test]
async fn every_answer_with_a_body_says_that_it_is_json() {
    let served = Served::start();
    let stream = served.create("https://rp.example.com/events").await;
    let id = stream["stream_id"].as_str().unwrap();
    let one = format!("/ssf/stream?stream_id={id}");
    let status = format!("/ssf/status?stream_id={id}");
    let enabled = json!({"stream_id": id, "status": "enabled"});
    let other = stream_for("https://rp.example.com/other");
    for (method, path, body) in [
        (Method::GET, "/.well-known/ssf-configuration", None),
        (Method::GET, "/jwks.json", None),
        (Method::POST, "/ssf/stream", Some(&other)),
        (Method::GET, "/ssf/stream", None),
        (Method::GET, &one, None),
        (Method::PATCH, "/ssf/stream", Some(&stream)),
        (Method::PUT, "/ssf/stream", Some(&stream)),
        (Method::GET, &status, None),
        (Method::POST, "/ssf/status", Some(&enabled)),
    ] {
        let answer = served.ask(method.clone(), path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.body);
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("application/json"), "{method} {path}");
        answer.json();
    }
    // An error has a kind of its own, which `problem` looks at.
    let no_object = json!([]);
    let refused = served.ask(Method::PATCH, "/ssf/stream", Some(&no_object));
    assert_eq!(refused.await.problem().0, 400);
}

#[tokio::test]
async fn a_stream_id_needs_no_escaping_in_a_url() {
    let served = Served::start();
    let first = served.create("https://rp.example.com/events").await;
    let second = served.create("https://rp.example.com/events").await;
    assert_ne!(first["stream_id"], second["stream_id"]);
    for stream in [first, second] {
        let id = stream["stream_id"].as_str().unwrap();
        let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        assert!(!id.is_empty() && id.bytes().all(is_unreserved), "{id}");
    }
}

#[tokio::test]
async fn every_set_is_signed_with_rs256_and_a_published_key_of_2048_bits() {
    let served = Served::start();
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&endpoint.url).await;
    served.hand_in("alice@example.com").await;
    let event = endpoint.next();
    let body = json!({"stream_id": stream["stream_id"]});
    let asked = served.ask(Method::POST, "/ssf/verify", Some(&body)).await;
    assert_eq!(asked.status, 204, "{}", asked.body);
    let verification = endpoint.next();
    let jwks = served.ask(Method::GET, "/jwks.json", None).await.json();
    for pushed in [event, verification] {
        let header = header_of(&pushed.set);
        assert_eq!(header["alg"], "RS256");
        assert_eq!(header["typ"], "secevent+jwt");
        let keys = jwks["keys"].as_array().unwrap();
        let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let modulus = BASE64.decode(key["n"].as_str().unwrap()).unwrap();
        assert!(modulus.len() >= 256 && modulus[0] >= 0x80, "{key}");
    }
}

#[tokio::test]
async fn the_sets_of_one_event_share_their_txn_and_nothing_that_names_them() {
    let served = Served::start();
    let (first, second) = (Endpoint::answering(202), Endpoint::answering(202));
    served.create(&first.url).await;
    served.create(&second.url).await;
    served.hand_in("alice@example.com").await;
    let here = claims_of(&first.next().set);
    let there = claims_of(&second.next().set);
    assert_eq!(here["txn"], there["txn"]);
    assert_ne!(here["jti"], there["jti"]);
    served.hand_in("alice@example.com").await;
    let later = claims_of(&first.next().set);
    assert_ne!(later["txn"], here["txn"]);
    assert_ne!(later["jti"], here["jti"]);
    for claims in [here, there, later] {
        assert!(
            claims["txn"].is_string() && claims["iat"].is_u64(),
            "{claims}"
        );
        assert_eq!(claims["events"].as_object().unwrap().len(), 1);
        for absent in ["sub", "exp", "subject"] {
            assert!(claims.get(absent).is_none(), "{absent}");
        }
    }
}

/// T28: what would let somebody act in another's place is in no answer, and in no file as it is.
#[tokio::test]
async fn t28_no_secret_is_in_an_answer_or_stands_in_a_file_as_it_is() {
    let served = Served::start();
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&endpoint.url).await;
    let id = stream["stream_id"].as_str().unwrap();
    let unchanged = json!({"stream_id": id});
    let mut answers = vec![stream.to_string()];
    for (method, path, body) in [
        (Method::GET, format!("/ssf/stream?stream_id={id}"), None),
        (Method::GET, "/ssf/stream".to_owned(), None),
        (Method::PATCH, "/ssf/stream".to_owned(), Some(&unchanged)),
        (Method::GET, format!("/ssf/status?stream_id={id}"), None),
        (Method::GET, "/jwks.json".to_owned(), None),
    ] {
        let answer = served.ask(method, &path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answers.push(answer.body);
    }
    served.hand_in("alice@example.com").await;
    // The secret is there, and in use.
    assert!(endpoint.next().head.contains("push-s3cret"));
    let operator = served.transmitter.operator_token.clone().unwrap();
    let secrets = ["push-s3cret", &served.receiver, &operator, "PRIVATE KEY"];
    for answer in &answers {
        assert!(!secrets.iter().any(|secret| answer.contains(secret)));
        assert!(!answer.contains("\"d\":"), "{answer}");
    }
    let stands_in = |text: &str| {
        let files = fs::read_dir(served.installation.path("")).unwrap();
        let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        bytes
            .into_iter()
            .any(|bytes| bytes.windows(text.len()).any(|at| at == text.as_bytes()))
    };
    assert!(stands_in("stream_queue"), "the search finds nothing at all");
    for secret in secrets {
        assert!(!stands_in(secret), "{} bytes", secret.len());
    }
}
