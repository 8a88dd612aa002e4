//! Letting go of what is old, interrupted at any moment.

use std::time::Duration;

use ssf_transmitter::{
    domain::delivery::DeliveryState,
    ports::{LedgerStore, Outbox, RetentionStore, Settlement},
    store::SeaStore,
};
use ssf_types::error::ErrCode;

use super::{fixture::*, sqlite::Rig};

/// All that a store can let go of: one delivery of each state.
async fn filled(rig: &Rig) -> SeaStore {
    let store = rig.open().await;
    known_stream(&store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example"];
    accept(
        &store,
        users.map(|user| event(LOGOUT, email(user))).to_vec(),
    )
    .await;
    dispatch(&store).await;
    let leased = lease(&store, 1, NOW).await;
    let refused = Settlement {
        sequence: 2,
        state: DeliveryState::Quarantined {
            at: NOW,
            code: ErrCode::InvalidRequest,
            description: String::new(),
        },
        answer: None,
    };
    let settlements = [acknowledged(1), refused];
    let settled = store.settle(&leased.lease, &settlements, None, NOW).await;
    settled.unwrap();
    store
}

#[tokio::test]
async fn letting_go_can_be_given_up_at_any_moment_and_the_ledger_balances() {
    let rig = Rig::new();
    let store = filled(&rig).await;
    for patience in (0_u32..).map(|times| times * Duration::from_micros(200)) {
        let all = async {
            store.expire_pending(later(1), NOW, 10).await.unwrap();
            store.forget_settled(later(1), 10).await.unwrap();
            let refused = store.expire_quarantined(later(1), NOW, 10).await;
            refused.unwrap();
            store.forget_events(later(1), 0, 10).await.unwrap();
        };
        let ended = tokio::time::timeout(patience, all).await;
        balances(&store).await;
        if ended.is_ok() {
            break;
        }
    }
    let ledger = store.ledger().await.unwrap();
    let left = (ledger.pending, ledger.quarantined);
    assert_eq!((left, ledger.matched), ((0, 0), 3));
}
