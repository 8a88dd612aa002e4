//! What the database tells about the whole transmitter, as metrics. Every node tells the same.

use ssf_types::error::Chain;
use tracing::error;

use crate::{
    domain::ledger::Ledger,
    ports::{LedgerStore, StoreError},
};

/// Looks at the database, and remembers what it saw the last time.
#[derive(Debug, Default)]
pub struct Survey {
    imbalance: u64,
}

impl Survey {
    /// Counts, and publishes the figures; says so once if the ledger begins to be, or is otherwise, out of balance.
    pub async fn step(&mut self, store: &impl LedgerStore) {
        match store.ledger().await {
            Ok(ledger) => self.publish(&ledger),
            Err(error) => report(&error),
        }
    }

    fn publish(&mut self, ledger: &Ledger) {
        let imbalance = ledger.imbalance();
        if imbalance != 0 && imbalance != self.imbalance {
            error!(
                imbalance,
                "the ledger does not balance: deliveries or events were lost or made up"
            );
        }
        self.imbalance = imbalance;
        gauge("ssf_ledger_imbalance", imbalance);
    }
}

fn report(error: &StoreError) {
    error!(error = %Chain(error), "the ledger cannot be read now");
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nothing here is counted to 2^53"
)]
fn gauge(name: &'static str, value: u64) {
    metrics::gauge!(name).set(value as f64);
}
