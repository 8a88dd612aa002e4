//! Each chaos of the transmitter shows on the wire where it is on, and not where it is off.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use ssf_conformance::{
    exchange::{Exchange, Request},
    peer::chaos::{Chosen, Kind, Peers, Served},
    set::RawSet,
    sink::{Inbox, Push, Sink},
    target_file::PushSettings,
    wire::{Settings, Wire},
};
use tokio::time::timeout;
use url::Url;

use super::{PATIENCE, TOKEN, served};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// Somebody who has the Receiver's token.
struct Client {
    served: Served,
    wire: Wire,
    origin: Url,
}

impl Client {
    fn of(chosen: Chosen) -> Self {
        let served = served(chosen);
        let origin = Url::parse(served.issuer()).unwrap();
        let mut settings = Settings::default();
        settings.timeout = PATIENCE;
        let wire = Wire::to(&origin, &settings).unwrap();
        Self {
            served,
            wire,
            origin,
        }
    }

    async fn ask(&self, method: &str, url: &str, body: Option<Value>) -> Exchange {
        let mut request = Request::new(method, self.origin.join(url).unwrap());
        let authorization = ("authorization".to_owned(), format!("Bearer {TOKEN}"));
        request.headers.push(authorization);
        request.body = body.map(|body| body.to_string()).unwrap_or_default().into();
        self.wire.send(request).await
    }

    async fn get(&self, path: &str) -> Exchange {
        self.ask("GET", path, None).await
    }

    async fn metadata(&self) -> Exchange {
        self.get("/.well-known/ssf-configuration/tenant").await
    }

    async fn jwks(&self) -> Vec<Value> {
        let jwks = self.get("/jwks.json").await.result.unwrap();
        jwks.object().unwrap()["keys"].as_array().unwrap().clone()
    }

    async fn create(&self, delivery: Value) -> Value {
        let wanted = json!({ "delivery": delivery, "events_requested": [SESSION_REVOKED] });
        let made = self.ask("POST", "/ssf/streams", Some(wanted)).await;
        Value::Object(made.result.unwrap().object().unwrap())
    }

    async fn polled(&self) -> Value {
        self.create(json!({ "method": "urn:ietf:rfc:8936" })).await
    }

    async fn poll(&self, stream: &Value, body: Value) -> Value {
        let url = stream["delivery"]["endpoint_url"].as_str().unwrap();
        let polled = self.ask("POST", url, Some(body)).await.result.unwrap();
        Value::Object(polled.object().unwrap_or_default())
    }

    async fn poll_now(&self, stream: &Value) -> Value {
        self.poll(stream, json!({ "returnImmediately": true }))
            .await
    }

    /// The SETs of one poll, after so many events.
    async fn sets(&self, stream: &Value, events: usize) -> Vec<RawSet> {
        for _ in 0..events {
            assert!(self.served.event());
        }
        sets(&self.poll_now(stream).await)
    }

    fn struck(&self, kind: Kind) -> bool {
        self.served.account().struck.contains_key(&kind)
    }
}

