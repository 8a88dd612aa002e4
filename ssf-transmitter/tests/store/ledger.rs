//! What is lost behind the program's back is seen, on both databases.

use ssf_transmitter::{
    domain::delivery::DeliveryState,
    ports::{LedgerStore, Outbox, Settlement},
    store::SeaStore,
};
use ssf_types::error::ErrCode;

use super::{fixture::*, postgres, sqlite};

/// Each loses or makes up one row, or one count.
const FAULTS: &[&str] = &[
    "DELETE FROM delivery WHERE state = 0 AND sequence = 3",
    "DELETE FROM delivery WHERE state = 2",
    "DELETE FROM event WHERE dispatched_at IS NULL",
    "DELETE FROM fan_out_record WHERE event_position IN (SELECT event_position FROM delivery WHERE state = 1)",
    "UPDATE stream_queue SET acknowledged_total = acknowledged_total - 1",
    "UPDATE ledger_total SET value = value + 1 WHERE name = 'accepted' AND value > 0",
];

/// One delivery acknowledged, one quarantined, two pending, and one event that waits.
async fn busy(store: &SeaStore) {
    known_stream(store, 1, &[LOGOUT]).await;
    let users = ["a@b.example", "c@b.example", "d@b.example", "e@b.example"];
    accept(store, users.map(|user| event(LOGOUT, email(user))).to_vec()).await;
    dispatch(store).await;
    let leased = lease(store, 1, NOW).await;
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
    store
        .settle(&leased.lease, &settlements, None, NOW)
        .await
        .unwrap();
    accept(store, vec![event(LOGOUT, email(ALICE))]).await;
}

async fn sees_each_fault(store: &SeaStore, url: &str) {
    busy(store).await;
    balances(store).await;
    for (fault, expected) in FAULTS.iter().zip(1..) {
        assert_eq!(execute(url, fault).await, 1, "{fault}");
        let imbalance = store.ledger().await.unwrap().imbalance();
        assert_eq!(imbalance, expected, "{fault}");
    }
}

#[tokio::test]
async fn whatever_is_lost_from_sqlite_puts_the_ledger_out_of_balance() {
    let rig = sqlite::Rig::new();
    sees_each_fault(&rig.open().await, &rig.url()).await;
}

#[tokio::test]
async fn whatever_is_lost_from_postgresql_puts_the_ledger_out_of_balance() {
    let rig = postgres::Rig::new();
    sees_each_fault(&rig.open().await, rig.url()).await;
}
