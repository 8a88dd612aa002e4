//! Who may manage streams.

use std::future::Future;

use ssf_types::time::Timestamp;

use super::StoreError;
use crate::domain::{id::Fingerprint, issuer::IssuerName, receiver::Receiver};

/// Who may manage streams.
pub trait ReceiverStore {
    /// Adds a Receiver that presents the token with this fingerprint.
    fn add_receiver(
        &self,
        receiver: &Receiver,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<AddedReceiver, StoreError>> + Send;

    /// The Receiver of `issuer` that presents the token with this fingerprint; at another issuer the token is unknown.
    fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
    ) -> impl Future<Output = Result<Option<Receiver>, StoreError>> + Send;

    /// All Receivers, by name.
    fn receivers(&self) -> impl Future<Output = Result<Vec<Receiver>, StoreError>> + Send;
}

/// What came of adding a Receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddedReceiver {
    /// It is there.
    Added,
    /// There was one with this name, and it is unchanged.
    NameTaken,
}
