//! The operator's API.

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Transmitter, client, event_about, stream_for, text, value,
};

/// An operator, and a Receiver with a stream to a push endpoint.
struct World {
    installation: Installation,
    transmitter: Transmitter,
    endpoint: Endpoint,
    receiver: String,
    stream: String,
    client: Client,
}

impl World {
    async fn new() -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let endpoint = Endpoint::answering(202);
        let receiver = installation.add_receiver("rp");
        let client = client();
        let create = client
            .post(transmitter.url("/ssf/stream"))
            .json(&stream_for(&endpoint.url))
            .bearer_auth(&receiver);
        let created = Answer::to(create).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let stream = created.json()["stream_id"].as_str().unwrap().to_owned();
        Self {
            installation,
            transmitter,
            endpoint,
            receiver,
            stream,
            client,
        }
    }

    fn operator(&self) -> &str {
        self.transmitter.operator_token.as_deref().unwrap()
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.transmitter.url(&format!("/operator/v1{path}"));
        self.client
            .request(method, url)
            .bearer_auth(self.operator())
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    async fn set_status(&self, body: Value) -> Answer {
        let path = format!("/streams/{}/status", self.stream);
        Answer::to(self.request(Method::POST, &path).json(&body)).await
    }
}

#[tokio::test]
async fn an_operator_sees_the_streams_of_all_receivers_and_no_secret_of_theirs() {
    let world = World::new().await;
    let list = world.get("/streams").await;
    assert_eq!(list.status, 200, "{}", list.body);
    assert_eq!(list.header("cache-control"), Some("no-store"));
    let items = list.json()["items"].clone();
    assert_eq!(items.as_array().unwrap().len(), 1);
    assert_eq!(items[0]["stream_id"], world.stream.as_str());
    assert_eq!(items[0]["status"], "enabled");
    let one = world.get(&format!("/streams/{}", world.stream)).await;
    assert_eq!(one.json()["backlog"]["pending"], 0);
    for answer in [&list, &one] {
        assert!(!answer.body.contains("s3cret"), "{}", answer.body);
        assert!(
            !answer.body.contains(&world.endpoint.url),
            "{}",
            answer.body
        );
    }
    let none = world.get("/streams?status=paused").await;
    assert_eq!(none.json(), json!({"items": []}));
    let full = world.get("/streams?limit=1").await;
    let next = full.json()["next"].as_str().unwrap().to_owned();
    let rest = world.get(&format!("/streams?limit=1&after={next}")).await;
    assert_eq!(rest.json(), json!({"items": []}));
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "status=gone",
        "receiver_id=7",
        "issuer=A",
    ] {
        let refused = world.get(&format!("/streams?{query}")).await;
        assert_eq!(refused.problem().0, 400, "{query}");
    }
    assert_eq!(world.get("/streams/f67e39a0").await.status, 404);
}

#[tokio::test]
async fn a_stream_that_an_operator_pauses_is_told_so_and_holds_what_comes() {
    let world = World::new().await;
    let paused = world
        .set_status(json!({"status": "paused", "reason": "maintenance"}))
        .await;
    assert_eq!(paused.status, 200, "{}", paused.body);
    assert_eq!(paused.json()["status"], "paused");
    let told = world.endpoint.next();
    assert_eq!(told.set.split('.').count(), 3, "the stream-updated SET");
    let hand_in = world.client.post(world.transmitter.url("/ingest/events"));
    let event = event_about("alice@example.com");
    let answer = Answer::to(hand_in.json(&event).bearer_auth(world.operator())).await;
    assert_eq!(answer.status, 202);
    let held = async {
        loop {
            let shown = world
                .get(&format!("/streams/{}", world.stream))
                .await
                .json();
            if shown["backlog"]["pending"] == 1 {
                return shown;
            }
            tokio::task::yield_now().await;
        }
    };
    let shown = tokio::time::timeout(crate::rig::PATIENCE, held)
        .await
        .unwrap();
    assert_eq!(shown["backlog"]["held"], true);
    assert!(world.endpoint.rest().is_empty(), "nothing else was sent");
    let enabled = world.set_status(json!({"status": "enabled"})).await;
    assert_eq!(enabled.status, 200, "{}", enabled.body);
    world.endpoint.next();
    world.endpoint.next();
    let audited = world.installation.audited("stream.status");
    assert_eq!(audited.len(), 4, "two changes, and two entries of each");
    for body in [
        json!({}),
        json!({"status": "gone"}),
        json!({"status": "paused", "x": 1}),
        json!({"status": "paused", "reason": null}),
        json!({"status": "paused", "reason": "x".repeat(1025)}),
    ] {
        let refused = world.set_status(body).await;
        assert_eq!(refused.problem().0, 400);
    }
}

