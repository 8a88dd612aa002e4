//! Who may do what at the management API: scopes, foreign streams, and what a Receiver is recognised by.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, client, event_about, stream_for, text, value,
};

const READ: &str = "ssf.read";
const MANAGE: &str = "ssf.manage";
const POLL: &str = "ssf.manage.poll";

const ENDPOINT: &str = "https://rp.example.com/events";

/// Runs `receiver …` and returns what it printed.
pub(crate) fn receiver(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(&[&["receiver"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// Registers a Receiver with these arguments and returns what was printed.
pub(crate) fn add(installation: &Installation, name: &str, arguments: &[&str]) -> String {
    let audience = format!("https://{name}.example.com");
    let add = ["add", name, "--audience", &audience];
    receiver(installation, &[&add, arguments].concat())
}

fn add_with_scope(installation: &Installation, name: &str, scope: &str) -> String {
    let added = add(installation, name, &["--scope", scope]);
    value(&added, "receiver_token").unwrap()
}

async fn create(transmitter: &Transmitter, token: &str) -> Value {
    let request = client().post(transmitter.url("/ssf/stream"));
    let mut stream = stream_for(ENDPOINT);
    stream["set_sequence"] = json!(true);
    let request = request.json(&stream).bearer_auth(token);
    let answer = Answer::to(request).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

/// Every request that names a stream, and the scope that it needs.
fn requests(
    transmitter: &Transmitter,
    id: &str,
) -> Vec<(&'static str, &'static str, RequestBuilder)> {
    let at = |method: Method, path: &str| client().request(method, transmitter.url(path));
    let query = |path: &str| format!("{path}?stream_id={id}");
    let body = |extra: Value| {
        let mut body = extra;
        body["stream_id"] = json!(id);
        body
    };
    let delivery = stream_for(ENDPOINT)["delivery"].clone();
    let somebody = json!({"format": "opaque", "id": "7"});
    let (stream, status) = ("/ssf/stream", "/ssf/status");
    vec![
        ("READ", READ, at(Method::GET, &query(stream))),
        ("STATUS GET", READ, at(Method::GET, &query(status))),
        (
            "PATCH",
            MANAGE,
            at(Method::PATCH, stream).json(&body(json!({"description": "x"}))),
        ),
        (
            "PUT",
            MANAGE,
            at(Method::PUT, stream).json(&body(json!({"delivery": delivery}))),
        ),
        (
            "STATUS POST",
            MANAGE,
            at(Method::POST, status).json(&body(json!({"status": "enabled"}))),
        ),
        (
            "VERIFY",
            MANAGE,
            at(Method::POST, "/ssf/verify").json(&body(json!({"state": "x"}))),
        ),
        (
            "REPLAY",
            MANAGE,
            at(Method::POST, "/ssf/replay").json(&body(json!({"epoch": id, "numbers": [[1, 1]]}))),
        ),
        (
            "ADD",
            MANAGE,
            at(Method::POST, "/ssf/subjects/add").json(&body(json!({"subject": somebody}))),
        ),
        (
            "REM",
            MANAGE,
            at(Method::POST, "/ssf/subjects/remove").json(&body(json!({"subject": somebody}))),
        ),
        ("DELETE", MANAGE, at(Method::DELETE, &query(stream))),
        (
            "POLL",
            POLL,
            at(Method::POST, &format!("/ssf/poll/{id}")).json(&json!({"returnImmediately": true})),
        ),
    ]
}

/// What two requests about streams that do not exist for the Receiver must have in common: everything but their ids.
fn told(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut document = answer.json();
    document.as_object_mut().unwrap().remove("request_id");
    let headers = answer.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap().to_owned();
        (name.to_string(), value)
    });
    let individual = ["date", "x-request-id"];
    let headers = headers.filter(|(name, _)| !individual.contains(&name.as_str()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (answer.status, document, headers)
}

#[tokio::test]
async fn t14_t15_a_stream_of_another_receiver_is_as_one_that_is_not_there_whatever_is_asked() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let (own, other) = (
        installation.add_receiver("rp"),
        installation.add_receiver("rq"),
    );
    let stream = create(&transmitter, &own).await;
    let id = stream["stream_id"].as_str().unwrap();
    let missing = "00000000000040008000000000000000";
    let foreign = requests(&transmitter, id);
    let missing = requests(&transmitter, missing);
    for ((name, _, foreign), (_, _, missing)) in foreign.into_iter().zip(missing) {
        let foreign = Answer::to(foreign.bearer_auth(&other)).await;
        let missing = Answer::to(missing.bearer_auth(&other)).await;
        assert_eq!(foreign.status, 404, "{name}: {}", foreign.body);
        assert_eq!(told(&foreign), told(&missing), "{name}");
        assert_eq!(foreign.body.len(), missing.body.len(), "{name}");
    }
    let list = client().get(transmitter.url("/ssf/stream"));
    let list = Answer::to(list.bearer_auth(&other)).await;
    assert_eq!(list.json(), json!([]));
    let read = client().get(transmitter.url(&format!("/ssf/stream?stream_id={id}")));
    let read = Answer::to(read.bearer_auth(&own)).await;
    assert_eq!(read.json(), stream, "nobody changed it");
}

#[tokio::test]
async fn reading_needs_ssf_read_and_everything_else_needs_ssf_manage() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let reader = add_with_scope(&installation, "reader", "ssf.read");
    let manager = add_with_scope(&installation, "manager", "ssf.manage");
    let poller = add_with_scope(&installation, "poller", "ssf.manage.poll");
    let stream = create(&transmitter, &manager).await;
    let id = stream["stream_id"].as_str().unwrap();
    for (name, needed, request) in requests(&transmitter, id) {
        let with =
            async |token: &str| Answer::to(request.try_clone().unwrap().bearer_auth(token)).await;
        // Where it may ask, the stream is another's.
        for (token, suffices) in [
            (&reader, [READ, POLL].contains(&needed)),
            (&poller, needed == POLL),
        ] {
            let answer = with(token).await;
            if suffices {
                assert_eq!(answer.status, 404, "{name}");
                continue;
            }
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            let expected = format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\", ");
            assert!(challenge.starts_with(&expected), "{name}: {challenge}");
            assert_eq!(answer.status, 403, "{name}");
            assert_eq!(answer.json()["code"], "insufficient_scope", "{name}");
        }
        // The stream is one that is pushed, so that there is nothing to poll.
        let expected = if needed == POLL { 404..=404 } else { 200..=204 };
        let answer = with(&manager).await;
        assert!(expected.contains(&answer.status), "{name}: {}", answer.body);
    }
    let list = client().get(transmitter.url("/ssf/stream"));
    assert_eq!(Answer::to(list.bearer_auth(&reader)).await.status, 200);
    let made = client().post(transmitter.url("/ssf/stream"));
    let made = made.json(&stream_for(ENDPOINT)).bearer_auth(&reader);
    assert_eq!(Answer::to(made).await.status, 403);
}

#[tokio::test]
async fn what_a_token_may_do_is_judged_before_what_is_asked() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let reader = add_with_scope(&installation, "reader", "ssf.read");
    let post = client().post(transmitter.url("/ssf/stream")).body("{ no");
    assert_eq!(Answer::to(post.bearer_auth(&reader)).await.status, 403);
    let delete = client().delete(transmitter.url("/ssf/stream"));
    assert_eq!(Answer::to(delete.bearer_auth(&reader)).await.status, 403);
}

#[tokio::test]
async fn a_token_is_sent_in_one_authorization_header_and_nowhere_else() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = installation.add_receiver("rp");
    let url = transmitter.url("/ssf/stream");
    let metadata = transmitter.url("/.well-known/oauth-protected-resource");

    let query = Answer::to(client().get(format!("{url}?access_token={token}"))).await;
    assert_eq!(query.status, 401);
    let bare = format!("Bearer resource_metadata=\"{metadata}\"");
    assert_eq!(query.header("www-authenticate"), Some(bare.as_str()));

    let both = client().get(format!("{url}?access_token={token}"));
    let both = Answer::to(both.bearer_auth(&token)).await;
    let twice = client().get(&url).bearer_auth(&token).bearer_auth(&token);
    let twice = Answer::to(twice).await;
    for answer in [both, twice] {
        let challenge = answer.header("www-authenticate").unwrap().to_owned();
        assert!(
            challenge.starts_with("Bearer error=\"invalid_request\""),
            "{challenge}"
        );
        let detail = "send one token, in one Authorization header".to_owned();
        assert_eq!(answer.problem(), (400, detail));
    }
    let lower = client()
        .get(&url)
        .header("authorization", format!("bearer {token}"));
    assert_eq!(Answer::to(lower).await.status, 200);
}

