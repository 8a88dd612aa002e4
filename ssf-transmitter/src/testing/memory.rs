//! A store without a database, for tests of what stands on the ports.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::{id::StreamId, stream::StreamStatus, time::Timestamp, uri::EventTypeUri};

use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        dropped::{DropReason, DropRecord},
        event::AcceptedEvent,
        fan_out::{FanOut, PlannedDelivery},
        id::{EventId, Fingerprint, ReceiverId, WorkerId},
        key::StoredKey,
        order::OrderKey,
        receiver::Receiver,
        stream::{STREAMS_PER_RECEIVER_MAX, Stream},
        verification::FrameworkSet,
    },
    ports::{
        AddedReceiver, Appended, ChangedStream, CreatedStream, DeletedStream, FanOutLease,
        FannedOut, Fenced, FirstWrite, KeyStore, LeasedStream, Outbox, ReceiverStore, Resume,
        SentAlone, Settings, Settlement, StoreError, StreamLease, StreamStore, Submission,
    },
};

/// A store in memory that keeps the contract of the ports, except that nothing survives it.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    receivers: Vec<(Fingerprint, Receiver)>,
    streams: Vec<Kept>,
    events: Vec<Arc<AcceptedEvent>>,
    /// How many of the events were fanned out: here events become visible in order.
    dispatched: usize,
    answers: HashMap<Fingerprint, (Fingerprint, Vec<EventId>)>,
    fan_out: Option<(FanOutLease, Timestamp)>,
    keys: Vec<StoredKey>,
    settings: HashMap<String, Vec<u8>>,
    drops: Vec<(ReceiverId, StreamId, DropRecord)>,
}

#[derive(Debug)]
struct Kept {
    stream: Stream,
    /// Of each type that the stream gets, the first event that was accepted after it was asked for.
    first_events: HashMap<EventTypeUri, usize>,
    /// Events before this one were accepted while the stream was disabled, or before; all will be while it is.
    disabled_until: usize,
    verified_at: Option<Timestamp>,
    last_sequence: u64,
    deliveries: BTreeMap<u64, KeptDelivery>,
    worker: Option<WorkerId>,
    epoch: u64,
    leased_until: Timestamp,
    resume: Resume,
}

#[derive(Debug)]
struct KeptDelivery {
    delivery: Delivery,
    order: OrderKey,
    state: DeliveryState,
}

impl Kept {
    fn new(stream: Stream, next_event: usize) -> Self {
        let types = stream.events_delivered.iter().cloned();
        Self {
            first_events: types.map(|uri| (uri, next_event)).collect(),
            stream,
            disabled_until: 0,
            verified_at: None,
            last_sequence: 0,
            deliveries: BTreeMap::new(),
            worker: None,
            epoch: 0,
            leased_until: Timestamp::default(),
            resume: Resume {
                failures: 0,
                not_before: Timestamp::default(),
            },
        }
    }

    fn is_held_by(&self, lease: &StreamLease) -> bool {
        self.stream.id == lease.stream
            && self.worker == Some(lease.worker)
            && self.epoch == lease.epoch
    }

    fn wants(&self, uri: &EventTypeUri, position: usize) -> bool {
        position >= self.disabled_until
            && self
                .first_events
                .get(uri)
                .is_some_and(|first| position >= *first)
    }

    fn is_enabled(&self) -> bool {
        self.stream.status == StreamStatus::Enabled
    }

    fn owner(&self, now: Timestamp) -> Option<StreamLease> {
        let worker = self.worker?;
        (self.leased_until > now).then(|| StreamLease {
            stream: self.stream.id.clone(),
            worker,
            epoch: self.epoch,
        })
    }

    /// Becomes `stream` before the event `next`; returns how many deliveries were dropped, and why.
    fn change(&mut self, stream: Stream, next: usize, now: Timestamp) -> [(DropReason, u64); 2] {
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
        let unwanted =
            self.drop_pending(|delivery| given_up.contains(&delivery.event.event.event.uri()));
        let disabled = match stream.status {
            StreamStatus::Enabled | StreamStatus::Paused => {
                self.disabled_until = self.disabled_until.min(next);
                0
            }
            StreamStatus::Disabled => {
                self.disabled_until = usize::MAX;
                self.drop_pending(|_| true)
            }
        };
        if stream.delivery != self.stream.delivery {
            self.hurry(now);
        }
        if !stream.is_configured_as(&self.stream) {
            self.worker = None;
            self.epoch += 1;
            self.leased_until = Timestamp::default();
        }
        self.stream = stream;
        [
            (DropReason::TypeNoLongerRequested, unwanted),
            (DropReason::StreamDisabled, disabled),
        ]
    }

