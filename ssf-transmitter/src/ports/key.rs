//! The signing keys.

use std::future::Future;

use super::{FirstWrite, StoreError};
use crate::domain::key::StoredKey;

/// The signing keys.
pub trait KeyStore {
    /// All keys, newest first.
    fn signing_keys(&self) -> impl Future<Output = Result<Vec<StoredKey>, StoreError>> + Send;

    /// Stores the first key, unless there is one: of several nodes that start together, one makes the key of all.
    fn insert_first_key(
        &self,
        key: &StoredKey,
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;
}
