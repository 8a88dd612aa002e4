//! Polls of the real program, over HTTP.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    jose::KeySet,
    set::{Expectation, UnverifiedSet},
    time::Timestamp,
    uri::Issuer,
};

use crate::cluster::Cluster;
use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, SESSION_REVOKED, Transmitter, client, event_about,
    stream_for,
};

const POLL: &str = "urn:ietf:rfc:8936";

/// After any moment at which these tests run.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

/// A transmitter with one Receiver, called `rp`, that has one polled stream.
struct Polled {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
    operator: String,
    stream: Value,
}

impl Polled {
    async fn start() -> Self {
        Self::start_in(Installation::new()).await
    }

    async fn start_in(installation: Installation) -> Self {
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        let operator = transmitter.operator_token.clone().unwrap();
        let stream = create(&transmitter, &receiver, &for_poll()).await;
        Self {
            installation,
            transmitter,
            receiver,
            operator,
            stream,
        }
    }

    async fn poll(&self, body: Value) -> Answer {
        self.poll_with(&client(), body).await
    }

    async fn poll_with(&self, client: &reqwest::Client, body: Value) -> Answer {
        let request = client.post(url_of(&self.stream)).json(&body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    /// The SETs of an answer that has to be one: the names they come under, in order of their acceptance.
    async fn sets(&self, body: Value) -> Vec<String> {
        names(&self.poll(body).await)
    }

    /// Has the transmitter accept events about these addresses, and waits until all are there to be polled.
    async fn happens_to(&self, users: &[&str]) {
        let events: Vec<Value> = users.iter().map(|user| event_about(user)).collect();
        self.hand_in(&json!(events)).await;
    }

    async fn hand_in(&self, events: &Value) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let request = request.json(events).bearer_auth(&self.operator);
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
    }

    async fn set_status(&self, status: &str) {
        let request = client().post(self.transmitter.url("/ssf/status"));
        let body = json!({"stream_id": self.stream["stream_id"], "status": status});
        let answer = Answer::to(request.json(&body).bearer_auth(&self.receiver)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn change(&self, delivery: Value) -> Value {
        let request = client().patch(self.transmitter.url("/ssf/stream"));
        let body = json!({"stream_id": self.stream["stream_id"], "delivery": delivery});
        let answer = Answer::to(request.json(&body).bearer_auth(&self.receiver)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Waits until so many polls wait.
    async fn waiting(&self, polls: usize) {
        waiting(&self.transmitter, polls).await;
    }

    /// Polls on a connection of its own and returns it before the answer is read.
    fn poll_and_hold(&self, body: &Value) -> TcpStream {
        let mut connection = TcpStream::connect(self.transmitter.address).unwrap();
        let path = url_of(&self.stream);
        let path = path.strip_prefix(&self.transmitter.issuer).unwrap();
        let (body, token) = (body.to_string(), &self.receiver);
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: tr\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes()).unwrap();
        connection
    }
}

fn for_poll() -> Value {
    json!({"delivery": {"method": POLL}, "events_requested": [SESSION_REVOKED]})
}

async fn create(transmitter: &Transmitter, receiver: &str, body: &Value) -> Value {
    let request = client().post(transmitter.url("/ssf/stream")).json(body);
    let answer = Answer::to(request.bearer_auth(receiver)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()
}

fn url_of(stream: &Value) -> String {
    stream["delivery"]["endpoint_url"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn at_once() -> Value {
    json!({"returnImmediately": true})
}

/// The names of the SETs in an answer; a `jti` tells when it was given.
fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    let sets = body["sets"].as_object().unwrap();
    let names: BTreeSet<&String> = sets.keys().collect();
    names.into_iter().cloned().collect()
}

async fn waiting(transmitter: &Transmitter, polls: usize) {
    let line = format!("ssf_polls_waiting {polls}");
    let waited = async {
        loop {
            let metrics = Answer::to(client().get(transmitter.url("/metrics"))).await;
            if metrics.body.lines().any(|found| found == line) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

fn is_bearer(challenge: &str) -> bool {
    challenge.starts_with("Bearer")
}

/// What the claims of a SET say, unverified.
fn claims(set: &Value) -> Value {
    let claims = set.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_stream_is_polled_unless_it_asks_for_push_each_at_a_url_of_its_own() {
    let served = Polled::start().await;
    let issuer = &served.transmitter.issuer;
    let elsewhere =
        json!({"delivery": {"method": POLL, "endpoint_url": "https://rp.example.com/poll"}});
    for body in [json!({}), for_poll(), elsewhere] {
        let stream = create(&served.transmitter, &served.receiver, &body).await;
        let id = stream["stream_id"].as_str().unwrap();
        let expected = json!({"method": POLL, "endpoint_url": format!("{issuer}/ssf/poll/{id}")});
        assert_eq!(stream["delivery"], expected);
        assert_ne!(url_of(&stream), url_of(&served.stream));
        let read = client().get(
            served
                .transmitter
                .url(&format!("/ssf/stream?stream_id={id}")),
        );
        let read = Answer::to(read.bearer_auth(&served.receiver)).await;
        assert_eq!(read.json(), stream);
    }
    served.happens_to(&["alice@example.com"]).await;
    assert_eq!(served.sets(json!({})).await.len(), 1);
    assert_eq!(served.sets(at_once()).await, [""; 0]);
}

#[tokio::test]
async fn a_polled_set_verifies_under_its_jti_and_is_gone_once_it_is_acknowledged() {
    let served = Polled::start().await;
    served
        .happens_to(&["alice@example.com", "bob@example.com", "carol@example.com"])
        .await;
    let first = served.poll(json!({"maxEvents": 1})).await.json();
    assert_eq!(first["moreAvailable"], true);
    let (jti, set) = first["sets"].as_object().unwrap().iter().next().unwrap();
    let jwks = Answer::to(client().get(served.transmitter.url("/jwks.json"))).await;
    let keys = KeySet::parse(jwks.body.as_bytes()).unwrap();
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let issuer = Issuer::parse(served.transmitter.issuer.as_str()).unwrap();
    let set = UnverifiedSet::parse(set.as_str().unwrap().as_bytes()).unwrap();
    let verified = set.verify(&keys, &Expectation::new(issuer, audience), LATER);
    assert_eq!(verified.unwrap().claims().jti.as_str(), jti);

    let rest = served
        .sets(json!({"ack": [jti], "maxEvents": 1_000_000}))
        .await;
    assert_eq!(rest.len(), 2);
    assert!(!rest.contains(jti));
    let last = served.poll(json!({"ack": rest, "maxEvents": 0})).await;
    assert_eq!(last.body, r#"{"sets":{}}"#);
    // An answer of nothing but `ack` is repeated without harm.
    let last = served
        .poll(json!({"ack": rest, "returnImmediately": true}))
        .await;
    assert_eq!(last.body, r#"{"sets":{}}"#);
    let metrics = Answer::to(client().get(served.transmitter.url("/metrics"))).await;
    for line in [
        r#"ssf_delivery_attempts_total{outcome="acknowledged"} 3"#,
        "ssf_poll_sets_total 3",
        "ssf_poll_unknown_jtis_total 2",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}");
    }
}

#[tokio::test]
async fn a_poll_waits_until_an_event_comes() {
    let served = Polled::start().await;
    let (set, ()) = tokio::join!(served.sets(json!({})), async {
        served.waiting(1).await;
        served.happens_to(&["alice@example.com"]).await;
    });
    assert_eq!(set.len(), 1);
    // A verification wakes it as well.
    let (answer, ()) = tokio::join!(served.poll(json!({"ack": set})), async {
        served.waiting(1).await;
        let request = client().post(served.transmitter.url("/ssf/verify"));
        let body = json!({"stream_id": served.stream["stream_id"], "state": "s"});
        let request = request.json(&body).bearer_auth(&served.receiver);
        assert_eq!(Answer::to(request).await.status, 204);
    });
    let body = answer.json();
    let sets = body["sets"].as_object().unwrap();
    let claims = claims(sets.values().next().unwrap());
    let verification = "https://schemas.openid.net/secevent/ssf/event-type/verification";
    assert_eq!(claims["events"][verification], json!({"state": "s"}));
}

#[tokio::test]
async fn a_poll_ends_empty_when_its_time_is_over_or_a_newer_one_comes_or_the_program_stops() {
    let installation = Installation::new().with("SSF_TRANSMITTER_POLL_TIMEOUT_SECONDS", "2");
    let served = Polled::start_in(installation).await;
    let began = Instant::now();
    assert_eq!(served.poll(json!({})).await.body, r#"{"sets":{}}"#);
    assert!(began.elapsed() >= Duration::from_secs(2));

    let served = Polled::start().await;
    let ((older, newer), ()) = tokio::join!(
        async {
            tokio::join!(served.poll(json!({})), async {
                served.waiting(1).await;
                served.poll(json!({})).await
            })
        },
        async {
            served.waiting(1).await;
            served.installation.logged("/ssf/poll/{stream_id}").await;
            served.transmitter.signal("TERM");
        }
    );
    assert_eq!((older.body.as_str(), newer.status), (r#"{"sets":{}}"#, 200));
    assert_eq!(served.transmitter.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_waiting_poll_whose_client_hangs_up_takes_nothing_with_it() {
    let served = Polled::start().await;
    let connection = served.poll_and_hold(&json!({}));
    served.waiting(1).await;
    drop(connection);
    served.waiting(0).await;
    served.happens_to(&["alice@example.com"]).await;
    assert_eq!(served.sets(json!({})).await.len(), 1);
}

#[tokio::test]
async fn the_sets_of_an_answer_that_a_client_does_not_read_to_its_end_are_offered_again_at_once() {
    let served = Polled::start().await;
    let words = "x".repeat(4096);
    let languages = ["de", "en", "es", "fr", "it", "nl", "pt"];
    let reasons: Value = languages.iter().map(|tag| (*tag, words.clone())).collect();
    for round in 0..5 {
        let event = |number| {
            let mut event = event_about(&format!("{round}.{number}@example.com"));
            event["events"][SESSION_REVOKED]["reason_admin"] = reasons.clone();
            event
        };
        served
            .hand_in(&json!((0..60).map(event).collect::<Vec<_>>()))
            .await;
    }
    let began = Instant::now();
    // More bytes than connections buffer.
    let mut connection = served.poll_and_hold(&json!({"maxEvents": 1000}));
    let mut status = [0; 12];
    connection.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    drop(connection);
    let (mut all, mut last) = (BTreeSet::new(), Vec::new());
    while all.len() < 300 {
        let ask = json!({"maxEvents": 1000, "ack": last});
        last = served.sets(ask).await;
        all.extend(last.iter().cloned());
    }
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn what_was_not_acknowledged_comes_again_after_a_restart() {
    let served = Polled::start().await;
    served.happens_to(&["alice@example.com"]).await;
    let before = served.sets(json!({})).await;
    assert_eq!(served.sets(at_once()).await, [""; 0]);
    let address = served.transmitter.address.to_string();
    let Polled {
        installation,
        transmitter,
        ..
    } = served;
    transmitter.kill();
    let served = Polled {
        transmitter: installation.serve_at(&address),
        installation,
        ..served
    };
    assert_eq!(served.sets(json!({})).await, before);
}

#[tokio::test]
async fn a_refused_set_is_quarantined_as_a_pushed_one_is() {
    let served = Polled::start().await;
    served
        .happens_to(&["alice@example.com", "alice@example.com"])
        .await;
    let first = served.sets(json!({})).await;
    let error = json!({"err": "authentication_failed", "description": "no key for this"});
    let next = served.sets(json!({"setErrs": {(&first[0]): error}})).await;
    assert_eq!(next.len(), 1);
    assert_ne!(next, first);
    let log = served.installation.log();
    let line = log
        .lines()
        .find(|line| line.contains("outcome=\"refused\""))
        .unwrap();
    assert!(line.contains("code=\"authentication_failed\""), "{line}");
    assert!(!log.contains("no key for this"));
    let address = served.transmitter.address.to_string();
    served.transmitter.kill();
    let transmitter = served.installation.serve_at(&address);
    let request = client().post(url_of(&served.stream)).json(&json!({}));
    let after = Answer::to(request.bearer_auth(&served.receiver)).await;
    assert_eq!(names(&after), next);
    drop(transmitter);
}

#[tokio::test]
async fn a_paused_stream_answers_empty_takes_acknowledgements_and_goes_on_where_it_was() {
    let served = Polled::start().await;
    served
        .happens_to(&["alice@example.com", "alice@example.com"])
        .await;
    let first = served.sets(json!({})).await;
    served.set_status("paused").await;
    let empty = served
        .poll(json!({"ack": first, "returnImmediately": true}))
        .await;
    assert_eq!(empty.body, r#"{"sets":{}}"#);
    let (held, ()) = tokio::join!(served.sets(json!({})), async {
        served.waiting(1).await;
        served.set_status("enabled").await;
    });
    assert_eq!(held.len(), 1);
    assert_ne!(held, first);
    served.set_status("disabled").await;
    served.happens_to(&["alice@example.com"]).await;
    assert_eq!(served.sets(at_once()).await, [""; 0]);
}

#[tokio::test]
async fn a_backlog_moves_with_the_method_and_the_former_place_gets_nothing() {
    let served = Polled::start().await;
    served.happens_to(&["alice@example.com"]).await;
    let polled = served.sets(json!({})).await;
    let endpoint = Endpoint::answering(503);
    served
        .change(stream_for(&endpoint.url)["delivery"].clone())
        .await;
    let pushed = endpoint.next().set;
    assert_eq!(claims(&json!(pushed))["jti"], *polled[0]);
    let gone = served.poll(json!({})).await;
    assert_eq!(gone.problem().0, 404);
    let stream = served.change(json!({"method": POLL})).await;
    assert_eq!(stream["delivery"], served.stream["delivery"]);
    assert_eq!(served.sets(json!({})).await, polled);
}

#[tokio::test]
async fn a_deleted_stream_ends_the_poll_that_waits_on_it() {
    let served = Polled::start().await;
    let (gone, ()) = tokio::join!(served.poll(json!({})), async {
        served.waiting(1).await;
        let id = served.stream["stream_id"].as_str().unwrap();
        let url = served
            .transmitter
            .url(&format!("/ssf/stream?stream_id={id}"));
        let request = client().delete(url).bearer_auth(&served.receiver);
        assert_eq!(Answer::to(request).await.status, 204);
    });
    assert_eq!(gone.problem().0, 404);
}

#[tokio::test]
async fn a_poll_is_judged_by_who_asks_then_by_its_form_then_by_its_stream() {
    let served = Polled::start().await;
    let url = url_of(&served.stream);
    let broken = || client().post(&url).body("{ not json");
    let nobody = Answer::to(broken()).await;
    assert_eq!(nobody.status, 401);
    assert!(nobody.header("www-authenticate").is_some_and(is_bearer));
    let stranger = Answer::to(broken().bearer_auth("guess")).await;
    assert_eq!(stranger.status, 401);
    assert!(stranger.header("www-authenticate").is_some_and(is_bearer));
    for body in [
        "{",
        "",
        "[]",
        r#"{"maxEvents":"5"}"#,
        r#"{"maxEvents":-1}"#,
        r#"{"ack":"x"}"#,
    ] {
        let request = client().post(&url).body(body).bearer_auth(&served.receiver);
        assert_eq!(Answer::to(request).await.problem().0, 400, "{body}");
    }
    let form = client()
        .post(&url)
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(
        Answer::to(form.bearer_auth(&served.receiver)).await.status,
        415
    );
    let long = client().post(&url).body(vec![b' '; 1024 * 1024 + 1]);
    assert_eq!(
        Answer::to(long.bearer_auth(&served.receiver)).await.status,
        413
    );
    let get = Answer::to(client().get(&url).bearer_auth(&served.receiver)).await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));

    let other = served.installation.add_receiver("other");
    let missing = url.replace(served.stream["stream_id"].as_str().unwrap(), "f67e39a0");
    let mut details = BTreeSet::new();
    for (url, token) in [(&url, &other), (&missing, &served.receiver)] {
        let request = client().post(url).json(&json!({})).bearer_auth(token);
        details.insert(Answer::to(request).await.problem());
    }
    let expected = (404, "there is no stream to poll here".to_owned());
    assert_eq!(details, BTreeSet::from([expected]));
}

/// T22: what one Receiver says of SETs that are not on its stream means nothing, and is counted.
#[tokio::test]
async fn t22_a_receiver_that_acknowledges_or_refuses_what_is_anothers_changes_nothing_there() {
    let served = Polled::start().await;
    let other = served.installation.add_receiver("other");
    let stream = create(&served.transmitter, &other, &for_poll()).await;
    served.happens_to(&["alice@example.com"]).await;
    let own = served.sets(json!({})).await;
    let meddle = json!({
        "ack": [own[0], "nope"],
        "setErrs": {"unknown": {"err": "invalid_key"}},
        "maxEvents": 0,
    });
    let request = client().post(url_of(&stream)).json(&meddle);
    let answer = Answer::to(request.bearer_auth(&other)).await;
    assert_eq!((answer.status, &answer.json()["sets"]), (200, &json!({})));
    let metrics = Answer::to(client().get(served.transmitter.url("/metrics"))).await;
    let line = "ssf_poll_unknown_jtis_total 3";
    assert!(metrics.body.lines().any(|found| found == line));
    assert!(!metrics.body.contains(r#"outcome="acknowledged""#));
    // It is pending still: a stream that becomes pushed is sent it at once.
    let endpoint = Endpoint::answering(202);
    served
        .change(stream_for(&endpoint.url)["delivery"].clone())
        .await;
    assert_eq!(claims(&json!(endpoint.next().set))["jti"], *own[0]);
}

/// T21: neither a huge `maxEvents` nor a crowd of polls takes more than was set aside for it.
#[tokio::test]
async fn t21_a_poll_gets_so_many_sets_and_so_many_polls_wait_and_no_more() {
    let installation = Installation::new()
        .with("SSF_TRANSMITTER_POLLS_WAITING_MAX", "1")
        .with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256");
    let served = Polled::start_in(installation).await;
    let users: Vec<String> = (0..1001)
        .map(|user| format!("{user}@example.com"))
        .collect();
    let events: Vec<Value> = users.iter().map(|user| event_about(user)).collect();
    for chunk in events.chunks(1000) {
        served.hand_in(&json!(chunk)).await;
    }
    let all = served.poll(json!({"maxEvents": u64::MAX, "ack": []})).await;
    let mut all = names(&all);
    assert!(all.len() <= 1000);
    while all.len() < users.len() {
        all.extend(served.sets(json!({"maxEvents": 1000})).await);
    }
    served.sets(json!({"ack": all, "maxEvents": 0})).await;

    let crowd = create(&served.transmitter, &served.receiver, &for_poll()).await;
    let other = |body: Value| {
        let request = client().post(url_of(&crowd)).json(&body);
        Answer::to(request.bearer_auth(&served.receiver))
    };
    let (set, ()) = tokio::join!(served.sets(json!({})), async {
        served.waiting(1).await;
        let refused = other(json!({})).await;
        assert_eq!(
            (refused.problem().0, refused.header("retry-after")),
            (503, Some("1"))
        );
        assert_eq!(other(at_once()).await.status, 200);
        served.happens_to(&["alice@example.com"]).await;
    });
    assert_eq!(set.len(), 1);
}

#[tokio::test]
async fn two_nodes_share_a_stream_and_wake_each_others_polls() {
    let installation = Installation::new()
        .with(
            "SSF_TRANSMITTER_DATABASE_URL",
            Cluster::of_this_run().new_database(),
        )
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        .with("SSF_TRANSMITTER_ISSUER", "https://tr.example.com");
    let served = Polled::start_in(installation).await;
    let other = served.installation.serve();
    let id = served.stream["stream_id"].as_str().unwrap();
    let at = |node: &Transmitter, body: Value| {
        let request = client()
            .post(node.url(&format!("/ssf/poll/{id}")))
            .json(&body);
        Answer::to(request.bearer_auth(&served.receiver))
    };
    let (first, ()) = tokio::join!(at(&other, json!({})), async {
        waiting(&other, 1).await;
        served
            .happens_to(&["alice@example.com", "alice@example.com"])
            .await;
    });
    let first = names(&first);
    assert_eq!(first.len(), 1);
    let while_out = at(&served.transmitter, at_once()).await;
    assert_eq!(names(&while_out), [""; 0]);
    let next = at(&served.transmitter, json!({"ack": first})).await;
    assert_eq!(names(&next).len(), 1);
    let last = at(
        &other,
        json!({"ack": names(&next), "returnImmediately": true}),
    )
    .await;
    assert_eq!(last.body, r#"{"sets":{}}"#);
}
