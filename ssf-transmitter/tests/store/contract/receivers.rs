//! Receivers and what they show to be recognised.

use ssf_transmitter::{
    domain::{
        credential::{Credential, ExternalClient, Registered},
        dropped::DropReason,
        id::Fingerprint,
        issuer::IssuerName,
        receiver::Receiver,
        scope::Scopes,
    },
    ports::{AddedReceiver, DeletedStream, FirstWrite, RemovedReceiver, ReplacedCredentials},
};
use ssf_types::{time::Timestamp, uri::Issuer};

use crate::fixture::*;

fn bearer(number: u8) -> Credential {
    Credential::Bearer(token(number))
}

fn external(number: u8) -> Credential {
    let server = Issuer::parse("https://as.example.com").unwrap();
    Credential::External(ExternalClient::new(server, "rp".to_owned(), token(number)))
}

async fn owner(store: &impl Store, token: Fingerprint, now: Timestamp) -> Option<Receiver> {
    store.receiver_by_token(&main(), token, now).await.unwrap()
}

async fn replace(store: &impl Store, of: &Receiver, with: Credential, until: Timestamp) {
    let replaced = store.replace_credentials(of.id, &[with], until, NOW).await;
    assert_eq!(replaced.unwrap(), ReplacedCredentials::Replaced);
}

