//! A stream as it is kept in memory, with its deliveries.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use ssf_types::{
    metadata::DefaultSubjects, set::Account, stream::StreamStatus, time::Timestamp,
    uri::EventTypeUri,
};

use super::subjects::KeptSubjects;
use crate::{
    domain::{
        announcement::is_announced,
        attempt::{AnswerClass, Attempt, place},
        circuit::Health,
        delivery::{Delivery, DeliveryState},
        dropped::DropReason,
        event::AcceptedEvent,
        fan_out::PlannedDelivery,
        framework::{FrameworkSet, Hold},
        id::{AnswerId, WorkerId},
        order::OrderKey,
        sequence::{NUMBERS_MAX, account},
        stream::Stream,
    },
    ports::StreamLease,
};

#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) stream: Stream,
    /// Of each type that the stream gets, the first event that was accepted after it was asked for.
    pub(super) first_events: HashMap<EventTypeUri, usize>,
    /// Events before this one were accepted while the stream was disabled, or before; all will be while it is.
    pub(super) disabled_until: usize,
    pub(super) verified_at: Option<Timestamp>,
    /// The announcement that has to be made before a stream that was enabled sends anything else.
    pub(super) opens_after: Option<u64>,
    pub(super) verification: Option<u64>,
    pub(super) keep_alive: Option<u64>,
    pub(super) quiet_since: Timestamp,
    pub(super) active_at: Option<Timestamp>,
    pub(super) last_sequence: u64,
    /// Nothing is told of this number and those below it.
    pub(super) sequence_after: u64,
    pub(super) acknowledged_total: u64,
    pub(super) dropped_total: u64,
    pub(super) deliveries: BTreeMap<u64, KeptDelivery>,
    pub(super) worker: Option<WorkerId>,
    pub(super) epoch: u64,
    pub(super) leased_until: Timestamp,
    pub(super) taken_at: Timestamp,
    /// Leases that were taken away, and when each would have ended.
    pub(super) lost: Vec<(StreamLease, Timestamp)>,
    pub(super) health: Health,
    pub(super) answers: Vec<KeptAnswer>,
    pub(super) subjects: KeptSubjects,
}

/// An answer to a poll.
#[derive(Clone, Debug)]
pub(super) struct KeptAnswer {
    pub(super) id: AnswerId,
    pub(super) until: Timestamp,
    pub(super) sequences: Vec<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct KeptDelivery {
    pub(super) delivery: Delivery,
    pub(super) order: OrderKey,
    pub(super) state: DeliveryState,
    pub(super) hold: Hold,
    /// The status with which a push was acknowledged.
    pub(super) status: Option<u16>,
    /// How many attempts had failed when it was last replayed.
    pub(super) failed_before: u32,
    pub(super) repetition: u32,
    /// What is kept of attempts, by their places.
    pub(super) attempts: BTreeMap<u32, (u32, Attempt)>,
}

/// Whether a delivery is with its Receiver.
pub(super) fn is_acknowledged(state: &DeliveryState) -> bool {
    matches!(state, DeliveryState::Acknowledged { .. })
}

fn is_given_up(state: &DeliveryState) -> bool {
    match state {
        DeliveryState::Quarantined { .. } | DeliveryState::Dropped { .. } => true,
        DeliveryState::Pending { .. } | DeliveryState::Acknowledged { .. } => false,
    }
}

impl KeptDelivery {
    /// Keeps what came of an attempt, before it changes the state.
    pub(super) fn keep(&mut self, answer: Option<&Attempt>) {
        let Some(answer) = answer else {
            return;
        };
        if answer.class == AnswerClass::Acknowledged {
            self.status = answer.status;
            return;
        }
        let DeliveryState::Pending { attempts, .. } = self.state else {
            return;
        };
        let number = self.failed_before + attempts + 1;
        let kept = (number, answer.clone());
        self.attempts.insert(place(number), kept);
    }
}

impl Kept {
    pub(super) fn give_back(&mut self) {
        self.worker = None;
        self.leased_until = Timestamp::default();
    }

    pub(super) fn new(stream: Stream, next_event: usize) -> Self {
        let types = stream.events_delivered.iter().cloned();
        Self {
            first_events: types.map(|uri| (uri, next_event)).collect(),
            disabled_until: 0,
            verified_at: None,
            opens_after: None,
            verification: None,
            keep_alive: None,
            quiet_since: stream.created_at,
            active_at: None,
            stream,
            last_sequence: 0,
            sequence_after: 0,
            acknowledged_total: 0,
            dropped_total: 0,
            deliveries: BTreeMap::new(),
            worker: None,
            epoch: 0,
            leased_until: Timestamp::default(),
            taken_at: Timestamp::default(),
            lost: Vec::new(),
            answers: Vec::new(),
            health: Health::default(),
            subjects: KeptSubjects::default(),
        }
    }