    fn drop_pending(&mut self, which: impl Fn(&Delivery) -> bool) -> u64 {
        let before = self.deliveries.len();
        self.deliveries
            .retain(|_, kept| kept.state.is_settled() || !which(&kept.delivery));
        (before - self.deliveries.len()) as u64
    }

    fn hurry(&mut self, now: Timestamp) {
        for kept in self.deliveries.values_mut() {
            if let DeliveryState::Pending { due, .. } = &mut kept.state {
                *due = now.min(*due);
            }
        }
        self.resume = Resume {
            failures: 0,
            not_before: Timestamp::default(),
        };
    }

    /// The pending deliveries that no earlier one holds back, with the moments at which they are due.
    fn heads(&self) -> Vec<(Timestamp, &KeptDelivery)> {
        let mut busy = HashSet::new();
        let mut heads = Vec::new();
        for kept in self.deliveries.values() {
            if let DeliveryState::Pending { due, .. } = kept.state
                && busy.insert(&kept.order)
            {
                heads.push((due, kept));
            }
        }
        heads
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.heads().into_iter().map(|(due, _)| due).min()
    }

    /// When the stream can be leased, if anything is pending.
    fn free_at(&self) -> Option<Timestamp> {
        let due = self.next_due().filter(|_| self.is_enabled())?;
        Some(due.max(self.resume.not_before).max(self.leased_until))
    }

    fn add(&mut self, event: &Arc<AcceptedEvent>, planned: PlannedDelivery, now: Timestamp) {
        self.last_sequence += 1;
        let sequence = self.last_sequence;
        let sub_id = planned.chosen.unwrap_or_else(|| event.event.sub_id.clone());
        let event = Arc::clone(event);
        let delivery = Delivery::new(sequence, planned.jti, planned.iat, sub_id, event);
        let kept = KeptDelivery {
            delivery,
            order: planned.order,
            state: DeliveryState::Pending {
                attempts: 0,
                due: now,
            },
        };
        self.deliveries.insert(sequence, kept);
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panics while it holds the lock fails anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn held(&mut self, lease: &StreamLease) -> Option<&mut Kept> {
        self.streams.iter_mut().find(|kept| kept.is_held_by(lease))
    }

    fn append(&mut self, submission: Submission, now: Timestamp) -> Appended {
        let ids: Vec<EventId> = submission.events.iter().map(|(id, _)| *id).collect();
        if let Some(new) = submission.idempotency {
            match self.answers.get(&new.key) {
                Some((body, _)) if *body != new.body => return Appended::KeyConflict,
                Some((_, ids)) => return Appended::Replayed(ids.clone()),
                None => self.answers.insert(new.key, (new.body, ids.clone())),
            };
        }
        let accept = |(id, event)| Arc::new(AcceptedEvent::new(id, now, event));
        self.events
            .extend(submission.events.into_iter().map(accept));
        Appended::Accepted(ids)
    }

    fn fan_out(
        &mut self,
        now: Timestamp,
        limit: u64,
        mut decide: impl FnMut(&AcceptedEvent, &[StreamId]) -> FanOut,
    ) -> FannedOut {
        let (mut events, mut deliveries) = (0, 0);
        while events < limit
            && let Some(event) = self.events.get(self.dispatched).cloned()
        {
            let uri = event.event.event.uri();
            let wants = |kept: &&Kept| kept.wants(&uri, self.dispatched);
            let interested: Vec<StreamId> = self
                .streams
                .iter()
                .filter(wants)
                .map(|kept| kept.stream.id.clone())
                .collect();
            for planned in decide(&event, &interested).planned {
                let of = |kept: &&mut Kept| kept.stream.id == planned.stream;
                if let Some(kept) = self.streams.iter_mut().find(of) {
                    kept.add(&event, planned, now);
                    deliveries += 1;
                }
            }
            self.dispatched += 1;
            events += 1;
        }
        FannedOut::Done { events, deliveries }
    }
}

impl State {
    fn record_drop(&mut self, receiver: ReceiverId, id: &StreamId, record: DropRecord) {
        if record.deliveries > 0 {
            self.drops.push((receiver, id.clone(), record));
        }
    }
}

impl ReceiverStore for MemoryStore {
    async fn add_receiver(
        &self,
        receiver: &Receiver,
        token: Fingerprint,
        _now: Timestamp,
    ) -> Result<AddedReceiver, StoreError> {
        let mut state = self.state();
        if state
            .receivers
            .iter()
            .any(|(_, known)| known.name == receiver.name)
        {
            return Ok(AddedReceiver::NameTaken);
        }
        state.receivers.push((token, receiver.clone()));
        Ok(AddedReceiver::Added)
    }

