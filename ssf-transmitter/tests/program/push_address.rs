//! Push endpoints that a Receiver asks for, over HTTP.

use serde_json::{Value, json};

use crate::rig::{Answer, Installation, Transmitter, client, stream_for, text};

const GOOD: &str = "https://rp.example.com/events";
const NOT_PUBLIC: &str = "delivery.endpoint_url must have a public host: neither localhost nor a loopback, private, link-local, multicast or reserved address";

/// Starts a server, and registers a Receiver.
fn start(installation: &Installation) -> (Transmitter, String) {
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    (server, receiver)
}

fn in_production() -> Installation {
    Installation::new()
        .with("SSF_TRANSMITTER_BEHIND_PROXY", "true")
        .with("SSF_TRANSMITTER_ISSUER", "https://tr.example.com")
}

async fn create(server: &Transmitter, receiver: &str, body: &Value) -> Answer {
    let request = client().post(server.url("/ssf/stream")).json(body);
    Answer::to(request.bearer_auth(receiver)).await
}

#[tokio::test]
async fn an_endpoint_inside_the_operators_network_is_refused_and_nothing_is_stored() {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    for host in [
        "127.0.0.1",
        "localhost",
        "app.localhost",
        "10.0.0.1",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[fe80::1]",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "224.0.0.1",
    ] {
        let body = stream_for(&format!("https://{host}/events"));
        let answer = create(&server, &receiver, &body).await;
        assert_eq!(answer.code(), "endpoint_not_allowed", "{host}");
        assert_eq!(answer.problem(), (400, NOT_PUBLIC.to_owned()));
    }
    let zero = create(&server, &receiver, &stream_for("https://rp.example.com:0/")).await;
    let detail = "delivery.endpoint_url must have another port than 0".to_owned();
    assert_eq!(zero.problem(), (400, detail));
    let plain = create(&server, &receiver, &stream_for("http://127.0.0.1/")).await;
    let detail = "delivery.endpoint_url must be an https URL".to_owned();
    assert_eq!(plain.problem(), (400, detail));
    let list = client().get(server.url("/ssf/stream"));
    let list = Answer::to(list.bearer_auth(&receiver)).await;
    assert_eq!(list.json(), json!([]));
}

#[tokio::test]
async fn an_endpoint_without_tls_or_with_userinfo_or_a_fragment_is_refused() {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    for endpoint in [
        "http://rp.example.com/events",
        "https://user:s3cret@rp.example.com/",
        "https://@rp.example.com/",
        "https://rp.example.com/#part",
        "https://rp.example.com/#",
        "ftp://rp.example.com/",
        "file:///etc/passwd",
        "https:rp.example.com",
        "https://rp.example.com\\@127.0.0.1/",
        "https://rp.example.com/\r\nx: y",
        "//rp.example.com",
        "rp.example.com",
        "",
    ] {
        let answer = create(&server, &receiver, &stream_for(endpoint)).await;
        let detail = "delivery.endpoint_url must be an https URL without credentials and fragment";
        assert_eq!(answer.problem(), (400, detail.to_owned()), "{endpoint:?}");
        assert!(!answer.body.contains("s3cret"));
    }
}

#[tokio::test]
async fn a_stream_cannot_be_moved_to_where_it_could_not_have_been_made() {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    let stream = create(&server, &receiver, &stream_for(GOOD)).await.json();
    let id = stream["stream_id"].clone();
    let mut body = stream_for("https://169.254.169.254/latest/meta-data");
    body["stream_id"] = id.clone();
    for method in [reqwest::Method::PATCH, reqwest::Method::PUT] {
        let request = client().request(method, server.url("/ssf/stream"));
        let answer = Answer::to(request.json(&body).bearer_auth(&receiver)).await;
        assert_eq!(answer.problem(), (400, NOT_PUBLIC.to_owned()));
    }
    let one = server.url(&format!("/ssf/stream?stream_id={}", id.as_str().unwrap()));
    let read = Answer::to(client().get(one).bearer_auth(&receiver)).await;
    assert_eq!(read.json(), stream);
}

