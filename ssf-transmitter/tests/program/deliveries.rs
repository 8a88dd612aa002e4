//! What became of SETs, and sending them once more: the operator's API and the commands, with real pushes and polls.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, Transmitter, claims_of, client, event_about,
    stream_for, text,
};

/// An operator, and a Receiver with a stream to a push endpoint.
struct World {
    installation: Installation,
    transmitter: Transmitter,
    endpoint: Endpoint,
    stream: String,
}

impl World {
    async fn answering(status: u16) -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let endpoint = Endpoint::answering(status);
        let receiver = installation.add_receiver("rp");
        let create = client().post(transmitter.url("/ssf/stream"));
        let create = create.json(&stream_for(&endpoint.url));
        let created = Answer::to(create.bearer_auth(receiver)).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let stream = created.json()["stream_id"].as_str().unwrap().to_owned();
        Self {
            installation,
            transmitter,
            endpoint,
            stream,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = self.transmitter.url(&format!("/operator/v1{path}"));
        let token = self.transmitter.operator_token.as_deref().unwrap();
        client().request(method, url).bearer_auth(token)
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(self.request(Method::GET, path)).await
    }

    async fn replay(&self, body: Value) -> Answer {
        let request = self.request(Method::POST, "/deliveries/replay");
        Answer::to(request.json(&body)).await
    }

