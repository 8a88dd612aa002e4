//! Registering Receivers, giving them other credentials, and removing them; for the command line and for operators.

use std::time::Duration;

use ssf_types::{
    audience::Audience,
    id::StreamId,
    jose::{JwksError, KeyError, KeySet, PublicKey},
    json::{self, Members},
    jwt::is_name,
    time::Timestamp,
    uri::Issuer,
};
use tracing::info;

use super::ids;
use crate::{
    domain::{
        credential::{CLIENT_KEYS_MAX, Credential, CredentialKind, ExternalClient, OVERLAP_MAX},
        id::{Fingerprint, ReceiverId},
        issuer::IssuerName,
        profile::Profile,
        push_hosts::PushHosts,
        receiver::{Receiver, ReceiverNameError},
        scope::Scopes,
    },
    ports::{
        AddedReceiver, DeletedStream, ReceiverStore, RemovedReceiver, ReplacedCredentials,
        RetentionStore, StoreError, StreamLease, StreamStore,
    },
    sealing::Sealer,
    token::{BearerToken, TokenKind},
};

/// What a Receiver is to be recognised by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NewCredential {
    /// A bearer token, which is made here.
    Bearer,
    /// A client's secret, which is made here.
    ClientSecret,
    /// A client's public keys.
    ClientKeys(ClientKeys),
    /// The client of an external authorization server.
    External {
        /// The server's issuer.
        authorization_server: Issuer,
        /// The client as the server's tokens name it.
        client_id: String,
    },
}

/// Public keys of a client: 1 to [`CLIENT_KEYS_MAX`].
#[derive(Clone, Debug)]
pub struct ClientKeys(KeySet);

/// A document does not hold public keys of a client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientKeysError {
    /// It has `keys`, and is not a JWKS.
    #[error("it is not a JWKS")]
    NotJwks(#[source] JwksError),
    /// A key of it cannot be used.
    #[error("key {0}, counted from 0, cannot be used")]
    Key(usize, #[source] KeyError),
    /// There are none, or too many.
    #[error("a client has 1 to {CLIENT_KEYS_MAX} keys")]
    Count,
}

impl ClientKeys {
    /// Reads a JWKS, or one JWK. Each key has to be one that can be used, and public.
    ///
    /// # Errors
    /// Says what is wrong with the document.
    pub fn parse(document: &[u8]) -> Result<Self, ClientKeysError> {
        let is_set = json::check(document)
            .and_then(Members::parse)
            .is_ok_and(|members| members.has("keys"));
        let set = if is_set {
            KeySet::parse(document).map_err(ClientKeysError::NotJwks)?
        } else {
            let key = PublicKey::from_jwk(document);
            KeySet::new([key.map_err(|error| ClientKeysError::Key(0, error))?])
        };
        if let Some(passed_over) = set.passed_over().first() {
            let reason = passed_over.reason.clone();
            return Err(ClientKeysError::Key(passed_over.position, reason));
        }
        if set.is_empty() || set.len() > CLIENT_KEYS_MAX {
            return Err(ClientKeysError::Count);
        }
        Ok(Self(set))
    }
}

/// A Receiver that is to be registered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewReceiver {
    /// Whose events it gets.
    pub issuer: IssuerName,
    /// What the operator calls it.
    pub name: String,
    /// The `aud` of its SETs.
    pub audience: Audience,
    /// The most that it may do, by whatever token.
    pub scopes: Scopes,
    /// What it is to be recognised by; at least one, and no kind twice.
    pub credentials: Vec<NewCredential>,
    /// How it speaks.
    pub profile: Profile,
    /// Where its streams may push to.
    pub push_hosts: PushHosts,
}

impl NewReceiver {
    /// Describes a Receiver that may do everything with its own streams, and speaks SSF 1.0.
    pub fn new(
        issuer: IssuerName,
        name: impl Into<String>,
        audience: Audience,
        credentials: Vec<NewCredential>,
    ) -> Self {
        Self {
            issuer,
            name: name.into(),
            audience,
            scopes: Scopes::all(),
            credentials,
            profile: Profile::default(),
            push_hosts: PushHosts::any(),
        }
    }
}

