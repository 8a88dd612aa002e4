//! Who may manage streams.

use std::future::Future;

use ssf_types::{id::StreamId, time::Timestamp};

use super::{FirstWrite, StoreError};
use crate::domain::{
    credential::{Credential, Registered},
    id::{Fingerprint, ReceiverId},
    issuer::IssuerName,
    profile::Profile,
    push_hosts::PushHosts,
    receiver::Receiver,
};

/// Who may manage streams.
pub trait ReceiverStore {
    /// Adds a Receiver that shows these credentials.
    fn add_receiver(
        &self,
        receiver: &Receiver,
        credentials: &[Credential],
        now: Timestamp,
    ) -> impl Future<Output = Result<AddedReceiver, StoreError>> + Send;

    /// The Receiver of `issuer` that has a bearer token, or is an external client, with this fingerprint, which counts at
    /// `now`; at another issuer it is unknown.
    fn receiver_by_token(
        &self,
        issuer: &IssuerName,
        token: Fingerprint,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<Receiver>, StoreError>> + Send;

    /// The Receiver of `issuer` with this id; at another issuer it is unknown.
    fn receiver(
        &self,
        issuer: &IssuerName,
        id: ReceiverId,
    ) -> impl Future<Output = Result<Option<Receiver>, StoreError>> + Send;

    /// What a Receiver shows, also what counts no longer and was not cleared away yet.
    fn credentials(
        &self,
        id: ReceiverId,
    ) -> impl Future<Output = Result<Vec<Registered>, StoreError>> + Send;

    /// All Receivers, by name.
    fn receivers(&self) -> impl Future<Output = Result<Vec<Receiver>, StoreError>> + Send;

    /// Whether any Receiver of `issuer` has one of these profiles.
    fn has_profile(
        &self,
        issuer: &IssuerName,
        profiles: &[Profile],
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Gives a Receiver another profile, and takes the leases of its streams away: nobody who took one before settles
    /// anything under it.
    fn set_profile(
        &self,
        id: ReceiverId,
        profile: Profile,
    ) -> impl Future<Output = Result<ProfileSet, StoreError>> + Send;

    /// Binds a Receiver to these hosts, unless one of its streams is pushed elsewhere.
    fn bind_push_hosts(
        &self,
        id: ReceiverId,
        hosts: &PushHosts,
    ) -> impl Future<Output = Result<PushHostsBound, StoreError>> + Send;

    /// Gives a Receiver credentials in the place of those of the same kinds, which count until `until`.
    ///
    /// Credentials that were replaced before count no longer. If `until` is not later than `now`, nothing that was replaced
    /// counts, nor does any access token that was issued before.
    fn replace_credentials(
        &self,
        id: ReceiverId,
        credentials: &[Credential],
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<ReplacedCredentials, StoreError>> + Send;

    /// Takes all credentials from a Receiver; no access token of its counts any more. It is there, with its streams.
    fn revoke_receiver(
        &self,
        id: ReceiverId,
    ) -> impl Future<Output = Result<RemovedReceiver, StoreError>> + Send;

    /// Removes a Receiver that has no streams.
    fn remove_receiver(
        &self,
        id: ReceiverId,
    ) -> impl Future<Output = Result<RemovedReceiver, StoreError>> + Send;

    /// Remembers, until `until`, that a Receiver has used the assertion with this fingerprint.
    fn use_assertion(
        &self,
        id: ReceiverId,
        assertion: Fingerprint,
        until: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Result<FirstWrite, StoreError>> + Send;
}

/// What came of adding a Receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddedReceiver {
    /// It is there.
    Added,
    /// There was one with this name, and it is unchanged.
    NameTaken,
    /// There was one that shows the same: the same client of an external authorization server. Nothing changed.
    CredentialTaken,
}

/// What came of giving a Receiver another profile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProfileSet {
    /// It has that profile now.
    Set,
    /// There is no such Receiver.
    NotFound,
}

/// What came of binding a Receiver to hosts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PushHostsBound {
    /// Its streams are pushed there, and nowhere else from now on.
    Bound,
    /// These streams are pushed elsewhere; nothing changed.
    Elsewhere(Vec<StreamId>),
    /// There is no such Receiver.
    NotFound,
}

/// What came of replacing credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplacedCredentials {
    /// They are replaced.
    Replaced,
    /// Another Receiver shows the same; nothing changed.
    CredentialTaken,
    /// There is no such Receiver.
    NotFound,
}

/// What came of removing a Receiver, or its credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RemovedReceiver {
    /// It is done.
    Removed,
    /// The Receiver has streams, so that it stays.
    HasStreams,
    /// There is no such Receiver.
    NotFound,
}
