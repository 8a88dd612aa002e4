//! What leaves the process, and what Receivers learn of it.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use reqwest::header::HeaderName;
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, client, event_about, stream_for, text,
};

async fn create(server: &Transmitter, receiver: &str, endpoint: &str) -> Answer {
    let request = client().post(server.url("/ssf/stream"));
    let request = request.json(&stream_for(endpoint)).bearer_auth(receiver);
    Answer::to(request).await
}

async fn hand_in(server: &Transmitter, events: &Value) {
    let request = client().post(server.url("/ingest/events")).json(events);
    let operator = server.operator_token.as_ref().unwrap();
    let answer = Answer::to(request.bearer_auth(operator)).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
}

#[tokio::test]
async fn t06_proxies_of_the_environment_are_not_used() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let installation = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ]
    .into_iter()
    .fold(Installation::new(), |installation, name| {
        installation.with(name, &url)
    });
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    let endpoint = Endpoint::answering(202);
    assert_eq!(create(&server, &receiver, &endpoint.url).await.status, 201);
    hand_in(&server, &event_about("alice@example.com")).await;
    let pushed = endpoint.next();
    assert!(pushed.head.starts_with("post /events http/1.1\r\n"));
    assert!(!pushed.head.contains("proxy"), "{}", pushed.head);
    proxy.set_nonblocking(true).unwrap();
    assert_eq!(proxy.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// A port that says what it is to whoever connects, as SSH does.
fn talkative() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = listener.try_clone().unwrap();
    thread::spawn(move || {
        for connection in listening.incoming() {
            let answer = |mut connection: TcpStream| {
                let _ = connection.read(&mut [0; 4096]);
                let _ = connection.write_all(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
            };
            thread::spawn(move || answer(connection.unwrap()));
        }
    });
    listener
}

/// All that a Receiver can ask about a stream, without what it has said itself and what each answer has of its own.
async fn told(server: &Transmitter, receiver: &str, stream: &Value) -> Vec<String> {
    let id = stream["stream_id"].as_str().unwrap();
    let endpoint = stream["delivery"]["endpoint_url"].as_str().unwrap();
    let get = |path: &str| client().get(server.url(&format!("{path}?stream_id={id}")));
    let verify = || client().post(server.url("/ssf/verify"));
    let verify = || verify().json(&json!({"stream_id": id}));
    let mut told = Vec::new();
    for request in [get("/ssf/stream"), get("/ssf/status"), verify(), verify()] {
        let answer = Answer::to(request.bearer_auth(receiver)).await;
        let mut names: Vec<&str> = answer.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let request_id = answer.header("x-request-id").unwrap();
        let body = answer.body.replace(id, "ID").replace(endpoint, "URL");
        let body = body.replace(request_id, "REQUEST");
        told.push(format!("{} {names:?} {body}", answer.status));
    }
    told
}

/// T07: whoever chooses endpoints to find out who listens in the operator's network learns nothing.
#[tokio::test]
async fn t07_a_receiver_is_told_the_same_whatever_is_at_its_endpoint() {
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_PUSH_TIMEOUT_SECONDS", "1")
        .with("SSF_TRANSMITTER_LOG_FILTER", "info,ssf_transmitter=debug");
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let (silent, talkative) = (TcpListener::bind("127.0.0.1:0").unwrap(), talkative());
    let mut streams = Vec::new();
    for listener in [&closed, &silent, &talkative] {
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let answer = create(&server, &receiver, &url).await;
        assert_eq!(answer.status, 201);
        streams.push(answer.json());
    }
    drop(closed);
    hand_in(&server, &event_about("alice@example.com")).await;
    for fault in ["connect", "timeout", "malformed"] {
        installation
            .logged(&format!("error.class=\"{fault}\""))
            .await;
    }
    let first = told(&server, &receiver, &streams[0]).await;
    assert!(first[1].contains("enabled"), "{first:?}");
    assert!(first[2].starts_with("204 "), "{first:?}");
    for stream in &streams[1..] {
        assert_eq!(told(&server, &receiver, stream).await, first);
    }
}

/// T11: a victim that somebody names as an endpoint is not flooded.
#[tokio::test]
async fn t11_a_host_that_acknowledges_nothing_hears_of_three_events_before_the_stream_rests() {
    let installation = Installation::new();
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    let victim = Endpoint::answering(500);
    assert_eq!(create(&server, &receiver, &victim.url).await.status, 201);
    let address = |number| event_about(&format!("user{number}@example.com"));
    let events: Vec<Value> = (0..200).map(address).collect();
    hand_in(&server, &json!(events)).await;
    installation.logged("the stream rests").await;
    let heard = victim.rest().len();
    // Then it is asked once in a while; some of that may have happened by now.
    assert!((3..10).contains(&heard), "{heard}");
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_ends_the_start() {
    let installation = Installation::new();
    let path = installation.path("anchors.pem");
    fs::write(&path, "no certificate").unwrap();
    let installation =
        installation.with("SSF_TRANSMITTER_TRUST_ANCHORS_FILE", path.to_str().unwrap());
    let output = installation.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("trust_anchors_file cannot be used"), "{told}");
    assert!(
        told.contains("anchors.pem holds no certificate in PEM"),
        "{told}"
    );
}
