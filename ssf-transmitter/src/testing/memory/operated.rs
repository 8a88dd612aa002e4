//! What the Transmitter itself does with streams in memory.

use std::{collections::HashMap, sync::Arc};

use ssf_types::{
    id::{Epoch, StreamId},
    time::Timestamp,
};

use super::{MemoryStore, kept::Kept, streams::Whose};
use crate::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        circuit::{Circuit, Health},
        event::AcceptedEvent,
        framework::FrameworkSet,
        issuer::IssuerName,
        stream::Stream,
        trouble::TroubleKind,
    },
    ports::{ChangedStream, DeletedStream, KeptAlive, OperatedStreams, StoreError},
};

impl OperatedStreams for MemoryStore {
    async fn decide_status<F, E>(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
        decide: F,
    ) -> Result<ChangedStream<E>, StoreError>
    where
        F: FnOnce(&Stream, Circumstances) -> Result<StatusDecision, E> + Send,
        E: Send,
    {
        Ok(self.state().change(Whose::Issuer(issuer), id, now, decide))
    }

    async fn send_keep_alives<F>(
        &self,
        quiet_since: Timestamp,
        now: Timestamp,
        limit: u64,
        mut make: F,
    ) -> Result<KeptAlive, StoreError>
    where
        F: FnMut(&Stream) -> FrameworkSet + Send,
    {
        let state = &mut *self.state();
        let mut kept_alive = KeptAlive::default();
        let quiet = |kept: &&mut Kept| kept.is_open() && kept.quiet_since <= quiet_since;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for kept in state.streams.iter_mut().filter(quiet).take(limit) {
            kept_alive.looked_at += 1;
            kept.quiet_since = now;
            if kept.next_due().is_none() {
                let epoch = kept.stream.sequence_epoch.as_ref();
                let set = make(&kept.stream).telling(epoch, kept.account());
                let event = Arc::new(AcceptedEvent::new(set.id, now, set.event));
                kept.keep_alive = Some(kept.add(&event, set.planned, set.hold, now));
                state.records.add(event.id, now, 1);
                kept_alive.sent += 1;
            }
        }
        Ok(kept_alive)
    }

    async fn idle_streams(
        &self,
        noted_until: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<(IssuerName, StreamId)>, StoreError> {
        let mut state = self.state();
        let mut idle = Vec::new();
        for kept in &mut state.streams {
            let active_at = *kept.active_at.get_or_insert(now);
            if kept.is_open() && active_at <= noted_until {
                let stream = (kept.stream.issuer.clone(), kept.stream.id.clone());
                idle.push((active_at, stream));
            }
        }
        idle.sort_by_key(|(active_at, _)| *active_at);
        idle.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(idle.into_iter().map(|(_, stream)| stream).collect())
    }

    async fn forget_activity(&self) -> Result<(), StoreError> {
        for kept in &mut self.state().streams {
            kept.active_at = None;
        }
        Ok(())
    }

    async fn begin_epochs(
        &self,
        mut make: impl FnMut() -> Epoch + Send,
    ) -> Result<u64, StoreError> {
        let mut state = self.state();
        let numbered = |kept: &&mut Kept| kept.stream.sequence_epoch.is_some();
        let mut renewed = 0;
        for kept in state.streams.iter_mut().filter(numbered) {
            kept.stream.sequence_epoch = Some(make());
            kept.sequence_after = kept.last_sequence;
            kept.take_lease_away();
            renewed += 1;
        }
        Ok(renewed)
    }

    async fn health(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
    ) -> Result<Option<Health>, StoreError> {
        let state = self.state();
        let own = |kept: &&Kept| kept.stream.issuer == *issuer && kept.stream.id == *id;
        Ok(state
            .streams
            .iter()
            .find(own)
            .map(|kept| kept.health.clone()))
    }

    async fn troubles(&self) -> Result<HashMap<TroubleKind, u64>, StoreError> {
        let mut counts = HashMap::new();
        let state = self.state();
        for kept in state.streams.iter().filter(|kept| !kept.is_disabled()) {
            if let Some(trouble) = &kept.health.trouble {
                *counts.entry(trouble.kind).or_default() += 1;
            }
        }
        Ok(counts)
    }

    async fn open_circuits(&self) -> Result<u64, StoreError> {
        let state = self.state();
        let is_counted =
            |kept: &&Kept| !kept.is_disabled() && kept.health.circuit() == Circuit::Open;
        Ok(state.streams.iter().filter(is_counted).count() as u64)
    }

    async fn end_stream(
        &self,
        issuer: &IssuerName,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<DeletedStream, StoreError> {
        Ok(self.state().delete(Whose::Issuer(issuer), id, now))
    }
}
