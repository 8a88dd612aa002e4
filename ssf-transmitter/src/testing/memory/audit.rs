//! The audit log in memory.

use super::MemoryStore;
use crate::{
    domain::audit::{ChainHash, Entry, Link, Record},
    ports::{AuditStore, StoreError},
};

impl AuditStore for MemoryStore {
    /// Differs with its input, which is all that a test needs; nobody who would forge it can reach it.
    fn mac(&self, link: &[u8]) -> ChainHash {
        let mut hash = [0_u8; 32];
        for (at, byte) in link.iter().enumerate() {
            hash[at % 32] = hash[at % 32].rotate_left(3) ^ byte;
        }
        ChainHash::new(hash)
    }

    async fn record(&self, entry: Entry) -> Result<Link, StoreError> {
        let mut state = self.state();
        let last = state.audit.last().map(|record| record.link);
        let record = entry.link(last.unwrap_or_default(), |bytes| self.mac(bytes));
        let link = record.link;
        state.audit.push(record);
        Ok(link)
    }

    async fn head(&self) -> Result<Link, StoreError> {
        let state = self.state();
        let last = state.audit.last().map(|record| record.link);
        Ok(last.unwrap_or_default())
    }

    async fn records(&self, after: u64, limit: u64) -> Result<Vec<Record>, StoreError> {
        let state = self.state();
        let behind = state.audit.iter().filter(|record| record.link.seq > after);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(behind.take(limit).cloned().collect())
    }
}
