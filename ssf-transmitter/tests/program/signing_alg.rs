//! Streams that choose what their SETs are signed with.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    jose::KeySet,
    set::{Expectation, UnverifiedSet},
    time::Timestamp,
    uri::Issuer,
};
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::rig::{
    Answer, Endpoint, Installation, PATIENCE, SESSION_REVOKED, Transmitter, claims_of, client,
    event_about, stream_for, text,
};

/// After any moment at which these tests run.
const LATER: Timestamp = Timestamp::from_secs(4_000_000_000);

const ISSUER: &str = "https://tr.example.com/tenant";

/// RFC 8037 appendix A.1, with a name as an identity provider gives it.
const JWK: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"idp","alg":"EdDSA","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn installation() -> Installation {
    Installation::new().with("SSF_TRANSMITTER_ISSUER", ISSUER)
}

/// A transmitter with one Receiver.
struct Served {
    installation: Installation,
    transmitter: Transmitter,
    receiver: String,
}

impl Served {
    fn start(installation: Installation) -> Self {
        let transmitter = installation.serve();
        let receiver = installation.add_receiver("rp");
        Self {
            installation,
            transmitter,
            receiver,
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = client().post(self.transmitter.url(path)).json(body);
        Answer::to(request.bearer_auth(&self.receiver)).await
    }

    async fn create(&self, body: &Value) -> Value {
        let answer = self.post("/tenant/ssf/stream", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    async fn patch(&self, body: &Value) -> Answer {
        let request = client().patch(self.transmitter.url("/tenant/ssf/stream"));
        Answer::to(request.json(body).bearer_auth(&self.receiver)).await
    }

    async fn read(&self, stream: &Value) -> Value {
        let id = stream["stream_id"].as_str().unwrap();
        let url = format!("/tenant/ssf/stream?stream_id={id}");
        let request = client().get(self.transmitter.url(&url));
        let answer = Answer::to(request.bearer_auth(&self.receiver)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn happen(&self) {
        let request = client().post(self.transmitter.url("/ingest/events"));
        let request = request.json(&event_about("alice@example.com"));
        let token = self.transmitter.operator_token.as_ref().unwrap();
        assert_eq!(Answer::to(request.bearer_auth(token)).await.status, 202);
    }

    /// The SET of a poll that waits for one.
    async fn poll(&self, stream: &Value) -> String {
        let id = stream["stream_id"].as_str().unwrap();
        let path = format!("/tenant/ssf/poll/{id}");
        let answer = self.post(&path, &json!({"maxEvents": 1})).await.json();
        let sets = answer["sets"].as_object().unwrap();
        sets.values().next().unwrap().as_str().unwrap().to_owned()
    }

    async fn offered(&self) -> Value {
        let path = "/.well-known/ssf-configuration/tenant";
        let metadata = Answer::to(client().get(self.transmitter.url(path))).await;
        metadata.json()["set_signing_alg_values_supported"].clone()
    }

    async fn published(&self) -> KeySet {
        published(&self.transmitter).await
    }

    /// Runs a command about keys that works.
    fn key(&self, arguments: &[&str]) -> String {
        let output = self.installation.run(&[&["key"], arguments].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }
}

async fn published(transmitter: &Transmitter) -> KeySet {
    let answer = Answer::to(client().get(transmitter.url("/tenant/jwks.json"))).await;
    KeySet::parse(answer.body.as_bytes()).unwrap()
}

fn pushed_to(endpoint: &Endpoint, algorithm: Option<&str>) -> Value {
    asking(stream_for(&endpoint.url), algorithm)
}

fn polled(algorithm: Option<&str>) -> Value {
    let delivery = json!({"method": "urn:ietf:rfc:8936"});
    let request = json!({"delivery": delivery, "events_requested": [SESSION_REVOKED]});
    asking(request, algorithm)
}

fn asking(mut request: Value, algorithm: Option<&str>) -> Value {
    if let Some(algorithm) = algorithm {
        request["set_signing_alg"] = algorithm.into();
    }
    request
}

/// The algorithm and the name of the key of a SET that verifies with the published keys.
fn verified(set: &str, keys: &KeySet) -> (String, String) {
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let expected = Expectation::new(Issuer::parse(ISSUER).unwrap(), audience);
    let unverified = UnverifiedSet::parse(set.as_bytes()).unwrap();
    let (alg, kid) = (unverified.header().alg, unverified.header().kid.clone());
    unverified.verify(keys, &expected, LATER).unwrap();
    (alg.to_string(), kid.unwrap().as_str().to_owned())
}

#[tokio::test]
async fn each_stream_gets_sets_of_its_algorithm_and_one_that_asks_for_none_gets_rs256() {
    let served = Served::start(installation());
    assert_eq!(
        served.offered().await,
        json!(["RS256", "PS256", "ES256", "EdDSA"])
    );
    let endpoints = [(), (), ()].map(|()| Endpoint::answering(202));
    let asked = [None, Some("ES256"), Some("PS256")];
    for (endpoint, algorithm) in endpoints.iter().zip(asked) {
        let stream = served.create(&pushed_to(endpoint, algorithm)).await;
        assert_eq!(stream["set_signing_alg"].as_str(), algorithm);
        assert_eq!(served.read(&stream).await, stream);
    }
    let eddsa = served.create(&polled(Some("EdDSA"))).await;
    let default = served.create(&polled(None)).await;
    assert!(default.get("set_signing_alg").is_none());
    // A Receiver that fetches the keys when it has its stream has all that it needs.
    let keys = served.published().await;
    assert_eq!(keys.keys().len(), 4);
    served.happen().await;
    for (endpoint, algorithm) in endpoints.iter().zip(["RS256", "ES256", "PS256"]) {
        assert_eq!(verified(&endpoint.next().set, &keys).0, algorithm);
    }
    assert_eq!(verified(&served.poll(&eddsa).await, &keys).0, "EdDSA");
    assert_eq!(verified(&served.poll(&default).await, &keys).0, "RS256");
}

#[tokio::test]
async fn another_algorithm_holds_for_later_attempts_and_a_put_without_one_ends_it() {
    let served = Served::start(installation());
    let endpoint = Endpoint::answering(202);
    let stream = served.create(&pushed_to(&endpoint, None)).await;
    served.happen().await;
    let before = verified(&endpoint.next().set, &served.published().await);
    assert_eq!(before.0, "RS256");

    // What failed is repeated as the stream is by then.
    endpoint.answer(500);
    served.happen().await;
    let failed = endpoint.next().set;
    let id = &stream["stream_id"];
    let changed = served
        .patch(&json!({"stream_id": id, "set_signing_alg": "EdDSA"}))
        .await;
    assert_eq!(
        (changed.status, &changed.json()["set_signing_alg"]),
        (200, &json!("EdDSA"))
    );
    endpoint.answer(202);
    let keys = served.published().await;
    let mut again = endpoint.next().set;
    // An attempt that had begun may arrive after the change; its answer counts no more.
    while verified(&again, &keys).0 != "EdDSA" {
        again = endpoint.next().set;
    }
    assert_eq!(claims_of(&again)["jti"], claims_of(&failed)["jti"]);

    let silent = served
        .patch(&json!({"stream_id": id, "description": "x"}))
        .await;
    assert_eq!(silent.json()["set_signing_alg"], "EdDSA");
    let mut whole = stream_for(&endpoint.url);
    whole["stream_id"] = id.clone();
    let request = client().put(served.transmitter.url("/tenant/ssf/stream"));
    let replaced = Answer::to(request.json(&whole).bearer_auth(&served.receiver)).await;
    assert_eq!(replaced.status, 200, "{}", replaced.body);
    assert!(replaced.json().get("set_signing_alg").is_none());
    endpoint.rest();
    served.happen().await;
    assert_eq!(
        verified(&endpoint.next().set, &served.published().await),
        before
    );
}

#[tokio::test]
async fn an_algorithm_that_is_not_offered_is_refused_and_nothing_is_made_for_it() {
    let served = Served::start(installation());
    let stream = served.create(&polled(None)).await;
    for asked in [
        json!("HS256"),
        json!("none"),
        json!("es256"),
        json!(["ES256"]),
        json!(null),
    ] {
        let mut request = polled(None);
        request["set_signing_alg"] = asked.clone();
        let refused = served.post("/tenant/ssf/stream", &request).await;
        assert_eq!(refused.code(), "signing_alg_not_offered", "{asked}");
        let change = json!({"stream_id": stream["stream_id"], "set_signing_alg": asked});
        let refused = served.patch(&change).await;
        assert_eq!(refused.status, 400);
        assert_eq!(refused.code(), "signing_alg_not_offered", "{asked}");
    }
    let absent = json!({"stream_id": "0".repeat(32), "set_signing_alg": "ES256"});
    let refused = served.patch(&absent).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (404, "stream_not_found")
    );
    assert_eq!(served.published().await.keys().len(), 1);
    assert_eq!(served.read(&stream).await, stream);
}

#[tokio::test]
async fn where_keys_are_published_elsewhere_a_stream_may_ask_for_what_was_imported() {
    let uris = "main=https://idp.example.com/jwks";
    let elsewhere = installation().with("SSF_TRANSMITTER_JWKS_URIS", uris);
    let served = Served::start(elsewhere);
    assert_eq!(served.offered().await, Value::Null);
    let endpoint = Endpoint::answering(202);
    let request = pushed_to(&endpoint, Some("EdDSA"));
    let refused = served.post("/tenant/ssf/stream", &request).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "signing_alg_not_offered")
    );
    assert!(!served.key(&["list"]).contains("EdDSA"));

    let file = served.installation.path("key.jwk");
    fs::write(&file, JWK).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    served.key(&["import", file.to_str().unwrap(), "--activate"]);
    let offered = async { while served.offered().await != json!(["EdDSA"]) {} };
    timeout(PATIENCE, offered).await.unwrap();
    served.create(&request).await;
    served.happen().await;
    let keys = served.published().await;
    let signed = verified(&endpoint.next().set, &keys);
    assert_eq!(signed, ("EdDSA".to_owned(), "idp".to_owned()));
}

#[tokio::test]
async fn a_rotation_changes_the_key_of_its_algorithm_alone() {
    let served = Served::start(installation());
    let endpoints = [(), ()].map(|()| Endpoint::answering(202));
    let [default, es256] = &endpoints;
    served.create(&pushed_to(default, None)).await;
    served.create(&pushed_to(es256, Some("ES256"))).await;
    let signers = async || {
        served.happen().await;
        let sets = endpoints.each_ref().map(|endpoint| endpoint.next().set);
        let keys = served.published().await;
        sets.map(|set| verified(&set, &keys))
    };
    let before = signers().await;
    let listed = served.key(&["rotate", "--algorithm", "ES256"]);
    let next = listed.lines().find(|line| line.contains("\tpublished\t"));
    let next = next.unwrap().split('\t').nth(1).unwrap().to_owned();
    served.key(&["activate", &next]);
    let rotated = async {
        loop {
            let [default, es256] = signers().await;
            assert_eq!(default, before[0]);
            assert_eq!(es256.0, "ES256");
            if es256.1 == next {
                return;
            }
        }
    };
    timeout(PATIENCE, rotated).await.unwrap();
    assert_ne!(before[1].1, next);
}

#[tokio::test]
async fn on_two_nodes_each_publishes_and_uses_the_key_that_a_request_to_one_has_made() {
    let installation = installation()
        .with(
            "SSF_TRANSMITTER_DATABASE_URL",
            Cluster::of_this_run().new_database(),
        )
        .with(
            "SSF_TRANSMITTER_ENCRYPTION_KEY",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        );
    let served = Served::start(installation);
    let other = served.installation.serve();
    let stream = served.create(&polled(Some("EdDSA"))).await;
    let known = async {
        loop {
            let keys = published(&other).await;
            if keys.keys().len() == 2 {
                return keys;
            }
        }
    };
    let keys = timeout(PATIENCE, known).await.unwrap();
    served.happen().await;
    let id = stream["stream_id"].as_str().unwrap();
    let request = client().post(other.url(&format!("/tenant/ssf/poll/{id}")));
    let request = request.json(&json!({})).bearer_auth(&served.receiver);
    let answer = Answer::to(request).await.json();
    let sets = answer["sets"].as_object().unwrap();
    let set = sets.values().next().unwrap().as_str().unwrap();
    assert_eq!(verified(set, &keys).0, "EdDSA");
}