#[tokio::test]
async fn a_signed_set_is_no_access_token() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = installation.add_receiver("rp");
    let endpoint = Endpoint::answering(202);
    let made = client().post(transmitter.url("/ssf/stream"));
    let made = made.json(&stream_for(&endpoint.url)).bearer_auth(&token);
    assert_eq!(Answer::to(made).await.status, 201);
    let event = client().post(transmitter.url("/ingest/events"));
    let operator = transmitter.operator_token.as_ref().unwrap();
    let event = event.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(event.bearer_auth(operator)).await.status, 202);
    let set = endpoint.next().set;
    let read = client().get(transmitter.url("/ssf/stream"));
    let answer = Answer::to(read.bearer_auth(set)).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["code"], "invalid_token");
}

#[tokio::test]
async fn after_a_rotation_both_tokens_count_until_the_overlap_is_over() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let old = installation.add_receiver("rp");
    let status = async |token: &str| {
        let read = client().get(transmitter.url("/ssf/stream"));
        Answer::to(read.bearer_auth(token)).await.status
    };
    let rotated = receiver(&installation, &["rotate", "rp"]);
    let new = value(&rotated, "receiver_token").unwrap();
    assert_eq!((status(&old).await, status(&new).await), (200, 200));
    let at_once = ["rotate", "rp", "--overlap-seconds", "0"];
    let newest = value(&receiver(&installation, &at_once), "receiver_token").unwrap();
    assert_eq!((status(&old).await, status(&new).await), (401, 401));
    assert_eq!(status(&newest).await, 200);
}

