//! Sources that hand in more than they may.

use serde_json::{Value, json};

use crate::rig::{
    Answer, Installation, SESSION_REVOKED, Transmitter, client, event_about, text, value,
};

const PRESENTED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-presented";

fn run(installation: &Installation, arguments: &[&str]) -> String {
    let output = installation.run(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn add(installation: &Installation, arguments: &[&str]) -> String {
    let added = run(
        installation,
        &[&["source", "add", "hr"], arguments].concat(),
    );
    value(&added, "source_token").unwrap()
}

/// A Receiver that leaves everything where it is, so that what is handed in waits.
async fn leave_it(installation: &Installation, transmitter: &Transmitter) {
    let receiver = installation.add_receiver("rp");
    let body = json!({"events_requested": [SESSION_REVOKED, PRESENTED]});
    let request = client().post(transmitter.url("/ssf/stream")).json(&body);
    let created = Answer::to(request.bearer_auth(receiver)).await;
    assert_eq!(created.status, 201, "{}", created.body);
}

fn ordinary() -> Value {
    json!({
        "sub_id": {"format": "email", "email": "alice@example.com"},
        "events": {(PRESENTED): {}},
    })
}

async fn hand_in(transmitter: &Transmitter, token: &str, body: &Value) -> Answer {
    let request = client().post(transmitter.url("/ingest/events")).json(body);
    Answer::to(request.bearer_auth(token)).await
}

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_source_that_is_too_fast_is_told_when_to_come_again_and_what_revokes_passes() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let token = add(&installation, &["--events-per-second", "1"]);
    // Ten seconds' worth, of which a fifth is kept; a batch that begins within the rest is accepted whole.
    let batch = json!(vec![ordinary(); 9]);
    assert_eq!(hand_in(&transmitter, &token, &batch).await.status, 202);
    let refused = hand_in(&transmitter, &token, &ordinary()).await;
    let told = "this source hands in more than 1 events a second: send the same again after Retry-After, and what revokes by itself, which has a share of its own";
    assert_eq!(refused.problem(), (429, told.to_owned()));
    assert_eq!(refused.code(), "over_quota");
    assert!((1..=2).contains(&retry_after(&refused)));
    let mixed = json!([event_about("alice@example.com"), ordinary()]);
    assert_eq!(hand_in(&transmitter, &token, &mixed).await.status, 429);
    let revoking = json!([event_about("alice@example.com")]);
    let accepted = hand_in(&transmitter, &token, &revoking).await;
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    let metrics = Answer::to(client().get(transmitter.url("/metrics")))
        .await
        .body;
    let counted = r#"ssf_ingest_over_quota_total{limit="pace"} 3"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn a_source_of_which_too_much_waits_is_told_so_and_what_revokes_passes() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    leave_it(&installation, &transmitter).await;
    let token = add(&installation, &["--backlog-max", "5"]);
    for _ in 0..4 {
        assert_eq!(hand_in(&transmitter, &token, &ordinary()).await.status, 202);
    }
    let refused = hand_in(&transmitter, &token, &ordinary()).await;
    let told = "more than 5 events and deliveries of this source wait: send the same again after Retry-After, and what revokes by itself, which has a share of its own";
    assert_eq!(refused.problem(), (429, told.to_owned()));
    assert_eq!(retry_after(&refused), 30);
    let revoking = event_about("alice@example.com");
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 202);
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 429);
}

#[tokio::test]
async fn a_quota_is_changed_while_the_source_hands_in_and_stands_in_the_audit_log() {
    let installation = Installation::new().with("SSF_TRANSMITTER_SOURCE_BACKLOG_MAX", "1");
    let transmitter = installation.serve();
    leave_it(&installation, &transmitter).await;
    let token = add(&installation, &[]);
    let revoking = event_about("alice@example.com");
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 202);
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 429);
    run(
        &installation,
        &[
            "source",
            "set",
            "hr",
            "--backlog-max",
            "2",
            "--events-per-second",
            "3",
        ],
    );
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 202);
    let listed = run(&installation, &["source", "list"]);
    assert!(listed.ends_with("\t3\t2\n"), "{listed}");
    run(&installation, &["source", "set", "hr"]);
    assert!(run(&installation, &["source", "list"]).ends_with("\tdefault\tdefault\n"));
    assert_eq!(hand_in(&transmitter, &token, &revoking).await.status, 429);
    assert_eq!(installation.audited("source.set").len(), 4);
    let refused = installation.run(&["source", "set", "hr", "--events-per-second", "0"]);
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("events_per_second is a whole number from 1 to 1000000")
    );
}

#[tokio::test]
async fn a_repetition_is_answered_whatever_the_quota_and_an_operator_has_none() {
    let installation = Installation::new().with("SSF_TRANSMITTER_SOURCE_BACKLOG_MAX", "1");
    let transmitter = installation.serve();
    leave_it(&installation, &transmitter).await;
    let token = add(&installation, &[]);
    let post = async || {
        let request = client().post(transmitter.url("/ingest/events"));
        let request = request.header("idempotency-key", "1");
        let request = request.json(&event_about("alice@example.com"));
        Answer::to(request.bearer_auth(&token)).await
    };
    let first = post().await;
    assert_eq!(first.status, 202, "{}", first.body);
    let again = post().await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    let operator = transmitter.operator_token.clone().unwrap();
    for _ in 0..3 {
        assert_eq!(
            hand_in(&transmitter, &operator, &ordinary()).await.status,
            202
        );
    }
}

#[tokio::test]
async fn an_operator_adds_a_source_with_a_quota_over_http() {
    let installation = Installation::new();
    let transmitter = installation.serve();
    let operator = transmitter.operator_token.clone().unwrap();
    let add = async |body: Value| {
        let request = client().post(transmitter.url("/operator/v1/sources"));
        Answer::to(request.json(&body).bearer_auth(&operator)).await
    };
    let added = add(json!({"name": "a", "events_per_second": 5, "backlog_max": 6})).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let added = added.json();
    assert_eq!(
        (&added["events_per_second"], &added["backlog_max"]),
        (&json!(5), &json!(6))
    );
    let refused = add(json!({"name": "b", "backlog_max": 0})).await;
    let told = "backlog_max is a whole number from 1 to 1000000000";
    assert_eq!(refused.problem(), (400, told.to_owned()));
}
