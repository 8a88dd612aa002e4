//! What every store promises about what sources may hand in.

use std::collections::HashMap;

use ssf_transmitter::{
    domain::{backlog::Backlog, id::SourceId, quota::OwnQuota, room::Room},
    ports::{CreatedStream, Existing, Named, Submission},
};
use uuid::Uuid;

use super::{super::fixture::*, operators::source};

pub(crate) async fn a_quota_of_a_source_is_kept_until_it_gets_another(store: &impl Store) {
    let mut hr = source("hr");
    let added = store.add_source(&hr, token(1), NOW).await;
    assert_eq!(added.unwrap(), Named::Added);
    let found = async || store.source_by_token(token(1), NOW).await.unwrap().unwrap();
    assert_eq!(found().await.quota, OwnQuota::new(Some(7), None).unwrap());
    for quota in [
        OwnQuota::new(None, Some(9)).unwrap(),
        OwnQuota::new(Some(1_000_000), Some(1_000_000_000)).unwrap(),
        OwnQuota::default(),
    ] {
        let set = store.set_quota(hr.id, quota).await;
        assert_eq!(set.unwrap(), Existing::Changed);
        hr.quota = quota;
        assert_eq!(found().await, hr);
    }
    let nobody = SourceId::new(Uuid::new_v4());
    let set = store.set_quota(nobody, OwnQuota::default()).await;
    assert_eq!(set.unwrap(), Existing::NotFound);
}

pub(crate) async fn what_waits_is_counted_by_source(store: &impl Store) {
    known_stream(store, 1, &[LOGOUT]).await;
    let receiver = known_receiver(store, 2).await;
    for _ in 0..2 {
        let stream = stream_of(&receiver, &[LOGOUT]);
        let created = store.create_stream(&stream, 100).await;
        assert_eq!(created.unwrap(), CreatedStream::Created);
    }
    let [hr, admin] = [1, 2].map(|number| SourceId::new(Uuid::from_u128(number)));
    let hand_in = async |source, uri| {
        let submission = Submission {
            source,
            ..submission(vec![event(uri, email(ALICE))])
        };
        store.append(vec![submission], NOW).await.unwrap();
    };
    let waiting = async || store.backlogs().await.unwrap();
    let events = |count| Backlog::new(count, []);
    assert_eq!(waiting().await, HashMap::new());
    hand_in(Some(hr), LOGOUT).await;
    hand_in(Some(hr), PASSWORD).await;
    hand_in(Some(admin), PASSWORD).await;
    hand_in(None, LOGOUT).await;
    assert_eq!(
        waiting().await,
        HashMap::from([(hr, events(2)), (admin, events(1))])
    );
    // One of them goes to two Receivers, one of which has two streams, and of those that nobody wants nothing waits.
    dispatch(store).await;
    let of_receivers = Backlog::new(0, [1, 2]);
    assert_eq!(waiting().await, HashMap::from([(hr, of_receivers)]));
    let leased = store
        .lease_streams(worker(1), NOW, later(30), Room::of(1))
        .await;
    let leased = leased.unwrap().remove(0);
    let settled = [acknowledged(1)];
    store
        .settle(&leased.lease, &settled, None, NOW)
        .await
        .unwrap();
    assert_eq!(waiting().await[&hr].counted(1000), 2);
}
