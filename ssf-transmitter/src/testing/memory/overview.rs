//! The streams in memory as an operator sees them.

use ssf_types::{id::StreamId, metadata::DefaultSubjects};

use super::{
    MemoryStore,
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
            let (mut interested, mut skipped) = (Vec::new(), Vec::new());
            for kept in &state.streams {
                if kept.stream.issuer != *issuer {
                    continue;
                }
                let id = kept.stream.id.clone();
                match kept.foresees(event, next) {
                    Some(Ok(())) => interested.push(id),
                    Some(Err(reason)) => skipped.push((id, reason)),
                    None => {}
                }
            }
            let mut fan_out = decide(event, &interested);
            fan_out.skipped.append(&mut skipped);
            fan_out
        };
        let of_issuer = StreamFilter {
            issuer: Some(issuer.clone()),
            ..StreamFilter::default()
        };
        let streams = self.find_streams(&of_issuer, after, limit).await?;
        Ok(Preview::new(fan_out, streams))
    }
}

impl Kept {
    /// Whether the stream gets an event at a position behind all others, or is left out; `None` if it is not interested.
    fn foresees(&self, event: &AcceptedEvent, position: usize) -> Option<Result<(), SkipReason>> {
        if !self.first_events.contains_key(&event.event.event.uri()) {
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
