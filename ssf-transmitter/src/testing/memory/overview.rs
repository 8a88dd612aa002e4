//! The streams in memory as an operator sees them.

use ssf_types::{id::StreamId, metadata::DefaultSubjects};

use super::{
    MemoryStore, State,
    kept::{Kept, KeptDelivery},
};
use crate::{
    domain::{
        delivery::DeliveryState,
        event::AcceptedEvent,
        fan_out::{FanOut, SkipReason},
        issuer::IssuerName,
        stream::Stream,
    },
    ports::{Backlog, Preview, StoreError, StreamFilter, StreamOverview},
};

impl StreamOverview for MemoryStore {
    async fn find_streams(
        &self,
        filter: &StreamFilter,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<Stream>, StoreError> {
        let state = self.state();
        let fits = |stream: &&Stream| {
            filter
                .issuer
                .as_ref()
                .is_none_or(|issuer| stream.issuer == *issuer)
                && filter
                    .receiver
                    .is_none_or(|receiver| stream.receiver == receiver)
                && filter
                    .status
                    .as_ref()
                    .is_none_or(|status| stream.status == *status)
                && after.is_none_or(|after| stream.id.as_str() > after.as_str())
        };
        let streams = state.streams.iter().map(|kept| &kept.stream);
        let mut found: Vec<Stream> = streams.filter(fits).cloned().collect();
        found.sort_by(|left, right| left.id.as_str().cmp(right.id.as_str()));
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn stream_with_backlog(
        &self,
        id: &StreamId,
    ) -> Result<Option<(Stream, Backlog)>, StoreError> {
        let state = self.state();
        let Some(kept) = state.streams.iter().find(|kept| kept.stream.id == *id) else {
            return Ok(None);
        };
        let pending = |kept: &&KeptDelivery| !kept.state.is_settled();
        let refused =
            |kept: &&KeptDelivery| matches!(kept.state, DeliveryState::Quarantined { .. });
        let deliveries = || kept.deliveries.values();
        let backlog = Backlog {
            pending: deliveries().filter(pending).count() as u64,
            quarantined: deliveries().filter(refused).count() as u64,
            oldest_pending_at: deliveries().find(pending).map(|kept| kept.delivery.iat),
        };
        Ok(Some((kept.stream.clone(), backlog)))
    }

    async fn preview<D>(
        &self,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        (after, limit): (Option<&StreamId>, u64),
        decide: D,
    ) -> Result<Preview, StoreError>
    where
        D: FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut + Send,
    {
        let fan_out = {
            let state = self.state();
            let next = state.events.len();
            state.decided_at(issuer, event, next, decide)
        };
        let of_issuer = StreamFilter {
            issuer: Some(issuer.clone()),
            ..StreamFilter::default()
        };
        let streams = self.find_streams(&of_issuer, after, limit).await?;
        Ok(Preview::new(fan_out, streams))
    }
}

impl State {
    /// What is decided about an event of `issuer` at a position.
    pub(super) fn decided_at(
        &self,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        position: usize,
        decide: impl FnOnce(&AcceptedEvent, &[StreamId]) -> FanOut,
    ) -> FanOut {
        let of_issuer = |kept: &&Kept| kept.stream.issuer == *issuer;
        let interested = self.streams.iter().filter(of_issuer);
        let interested = interested
            .filter(|kept| kept.foresees(event, position) == Some(Ok(())))
            .map(|kept| kept.stream.id.clone());
        let interested: Vec<StreamId> = interested.collect();
        let mut fan_out = decide(event, &interested);
        let mut left_out = self.left_out(issuer, event, position);
        fan_out.skipped.append(&mut left_out);
        fan_out
    }

    /// The streams of `issuer` that are interested in an event at a position, and are left out.
    pub(super) fn left_out(
        &self,
        issuer: &IssuerName,
        event: &AcceptedEvent,
        position: usize,
    ) -> Vec<(StreamId, SkipReason)> {
        let of_issuer = |kept: &&Kept| kept.stream.issuer == *issuer;
        let streams = self.streams.iter().filter(of_issuer);
        let left_out = streams.filter_map(|kept| {
            let reason = kept.foresees(event, position)?.err()?;
            Some((kept.stream.id.clone(), reason))
        });
        left_out.collect()
    }
}

impl Kept {
    /// Whether the stream gets an event at a position, or is left out; `None` if it is not interested.
    fn foresees(&self, event: &AcceptedEvent, position: usize) -> Option<Result<(), SkipReason>> {
        let first = self.first_events.get(&event.event.event.uri())?;
        if position < *first {
            return None;
        }
        let covered = self.covers(event, position);
        match self.stream.default_subjects {
            DefaultSubjects::None if !covered => None,
            DefaultSubjects::None | DefaultSubjects::All if self.disabled_until > position => {
                Some(Err(SkipReason::StreamDisabled))
            }
            DefaultSubjects::All if !covered => Some(Err(SkipReason::SubjectRemoved)),
            DefaultSubjects::None | DefaultSubjects::All => Some(Ok(())),
        }
    }
}