    async fn receiver_by_token(&self, token: Fingerprint) -> Result<Option<Receiver>, StoreError> {
        let state = self.state();
        let found = state.receivers.iter().find(|(known, _)| *known == token);
        Ok(found.map(|(_, receiver)| receiver.clone()))
    }

    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let state = self.state();
        let mut receivers: Vec<Receiver> = state
            .receivers
            .iter()
            .map(|(_, receiver)| receiver.clone())
            .collect();
        receivers.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(receivers)
    }
}

impl StreamStore for MemoryStore {
    async fn create_stream(&self, stream: &Stream) -> Result<CreatedStream, StoreError> {
        let mut state = self.state();
        let of_receiver = |kept: &&Kept| kept.stream.receiver == stream.receiver;
        if state.streams.iter().filter(of_receiver).count() as u64 >= STREAMS_PER_RECEIVER_MAX {
            return Ok(CreatedStream::TooMany);
        }
        let first_event = state.events.len();
        state.streams.push(Kept::new(stream.clone(), first_event));
        Ok(CreatedStream::Created)
    }

    async fn stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        let streams = self.streams(receiver).await?;
        Ok(streams.into_iter().find(|stream| stream.id == *id))
    }

    async fn streams(&self, receiver: ReceiverId) -> Result<Vec<Stream>, StoreError> {
        let state = self.state();
        let streams = state.streams.iter().map(|kept| &kept.stream);
        let own = streams.filter(|stream| stream.receiver == receiver);
        Ok(own.cloned().collect())
    }

    async fn change_stream<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        change: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream) -> Result<Stream, E> + Send,
        E: Send,
    {
        let mut state = self.state();
        let next = state.events.len();
        let own = |kept: &&mut Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        let Some(kept) = state.streams.iter_mut().find(own) else {
            return Ok(ChangedStream::NotFound);
        };
        let stream = match change(&kept.stream) {
            Ok(stream) => stream,
            Err(refusal) => return Ok(ChangedStream::Refused(refusal)),
        };
        let drops = kept.change(stream.clone(), next, now);
        let owner = kept.owner(now);
        let mut dropped = 0;
        for (reason, deliveries) in drops {
            dropped += deliveries;
            state.record_drop(receiver, id, DropRecord::new(reason, deliveries, now));
        }
        let stream = Box::new(stream);
        Ok(ChangedStream::Changed {
            stream,
            dropped,
            owner,
        })
    }

    async fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<SentAlone<E>, StoreError>
    where
        F: FnOnce(&Stream, Option<Timestamp>) -> Result<FrameworkSet, E> + Send,
        E: Send,
    {
        let mut state = self.state();
        let own = |kept: &&mut Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        let Some(kept) = state.streams.iter_mut().find(own) else {
            return Ok(SentAlone::NotFound);
        };
        let set = match decide(&kept.stream, kept.verified_at) {
            Ok(set) => set,
            Err(refusal) => return Ok(SentAlone::Refused(refusal)),
        };
        let event = Arc::new(AcceptedEvent::new(set.id, now, set.event));
        kept.add(&event, set.planned, now);
        kept.verified_at = Some(now);
        Ok(SentAlone::Numbered)
    }

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        let mut state = self.state();
        let own = |kept: &Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        let Some(at) = state.streams.iter().position(own) else {
            return Ok(DeletedStream::NotFound);
        };
        let deleted = state.streams.remove(at);
        let pending = |kept: &&KeptDelivery| !kept.state.is_settled();
        let dropped = deleted.deliveries.values().filter(pending).count() as u64;
        let record = DropRecord::new(DropReason::StreamDeleted, dropped, now);
        state.record_drop(receiver, id, record);
        Ok(DeletedStream::Deleted { dropped })
    }

    async fn drops(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<Vec<DropRecord>, StoreError> {
        let state = self.state();
        let of_stream = state
            .drops
            .iter()
            .filter(|(owner, stream, _)| *owner == receiver && stream == id);
        Ok(of_stream.map(|(_, _, record)| *record).collect())
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

    async fn fan_out<D>(
        &self,
        lease: FanOutLease,
        now: Timestamp,
        limit: u64,
        decide: D,
    ) -> Result<FannedOut, StoreError>
    where
        D: FnMut(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let mut state = self.state();
        if state.fan_out.is_none_or(|(newest, _)| newest != lease) {
            return Ok(FannedOut::LeaseLost);
        }
        Ok(state.fan_out(now, limit, decide))
    }

    async fn lease_streams(
        &self,
        worker: WorkerId,
        now: Timestamp,
        until: Timestamp,
        limit: u64,
    ) -> Result<Vec<LeasedStream>, StoreError> {
        let mut state = self.state();
        let free = |kept: &&mut Kept| kept.free_at().is_some_and(|at| at <= now);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let lease = |kept: &mut Kept| {
            kept.worker = Some(worker);
            kept.epoch += 1;
            kept.leased_until = until;
            LeasedStream {
                lease: StreamLease {
                    stream: kept.stream.id.clone(),
                    worker,
                    epoch: kept.epoch,
                },
                stream: kept.stream.clone(),
                failures: kept.resume.failures,
            }
        };
        let streams = state.streams.iter_mut();
        Ok(streams.filter(free).take(limit).map(lease).collect())
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
        let mut state = self.state();
        let kept = state.held(lease);
        Ok(kept.is_none_or(|kept| kept.leased_until <= now))
    }

    async fn release(&self, lease: &StreamLease, resume: Resume) -> Result<Fenced, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease) else {
            return Ok(Fenced::LeaseLost);
        };
        kept.worker = None;
        kept.leased_until = Timestamp::default();
        kept.resume = resume;
        Ok(Fenced::Stored)
    }

    async fn due(
        &self,
        lease: &StreamLease,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease).filter(|kept| kept.is_enabled()) else {
            return Ok(Vec::new());
        };
        let mut heads = kept.heads();
        heads.retain(|(due, _)| *due <= now);
        heads.sort_by_key(|(due, head)| (*due, head.delivery.sequence));
        heads.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let deliveries = heads.into_iter().map(|(_, head)| head.delivery.clone());
        Ok(deliveries.collect())
    }

    async fn settle(
        &self,
        lease: &StreamLease,
        settlements: &[Settlement],
        // What was held back here has been due since its fan-out.
        _now: Timestamp,
    ) -> Result<Fenced, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.held(lease) else {
            return Ok(Fenced::LeaseLost);
        };
        for settlement in settlements {
            let Some(delivery) = kept.deliveries.get_mut(&settlement.sequence) else {
                continue;
            };
            if delivery.state.is_settled() {
                continue;
            }
            if let DeliveryState::Pending { attempts, .. } = settlement.state {
                delivery.delivery.attempts = attempts;
            }
            delivery.state = settlement.state.clone();
        }
        Ok(Fenced::Stored)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let state = self.state();
        Ok(state.streams.iter().filter_map(Kept::free_at).min())
    }
}

impl KeyStore for MemoryStore {
    async fn signing_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.state().keys.clone())
    }

    async fn insert_first_key(&self, key: &StoredKey) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        if !state.keys.is_empty() {
            return Ok(FirstWrite::AlreadyThere);
        }
        state.keys.push(key.clone());
        Ok(FirstWrite::Written)
    }
}

impl Settings for MemoryStore {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().settings.get(name).cloned())
    }

    async fn insert_setting(&self, name: &str, value: &[u8]) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        if state.settings.contains_key(name) {
            return Ok(FirstWrite::AlreadyThere);
        }
        state.settings.insert(name.to_owned(), value.to_vec());
        Ok(FirstWrite::Written)
    }

    async fn replace_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.state()
            .settings
            .insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}
