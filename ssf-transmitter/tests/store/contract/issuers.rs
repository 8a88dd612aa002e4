//! Several issuers that share a store: none sees anything of another.

use ssf_transmitter::{
    domain::{credential::Credential, issuer::IssuerName, room::Room},
    ports::{AddedReceiver, CreatedStream, Submission},
};

use crate::fixture::*;

fn acme() -> IssuerName {
    IssuerName::parse("acme").unwrap()
}

pub(crate) async fn an_event_reaches_the_streams_of_its_issuer_alone(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let mut receiver = receiver("acme-rp");
    receiver.issuer = acme();
    let added = store
        .add_receiver(&receiver, &[Credential::Bearer(token(2))], NOW)
        .await
        .unwrap();
    assert_eq!(added, AddedReceiver::Added);
    let stream = stream_of(&receiver, &[LOGOUT]);
    assert_eq!(stream.issuer, acme());
    let created = store.create_stream(&stream, 100).await.unwrap();
    assert_eq!(created, CreatedStream::Created);
    let of_acme = Submission {
        issuer: acme(),
        ..submission(vec![event(LOGOUT, email(ALICE))])
    };
    let of_main = submission(vec![event(LOGOUT, email(BOB))]);
    store.append(vec![of_acme, of_main], NOW).await.unwrap();
    assert_eq!(dispatch(store).await, (2, 2));
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(10))
        .await;
    let leased = leased.unwrap();
    assert_eq!(leased.len(), 2);
    for leased in leased {
        let due = due(store, &leased, NOW).await;
        let of_acme = leased.stream.issuer == acme();
        assert_eq!(due.len(), 1);
        assert_eq!(
            due[0].sub_id,
            email(if of_acme { ALICE } else { BOB }).into()
        );
    }
}

pub(crate) async fn a_receiver_is_known_at_its_own_issuer_alone(store: &impl Store) {
    let receiver = known_receiver(store, 1).await;
    let found = store
        .receiver_by_token(&main(), token(1), NOW)
        .await
        .unwrap();
    assert_eq!(found, Some(receiver));
    let found = store
        .receiver_by_token(&acme(), token(1), NOW)
        .await
        .unwrap();
    assert_eq!(found, None);
}
