//! The audit log.

use std::future::Future;

use super::StoreError;
use crate::domain::audit::{ChainHash, Entry, Link, Record};

/// The audit log: entries are added, and never changed or removed.
pub trait AuditStore {
    /// The keyed hash that links entries.
    fn mac(&self, link: &[u8]) -> ChainHash;

    /// Adds an entry at the end of the chain; it is durable with the answer, which is its place.
    fn record(&self, entry: Entry) -> impl Future<Output = Result<Link, StoreError>> + Send;

    /// The place of the last entry.
    fn head(&self) -> impl Future<Output = Result<Link, StoreError>> + Send;

    /// At most `limit` of the entries behind the one with the number `after`, oldest first.
    fn records(
        &self,
        after: u64,
        limit: u64,
    ) -> impl Future<Output = Result<Vec<Record>, StoreError>> + Send;
}