#[tokio::test]
async fn a_stream_that_an_operator_deletes_is_gone_for_its_receiver() {
    let world = World::new().await;
    let path = format!("/streams/{}", world.stream);
    let delete = async || {
        Answer::to(world.request(Method::DELETE, &path))
            .await
            .status
    };
    assert_eq!(delete().await, 204);
    assert_eq!(delete().await, 404);
    let read = world.client.get(world.transmitter.url("/ssf/stream"));
    let streams = Answer::to(read.bearer_auth(&world.receiver)).await;
    assert_eq!(streams.json(), json!([]));
    let entries = world.installation.audit();
    let deleted = entries
        .iter()
        .filter(|entry| entry["action"] == "stream.delete");
    let kinds: Vec<&Value> = deleted.map(|entry| &entry["actor"]["kind"]).collect();
    assert_eq!(kinds, ["operator", "operator"]);
}

#[tokio::test]
async fn sources_are_added_rotated_and_removed_over_http() {
    let world = World::new().await;
    let add =
        async |body: Value| Answer::to(world.request(Method::POST, "/sources").json(&body)).await;
    let added = add(json!({"name": "hr", "event_types": ["caep"], "subject_issuers": "any"})).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let added = added.json();
    let first = added["token"].as_str().unwrap();
    let id = added["id"].as_str().unwrap();
    let status = async |token: &str| {
        let hand_in = world.client.post(world.transmitter.url("/ingest/events"));
        let event = event_about("alice@example.com");
        Answer::to(hand_in.json(&event).bearer_auth(token))
            .await
            .status
    };
    assert_eq!(status(first).await, 202);
    assert_eq!(add(json!({"name": "hr"})).await.problem().0, 409);
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "x", "issuer": "unknown"}),
        json!({"name": "x", "event_types": ["cap"]}),
        json!({"name": "x", "subject_issuers": "all"}),
        json!({"name": "x", "scope": 1}),
    ] {
        assert_eq!(add(body.clone()).await.problem().0, 400, "{body}");
    }
    let list = world.get("/sources").await;
    assert_eq!(list.json()["items"][0]["name"], "hr");
    assert!(!list.body.contains(first), "a token is shown once");
    let rotate = world.request(Method::POST, &format!("/sources/{id}/rotate"));
    let rotated = Answer::to(rotate.json(&json!({"overlap_seconds": 0}))).await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let second = rotated.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((status(first).await, status(&second).await), (401, 202));
    let remove = async || {
        let remove = world.request(Method::DELETE, &format!("/sources/{id}"));
        Answer::to(remove).await.status
    };
    assert_eq!(remove().await, 204);
    assert_eq!(remove().await, 404);
    assert_eq!(status(&second).await, 401);
    for action in ["source.add", "source.rotate", "source.remove"] {
        assert!(!world.installation.audited(action).is_empty(), "{action}");
    }
}

