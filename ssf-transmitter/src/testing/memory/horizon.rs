//! Ending what lies too far ahead in memory.

use ssf_types::{id::StreamId, time::Timestamp};

use super::{MemoryStore, kept::Kept};
use crate::{
    domain::{delivery::DeliveryState, horizon::Horizon},
    ports::{HorizonStore, StoreError},
};

/// Whether a moment is later than it may be; then it is another one.
fn draw_in(moment: &mut Timestamp, latest: Timestamp, becomes: Timestamp) -> bool {
    let is_beyond = *moment > latest;
    if is_beyond {
        *moment = becomes;
    }
    is_beyond
}

impl Kept {
    /// Whether anything was beyond the horizon.
    fn draw_in(&mut self, horizon: &Horizon) -> bool {
        let (past, now) = (horizon.past, horizon.now);
        let mut is_beyond = draw_in(&mut self.leased_until, horizon.lease, horizon.lease);
        is_beyond |= draw_in(&mut self.health.not_before, horizon.rest, now);
        is_beyond |= draw_in(&mut self.taken_at, past, now);
        is_beyond |= draw_in(&mut self.quiet_since, past, now);
        let since = self
            .health
            .trouble
            .as_mut()
            .map(|trouble| &mut trouble.since);
        let others = [self.verified_at.as_mut(), self.active_at.as_mut(), since];
        for moment in others.into_iter().flatten() {
            is_beyond |= draw_in(moment, past, now);
        }
        for kept in self.deliveries.values_mut() {
            if let DeliveryState::Pending { due, .. } = &mut kept.state {
                is_beyond |= draw_in(due, horizon.due, now);
            }
        }
        let answers = self.answers.len();
        self.answers.retain(|answer| answer.until <= horizon.answer);
        is_beyond || self.answers.len() < answers
    }
}

impl HorizonStore for MemoryStore {
    async fn draw_streams_in(
        &self,
        horizon: Horizon,
        after: Option<&StreamId>,
        limit: u64,
    ) -> Result<Vec<StreamId>, StoreError> {
        let mut state = self.state();
        let mut streams: Vec<&mut Kept> = state.streams.iter_mut().collect();
        streams.retain(|kept| after.is_none_or(|after| kept.stream.id > *after));
        streams.sort_by(|one, other| one.stream.id.cmp(&other.stream.id));
        let drawn_in = streams.into_iter().filter_map(|kept| {
            let is_beyond = kept.draw_in(&horizon);
            is_beyond.then(|| kept.stream.id.clone())
        });
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(drawn_in.take(limit).collect())
    }

    async fn draw_rest_in(&self, horizon: Horizon) -> Result<(), StoreError> {
        let state = &mut *self.state();
        let of_streams = state.streams.iter_mut().map(|kept| &mut kept.lost);
        let lost = of_streams
            .chain([&mut state.lost_of_gone_streams])
            .flatten();
        let ends = lost.map(|(_, end)| end);
        for end in ends.chain(state.fan_out.as_mut().map(|(_, end)| end)) {
            *end = horizon.lease.min(*end);
        }
        Ok(())
    }
}
