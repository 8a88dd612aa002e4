//! The signing keys.

use std::future::Future;

use super::{FirstWrite, StoreError};
use crate::domain::{issuer::IssuerName, key::StoredKey};

/// The signing keys.
pub trait KeyStore {
    /// All keys of `issuer`, newest first.
    fn signing_keys(
        &self,
        issuer: &IssuerName,
    ) -> impl Future<Output = Result<Vec<StoredKey>, StoreError>> + Send;

    /// Stores the first key of its issuer, unless there is one: of several nodes that start together, one makes the key of
    /// all.
    fn insert_first_key(
        &self,
        key: &StoredKey,
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;
}