    pub(super) fn is_held_by(&self, lease: &StreamLease) -> bool {
        self.stream.id == lease.stream
            && self.worker == Some(lease.worker)
            && self.epoch == lease.epoch
    }

    pub(super) fn take_lease_away(&mut self) {
        let lost = self.newest();
        self.lost
            .extend(lost.map(|lease| (lease, self.leased_until)));
        self.worker = None;
        self.epoch += 1;
        self.leased_until = Timestamp::default();
    }

    pub(super) fn wants(&self, uri: &EventTypeUri, position: usize) -> bool {
        position >= self.disabled_until
            && self
                .first_events
                .get(uri)
                .is_some_and(|first| position >= *first)
    }

    /// Whether the subject of the event at a position is one that the stream is about.
    pub(super) fn covers(&self, event: &AcceptedEvent, position: usize) -> bool {
        let subject = &event.event.sub_id;
        let listed = (self.subjects).list(subject, position as u64 + 1, event.accepted_at);
        match self.stream.default_subjects {
            DefaultSubjects::All => !listed,
            DefaultSubjects::None => listed,
        }
    }

    pub(super) fn is_pending(&self, sequence: Option<u64>) -> bool {
        let kept = sequence.and_then(|sequence| self.deliveries.get(&sequence));
        kept.is_some_and(|kept| !kept.state.is_settled())
    }

    /// Drops the keep-alive if it is pending; returns how many deliveries that were.
    pub(super) fn drop_keep_alive(&mut self, now: Timestamp) -> u64 {
        let keep_alive = self.keep_alive;
        let reason = DropReason::KeepAliveReplaced;
        self.drop_pending((reason, now), |kept| {
            Some(kept.delivery.sequence) == keep_alive
        })
    }

    /// Whether everything that comes is sent.
    pub(super) fn is_open(&self) -> bool {
        self.stream.status == StreamStatus::Enabled && self.opens_after.is_none()
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.stream.status == StreamStatus::Disabled
    }

    fn lets_through(&self, kept: &KeptDelivery) -> bool {
        self.is_open() || kept.hold.passes()
    }

    /// Numbers the announcement of the status that the stream has now.
    pub(super) fn announce(&mut self, set: FrameworkSet, now: Timestamp) {
        let event = Arc::new(AcceptedEvent::new(set.id, now, set.event));
        let sequence = self.add(&event, set.planned, set.hold, now);
        if self.stream.status == StreamStatus::Enabled {
            self.opens_after = Some(sequence);
        }
    }

    /// Opens a stream that waits for its announcement, if that was made or tried often enough.
    pub(super) fn open_if_announced(&mut self) {
        let Some(opens_after) = self.opens_after else {
            return;
        };
        let announcing = |kept: &KeptDelivery| match kept.state {
            DeliveryState::Pending { attempts, .. } if kept.hold.passes() => Some(attempts),
            DeliveryState::Pending { .. }
            | DeliveryState::Acknowledged { .. }
            | DeliveryState::Quarantined { .. }
            | DeliveryState::Dropped { .. } => None,
        };
        let mut until = self.deliveries.range(..=opens_after);
        if is_announced(until.find_map(|(_, kept)| announcing(kept))) {
            self.opens_after = None;
        }
    }

    /// What has become of the numbers, if the stream has any.
    pub(super) fn account(&self) -> Option<Account> {
        self.stream.sequence_epoch.as_ref()?;
        let pending = self
            .deliveries
            .values()
            .find(|kept| !kept.state.is_settled());
        let through = pending.map_or(self.last_sequence, |kept| kept.delivery.sequence - 1);
        let told = self.deliveries.range(self.sequence_after + 1..);
        let told = told.rev().filter(|(sequence, _)| **sequence <= through);
        let given_up = told.filter(|(_, kept)| is_given_up(&kept.state));
        let given_up = given_up.map(|(sequence, _)| *sequence);
        let given_up = given_up.take(NUMBERS_MAX + 1).collect();
        Some(account(through, self.sequence_after, given_up))
    }

    fn newest(&self) -> Option<StreamLease> {
        Some(StreamLease {
            stream: self.stream.id.clone(),
            worker: self.worker?,
            epoch: self.epoch,
        })
    }

    /// The leases under which somebody may be at work.
    pub(super) fn owners(&self, now: Timestamp) -> Vec<StreamLease> {
        let newest = self.newest().map(|lease| (lease, self.leased_until));
        let leases = self.lost.iter().cloned().chain(newest);
        let open = leases.filter(|(_, until)| *until > now);
        open.map(|(lease, _)| lease).collect()
    }

