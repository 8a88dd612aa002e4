//! The ledger in memory.

use std::collections::BTreeMap;

use ssf_types::time::Timestamp;

use super::{MemoryStore, kept::Kept};
use crate::{
    domain::{delivery::DeliveryState, dropped::DropReason, ledger::Ledger},
    ports::{LedgerStore, StoreError},
};

/// What is counted beyond what is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) accepted: u64,
    pub(super) matched_gone: u64,
    pub(super) replayed: u64,
    pub(super) numbered_gone: u64,
    pub(super) dropped: BTreeMap<DropReason, u64>,
}

impl Kept {
    fn count(&self, which: impl Fn(&DeliveryState) -> bool) -> u64 {
        let states = self.deliveries.values().map(|kept| &kept.state);
        states.filter(|state| which(state)).count() as u64
    }

    fn include(&self, ledger: &mut Ledger) {
        let pending = self.count(|state| !state.is_settled());
        let quarantined = self.count(|state| matches!(state, DeliveryState::Quarantined { .. }));
        let settled = self.acknowledged_total + self.dropped_total;
        ledger.numbered += self.last_sequence;
        ledger.pending += pending;
        ledger.quarantined += quarantined;
        ledger.acknowledged += self.acknowledged_total;
        ledger.streams_apart += self.last_sequence.abs_diff(settled + pending + quarantined);
    }
}

impl LedgerStore for MemoryStore {
    async fn ledger(&self) -> Result<Ledger, StoreError> {
        let state = self.state();
        let mut ledger = Ledger {
            accepted: state.ledger.accepted,
            dispatched: state.dispatched as u64,
            waiting: (state.events.len() - state.dispatched) as u64,
            matched: state.ledger.matched_gone + state.records.matched(),
            replayed: state.ledger.replayed,
            numbered: state.ledger.numbered_gone,
            dropped: state.ledger.dropped.clone(),
            ..Ledger::default()
        };
        for kept in &state.streams {
            kept.include(&mut ledger);
        }
        Ok(ledger)
    }

    async fn oldest_pending(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state();
        let open = state.streams.iter().filter(|kept| kept.is_open());
        let deliveries = open.flat_map(|kept| kept.deliveries.values());
        let pending = deliveries.filter(|kept| !kept.state.is_settled());
        Ok(pending.map(|kept| kept.delivery.iat).min())
    }
}
