//! The streams in memory as an operator sees them.

use ssf_types::id::StreamId;

use super::{MemoryStore, kept::KeptDelivery};
use crate::{
    domain::{delivery::DeliveryState, stream::Stream},
    ports::{Backlog, StoreError, StreamFilter, StreamOverview},
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
}
