//! Sending once more what was settled.

use ssf_types::id::StreamId;

use super::ids;
use crate::{
    domain::{
        fan_out::PlannedDelivery,
        order::OrderKey,
        replay::{self, Way},
        stream::Stream,
    },
    ports::{Candidate, Clock, DeliveryFilter, Replay, ReplayPage, ReplayStore, StoreError},
};

/// Sends once more what `filter` lets through, at most `limit` deliveries, those behind `after`.
///
/// # Errors
/// The store is not available; nothing is sent.
pub async fn replay(
    (store, clock): (&impl ReplayStore, &impl Clock),
    (filter, after, limit): (&DeliveryFilter, Option<(&StreamId, u64)>, u64),
) -> Result<ReplayPage, StoreError> {
    let now = clock.now();
    let decide = |stream: &Stream, found: &Candidate| {
        let delivery = &found.delivery;
        let event_type = &delivery.event_type;
        let way = replay::replay(stream, event_type, delivery.standing, found.recency)?;
        Ok(match way {
            Way::Again => Replay::Again,
            Way::Anew => {
                let chosen = found.chosen.clone();
                let subject = chosen.as_ref().unwrap_or(&found.event.event.sub_id);
                Replay::Anew(PlannedDelivery {
                    stream: stream.id.clone(),
                    jti: ids::jti(now),
                    iat: now.whole_seconds(),
                    order: OrderKey::of(subject),
                    chosen,
                })
            }
        })
    };
    store.replay((filter, after, limit), now, decide).await
}
