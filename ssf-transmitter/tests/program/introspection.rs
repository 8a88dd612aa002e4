//! Access tokens that only the authorization server can read: it is asked about them, on loopback over HTTP (RFC 7662).

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::{
    access::receiver,
    external::{ELSEWHERE, Reply, Served, trust},
    rig::{Answer, Installation, client, stream_for},
    tokens::now,
};

const INTROSPECT: &str = "/introspect";

const SECRET: &str = "SSF_TRANSMITTER_AUTHORIZATION_SERVER_CORP_CLIENT_SECRET";

/// A transmitter that asks the server about tokens, with this secret.
fn asking(secret: &str) -> Served {
    let installation = Installation::new().with(SECRET, secret);
    Served::start_with("introspection_client_id = \"us:1\"", installation)
}

/// What the server says of a token for our client here.
fn active(served: &Served) -> Value {
    json!({
        "active": true,
        "iss": served.server.url,
        "aud": served.transmitter.issuer,
        "client_id": "rp-client",
        "scope": "openid ssf.manage",
        "exp": now() + 300,
    })
}

/// The same with one member changed, or taken out if it is null.
fn with(served: &Served, name: &str, value: Value) -> Reply {
    let mut said = active(served);
    if value.is_null() {
        said.as_object_mut().unwrap().remove(name);
    } else {
        said[name] = value;
    }
    Reply::Says(said)
}

async fn create(served: &Served, token: &str) -> Answer {
    let create = client().post(served.transmitter.url("/ssf/stream"));
    let create = create.json(&stream_for("https://rp.example.com/events"));
    Answer::to(create.bearer_auth(token)).await
}

#[tokio::test]
async fn an_opaque_token_lets_its_client_manage_streams() {
    let served = asking("s3cret");
    served.server.replies(Reply::Says(active(&served)));
    let created = create(&served, "opaque").await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.json()["aud"], "https://rp.example.com");
    let listed = served.read("opaque").await;
    assert_eq!(listed.json().as_array().unwrap().len(), 1);
    assert_eq!(served.server.asked(INTROSPECT), 1, "it is remembered");
    receiver(&served.installation, &["remove", "rp"]);
    let refused = served.read("opaque").await;
    assert_eq!(refused.status, 401, "its Receiver is gone");
    let log = served.installation.log();
    assert!(!log.contains("opaque") && !log.contains("s3cret"), "{log}");
}

#[tokio::test]
async fn an_opaque_token_does_no_more_than_its_scopes_allow() {
    let served = asking("s3cret");
    let reading = with(&served, "scope", json!("openid ssf.read"));
    served.server.replies(reading);
    assert_eq!(served.read("reading").await.status, 200);
    let refused = create(&served, "reading").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.code(), "insufficient_scope");
    for (token, scope) in [("openid", json!("openid")), ("none", json!(null))] {
        served.server.replies(with(&served, "scope", scope));
        let refused = served.read(token).await;
        assert_eq!(refused.status, 403, "{token}");
        assert_eq!(refused.code(), "insufficient_scope", "{token}");
    }
}