#[tokio::test]
async fn receivers_are_registered_rotated_and_removed_over_http() {
    let world = World::new().await;
    let add =
        async |body: Value| Answer::to(world.request(Method::POST, "/receivers").json(&body)).await;
    let new = json!({"name": "b", "audience": ["https://b.example.com"], "profile": "okta", "push_hosts": ["b.example.com"]});
    let added = add(new.clone()).await;
    assert_eq!(added.status, 201, "{}", added.body);
    let added = added.json();
    assert_eq!(added["profile"], "okta");
    assert_eq!(added["push_hosts"], json!(["b.example.com"]));
    let (first, id) = (
        added["token"].as_str().unwrap(),
        added["id"].as_str().unwrap(),
    );
    let status = async |token: &str| {
        let read = world.client.get(world.transmitter.url("/ssf/stream"));
        Answer::to(read.bearer_auth(token)).await.status
    };
    assert_eq!(status(first).await, 200);
    assert_eq!(add(new).await.problem().0, 409);
    for body in [
        json!({"name": "c"}),
        json!({"name": "c", "audience": []}),
        json!({"name": "", "audience": ["https://c.example.com"]}),
        json!({"name": "c", "audience": ["https://c.example.com"], "issuer": "unknown"}),
        json!({"name": "c", "audience": ["https://c.example.com"], "credential": "password"}),
        json!({"name": "c", "audience": ["https://c.example.com"], "profile": "esperanto"}),
        json!({"name": "c", "audience": ["https://c.example.com"], "push_hosts": ["https://c.example.com"]}),
    ] {
        assert_eq!(add(body.clone()).await.problem().0, 400, "{body}");
    }
    let list = world.get("/receivers").await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 2);
    assert!(!list.body.contains(first), "a token is shown once");
    let rotate = world.request(Method::POST, &format!("/receivers/{id}/rotate"));
    let rotated = Answer::to(rotate.json(&json!({"overlap_seconds": 0}))).await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let second = rotated.json()["token"].as_str().unwrap().to_owned();
    assert_eq!((status(first).await, status(&second).await), (401, 200));
    let remove = async || {
        let remove = world.request(Method::DELETE, &format!("/receivers/{id}"));
        Answer::to(remove).await.status
    };
    assert_eq!((remove().await, remove().await), (204, 404));
    assert_eq!(status(&second).await, 401);
}

#[tokio::test]
async fn the_audit_log_is_read_in_pages_over_http() {
    let world = World::new().await;
    let all = world.get("/audit").await.json();
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.len(), 4, "a Receiver and its stream");
    assert_eq!(
        Value::from(items.clone()),
        Value::from(world.installation.audit())
    );
    let page = world.get("/audit?after=0&limit=3").await.json();
    assert_eq!(page["next"], 3);
    let rest = world.get("/audit?after=3&limit=3").await.json();
    assert_eq!(rest["items"][0]["seq"], 4);
    assert_eq!(rest.get("next"), None);
    assert_eq!(world.get("/audit?after=x").await.problem().0, 400);
}

#[tokio::test]
async fn each_request_of_an_operator_takes_its_scope() {
    let world = World::new().await;
    let add = |name: &str, scope: &str| {
        let output = world
            .installation
            .run(&["operator", "add", name, "--scope", scope]);
        value(&text(&output.stdout), "operator_token").unwrap()
    };
    let reader = add("reader", "ops.read");
    let manager = add("manager", "ops.manage");
    let stream = format!("/streams/{}", world.stream);
    let (status, rotate) = (format!("{stream}/status"), "/sources/1/rotate".to_owned());
    let routes = [
        (Method::GET, "/sources", "ops.read"),
        (Method::POST, "/sources", "ops.manage"),
        (Method::DELETE, "/sources/1", "ops.manage"),
        (Method::POST, &rotate, "ops.manage"),
        (Method::GET, "/receivers", "ops.read"),
        (Method::POST, "/receivers", "ops.manage"),
        (Method::DELETE, "/receivers/1", "ops.manage"),
        (Method::POST, "/receivers/1/rotate", "ops.manage"),
        (Method::GET, "/streams", "ops.read"),
        (Method::GET, &stream, "ops.read"),
        (Method::DELETE, &stream, "ops.manage"),
        (Method::POST, &status, "ops.manage"),
        (Method::GET, "/audit", "ops.read"),
        (Method::GET, "/keys", "ops.read"),
        (Method::POST, "/events", "ops.emit"),
        (Method::POST, "/events/dry-run", "ops.emit"),
    ];
    for (method, path, scope) in routes {
        let url = world.transmitter.url(&format!("/operator/v1{path}"));
        let with = async |token: &str| {
            let request = world.client.request(method.clone(), &url);
            Answer::to(request.bearer_auth(token)).await
        };
        let other = if scope == "ops.read" {
            &manager
        } else {
            &reader
        };
        let refused = with(other).await;
        assert_eq!(refused.problem().0, 403, "{method} {path}");
        let challenge = refused.header("www-authenticate").unwrap();
        assert!(
            challenge.contains(&format!("scope=\"{scope}\"")),
            "{challenge}"
        );
        assert_eq!(with(&world.receiver).await.status, 401, "{method} {path}");
        let bare = world.client.request(method.clone(), &url);
        assert_eq!(Answer::to(bare).await.status, 401, "{method} {path}");
    }
    assert_eq!(
        world.get("/streams").await.json()["items"][0]["status"],
        "enabled"
    );
}

