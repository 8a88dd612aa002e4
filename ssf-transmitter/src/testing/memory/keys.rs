//! Keys in memory.

use std::collections::BTreeMap;

use super::MemoryStore;
use crate::{
    domain::{issuer::IssuerName, key::KeyRing},
    ports::{KeyStore, StoreError},
};

#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    revision: u64,
    rings: BTreeMap<IssuerName, KeyRing>,
}

impl KeyStore for MemoryStore {
    async fn keys_revision(&self) -> Result<u64, StoreError> {
        Ok(self.state().keys.revision)
    }

    async fn key_rings(&self) -> Result<BTreeMap<IssuerName, KeyRing>, StoreError> {
        Ok(self.state().keys.rings.clone())
    }

    async fn change_keys<F, E>(
        &self,
        issuer: &IssuerName,
        change: F,
    ) -> Result<Result<KeyRing, E>, StoreError>
    where
        F: FnOnce(KeyRing) -> Result<KeyRing, E> + Send,
        E: Send,
    {
        let keys = &mut self.state().keys;
        let before = keys.rings.get(issuer).cloned().unwrap_or_default();
        let after = match change(before.clone()) {
            Ok(after) => after,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if after.changed_since(&before).next().is_some() {
            keys.revision += 1;
            keys.rings.insert(issuer.clone(), after.clone());
        }
        Ok(Ok(after))
    }
}
