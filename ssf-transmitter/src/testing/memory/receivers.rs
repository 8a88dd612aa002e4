//! Receivers in memory.

use ssf_types::time::Timestamp;

use super::MemoryStore;
use crate::{
    domain::{id::Fingerprint, issuer::IssuerName, receiver::Receiver},
    ports::{AddedReceiver, ReceiverStore, StoreError},
};

impl ReceiverStore for MemoryStore {
    async fn add_receiver(
        &self,
        receiver: &Receiver,
        token: Fingerprint,
        _now: Timestamp,
    ) -> Result<AddedReceiver, StoreError> {
        let mut state = self.state();
        if state
            .receivers
            .iter()
            .any(|(_, known)| known.name == receiver.name)
        {
            return Ok(AddedReceiver::NameTaken);
        }
        state.receivers.push((token, receiver.clone()));
        Ok(AddedReceiver::Added)
    }

    async fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
    ) -> Result<Option<Receiver>, StoreError> {
        let state = self.state();
        let is = |(known, receiver): &&(Fingerprint, Receiver)| {
            *known == token && receiver.issuer == *issuer
        };
        let found = state.receivers.iter().find(is);
        Ok(found.map(|(_, receiver)| receiver.clone()))
    }

    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let state = self.state();
        let mut receivers: Vec<Receiver> = state
            .receivers
            .iter()
            .map(|(_, receiver)| receiver.clone())
            .collect();
        receivers.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(receivers)
    }
}
