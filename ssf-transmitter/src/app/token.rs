//! The built-in token endpoint: clients show who they are and get access tokens (RFC 6749 §4.4, RFC 7523).

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use ssf_types::{error::Chain, jose::KeySet, time::Timestamp, uri::Issuer};
use tracing::{debug, info};

use crate::{
    access::{AccessTokens, Assertion, AssertionError, Failures},
    domain::{
        credential::{Credential, Registered},
        grant::Grant,
        id::ReceiverId,
        issuer::IssuerName,
        receiver::Receiver,
        scope::Scopes,
        token_request::{ClientProof, TokenRequest},
    },
    ports::{CorruptRow, FirstWrite, ReceiverStore, StoreError},
    sealing::Sealer,
    token::TokenKind,
};

/// What issuing a token needs; it is borrowed from whoever serves.
#[derive(Clone, Copy, Debug)]
pub struct Issuing<'a, S> {
    /// Where clients are kept.
    pub store: &'a S,
    /// Makes the fingerprints of secrets.
    pub sealer: &'a Sealer,
    /// Makes the tokens.
    pub tokens: &'a AccessTokens,
    /// Counts those who fail.
    pub failures: &'a Failures,
    /// Whose clients these are.
    pub name: &'a IssuerName,
    /// The `iss` and the `aud` of the tokens.
    pub issuer: &'a Issuer,
    /// The URL at which tokens are asked for: like the issuer, a name of this server in assertions.
    pub endpoint: &'a str,
    /// How long a token counts; whole seconds.
    pub life: Duration,
}

/// A token, and what it is good for.
#[derive(Debug)]
#[non_exhaustive]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// To whom it was issued.
    pub receiver: ReceiverId,
    /// What it lets its bearer do.
    pub scopes: Scopes,
}

/// No token was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// There is no such client, or it does not show that it is the one: which of the two, nobody learns.
    #[error("the client is not known, or its secret or assertion is not valid")]
    Client,
    /// The same, too often.
    #[error("the client has failed too often")]
    TooOften {
        /// How long it has to wait; who is right need not.
        retry_after: Duration,
    },
    /// The client may not do that much.
    #[error("the client may not have all of these scopes")]
    Scope,
    /// The store did not do it.
    #[error("the client cannot be looked up")]
    Store(#[source] StoreError),
}

/// Why a client is not taken for the one that it says to be; for the log alone.
#[derive(Debug, thiserror::Error)]
enum Doubt {
    #[error("there is no such client")]
    Unknown,
    #[error("the secret is not the client's")]
    Secret,
    #[error("the assertion is not valid")]
    Assertion(#[source] AssertionError),
    #[error("client_id is not the one in the assertion")]
    OtherClient,
    #[error("the assertion was used before")]
    Replayed,
}

impl<S: ReceiverStore> Issuing<'_, S> {
    /// Issues a token to the client that shows who it is.
    ///
    /// # Errors
    /// It does not, it asks for more than it may have, or the store is not available.
    pub async fn issue(
        &self,
        request: &TokenRequest,
        now: Timestamp,
    ) -> Result<IssuedToken, IssueError> {
        let receiver = match &request.proof {
            ClientProof::Secret { client_id, secret } => {
                let proven = self.by_secret(client_id, secret, now).await;
                self.judge(proven, client_id, now)?
            }
            ClientProof::Assertion {
                client_id,
                assertion,
            } => {
                let parsed = Assertion::parse(assertion.expose_secret());
                let claimed = parsed.as_ref().map_or("", Assertion::client_id).to_owned();
                let proven = match parsed.map_err(Doubt::Assertion) {
                    Ok(assertion) => {
                        self.by_assertion(client_id.as_deref(), &assertion, now)
                            .await
                    }
                    Err(doubt) => Ok(Err(doubt)),
                };
                self.judge(proven, &claimed, now)?
            }
        };
        let scopes = receiver
            .scopes
            .narrowed(request.scopes.as_ref())
            .ok_or(IssueError::Scope)?;
        let grant = Grant::new(receiver.id, scopes, receiver.token_epoch);
        let token = self.tokens.issue(&grant, self.issuer, now, self.life);
        Ok(IssuedToken {
            token,
            receiver: receiver.id,
            scopes: grant.scopes,
        })
    }

