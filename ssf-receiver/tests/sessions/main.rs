//! Sessions that an application stores: deleted when they end, and kept from coming back.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a helper of tests panics as they do"
)]

#[cfg(feature = "sql")]
#[path = "../../../ssf-transmitter/tests/store/postgres/cluster.rs"]
mod cluster;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod deletion;
mod ending;
#[cfg(feature = "redis")]
mod in_redis;
#[cfg(feature = "sql")]
mod in_sql;
mod memory;
mod race;
mod recording;
#[cfg(feature = "redis")]
mod redis_server;

use std::path::Path;

use common::{Transmitter, builder, eventually, signed, started};
use serde_json::Value;
use ssf_receiver::{Receiver, SessionKeys};
use ssf_types::time::Timestamp;

/// When everything happens that ends sessions.
const T: u64 = 1_615_305_159;

async fn receiver(transmitter: &Transmitter, directory: &Path) -> Receiver {
    let url = format!("sqlite://{}", directory.join("receiver.db").display());
    started(builder(transmitter).database(url)).await
}

/// Pushes a SET that ends the sessions of whoever `subject` names.
async fn pushed(transmitter: &Transmitter, receiver: &Receiver, jti: &str, subject: &Value) {
    let claims = transmitter.claims(jti, subject, T);
    let set = signed(&Transmitter::header(), &claims);
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    assert_eq!(answer.await.status(), 202);
}

/// What is known of a session of somebody, which began some seconds before or after [`T`].
fn keys(receiver: &Receiver, person: &str, after: i64) -> SessionKeys {
    let began = T.checked_add_signed(after).unwrap();
    let session = receiver
        .session(Timestamp::from_secs(began))
        .iss_sub(receiver.issuer().as_str(), person)
        .email(format!("{person}@example.com"));
    receiver.keys(&session)
}
