//! Who hands in events, and what it may say; who looks after the transmitter.

use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, SESSION_REVOKED, Transmitter, client, event_about, stream_for,
    text, value,
};

const PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
const VERIFICATION: &str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

fn add(installation: &Installation, kind: &str, arguments: &[&str]) -> String {
    let output = installation.run(&[&[kind, "add"], arguments].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    value(&text(&output.stdout), &format!("{kind}_token")).unwrap()
}

fn rotate(installation: &Installation, kind: &str, name: &str, overlap: &str) -> String {
    let output = installation.run(&[kind, "rotate", name, "--overlap-seconds", overlap]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    value(&text(&output.stdout), &format!("{kind}_token")).unwrap()
}

async fn hand_in(transmitter: &Transmitter, token: &str, body: &Value) -> Answer {
    let request = client().post(transmitter.url("/ingest/events")).json(body);
    Answer::to(request.bearer_auth(token)).await
}

fn of_issuer(issuer: &str) -> Value {
    json!({
        "sub_id": {"format": "iss_sub", "iss": issuer, "sub": "4711"},
        "events": {(SESSION_REVOKED): {}},
    })
}

fn purged() -> Value {
    json!({
        "sub_id": {"format": "email", "email": "alice@example.com"},
        "events": {(PURGED): {}},
    })
}

#[tokio::test]
async fn an_event_that_a_source_hands_in_reaches_the_receiver() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let endpoint = Endpoint::answering(202);
    let receiver = installation.add_receiver("rp");
    let create = client().post(transmitter.url("/ssf/stream"));
    let created = Answer::to(
        create
            .json(&stream_for(&endpoint.url))
            .bearer_auth(receiver),
    )
    .await;
    assert_eq!(created.status, 201, "{}", created.body);
    let token = add(&installation, "source", &["hr"]);
    assert!(token.starts_with("ssf_src_"));
    let answer = hand_in(&transmitter, &token, &event_about("alice@example.com")).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert_eq!(endpoint.next().set.split('.').count(), 3);
    assert_eq!(
        installation.audited("events.hand_in"),
        [],
        "the event has its source"
    );
}

#[tokio::test]
async fn t23_what_a_source_may_not_say_is_refused_alone_and_written_down() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = add(&installation, "source", &["hr", "--event-type", "caep"]);
    let foreign = of_issuer("https://other.example.com");
    let own = of_issuer(&transmitter.issuer);
    for (event, detail) in [
        (
            &purged(),
            "this source must not hand in events of this type",
        ),
        (
            &foreign,
            "this source must not speak of subjects of this issuer",
        ),
    ] {
        let answer = hand_in(&transmitter, &token, event).await;
        assert_eq!(answer.problem(), (403, detail.to_owned()));
        assert_eq!(answer.json()["code"], "source_not_allowed");
    }
    let batch = json!([own, foreign, purged(), {"nonsense": 1}]);
    let answer = hand_in(&transmitter, &token, &batch).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    let answered = answer.json();
    assert!(answered["events"][0]["event_id"].is_string());
    let codes = [1, 2, 3].map(|at| answered["events"][at]["error"]["code"].clone());
    assert_eq!(
        codes,
        ["source_not_allowed", "source_not_allowed", "invalid_event"]
    );
    let refused = hand_in(&transmitter, &token, &json!([foreign, {"nonsense": 1}])).await;
    assert_eq!(refused.status, 400, "not all of it is the source's fault");
    // The first of them stands in the audit log at once, the others of its minute together.
    let ended = |entries: &[Value]| -> Vec<Value> {
        let of_events =
            |entry: &&Value| entry["action"] == "events.hand_in" && entry["phase"] == "ended";
        entries.iter().filter(of_events).cloned().collect()
    };
    assert_eq!(ended(&installation.audit()).len(), 1);
    transmitter.signal("TERM");
    assert!(transmitter.ended().await.success());
    let entries = installation.audit();
    assert_eq!(ended(&entries).len(), 2);
    for entry in ended(&entries) {
        assert_eq!(entry["result"], "refused");
        assert_eq!(entry["actor"]["kind"], "source");
    }
    let events = |entry: &Value| entry["details"]["events"].as_str().map(str::to_owned);
    let begun = entries.iter().filter(|entry| entry["phase"] == "begun");
    let events: Vec<String> = begun.filter_map(events).collect();
    assert_eq!(events, ["1", "4"]);
}

