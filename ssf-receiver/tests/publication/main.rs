//! What a receiver publishes in Redis, and what others make of it.

#![cfg(all(feature = "actix", feature = "redis", feature = "sqlite"))]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests panics as they do"
)]

#[cfg(feature = "postgres")]
#[path = "../../../ssf-transmitter/tests/store/postgres/cluster.rs"]
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod contents;
#[cfg(feature = "postgres")]
mod instances;
mod loss;
#[expect(dead_code, reason = "the tests of sessions use the rest")]
#[path = "../sessions/redis_server.rs"]
mod redis_server;
mod stranger;
mod vectors;

use std::path::Path;

use common::{AUDIENCE, Transmitter, builder, email, eventually, signed, started};
use redis_server::RedisServer;
use serde_json::{Value, json};
use ssf_receiver::{Builder, Receiver, publication::RedisPublication};

/// When everything happens that ends sessions.
const T: u64 = 1_615_305_159;

const ACCOUNT_DISABLED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const ACCOUNT_ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";

fn building(transmitter: &Transmitter, server: &RedisServer, directory: &Path) -> Builder {
    let url = format!("sqlite://{}", directory.join("receiver.db").display());
    let publication = RedisPublication::new(server.url());
    builder(transmitter).database(url).publish(publication)
}

/// A receiver that publishes there.
async fn receiver(transmitter: &Transmitter, server: &RedisServer, directory: &Path) -> Receiver {
    started(building(transmitter, server, directory)).await
}

/// Ends a receiver, so that another one can have its database.
async fn ended(receiver: Receiver) {
    receiver.stop().await;
    drop(receiver);
}

async fn pushed(receiver: &Receiver, claims: &Value) {
    let set = signed(&Transmitter::header(), claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    assert_eq!(answer.await.status(), 202);
}

/// Pushes a SET that ends the sessions of somebody.
async fn revoked(transmitter: &Transmitter, receiver: &Receiver, person: &str) {
    let subject = email(&format!("{person}@example.com"));
    pushed(receiver, &transmitter.claims(person, &subject, T)).await;
}

/// Pushes a SET of RISC.
async fn told(transmitter: &Transmitter, receiver: &Receiver, (event, at): (&str, u64)) {
    let subject = email("alice@example.com");
    let claims = json!({
        "iss": transmitter.issuer, "jti": format!("{event} {at}"), "iat": at, "aud": AUDIENCE, "toe": at,
        "sub_id": subject, "events": { event: {} },
    });
    pushed(receiver, &claims).await;
}
