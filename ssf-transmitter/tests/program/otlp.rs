//! Spans, as a collector gets them.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span,
};
use prost::Message;
use serde_json::Value;

use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Transmitter, claims_of, client, event_about,
    stream_for,
};

/// What a collector was sent.
struct Exported {
    head: String,
    body: Vec<u8>,
}

/// A collector that takes everything.
struct Collector {
    url: String,
    exported: Receiver<Exported>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, exported) = mpsc::channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let sender = sender.clone();
                thread::spawn(move || take(&connection.unwrap(), &sender));
            }
        });
        Self { url, exported }
    }

    /// What is exported until `is_enough`.
    fn until(&self, is_enough: impl Fn(&[Exported]) -> bool) -> Vec<Exported> {
        let mut exported = Vec::new();
        while !is_enough(&exported) {
            exported.push(self.exported.recv_timeout(PATIENCE).unwrap());
        }
        exported
    }
}

fn take(connection: &TcpStream, exported: &Sender<Exported>) {
    let mut reader = BufReader::new(connection);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or_default() == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let mut writer = connection;
        let answer =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if exported.send(Exported { head, body }).is_err() || writer.write_all(answer).is_err() {
            return;
        }
    }
}

fn spans(exported: &[Exported]) -> Vec<Span> {
    let read = |one: &Exported| ExportTraceServiceRequest::decode(one.body.as_slice()).unwrap();
    let resources = exported.iter().flat_map(|one| read(one).resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Delivers one SET; returns the push.
async fn deliver(installation: &Installation, transmitter: &Transmitter) -> crate::rig::Pushed {
    let endpoint = Endpoint::answering(202);
    let receiver = installation.add_receiver("rp");
    let create = client().post(transmitter.url("/ssf/stream"));
    let create = create
        .json(&stream_for(&endpoint.url))
        .bearer_auth(receiver);
    assert_eq!(Answer::to(create).await.status, 201);
    let token = transmitter.operator_token.as_ref().unwrap();
    let request = client().post(transmitter.url("/ingest/events"));
    let request = request.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(request.bearer_auth(token)).await.status, 202);
    endpoint.next()
}

#[tokio::test]
async fn a_collector_gets_the_spans_and_a_listed_host_the_trace_and_neither_a_subject() {
    let collector = Collector::start();
    let installation = Installation::new()
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .with("SSF_TRANSMITTER_TRACEPARENT_HOSTS", "127.0.0.1")
        .with("OTEL_BSP_SCHEDULE_DELAY", "100")
        .with("SSF_TRANSMITTER_LOG_FILTER", "warn");
    let transmitter = installation.serve();
    let pushed = deliver(&installation, &transmitter).await;
    let told = pushed
        .head
        .lines()
        .find_map(|line| line.strip_prefix("traceparent: "));
    let told = told.unwrap().to_owned();
    let is_told =
        |span: &Span| told == format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
    let exported = collector.until(|exported| {
        let spans = spans(exported);
        let is_there = |name: &str| spans.iter().any(|span| span.name == name);
        spans.iter().any(is_told) && ["request", "dispatch"].into_iter().all(is_there)
    });
    for one in &exported {
        assert!(
            one.head.starts_with("post /v1/traces http/1.1\r\n"),
            "{}",
            one.head
        );
        assert!(
            one.head
                .contains("content-type: application/x-protobuf\r\n")
        );
        let text = String::from_utf8_lossy(&one.body);
        for secret in ["alice", "push-s3cret", "ssf_op_"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let spans = spans(&exported);
    let attempt = spans.iter().find(|span| is_told(span)).unwrap();
    assert_eq!(attempt.name, "attempt");
    let is_part_of_another = attempt.parent_span_id.iter().any(|byte| *byte != 0);
    assert!(is_part_of_another, "an attempt is made within a delivery");
    let jti: Value = claims_of(&pushed.set)["jti"].clone();
    let told = attempt
        .attributes
        .iter()
        .find(|attribute| attribute.key == "set.jti");
    let told = format!("{:?}", told.unwrap().value);
    assert!(told.contains(jti.as_str().unwrap()), "{told}");
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_told_of_no_trace() {
    let collector = Collector::start();
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_OTLP_ENDPOINT", &collector.url)
        .with("SSF_TRANSMITTER_TRACEPARENT_HOSTS", "rp.example.com");
    let transmitter = installation.serve();
    let pushed = deliver(&installation, &transmitter).await;
    assert!(!pushed.head.contains("traceparent"), "{}", pushed.head);
    transmitter.signal("TERM");
    assert!(transmitter.ended().await.success());
    collector.until(|exported| !exported.is_empty());
}

#[tokio::test]
async fn without_a_collector_nobody_is_told_of_a_trace() {
    let installation = Installation::new().with("SSF_TRANSMITTER_TRACEPARENT_HOSTS", "127.0.0.1");
    let transmitter = installation.serve();
    let pushed = deliver(&installation, &transmitter).await;
    assert!(!pushed.head.contains("traceparent"), "{}", pushed.head);
}

#[tokio::test]
async fn a_collector_that_is_away_delays_nothing() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let installation =
        Installation::new().with("SSF_TRANSMITTER_OTLP_ENDPOINT", format!("http://{gone}"));
    let transmitter = installation.serve();
    deliver(&installation, &transmitter).await;
    transmitter.signal("TERM");
    assert!(transmitter.ended().await.success());
    assert!(
        installation
            .log()
            .contains("the collector does not take spans")
    );
}
