//! Our own transmitter, and a hostile receiver.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use ssf_conformance::{
    exchange::Request,
    peer::chaos::{Chosen, Given, Journal, Peers, Receipts, Receiving, Taking},
    target_file::PushSettings,
    wire::{Settings, Wire},
};
use ssf_transmitter::{
    app::receivers::NewCredential,
    config::{Config, Layers},
    domain::issuer::IssuerName,
    server::Server,
    telemetry,
};
use tokio::sync::oneshot;
use url::Url;

use super::{PATIENCE, registered::registered};

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// How many events happen, each to somebody else. Each failure holds a stream that is pushed up for seconds.
const EVENTS: usize = 8;

fn config(directory: &Path) -> Config {
    let database = format!("sqlite://{}", directory.join("tr.db").display());
    let layers = Layers::default()
        .flag("--listen", "listen", Some("127.0.0.1:0".to_owned()))
        .flag("--database-url", "database_url", Some(database));
    Config::read(layers).unwrap()
}

async fn token(config: &Config, name: &str) -> String {
    let (_, secrets) = registered(config, name, vec![NewCredential::Bearer]).await;
    secrets.bearer.unwrap().expose().to_owned()
}

/// Has the subject's session end.
async fn emit(issuer: &str, operator: &str, subject: &Value) {
    let url = Url::parse(&format!("{issuer}/ingest/events")).unwrap();
    let mut request = Request::new("POST", url.clone());
    for (name, value) in [
        ("content-type", "application/json".to_owned()),
        ("authorization", format!("Bearer {operator}")),
    ] {
        request.headers.push((name.to_owned(), value));
    }
    let event = json!({ "sub_id": subject, "events": { SESSION_REVOKED: { "event_timestamp": 1_700_000_000 } } });
    request.body = event.to_string().into_bytes();
    let wire = Wire::to(&url, &Settings::default()).unwrap();
    let answer = wire.send(request).await.result.unwrap();
    assert!(answer.is_success(), "{}", answer.status);
}

fn subjects() -> Vec<Value> {
    let named = |number| json!({ "format": "email", "email": format!("{number}@example.com") });
    (0..EVENTS).map(named).collect()
}

fn given(issuer: &str, token: String, taking: Taking, seed: u64) -> Given {
    let mut wire = Settings::default();
    wire.timeout = Duration::from_mins(1);
    Given {
        issuer: issuer.to_owned(),
        token,
        taking,
        events: vec![SESSION_REVOKED.to_owned()],
        subjects: subjects(),
        wire,
        chosen: Chosen::all(Peers::Receiver, seed),
    }
}

/// Waits until all has come, the verification besides, and tells what came.
async fn ended(receiving: Receiving) -> Receipts {
    let arrived = |receipts: &Receipts| receipts.acknowledged() + receipts.refused() > EVENTS;
    receiving.until(PATIENCE, arrived).await;
    receiving.end(PATIENCE).await
}

fn assert_nothing_is_lost(receipts: &Receipts) {
    let mut text = Vec::new();
    receipts.write_text(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(receipts.is_coped_with(), "{text}");
    assert_eq!(
        receipts.acknowledged() + receipts.refused(),
        EVENTS + 1,
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_transmitter_loses_nothing_where_it_is_polled_and_where_it_pushes() {
    let directory = tempfile::tempdir().unwrap();
    let read = || config(directory.path());
    let metrics = telemetry::start_metrics().unwrap();
    let server = Server::start(read(), metrics).await.unwrap();
    let issuer = server.issuers().of(&IssuerName::default()).unwrap();
    let issuer = issuer.as_str().to_owned();
    let operator = server.new_token().unwrap().expose().to_owned();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    let polls = given(&issuer, token(&read(), "polls").await, Taking::Polls, 1);
    let polls = Receiving::start(polls, Journal::closed()).await.unwrap();
    let taking = Taking::Pushes(PushSettings::default(), None);
    let pushed = given(&issuer, token(&read(), "pushed").await, taking, 1);
    let pushed = Receiving::start(pushed, Journal::closed()).await.unwrap();
    assert!(polls.verify().await && pushed.verify().await);
    for subject in subjects() {
        emit(&issuer, &operator, &subject).await;
    }
    let (polls, pushed) = tokio::join!(ended(polls), ended(pushed));
    drop(stop);
    serving.await.unwrap().unwrap();
    assert_nothing_is_lost(&polls);
    assert_nothing_is_lost(&pushed);
}
