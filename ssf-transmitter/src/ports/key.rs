//! The signing keys.

use std::{collections::BTreeMap, future::Future};

use super::StoreError;
use crate::domain::{issuer::IssuerName, key::KeyRing};

/// The signing keys of all issuers.
pub trait KeyStore {
    /// A number that grows with every change of any key, so that looking for changes costs the reading of one row.
    fn keys_revision(&self) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The keys of each issuer that has any; at least as new as a revision that was read before.
    fn key_rings(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<IssuerName, KeyRing>, StoreError>> + Send;

    /// Changes the keys of `issuer` as `change` decides, and returns what they are then, or why nothing was changed.
    ///
    /// One change at a time: each decides on what the one before has left. Keys are added and changed, never taken out of
    /// the ring. The private part of a key that has none after the change is overwritten.
    fn change_keys<F, E>(
        &self,
        issuer: &IssuerName,
        change: F,
    ) -> impl Future<Output = Result<Result<KeyRing, E>, StoreError>> + Send
    where
        F: FnOnce(KeyRing) -> Result<KeyRing, E> + Send,
        E: Send;
}
