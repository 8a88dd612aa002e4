//! Sentences about signing keys.

use std::convert::Infallible;

use secrecy::ExposeSecret;
use ssf_transmitter::domain::{
    issuer::IssuerName,
    key::{KeyOrigin, KeyRing, KeyState, KeyTimes, StoredKey},
};
use ssf_types::{id::Kid, set::Algorithm};

use crate::fixture::*;

fn kid(name: &str) -> Kid {
    Kid::parse(name).unwrap()
}

fn issuer(name: &str) -> IssuerName {
    IssuerName::parse(name).unwrap()
}

fn key(name: &str, pem: &str) -> StoredKey {
    let mut times = KeyTimes::new(NOW, later(5));
    times.signs_until = Some(later(6));
    times.published_until = Some(later(7));
    let names = (kid(name), kid(&format!("thumbprint of {name}")));
    let algorithm = Algorithm::Es256;
    StoredKey::new(
        names,
        algorithm,
        KeyOrigin::Imported,
        times,
        Some(pem.into()),
    )
}

/// Puts a ring in the place of the former one.
async fn put(store: &impl Store, issuer: &IssuerName, ring: Vec<StoredKey>) {
    let ring = KeyRing::new(ring);
    let changed = store.change_keys(issuer, |_| Ok::<_, Infallible>(ring));
    changed.await.unwrap().unwrap();
}

pub(crate) async fn a_key_is_read_as_it_was_stored(store: &impl Store) {
    let acme = issuer("acme");
    put(store, &acme, vec![key("a", "pem")]).await;
    let rings = store.key_rings().await.unwrap();
    let read = rings[&acme].find(&kid("a")).unwrap();
    let stored = key("a", "pem");
    assert_eq!(read.thumbprint, stored.thumbprint);
    assert_eq!(read.algorithm, stored.algorithm);
    assert_eq!(read.origin, stored.origin);
    assert_eq!(read.times, stored.times);
    assert_eq!(read.pem.as_ref().unwrap().expose_secret(), "pem");
}

pub(crate) async fn two_issuers_may_have_a_key_of_one_name(store: &impl Store) {
    let (main, acme) = (IssuerName::default(), issuer("acme"));
    put(store, &main, vec![key("a", "of main")]).await;
    put(store, &acme, vec![key("a", "of acme")]).await;
    let rings = store.key_rings().await.unwrap();
    for (issuer, expected) in [(main, "of main"), (acme, "of acme")] {
        let key = rings[&issuer].find(&kid("a")).unwrap();
        assert_eq!(key.pem.as_ref().unwrap().expose_secret(), expected);
    }
}

pub(crate) async fn a_change_of_keys_sees_what_the_one_before_has_left(store: &impl Store) {
    let main = IssuerName::default();
    let add = |name: &'static str| {
        store.change_keys(&main, move |ring| {
            let mut keys = ring.keys().to_vec();
            keys.push(key(name, "pem"));
            Ok::<_, Infallible>(KeyRing::new(keys))
        })
    };
    let (one, other) = futures_util::future::join(add("a"), add("b")).await;
    one.unwrap().unwrap();
    other.unwrap().unwrap();
    assert_eq!(store.key_rings().await.unwrap()[&main].keys().len(), 2);
}

pub(crate) async fn the_revision_grows_with_each_change_of_keys_and_with_nothing_else(
    store: &impl Store,
) {
    let main = IssuerName::default();
    let before = store.keys_revision().await.unwrap();
    put(store, &main, vec![key("a", "pem")]).await;
    let first = store.keys_revision().await.unwrap();
    assert!(first > before);
    put(store, &issuer("acme"), vec![key("a", "pem")]).await;
    let second = store.keys_revision().await.unwrap();
    assert!(second > first);
    put(store, &main, vec![key("a", "pem")]).await;
    let refused = store.change_keys(&main, |_| Err("no"));
    assert_eq!(refused.await.unwrap().map(|_| ()), Err("no"));
    assert_eq!(store.keys_revision().await.unwrap(), second);
}

pub(crate) async fn a_key_without_its_private_part_stays_known_and_is_gone(store: &impl Store) {
    let main = IssuerName::default();
    put(store, &main, vec![key("a", "pem")]).await;
    let mut without = key("a", "");
    without.pem = None;
    put(store, &main, vec![without]).await;
    let rings = store.key_rings().await.unwrap();
    let read = rings[&main].find(&kid("a")).unwrap();
    assert!(read.pem.is_none());
    assert_eq!(read.state(NOW), KeyState::Gone);
    assert_eq!(read.times, key("a", "").times);
}
