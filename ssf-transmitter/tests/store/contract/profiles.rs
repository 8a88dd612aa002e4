//! What every store promises about the profiles of Receivers.

use ssf_transmitter::{
    domain::{issuer::IssuerName, profile::Profile, receiver::Receiver},
    ports::{Fenced, ProfileSet},
};

use super::super::fixture::*;

async fn set(store: &impl Store, receiver: &Receiver, profile: Profile) -> ProfileSet {
    store.set_profile(receiver.id, profile).await.unwrap()
}

async fn kept(store: &impl Store, receiver: &Receiver) -> Profile {
    let read = store.receiver(&main(), receiver.id).await;
    read.unwrap().unwrap().profile
}

pub(crate) async fn a_receiver_has_the_profile_that_it_was_given_last(store: &impl Store) {
    let other = known_receiver(store, 2).await;
    let mut added = receiver("apple");
    added.profile = Profile::Apple;
    store.add_receiver(&added, &[], NOW).await.unwrap();
    assert_eq!(kept(store, &added).await, Profile::Apple);
    for profile in Profile::ALL {
        assert_eq!(set(store, &added, profile).await, ProfileSet::Set);
        assert_eq!(kept(store, &added).await, profile);
    }
    assert_eq!(kept(store, &other).await, Profile::Strict);
    let unknown = receiver("unknown");
    assert_eq!(
        set(store, &unknown, Profile::Okta).await,
        ProfileSet::NotFound
    );
}

pub(crate) async fn a_profile_is_known_at_the_issuer_of_its_receiver_alone(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    set(store, &receiver, Profile::Apple).await;
    let (main, acme) = (main(), IssuerName::parse("acme").unwrap());
    for (issuer, profiles, is_known) in [
        (&main, &[Profile::Okta, Profile::Apple][..], true),
        (&main, &[Profile::Okta], false),
        (&main, &[], false),
        (&acme, &[Profile::Apple], false),
    ] {
        let known = store.has_profile(issuer, profiles).await;
        assert_eq!(known.unwrap(), is_known, "{issuer} {profiles:?}");
    }
}

pub(crate) async fn who_pushes_writes_in_the_profile_and_stops_when_it_changes(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let receiver = store.receiver(&main(), stream.receiver).await;
    let receiver = receiver.unwrap().unwrap();
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let before = lease(store, 1, NOW).await;
    assert_eq!(before.profile, Profile::Strict);
    set(store, &receiver, Profile::Okta).await;
    assert_eq!(due(store, &before, NOW).await, []);
    let late = store
        .settle(&before.lease, &[acknowledged(1)], None, NOW)
        .await;
    assert_eq!(late.unwrap(), Fenced::LeaseLost);
    let after = lease(store, 1, NOW).await;
    assert_eq!(after.profile, Profile::Okta);
    assert_eq!(sequences(&due(store, &after, NOW).await), [1]);
}
