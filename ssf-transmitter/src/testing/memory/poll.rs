//! Polls in memory.

use std::collections::BTreeMap;

use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
};

use super::{
    MemoryStore, State,
    kept::{Kept, KeptAnswer, KeptDelivery, is_acknowledged},
};
use crate::{
    domain::{
        attempt::Attempt,
        delivery::{Delivery, DeliveryState},
        id::{AnswerId, ReceiverId},
        poll::{SETS_OUT_MAX, fitting},
    },
    ports::{PollSettled, PollStep, PollStore, Polled, StoreError},
};

impl State {
    fn polled(&mut self, id: &StreamId) -> Option<&mut Kept> {
        let polled = |kept: &&mut Kept| kept.stream.id == *id && kept.stream.delivery.is_poll();
        self.streams.iter_mut().find(polled)
    }
}

impl Kept {
    fn settle_named(
        &mut self,
        named: &BTreeMap<Jti, DeliveryState>,
        now: Timestamp,
    ) -> PollSettled {
        let (mut settled, mut accepted_at) = (Vec::new(), Vec::new());
        for kept in self.deliveries.values_mut() {
            if let Some(state) = named.get(&kept.delivery.jti)
                && !kept.state.is_settled()
            {
                kept.keep(Attempt::polled(state).as_ref());
                kept.state = state.clone();
                self.acknowledged_total += u64::from(is_acknowledged(state));
                if is_acknowledged(state) {
                    accepted_at.push(kept.delivery.event.accepted_at);
                }
                settled.push((&kept.delivery.jti, state));
            }
        }
        if !settled.is_empty() {
            self.quiet_since = now;
        }
        let mut settled = PollSettled::count(named.len(), settled);
        settled.accepted_at = accepted_at;
        settled
    }

    /// What is due and in no answer, those that wait longest first.
    fn available(&self, now: Timestamp) -> Vec<&KeptDelivery> {
        let is_out = |sequence: &u64| {
            let live = self.answers.iter().filter(|answer| answer.until > now);
            live.into_iter()
                .any(|answer| answer.sequences.contains(sequence))
        };
        let mut heads = self.heads();
        heads.retain(|(due, head)| *due <= now && !is_out(&head.delivery.sequence));
        heads.sort_by_key(|(due, head)| (*due, head.delivery.sequence));
        heads.into_iter().map(|(_, head)| head).collect()
    }

    fn out(&self, now: Timestamp) -> usize {
        let live = self.answers.iter().filter(|answer| answer.until > now);
        let unsettled = |sequence: &&u64| {
            let kept = self.deliveries.get(sequence);
            kept.is_some_and(|kept| !kept.state.is_settled())
        };
        live.flat_map(|answer| &answer.sequences)
            .filter(unsettled)
            .count()
    }

    fn pick(&mut self, step: &PollStep, now: Timestamp) -> (Vec<Delivery>, bool) {
        let room = SETS_OUT_MAX.saturating_sub(self.out(now));
        if room == 0 {
            return (Vec::new(), false);
        }
        let available = self.available(now);
        let size = |kept: &&KeptDelivery| {
            // An event of ours is always JSON.
            let event = serde_json::to_vec(&kept.delivery.event.event).unwrap_or_default();
            event.len() + step.overhead_bytes
        };
        let count = fitting(available.iter().map(size), step.sets_max.min(room));
        let picked = available.iter().take(count);
        let picked: Vec<Delivery> = picked.map(|kept| kept.delivery.clone()).collect();
        let more_available = available.len() > count;
        for one in &picked {
            // As the other stores do: what is held waits for an announcement, but not without end.
            if let Some(kept) = self.deliveries.get_mut(&one.sequence)
                && kept.hold.passes()
                && let DeliveryState::Pending { attempts, .. } = &mut kept.state
            {
                *attempts += 1;
            }
        }
        self.answers.push(KeptAnswer {
            id: step.answer,
            until: step.until,
            sequences: picked.iter().map(|one| one.sequence).collect(),
        });
        (picked, more_available)
    }
}

impl PollStore for MemoryStore {
    async fn poll(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        step: PollStep,
        now: Timestamp,
    ) -> Result<Polled, StoreError> {
        let mut state = self.state();
        let own = |kept: &&mut Kept| kept.stream.receiver == receiver;
        let Some(kept) = state.polled(id).filter(own) else {
            return Ok(Polled::NotFound);
        };
        let settled = kept.settle_named(&step.settled, now);
        kept.open_if_announced();
        let (deliveries, more_available) = kept.pick(&step, now);
        Ok(Polled::Done {
            settled,
            deliveries,
            more_available,
            signing_alg: kept.stream.signing_alg,
            epoch: kept.stream.sequence_epoch.clone(),
        })
    }

    async fn take_back(
        &self,
        id: &StreamId,
        answer: AnswerId,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(kept) = self.state().polled(id) {
            kept.answers.retain(|kept| kept.id != answer);
        }
        Ok(())
    }

    async fn pollable(
        &self,
        _since: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<StreamId>, StoreError> {
        let state = self.state();
        let has_something =
            |kept: &&Kept| kept.stream.delivery.is_poll() && !kept.available(now).is_empty();
        let streams = state.streams.iter().filter(has_something);
        Ok(streams.map(|kept| kept.stream.id.clone()).collect())
    }
}
