//! A store without a database, for tests of what stands on the ports.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::{id::StreamId, time::Timestamp, uri::EventTypeUri};

use crate::{
    domain::{
        delivery::{Delivery, DeliveryState},
        event::AcceptedEvent,
        fan_out::{FanOut, PlannedDelivery},
        id::{EventId, Fingerprint, ReceiverId, WorkerId},
        key::StoredKey,
        order::OrderKey,
        receiver::Receiver,
        stream::{STREAMS_PER_RECEIVER_MAX, Stream},
    },
    ports::{
        AddedReceiver, Appended, CreatedStream, DeletedStream, FanOutLease, FannedOut, Fenced,
        FirstWrite, KeyStore, LeasedStream, Outbox, ReceiverStore, Resume, Settings, Settlement,
        StoreError, StreamLease, StreamStore, Submission,
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
}

#[derive(Debug)]
struct Kept {
    stream: Stream,
    /// Events before this one were accepted before the stream was created.
    first_event: usize,
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
    fn new(stream: Stream, first_event: usize) -> Self {
        Self {
            stream,
            first_event,
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
        position >= self.first_event && self.stream.events_delivered.contains(uri)
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
        let due = self.next_due()?;
        Some(due.max(self.resume.not_before).max(self.leased_until))
    }

    fn add(&mut self, event: &Arc<AcceptedEvent>, planned: PlannedDelivery, now: Timestamp) {
        let sequence = self.deliveries.len() as u64 + 1;
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

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
    ) -> Result<DeletedStream, StoreError> {
        let mut state = self.state();
        let own = |kept: &Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        let Some(at) = state.streams.iter().position(own) else {
            return Ok(DeletedStream::NotFound);
        };
        let deleted = state.streams.remove(at);
        let pending = |kept: &&KeptDelivery| !kept.state.is_settled();
        let dropped = deleted.deliveries.values().filter(pending).count() as u64;
        Ok(DeletedStream::Deleted { dropped })
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
        let Some(kept) = state.held(lease) else {
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
