//! Streams in memory.

use std::sync::Arc;

use ssf_types::{id::StreamId, time::Timestamp};

use super::{
    MemoryStore, State,
    kept::{Kept, KeptDelivery},
};
use crate::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        circuit::{Decider, closes_circuit},
        dropped::{DropReason, DropRecord},
        event::AcceptedEvent,
        framework::FrameworkSet,
        id::ReceiverId,
        issuer::IssuerName,
        stream::Stream,
        verification::Requested,
    },
    ports::{ChangedStream, CreatedStream, DeletedStream, SentAlone, StoreError, StreamStore},
};

/// Whose streams exist for whoever asks.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    Receiver(ReceiverId),
    Issuer(&'a IssuerName),
}

impl Whose<'_> {
    fn has(self, stream: &Stream) -> bool {
        match self {
            Self::Receiver(id) => stream.receiver == id,
            Self::Issuer(name) => stream.issuer == *name,
        }
    }

    fn decider(self) -> Decider {
        match self {
            Self::Receiver(_) => Decider::Receiver,
            Self::Issuer(_) => Decider::Transmitter,
        }
    }
}

impl State {
    pub(super) fn record_drop(&mut self, receiver: ReceiverId, id: &StreamId, record: DropRecord) {
        if record.deliveries > 0 {
            self.drops.push((receiver, id.clone(), record));
            *self.ledger.dropped.entry(record.reason).or_default() += record.deliveries;
        }
    }

    pub(super) fn change<E>(
        &mut self,
        whose: Whose<'_>,
        id: &StreamId,
        now: Timestamp,
        change: impl FnOnce(&Stream, Circumstances) -> Result<StatusDecision, E>,
    ) -> ChangedStream<E> {
        let next = self.events.len();
        let own = |kept: &&mut Kept| kept.stream.id == *id && whose.has(&kept.stream);
        let Some(kept) = self.streams.iter_mut().find(own) else {
            return ChangedStream::NotFound;
        };
        let circumstances = Circumstances {
            active_at: kept.active_at,
            acts: kept.health.acts,
        };
        let before = kept.stream.status;
        let decision = match change(&kept.stream, circumstances) {
            Ok(decision) => decision,
            Err(refusal) => return ChangedStream::Refused(refusal),
        };
        let stream = decision.stream;
        let drops = kept.change(stream.clone(), next, now);
        if let Some(set) = decision.announcement {
            self.records.add(set.id, now, 1);
            kept.announce(set, now);
        }
        if closes_circuit(whose.decider(), before, stream.status) {
            kept.close_circuit(now);
        }
        let owners = kept.owners(now);
        let mut dropped = 0;
        for (reason, deliveries) in drops {
            dropped += deliveries;
            let record = DropRecord::new(reason, deliveries, now);
            self.record_drop(stream.receiver, id, record);
        }
        ChangedStream::Changed {
            stream: Box::new(stream),
            dropped,
            owners,
        }
    }

    pub(super) fn delete(
        &mut self,
        whose: Whose<'_>,
        id: &StreamId,
        now: Timestamp,
    ) -> DeletedStream {
        let own = |kept: &Kept| kept.stream.id == *id && whose.has(&kept.stream);
        let Some(at) = self.streams.iter().position(own) else {
            return DeletedStream::NotFound;
        };
        let mut deleted = self.streams.remove(at);
        let owners = deleted.owners(now);
        deleted.take_lease_away();
        self.lost_of_gone_streams.append(&mut deleted.lost);
        self.keys_of_gone_streams += deleted.subjects.keys();
        self.ledger.numbered_gone += deleted.last_sequence;
        let pending = |kept: &&KeptDelivery| !kept.state.is_settled();
        let dropped = deleted.deliveries.values().filter(pending).count() as u64;
        let record = DropRecord::new(DropReason::StreamDeleted, dropped, now);
        self.record_drop(deleted.stream.receiver, id, record);
        DeletedStream::Deleted { dropped, owners }
    }
}

impl StreamStore for MemoryStore {
    async fn create_stream(
        &self,
        stream: &Stream,
        streams_max: u64,
    ) -> Result<CreatedStream, StoreError> {
        let mut state = self.state();
        let of_receiver = |kept: &&Kept| kept.stream.receiver == stream.receiver;
        if state.streams.iter().filter(of_receiver).count() as u64 >= streams_max {
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
        let whose = Whose::Receiver(receiver);
        let change = |stream: &Stream, _| change(stream).map(StatusDecision::silent);
        Ok(self.state().change(whose, id, now, change))
    }

    async fn send_verification<F, E>(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<SentAlone<E>, StoreError>
    where
        F: FnOnce(&Stream, Requested) -> Result<FrameworkSet, E> + Send,
        E: Send,
    {
        let mut state = self.state();
        let own = |kept: &&mut Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        let Some(kept) = state.streams.iter_mut().find(own) else {
            return Ok(SentAlone::NotFound);
        };
        let before = Requested::new(kept.verified_at, kept.is_pending(kept.verification));
        let set = match decide(&kept.stream, before) {
            Ok(set) => set,
            Err(refusal) => return Ok(SentAlone::Refused(refusal)),
        };
        let dropped = kept.drop_keep_alive(now);
        let set = set.telling(kept.stream.sequence_epoch.as_ref(), kept.account());
        let event = Arc::new(AcceptedEvent::new(set.id, now, set.event));
        kept.verification = Some(kept.add(&event, set.planned, set.hold, now));
        kept.verified_at = Some(now);
        kept.close_circuit(now);
        state.records.add(event.id, now, 1);
        let record = DropRecord::new(DropReason::KeepAliveReplaced, dropped, now);
        state.record_drop(receiver, id, record);
        Ok(SentAlone::Numbered)
    }

    async fn note_activity(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
        unless_since: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let own = |kept: &&mut Kept| kept.stream.receiver == receiver && kept.stream.id == *id;
        if let Some(kept) = state.streams.iter_mut().find(own)
            && kept.active_at.is_none_or(|at| at < unless_since)
        {
            kept.active_at = Some(now);
        }
        Ok(())
    }

    async fn delete_stream(
        &self,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        let whose = Whose::Receiver(receiver);
        Ok(self.state().delete(whose, id, now))
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
