//! Letting go of what is old, a bounded part at a time.

use std::future::Future;

use ssf_types::time::Timestamp;

use super::StoreError;

/// Lets go of what is old. Each step is short, and leaves the ledger balanced; whoever crashes between two goes on with the
/// next.
pub trait RetentionStore {
    /// Drops at most `limit` of the pending deliveries whose SETs have an `iat` before `before`, the oldest first, with a
    /// record for each stream; returns how many. What they held back becomes due at `now`.
    ///
    /// Those of few streams are dropped in one step, so that it may be fewer than `limit` although there are more: none
    /// means that there are no more.
    fn expire_pending(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Takes one step of what a change or a deletion of a stream has ordered to be dropped, because it was too much for one
    /// step; returns how many deliveries it dropped, `None` if nothing is ordered.
    ///
    /// What is ordered is offered to nobody. Until it has gone it is pending for the ledger, and what its Receiver says of
    /// what it was sent before counts.
    fn drop_ordered(
        &self,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;

    /// Forgets at most `limit` of the deliveries that were acknowledged or dropped before `before`; returns how many.
    fn forget_settled(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Drops at most `limit` of the deliveries that were quarantined before `before`, as [`expire_pending`](Self::expire_pending)
    /// does.
    fn expire_quarantined(
        &self,
        before: Timestamp,
        now: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// Forgets events, with their records of the fan-out, that were fanned out before `before` and of which no delivery is
    /// left. Looks at no more than `limit` events, those behind the place `after`.
    fn forget_events(
        &self,
        before: Timestamp,
        after: u64,
        limit: u64,
    ) -> impl Future<Output = Result<ForgottenEvents, StoreError>> + Send;

    /// Forgets at most `limit` records of drops before `before`; returns how many.
    fn forget_drops(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> impl Future<Output = Result<u64, StoreError>> + Send;
}

/// What came of a look for events that can be forgotten.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ForgottenEvents {
    /// How many were.
    pub events: u64,
    /// The place behind which to look next; absent if there are none left that are old enough.
    pub next: Option<u64>,
}