    /// Hands in an event about Alice and returns its id.
    async fn emit(&self, txn: &str) -> String {
        let mut event = event_about("alice@example.com");
        event["txn"] = json!(txn);
        let emit = self.request(Method::POST, "/events").json(&event);
        let answer = Answer::to(emit).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.json()["events"][0]["event_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What the trace of an event says of the stream, once the delivery stands so.
    async fn traced(&self, event: &str, state: &str) -> Value {
        let waited = async {
            loop {
                let page = self.get(&format!("/trace?event={event}")).await.json();
                if page["items"][0]["state"] == state {
                    return page;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let url = self.transmitter.url("");
        let all = [arguments, &["--url", &url]].concat();
        let mut command = self.installation.command(&all);
        let token = self.transmitter.operator_token.as_deref().unwrap();
        let output = command.env("SSF_OPERATOR_TOKEN", token).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

#[tokio::test]
async fn a_trace_tells_what_the_receiver_said_and_names_no_subject() {
    let world = World::answering(400).await;
    let event = world.emit("case-7").await;
    let page = world.traced(&event, "quarantined").await;
    let event_told = &page["events"][0];
    assert_eq!(event_told["event_id"], event.as_str());
    assert_eq!(event_told["txn"], "case-7");
    assert_eq!(event_told["fanned_out"]["matched"], 1);
    let item = &page["items"][0];
    assert_eq!(item["stream_id"], world.stream.as_str());
    let delivery = &item["deliveries"][0];
    assert_eq!(
        (&delivery["number"], &delivery["code"]),
        (&json!(1), &json!("invalid_audience"))
    );
    let attempt = &delivery["attempts"][0];
    assert_eq!(
        (&attempt["number"], &attempt["status"]),
        (&json!(1), &json!(400))
    );
    assert_eq!(attempt["class"], "misdirected");
    assert_eq!(attempt["description"], "not for us");
    assert!(!page.to_string().contains("alice"), "{page}");
    assert!(!world.installation.log().contains("not for us"));
    let jti = delivery["jti"].as_str().unwrap();
    for query in [format!("jti={jti}"), "txn=case-7".to_owned()] {
        let same = world.get(&format!("/trace?{query}")).await;
        assert_eq!(same.json(), page, "{query}");
    }
}

#[tokio::test]
async fn a_trace_that_cannot_be_asked_for_is_refused_with_what_to_fix() {
    let world = World::answering(202).await;
    for query in [
        "",
        "event=7",
        "event=a&jti=b",
        "jti=&event=",
        "txn=a&after=x",
        "txn=a&limit=0",
    ] {
        let refused = world.get(&format!("/trace?{query}")).await;
        assert_eq!(refused.problem().0, 400, "{query}");
    }
    let unknown = world.get("/trace?txn=nobody").await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "event_not_found".to_owned())
    );
    let without = client().get(world.transmitter.url("/operator/v1/trace?txn=a"));
    assert_eq!(Answer::to(without).await.status, 401);
}

#[tokio::test]
async fn what_was_refused_is_found_and_sent_again_under_its_name() {
    let world = World::answering(400).await;
    let event = world.emit("case-7").await;
    world.traced(&event, "quarantined").await;
    let first = claims_of(&world.endpoint.next().set);
    let listed = world.get("/deliveries?state=quarantined").await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    let jti = listed.json()["items"][0]["jti"].clone();
    assert_eq!(jti, first["jti"]);
    world.endpoint.answer(202);
    let answer = world.replay(json!({"jtis": [jti]})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["sent"], 1);
    assert_eq!(answer.json()["items"][0]["outcome"], "again");
    let second = claims_of(&world.endpoint.next().set);
    assert_eq!(second["jti"], first["jti"]);
    let page = world.traced(&event, "delivered").await;
    let delivery = &page["items"][0]["deliveries"][0];
    assert_eq!(
        (&delivery["http_status"], &delivery["failed_attempts"]),
        (&json!(202), &json!(1))
    );
    assert!(world.installation.run(&["ledger"]).status.success());
    let audit = world.get("/audit?limit=1000").await.body;
    assert!(audit.contains("deliveries.replay"), "{audit}");
}

#[tokio::test]
async fn what_was_taken_is_sent_anew_under_another_name_by_the_command() {
    let world = World::answering(202).await;
    let event = world.emit("case-7").await;
    let first = claims_of(&world.endpoint.next().set);
    world.traced(&event, "delivered").await;
    let span = [
        "deliveries",
        "replay",
        "--state",
        "delivered",
        "--since",
        "1h",
    ];
    let of_stream = [&span[..], &["--stream", &world.stream]].concat();
    let printed = world.run(&of_stream);
    let printed: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(printed["outcome"], "anew");
    let second = claims_of(&world.endpoint.next().set);
    assert_eq!(second["jti"], printed["sent_as"]);
    assert_ne!(second["jti"], first["jti"]);
    assert_eq!(second["events"], first["events"]);
    assert_eq!(second["txn"], "case-7");
    let told = world.run(&["trace", "case-7"]);
    for line in [
        format!("event {event}  "),
        "issuer main, txn case-7".to_owned(),
        format!("stream {} of receiver ", world.stream),
        "number 1, jti ".to_owned(),
        ", sent anew".to_owned(),
    ] {
        assert!(told.contains(&line), "{line} in {told}");
    }
    let as_json = world.run(&["trace", &event, "--json"]);
    let page: Value = serde_json::from_str(as_json.trim()).unwrap();
    assert_eq!(page["items"][0]["deliveries"].as_array().unwrap().len(), 2);
    let listed = ["deliveries", "list", "--stream", &world.stream];
    assert_eq!(world.run(&listed).lines().count(), 2);
    assert!(world.installation.run(&["ledger"]).status.success());
}

#[tokio::test]
async fn deliveries_are_found_by_their_event_and_by_their_jti_without_a_stream() {
    let world = World::answering(202).await;
    let [event, other] = [world.emit("case-7").await, world.emit("case-8").await];
    world.traced(&other, "delivered").await;
    let page = world.traced(&event, "delivered").await;
    let jti = &page["items"][0]["deliveries"][0]["jti"];
    let jti = jti.as_str().unwrap();
    let stream = &world.stream;
    for query in [
        format!("event_id={event}"),
        format!("jti={jti}"),
        format!("stream_id={stream}&event_id={event}&jti={jti}&state=delivered"),
    ] {
        let listed = world.get(&format!("/deliveries?{query}")).await;
        assert_eq!(listed.status, 200, "{query}: {}", listed.body);
        let listed = listed.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{query}");
        assert_eq!(listed["items"][0]["event_id"], event.as_str(), "{query}");
        assert_eq!(listed["items"][0]["jti"], jti, "{query}");
    }
    for query in [
        format!("event_id={other}&jti={jti}"),
        format!("event_id={event}&state=quarantined"),
        format!("event_id={}", "0".repeat(32)),
        "jti=nobody".to_owned(),
    ] {
        let listed = world.get(&format!("/deliveries?{query}")).await;
        assert_eq!(listed.json(), json!({"items": []}), "{query}");
    }
    for named in [["--event", event.as_str()], ["--jti", jti]] {
        let printed = world.run(&[&["deliveries", "list"][..], &named].concat());
        let printed: Value = serde_json::from_str(printed.trim()).unwrap();
        assert_eq!(printed["jti"], jti, "{named:?}");
    }
}

#[tokio::test]
async fn what_is_listed_without_any_name_is_what_is_quarantined() {
    let world = World::answering(400).await;
    let refused = world.emit("case-7").await;
    world.traced(&refused, "quarantined").await;
    world.endpoint.answer(202);
    let taken = world.emit("case-8").await;
    world.traced(&taken, "delivered").await;
    let printed = world.run(&["deliveries", "list"]);
    let printed: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(printed["event_id"], refused.as_str());
}

#[tokio::test]
async fn what_cannot_be_listed_or_replayed_is_refused_with_what_to_fix() {
    let world = World::answering(202).await;
    for query in [
        "",
        "state=delivered",
        "state=lost",
        "stream_id=x&since=yesterday",
        "stream_id=x&event_type=7",
        "stream_id=x&after=1",
        "stream_id=x&event_id=7",
        "stream_id=x&event_id=",
        "stream_id=x&jti=",
        "jti=a&jti=b",
    ] {
        let refused = world.get(&format!("/deliveries?{query}")).await;
        assert_eq!(refused.problem().0, 400, "{query}");
    }
    let stream = world.stream.as_str();
    for body in [
        json!({}),
        json!({"jtis": []}),
        json!({"event_id": "7", "until": 1}),
        json!({"event_id": "0".repeat(32)}),
        json!({"stream_id": stream}),
        json!({"stream_id": stream, "state": "delivered", "since": 1}),
        json!({"stream_id": stream, "state": "pending", "since": 1, "until": 2}),
        json!({"stream_id": stream, "state": "delivered", "since": 1, "until": 9_999_999_999_u64}),
        json!({"jtis": ["a"], "others": true}),
    ] {
        let refused = world.replay(body.clone()).await;
        assert_eq!(refused.problem().0, 400, "{body}");
    }
    let unknown = world.replay(json!({"jtis": ["nobody"]})).await;
    assert_eq!(unknown.json(), json!({"sent": 0, "items": []}));
}
