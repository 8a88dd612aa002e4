//! Subjects of streams over HTTP: adding, removing, and what is sent because of it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::rig::{
    Answer, Endpoint, Installation, Pushed, SESSION_REVOKED, Transmitter, client, event_about,
    stream_for,
};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// A transmitter with one Receiver, and a stream of it.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
    endpoint: Endpoint,
    stream: String,
}

impl Served {
    async fn start(settings: &[(&'static str, &str)]) -> Self {
        let mut installation =
            Installation::new().with("SSF_TRANSMITTER_SIGNING_ALGORITHM", "ES256");
        for (name, value) in settings {
            installation = installation.with(name, *value);
        }
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        let endpoint = Endpoint::answering(202);
        let request = client().post(transmitter.url("/ssf/stream"));
        let request = request.json(&stream_for(&endpoint.url));
        let created = Answer::to(request.bearer_auth(&receiver)).await;
        assert_eq!(created.status, 201, "{}", created.body);
        let stream = created.json()["stream_id"].as_str().unwrap().to_owned();
        Self {
            installation,
            transmitter,
            receiver,
            endpoint,
            stream,
        }
    }

    async fn covering_nobody(settings: &[(&'static str, &str)]) -> Self {
        let nobody = ("SSF_TRANSMITTER_DEFAULT_SUBJECTS", "NONE");
        Self::start(&[&[nobody], settings].concat()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = client().post(self.transmitter.url(path)).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn add(&self, subject: &Value) -> Answer {
        let body = json!({"stream_id": self.stream, "subject": subject});
        self.post("/ssf/subjects/add", &body).await
    }

    async fn remove(&self, subject: &Value) -> Answer {
        let body = json!({"stream_id": self.stream, "subject": subject});
        self.post("/ssf/subjects/remove", &body).await
    }

    async fn happens_to(&self, email: &str) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        let request = request.json(&event_about(email)).bearer_auth(token);
        assert_eq!(Answer::to(request).await.status, 202);
    }

    /// Whom the next push is about.
    fn next(&self) -> String {
        claims(&self.endpoint.next())["sub_id"]["email"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn claims(pushed: &Pushed) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let claims = pushed.set.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

fn email(address: &str) -> Value {
    json!({"format": "email", "email": address})
}

/// Status, headers and body of an answer, without what is different in every one.
fn told(answer: &Answer) -> (u16, BTreeSet<String>, String) {
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| *name != "date" && *name != "x-request-id");
    let headers = headers.map(|(name, value)| format!("{name}: {value:?}"));
    (answer.status, headers.collect(), answer.body.clone())
}

#[tokio::test]
async fn a_stream_that_covers_nobody_gets_what_is_about_those_who_were_added() {
    let served = Served::covering_nobody(&[]).await;
    served.happens_to(ALICE).await;
    let added = served.add(&email(ALICE)).await;
    assert_eq!((added.status, added.body.as_str()), (200, ""));
    assert_eq!(added.header("cache-control"), Some("no-store"));
    served.happens_to(BOB).await;
    served.happens_to(ALICE).await;
    assert_eq!(served.next(), ALICE);
    assert_eq!(served.add(&email(ALICE)).await.status, 200);
    let unverified = json!({"stream_id": served.stream, "subject": email(BOB), "verified": false});
    let added = served.post("/ssf/subjects/add", &unverified).await;
    assert_eq!((added.status, added.body.as_str()), (200, ""));
    served.happens_to(BOB).await;
    assert_eq!(served.next(), BOB);
    assert_eq!(served.endpoint.rest().len(), 0);
}

#[tokio::test]
async fn the_metadata_names_both_endpoints_and_whom_new_streams_cover() {
    for (covers, served) in [
        ("ALL", Served::start(&[]).await),
        ("NONE", Served::covering_nobody(&[]).await),
    ] {
        let url = served.transmitter.url("/.well-known/ssf-configuration");
        let metadata = Answer::to(client().get(url)).await.json();
        assert_eq!(metadata["default_subjects"], covers);
        for endpoint in ["add_subject_endpoint", "remove_subject_endpoint"] {
            let answer = Answer::to(client().post(metadata[endpoint].as_str().unwrap())).await;
            assert_eq!(answer.status, 401, "{endpoint}");
        }
    }
}

#[tokio::test]
async fn what_was_added_survives_a_crash_and_a_change_of_the_default() {
    let served = Served::covering_nobody(&[]).await;
    assert_eq!(served.add(&email(ALICE)).await.status, 200);
    let address = served.transmitter.address.to_string();
    let token = served.transmitter.operator_token.clone();
    served.transmitter.kill();
    let installation = served
        .installation
        .with("SSF_TRANSMITTER_DEFAULT_SUBJECTS", "ALL");
    let mut transmitter = installation.serve_at(&address);
    transmitter.operator_token = token;
    let served = Served {
        installation,
        transmitter,
        ..served
    };
    served.happens_to(BOB).await;
    served.happens_to(ALICE).await;
    assert_eq!(served.next(), ALICE);
}

/// T18: malicious removal of a subject (SSF 1.0 §9.3).
#[tokio::test]
async fn t18_a_removal_by_a_thief_silences_nobody_before_the_grace_period_is_over() {
    for served in [Served::start(&[]).await, Served::covering_nobody(&[]).await] {
        served.add(&email(ALICE)).await;
        let removed = served.remove(&email(ALICE)).await;
        assert_eq!((removed.status, removed.body.as_str()), (204, ""));
        served.happens_to(ALICE).await;
        assert_eq!(served.next(), ALICE);
    }
}

#[tokio::test]
async fn without_a_grace_period_a_removal_counts_at_once() {
    let none = ("SSF_TRANSMITTER_SUBJECT_REMOVAL_GRACE_SECONDS", "0");
    for served in [
        Served::start(&[none]).await,
        Served::covering_nobody(&[none]).await,
    ] {
        served.add(&email(ALICE)).await;
        served.add(&email(BOB)).await;
        assert_eq!(served.remove(&email(ALICE)).await.status, 204);
        served.happens_to(ALICE).await;
        served.happens_to(BOB).await;
        assert_eq!(served.next(), BOB);
        assert_eq!(served.add(&email(ALICE)).await.status, 200);
        served.happens_to(ALICE).await;
        assert_eq!(served.next(), ALICE);
    }
}

/// T17: subjects cannot be enumerated (SSF 1.0 §9.1).
#[tokio::test]
async fn t17_nobody_learns_whether_a_subject_is_known() {
    for served in [Served::start(&[]).await, Served::covering_nobody(&[]).await] {
        served.happens_to(ALICE).await;
        let known = served.add(&email(ALICE)).await;
        let again = served.add(&email(ALICE)).await;
        let unknown = served.add(&email("nobody@example.com")).await;
        assert_eq!(told(&known), told(&unknown));
        assert_eq!(told(&known), told(&again));
        let known = served.remove(&email(ALICE)).await;
        let again = served.remove(&email(ALICE)).await;
        let never = served.remove(&email("stranger@example.com")).await;
        assert_eq!(told(&known), told(&never));
        assert_eq!(told(&known), told(&again));
        assert!(!served.installation.log().contains("example.com\""));
        assert!(!served.installation.log().contains("nobody@"));
    }
}

/// T19: the table of subjects cannot be filled without an end.
#[tokio::test]
async fn t19_a_stream_has_room_for_so_many_subjects() {
    let served = Served::covering_nobody(&[("SSF_TRANSMITTER_SUBJECTS_PER_STREAM_MAX", "2")]).await;
    assert_eq!(served.add(&email(ALICE)).await.status, 200);
    assert_eq!(served.add(&email(BOB)).await.status, 200);
    let full = served.add(&email("carol@example.com")).await;
    assert_eq!(full.json()["code"], "too_many_subjects");
    let told = "this stream has as many subjects as it may have: remove some, which make room when their grace period is over";
    assert_eq!(full.problem(), (403, told.to_owned()));
    assert_eq!(served.add(&email(ALICE)).await.status, 200);
}

/// T19: nor quickly.
#[tokio::test]
async fn t19_a_burst_of_requests_is_held_to_the_pace_of_the_stream() {
    let slow = ("SSF_TRANSMITTER_SUBJECT_CHANGES_PER_SECOND_MAX", "1");
    let served = Served::covering_nobody(&[slow]).await;
    let http = client();
    let add = |number: u32| {
        let subject = email(&format!("{number}@example.com"));
        let body = json!({"stream_id": served.stream, "subject": subject});
        let request = http.post(served.transmitter.url("/ssf/subjects/add"));
        Answer::to(request.json(&body).bearer_auth(&served.receiver))
    };
    let answers = join_all((0..300).map(add)).await;
    let of = |status: u16| answers.iter().filter(move |answer| answer.status == status);
    // Ten at once, and one more for each second that it takes.
    assert!((10..60).contains(&of(200).count()), "{}", of(200).count());
    assert_eq!(of(200).count() + of(429).count(), 300);
    for refused in of(429) {
        assert_eq!(refused.json()["code"], "too_soon");
        let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=10).contains(&wait), "{wait}");
    }
}

#[tokio::test]
async fn a_stream_is_verified_without_a_subject_and_cannot_lose_itself() {
    let served = Served::covering_nobody(&[]).await;
    let itself = json!({"format": "opaque", "id": served.stream});
    let refused = served.remove(&itself).await;
    assert_eq!(refused.json()["code"], "subject_not_allowed");
    let told = "subject is the stream itself, which cannot be removed from it";
    assert_eq!(refused.problem(), (403, told.to_owned()));
    let body = json!({"stream_id": served.stream, "state": "echo"});
    assert_eq!(served.post("/ssf/verify", &body).await.status, 204);
    let set = claims(&served.endpoint.next());
    assert_eq!(set["sub_id"], itself);
}

#[tokio::test]
async fn a_request_that_cannot_be_met_is_told_why_and_not_whom_it_is_about() {
    let served = Served::covering_nobody(&[]).await;
    let other = served.installation.add_receiver("other");
    for path in ["/ssf/subjects/add", "/ssf/subjects/remove"] {
        let asked = json!({"stream_id": served.stream, "subject": email(ALICE)});
        let anonymous = client().post(served.transmitter.url(path)).json(&asked);
        assert_eq!(Answer::to(anonymous).await.status, 401);
        let foreign = client().post(served.transmitter.url(path)).json(&asked);
        let foreign = Answer::to(foreign.bearer_auth(&other)).await;
        let nowhere = json!({"stream_id": "f67e39a0", "subject": email(ALICE)});
        let nowhere = served.post(path, &nowhere).await;
        assert_eq!(foreign.problem(), nowhere.problem());
        assert_eq!(foreign.status, 404);
        for (subject, status, detail) in [
            (json!("alice"), 400, "subject must be an object"),
            (json!({"email": ALICE}), 400, "subject.format is missing"),
            (json!({"format": "email"}), 400, "subject.email is missing"),
            (
                json!({"format": "complex", "robot": email(ALICE)}),
                403,
                "a complex subject that is added or removed has no other members than user, device, session, application, tenant, org_unit and group",
            ),
        ] {
            let body = json!({"stream_id": served.stream, "subject": subject});
            let answer = served.post(path, &body).await;
            assert_eq!(answer.problem(), (status, detail.to_owned()));
            assert!(!answer.body.contains(ALICE));
        }
        let elsewhere = format!("{path}?stream_id=f67e39a0");
        assert_eq!(served.post(&elsewhere, &asked).await.status, 400);
        let get = client().get(served.transmitter.url(path));
        let get = Answer::to(get.bearer_auth(&served.receiver)).await;
        assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    }
}

#[tokio::test]
async fn subjects_that_are_more_or_less_specific_than_the_event_match_it() {
    let served = Served::covering_nobody(&[]).await;
    let id = |id: &str| json!({"format": "opaque", "id": id});
    let happens = async |subject: Value| {
        let request = client().post(served.transmitter.url("/ingest/events"));
        let token = served.transmitter.operator_token.as_ref().unwrap();
        let event = json!({"sub_id": subject, "events": {(SESSION_REVOKED): {}}});
        let request = request.json(&event).bearer_auth(token);
        assert_eq!(Answer::to(request).await.status, 202);
    };
    let complex = |members: &[(&str, &str)]| {
        let mut subject = json!({"format": "complex"});
        for (name, value) in members {
            subject[name] = id(value);
        }
        subject
    };
    served.add(&complex(&[("tenant", "t")])).await;
    served
        .add(&complex(&[("user", "a"), ("device", "d")]))
        .await;
    served.add(&complex(&[("user", "b"), ("group", "x")])).await;
    happens(complex(&[("user", "b"), ("group", "y")])).await;
    let (less, more) = (
        complex(&[("tenant", "t"), ("user", "z")]),
        complex(&[("user", "a")]),
    );
    happens(less.clone()).await;
    assert_eq!(claims(&served.endpoint.next())["sub_id"], less);
    happens(more.clone()).await;
    assert_eq!(claims(&served.endpoint.next())["sub_id"], more);
}
