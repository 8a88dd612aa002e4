//! What every store of sessions has to do.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use ssf_receiver::{
    Session, SessionKeys,
    revocation::{Fingerprint, IndexKey},
    sessions::{SESSIONS_MAX, SessionId, SessionStore, Written},
};
use ssf_types::{time::Timestamp, uri::Issuer};

const TTL: Duration = Duration::from_hours(1);

/// A store that is tested, and what the application has of its sessions.
pub(crate) trait Rig {
    type Store: SessionStore;

    fn store(&self) -> &Self::Store;

    /// Has the application store something of a session.
    async fn put(&self, id: &SessionId);

    /// Whether that is still there.
    async fn has(&self, id: &SessionId) -> bool;
}

pub(crate) fn id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

/// The keys of a session of `person`.
pub(crate) fn keys(person: &str) -> SessionKeys {
    let issuer = Issuer::parse("https://idp.example.com").unwrap();
    let session = Session::new(issuer, Timestamp::from_secs(7))
        .iss_sub("https://idp.example.com", person)
        .email(format!("{person}@example.com"));
    IndexKey::new([7; 16]).keys(&session)
}

pub(crate) fn fingerprints(person: &str) -> Vec<Fingerprint> {
    keys(person).fingerprints().collect()
}

/// The names of the sessions that are found under each identifier of a person, which are the same.
pub(crate) async fn found(store: &impl SessionStore, person: &str) -> Vec<String> {
    let mut all = Vec::new();
    for fingerprint in fingerprints(person) {
        let sessions = store.find(fingerprint).await.unwrap();
        for one in &sessions {
            assert_eq!(one.keys, keys(person));
        }
        let names = sessions.iter().map(|one| one.id.as_str().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        all.push(names);
    }
    let first = all[0].clone();
    assert!(all.iter().all(|names| *names == first), "{all:?}");
    first
}

async fn registered(store: &impl SessionStore, name: &str, person: &str) -> Written {
    let written = store.register(&id(name), &keys(person), TTL).await;
    written.unwrap()
}

/// All of it but for the limit.
pub(crate) async fn holds(rig: &impl Rig) {
    sessions_are_found_by_whom_they_are_about(rig).await;
    what_is_registered_anew_takes_the_place_of_what_was(rig).await;
    what_is_withdrawn_is_found_no_more_and_keeps_what_is_stored(rig).await;
    what_ended_is_deleted_and_comes_back_by_no_way(rig).await;
}

async fn sessions_are_found_by_whom_they_are_about(rig: &impl Rig) {
    let store = rig.store();
    assert_eq!(found(store, "ann").await, [""; 0]);
    for (name, person) in [("a1", "ann"), ("a2", "ann"), ("b1", "ben")] {
        assert_eq!(registered(store, name, person).await, Written::Kept);
    }
    assert_eq!(found(store, "ann").await, ["a1", "a2"]);
    assert_eq!(found(store, "ben").await, ["b1"]);
}

async fn what_is_registered_anew_takes_the_place_of_what_was(rig: &impl Rig) {
    let store = rig.store();
    registered(store, "c", "cora").await;
    registered(store, "c", "cyril").await;
    registered(store, "c", "cyril").await;
    assert_eq!(found(store, "cora").await, [""; 0]);
    assert_eq!(found(store, "cyril").await, ["c"]);
    store.extend(&id("c"), 2 * TTL).await.unwrap();
    assert_eq!(found(store, "cyril").await, ["c"]);
    // One that is not there does not come to be by that.
    store.extend(&id("d"), TTL).await.unwrap();
    assert!(!rig.has(&id("d")).await);
}

async fn what_is_withdrawn_is_found_no_more_and_keeps_what_is_stored(rig: &impl Rig) {
    let store = rig.store();
    rig.put(&id("e")).await;
    registered(store, "e", "emma").await;
    store.withdraw(&id("e")).await.unwrap();
    store.withdraw(&id("e")).await.unwrap();
    store.withdraw(&id("nobody's")).await.unwrap();
    assert_eq!(found(store, "emma").await, [""; 0]);
    assert!(rig.has(&id("e")).await);
    assert_eq!(registered(store, "e", "emma").await, Written::Kept);
}

async fn what_ended_is_deleted_and_comes_back_by_no_way(rig: &impl Rig) {
    let store = rig.store();
    for name in ["f1", "f2", "f3"] {
        rig.put(&id(name)).await;
        registered(store, name, "fay").await;
    }
    let over = [id("f1"), id("f2"), id("f4")];
    store.end(&over).await.unwrap();
    store.end(&over).await.unwrap();
    store.end(&[]).await.unwrap();
    assert_eq!(found(store, "fay").await, ["f3"]);
    assert!(rig.has(&id("f3")).await);
    for gone in &over {
        assert!(!rig.has(gone).await);
        store.withdraw(gone).await.unwrap();
        store.extend(gone, TTL).await.unwrap();
        let written = store.register(gone, &keys("fay"), TTL).await;
        assert_eq!(written.unwrap(), Written::Gone);
    }
    assert_eq!(found(store, "fay").await, ["f3"]);
}

/// Of more sessions than are found under one identifier, those that end first are not.
pub(crate) async fn is_bounded(store: &impl SessionStore) {
    let keys = keys("gus");
    let register = |number: usize| {
        let ttl = TTL + Duration::from_secs(10 * number as u64);
        let (id, keys) = (id(&format!("g{number}")), &keys);
        async move { store.register(&id, keys, ttl).await.unwrap() }
    };
    let all = stream::iter(0..=SESSIONS_MAX).map(register);
    all.buffered(64).collect::<Vec<_>>().await;
    let found = found(store, "gus").await;
    assert_eq!(found.len(), SESSIONS_MAX);
    assert!(!found.contains(&"g0".to_owned()));
}
