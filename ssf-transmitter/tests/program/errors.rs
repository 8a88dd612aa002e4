//! Errors over HTTP: codes, ids of requests, and what every answer says to caches.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use reqwest::Method;
use serde_json::json;

use crate::rig::{Answer, Installation, PATIENCE, client, event_about, stream_for};

const RESOURCES: [&str; 11] = [
    "/.well-known/ssf-configuration",
    "/jwks.json",
    "/ssf/stream",
    "/ssf/status",
    "/ssf/verify",
    "/ssf/subjects/add",
    "/ssf/subjects/remove",
    "/ingest/events",
    "/health",
    "/ready",
    "/metrics",
];

fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_ignores_one_that_is_brought_along() {
    let installation = Installation::new();
    let server = installation.serve();
    let mut ids = Vec::new();
    for path in ["/health", "/jwks.json", "/nowhere", "/ssf/stream"] {
        let request = client().get(server.url(path));
        let answer = Answer::to(request.header("X-Request-Id", "from-outside")).await;
        ids.push(answer.header("x-request-id").unwrap().to_owned());
    }
    assert!(ids.iter().all(|id| is_id(id)), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(!installation.log().contains("from-outside"));
}

#[tokio::test]
async fn the_log_has_the_id_of_the_request() {
    let installation = Installation::new();
    let server = installation.serve();
    let answer = Answer::to(client().get(server.url("/ssf/stream"))).await;
    let id = answer.json()["request_id"].as_str().unwrap().to_owned();
    installation.logged(&id).await;
    let log = installation.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap();
    assert!(line.contains("http.status=401"), "{line}");
}

#[tokio::test]
async fn every_other_method_is_refused_with_those_that_there_are() {
    let installation = Installation::new();
    let server = installation.serve();
    for path in RESOURCES {
        for method in ["HEAD", "OPTIONS", "TRACE", "PROPFIND", "x-unknown"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = Answer::to(client().request(method.clone(), server.url(path))).await;
            assert!(answer.header("x-request-id").is_some());
            if method == Method::HEAD {
                assert_eq!(answer.body, "");
                let readable = answer.header("allow").is_none();
                assert_eq!(answer.status, if readable { 200 } else { 405 }, "{path}");
                continue;
            }
            assert_eq!(answer.code(), "method_not_allowed", "{method} {path}");
            let allowed = answer.header("allow").unwrap();
            assert_eq!(answer.status, 405);
            assert!(!allowed.contains(method.as_str()), "{allowed}");
        }
    }
}

#[tokio::test]
async fn only_what_is_public_may_be_kept_by_caches() {
    let installation = Installation::new();
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    let operator = server.operator_token.clone().unwrap();
    let url = server.url("/ssf/stream");
    let send = |request: reqwest::RequestBuilder| Answer::to(request.bearer_auth(&receiver));
    let body = stream_for("https://rp.example.com/events");
    let created = send(client().post(&url).json(&body)).await;
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let id = created.json()["stream_id"].as_str().unwrap().to_owned();
    let one = server.url(&format!("/ssf/stream?stream_id={id}"));
    let status = server.url("/ssf/status");
    let enabled = json!({"stream_id": id, "status": "enabled"});
    let event = client().post(server.url("/ingest/events"));
    let event = event.json(&event_about("alice@example.com"));
    for answer in [
        send(client().get(&url)).await,
        send(client().get(&one)).await,
        send(client().patch(&url).json(&json!({"stream_id": id}))).await,
        send(client().get(server.url(&format!("/ssf/status?stream_id={id}")))).await,
        send(client().post(&status).json(&enabled)).await,
        send(
            client()
                .post(server.url("/ssf/verify"))
                .json(&json!({"stream_id": id})),
        )
        .await,
        send(client().delete(&one)).await,
        Answer::to(event.bearer_auth(operator)).await,
        Answer::to(client().get(server.url("/health"))).await,
    ] {
        assert!(answer.status < 300, "{}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn every_401_has_a_challenge() {
    let installation = Installation::new();
    let server = installation.serve();
    for (method, path) in [
        (Method::POST, "/ssf/stream"),
        (Method::GET, "/ssf/stream"),
        (Method::PATCH, "/ssf/stream"),
        (Method::PUT, "/ssf/stream"),
        (Method::DELETE, "/ssf/stream"),
        (Method::GET, "/ssf/status"),
        (Method::POST, "/ssf/status"),
        (Method::POST, "/ssf/verify"),
        (Method::POST, "/ssf/replay"),
        (Method::POST, "/ssf/subjects/add"),
        (Method::POST, "/ssf/subjects/remove"),
        (Method::POST, "/ingest/events"),
    ] {
        let request = || client().request(method.clone(), server.url(path));
        let nobody = Answer::to(request()).await;
        assert_eq!(
            (nobody.status, nobody.code()),
            (401, "missing_token".into())
        );
        let challenge = nobody.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer"), "{challenge}");
        assert!(!challenge.contains("error"), "{challenge}");
        let stranger = Answer::to(request().bearer_auth("guess")).await;
        assert_eq!(
            (stranger.status, stranger.code()),
            (401, "invalid_token".into())
        );
        let challenge = stranger.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

/// Sends bytes as they are, and returns what comes back until the server has nothing more to say.
fn answer_to_bytes(server: &crate::rig::Transmitter, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    // The server may reset the connection while bytes are under way that it does not want any more.
    _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn paths_that_are_no_paths_are_not_found() {
    let server = Installation::new();
    let server = server.serve();
    for path in [
        "/%zz",
        "/%",
        "/ssf/stream%00",
        "/ssf/%2e%2e/jwks.json",
        "/../../etc/passwd",
        "/ssf/stream/",
        "//ssf/stream",
        "/%ff%fe",
        "/NUL",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = answer_to_bytes(&server, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(
            answer.contains("\"code\":\"not_found\""),
            "{path}: {answer}"
        );
        assert!(!answer.contains("passwd"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_uri_beyond_its_limit_is_refused() {
    let installation = Installation::new();
    let server = installation.serve();
    let path = |bytes: usize| format!("/jwks.json?{}", "x".repeat(bytes - 11));
    let longest = Answer::to(client().get(server.url(&path(4096)))).await;
    assert_eq!(longest.status, 200);
    let longer = Answer::to(client().get(server.url(&path(4097)))).await;
    assert_eq!(longer.code(), "uri_too_long");
    let detail = "path and query have at most 4096 bytes together".to_owned();
    assert_eq!(longer.problem(), (414, detail));
}

#[tokio::test]
async fn what_is_not_http_gets_a_bare_status() {
    let server = Installation::new();
    let server = server.serve();
    for (bytes, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (
            "GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n".to_owned(),
            "400",
        ),
        (format!("GET /{} HTTP/1.1\r\n", "x".repeat(140_000)), "4"),
        (
            format!("GET / HTTP/1.1\r\nx: {}\r\n", "x".repeat(140_000)),
            "431",
        ),
    ] {
        let answer = answer_to_bytes(&server, bytes.as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_creates_nothing() {
    let installation = Installation::new();
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    let body = stream_for("https://rp.example.com/events").to_string();
    let request = format!(
        "POST /ssf/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {receiver}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\nzz\r\n",
        body.len()
    );
    let answer = answer_to_bytes(&server, request.as_bytes());
    // If the fault is seen while the token is looked up, the connection is closed without an answer.
    let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400");
    assert!(refused, "{answer}");
    let list = client().get(server.url("/ssf/stream"));
    let list = Answer::to(list.bearer_auth(&receiver)).await;
    assert_eq!(list.json(), json!([]));
}
