//! Ending what a clock that was wrong has put off.

use std::future::Future;

use ssf_types::id::StreamId;

use super::StoreError;
use crate::domain::horizon::Horizon;

/// Ends what lies beyond a horizon: nobody waits for it any longer.
///
/// A lease is the exception. It is shortened to the horizon, since whoever has it may be at work: its end by a steady clock
/// comes no later than that.
pub trait HorizonStore {
    /// Ends it on at most `limit` streams that come behind `after` in the order of their ids; returns which.
    ///
    /// A delivery that is no longer put off is due, unless it has to wait for an earlier one. The SETs of an answer to a poll
    /// are offered again.
    fn draw_streams_in(
        &self,
        horizon: Horizon,
        after: Option<&StreamId>,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<StreamId>, StoreError>> + Send;

    /// Ends it where it belongs to no stream that is there: the lease of the fan-out, leases that were taken away, and events
    /// that were set aside.
    fn draw_rest_in(&self, horizon: Horizon)
    -> impl Future<Output = Result<(), StoreError>> + Send;
}
