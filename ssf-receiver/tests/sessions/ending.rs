//! What the store around a store of actix-session does.

use std::collections::HashMap;

use actix_session::storage::{self, SessionKey};
use actix_web::cookie::time::Duration;
use ssf_receiver::{
    Receiver,
    sessions::{ActixStore, Ending, MemorySessions, SessionId, SessionStore, ValueStore},
};
use storage::SessionStore as _;

use super::{
    common::{Transmitter, email},
    eventually, keys, pushed, receiver,
    recording::key,
};

const TTL: Duration = Duration::HOUR;

/// What sign-in stores, before or after the revocation.
fn state(receiver: &Receiver, person: &str, after: i64) -> HashMap<String, String> {
    let keys = serde_json::to_string(&keys(receiver, person, after)).unwrap();
    let person = format!("{person:?}");
    [("ssf".to_owned(), keys), ("person".to_owned(), person)].into()
}

async fn has(store: &impl storage::SessionStore, name: &str) -> bool {
    store.load(&key(name)).await.unwrap().is_some()
}

/// How many sessions are registered of somebody.
async fn registered(store: &impl SessionStore, receiver: &Receiver, person: &str) -> usize {
    let fingerprint = keys(receiver, person, 0).fingerprints().next().unwrap();
    store.find(fingerprint).await.unwrap().len()
}

fn name(key: &SessionKey) -> String {
    key.as_ref().to_owned()
}

/// A request has read its session, the session is ended and deleted, and then the request writes it.
pub(crate) async fn comes_back_by_no_way<S, I>(stored: S, sessions: I)
where
    S: storage::SessionStore + Clone + 'static,
    I: SessionStore + Clone,
{
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let deleting = receiver.delete_sessions("sessions", sessions.clone());
    deleting.await.unwrap();
    let store = Ending::new(receiver.clone(), stored.clone(), sessions.clone());
    let one = store
        .save(state(&receiver, "alice", -1), &TTL)
        .await
        .unwrap();
    let other = store.save(state(&receiver, "bob", -1), &TTL).await.unwrap();
    let (one, other) = (name(&one), name(&other));
    let read = store.load(&key(&one)).await.unwrap().unwrap();
    assert_eq!(registered(&sessions, &receiver, "alice").await, 1);

    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    let is_deleted = async || !has(&stored, &one).await;
    eventually("it is deleted", is_deleted).await;

    let written = store.update(key(&one), read.clone(), &TTL).await.unwrap();
    assert!(!has(&stored, &name(&written)).await);
    let written = store.save(read, &TTL).await.unwrap();
    assert!(!has(&stored, &name(&written)).await);
    store.update_ttl(&key(&one), &TTL).await.unwrap();
    assert!(!has(&store, &one).await);
    assert_eq!(registered(&sessions, &receiver, "alice").await, 0);
    assert!(has(&store, &other).await);

    // The next sign-in is another session.
    let anew = state(&receiver, "alice", 1);
    let written = store.save(anew, &TTL).await.unwrap();
    assert!(has(&store, &name(&written)).await);
    assert_eq!(registered(&sessions, &receiver, "alice").await, 1);
}

#[actix_web::test]
async fn without_what_decides_a_request_under_way_brings_a_session_back() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    let deleting = receiver.delete_sessions("sessions", sessions.clone());
    deleting.await.unwrap();
    let store = ActixStore::new(sessions.clone());
    let keys = keys(&receiver, "alice", -1);
    let one = store
        .save(state(&receiver, "alice", -1), &TTL)
        .await
        .unwrap();
    let id = SessionId::parse(one.as_ref()).unwrap();
    let ttl = TTL.unsigned_abs();
    sessions.register(&id, &keys, ttl).await.unwrap();
    let read = store.load(&one).await.unwrap().unwrap();
    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    let is_deleted = async || sessions.load(&id).await.unwrap().is_none();
    eventually("it is deleted", is_deleted).await;
    let written = store.update(one, read, &TTL).await.unwrap();
    assert!(has(&store, &name(&written)).await);
}

#[actix_web::test]
async fn a_session_that_was_ended_before_it_was_registered_is_not_loaded() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    let sessions = MemorySessions::default();
    let stored = ActixStore::new(sessions.clone());
    let store = Ending::new(receiver.clone(), stored.clone(), sessions.clone());
    let [alice, later, bob] = [("alice", -1), ("alice", 1), ("bob", -1)]
        .map(|(person, after)| state(&receiver, person, after));
    for (state, is_there) in [(alice, false), (later, true), (bob, true)] {
        let one = name(&stored.save(state, &TTL).await.unwrap());
        assert_eq!(has(&store, &one).await, is_there);
        assert_eq!(has(&stored, &one).await, is_there);
    }
}

#[actix_web::test]
async fn who_signs_out_or_has_not_signed_in_is_not_registered() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    let stored = ActixStore::new(sessions.clone());
    let store = Ending::new(receiver.clone(), stored, sessions.clone());
    let anonymous: HashMap<_, _> = [("basket".to_owned(), "[1]".to_owned())].into();
    let one = store.save(anonymous.clone(), &TTL).await.unwrap();
    let one = name(
        &store
            .update(one, state(&receiver, "alice", -1), &TTL)
            .await
            .unwrap(),
    );
    assert_eq!(registered(&sessions, &receiver, "alice").await, 1);
    let one = store
        .update(key(&one), anonymous.clone(), &TTL)
        .await
        .unwrap();
    assert_eq!(registered(&sessions, &receiver, "alice").await, 0);
    assert_eq!(store.load(&one).await.unwrap(), Some(anonymous));
    let one = name(
        &store
            .update(one, state(&receiver, "alice", -1), &TTL)
            .await
            .unwrap(),
    );
    store.delete(&key(&one)).await.unwrap();
    assert_eq!(registered(&sessions, &receiver, "alice").await, 0);
    assert!(!has(&store, &one).await);
}

#[actix_web::test]
async fn facts_do_in_place_of_keys_and_under_another_name() {
    let transmitter = Transmitter::start();
    let directory = tempfile::tempdir().unwrap();
    let receiver = receiver(&transmitter, directory.path()).await;
    let sessions = MemorySessions::default();
    let stored = ActixStore::new(sessions.clone());
    let store = Ending::new(receiver.clone(), stored, sessions.clone()).entry("facts");
    let began = ssf_types::time::Timestamp::from_secs(super::T);
    let facts = receiver.session(began).email("alice@example.com");
    let facts = serde_json::to_string(&facts).unwrap();
    let one = store.save([("facts".to_owned(), facts)].into(), &TTL).await;
    let one = name(&one.unwrap());
    assert!(has(&store, &one).await);
    pushed(&transmitter, &receiver, "1", &email("alice@example.com")).await;
    assert!(!has(&store, &one).await);
}
