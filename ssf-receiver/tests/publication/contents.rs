//! What stands in Redis.

use std::collections::BTreeMap;

use redis::{AsyncCommands, RedisResult};
use serde_json::Value;
use ssf_receiver::{Receiver, Session, guard::Decision};
use ssf_types::time::Timestamp;

use super::{
    ACCOUNT_DISABLED, ACCOUNT_ENABLED, T, Transmitter, building, eventually, receiver,
    redis_server::RedisServer, revoked, started, told,
};

pub(crate) type Fields = BTreeMap<String, String>;

/// All fields.
pub(crate) async fn all(server: &RedisServer) -> Fields {
    let mut connection = server.connection().await;
    connection.hgetall("ssf:revocations").await.unwrap()
}

pub(crate) async fn field(server: &RedisServer, name: &str) -> Option<String> {
    let mut connection = server.connection().await;
    connection.hget("ssf:revocations", name).await.unwrap()
}

/// Has Redis do something, whatever it answers.
pub(crate) async fn done(server: &RedisServer, command: &[&str]) {
    let mut all = redis::cmd(command[0]);
    all.arg(&command[1..]);
    let mut connection = server.connection().await;
    let done: RedisResult<redis::Value> = all.query_async(&mut connection).await;
    done.unwrap();
}

pub(crate) fn session(receiver: &Receiver, person: &str) -> Session {
    let session = receiver.session(Timestamp::from_secs(T));
    session.email(format!("{person}@example.com"))
}

/// The field in which the sessions of somebody are ended.
pub(crate) fn ended(receiver: &Receiver, person: &str) -> String {
    let keys = receiver.keys(&session(receiver, person));
    let mut keys = keys.fingerprints();
    format!("0.{}.ended", keys.next().unwrap().to_hexadecimal())
}

/// Waits until the sessions of somebody are ended there.
pub(crate) async fn has(server: &RedisServer, receiver: &Receiver, person: &str) {
    let name = ended(receiver, person);
    let is_there = async || field(server, &name).await.is_some();
    eventually(&format!("{person} is published"), is_there).await;
}

#[actix_web::test]
async fn what_is_revoked_stands_there_a_moment_later_with_what_a_reader_has_to_know() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    revoked(&transmitter, &receiver, "alice").await;
    has(&server, &receiver, "alice").await;
    let all = all(&server).await;
    assert_eq!(all["format"], "1");
    assert_eq!(all["epoch"].len(), 32);
    assert_eq!(all["secret"].len(), 16);
    let mut value = all[&ended(&receiver, "alice")].split(' ');
    assert_eq!(value.next(), Some(T.to_string().as_str()));
    let until: u64 = value.next().unwrap().parse().unwrap();
    assert!(until > T, "{until}");
    assert_eq!(value.next(), None);
    let issuer = format!("issuer:{}", transmitter.issuer);
    let issuer: Value = serde_json::from_str(&all[&issuer]).unwrap();
    assert_eq!(issuer["number"], 0);
    assert_eq!(issuer["masks"][0]["kinds"][0], "ended");
    let names = ["format", "epoch", "secret", "place", "last", "at"];
    let others = all.keys().filter(|name| !names.contains(&name.as_str()));
    assert_eq!(others.count(), 2, "{all:?}");
    transmitter.stop().await;
}

#[actix_web::test]
async fn a_block_that_is_lifted_is_not_there_any_more() {
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, &server, directory.path()).await;
    let name = ended(&receiver, "alice").replace("ended", "disabled");
    told(&transmitter, &receiver, (ACCOUNT_DISABLED, T)).await;
    let is_blocked = async || {
        let value = field(&server, &name).await;
        value.is_some_and(|value| value.ends_with(" block"))
    };
    eventually("the account is disabled there", is_blocked).await;
    told(&transmitter, &receiver, (ACCOUNT_ENABLED, T + 1)).await;
    let is_lifted = async || field(&server, &name).await.is_none();
    eventually("the account is enabled there", is_lifted).await;
    // That it was disabled has ended its sessions all the same.
    has(&server, &receiver, "alice").await;
    transmitter.stop().await;
}

#[actix_web::test]
async fn what_is_forgotten_goes_and_its_watermark_stands_there() {
    const PEOPLE: usize = 60;
    let (server, transmitter) = (RedisServer::start().await, Transmitter::start());
    let directory = tempfile::tempdir().unwrap();
    let building = building(&transmitter, &server, directory.path()).revocations_max(20);
    let receiver = started(building).await;
    for person in 0..PEOPLE {
        revoked(&transmitter, &receiver, &person.to_string()).await;
    }
    has(&server, &receiver, &(PEOPLE - 1).to_string()).await;
    let first = ended(&receiver, "0");
    let is_gone = async || field(&server, &first).await.is_none();
    eventually("the first is forgotten", is_gone).await;
    let issuer = format!("issuer:{}", transmitter.issuer);
    let issuer = field(&server, &issuer).await.unwrap();
    let issuer: Value = serde_json::from_str(&issuer).unwrap();
    assert!(issuer["ended"].as_u64().unwrap() > T, "{issuer}");
    let denied = receiver.decide(&session(&receiver, "0"));
    assert!(matches!(denied, Decision::Deny(_)), "{denied:?}");
    transmitter.stop().await;
}
