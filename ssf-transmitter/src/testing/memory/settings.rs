//! Keys and settings in memory.

use super::MemoryStore;
use crate::{
    domain::{issuer::IssuerName, key::StoredKey},
    ports::{FirstWrite, KeyStore, Settings, StoreError},
};

impl KeyStore for MemoryStore {
    async fn signing_keys(&self, issuer: &IssuerName) -> Result<Vec<StoredKey>, StoreError> {
        let state = self.state();
        let own = state.keys.iter().filter(|key| key.issuer == *issuer);
        Ok(own.cloned().collect())
    }

    async fn insert_first_key(&self, key: &StoredKey) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        if state.keys.iter().any(|known| known.issuer == key.issuer) {
            return Ok(FirstWrite::AlreadyThere);
        }
        state.keys.push(key.clone());
        Ok(FirstWrite::Written)
    }
}

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
