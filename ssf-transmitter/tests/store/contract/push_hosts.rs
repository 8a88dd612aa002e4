//! What every store promises about the hosts that Receivers are bound to.

use ssf_transmitter::{
    domain::{id::ReceiverId, push_hosts::PushHosts},
    ports::PushHostsBound,
};

use super::super::fixture::*;

fn hosts<const N: usize>(names: [&str; N]) -> PushHosts {
    PushHosts::parse(names).unwrap()
}

async fn kept(store: &impl Store, receiver: ReceiverId) -> PushHosts {
    let read = store.receiver(&main(), receiver).await;
    read.unwrap().unwrap().push_hosts
}

pub(crate) async fn a_receiver_is_bound_to_the_hosts_it_was_given_last(store: &impl Store) {
    let other = known_receiver(store, 2).await;
    let mut added = receiver("bound");
    added.push_hosts = hosts(["a.example.com", "[2001:db8::1]"]);
    store.add_receiver(&added, &[], NOW).await.unwrap();
    assert_eq!(kept(store, added.id).await, added.push_hosts);
    for bound in [hosts(["b.example.com"]), PushHosts::any()] {
        let result = store.bind_push_hosts(added.id, &bound).await.unwrap();
        assert_eq!(result, PushHostsBound::Bound);
        assert_eq!(kept(store, added.id).await, bound);
    }
    assert_eq!(kept(store, other.id).await, PushHosts::any());
    let unknown = receiver("unknown");
    let result = store.bind_push_hosts(unknown.id, &PushHosts::any()).await;
    assert_eq!(result.unwrap(), PushHostsBound::NotFound);
}

pub(crate) async fn a_receiver_is_not_bound_while_a_stream_of_its_is_pushed_elsewhere(
    store: &impl Store,
) {
    let stream = known_stream(store, 1, &[LOGOUT]).await;
    let foreign = hosts(["elsewhere.example.com"]);
    let result = store.bind_push_hosts(stream.receiver, &foreign).await;
    assert_eq!(
        result.unwrap(),
        PushHostsBound::Elsewhere(vec![stream.id.clone()])
    );
    assert_eq!(kept(store, stream.receiver).await, PushHosts::any());
    let own = hosts(["rp.example.com"]);
    let result = store.bind_push_hosts(stream.receiver, &own).await;
    assert_eq!(result.unwrap(), PushHostsBound::Bound);
    assert_eq!(kept(store, stream.receiver).await, own);
}