pub(crate) async fn a_receiver_is_read_as_it_was_added(store: &impl Store) {
    let mut receiver = receiver("rp");
    receiver.scopes = Scopes::parse("ssf.read").unwrap();
    let keys = Credential::ClientKeys(r#"{"keys":[]}"#.to_owned());
    let secret = Credential::ClientSecret(token(2));
    let credentials = [bearer(1), secret, keys, external(3)];
    let added = store.add_receiver(&receiver, &credentials, NOW).await;
    assert_eq!(added.unwrap(), AddedReceiver::Added);
    let read = store.receiver(&main(), receiver.id).await.unwrap();
    assert_eq!(read, Some(receiver.clone()));
    let registered = credentials.map(|credential| Registered::new(credential, None));
    assert_eq!(store.credentials(receiver.id).await.unwrap(), registered);
    let acme = IssuerName::parse("acme").unwrap();
    assert_eq!(store.receiver(&acme, receiver.id).await.unwrap(), None);
}

pub(crate) async fn a_receiver_is_found_by_tokens_and_not_by_secrets(store: &impl Store) {
    let receiver = receiver("rp");
    let credentials = [bearer(1), Credential::ClientSecret(token(2)), external(3)];
    let added = store.add_receiver(&receiver, &credentials, NOW).await;
    assert_eq!(added.unwrap(), AddedReceiver::Added);
    assert_eq!(owner(store, token(1), NOW).await, Some(receiver.clone()));
    assert_eq!(owner(store, token(2), NOW).await, None);
    assert_eq!(owner(store, token(3), NOW).await, Some(receiver));
}

pub(crate) async fn a_replaced_credential_counts_until_its_time_is_over(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    replace(store, &receiver, bearer(2), later(60)).await;
    assert_eq!(
        owner(store, token(1), later(59)).await,
        Some(receiver.clone())
    );
    assert_eq!(owner(store, token(1), later(60)).await, None);
    assert_eq!(owner(store, token(2), later(60)).await, Some(receiver));
}

pub(crate) async fn a_credential_that_was_replaced_before_counts_no_longer(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    replace(store, &receiver, bearer(2), later(60)).await;
    replace(store, &receiver, bearer(3), later(60)).await;
    assert_eq!(owner(store, token(1), NOW).await, None);
    assert_eq!(owner(store, token(2), NOW).await, Some(receiver.clone()));
    assert_eq!(owner(store, token(3), NOW).await, Some(receiver.clone()));
    assert_eq!(store.credentials(receiver.id).await.unwrap().len(), 2);
}

pub(crate) async fn credentials_of_other_kinds_are_not_replaced(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    replace(store, &receiver, external(2), NOW).await;
    let found = owner(store, token(1), later(60)).await;
    assert_eq!(found.map(|found| found.id), Some(receiver.id));
}

pub(crate) async fn replacing_without_an_overlap_ends_what_was_issued_before(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    replace(store, &receiver, bearer(2), later(60)).await;
    let epoch = async || {
        let read = store.receiver(&main(), receiver.id).await.unwrap();
        read.unwrap().token_epoch
    };
    assert_eq!(epoch().await, 0);
    replace(store, &receiver, bearer(3), NOW).await;
    assert_eq!(epoch().await, 1);
    assert_eq!(owner(store, token(1), NOW).await, None);
    assert_eq!(owner(store, token(2), NOW).await, None);
    assert!(owner(store, token(3), NOW).await.is_some());
}

pub(crate) async fn an_external_client_is_one_receiver(store: &impl Store) {
    let one = receiver("rp1");
    let added = store.add_receiver(&one, &[external(1)], NOW).await;
    assert_eq!(added.unwrap(), AddedReceiver::Added);
    let two = receiver("rp2");
    let added = store
        .add_receiver(&two, &[bearer(2), external(1)], NOW)
        .await;
    assert_eq!(added.unwrap(), AddedReceiver::CredentialTaken);
    assert_eq!(store.receivers().await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(owner(store, token(2), NOW).await, None);
    let two = known_receiver(store, 2).await;
    let replaced = store
        .replace_credentials(two.id, &[external(1)], NOW, NOW)
        .await;
    assert_eq!(replaced.unwrap(), ReplacedCredentials::CredentialTaken);
    assert_eq!(owner(store, token(1), NOW).await, Some(one));
    assert_eq!(owner(store, token(2), NOW).await, Some(two));
}

pub(crate) async fn a_revoked_receiver_keeps_its_streams_and_shows_nothing(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let revoked = store.revoke_receiver(stream.receiver).await.unwrap();
    assert_eq!(revoked, RemovedReceiver::Removed);
    assert_eq!(owner(store, token(1), NOW).await, None);
    assert_eq!(store.credentials(stream.receiver).await.unwrap(), []);
    let read = store.receiver(&main(), stream.receiver).await.unwrap();
    assert_eq!(read.unwrap().token_epoch, 1);
    assert_eq!(store.streams(stream.receiver).await.unwrap(), [stream]);
}

pub(crate) async fn a_receiver_is_removed_when_its_streams_are_gone(store: &impl Store) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let id = stream.receiver;
    let removed = store.remove_receiver(id).await.unwrap();
    assert_eq!(removed, RemovedReceiver::HasStreams);
    let deleted = store.delete_stream(id, &stream.id, NOW).await.unwrap();
    assert_eq!(
        deleted,
        DeletedStream::Deleted {
            dropped: 1,
            owners: Vec::new()
        }
    );
    let removed = store.remove_receiver(id).await.unwrap();
    assert_eq!(removed, RemovedReceiver::Removed);
    assert_eq!(store.receivers().await.unwrap(), []);
    assert_eq!(store.credentials(id).await.unwrap(), []);
    let drops = store.drops(id, &stream.id).await.unwrap();
    assert_eq!(drops[0].reason, DropReason::StreamDeleted);
    let removed = store.remove_receiver(id).await.unwrap();
    assert_eq!(removed, RemovedReceiver::NotFound);
    let revoked = store.revoke_receiver(id).await.unwrap();
    assert_eq!(revoked, RemovedReceiver::NotFound);
    let replaced = store.replace_credentials(id, &[bearer(2)], NOW, NOW).await;
    assert_eq!(replaced.unwrap(), ReplacedCredentials::NotFound);
}

pub(crate) async fn an_assertion_is_used_once(store: &impl Store) {
    let one = known_receiver(store, 1).await;
    let two = known_receiver(store, 2).await;
    let used = async |by: &Receiver, assertion, until, now| {
        let used = store.use_assertion(by.id, token(assertion), until, now);
        used.await.unwrap()
    };
    assert_eq!(used(&one, 7, later(60), NOW).await, FirstWrite::Written);
    let again = used(&one, 7, later(60), later(59)).await;
    assert_eq!(again, FirstWrite::AlreadyThere);
    assert_eq!(used(&two, 7, later(60), NOW).await, FirstWrite::Written);
    assert_eq!(used(&one, 8, later(60), NOW).await, FirstWrite::Written);
    let forgotten = used(&one, 7, later(120), later(60)).await;
    assert_eq!(forgotten, FirstWrite::Written);
}
