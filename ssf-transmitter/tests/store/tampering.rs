//! Threat T59: somebody with the database alone edits what the audit log says.

use ssf_transmitter::{
    app::audit::{VerifyError, verify},
    domain::{
        audit::{Act, Action, Actor, Broken, Link},
        id::ReceiverId,
    },
    ports::AuditStore,
    store::SeaStore,
};
use uuid::Uuid;

use super::{fixture::*, sqlite::Rig};

/// Five entries, and the place of the last.
async fn written(rig: &Rig) -> (SeaStore, Link) {
    let store = rig.open().await;
    let actor = Actor::receiver(ReceiverId::new(Uuid::from_u128(7)));
    let act = Act::on(actor, Action::DeleteStream, "stream", "f67e39a0");
    for second in 0..5 {
        store.record(act.begin(later(second))).await.unwrap();
    }
    let head = store.head().await.unwrap();
    assert_eq!(verify(&store, None).await.unwrap(), head);
    (store, head)
}

async fn found(store: &SeaStore, head: Option<Link>) -> Broken {
    match verify(store, head).await {
        Err(VerifyError::Broken(broken)) => broken,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_entry_of_the_audit_log_that_was_changed_is_named() {
    for set in [
        "at = at + 1",
        "actor_kind = 'operator'",
        "actor_id = 'someone else'",
        "action = 'stream.create'",
        "target = 'stream/another'",
        "phase = 'ended'",
        "result = 'done'",
        "begun = 1",
        "details = '{\"a\":\"b\"}'",
        "previous = x'00'",
        "hash = (SELECT hash FROM audit_entry WHERE seq = 2)",
    ] {
        let rig = Rig::new();
        let (store, _) = written(&rig).await;
        edit(
            &rig.url(),
            &format!("UPDATE audit_entry SET {set} WHERE seq = 3"),
        )
        .await;
        assert_eq!(found(&store, None).await, Broken::Changed(3), "{set}");
    }
}

#[tokio::test]
async fn an_entry_of_the_audit_log_that_was_deleted_is_named() {
    for seq in [1, 3, 5] {
        let rig = Rig::new();
        let (store, _) = written(&rig).await;
        edit(
            &rig.url(),
            &format!("DELETE FROM audit_entry WHERE seq = {seq}"),
        )
        .await;
        assert_eq!(found(&store, None).await, Broken::Deleted(seq));
    }
}

#[tokio::test]
async fn an_entry_of_the_audit_log_that_was_inserted_is_named() {
    let columns = "at, actor_kind, actor_id, action, target, phase, details, previous, hash";
    for (seq, expected) in [
        (0, Broken::Inserted(0)),
        (-3, Broken::Inserted(0)),
        (6, Broken::Changed(6)),
        (8, Broken::Deleted(6)),
    ] {
        let rig = Rig::new();
        let (store, _) = written(&rig).await;
        let sql = format!(
            "INSERT INTO audit_entry (seq, {columns}) SELECT {seq}, {columns} FROM audit_entry WHERE seq = 2"
        );
        edit(&rig.url(), &sql).await;
        assert_eq!(found(&store, None).await, expected, "{seq}");
    }
}

#[tokio::test]
async fn a_chain_whose_end_was_cut_off_with_its_head_does_not_meet_the_head_that_was_written_down()
{
    let rig = Rig::new();
    let (store, head) = written(&rig).await;
    edit(&rig.url(), "DELETE FROM audit_entry WHERE seq > 3").await;
    assert_eq!(found(&store, None).await, Broken::Deleted(4));
    let cut = "UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit_entry WHERE seq = 3)";
    edit(&rig.url(), cut).await;
    assert_eq!(
        verify(&store, None).await.unwrap().seq,
        3,
        "nothing shows it"
    );
    assert_eq!(found(&store, Some(head)).await, Broken::Deleted(4));
    // What is written from then on has the old numbers and other hashes.
    let actor = Actor::system("test");
    let act = Act::making(actor, Action::CreateStream, "stream");
    for _ in 0..2 {
        store.record(act.begin(NOW)).await.unwrap();
    }
    assert_eq!(found(&store, Some(head)).await, Broken::Head(5));
}

#[tokio::test]
async fn a_head_that_was_changed_is_noticed() {
    let rig = Rig::new();
    let (store, _) = written(&rig).await;
    edit(&rig.url(), "UPDATE audit_head SET seq = 4").await;
    assert_eq!(found(&store, None).await, Broken::Head(4));
}
