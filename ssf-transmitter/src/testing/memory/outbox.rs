//! Events and deliveries in memory.

use std::{collections::BTreeSet, sync::Arc};

use ssf_types::{id::StreamId, time::Timestamp};

use super::{
    MemoryStore, State,
    kept::{Kept, is_acknowledged},
};
use crate::{
    domain::{
        circuit::Health,
        delivery::{Delivery, DeliveryState},
        dropped::DropRecord,
        event::AcceptedEvent,
        fan_out::{FanOut, StepMax},
        framework::Hold,
        id::{EventId, Fingerprint, WorkerId},
        method::DeliveryMethod,
        room::Room,
        trace::Recorded,
    },
    ports::{
        Answered, Appended, AtOnce, FanOutLease, FannedOut, Fenced, Finished, LeasedStream, Outbox,
        Settlement, StoreError, StreamLease, Submission, TakenWith, Taking,
    },
};

impl State {
    fn held(&mut self, lease: &StreamLease) -> Option<&mut Kept> {
        self.streams.iter_mut().find(|kept| kept.is_held_by(lease))
    }

    fn forget_loss(&mut self, lease: &StreamLease) {
        let of_streams = self.streams.iter_mut().map(|kept| &mut kept.lost);
        for losses in of_streams.chain([&mut self.lost_of_gone_streams]) {
            losses.retain(|(lost, _)| lost != lease);
        }
    }

    /// Takes some of those streams that are `wanted`.
    fn lease(
        &mut self,
        now: Timestamp,
        taking: Taking,
        wanted: impl Fn(&StreamId) -> bool,
    ) -> Vec<LeasedStream> {
        let Taking {
            worker,
            until,
            mut room,
        } = taking;
        let profiles = self.profiles();
        let is_free = |kept: &&mut Kept| {
            wanted(&kept.stream.id) && kept.free_at().is_some_and(|at| at <= now)
        };
        let mut free: Vec<&mut Kept> = self.streams.iter_mut().filter(is_free).collect();
        free.sort_by_key(|kept| kept.taken_at);
        free.retain(|kept| room.take(kept.stream.receiver, kept.health.trouble.is_some()));
        let lease = |kept: &mut Kept| {
            let DeliveryMethod::Push(push) = kept.stream.delivery.clone() else {
                return None;
            };
            kept.worker = Some(worker);
            kept.epoch += 1;
            kept.leased_until = until;
            kept.taken_at = now;
            Some(LeasedStream {
                lease: StreamLease {
                    stream: kept.stream.id.clone(),
                    worker,
                    epoch: kept.epoch,
                },
                stream: kept.stream.clone(),
                push,
                profile: profiles
                    .get(&kept.stream.receiver)
                    .copied()
                    .unwrap_or_default(),
                health: kept.health.clone(),
            })
        };
        free.into_iter().filter_map(lease).collect()
    }