#[tokio::test]
async fn an_operator_asks_who_would_get_an_event_and_nobody_gets_it() {
    let world = World::new().await;
    let event = event_about("alice@example.com");
    let dry_run = async |query: &str, body: &Value| {
        let path = format!("/events/dry-run{query}");
        Answer::to(world.request(Method::POST, &path).json(body)).await
    };
    let answer = dry_run("", &event).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let alice = json!({"format": "email", "email": "alice@example.com"});
    let answer = answer.json();
    assert_eq!(answer["matched"], 1);
    assert_eq!(answer["items"][0]["stream_id"], world.stream.as_str());
    assert_eq!(answer["items"][0]["outcome"], "sent");
    assert_eq!(answer["items"][0]["sub_id"], alice);
    let full = dry_run("?limit=1", &event).await.json();
    let rest = format!("?limit=1&after={}", full["next"].as_str().unwrap());
    let rest = dry_run(&rest, &event).await.json();
    assert_eq!(rest, json!({"matched": 1, "items": []}));
    world.set_status(json!({"status": "paused"})).await;
    let held = dry_run("", &event).await.json();
    assert_eq!(held["items"][0]["outcome"], "held");
    world.set_status(json!({"status": "disabled"})).await;
    let skipped = dry_run("", &event).await.json();
    assert_eq!(skipped["matched"], 0);
    assert_eq!(skipped["items"][0]["outcome"], "skipped");
    assert_eq!(skipped["items"][0]["reason"], "stream_disabled");
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let (sub_id, none) = (&event["sub_id"], json!({}));
    for (query, body, code) in [
        ("", json!([event]), "invalid_event"),
        ("", none.clone(), "invalid_event"),
        (
            "",
            json!({"sub_id": sub_id, "events": {(verification): {}}}),
            "invalid_event",
        ),
        (
            "",
            json!({"sub_id": sub_id, "events": {"https://example.com/x": {}}}),
            "invalid_event",
        ),
        ("?issuer=unknown", event.clone(), "invalid_request"),
        ("?limit=0", event.clone(), "invalid_request"),
    ] {
        let refused = dry_run(query, &body).await;
        assert_eq!(refused.problem().0, 400, "{query} {body}");
        assert_eq!(refused.json()["code"], code, "{query} {body}");
    }
    // What the stream was told of its status is all that came.
    let metrics = Answer::to(world.client.get(world.transmitter.url("/metrics"))).await;
    assert!(!metrics.body.contains("ssf_events_accepted_total 1"));
    assert!(world.installation.audited("events.hand_in").is_empty());
}

#[tokio::test]
async fn an_operator_hands_in_events_below_its_own_path_and_that_is_written_down() {
    let world = World::new().await;
    let event = event_about("alice@example.com");
    let emit = async |query: &str| {
        let path = format!("/events{query}");
        Answer::to(world.request(Method::POST, &path).json(&event)).await
    };
    let answer = emit("").await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(answer.json()["events"][0]["event_id"].is_string());
    world.endpoint.next();
    assert_eq!(emit("?issuer=unknown").await.problem().0, 400);
    let entries = world.installation.audit();
    let handed_in = entries
        .iter()
        .filter(|entry| entry["target"].as_str().unwrap().starts_with("event"));
    let kinds: Vec<&Value> = handed_in.map(|entry| &entry["actor"]["kind"]).collect();
    assert_eq!(kinds, ["operator", "operator"]);
    let add = ["source", "add", "hr"];
    let source = text(&world.installation.run(&add).stdout);
    let with_source = world
        .client
        .post(world.transmitter.url("/operator/v1/events"));
    let with_source = with_source.json(&event);
    let token = value(&source, "source_token").unwrap();
    let refused = Answer::to(with_source.bearer_auth(token)).await;
    assert_eq!(refused.status, 401);
}