#[tokio::test]
async fn a_removed_receiver_is_locked_out_at_once_and_its_streams_end() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = installation.add_receiver("rp");
    let endpoint = Endpoint::answering(503);
    let made = client().post(transmitter.url("/ssf/stream"));
    let made = made.json(&stream_for(&endpoint.url)).bearer_auth(&token);
    assert_eq!(Answer::to(made).await.status, 201);
    let event = client().post(transmitter.url("/ingest/events"));
    let operator = transmitter.operator_token.as_ref().unwrap();
    let event = event.json(&event_about("alice@example.com"));
    assert_eq!(Answer::to(event.bearer_auth(operator)).await.status, 202);
    endpoint.next();
    let removed = receiver(&installation, &["remove", "rp"]);
    assert_eq!(value(&removed, "streams_deleted").unwrap(), "1");
    assert_eq!(value(&removed, "deliveries_dropped").unwrap(), "1");
    let read = client().get(transmitter.url("/ssf/stream"));
    assert_eq!(Answer::to(read.bearer_auth(&token)).await.status, 401);
    assert_eq!(receiver(&installation, &["list"]), "");
    let again = installation.run(&["receiver", "remove", "rp"]);
    assert_eq!(again.status.code(), Some(1));
    let expected = "there is no receiver with this name or id";
    assert!(text(&again.stderr).contains(expected));
}

#[test]
fn receivers_are_listed_with_what_they_may_do_and_what_they_show() {
    let installation = Installation::new();
    add(&installation, "rp", &["--client-secret", "--bearer"]);
    add(&installation, "rq", &["--scope", "ssf.read"]);
    let list = receiver(&installation, &["list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|row| row.split('\t').collect()).collect();
    let rp = [
        "rp",
        "https://rp.example.com",
        "main",
        "ssf.read ssf.manage",
        "bearer client_secret",
        "ssf-1.0",
        "",
    ];
    assert_eq!(rows[0][1..], rp);
    let rq = [
        "rq",
        "https://rq.example.com",
        "main",
        "ssf.read",
        "bearer",
        "ssf-1.0",
        "",
    ];
    assert_eq!(rows[1][1..], rq);
}

#[test]
fn keys_that_no_client_should_have_are_refused_with_the_reason() {
    let installation = Installation::new();
    for (jwk, expected) in [
        ("{", "key 0, counted from 0, cannot be used"),
        (r#"{"keys":[]}"#, "a client has 1 to 8 keys"),
        (
            r#"{"kty":"oct","k":"c2VjcmV0"}"#,
            "a published key must not have k, which is secret",
        ),
        (
            r#"{"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]}"#,
            "key 0, counted from 0, cannot be used",
        ),
    ] {
        let add = [
            "receiver",
            "add",
            "rp",
            "--audience",
            "https://rp.example.com",
            "--jwk",
            jwk,
        ];
        let output = installation.run(&add);
        assert_eq!(output.status.code(), Some(1), "{jwk}");
        let told = text(&output.stderr);
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn t29_no_token_and_no_secret_is_stored_or_logged_as_it_is() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let added = add(&installation, "rp", &["--client-secret", "--bearer"]);
    let secrets = ["receiver_token", "client_secret"].map(|name| value(&added, name).unwrap());
    let read = client().get(transmitter.url("/ssf/stream"));
    assert_eq!(Answer::to(read.bearer_auth(&secrets[0])).await.status, 200);
    for name in ["ssf-transmitter.db", "ssf-transmitter.db-wal", "stderr.log"] {
        let bytes = std::fs::read(installation.path(name)).unwrap_or_default();
        for secret in &secrets {
            // The random part may itself hold underscores.
            let random = secret.splitn(3, '_').last().unwrap().as_bytes();
            assert!(random.len() > 40);
            let found = bytes.windows(random.len()).any(|window| window == random);
            assert!(!found, "{name}");
        }
    }
}
