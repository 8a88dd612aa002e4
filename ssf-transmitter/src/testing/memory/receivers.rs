//! Receivers in memory.

use std::collections::HashMap;

use ssf_types::{id::StreamId, time::Timestamp};

use super::{MemoryStore, State};
use crate::{
    domain::{
        credential::{Credential, CredentialKind, Registered},
        id::{Fingerprint, ReceiverId},
        issuer::IssuerName,
        profile::Profile,
        push_hosts::PushHosts,
        receiver::Receiver,
    },
    ports::{
        AddedReceiver, FirstWrite, ProfileSet, PushHostsBound, ReceiverStore, RemovedReceiver,
        ReplacedCredentials, StoreError,
    },
};

#[derive(Clone, Debug)]
pub(super) struct KeptReceiver {
    receiver: Receiver,
    credentials: Vec<Registered>,
    assertions: HashMap<Fingerprint, Timestamp>,
}

impl State {
    fn receiver_mut(&mut self, id: ReceiverId) -> Option<&mut KeptReceiver> {
        self.receivers
            .iter_mut()
            .find(|kept| kept.receiver.id == id)
    }

    /// How the Receivers speak.
    pub(super) fn profiles(&self) -> HashMap<ReceiverId, Profile> {
        let receivers = self.receivers.iter().map(|kept| &kept.receiver);
        receivers.map(|known| (known.id, known.profile)).collect()
    }

    /// Whether a Receiver shows one of these, other than by keys.
    fn is_taken(&self, credentials: &[Credential]) -> bool {
        let taken = |credential: &Credential| {
            let mut all = self.receivers.iter().flat_map(|kept| &kept.credentials);
            let fingerprint = credential.fingerprint();
            fingerprint.is_some() && all.any(|own| own.credential.fingerprint() == fingerprint)
        };
        credentials.iter().any(taken)
    }
}

impl KeptReceiver {
    /// Whether it has a bearer token, or is an external client, with this fingerprint.
    fn shows(&self, token: Fingerprint, now: Timestamp) -> bool {
        self.credentials.iter().any(|own| {
            let by_token = match own.credential.kind() {
                CredentialKind::Bearer | CredentialKind::External => true,
                CredentialKind::ClientSecret | CredentialKind::ClientKeys => false,
            };
            by_token && own.counts(now) && own.credential.fingerprint() == Some(token)
        })
    }

    fn retire(&mut self, kind: CredentialKind, until: Timestamp, now: Timestamp) {
        self.credentials
            .retain(|own| own.credential.kind() != kind || (until > now && own.until.is_none()));
        for own in &mut self.credentials {
            if own.credential.kind() == kind {
                own.until = Some(until);
            }
        }
    }
}

impl ReceiverStore for MemoryStore {
    async fn add_receiver(
        &self,
        receiver: &Receiver,
        credentials: &[Credential],
        _now: Timestamp,
    ) -> Result<AddedReceiver, StoreError> {
        let mut state = self.state();
        let names = |kept: &KeptReceiver| kept.receiver.name == receiver.name;
        if state.receivers.iter().any(names) {
            return Ok(AddedReceiver::NameTaken);
        }
        if state.is_taken(credentials) {
            return Ok(AddedReceiver::CredentialTaken);
        }
        let new = |credential: &Credential| Registered::new(credential.clone(), None);
        state.receivers.push(KeptReceiver {
            receiver: receiver.clone(),
            credentials: credentials.iter().map(new).collect(),
            assertions: HashMap::new(),
        });
        Ok(AddedReceiver::Added)
    }

    async fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Receiver>, StoreError> {
        let state = self.state();
        let is = |kept: &&KeptReceiver| kept.receiver.issuer == *issuer && kept.shows(token, now);
        let found = state.receivers.iter().find(is);
        Ok(found.map(|kept| kept.receiver.clone()))
    }

    async fn receiver(
        &self,
        issuer: &IssuerName,
        id: ReceiverId,
    ) -> Result<Option<Receiver>, StoreError> {
        let state = self.state();
        let mut receivers = state.receivers.iter().map(|kept| &kept.receiver);
        let found = receivers.find(|known| known.issuer == *issuer && known.id == id);
        Ok(found.cloned())
    }

