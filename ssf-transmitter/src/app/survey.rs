//! What the database tells about the whole transmitter, as metrics. Every node tells the same.

use ssf_types::error::Chain;
use tracing::error;

use crate::{
    domain::{dropped::DropReason, ledger::Ledger},
    ports::{Clock, LedgerStore},
};

/// Looks at the database, and remembers what it saw the last time.
#[derive(Debug, Default)]
pub struct Survey {
    imbalance: u64,
}

impl Survey {
    /// Counts, and publishes the figures; says so when the ledger begins to be out of balance, or is so by another amount.
    pub async fn step(&mut self, store: &impl LedgerStore, clock: &impl Clock) {
        match store.ledger().await {
            Ok(ledger) => self.publish(&ledger),
            Err(error) => error!(error = %Chain(&error), "the ledger cannot be read now"),
        }
        match store.oldest_pending().await {
            Ok(since) => {
                let waits = since
                    .map(|since| clock.now().since(since))
                    .unwrap_or_default();
                metrics::gauge!("ssf_oldest_pending_seconds").set(waits.as_secs_f64());
            }
            Err(error) => {
                error!(error = %Chain(&error), "it cannot be told now what has waited longest");
            }
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
        metrics::gauge!("ssf_ledger_imbalance").set(float(imbalance));
        metrics::gauge!("ssf_events_waiting").set(float(ledger.waiting));
        metrics::gauge!("ssf_events_set_aside").set(float(ledger.set_aside));
        metrics::gauge!("ssf_deliveries_pending").set(float(ledger.pending));
        metrics::gauge!("ssf_deliveries_quarantined").set(float(ledger.quarantined));
        for reason in DropReason::ALL {
            let dropped = ledger.dropped.get(&reason).copied().unwrap_or_default();
            metrics::counter!("ssf_deliveries_dropped_total", "reason" => reason.as_str())
                .absolute(dropped);
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nothing here is counted to 2^53"
)]
fn float(number: u64) -> f64 {
    number as f64
}