#[tokio::test]
async fn a_source_with_wider_limits_may_say_more() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let other = "https://other.example.com";
    let listed = add(&installation, "source", &["a", "--subject-issuer", other]);
    let any = add(&installation, "source", &["b", "--any-subject-issuer"]);
    let status = async |token: &str, issuer: &str| {
        hand_in(&transmitter, token, &of_issuer(issuer))
            .await
            .status
    };
    assert_eq!(status(&listed, other).await, 202);
    assert_eq!(status(&listed, &transmitter.issuer).await, 403);
    assert_eq!(status(&any, other).await, 202);
    assert_eq!(status(&any, &transmitter.issuer).await, 202);
}

/// Threat T23.
#[tokio::test]
async fn a_source_of_one_issuer_says_nothing_for_another() {
    let installation = Installation::new().with("SSF_TRANSMITTER_ISSUERS", "acme=/acme");
    let transmitter = installation.serve();
    let acme = add(&installation, "source", &["acme", "--issuer-name", "acme"]);
    let main = add(&installation, "source", &["main"]);
    let event = event_about("alice@example.com");
    let status = async |token: &str, query: &str| {
        let request = client().post(transmitter.url(&format!("/ingest/events{query}")));
        let answer = Answer::to(request.json(&event).bearer_auth(token)).await;
        (answer.status, answer.json()["code"].clone())
    };
    assert_eq!(status(&acme, "").await.0, 202);
    assert_eq!(status(&acme, "?issuer=acme").await.0, 202);
    assert_eq!(
        status(&acme, "?issuer=main").await,
        (403, json!("source_not_allowed"))
    );
    assert_eq!(
        status(&main, "?issuer=acme").await,
        (403, json!("source_not_allowed"))
    );
    let of_main = of_issuer(&transmitter.issuer);
    assert_eq!(hand_in(&transmitter, &acme, &of_main).await.status, 403);
    let of_acme = of_issuer(&format!("{}/acme", transmitter.issuer));
    assert_eq!(hand_in(&transmitter, &acme, &of_acme).await.status, 202);
    let unknown = ["source", "add", "x", "--issuer-name", "unknown"];
    assert_eq!(installation.run(&unknown).status.code(), Some(1));
}

/// Threat T24.
#[tokio::test]
async fn t24_framework_events_are_refused_from_everybody_and_written_down() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let source = add(&installation, "source", &["hr", "--any-subject-issuer"]);
    let operator = transmitter.operator_token.clone().unwrap();
    let forged = ["verification", "stream-updated"].map(|name| {
        json!({
            "sub_id": {"format": "opaque", "id": "f67e39a0"},
            "events": {(VERIFICATION.replace("verification", name)): {"status": "disabled"}},
        })
    });
    for token in [&source, &operator] {
        for event in &forged {
            let answer = hand_in(&transmitter, token, event).await;
            let detail =
                "events must not have an event of the framework: the transmitter alone sends those";
            assert_eq!(answer.problem(), (400, detail.to_owned()));
        }
    }
    let refused = || -> Vec<Value> {
        let entries = installation.audit().into_iter();
        let of_rule = entries.filter(|entry| entry["result"] == "refused");
        of_rule
            .map(|entry| entry["actor"]["kind"].clone())
            .collect()
    };
    // The first of each stands there at once, and the second by the end of its minute, or of the process.
    assert_eq!(refused(), ["source", "operator"]);
    transmitter.signal("TERM");
    assert!(transmitter.ended().await.success());
    assert_eq!(refused().len(), 4);
    let entries = installation.audit();
    let rules = entries
        .iter()
        .filter(|entry| entry["details"]["rule"] == "framework");
    assert_eq!(rules.count(), 4);
}

