//! What every store promises about leases that were taken away or given back.

use ssf_transmitter::{
    domain::{circuit::Health, profile::Profile, stream::Stream},
    ports::{ChangedStream, DeletedStream, Fenced, LeasedStream, ProfileSet, StreamLease},
};
use ssf_types::stream::StreamStatus;

use super::super::fixture::*;

/// A stream on which somebody works until 30 s later.
async fn stream_at_work(store: &impl Store) -> (Stream, LeasedStream) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
    (stream, leased)
}

/// Describes the stream anew, which takes the lease away; returns who may be at work.
async fn describe(store: &impl Store, stream: &Stream, text: &str, at: u64) -> Vec<StreamLease> {
    let change = |before: &Stream| {
        let mut after = before.clone();
        after.description = Some(text.to_owned());
        Ok::<_, ()>(after)
    };
    let changed = store.change_stream(stream.receiver, &stream.id, later(at), change);
    owners(changed.await.unwrap())
}

async fn pause(store: &impl Store, stream: &Stream, at: u64) -> Vec<StreamLease> {
    let pause = |stream: &Stream| Ok::<_, ()>(stream.with_status(StreamStatus::Paused, None));
    let changed = store.change_stream(stream.receiver, &stream.id, later(at), pause);
    owners(changed.await.unwrap())
}

fn owners(changed: ChangedStream<()>) -> Vec<StreamLease> {
    match changed {
        ChangedStream::Changed { owners, .. } => owners,
        ChangedStream::Refused(()) | ChangedStream::NotFound => panic!("{changed:?}"),
    }
}

pub(crate) async fn whoever_lost_a_lease_may_be_at_work_until_its_time_is_over(store: &impl Store) {
    let (stream, leased) = stream_at_work(store).await;
    let lost = vec![leased.lease.clone()];
    assert_eq!(describe(store, &stream, "one", 1).await, lost);
    assert!(!store.is_over(&leased.lease, later(29)).await.unwrap());
    assert_eq!(pause(store, &stream, 29).await, lost);
    assert!(store.is_over(&leased.lease, later(30)).await.unwrap());
    assert_eq!(pause(store, &stream, 30).await, []);
}

pub(crate) async fn whoever_lost_a_lease_gives_it_back_all_the_same(store: &impl Store) {
    let (stream, leased) = stream_at_work(store).await;
    describe(store, &stream, "one", 1).await;
    let given_back = store
        .release(&leased.lease, &Health::default())
        .await
        .unwrap();
    assert_eq!(given_back, Fenced::LeaseLost);
    assert!(store.is_over(&leased.lease, later(1)).await.unwrap());
    assert_eq!(pause(store, &stream, 1).await, []);
}

pub(crate) async fn each_lease_that_was_taken_away_is_remembered(store: &impl Store) {
    let (stream, first) = stream_at_work(store).await;
    describe(store, &stream, "one", 1).await;
    let second = lease(store, 2, later(1)).await;
    describe(store, &stream, "two", 2).await;
    let third = lease(store, 1, later(2)).await;
    let all = [&first, &second, &third].map(|leased| leased.lease.clone());
    assert_eq!(pause(store, &stream, 3).await, all);
    store
        .release(&second.lease, &Health::default())
        .await
        .unwrap();
    assert!(!store.is_over(&first.lease, later(3)).await.unwrap());
    let left = [&first, &third].map(|leased| leased.lease.clone());
    assert_eq!(pause(store, &stream, 3).await, left);
    assert_eq!(pause(store, &stream, 31).await, [third.lease]);
}

pub(crate) async fn a_deletion_tells_who_may_be_at_work(store: &impl Store) {
    let (stream, first) = stream_at_work(store).await;
    describe(store, &stream, "one", 1).await;
    let second = lease(store, 2, later(1)).await;
    let deleted = store.delete_stream(stream.receiver, &stream.id, later(2));
    let owners = vec![first.lease.clone(), second.lease.clone()];
    let expected = DeletedStream::Deleted { dropped: 1, owners };
    assert_eq!(deleted.await.unwrap(), expected);
    assert!(!store.is_over(&second.lease, later(2)).await.unwrap());
    store
        .release(&second.lease, &Health::default())
        .await
        .unwrap();
    assert!(store.is_over(&second.lease, later(2)).await.unwrap());
    assert!(!store.is_over(&first.lease, later(29)).await.unwrap());
    assert!(store.is_over(&first.lease, later(30)).await.unwrap());
}

pub(crate) async fn another_profile_is_no_reason_to_forget_who_may_be_at_work(store: &impl Store) {
    let (stream, leased) = stream_at_work(store).await;
    let set = store.set_profile(stream.receiver, Profile::SsfDraft3);
    assert_eq!(set.await.unwrap(), ProfileSet::Set);
    assert_eq!(pause(store, &stream, 1).await, [leased.lease]);
}

pub(crate) async fn whoever_gives_the_fan_out_back_lets_another_have_it_at_once(
    store: &impl Store,
) {
    let take = async |who| {
        store
            .lease_fan_out(worker(who), NOW, later(10))
            .await
            .unwrap()
    };
    let first = take(1).await.unwrap();
    assert_eq!(take(2).await, None);
    store.release_fan_out(first).await.unwrap();
    let second = take(2).await.unwrap();
    assert!(second.epoch > first.epoch);
    // It is not the first one's any more.
    store.release_fan_out(first).await.unwrap();
    assert_eq!(take(1).await, None);
}