    async fn credentials(&self, id: ReceiverId) -> Result<Vec<Registered>, StoreError> {
        let mut state = self.state();
        let kept = state.receiver_mut(id);
        Ok(kept.map_or_else(Vec::new, |kept| kept.credentials.clone()))
    }

    async fn receivers(&self) -> Result<Vec<Receiver>, StoreError> {
        let state = self.state();
        let all = state.receivers.iter().map(|kept| kept.receiver.clone());
        let mut receivers: Vec<Receiver> = all.collect();
        receivers.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(receivers)
    }

    async fn has_profile(
        &self,
        issuer: &IssuerName,
        profiles: &[Profile],
    ) -> Result<bool, StoreError> {
        let state = self.state();
        let mut receivers = state.receivers.iter().map(|kept| &kept.receiver);
        Ok(receivers.any(|known| known.issuer == *issuer && profiles.contains(&known.profile)))
    }

    async fn set_profile(
        &self,
        id: ReceiverId,
        profile: Profile,
    ) -> Result<ProfileSet, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.receiver_mut(id) else {
            return Ok(ProfileSet::NotFound);
        };
        kept.receiver.profile = profile;
        let streams = state.streams.iter_mut();
        streams
            .filter(|kept| kept.stream.receiver == id)
            .for_each(super::Kept::take_lease_away);
        Ok(ProfileSet::Set)
    }

    async fn bind_push_hosts(
        &self,
        id: ReceiverId,
        hosts: &PushHosts,
    ) -> Result<PushHostsBound, StoreError> {
        let mut state = self.state();
        let own = state.streams.iter().map(|kept| &kept.stream);
        let foreign = own.filter(|own| own.receiver == id && !hosts.admit(&own.delivery));
        let elsewhere: Vec<StreamId> = foreign.map(|stream| stream.id.clone()).collect();
        let Some(kept) = state.receiver_mut(id) else {
            return Ok(PushHostsBound::NotFound);
        };
        if !elsewhere.is_empty() {
            return Ok(PushHostsBound::Elsewhere(elsewhere));
        }
        kept.receiver.push_hosts = hosts.clone();
        Ok(PushHostsBound::Bound)
    }

    async fn replace_credentials(
        &self,
        id: ReceiverId,
        credentials: &[Credential],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReplacedCredentials, StoreError> {
        let mut state = self.state();
        let taken = state.is_taken(credentials);
        let Some(kept) = state.receiver_mut(id) else {
            return Ok(ReplacedCredentials::NotFound);
        };
        if taken {
            return Ok(ReplacedCredentials::CredentialTaken);
        }
        for credential in credentials {
            kept.retire(credential.kind(), until, now);
            kept.credentials
                .push(Registered::new(credential.clone(), None));
        }
        if until <= now {
            kept.receiver.token_epoch += 1;
        }
        Ok(ReplacedCredentials::Replaced)
    }

    async fn revoke_receiver(&self, id: ReceiverId) -> Result<RemovedReceiver, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.receiver_mut(id) else {
            return Ok(RemovedReceiver::NotFound);
        };
        kept.credentials.clear();
        kept.receiver.token_epoch += 1;
        Ok(RemovedReceiver::Removed)
    }

    async fn remove_receiver(&self, id: ReceiverId) -> Result<RemovedReceiver, StoreError> {
        let mut state = self.state();
        if state.streams.iter().any(|kept| kept.stream.receiver == id) {
            return Ok(RemovedReceiver::HasStreams);
        }
        let before = state.receivers.len();
        state.receivers.retain(|kept| kept.receiver.id != id);
        Ok(if state.receivers.len() < before {
            RemovedReceiver::Removed
        } else {
            RemovedReceiver::NotFound
        })
    }

    async fn use_assertion(
        &self,
        id: ReceiverId,
        assertion: Fingerprint,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        let Some(kept) = state.receiver_mut(id) else {
            return Ok(FirstWrite::Written);
        };
        kept.assertions.retain(|_, until| now < *until);
        Ok(match kept.assertions.insert(assertion, until) {
            None => FirstWrite::Written,
            Some(_) => FirstWrite::AlreadyThere,
        })
    }
}