/// A Receiver's secrets, which are shown now and never again.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Secrets {
    /// Its bearer token, if one was made.
    pub bearer: Option<BearerToken>,
    /// Its client secret, if one was made.
    pub client_secret: Option<BearerToken>,
}

/// A Receiver was not registered, or not given other credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is none.
    #[error(transparent)]
    Name(ReceiverNameError),
    /// The name is given.
    #[error("there is a receiver of this name already")]
    NameTaken,
    /// Nothing is said by which to recognise it, or one kind is said twice.
    #[error("a receiver is recognised by at least one credential, and by one of each kind")]
    Credentials,
    /// The client's name at the authorization server is none.
    #[error("the client_id of an external client has 1 to 255 bytes and no control characters")]
    ClientId,
    /// The external client is another Receiver already.
    #[error("another receiver is this client of the authorization server already")]
    ClientTaken,
    /// The time for which two may count is too long.
    #[error("the overlap is at most {} seconds", OVERLAP_MAX.as_secs())]
    Overlap,
    /// There is nothing to replace.
    #[error("the receiver has no bearer token and no client secret: say what it is to get")]
    NothingToReplace,
    /// There is no such Receiver.
    #[error("there is no such receiver")]
    NotFound,
    /// The store did not do it.
    #[error("the receiver cannot be stored")]
    Store(#[source] StoreError),
}

/// Registers a Receiver.
///
/// # Errors
/// It cannot be registered as it is described, or the store is not available.
pub async fn add(
    store: &impl ReceiverStore,
    sealer: &Sealer,
    new: NewReceiver,
    now: Timestamp,
) -> Result<(Receiver, Secrets), RegisterError> {
    let mut receiver = Receiver::new(ids::receiver_id(), new.issuer, new.name, new.audience)
        .map_err(RegisterError::Name)?;
    receiver.scopes = new.scopes;
    receiver.profile = new.profile;
    receiver.push_hosts = new.push_hosts;
    let (credentials, secrets) = made(&receiver.issuer, new.credentials, sealer)?;
    let added = store.add_receiver(&receiver, &credentials, now).await;
    match added.map_err(RegisterError::Store)? {
        AddedReceiver::Added => {
            info!(receiver.id = %receiver.id, "receiver added");
            Ok((receiver, secrets))
        }
        AddedReceiver::NameTaken => Err(RegisterError::NameTaken),
        AddedReceiver::CredentialTaken => Err(RegisterError::ClientTaken),
    }
}

/// Gives a Receiver other credentials; those of the same kinds count for `overlap` longer, or no longer if that is zero.
///
/// Without any, the secrets are replaced that it has. Zero also ends all access tokens that were issued to it.
///
/// # Errors
/// There is no such Receiver, nothing to replace, or the store is not available.
pub async fn rotate(
    store: &impl ReceiverStore,
    sealer: &Sealer,
    receiver: &Receiver,
    new: Vec<NewCredential>,
    overlap: Duration,
    now: Timestamp,
) -> Result<Secrets, RegisterError> {
    if overlap > OVERLAP_MAX {
        return Err(RegisterError::Overlap);
    }
    let new = if new.is_empty() {
        secrets_of(store, receiver.id).await?
    } else {
        new
    };
    let (credentials, secrets) = made(&receiver.issuer, new, sealer)?;
    let until = now.after(overlap);
    let replaced = store
        .replace_credentials(receiver.id, &credentials, until, now)
        .await;
    match replaced.map_err(RegisterError::Store)? {
        ReplacedCredentials::Replaced => {
            info!(receiver.id = %receiver.id, "receiver given other credentials");
            Ok(secrets)
        }
        ReplacedCredentials::CredentialTaken => Err(RegisterError::ClientTaken),
        ReplacedCredentials::NotFound => Err(RegisterError::NotFound),
    }
}

/// Of each secret that a Receiver has, a new one.
async fn secrets_of(
    store: &impl ReceiverStore,
    id: ReceiverId,
) -> Result<Vec<NewCredential>, RegisterError> {
    let registered = store.credentials(id).await.map_err(RegisterError::Store)?;
    let has = |kind| registered.iter().any(|own| own.credential.kind() == kind);
    let mut new = Vec::new();
    if has(CredentialKind::Bearer) {
        new.push(NewCredential::Bearer);
    }
    if has(CredentialKind::ClientSecret) {
        new.push(NewCredential::ClientSecret);
    }
    if new.is_empty() {
        return Err(RegisterError::NothingToReplace);
    }
    Ok(new)
}

