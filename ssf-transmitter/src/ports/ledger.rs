//! The ledger.

use std::future::Future;

use super::StoreError;
use crate::domain::ledger::Ledger;

/// Tells what was counted.
pub trait LedgerStore {
    /// Reads all terms at one moment, by way of the rows that there are: every pending and quarantined delivery, and every
    /// record of the fan-out.
    fn ledger(&self) -> impl Future<Output = Result<Ledger, StoreError>> + Send;
}