    fn due(
        &mut self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> Vec<Delivery> {
        let Some(kept) = self.held(lease) else {
            return Vec::new();
        };
        let mut heads = kept.heads();
        heads.retain(|(due, head)| *due <= now && !under_way.contains(&head.delivery.sequence));
        heads.sort_by_key(|(due, head)| (*due, head.delivery.sequence));
        heads.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let deliveries = heads.into_iter().map(|(_, head)| head.delivery.clone());
        deliveries.collect()
    }

    fn append(&mut self, submission: Submission, now: Timestamp) -> Appended {
        let ids: Vec<EventId> = submission.events.iter().map(|(id, _)| *id).collect();
        if let Some(new) = submission.idempotency {
            match self.answers.get(&new.key) {
                Some((before, _)) if before.body != new.body => return Appended::KeyConflict,
                Some((before, _)) => return Appended::Replayed(before.clone()),
                None => {}
            }
            let answered = Answered {
                body: new.body,
                ids: ids.clone(),
                answer: new.answer,
            };
            self.answers.insert(new.key, (answered, now));
        }
        if let Some(source) = submission.source {
            let by_source = ids.iter().map(|id| (*id, source));
            self.handed_in_by.extend(by_source);
        }
        let accept = |(id, event)| Arc::new(AcceptedEvent::new(id, now, event));
        self.ledger.accepted += submission.events.len() as u64;
        let accepted = submission.events.into_iter().map(accept);
        self.events
            .extend(accepted.map(|event| (submission.issuer.clone(), event)));
        Appended::Accepted(ids)
    }

    fn fan_out(
        &mut self,
        now: Timestamp,
        most: StepMax,
        mut decide: impl FnMut(&AcceptedEvent, &[StreamId]) -> FanOut,
    ) -> FannedOut {
        let (mut events, mut deliveries) = (0, 0);
        while most.has_room(events, deliveries)
            && let Some((issuer, event)) = self.events.get(self.dispatched).cloned()
        {
            let uri = event.event.event.uri();
            let wants = |kept: &&Kept| {
                kept.stream.issuer == issuer
                    && kept.wants(&uri, self.dispatched)
                    && kept.covers(&event, self.dispatched)
            };
            let interested: Vec<StreamId> = self
                .streams
                .iter()
                .filter(wants)
                .map(|kept| kept.stream.id.clone())
                .collect();
            let before = deliveries;
            let fan_out = decide(&event, &interested);
            let skipped = self.left_out(&issuer, &event, self.dispatched);
            let mut recorded = Recorded {
                at: now,
                ..Recorded::default()
            };
            for (_, reason) in fan_out.skipped.iter().chain(&skipped) {
                let reason = reason.as_str().to_owned();
                *recorded.skipped.entry(reason).or_default() += 1;
            }
            for planned in fan_out.planned {
                let of = |kept: &&mut Kept| kept.stream.id == planned.stream;
                if let Some(kept) = self.streams.iter_mut().find(of) {
                    kept.add(&event, planned, Hold::Obeys, now);
                    deliveries += 1;
                    recorded.matched += 1;
                }
            }
            self.records.add(event.id, now, deliveries - before);
            self.fan_outs.push(recorded);
            self.dispatched += 1;
            events += 1;
        }
        FannedOut::Done { events, deliveries }
    }
}

impl Outbox for MemoryStore {
    async fn append(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
    ) -> Result<Vec<Appended>, StoreError> {
        let mut state = self.state();
        let append = |submission| state.append(submission, now);
        Ok(submissions.into_iter().map(append).collect())
    }

    async fn append_and_fan_out<D, O>(
        &self,
        submissions: Vec<Submission>,
        now: Timestamp,
        lease: FanOutLease,
        mut decide: D,
        offer: O,
    ) -> Result<AtOnce, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
        O: FnOnce(&[StreamId]) -> Option<Taking> + Send,
    {
        let mut streams = BTreeSet::new();
        let decide = |event: &AcceptedEvent, interested: &[StreamId]| {
            let fan_out = decide(event, interested);
            streams.extend(fan_out.planned.iter().map(|one| one.stream.clone()));
            fan_out
        };
        let mut state = self.state();
        let nothing_waits = state.dispatched == state.events.len();
        let append = |submission| state.append(submission, now);
        let answers = submissions.into_iter().map(append).collect();
        let fanned_out = if state.fan_out.is_none_or(|(newest, _)| newest != lease) {
            FannedOut::LeaseLost
        } else if nothing_waits {
            state.fan_out(now, StepMax::events(u64::MAX), decide)
        } else {
            FannedOut::NOTHING
        };
        let streams: Vec<StreamId> = streams.into_iter().collect();
        let is_for_somebody = !streams.is_empty();
        let taken = match is_for_somebody.then(|| offer(&streams)).flatten() {
            Some(taking) => state.lease(now, taking, |stream| streams.contains(stream)),
            None => Vec::new(),
        };
        let with_due = |leased: LeasedStream| TakenWith {
            due: state.due(&leased.lease, now, 2, &[]),
            leased,
        };
        let taken: Vec<TakenWith> = taken.into_iter().map(with_due).collect();
        Ok(AtOnce {
            answers,
            fanned_out,
            is_left: taken.len() < streams.len(),
            taken,
        })
    }

    async fn answered(&self, key: Fingerprint) -> Result<Option<Answered>, StoreError> {
        let state = self.state();
        let before = state.answers.get(&key);
        Ok(before.map(|(answered, _)| answered.clone()))
    }

    async fn forget_answers(&self, before: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut state = self.state();
        let mut forgotten = 0;
        state.answers.retain(|_, (_, at)| {
            let keep = *at >= before || forgotten == limit;
            forgotten += u64::from(!keep);
            keep
        });
        Ok(forgotten)
    }