#[tokio::test]
async fn an_operator_sees_the_keys_that_sign_and_nothing_private() {
    let world = World::new().await;
    let rotated = world.installation.run(&["key", "rotate"]);
    assert!(rotated.status.success(), "{}", text(&rotated.stderr));
    let keys = world.get("/keys").await;
    assert_eq!(keys.status, 200, "{}", keys.body);
    assert_eq!(keys.header("cache-control"), Some("no-store"));
    let items = keys.json()["items"].clone();
    let (signing, next) = (&items[0], &items[1]);
    assert_eq!(signing["state"], "signing");
    assert_eq!(next["state"], "published");
    for key in [signing, next] {
        assert_eq!(key["issuer"], "main");
        assert_eq!(key["alg"], "RS256");
        assert_eq!(key["origin"], "made");
    }
    assert_eq!(signing["signs_until"], next["signs_from"]);
    assert_eq!(next["signs_until"], Value::Null);
    let jwks = Answer::to(world.client.get(world.transmitter.url("/jwks.json"))).await;
    assert_eq!(signing["kid"], jwks.json()["keys"][0]["kid"]);
    assert!(!keys.body.contains("PRIVATE") && !keys.body.contains("\"d\""));
    let unknown = world.get("/keys?issuer=unknown").await;
    assert_eq!(unknown.problem().0, 400);
}

#[tokio::test]
async fn the_command_line_tries_an_event_without_handing_it_in() {
    let world = World::new().await;
    let url = world.transmitter.url("");
    let run = |more: &[&str]| {
        let line = ["emit", "session-revoked", "--user-email=alice@example.com"];
        let all = [&line[..], &["--url", &url], more].concat();
        let mut command = world.installation.command(&all);
        command
            .env("SSF_OPERATOR_TOKEN", world.operator())
            .output()
            .unwrap()
    };
    let tried = run(&["--dry-run", "--issuer-name", "main"]);
    assert!(tried.status.success(), "{}", text(&tried.stderr));
    let foreseen: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(foreseen["outcome"], "sent");
    let elsewhere = run(&["--dry-run", "--issuer-name", "acme"]);
    assert!(text(&elsewhere.stderr).contains("the transmitter answered 400"));
    assert!(world.endpoint.rest().is_empty());
    assert!(run(&["--issuer-name", "main"]).status.success());
    world.endpoint.next();
}

#[tokio::test]
async fn the_command_line_looks_after_streams_over_http() {
    let world = World::new().await;
    let run = |arguments: &[&str]| {
        let url = world.transmitter.url("");
        let all = [&["stream"], arguments, &["--url", &url]].concat();
        let mut command = world.installation.command(&all);
        command
            .env("SSF_OPERATOR_TOKEN", world.operator())
            .output()
            .unwrap()
    };
    let told = |output: &std::process::Output| -> Value {
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(told(&run(&["list"]))["stream_id"], world.stream.as_str());
    assert_eq!(text(&run(&["list", "--status", "paused"]).stdout), "");
    let paused = run(&["pause", &world.stream, "--reason", "maintenance"]);
    assert_eq!(told(&paused)["status"], "paused");
    assert_eq!(
        told(&run(&["show", &world.stream]))["reason"],
        "maintenance"
    );
    assert_eq!(told(&run(&["enable", &world.stream]))["status"], "enabled");
    assert_eq!(
        told(&run(&["disable", &world.stream]))["status"],
        "disabled"
    );
    assert!(run(&["delete", &world.stream]).status.success());
    let gone = run(&["show", &world.stream]);
    assert_eq!(gone.status.code(), Some(1));
    let told = text(&gone.stderr);
    assert!(told.contains("the transmitter answered 404"), "{told}");
}
