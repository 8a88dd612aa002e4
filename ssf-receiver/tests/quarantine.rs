//! What cannot be verified now outlives a restart, and keys do as well.

#![cfg(all(feature = "actix", feature = "sqlite"))]
#![expect(clippy::unwrap_used, reason = "a helper of tests panics as they do")]

mod common;

use std::sync::atomic::Ordering;

use common::{Transmitter, builder, email, signed, signed_with, started, until};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use ssf_receiver::{Receiver, guard::Decision};
use ssf_types::{jose::SigningKey, set::Algorithm, time::Timestamp};

const T: u64 = 1_615_305_159;

#[expect(
    clippy::disallowed_methods,
    reason = "the receiver under test reads the same clock"
)]
fn now() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.unwrap().as_secs()
}

/// A Transmitter, and where its receiver keeps everything.
struct Stage {
    transmitter: Transmitter,
    database: String,
    _directory: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("receiver.db");
        Self {
            transmitter: Transmitter::start(),
            database: format!("sqlite://{}", database.display()),
            _directory: directory,
        }
    }

    fn builder(&self) -> ssf_receiver::Builder {
        builder(&self.transmitter).database(&self.database)
    }

    fn claims(&self, jti: &str) -> Value {
        self.transmitter.claims(jti, &email("alice@example.com"), T)
    }

    fn publish(&self, key: SigningKey) {
        self.transmitter.state.keys.lock().unwrap().push(key);
    }
}

async fn push(receiver: &Receiver, set: &str) -> u16 {
    let media_type = Some("application/secevent+jwt");
    let answer = receiver.accept(Some("Bearer x"), media_type, set.as_bytes());
    answer.await.status()
}

fn is_signed_in(receiver: &Receiver) -> bool {
    let session = receiver.session(Timestamp::from_secs(T));
    receiver.decide(&session.email("alice@example.com")) == Decision::Allow
}

#[actix_web::test]
async fn what_waits_for_its_key_outlives_a_restart_and_counts_as_of_its_first_arrival() {
    let stage = Stage::set();
    let newer = SigningKey::generate(Algorithm::Es256).unwrap();
    let header = json!({ "alg": "ES256", "kid": newer.kid(), "typ": "secevent+jwt" });
    let set = signed_with(&newer, &header, &stage.claims("1").to_string());
    let receiver = started(stage.builder()).await;
    assert_eq!(push(&receiver, &set).await, 503);
    assert_eq!(receiver.status().quarantined, 1);
    receiver.stop().await;
    drop(receiver);
    let database = sea_orm::Database::connect(&stage.database).await.unwrap();
    let long_ago = "UPDATE quarantine SET arrived_at_millis = 1615305160000";
    let changed = database.execute_unprepared(long_ago).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);

    // It does not come again: the transmitter may have given up.
    stage.publish(newer);
    let receiver = started(stage.builder()).await;
    until("the session is over", || !is_signed_in(&receiver)).await;
    until("nothing waits", || receiver.status().quarantined == 0).await;
    let query = "SELECT received_at_millis, (SELECT count(*) FROM quarantine) FROM inbox";
    let query = Statement::from_string(sea_orm::DbBackend::Sqlite, query);
    let kept = database.query_one_raw(query).await.unwrap().unwrap();
    assert_eq!(kept.try_get_by_index::<i64>(0).unwrap(), 1_615_305_160_000);
    until("it is let go", || receiver.status().quarantined == 0).await;
    receiver.stop().await;
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn keys_that_were_fetched_verify_after_a_restart_while_the_transmitter_is_away() {
    let stage = Stage::set();
    let receiver = started(stage.builder()).await;
    let known = signed(&Transmitter::header(), &stage.claims("1"));
    assert_eq!(push(&receiver, &known).await, 202);
    receiver.stop().await;
    drop(receiver);

    stage.transmitter.state.down.store(true, Ordering::SeqCst);
    let receiver = stage.builder().start().await.unwrap();
    assert!(receiver.status().keys_loaded);
    let another = stage.transmitter.claims("2", &email("bob@example.com"), T);
    let another = signed(&Transmitter::header(), &another);
    assert_eq!(push(&receiver, &another).await, 202);
    let bob = receiver
        .session(Timestamp::from_secs(T))
        .email("bob@example.com");
    assert!(matches!(receiver.decide(&bob), Decision::Deny(_)));
    stage.transmitter.stop().await;
}

#[actix_web::test]
async fn t46_a_set_from_the_near_future_takes_effect_when_its_time_has_come() {
    let stage = Stage::set();
    let receiver = started(stage.builder()).await;
    let mut claims = stage.claims("1");
    claims["iat"] = json!(now() + 62);
    let set = signed(&Transmitter::header(), &claims);
    assert_eq!(push(&receiver, &set).await, 503);
    assert!(is_signed_in(&receiver));
    until("the session is over", || !is_signed_in(&receiver)).await;
    assert_eq!(push(&receiver, &set).await, 202);
    until("nothing waits", || receiver.status().quarantined == 0).await;
    stage.transmitter.stop().await;
}