    /// Becomes `stream` before the event `next`; returns how many deliveries were dropped, and why.
    pub(super) fn change(
        &mut self,
        stream: Stream,
        next: usize,
        now: Timestamp,
    ) -> [(DropReason, u64); 3] {
        let wanted = &stream.events_delivered;
        self.first_events.retain(|uri, _| wanted.contains(uri));
        for uri in wanted {
            self.first_events.entry(uri.clone()).or_insert(next);
        }
        let given_up: Vec<EventTypeUri> = {
            let before = self.stream.events_delivered.iter();
            before
                .filter(|uri| !wanted.contains(uri))
                .cloned()
                .collect()
        };
        let reason = DropReason::TypeNoLongerRequested;
        let unwanted = self.drop_pending((reason, now), |kept| {
            given_up.contains(&kept.delivery.event.event.event.uri())
        });
        let disabled = match stream.status {
            StreamStatus::Enabled | StreamStatus::Paused => {
                self.disabled_until = self.disabled_until.min(next);
                0
            }
            StreamStatus::Disabled => {
                self.disabled_until = usize::MAX;
                let reason = DropReason::StreamDisabled;
                self.drop_pending((reason, now), |kept| kept.hold == Hold::Obeys)
            }
        };
        if stream.delivery != self.stream.delivery {
            for kept in self.deliveries.values_mut() {
                if let DeliveryState::Pending { key_refusals, .. } = &mut kept.state {
                    *key_refusals = 0;
                    kept.delivery.key_refusals = 0;
                }
            }
            self.close_circuit(now);
            self.answers.clear();
        }
        let mut outdated = 0;
        if stream.status != self.stream.status {
            self.opens_after = None;
            if stream.status == StreamStatus::Enabled {
                self.active_at = self.active_at.map(|_| now);
                let reason = DropReason::AnnouncementOutdated;
                outdated = self.drop_pending((reason, now), |kept| kept.hold == Hold::PassesOnce);
            }
        }
        if !stream.is_configured_as(&self.stream) {
            self.take_lease_away();
        }
        self.stream = stream;
        [
            (DropReason::TypeNoLongerRequested, unwanted),
            (DropReason::StreamDisabled, disabled),
            (DropReason::AnnouncementOutdated, outdated),
        ]
    }

    fn drop_pending(
        &mut self,
        (reason, at): (DropReason, Timestamp),
        which: impl Fn(&KeptDelivery) -> bool,
    ) -> u64 {
        let mut dropped = 0;
        for kept in self.deliveries.values_mut() {
            if !kept.state.is_settled() && which(kept) {
                kept.state = DeliveryState::Dropped { at, reason };
                dropped += 1;
            }
        }
        self.dropped_total += dropped;
        dropped
    }

    pub(super) fn close_circuit(&mut self, now: Timestamp) {
        for kept in self.deliveries.values_mut() {
            if let DeliveryState::Pending {
                due, key_refusals, ..
            } = &mut kept.state
                && *key_refusals == 0
            {
                *due = now.min(*due);
            }
        }
        self.health = self.health.after_act();
    }

    /// The pending deliveries that neither an earlier one nor the stream's status holds back, with the moments at which
    /// they are due.
    pub(super) fn heads(&self) -> Vec<(Timestamp, &KeptDelivery)> {
        let mut busy = HashSet::new();
        let mut heads = Vec::new();
        for kept in self.deliveries.values() {
            if let DeliveryState::Pending { due, .. } = kept.state
                && busy.insert(&kept.order)
                && self.lets_through(kept)
            {
                heads.push((due, kept));
            }
        }
        heads
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.heads().into_iter().map(|(due, _)| due).min()
    }

    /// When the stream can be leased, if anything is pending.
    pub(super) fn free_at(&self) -> Option<Timestamp> {
        let due = self
            .next_due()
            .filter(|_| !self.stream.delivery.is_poll())?;
        Some(due.max(self.health.not_before).max(self.leased_until))
    }

    pub(super) fn add(
        &mut self,
        event: &Arc<AcceptedEvent>,
        planned: PlannedDelivery,
        hold: Hold,
        now: Timestamp,
    ) -> u64 {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let sub_id = planned.chosen.unwrap_or_else(|| event.event.sub_id.clone());
        let event = Arc::clone(event);
        let mut delivery = Delivery::new(sequence, planned.jti, planned.iat, sub_id, event);
        delivery.offer = hold.offer();
        let kept = KeptDelivery {
            delivery,
            order: planned.order,
            state: DeliveryState::Pending {
                attempts: 0,
                key_refusals: 0,
                due: now,
            },
            hold,
            status: None,
            failed_before: 0,
            repetition: 0,
            attempts: BTreeMap::new(),
        };
        self.deliveries.insert(sequence, kept);
        sequence
    }
}
