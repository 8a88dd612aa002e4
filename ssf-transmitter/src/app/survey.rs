//! What the database tells about the whole transmitter, as metrics. Every node tells the same.

use ssf_types::{error::Chain, time::Timestamp};
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
        let began = clock.now();
        match store.ledger().await {
            Ok(ledger) => self.publish(&ledger, began),
            Err(error) => error!(error = %Chain(&error), "the ledger cannot be read now"),
        }
        publish_oldest(store, clock).await;
    }

    fn publish(&mut self, ledger: &Ledger, at: Timestamp) {
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
        // The others keep their values while nothing can be counted; this one tells how old they are.
        metrics::gauge!("ssf_ledger_counted_timestamp_seconds").set(float(at.as_secs()));
    }
}

/// Publishes how long the oldest delivery has waited: not a number while nobody can tell, since a wait that is not looked at
/// any more would stand still instead of growing.
async fn publish_oldest(store: &impl LedgerStore, clock: &impl Clock) {
    let waits = match store.oldest_pending().await {
        Ok(since) => since
            .map(|since| clock.now().since(since))
            .unwrap_or_default()
            .as_secs_f64(),
        Err(error) => {
            error!(error = %Chain(&error), "it cannot be told now what has waited longest");
            f64::NAN
        }
    };
    metrics::gauge!("ssf_oldest_pending_seconds").set(waits);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, and nothing here is counted to 2^53"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;
    use crate::ports::StoreError;

    /// A database that has counted nothing yet, or one that does not answer.
    enum Database {
        Empty,
        Away,
    }

    impl Database {
        fn answer<T: Default>(&self) -> Result<T, StoreError> {
            match self {
                Self::Empty => Ok(T::default()),
                Self::Away => Err(StoreError::Unavailable("away".into())),
            }
        }
    }

    impl LedgerStore for Database {
        async fn ledger(&self) -> Result<Ledger, StoreError> {
            self.answer()
        }

        async fn oldest_pending(&self) -> Result<Option<Timestamp>, StoreError> {
            self.answer()
        }
    }

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(self.0)
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_told_as_if_it_had_been() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let mut survey = Survey::default();
        let mut look = |store: &Database, now: u64| {
            metrics::with_local_recorder(&recorder, || {
                survey.step(store, &At(now)).now_or_never().unwrap();
            });
            recorder.handle().render()
        };
        let counted = "ssf_ledger_counted_timestamp_seconds 1800000000\n";
        let told = look(&Database::Empty, 1_800_000_000);
        assert!(told.contains(counted), "{told}");
        assert!(told.contains("ssf_oldest_pending_seconds 0\n"), "{told}");
        let told = look(&Database::Away, 1_800_000_060);
        assert!(told.contains(counted), "{told}");
        assert!(told.contains("ssf_oldest_pending_seconds NaN\n"), "{told}");
        let told = look(&Database::Empty, 1_800_000_120);
        let counted = "ssf_ledger_counted_timestamp_seconds 1800000120\n";
        assert!(told.contains(counted), "{told}");
        assert!(told.contains("ssf_oldest_pending_seconds 0\n"), "{told}");
    }
}