    /// Counts a failure, and tells the client nothing but that it failed.
    fn judge(
        &self,
        proven: Result<Result<Receiver, Doubt>, StoreError>,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Receiver, IssueError> {
        let doubt = match proven.map_err(IssueError::Store)? {
            Ok(receiver) => return Ok(receiver),
            Err(doubt) => doubt,
        };
        // What a stranger calls itself may be a secret in the wrong place.
        if let Some(id) = ReceiverId::parse(client_id) {
            info!(receiver.id = %id, reason = %Chain(&doubt), "client not recognised");
        } else {
            debug!(reason = %Chain(&doubt), "client not recognised");
        }
        match self.failures.count(client_id, now) {
            Some(retry_after) => Err(IssueError::TooOften { retry_after }),
            None => Err(IssueError::Client),
        }
    }

    async fn by_secret(
        &self,
        client_id: &str,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<Result<Receiver, Doubt>, StoreError> {
        let Some((receiver, registered)) = self.client(client_id, now).await? else {
            return Ok(Err(Doubt::Unknown));
        };
        let shown = TokenKind::ClientSecret.fingerprint(self.sealer, secret.expose_secret());
        // Keyed fingerprints: the time that comparing them takes tells nothing about the secret.
        let shown = Credential::ClientSecret(shown);
        let is_own = registered.iter().any(|own| own.credential == shown);
        Ok(if is_own {
            Ok(receiver)
        } else {
            Err(Doubt::Secret)
        })
    }

    async fn by_assertion(
        &self,
        client_id: Option<&str>,
        assertion: &Assertion<'_>,
        now: Timestamp,
    ) -> Result<Result<Receiver, Doubt>, StoreError> {
        if client_id.is_some_and(|id| id != assertion.client_id()) {
            return Ok(Err(Doubt::OtherClient));
        }
        let Some((receiver, registered)) = self.client(assertion.client_id(), now).await? else {
            return Ok(Err(Doubt::Unknown));
        };
        let keys = client_keys(receiver.id, &registered)?;
        let audience = [self.endpoint, self.issuer.as_str()];
        let checked = match assertion.check(&keys, &audience, now) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(Doubt::Assertion(error))),
        };
        let used = self
            .sealer
            .fingerprint("client assertion", checked.jti.as_bytes());
        let use_once = self
            .store
            .use_assertion(receiver.id, used, checked.until, now);
        Ok(match use_once.await? {
            FirstWrite::Written => Ok(receiver),
            FirstWrite::AlreadyThere => Err(Doubt::Replayed),
        })
    }

    /// A client of this issuer, with what counts of what it shows.
    async fn client(
        &self,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Option<(Receiver, Vec<Registered>)>, StoreError> {
        let Some(id) = ReceiverId::parse(client_id) else {
            return Ok(None);
        };
        let Some(receiver) = self.store.receiver(self.name, id).await? else {
            return Ok(None);
        };
        let mut registered = self.store.credentials(id).await?;
        registered.retain(|own| own.counts(now));
        Ok(Some((receiver, registered)))
    }
}

fn client_keys(id: ReceiverId, registered: &[Registered]) -> Result<Vec<KeySet>, CorruptRow> {
    let mut sets = Vec::new();
    for own in registered {
        if let Credential::ClientKeys(jwks) = &own.credential {
            let corrupt =
                |_| CorruptRow::new("receiver_credential", id.to_string(), "keys are not a JWKS");
            sets.push(KeySet::parse(jwks.as_bytes()).map_err(corrupt)?);
        }
    }
    Ok(sets)
}
