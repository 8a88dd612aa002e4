//! The ledger, and what has waited longest.

use std::future::Future;

use ssf_types::time::Timestamp;

use super::StoreError;
use crate::domain::ledger::Ledger;

/// Tells what was counted.
pub trait LedgerStore {
    /// Reads all terms at one moment, by way of the rows that there are: every pending and quarantined delivery, and every
    /// record of the fan-out.
    fn ledger(&self) -> impl Future<Output = Result<Ledger, StoreError>> + Send;

    /// The earliest `iat` among the deliveries that are pending on streams that are not held.
    fn oldest_pending(&self) -> impl Future<Output = Result<Option<Timestamp>, StoreError>> + Send;
}