    async fn lease_fan_out(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<FanOutLease>, StoreError> {
        let mut state = self.state();
        let epoch = match state.fan_out {
            Some((lease, end)) if end > now && lease.worker == worker => lease.epoch,
            Some((_, end)) if end > now => return Ok(None),
            Some((lease, _)) => lease.epoch + 1,
            None => 1,
        };
        let lease = FanOutLease { worker, epoch };
        state.fan_out = Some((lease, until));
        Ok(Some(lease))
    }

    async fn release_fan_out(&self, lease: FanOutLease) -> Result<(), StoreError> {
        let mut state = self.state();
        if let Some((newest, until)) = &mut state.fan_out
            && *newest == lease
        {
            *until = Timestamp::default();
        }
        Ok(())
    }

    async fn fan_out<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        most: StepMax,
        decide: D,
    ) -> Result<FannedOut, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let mut state = self.state();
        if state.fan_out.is_none_or(|(newest, _)| newest != lease) {
            return Ok(FannedOut::LeaseLost);
        }
        Ok(state.fan_out(now, most, decide))
    }

    async fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        room: Room,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let taking = Taking {
            worker,
            until,
            room,
        };
        Ok(self.state().lease(now, taking, |_| true))
    }

    async fn renew(&self, lease: &StreamLease, until: Timestamp) -> Result<Fenced, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease) else {
            return Ok(Fenced::LeaseLost);
        };
        kept.leased_until = until;
        Ok(Fenced::Stored)
    }

    async fn is_over(&self, lease: &StreamLease, now: Timestamp) -> Result<bool, StoreError> {
        let state = self.state();
        let mut gone = state.lost_of_gone_streams.iter();
        let is_open = |kept: &Kept| kept.owners(now).contains(lease);
        Ok(!state.streams.iter().any(is_open)
            && !gone.any(|(lost, until)| lost == lease && *until > now))
    }

    async fn release(&self, lease: &StreamLease, health: &Health) -> Result<Fenced, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease) else {
            state.forget_loss(lease);
            return Ok(Fenced::LeaseLost);
        };
        kept.give_back();
        if kept.health.acts == health.acts {
            kept.health = health.clone();
        }
        Ok(Fenced::Stored)
    }

    async fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
        under_way: &[u64],
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.state().due(lease, now, limit, under_way))
    }

    async fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        // What was held back here has been due since its fan-out.
        now: Timestamp,
    ) -> Result<Fenced, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease) else {
            return Ok(Fenced::LeaseLost);
        };
        let mut drops = Vec::new();
        for settlement in settlements {
            let Some(delivery) = kept.deliveries.get_mut(&settlement.sequence) else {
                continue;
            };
            if delivery.state.is_settled() {
                continue;
            }
            delivery.keep(settlement.answer.as_ref());
            match settlement.state {
                DeliveryState::Pending {
                    attempts,
                    key_refusals,
                    ..
                } => {
                    delivery.delivery.attempts = attempts;
                    delivery.delivery.key_refusals = key_refusals;
                }
                DeliveryState::Dropped { at, reason } => {
                    drops.push(DropRecord::new(reason, 1, at));
                    kept.dropped_total += 1;
                }
                DeliveryState::Acknowledged { .. } | DeliveryState::Quarantined { .. } => {}
            }
            delivery.state = settlement.state.clone();
            kept.acknowledged_total += u64::from(is_acknowledged(&settlement.state));
        }
        if settlements.iter().any(|one| one.state.is_settled()) {
            kept.quiet_since = now;
        }
        if let Some(health) = health
            && kept.health.acts == health.acts
        {
            kept.health = health.clone();
        }
        kept.open_if_announced();
        let receiver = kept.stream.receiver;
        for record in drops {
            state.record_drop(receiver, &lease.stream, record);
        }
        Ok(Fenced::Stored)
    }

    async fn finish(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        health: Option<&Health>,
        now: Timestamp,
    ) -> Result<Finished, StoreError> {
        if self.settle(lease, settlements, health, now).await? == Fenced::LeaseLost {
            return Ok(Finished::LeaseLost);
        }
        if !self.due(lease, now, 1, &[]).await?.is_empty() {
            return Ok(Finished::GoesOn);
        }
        if let Some(kept) = self.state().held(lease) {
            kept.give_back();
        }
        Ok(Finished::GivenBack)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state();
        Ok(state.streams.iter().filter_map(Kept::free_at).min())
    }
}
