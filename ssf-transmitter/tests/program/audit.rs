//! Whoever changes something leaves its traces, over HTTP and on the command line.

use reqwest::{Client, Method, RequestBuilder};
use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};

use crate::rig::{Answer, Installation, Transmitter, client, stream_for, text, value};

impl Installation {
    /// The whole audit log.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let output = self.run(&["audit", "tail", "--limit", "10000"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let entries = lines.lines().map(serde_json::from_str);
        entries.collect::<Result<_, _>>().unwrap()
    }

    /// The entries of one action: how each of them ended, if it did.
    pub(crate) fn audited(&self, action: &str) -> Vec<(String, Option<String>)> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let entries = self.audit().into_iter();
        let of_action = entries.filter(|entry| entry["action"] == action);
        of_action
            .map(|entry| (word(&entry["phase"]).unwrap(), word(&entry["result"])))
            .collect()
    }

    async fn edit(&self, sql: &str) {
        let url = format!("sqlite://{}", self.path("ssf-transmitter.db").display());
        let database = Database::connect(url).await.unwrap();
        database.execute_unprepared(sql).await.unwrap();
        database.close().await.unwrap();
    }
}

fn begun_and(result: &str) -> Vec<(String, Option<String>)> {
    vec![
        ("begun".to_owned(), None),
        ("ended".to_owned(), Some(result.to_owned())),
    ]
}

/// A Receiver with a stream.
struct World {
    installation: Installation,
    transmitter: Transmitter,
    token: String,
    stream: String,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let token = installation.add_receiver("rp");
        let client = client();
        let mut numbered = stream_for("https://rp.example.com/events");
        numbered["set_sequence"] = json!(true);
        let create = client
            .post(transmitter.url("/ssf/stream"))
            .json(&numbered)
            .bearer_auth(&token);
        let created = Answer::to(create).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let stream = created.json()["stream_id"].as_str().unwrap().to_owned();
        Self {
            installation,
            transmitter,
            token,
            stream,
            client,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.transmitter.url(path));
        request.bearer_auth(&self.token)
    }

    /// Each request with which a Receiver changes something, with its action.
    fn changes(&self) -> Vec<(&'static str, RequestBuilder)> {
        let named = json!({"stream_id": self.stream});
        let with = |name: &str, value: Value| {
            let mut body = named.clone();
            body[name] = value;
            body
        };
        let replacement = with(
            "delivery",
            json!({"method": "urn:ietf:rfc:8935", "endpoint_url": "https://rp.example.com/other"}),
        );
        let path = format!("/ssf/stream?stream_id={}", self.stream);
        vec![
            (
                "stream.create",
                self.request(Method::POST, "/ssf/stream")
                    .json(&stream_for("https://rp.example.com/events")),
            ),
            (
                "stream.change",
                self.request(Method::PATCH, "/ssf/stream")
                    .json(&with("description", json!("x"))),
            ),
            (
                "stream.change",
                self.request(Method::PUT, "/ssf/stream").json(&replacement),
            ),
            (
                "stream.verify",
                self.request(Method::POST, "/ssf/verify").json(&named),
            ),
            (
                "stream.replay",
                self.request(Method::POST, "/ssf/replay").json(
                    &json!({"stream_id": self.stream, "epoch": self.stream, "numbers": [[1, 1]]}),
                ),
            ),
            (
                "stream.subjects",
                self.request(Method::POST, "/ssf/subjects/add")
                    .json(&with("subject", json!({"format": "opaque", "id": "7"}))),
            ),
            (
                "stream.subjects",
                self.request(Method::POST, "/ssf/subjects/remove")
                    .json(&with("subject", json!({"format": "opaque", "id": "7"}))),
            ),
            (
                "stream.status",
                self.request(Method::POST, "/ssf/status")
                    .json(&with("status", json!("paused"))),
            ),
            ("stream.delete", self.request(Method::DELETE, &path)),
        ]
    }
}

#[tokio::test]
async fn every_change_that_a_receiver_makes_is_written_down_before_and_after() {
    let world = World::new().await;
    for (action, request) in world.changes() {
        let before = world.installation.audited(action).len();
        let answer = Answer::to(request).await;
        assert!(answer.status < 300, "{action}: {}", answer.body);
        let entries = world.installation.audited(action);
        assert_eq!(entries[before..], begun_and("done"), "{action}");
    }
    let entries = world.installation.audit();
    let deleted = entries.iter().rev().find(|entry| entry["phase"] == "begun");
    let deleted = deleted.unwrap();
    assert_eq!(deleted["target"], format!("stream/{}", world.stream));
    assert_eq!(deleted["actor"]["kind"], "receiver");
}

#[tokio::test]
async fn a_change_that_is_refused_is_written_down_as_refused() {
    let world = World::new().await;
    let delete = || world.request(Method::DELETE, "/ssf/stream?stream_id=f67e39a0");
    assert_eq!(Answer::to(delete()).await.status, 404);
    let entries = world.installation.audited("stream.delete");
    assert_eq!(entries, begun_and("refused"));
}

#[tokio::test]
async fn nothing_happens_that_cannot_be_written_down() {
    let world = World::new().await;
    let streams = async || {
        let read = world.request(Method::GET, "/ssf/stream");
        Answer::to(read).await.json()
    };
    let before = streams().await;
    let away = "ALTER TABLE audit_head RENAME TO audit_head_away";
    world.installation.edit(away).await;
    for (action, request) in world.changes() {
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 503, "{action}: {}", answer.body);
        assert!(answer.header("retry-after").is_some());
    }
    let output =
        world
            .installation
            .run(&["receiver", "add", "b", "--audience", "https://b.example"]);
    assert_eq!(output.status.code(), Some(1));
    let list = text(&world.installation.run(&["receiver", "list"]).stdout);
    assert_eq!(list.lines().count(), 1, "{list}");
    let back = "ALTER TABLE audit_head_away RENAME TO audit_head";
    world.installation.edit(back).await;
    assert_eq!(streams().await, before);
}

#[test]
fn a_command_that_changes_something_is_written_down_with_its_user() {
    let installation = Installation::new();
    installation.add_receiver("rp");
    assert_eq!(installation.audited("receiver.add"), begun_and("done"));
    let entries = installation.audit();
    assert_eq!(entries[0]["actor"]["kind"], "cli");
    let user = entries[0]["actor"]["id"].as_str().unwrap();
    assert!(user.starts_with("uid "), "{user}");
    assert_eq!(entries[0]["details"]["name"], "rp");
    assert_eq!(entries[1]["begun"], 1);
    let again = ["receiver", "add", "rp", "--audience", "https://x.example"];
    assert_eq!(installation.run(&again).status.code(), Some(1));
    let entries = installation.audited("receiver.add");
    assert_eq!(entries[2..], begun_and("failed"));
}

#[tokio::test]
async fn t59_the_command_line_verifies_the_audit_log_and_names_what_was_edited() {
    let installation = Installation::new();
    installation.add_receiver("a");
    installation.add_receiver("b");
    let output = installation.run(&["audit", "verify"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert_eq!(value(&told, "entries").unwrap(), "4");
    let head = value(&told, "head").unwrap();
    installation.add_receiver("c");
    let output = installation.run(&["audit", "verify", "--head", &head]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let edit = "UPDATE audit_entry SET actor_id = 'uid 7' WHERE seq = 3";
    installation.edit(edit).await;
    let output = installation.run(&["audit", "verify"]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("audit entry 3 was changed or inserted"),
        "{told}"
    );
    assert_eq!(text(&output.stdout), "");
    let output = installation.run(&["audit", "verify", "--head", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
}