fn sets(polled: &Value) -> Vec<RawSet> {
    let sets = polled["sets"].as_object().unwrap().values();
    sets.map(|token| RawSet::parse(token.as_str().unwrap()).unwrap())
        .collect()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn is_plain(id: &str) -> bool {
    id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A push endpoint that takes everything.
async fn sink() -> (Sink, std::sync::Arc<Inbox>) {
    let sink = Sink::start(&PushSettings::default(), None).await.unwrap();
    let inbox = sink.inbox("chaos");
    (sink, inbox)
}

impl Client {
    async fn pushed(&self, inbox: &Inbox) -> Value {
        let url = inbox.url().as_str();
        self.create(json!({ "method": "urn:ietf:rfc:8935", "endpoint_url": url }))
            .await
    }

    /// Whether this happens where it is on; what happens where it is off, does not.
    #[expect(clippy::too_many_lines, reason = "one observation for each kind")]
    async fn observes(&self, kind: Kind) -> bool {
        match kind {
            Kind::OddIds => self.has_odd_ids().await,
            Kind::ReservedIds => {
                text(&self.polled().await, "stream_id").contains(|c| "=&:@!;(),".contains(c))
            }
            Kind::OddJson => self.has_odd_json().await,
            Kind::ExtraMembers => self.has_extra_members().await,
            Kind::AudienceLists => {
                let stream = self.polled().await;
                let set = &self.sets(&stream, 1).await[0];
                stream["aud"].is_array() && set.claims["aud"] == stream["aud"]
            }
            Kind::OddHeaders => {
                let answer = self.metadata().await.result.unwrap();
                answer.header("content-type").next() != Some("application/json")
            }
            Kind::SmallAnswers => {
                let stream = self.polled().await;
                for _ in 0..5 {
                    self.served.event();
                }
                let polled = self.poll_now(&stream).await;
                let brought = polled["sets"].as_object().unwrap().len();
                assert_eq!(brought < 5, polled["moreAvailable"] == true);
                brought <= 2
            }
            Kind::EmptyAnswers => {
                let stream = self.polled().await;
                // A poll is held for ten seconds otherwise.
                let polled = timeout(Duration::from_secs(5), self.poll(&stream, json!({}))).await;
                polled.is_ok_and(|polled| sets(&polled).is_empty())
            }
            Kind::Disorder => {
                let stream = self.polled().await;
                let jtis = self.sets(&stream, 8).await;
                let jtis = jtis.iter().map(|set| set.claims["jti"].to_string());
                let jtis: Vec<_> = jtis.collect();
                !jtis.is_sorted()
            }
            Kind::UnaskedVerifications => {
                let stream = self.polled().await;
                let polled = sets(&self.poll_now(&stream).await);
                polled.iter().any(|set| has_event(set, "verification"))
            }
            Kind::EarlyPush => {
                let (_sink, inbox) = sink().await;
                self.pushed(&inbox).await;
                inbox.count() > 0
            }
            Kind::Duplicates => self.repeats_itself().await,
            Kind::KeyRotation => self.has_another_key().await,
            Kind::StatusChanges => self.pauses().await,
            Kind::Busy => {
                let mut statuses = Vec::new();
                for _ in 0..40 {
                    statuses.push(self.metadata().await.result.unwrap().status);
                }
                assert!(
                    !statuses
                        .windows(3)
                        .any(|three| three.iter().all(|status| *status != 200))
                );
                statuses.iter().any(|status| matches!(status, 429 | 503))
            }
            Kind::Slow => {
                let mut is_slow = false;
                for _ in 0..12 {
                    is_slow |= self.metadata().await.took >= Duration::from_millis(50);
                }
                // On a busy machine others are late as well.
                is_slow && self.struck(Kind::Slow)
            }
            Kind::OddPolls
            | Kind::LateAcknowledgements
            | Kind::PartialAcknowledgements
            | Kind::RepeatedAcknowledgements
            | Kind::AbandonedPolls
            | Kind::Refusals => unreachable!("no transmitter does that"),
            Kind::BrokenAnswers => {
                let mut breaks_off = false;
                for _ in 0..40 {
                    breaks_off |= self.metadata().await.result.is_err();
                }
                breaks_off
            }
        }
    }

    async fn has_odd_ids(&self) -> bool {
        let stream = self.polled().await;
        let set = &self.sets(&stream, 1).await[0];
        let jwks = self.jwks().await;
        let kids: Vec<_> = jwks.iter().map(|key| text(key, "kid")).collect();
        assert!(kids.contains(&set.header["kid"].as_str().unwrap()));
        let ids = [
            text(&stream, "stream_id"),
            set.claims["jti"].as_str().unwrap(),
        ];
        let odd = ids.map(|id| !is_plain(id));
        assert_eq!(odd[0], odd[1]);
        odd[0]
    }

    async fn has_odd_json(&self) -> bool {
        let answer = self.metadata().await.result.unwrap();
        let read: Value = serde_json::from_slice(&answer.body).unwrap();
        let stream = self.polled().await;
        let set = &self.sets(&stream, 1).await[0];
        let [header, claims] = set.texts();
        let is_odd = |text: &[u8], read: &Value| text != read.to_string().as_bytes();
        let odd = [
            is_odd(&answer.body, &read),
            is_odd(&header, &Value::Object(set.header.clone())),
            is_odd(&claims, &Value::Object(set.claims.clone())),
        ];
        assert!(odd.iter().all(|one| *one == odd[0]), "{odd:?}");
        odd[0]
    }

    async fn has_extra_members(&self) -> bool {
        let metadata = self.metadata().await.result.unwrap().object().unwrap();
        let stream = self.polled().await;
        let set = &self.sets(&stream, 1).await[0];
        let keys = self.jwks().await;
        let has = |names: &mut dyn Iterator<Item = &String>| {
            let mut names = names.filter(|name| name.contains("of-nobody"));
            names.next().is_some()
        };
        let event = set.claims["events"].as_object().unwrap().values().next();
        let found = [
            has(&mut metadata.keys()),
            has(&mut stream.as_object().unwrap().keys()),
            has(&mut set.header.keys()),
            has(&mut set.claims.keys()),
            has(&mut event.unwrap().as_object().unwrap().keys()),
            keys.iter().any(|key| key["kty"] == "X-UNKNOWN"),
        ];
        assert!(found.iter().all(|one| *one == found[0]), "{found:?}");
        found[0]
    }

    async fn repeats_itself(&self) -> bool {
        let (_sink, inbox) = sink().await;
        self.pushed(&inbox).await;
        for _ in 0..16 {
            self.served.event();
        }
        // Everything was acknowledged at once.
        assert_eq!(self.served.settle(PATIENCE).await.waiting(), 0);
        let comes_again = |push: &Push| push.earlier > 0;
        let pushed_again = inbox.pushes().iter().any(comes_again);
        let stream = self.polled().await;
        let (mut is_unheeded, mut ack) = (false, Vec::new());
        for _ in 0..30 {
            self.served.event();
            let body = json!({ "ack": ack, "returnImmediately": true });
            match self
                .poll(&stream, body)
                .await
                .get("sets")
                .and_then(Value::as_object)
            {
                Some(sets) => ack = sets.keys().cloned().collect(),
                None => is_unheeded = true,
            }
        }
        assert_eq!(pushed_again, is_unheeded);
        pushed_again
    }

    async fn has_another_key(&self) -> bool {
        let stream = self.polled().await;
        let (mut kids, mut ack) = (BTreeSet::new(), Vec::new());
        let turning = async {
            // A key is made meanwhile, which takes a busy machine some time.
            while kids.len() < 3 && self.served.account().made < 1000 {
                assert!(self.served.event());
                let body = json!({ "ack": ack, "returnImmediately": true });
                let brought = sets(&self.poll(&stream, body).await);
                let published = self.jwks().await;
                let published: Vec<_> =
                    published.iter().map(|key| key["kid"].to_string()).collect();
                ack = brought
                    .iter()
                    .map(|set| set.claims["jti"].clone())
                    .collect();
                for set in brought {
                    let kid = set.header["kid"].to_string();
                    // What waits can be verified.
                    assert!(published.contains(&kid));
                    kids.insert(kid);
                }
            }
        };
        timeout(PATIENCE, turning).await.unwrap();
        kids.len() > 2
    }

    async fn pauses(&self) -> bool {
        let stream = self.polled().await;
        let (mut updates, mut ack) = (Vec::new(), Vec::new());
        let pausing = async {
            for _ in 0..60 {
                self.served.event();
                let polled = self
                    .poll(
                        &stream,
                        json!({ "ack": ack, "maxEvents": 100, "returnImmediately": true }),
                    )
                    .await;
                for set in sets(&polled) {
                    if let Some(updated) = set
                        .event("https://schemas.openid.net/secevent/ssf/event-type/stream-updated")
                    {
                        updates.push(updated["status"].clone());
                    }
                }
                ack = polled["sets"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect();
                if updates.len() > 1 {
                    return;
                }
            }
            // The last pause may not be over yet.
            while updates.len() == 1 {
                let polled = self.poll(&stream, json!({ "ack": ack })).await;
                let more = sets(&polled)
                    .into_iter()
                    .filter(|set| has_event(set, "stream-updated"));
                updates.extend(more.map(|_| json!("enabled")));
                ack = polled["sets"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect();
            }
        };
        timeout(PATIENCE, pausing).await.unwrap();
        updates.len() > 1 && updates[0] == "paused" && updates[1] == "enabled"
    }
}

fn has_event(set: &RawSet, name: &str) -> bool {
    let events = set.claims["events"].as_object().unwrap();
    events.keys().any(|uri| uri.ends_with(name))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_chaos_shows_on_the_wire_where_it_is_on_and_not_where_it_is_off() {
    for kind in Peers::Transmitter.kinds() {
        let name = kind.name();
        let client = Client::of(Chosen::only(kind, 3));
        assert!(client.observes(kind).await, "{name} does not show");
        assert!(client.struck(kind), "{name} is not counted");
        let client = Client::of(Chosen::none());
        assert!(!client.observes(kind).await, "{name} shows where it is off");
        assert!(!client.struck(kind), "{name} is counted where it is off");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_strikes_the_same_requests_again() {
    let mut statuses = Vec::new();
    for seed in [7, 7, 8] {
        let client = Client::of(Chosen::only(Kind::Busy, seed));
        let mut found = Vec::new();
        for _ in 0..30 {
            let answer = client.metadata().await.result.unwrap();
            found.push((
                answer.status,
                answer.header("retry-after").next() == Some("1"),
            ));
        }
        statuses.push(found);
    }
    assert_eq!(statuses[0], statuses[1]);
    assert_ne!(statuses[0], statuses[2]);
}
