//! What every store promises about the audit log.

use ssf_transmitter::{
    app::audit::verify,
    domain::{
        audit::{Act, Action, Actor, Chain, Details, Ending, Link},
        id::ReceiverId,
    },
};
use uuid::Uuid;

use super::super::fixture::*;

fn act(stream: &str) -> Act {
    let actor = Actor::receiver(ReceiverId::new(Uuid::from_u128(7)));
    Act::on(actor, Action::DeleteStream, "stream", stream)
}

pub(crate) async fn entries_of_the_audit_log_are_numbered_and_linked(store: &impl Store) {
    assert_eq!(store.head().await.unwrap(), Link::default());
    let begun = store.record(act("a").begin(NOW)).await.unwrap();
    let details = Details::none().with("dropped", 3);
    let ended = act("a").end(later(1), begun.seq, Ending::Done, &details);
    let link = store.record(ended.clone()).await.unwrap();
    assert_eq!((begun.seq, link.seq), (1, 2));
    assert_eq!(store.head().await.unwrap(), link);
    let records = store.records(0, 10).await.unwrap();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].entry, act("a").begin(NOW));
    assert_eq!(records[1].entry, ended);
    let mut chain = Chain::default();
    for record in &records {
        let mac = |bytes: &[u8]| store.mac(bytes);
        chain.follow(record, mac).unwrap();
    }
    assert_eq!(chain.last(), link);
    assert_eq!(verify(store, Some(begun)).await.unwrap(), link);
}

pub(crate) async fn entries_of_the_audit_log_are_read_in_portions(store: &impl Store) {
    for stream in ["a", "b", "c"] {
        store.record(act(stream).begin(NOW)).await.unwrap();
    }
    let seqs = async |after, limit| {
        let records = store.records(after, limit).await.unwrap();
        let seqs = records.iter().map(|record| record.link.seq);
        seqs.collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 2).await, [1, 2]);
    assert_eq!(seqs(2, 2).await, [3]);
    assert_eq!(seqs(3, 2).await, [0; 0]);
}

pub(crate) async fn entries_that_are_written_at_the_same_time_make_one_chain(store: &impl Store) {
    let write = |number: u64| async move {
        let entry = act(&number.to_string()).begin(later(number));
        store.record(entry).await.unwrap().seq
    };
    let mut seqs = futures_util::future::join_all((0..20).map(write)).await;
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=20).collect::<Vec<_>>());
    assert_eq!(verify(store, None).await.unwrap().seq, 20);
}