#[tokio::test]
async fn a_token_of_a_source_is_rotated_with_an_overlap_and_removed_at_once() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let first = add(&installation, "source", &["hr"]);
    let event = event_about("alice@example.com");
    let status = async |token: &str| hand_in(&transmitter, token, &event).await.status;
    let second = rotate(&installation, "source", "hr", "3600");
    assert_eq!((status(&first).await, status(&second).await), (202, 202));
    let third = rotate(&installation, "source", "hr", "0");
    assert_eq!(status(&first).await, 401);
    assert_eq!((status(&second).await, status(&third).await), (401, 202));
    let list = text(&installation.run(&["source", "list"]).stdout);
    let fields: Vec<&str> = list.trim_end().split('\t').collect();
    assert_eq!(
        fields[1..],
        ["hr", "main", "all", "own", "default", "default"]
    );
    assert!(
        installation
            .run(&["source", "remove", "hr"])
            .status
            .success()
    );
    assert_eq!(status(&third).await, 401);
    let output = installation.run(&["source", "remove", "hr"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("there is no source of this name"), "{told}");
    for action in ["source.add", "source.rotate", "source.remove"] {
        let (phase, result) = installation.audited(action).pop().unwrap();
        assert_eq!(
            (phase.as_str(), result.as_deref()),
            ("ended", Some("done")),
            "{action}"
        );
    }
}

#[tokio::test]
async fn an_operators_token_counts_at_once_and_for_its_scopes_alone() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let first = transmitter.operator_token.clone().unwrap();
    let event = event_about("alice@example.com");
    let status = async |token: &str| hand_in(&transmitter, token, &event).await.status;
    assert_eq!(status(&first).await, 202);
    let second = rotate(&installation, "operator", "operator", "0");
    assert_eq!((status(&first).await, status(&second).await), (401, 202));
    let reader = add(&installation, "operator", &["b", "--scope", "ops.read"]);
    let answer = hand_in(&transmitter, &reader, &event).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.json()["code"], "insufficient_scope");
    let challenge = "Bearer error=\"insufficient_scope\", scope=\"ops.emit\"";
    assert_eq!(answer.header("www-authenticate"), Some(challenge));
    let list = text(&installation.run(&["operator", "list"]).stdout);
    assert!(list.contains("\tb\tops.read\n"), "{list}");
    assert!(
        list.contains("\toperator\tops.read ops.manage ops.emit\n"),
        "{list}"
    );
    assert!(
        installation
            .run(&["operator", "remove", "operator"])
            .status
            .success()
    );
    assert_eq!(status(&second).await, 401);
    for action in ["operator.add", "operator.rotate", "operator.remove"] {
        let (phase, result) = installation.audited(action).pop().unwrap();
        assert_eq!(
            (phase.as_str(), result.as_deref()),
            ("ended", Some("done")),
            "{action}"
        );
    }
    let handed_in = installation.audit();
    let by_operator = handed_in
        .iter()
        .filter(|entry| entry["action"] == "events.hand_in");
    assert_eq!(
        by_operator.count(),
        4,
        "two events, and two entries of each"
    );
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_before_whatever_is_configured_by_then() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = add(&installation, "source", &["hr"]);
    let other = add(&installation, "source", &["other"]);
    let batch = json!([event_about("alice@example.com"), {"nonsense": 1}]);
    let keyed = async |transmitter: &Transmitter, token: &str| {
        let request = client()
            .post(transmitter.url("/ingest/events"))
            .json(&batch);
        let request = request.header("Idempotency-Key", "k").bearer_auth(token);
        Answer::to(request).await
    };
    let first = keyed(&transmitter, &token).await;
    assert_eq!(first.status, 207, "{}", first.body);
    let elsewhere = keyed(&transmitter, &other).await;
    assert_ne!(
        elsewhere.body, first.body,
        "a key means nothing to another source"
    );
    transmitter.kill();
    let purged = ["serve", "--listen", "127.0.0.1:0"];
    let mut command = installation.command(&purged);
    command.env("SSF_TRANSMITTER_EVENTS_SUPPORTED", PURGED);
    let transmitter = installation.started(command);
    let again = keyed(&transmitter, &token).await;
    assert_eq!((again.status, again.body), (first.status, first.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
}
