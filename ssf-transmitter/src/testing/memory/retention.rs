//! Letting go of what is old, in memory.

use std::collections::BTreeMap;

use ssf_types::time::Timestamp;

use super::{MemoryStore, State, kept::KeptDelivery};
use crate::{
    domain::{
        delivery::DeliveryState,
        dropped::{DropReason, DropRecord},
        id::EventId,
    },
    ports::{ForgottenEvents, RetentionStore, StoreError},
};

/// The records of the fan-out. Their places are not those of the events that are kept: SETs of the framework have records,
/// too.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    by_place: BTreeMap<u64, Record>,
    last: u64,
}

#[derive(Clone, Debug)]
struct Record {
    event: EventId,
    at: Timestamp,
    matched: u64,
}

impl Records {
    pub(super) fn add(&mut self, event: EventId, at: Timestamp, matched: u64) {
        self.last += 1;
        let record = Record { event, at, matched };
        self.by_place.insert(self.last, record);
    }

    pub(super) fn matched(&self) -> u64 {
        self.by_place.values().map(|record| record.matched).sum()
    }
}

impl State {
    /// Takes deliveries away, the oldest by `age` first, and drops them with a record for each stream.
    fn expire(
        &mut self,
        age: impl Fn(&KeptDelivery) -> Option<Timestamp>,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> u64 {
        let mut expired = Vec::new();
        for (at, kept) in self.streams.iter().enumerate() {
            for (sequence, delivery) in &kept.deliveries {
                let age = age(delivery).filter(|age| *age < before);
                expired.extend(age.map(|age| (age, at, *sequence)));
            }
        }
        expired.sort_unstable();
        expired.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for at in 0..self.streams.len() {
            let kept = &mut self.streams[at];
            let mut dropped = 0;
            for (_, _, sequence) in expired.iter().filter(|(_, stream, _)| *stream == at) {
                kept.deliveries.remove(sequence);
                kept.sequence_after = kept.sequence_after.max(*sequence);
                dropped += 1;
            }
            kept.dropped_total += dropped;
            kept.open_if_announced();
            let (receiver, id) = (kept.stream.receiver, kept.stream.id.clone());
            let record = DropRecord::new(DropReason::Retention, dropped, now);
            self.record_drop(receiver, &id, record);
        }
        expired.len() as u64
    }

    fn has_delivery_of(&self, event: EventId) -> bool {
        let mut deliveries = self
            .streams
            .iter()
            .flat_map(|kept| kept.deliveries.values());
        deliveries.any(|kept| kept.delivery.event.id == event)
    }
}

fn pending_since(kept: &KeptDelivery) -> Option<Timestamp> {
    let is_sent_again = kept.failed_before > 0;
    (!kept.state.is_settled() && !is_sent_again).then_some(kept.delivery.iat)
}

fn settled_at(kept: &KeptDelivery) -> Option<Timestamp> {
    match &kept.state {
        DeliveryState::Acknowledged { at } | DeliveryState::Dropped { at, .. } => Some(*at),
        DeliveryState::Pending { .. } | DeliveryState::Quarantined { .. } => None,
    }
}

fn quarantined_at(kept: &KeptDelivery) -> Option<Timestamp> {
    match &kept.state {
        DeliveryState::Quarantined { at, .. } => Some(*at),
        DeliveryState::Pending { .. }
        | DeliveryState::Acknowledged { .. }
        | DeliveryState::Dropped { .. } => None,
    }
}

impl RetentionStore for MemoryStore {
    async fn expire_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        Ok(self.state().expire(pending_since, before, now, limit))
    }

    async fn drop_ordered(&self, _now: Timestamp) -> Result<Option<u64>, StoreError> {
        // Here, everything is dropped at once.
        Ok(None)
    }

    async fn forget_settled(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut state = self.state();
        let mut forgotten = 0;
        for kept in &mut state.streams {
            kept.deliveries.retain(|sequence, delivery| {
                let is_old = settled_at(delivery).is_some_and(|at| at < before);
                let goes = is_old && forgotten < limit;
                forgotten += u64::from(goes);
                if goes && matches!(delivery.state, DeliveryState::Dropped { .. }) {
                    kept.sequence_after = kept.sequence_after.max(*sequence);
                }
                !goes
            });
        }
        Ok(forgotten)
    }

    async fn expire_quarantined(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError> {
        Ok(self.state().expire(quarantined_at, before, now, limit))
    }

    async fn forget_events(
        &self,
        before: Timestamp,
        after: u64,
        limit: u64,
    ) -> Result<ForgottenEvents, StoreError> {
        let mut state = self.state();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let behind = state.records.by_place.range(after + 1..).take(limit);
        let looked_at: Vec<(u64, EventId, Timestamp)> = behind
            .map(|(place, record)| (*place, record.event, record.at))
            .collect();
        let mut forgotten = ForgottenEvents::default();
        for (place, event, at) in looked_at {
            forgotten.next = (at < before).then_some(place);
            if at >= before || state.has_delivery_of(event) {
                continue;
            }
            let record = state.records.by_place.remove(&place);
            state.ledger.matched_gone += record.map_or(0, |record| record.matched);
            forgotten.events += 1;
        }
        Ok(forgotten)
    }

    async fn forget_drops(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut state = self.state();
        let mut forgotten = 0;
        state.drops.retain(|(_, _, record)| {
            let goes = record.at < before && forgotten < limit;
            forgotten += u64::from(goes);
            !goes
        });
        Ok(forgotten)
    }
}