#[tokio::test]
async fn networks_of_a_laboratory_are_allowed_by_name() {
    let networks = "10.1.0.0/16, fd00:7::/32";
    let installation = in_production().with("SSF_TRANSMITTER_PUSH_PRIVATE_NETWORKS", networks);
    let (server, receiver) = start(&installation);
    for (endpoint, status) in [
        ("https://10.1.2.3:8443/events", 201),
        ("https://[fd00:7::1]/events", 201),
        ("https://10.2.0.1/events", 400),
    ] {
        let answer = create(&server, &receiver, &stream_for(endpoint)).await;
        assert_eq!(answer.status, status, "{endpoint}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_development_server_pushes_to_its_own_machine() {
    let installation = Installation::new();
    let server = installation.serve();
    let receiver = installation.add_receiver("rp");
    for (endpoint, status) in [
        ("http://127.0.0.1:9/events", 201),
        ("http://localhost:9/events", 201),
        ("https://[::1]:9/events", 201),
        ("https://192.168.0.1/events", 400),
    ] {
        let answer = create(&server, &receiver, &stream_for(endpoint)).await;
        assert_eq!(answer.status, status, "{endpoint}: {}", answer.body);
    }
}

/// T26: a value that would add a header of its own, or is longer than 4 KiB, is refused and not stored.
#[tokio::test]
async fn t26_an_authorization_header_that_would_break_out_is_refused_and_nothing_is_stored() {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    let long = format!("Bearer {}", "x".repeat(4090));
    for value in [
        "Bearer x\r\nX-Injected: 1",
        "Bearer x\nX-Injected: 1",
        "Bearer x\rX-Injected: 1",
        "Bearer x\r\n\r\nGET / HTTP/1.1",
        "Bearer x\u{0}",
        "Bearer x\u{7f}",
        "Bearer x\u{85}X-Injected: 1",
        "Bearer x\u{2028}X-Injected: 1",
        "Bearer \u{10d}\u{10a}X-Injected: 1",
        "Bearer\tx",
        " Bearer x",
        "Authorization: Bearer x",
        "",
        &long,
    ] {
        let mut body = stream_for(GOOD);
        body["delivery"]["authorization_header"] = json!(value);
        let answer = create(&server, &receiver, &body).await;
        assert_eq!(answer.code(), "invalid_request", "{value:?}");
        assert_eq!(answer.status, 400);
        assert!(!answer.body.contains("Injected"), "{}", answer.body);
    }
    let list = client().get(server.url("/ssf/stream"));
    let list = Answer::to(list.bearer_auth(&receiver)).await;
    assert_eq!(list.json(), json!([]));
    let longest = format!("Bearer {}", "x".repeat(4089));
    let mut body = stream_for(GOOD);
    body["delivery"]["authorization_header"] = json!(longest);
    assert_eq!(create(&server, &receiver, &body).await.status, 201);
}

const FOREIGN: &str =
    "delivery.endpoint_url must have one of the hosts that are registered for this receiver";

#[tokio::test]
async fn t13_whoever_has_the_token_of_a_receiver_that_is_bound_to_hosts_cannot_move_its_stream_away()
 {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    let bind = [
        "receiver",
        "set-push-hosts",
        "rp",
        "--push-host",
        "RP.example.com",
    ];
    let bound = installation.run(&bind);
    assert!(bound.status.success(), "{}", text(&bound.stderr));
    assert!(text(&bound.stdout).ends_with("push_hosts=rp.example.com\n"));
    let stream = create(&server, &receiver, &stream_for(GOOD)).await.json();
    let elsewhere = stream_for("https://thief.example.com/events");
    let made = create(&server, &receiver, &elsewhere).await;
    assert_eq!(made.code(), "endpoint_not_allowed");
    assert_eq!(made.problem(), (400, FOREIGN.to_owned()));
    let mut moved = elsewhere;
    moved["stream_id"] = stream["stream_id"].clone();
    for method in [reqwest::Method::PATCH, reqwest::Method::PUT] {
        let request = client().request(method, server.url("/ssf/stream"));
        let answer = Answer::to(request.json(&moved).bearer_auth(&receiver)).await;
        assert_eq!(answer.problem(), (400, FOREIGN.to_owned()));
    }
    moved["delivery"]["endpoint_url"] = json!("https://rp.example.com:8443/other");
    let request = client().patch(server.url("/ssf/stream")).json(&moved);
    assert_eq!(Answer::to(request.bearer_auth(&receiver)).await.status, 200);
}

#[tokio::test]
async fn a_receiver_is_bound_to_no_host_that_a_stream_of_its_is_not_pushed_to() {
    let installation = in_production();
    let (server, receiver) = start(&installation);
    let stream = create(&server, &receiver, &stream_for(GOOD)).await.json();
    let bind = [
        "receiver",
        "set-push-hosts",
        "rp",
        "--push-host",
        "other.example.com",
    ];
    let refused = installation.run(&bind);
    assert_eq!(refused.status.code(), Some(1));
    let told = text(&refused.stderr);
    assert!(
        told.contains(stream["stream_id"].as_str().unwrap()),
        "{told}"
    );
    let other = stream_for("https://third.example.com/events");
    assert_eq!(create(&server, &receiver, &other).await.status, 201);
}

#[test]
fn a_receiver_can_be_bound_to_hosts_when_it_is_registered() {
    let installation = Installation::new();
    let add = [
        "receiver",
        "add",
        "rp",
        "--audience",
        "https://rp.example.com",
        "--push-host",
    ];
    let refused = installation.run(&[&add[..], &["https://rp.example.com"]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("without scheme, port and path"));
    let added = installation.run(&[&add[..], &["rp.example.com"]].concat());
    assert!(added.status.success(), "{}", text(&added.stderr));
    let list = text(&installation.run(&["receiver", "list"]).stdout);
    assert!(list.ends_with("\trp.example.com\n"), "{list}");
    let opened = installation.run(&["receiver", "set-push-hosts", "rp"]);
    assert!(text(&opened.stdout).ends_with("push_hosts=\n"));
}
