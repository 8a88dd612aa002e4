//! Values of the installation.

use std::future::Future;

use super::StoreError;

/// Values of the installation, such as the fingerprint of the operator's token. The caller seals what is secret.
pub trait Settings {
    /// The value called `name`.
    fn setting(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Option<Vec<u8>>, StoreError>> + Send;

    /// Stores a value, unless there is one.
    fn insert_setting(
        &self,
        name: &str,
        value: &[u8],
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;

    /// Stores a value, whether there was one or not.
    fn replace_setting(
        &self,
        name: &str,
        value: &[u8],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What came of a write that only the first one makes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FirstWrite {
    /// It was the first.
    Written,
    /// There was something, and it is unchanged.
    AlreadyThere,
}