#[tokio::test]
async fn a_token_that_the_server_does_not_vouch_for_is_invalid() {
    let served = asking("s3cret");
    for (number, (name, value)) in [
        ("active", json!(false)),
        ("iss", json!("https://other.example.com")),
        ("aud", json!("https://other.example.com")),
        ("aud", json!(null)),
        ("exp", json!(now() - 120)),
        ("nbf", json!(now() + 120)),
        ("client_id", json!("another-client")),
        ("client_id", json!(null)),
    ]
    .into_iter()
    .enumerate()
    {
        served.server.replies(with(&served, name, value));
        let answer = served.read(&format!("opaque-{number}")).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert_eq!(answer.code(), "invalid_token", "{name}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("invalid_token"), "{challenge}");
    }
}

/// That a token is neither taken nor called invalid.
async fn put_off(served: &Served, token: &str, why: &str) {
    let answer = served.read(token).await;
    let told = (answer.status, answer.code());
    assert_eq!(told, (503, "unavailable".to_owned()), "{why}");
    assert!(answer.header("retry-after").is_some(), "{why}");
}

#[tokio::test]
async fn a_token_is_not_called_invalid_while_the_server_says_nothing_usable() {
    let served = asking("s3cret");
    let filler = json!("x".repeat(256 * 1024));
    for (why, reply) in [
        ("out of order", Reply::Status(500)),
        ("redirect", Reply::Status(307)),
        ("redirect", Reply::Status(302)),
        ("another status", Reply::Status(204)),
        ("no answer of this kind", Reply::Says(json!(["active"]))),
        ("a text", with(&served, "active", json!("true"))),
        ("too long", with(&served, "filler", filler)),
    ] {
        served.server.replies(reply);
        put_off(&served, "opaque", why).await;
    }
    assert_eq!(served.server.asked(ELSEWHERE), 0);
    served.server.replies(Reply::Says(active(&served)));
    assert_eq!(served.read("opaque").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_drips_is_not_waited_for() {
    let served = asking("s3cret");
    served.server.replies(Reply::Drips);
    put_off(&served, "opaque", "drips").await;
}

#[tokio::test]
async fn a_server_that_does_not_know_us_makes_no_token_invalid() {
    let served = asking("wr0ng");
    served.server.replies(Reply::Says(active(&served)));
    put_off(&served, "opaque", "the secret is wrong").await;
    assert_eq!(served.server.asked(INTROSPECT), 1);
    let log = served.installation.log();
    assert!(log.contains("the answer has status 401"), "{log}");
    assert!(!log.contains("wr0ng") && !log.contains("opaque"), "{log}");
}

#[tokio::test]
async fn a_server_that_is_gone_makes_no_token_invalid() {
    let gone = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let asking = "introspection_client_id = \"us:1\"";
    let installation = Installation::new().with(SECRET, "s3cret");
    trust(&installation, &gone, asking);
    let transmitter = installation.serve();
    let token = installation.add_receiver("rp");
    let read = client().get(transmitter.url("/ssf/stream"));
    let answer = Answer::to(read.bearer_auth("opaque")).await;
    assert_eq!(answer.status, 503);
    let read = client().get(transmitter.url("/ssf/stream"));
    let own = Answer::to(read.bearer_auth(token)).await;
    assert_eq!(own.status, 200, "others do not depend on it");
}

#[tokio::test]
async fn a_jwt_that_cannot_be_checked_here_is_asked_about() {
    let served = asking("s3cret");
    let issuer = &served.transmitter.issuer;
    served.server.replies(Reply::Says(active(&served)));
    let without_type = json!({"alg": "EdDSA", "kid": "1"});
    let token = served.server.token_with(&without_type, issuer, &[]);
    assert_eq!(served.read(&token).await.status, 200);
    assert_eq!(served.server.asked(INTROSPECT), 1);
    assert_eq!(served.read(&served.token(&[])).await.status, 200);
    assert_eq!(served.server.asked(INTROSPECT), 1, "checked here");
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_not_theirs() {
    let served = asking("s3cret");
    served.server.replies(Reply::Says(active(&served)));
    let token = served.token(&[]);
    let broken = format!("{token}*");
    let elsewhere = served.token(&[("iss", json!("https://other.example.com"))]);
    let operator = served.transmitter.operator_token.as_deref().unwrap();
    let long = "a".repeat(16 * 1024 + 1);
    for token in [
        operator, "ssf_cs_x", "ssf_rx_x", "ssf_x", &broken, &elsewhere, &long, "a b", "a\"b",
    ] {
        let answer = served.read(token).await;
        assert_eq!(answer.status, 401, "{token}");
    }
    assert_eq!(served.server.asked(INTROSPECT), 0);
}

#[tokio::test]
async fn a_server_that_is_not_to_be_asked_is_not() {
    let served = Served::start("");
    served.server.replies(Reply::Says(active(&served)));
    assert_eq!(served.read("opaque").await.status, 401);
    assert_eq!(served.server.asked(INTROSPECT), 0);
}
