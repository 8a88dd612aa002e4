//! The HTTP interface of the real program: what is granted, and what is refused with which words.

use serde_json::{Value, json};

use crate::rig::{
    Answer, Installation, SESSION_REVOKED, Transmitter, client, event_about, stream_for,
};

const ENDPOINT: &str = "https://rp.example.com/events";

/// A transmitter with one Receiver, called `rp`.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
    operator: String,
}

impl Served {
    fn start() -> Self {
        let installation = Installation::new();
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        let operator = transmitter.operator_token.clone().unwrap();
        Self {
            installation,
            transmitter,
            receiver,
            operator,
        }
    }

    fn url(&self, path: &str) -> String {
        self.transmitter.url(path)
    }

    async fn create(&self, body: &Value) -> Answer {
        let request = client().post(self.url("/ssf/stream")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn create_raw(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = client().post(self.url("/ssf/stream")).body(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::to(client().get(self.url(path)).bearer_auth(&self.receiver)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        Answer::to(client().delete(self.url(path)).bearer_auth(&self.receiver)).await
    }

    async fn patch(&self, body: &Value) -> Answer {
        let request = client().patch(self.url("/ssf/stream")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn put(&self, body: &Value) -> Answer {
        let request = client().put(self.url("/ssf/stream")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn set_status(&self, body: &Value) -> Answer {
        let request = client().post(self.url("/ssf/status")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn verify(&self, body: &Value) -> Answer {
        let request = client().post(self.url("/ssf/verify")).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn hand_in(&self, body: &Value) -> Answer {
        let request = client().post(self.url("/ingest/events")).json(body);
        Answer::to(request.bearer_auth(&self.operator)).await
    }

    async fn hand_in_once(&self, key: &str, body: &Value) -> Answer {
        let request = client().post(self.url("/ingest/events")).json(body);
        let request = request.header("Idempotency-Key", key);
        Answer::to(request.bearer_auth(&self.operator)).await
    }
}

fn said(status: u16, detail: &str) -> (u16, String) {
    (status, detail.to_owned())
}

#[tokio::test]
async fn discovery_names_endpoints_that_are_there() {
    let served = Served::start();
    let answer = Answer::to(client().get(served.url("/.well-known/ssf-configuration"))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
    let metadata = answer.json();
    assert_eq!(metadata["issuer"], served.transmitter.issuer);
    assert_eq!(
        metadata["delivery_methods_supported"],
        json!(["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"])
    );
    let jwks = Answer::to(client().get(metadata["jwks_uri"].as_str().unwrap())).await;
    assert_eq!(jwks.header("cache-control"), Some("public, max-age=60"));
    assert_eq!(jwks.json()["keys"][0]["alg"], "RS256");
    for endpoint in [
        "configuration_endpoint",
        "status_endpoint",
        "verification_endpoint",
    ] {
        let answer = Answer::to(client().post(metadata[endpoint].as_str().unwrap())).await;
        assert_eq!(answer.status, 401, "{endpoint}");
    }
}

#[tokio::test]
async fn an_issuer_with_a_path_has_its_metadata_behind_the_well_known_segment() {
    let installation = Installation::new();
    let transmitter = installation.serve_with(&["--issuer", "https://tr.example.com/tenant/7"]);
    let get = |path: &str| Answer::to(client().get(transmitter.url(path)));
    let metadata = get("/.well-known/ssf-configuration/tenant/7").await.json();
    assert_eq!(metadata["issuer"], "https://tr.example.com/tenant/7");
    let endpoint = "https://tr.example.com/tenant/7/ssf/stream";
    assert_eq!(metadata["configuration_endpoint"], endpoint);
    assert_eq!(get("/tenant/7/jwks.json").await.status, 200);
    assert_eq!(get("/tenant/7/ssf/stream").await.status, 401);
    assert_eq!(get("/.well-known/ssf-configuration").await.status, 404);
    assert_eq!(get("/ssf/stream").await.status, 404);
}

#[tokio::test]
async fn a_stream_is_created_read_listed_and_deleted_and_its_secret_is_never_shown() {
    let served = Served::start();
    let created = served.create(&stream_for(ENDPOINT)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let stream = created.json();
    assert_eq!(stream["iss"], served.transmitter.issuer);
    assert_eq!(stream["aud"], "https://rp.example.com");
    assert_eq!(stream["events_delivered"], json!([SESSION_REVOKED]));
    let expected = json!({"method": "urn:ietf:rfc:8935", "endpoint_url": ENDPOINT});
    assert_eq!(stream["delivery"], expected);

    let id = stream["stream_id"].as_str().unwrap();
    let one = format!("/ssf/stream?stream_id={id}");
    assert_eq!(served.get(&one).await.json(), stream);
    assert_eq!(served.get("/ssf/stream").await.json(), json!([stream]));
    let status = served.get(&format!("/ssf/status?stream_id={id}")).await;
    assert_eq!(status.json(), json!({"stream_id": id, "status": "enabled"}));

    let deleted = served.delete(&one).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    let gone = said(404, "there is no stream with this stream_id");
    assert_eq!(served.delete(&one).await.problem(), gone);
    assert_eq!(served.get(&one).await.problem(), gone);
    assert_eq!(served.get("/ssf/stream").await.json(), json!([]));
    let status = served.get(&format!("/ssf/status?stream_id={id}")).await;
    assert_eq!(status.problem(), gone);
}

#[tokio::test]
async fn a_stream_is_updated_in_part_and_replaced_whole() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let id = stream["stream_id"].clone();

    let unchanged = served.patch(&json!({"stream_id": id})).await;
    assert_eq!(unchanged.status, 200, "{}", unchanged.body);
    assert_eq!(unchanged.header("cache-control"), Some("no-store"));
    assert_eq!(unchanged.json(), stream);

    let mut described = stream.clone();
    described["description"] = json!("for the intranet");
    let patched = served.patch(&described).await;
    assert_eq!((patched.status, patched.json()), (200, described.clone()));
    let put = served.put(&described).await;
    assert_eq!((put.status, put.json()), (200, described.clone()));

    let body = json!({"stream_id": id, "delivery": stream["delivery"]});
    let replaced = served.put(&body).await;
    let mut bare = stream.clone();
    bare.as_object_mut().unwrap().remove("events_requested");
    bare["events_delivered"] = json!([]);
    assert_eq!((replaced.status, replaced.json()), (200, bare.clone()));
    let one = format!("/ssf/stream?stream_id={}", id.as_str().unwrap());
    assert_eq!(served.get(&one).await.json(), bare);
}

#[tokio::test]
async fn a_change_that_cannot_be_made_is_told_why_and_changes_nothing() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let id = stream["stream_id"].clone();
    let methods = "delivery.method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)";
    let cases = [
        (json!({"description": "x"}), "stream_id is missing"),
        (
            json!({"stream_id": id, "description": "x", "iss": "https://other.example.com"}),
            "iss is supplied by the transmitter: leave it out, or send what the stream has",
        ),
        (
            json!({"stream_id": id, "description": "x", "events_delivered": []}),
            "events_delivered is supplied by the transmitter: leave it out, or send what the stream has",
        ),
        (
            json!({"stream_id": id, "description": "x", "delivery": {"method": "urn:example:smoke-signal"}}),
            methods,
        ),
    ];
    for (body, detail) in cases {
        assert_eq!(served.patch(&body).await.problem(), said(400, detail));
    }
    let smoke = json!({"stream_id": id, "delivery": {"method": "urn:example:smoke-signal"}});
    assert_eq!(served.put(&smoke).await.problem(), said(400, methods));
    let missing = served.put(&json!({"stream_id": id})).await;
    assert_eq!(missing.problem(), said(400, "delivery is missing"));
    let two = client().patch(served.url("/ssf/stream?stream_id=other"));
    let two = two
        .json(&json!({"stream_id": id}))
        .bearer_auth(&served.receiver);
    let expected = said(
        400,
        "the query must not have another stream_id than the body",
    );
    assert_eq!(Answer::to(two).await.problem(), expected);
    assert_eq!(served.get("/ssf/stream").await.json(), json!([stream]));
}

#[tokio::test]
async fn a_change_is_judged_by_who_asks_then_by_its_form_then_by_its_stream() {
    let served = Served::start();
    let broken = |method| {
        let request = client().request(method, served.url("/ssf/stream"));
        request.body("{ not json")
    };
    for method in [reqwest::Method::PATCH, reqwest::Method::PUT] {
        assert_eq!(Answer::to(broken(method.clone())).await.status, 401);
        let form = broken(method).bearer_auth(&served.receiver);
        assert_eq!(Answer::to(form).await.status, 400);
    }
    let gone = said(404, "there is no stream with this stream_id");
    let unknown = json!({"stream_id": "unknown", "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": ENDPOINT}});
    assert_eq!(served.patch(&unknown).await.problem(), gone);
    assert_eq!(served.put(&unknown).await.problem(), gone);
    let both = json!({"stream_id": "unknown", "description": 1});
    assert_eq!(served.patch(&both).await.status, 400);
}

#[tokio::test]
async fn a_status_is_updated_and_told_with_its_reason() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let id = stream["stream_id"].clone();
    let one = format!("/ssf/status?stream_id={}", id.as_str().unwrap());
    for status in [
        json!({"stream_id": id, "status": "paused", "reason": "Disk \"full\""}),
        json!({"stream_id": id, "status": "paused"}),
        json!({"stream_id": id, "status": "disabled"}),
        json!({"stream_id": id, "status": "enabled"}),
        json!({"stream_id": id, "status": "enabled"}),
    ] {
        let answer = served.set_status(&status).await;
        assert_eq!((answer.status, answer.json()), (200, status.clone()));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(served.get(&one).await.json(), status);
    }
    let query = format!("/ssf/stream?stream_id={}", id.as_str().unwrap());
    assert_eq!(served.get(&query).await.json(), stream);
}

#[tokio::test]
async fn a_status_that_cannot_be_is_refused_and_changes_nothing() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let id = stream["stream_id"].clone();
    let three = "status must be enabled, paused or disabled";
    let cases = [
        (json!({"status": "paused"}), "stream_id is missing"),
        (json!({"stream_id": id}), "status is missing"),
        (json!({"stream_id": id, "status": "suspended"}), three),
        (json!({"stream_id": id, "status": "PAUSED"}), three),
        (
            json!({"stream_id": id, "status": "paused", "subject": {}}),
            "subject must be absent: a status is that of the whole stream",
        ),
    ];
    for (body, detail) in cases {
        assert_eq!(served.set_status(&body).await.problem(), said(400, detail));
    }
    let unknown = json!({"stream_id": "unknown", "status": "paused"});
    let gone = said(404, "there is no stream with this stream_id");
    assert_eq!(served.set_status(&unknown).await.problem(), gone);
    let pause = json!({"stream_id": id, "status": "paused"});
    let post = || client().post(served.url("/ssf/status")).json(&pause);
    assert_eq!(Answer::to(post()).await.status, 401);
    let other = served.installation.add_receiver("other");
    let foreign = Answer::to(post().bearer_auth(other)).await;
    assert_eq!(foreign.problem(), gone);
    let one = format!("/ssf/status?stream_id={}", id.as_str().unwrap());
    let enabled = json!({"stream_id": id, "status": "enabled"});
    assert_eq!(served.get(&one).await.json(), enabled);
}

#[tokio::test]
async fn a_verification_is_granted_once_in_the_interval_even_after_a_restart() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    assert_eq!(stream["min_verification_interval"], 30);
    let body = json!({"stream_id": stream["stream_id"], "state": "x"});
    let granted = served.verify(&body).await;
    assert_eq!((granted.status, granted.body.as_str()), (204, ""));
    assert_eq!(granted.header("cache-control"), Some("no-store"));
    let expected = said(
        429,
        "min_verification_interval has not passed since the last request",
    );
    let refused = served.verify(&body).await;
    assert_eq!(refused.problem(), expected);
    let seconds = refused.header("retry-after").unwrap().parse::<u64>();
    assert!((1..=30).contains(&seconds.unwrap()));

    let Served {
        installation,
        transmitter,
        receiver,
        ..
    } = served;
    transmitter.kill();
    let transmitter = installation.serve();
    let request = client().post(transmitter.url("/ssf/verify")).json(&body);
    let refused = Answer::to(request.bearer_auth(receiver)).await;
    assert_eq!(refused.problem(), expected);
}

#[tokio::test]
async fn a_verification_that_cannot_be_is_told_why() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let id = &stream["stream_id"];
    let post = |body: &Value| client().post(served.url("/ssf/verify")).json(body);
    let body = json!({"stream_id": id});
    assert_eq!(Answer::to(post(&body)).await.status, 401);
    let missing = served.verify(&json!({"state": "x"})).await;
    assert_eq!(missing.problem(), said(400, "stream_id is missing"));
    let long = json!({"stream_id": id, "state": "x".repeat(1025)});
    assert_eq!(served.verify(&long).await.status, 400);
    let gone = said(404, "there is no stream with this stream_id");
    let unknown = json!({"stream_id": "unknown"});
    assert_eq!(served.verify(&unknown).await.problem(), gone);
    let other = served.installation.add_receiver("other");
    let foreign = Answer::to(post(&body).bearer_auth(other)).await;
    assert_eq!(foreign.problem(), gone);
    for status in ["paused", "disabled"] {
        served
            .set_status(&json!({"stream_id": id, "status": status}))
            .await;
        let detail = format!("the stream is {status}, and nothing is sent on it: enable it first");
        assert_eq!(served.verify(&body).await.problem(), (400, detail));
    }
}

#[tokio::test]
async fn another_receivers_stream_does_not_exist() {
    let served = Served::start();
    let stream = served.create(&stream_for(ENDPOINT)).await.json();
    let other = served.installation.add_receiver("other");
    let url = served.url("/ssf/stream");
    let id = [("stream_id", stream["stream_id"].as_str().unwrap())];
    let one = reqwest::Url::parse_with_params(&url, id).unwrap();
    let read = Answer::to(client().get(one.clone()).bearer_auth(&other)).await;
    assert_eq!(read.status, 404);
    let deleted = Answer::to(client().delete(one.clone()).bearer_auth(&other)).await;
    assert_eq!(deleted.status, 404);
    for method in [reqwest::Method::PATCH, reqwest::Method::PUT] {
        let request = client().request(method, &url).json(&stream);
        assert_eq!(Answer::to(request.bearer_auth(&other)).await.status, 404);
    }
    let list = Answer::to(client().get(url).bearer_auth(&other)).await;
    assert_eq!(list.json(), json!([]));
    let own = Answer::to(client().get(one).bearer_auth(&served.receiver)).await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn who_asks_is_judged_before_what_is_asked() {
    let served = Served::start();
    let post = |path: &str| client().post(served.url(path)).body("{ not json");
    let metadata = served.url("/.well-known/oauth-protected-resource");
    let metadata = format!("resource_metadata=\"{metadata}\"");
    for (path, bare, invalid) in [
        (
            "/ssf/stream",
            format!("Bearer {metadata}"),
            format!("Bearer error=\"invalid_token\", {metadata}"),
        ),
        (
            "/ingest/events",
            "Bearer".to_owned(),
            "Bearer error=\"invalid_token\"".to_owned(),
        ),
    ] {
        let nobody = Answer::to(post(path)).await;
        assert_eq!(nobody.header("www-authenticate"), Some(bare.as_str()));
        let expected = said(401, "send a token as \"Authorization: Bearer …\"");
        assert_eq!(nobody.problem(), expected);
        let basic = Answer::to(post(path).basic_auth("u", Some("p"))).await;
        assert_eq!(basic.header("www-authenticate"), Some(bare.as_str()));
        let stranger = Answer::to(post(path).bearer_auth("guess")).await;
        assert_eq!(stranger.header("www-authenticate"), Some(invalid.as_str()));
        let expected = said(401, "the token is not one that is valid here");
        assert_eq!(stranger.problem(), expected);
    }
    let receiver = Answer::to(post("/ingest/events").bearer_auth(&served.receiver)).await;
    assert_eq!(receiver.status, 401);
    let operator = Answer::to(post("/ssf/stream").bearer_auth(&served.operator)).await;
    assert_eq!(operator.status, 401);
    let missing = client().delete(served.url("/ssf/stream?stream_id=x"));
    assert_eq!(Answer::to(missing).await.status, 401);
}

#[tokio::test]
async fn a_body_that_is_no_request_for_a_stream_is_told_what_to_fix() {
    let served = Served::start();
    let cases = [
        ("{", "not JSON (line 1, column 1)"),
        ("[]", "not a JSON object"),
        (
            r#"{"delivery":{"method":"urn:example:smoke-signal"}}"#,
            "delivery.method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)",
        ),
        (
            r#"{"delivery":{"method":"urn:ietf:rfc:8935"}}"#,
            "delivery.endpoint_url is missing",
        ),
        (
            r#"{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://rp.example.com/"}}"#,
            "delivery.endpoint_url must be an https URL without credentials and fragment",
        ),
        (
            r#"{"description":1,"description":2}"#,
            "the same member stands twice in one object (line 1, column 30)",
        ),
        (
            r#"{"events_requested":"all"}"#,
            "events_requested must be an array of at most 256 absolute URIs",
        ),
    ];
    for (body, detail) in cases {
        let answer = served.create_raw(body).await;
        assert_eq!(answer.problem(), said(400, detail), "{body}");
    }
    assert_eq!(served.get("/ssf/stream").await.json(), json!([]));
}

#[tokio::test]
async fn a_body_of_another_kind_or_size_is_refused() {
    let served = Served::start();
    let post = || {
        let request = client().post(served.url("/ssf/stream"));
        request.bearer_auth(&served.receiver)
    };
    let form = post().header("Content-Type", "text/plain").body("{}");
    let expected = said(415, "Content-Type must be application/json");
    assert_eq!(Answer::to(form).await.problem(), expected);
    let parameter = post()
        .header("Content-Type", "Application/JSON; charset=utf-8")
        .body(stream_for(ENDPOINT).to_string());
    assert_eq!(Answer::to(parameter).await.status, 201);
    let packed = post().header("Content-Encoding", "gzip").body("{}");
    let expected = said(415, "Content-Encoding must not be used here");
    assert_eq!(Answer::to(packed).await.problem(), expected);

    let too_large = said(413, "the body has at most 65536 bytes here");
    let announced = post().body(" ".repeat(65_537));
    assert_eq!(Answer::to(announced).await.problem(), too_large);
    let fits = post().body(" ".repeat(65_536));
    assert_eq!(Answer::to(fits).await.status, 400);
}

#[tokio::test]
async fn events_of_another_kind_or_size_are_refused() {
    let served = Served::start();
    let post = || {
        let request = client().post(served.url("/ingest/events"));
        request.bearer_auth(&served.operator)
    };
    let token = post().header("Content-Type", "application/secevent+jwt");
    let expected = said(415, "Content-Type must be application/json");
    assert_eq!(Answer::to(token.body("e30.e30.")).await.problem(), expected);
    let too_large = said(413, "the body has at most 2097152 bytes here");
    let endless = post().body(" ".repeat(2_097_153));
    assert_eq!(Answer::to(endless).await.problem(), too_large);
    let broken = post().body(r#"{"sub_id":"#);
    let expected = said(400, "not JSON (line 1, column 10)");
    assert_eq!(Answer::to(broken).await.problem(), expected);
    let mut event = event_about("alice@example.com");
    event["sub_id"]["email"] = json!("a".repeat(40_000));
    let expected = said(400, "an event has at most 32768 bytes");
    assert_eq!(served.hand_in(&event).await.problem(), expected);
}

#[tokio::test]
async fn a_body_without_announced_length_is_cut_off_at_the_limit() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let served = Served::start();
    let mut socket = tokio::net::TcpStream::connect(served.transmitter.address)
        .await
        .unwrap();
    let head = format!(
        "POST /ssf/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        served.receiver
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Nine chunks of 8 KiB, and never the last one: the answer must not wait for it.
    for _ in 0..9 {
        let chunk = format!("2000\r\n{}\r\n", " ".repeat(8192));
        socket.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut answer = [0; 12];
    let read = socket.read_exact(&mut answer);
    tokio::time::timeout(crate::rig::PATIENCE, read)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_query_that_names_no_stream_or_two_is_refused() {
    let served = Served::start();
    let missing = said(400, "the query must have a stream_id");
    assert_eq!(served.delete("/ssf/stream").await.problem(), missing);
    assert_eq!(served.get("/ssf/status").await.problem(), missing);
    let twice = said(400, "the query must not have stream_id twice");
    let answer = served.get("/ssf/stream?stream_id=a&stream_id=b").await;
    assert_eq!(answer.problem(), twice);
    let empty = served.get("/ssf/stream?stream_id=").await;
    let expected = said(400, "stream_id: an identifier must not be empty");
    assert_eq!(empty.problem(), expected);
    let unknown = served.get("/ssf/status?stream_id=unknown").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn other_methods_and_other_paths_are_refused() {
    let served = Served::start();
    for (path, allowed) in [
        ("/.well-known/ssf-configuration", "GET, HEAD"),
        ("/jwks.json", "GET, HEAD"),
        ("/ssf/stream", "GET, POST, PATCH, PUT, DELETE"),
        ("/ssf/status", "GET, POST"),
        ("/ssf/verify", "POST"),
        ("/ssf/replay", "POST"),
        ("/ingest/events", "POST"),
        ("/health", "GET, HEAD"),
    ] {
        let trace = reqwest::Method::TRACE;
        let answer = Answer::to(client().request(trace, served.url(path))).await;
        assert_eq!(answer.header("allow"), Some(allowed));
        let detail = format!("the methods of this resource are {allowed}");
        assert_eq!(answer.problem(), (405, detail));
    }
    let nowhere = Answer::to(client().get(served.url("/ssf/streams"))).await;
    assert_eq!(nowhere.problem().0, 404);
    let head = Answer::to(client().head(served.url("/jwks.json"))).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn an_accepted_event_gets_an_id_and_a_txn() {
    let served = Served::start();
    let plain = served.hand_in(&event_about("alice@example.com")).await;
    assert_eq!(plain.status, 202, "{}", plain.body);
    let entry = &plain.json()["events"][0];
    assert_eq!(entry["event_id"].as_str().unwrap().len(), 32);
    assert_eq!(entry["txn"], entry["event_id"]);
    let mut event = event_about("alice@example.com");
    event["txn"] = json!("8675309");
    let named = served.hand_in(&event).await.json();
    assert_eq!(named["events"][0]["txn"], "8675309");
}

#[tokio::test]
async fn a_bad_event_of_several_fails_alone() {
    let served = Served::start();
    let good = event_about("alice@example.com");
    let mixed = served.hand_in(&json!([good, {"sub_id": 7}, good])).await;
    assert_eq!(mixed.status, 207);
    let entries = mixed.json()["events"].clone();
    assert!(entries[0]["event_id"].is_string());
    let expected = json!({"error": {"code": "invalid_event", "detail": "events is missing"}});
    assert_eq!(entries[1], expected);
    assert!(entries[2]["event_id"].is_string());
    assert_ne!(entries[0]["event_id"], entries[2]["event_id"]);

    let none = served.hand_in(&json!([{}, {}])).await;
    let expected = said(400, "no event was accepted: events says why");
    assert_eq!(none.problem(), expected);
    assert_eq!(none.json()["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_event_that_cannot_be_meant_is_told_what_to_fix() {
    let served = Served::start();
    let subject = json!({"format": "email", "email": "alice@example.com"});
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    let cases = [
        (json!(7), "not a JSON object"),
        (json!([]), "an array must have 1 to 1000 events"),
        (
            json!({"sub_id": subject, "events": {}}),
            "events must have exactly one member",
        ),
        (
            json!({"sub_id": {"format": "email"}, "events": {(SESSION_REVOKED): {}}}),
            "sub_id.email is missing",
        ),
        (
            json!({"sub_id": subject, "events": {(SESSION_REVOKED): {}}, "subject": 1}),
            "subject is not a member of an event: sub_id, events, txn and toe are",
        ),
        (
            json!({"sub_id": subject, "events": {(verification): {}}}),
            "events must not have an event of the framework: the transmitter alone sends those",
        ),
        (
            json!({"sub_id": subject, "events": {"urn:example:unknown": {}}}),
            "the event's type is not one of events_supported",
        ),
    ];
    for (body, detail) in cases {
        let answer = served.hand_in(&body).await;
        assert_eq!(answer.problem(), said(400, detail), "{body}");
        assert!(!answer.body.contains("alice"), "{}", answer.body);
    }
    let many = vec![event_about("alice@example.com"); 1001];
    let answer = served.hand_in(&json!(many)).await;
    let expected = said(400, "an array must have 1 to 1000 events");
    assert_eq!(answer.problem(), expected);
}

#[tokio::test]
async fn a_repeated_request_with_its_key_gets_the_same_answer_and_adds_nothing() {
    let served = Served::start();
    let body = json!([event_about("alice@example.com"), {"sub_id": 7}]);
    let first = served.hand_in_once("k1", &body).await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (207, None)
    );
    let again = served.hand_in_once("k1", &body).await;
    assert_eq!(again.status, 207);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.body, first.body);
    let other = served
        .hand_in_once("k1", &event_about("bob@example.com"))
        .await;
    let expected = "this Idempotency-Key was used for another request: use a new one";
    assert_eq!(other.problem(), said(409, expected));
    let anew = served.hand_in_once("k2", &body).await;
    assert_eq!(anew.header("idempotent-replayed"), None);
    assert_ne!(anew.body, first.body);
}

#[tokio::test]
async fn a_key_beyond_its_limit_is_refused() {
    let served = Served::start();
    let event = event_about("alice@example.com");
    let longest = "k".repeat(255);
    assert_eq!(served.hand_in_once(&longest, &event).await.status, 202);
    let expected = said(
        400,
        "Idempotency-Key must stand once and have 1 to 255 visible ASCII characters",
    );
    for key in ["k".repeat(256), String::new()] {
        let answer = served.hand_in_once(&key, &event).await;
        assert_eq!(answer.problem(), expected, "{key}");
    }
}

#[tokio::test]
async fn probes_and_metrics_answer_without_telling_anything_private() {
    let served = Served::start();
    assert_eq!(served.get("/health").await.json(), json!({"status": "ok"}));
    let ready = served.get("/ready").await;
    assert_eq!(
        (ready.status, ready.json()["delivery"].as_str()),
        (200, Some("ok"))
    );
    served.hand_in(&event_about("alice@example.com")).await;
    let metrics = served.get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(
        metrics.body.contains("ssf_events_accepted_total 1"),
        "{}",
        metrics.body
    );
    assert!(!metrics.body.contains("alice"));
}

#[tokio::test]
async fn no_subject_token_secret_or_query_is_logged() {
    let served = Served::start();
    let stream = served
        .create(&stream_for("https://rp.example.com/e?secret=query-of-url"))
        .await;
    assert_eq!(stream.status, 201);
    served.hand_in(&event_about("alice@example.com")).await;
    served.get("/ssf/stream?stream_id=query-of-stream").await;
    served.get("/nowhere-to-go?token=query-of-token").await;
    let log = served.installation.log();
    assert!(log.contains("stream created"), "{log}");
    for secret in [
        "alice",
        "s3cret",
        "ssf_op_",
        "ssf_rx_",
        "query-of-",
        "nowhere-to-go",
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