/// What became of a Receiver's streams.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Removal {
    /// Streams that ended.
    pub streams: u64,
    /// Deliveries that were pending and are now dropped.
    pub dropped: u64,
    /// Who may be at work on each of them, to be waited for as [`Standstill`](super::standstill::Standstill) does.
    pub owners: Vec<(StreamId, Vec<StreamLease>)>,
}

/// Removes a Receiver: from the first moment nothing that it shows counts, then its streams end one by one, and what was
/// pending leaves a record. Whoever is interrupted repeats it.
///
/// Returns `None` if there is no such Receiver.
///
/// # Errors
/// The store is not available.
pub async fn remove<S: ReceiverStore + StreamStore + RetentionStore>(
    store: &S,
    id: ReceiverId,
    now: Timestamp,
) -> Result<Option<Removal>, StoreError> {
    let mut removal = Removal::default();
    if store.revoke_receiver(id).await? == RemovedReceiver::NotFound {
        return Ok(None);
    }
    loop {
        for stream in store.streams(id).await? {
            match store.delete_stream(id, &stream.id, now).await? {
                DeletedStream::Deleted { dropped, owners } => {
                    removal.streams += 1;
                    removal.dropped += dropped;
                    removal.owners.push((stream.id, owners));
                }
                DeletedStream::NotFound => {}
            }
        }
        // A request that was under way may have made one more stream.
        match store.remove_receiver(id).await? {
            RemovedReceiver::HasStreams => {
                // Streams with many deliveries are removed step by step.
                store.drop_ordered(now).await?;
            }
            RemovedReceiver::Removed | RemovedReceiver::NotFound => break,
        }
    }
    info!(receiver.id = %id, streams = removal.streams, deliveries.dropped = removal.dropped, "receiver removed");
    Ok(Some(removal))
}

/// The fingerprint of a client of an external authorization server, as a Receiver of `issuer`.
pub fn external_fingerprint(
    sealer: &Sealer,
    issuer: &IssuerName,
    authorization_server: &str,
    client_id: &str,
) -> Fingerprint {
    // None of the three has a line feed, so that no two mean the same.
    let client = format!("{issuer}\n{authorization_server}\n{client_id}");
    sealer.fingerprint("external client", client.as_bytes())
}

/// Makes the credentials, with their secrets.
fn made(
    issuer: &IssuerName,
    new: Vec<NewCredential>,
    sealer: &Sealer,
) -> Result<(Vec<Credential>, Secrets), RegisterError> {
    let mut credentials: Vec<Credential> = Vec::with_capacity(new.len());
    let mut secrets = Secrets::default();
    for new in new {
        let credential = match new {
            NewCredential::Bearer => {
                let token = secrets
                    .bearer
                    .insert(BearerToken::generate(TokenKind::Receiver));
                Credential::Bearer(token.fingerprint(sealer))
            }
            NewCredential::ClientSecret => {
                let secret = BearerToken::generate(TokenKind::ClientSecret);
                let secret = secrets.client_secret.insert(secret);
                Credential::ClientSecret(secret.fingerprint(sealer))
            }
            NewCredential::ClientKeys(ClientKeys(keys)) => {
                Credential::ClientKeys(keys.to_jwks().to_string())
            }
            NewCredential::External {
                authorization_server,
                client_id,
            } => {
                if !is_name(&client_id) {
                    return Err(RegisterError::ClientId);
                }
                let server = authorization_server.as_str();
                let found_by = external_fingerprint(sealer, issuer, server, &client_id);
                let client = ExternalClient::new(authorization_server, client_id, found_by);
                Credential::External(client)
            }
        };
        if credentials
            .iter()
            .any(|own| own.kind() == credential.kind())
        {
            return Err(RegisterError::Credentials);
        }
        credentials.push(credential);
    }
    if credentials.is_empty() {
        return Err(RegisterError::Credentials);
    }
    Ok((credentials, secrets))
}
