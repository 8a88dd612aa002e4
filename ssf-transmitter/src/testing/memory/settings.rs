//! Settings in memory.

use super::MemoryStore;
use crate::ports::{FirstWrite, Settings, StoreError};

impl Settings for MemoryStore {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.state().settings.get(name).cloned())
    }

    async fn insert_setting(&self, name: &str, value: &[u8]) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        if state.settings.contains_key(name) {
            return Ok(FirstWrite::AlreadyThere);
        }
        state.settings.insert(name.to_owned(), value.to_vec());
        Ok(FirstWrite::Written)
    }

    async fn replace_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.state()
            .settings
            .insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}
