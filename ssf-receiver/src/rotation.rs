//! Changing the push secret of a stream while SETs go on coming: a new one is stored, then the Transmitter is told of it, then it is
//! stored that it was, then the former one is forgotten.

use std::time::Duration;

use ssf_types::{
    error::Chain,
    secret::{AuthorizationHeader, AuthorizationHeaderError},
    stream::{Delivery, PushDelivery, UpdateStream},
    uri::EndpointUrl,
};
use tokio::time::Instant;

use crate::{
    client::{
        Http,
        stream::{StreamClient, StreamError},
    },
    clock,
    heartbeat::Asked,
    inbox::{Inbox, InboxError},
    push_secret::{Held, PushSecrets, new_text},
    stream::{Method, StreamMemory},
    transmitter::{Shared, Transmitter},
};

/// Wait after a request that failed; it doubles with each further one.
const DELAY_MIN: Duration = Duration::from_mins(1);

/// Longest wait.
const DELAY_MAX: Duration = Duration::from_hours(1);

/// The push secret cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// The stream is polled, or somebody else made it.
    #[error(
        "the receiver has no push secret of its own: the stream is polled, or somebody else made it"
    )]
    NotOurs,
    /// The database cannot be read or written; then nothing has changed.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// Never: what is made is a header.
    #[error(transparent)]
    Secret(AuthorizationHeaderError),
}

/// When the Transmitter is asked next.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    not_before: Option<Instant>,
    failed: u32,
}

impl Transmitter {
    /// Has the secret changed that the Transmitter pushes with, in the background: the new one and the former one are both
    /// accepted until the Transmitter has pushed with the new one, and for ten minutes more. What is begun is stored, so that a
    /// restart goes on with it. It changes nothing while a change is under way.
    ///
    /// # Errors
    /// The receiver does not manage the secret, or the database cannot be read or written.
    pub async fn rotate_push_secret(&self) -> Result<(), RotateError> {
        let shared = self.shared();
        let management = shared.management.as_ref().ok_or(RotateError::NotOurs)?;
        let Method::Push { secrets, .. } = &shared.method else {
            return Err(RotateError::NotOurs);
        };
        let begun = begin(&shared.core.inbox, &management.memory).await?;
        secrets.set(begun);
        Ok(())
    }
}

/// Begins a change, for whoever serves. The names are those of the settings of secret and change.
pub(crate) async fn begin(inbox: &impl Inbox, memory: &StreamMemory) -> Result<Held, RotateError> {
    let held = Held::read(&inbox.settings().await?, memory.secret_names());
    let held = held.ok_or(RotateError::NotOurs)?;
    let next = AuthorizationHeader::parse(new_text()).map_err(RotateError::Secret)?;
    let begun = held.begun(next);
    inbox
        .keep_settings(&begun.write(memory.secret_names())?)
        .await?;
    Ok(begun)
}

/// What a change works with.
struct Changing<'c> {
    shared: &'c Shared,
    endpoint: &'c EndpointUrl,
    secrets: &'c PushSecrets,
    memory: &'c StreamMemory,
}

impl Changing<'_> {
    /// Stores this, and accepts it.
    async fn keep(&self, held: Held) -> Result<(), RotateError> {
        let settings = held.write(self.memory.secret_names())?;
        self.shared.core.inbox.keep_settings(&settings).await?;
        self.secrets.set(held);
        Ok(())
    }

    /// What is stored; `None` if another instance has begun a change, of which not everybody may know yet.
    async fn held(&self) -> Result<Option<Held>, RotateError> {
        let known = self.secrets.held();
        if !self.shared.core.inbox.is_shared() {
            return Ok(Some(known));
        }
        let settings = self.shared.core.inbox.settings().await?;
        let held = Held::read(&settings, self.memory.secret_names());
        let held = held.ok_or(RotateError::NotOurs)?;
        let is_new = held.next().is_some() && known.next() != held.next();
        self.secrets.set(held.clone());
        Ok((!is_new).then_some(held))
    }

    /// Forgets the former secret when its time is over, and begins a change when the present one is old.
    async fn tend(&self, held: Held) -> Result<(), RotateError> {
        let now = clock::now();
        if self.secrets.is_former_over() {
            tracing::info!(issuer = %self.shared.issuer, "the former push secret counts no more");
            return self.keep(held.without_former()).await;
        }
        let Some(age_max) = self.shared.push_secret_age_max else {
            return Ok(());
        };
        if !held.is_dated() {
            return self.keep(held.made_by(now)).await;
        }
        if held.age(now) >= age_max {
            let begun = begin(&self.shared.core.inbox, self.memory).await?;
            self.secrets.set(begun);
        }
        Ok(())
    }
}

impl Rotation {
    /// Takes the step that is due, if one is. Steps are a look of the heartbeat apart, so that all instances know of a new secret
    /// before the Transmitter does.
    pub(crate) async fn step(&mut self, shared: &Shared, http: &Http, asked: &Asked) {
        let (Method::Push { endpoint, secrets }, Some(management)) =
            (&shared.method, &shared.management)
        else {
            return;
        };
        let changing = Changing {
            shared,
            endpoint,
            secrets,
            memory: &management.memory,
        };
        if let Err(error) = self.try_step(&changing, http, asked).await {
            tracing::warn!(error = %Chain(&error), "the push secret is not changed yet");
        }
    }

    async fn try_step(
        &mut self,
        changing: &Changing<'_>,
        http: &Http,
        asked: &Asked,
    ) -> Result<(), RotateError> {
        let Some(held) = changing.held().await? else {
            return Ok(());
        };
        if held.next().is_none() {
            return changing.tend(held).await;
        }
        let is_early = self.not_before.is_some_and(|at| Instant::now() < at);
        let Some(metadata) = changing.shared.keys.metadata().filter(|_| !is_early) else {
            return Ok(());
        };
        let client = StreamClient {
            http,
            metadata: &metadata,
            access: &asked.access,
        };
        let error = match tell(&client, asked, changing.endpoint, &held).await {
            Ok(()) => {
                *self = Self::default();
                tracing::info!(stream.id = %asked.stream_id, "the push secret is changed");
                return changing.keep(held.taken(clock::now())).await;
            }
            Err(error) => error,
        };
        if error.is_final() {
            *self = Self::default();
            tracing::error!(
                stream.id = %asked.stream_id, error = %Chain(&error),
                "the transmitter does not change the push secret, which stays as it is"
            );
            return changing.keep(held.refused(clock::now())).await;
        }
        let delay = DELAY_MIN.saturating_mul(1 << self.failed.min(16));
        self.not_before = Some(Instant::now() + delay.min(DELAY_MAX));
        self.failed += 1;
        tracing::warn!(error = %Chain(&error), "the transmitter is not told of a new push secret yet");
        Ok(())
    }
}

/// Has the Transmitter push with the next secret (SSF 1.0 §8.1.1.3).
async fn tell(
    client: &StreamClient<'_>,
    asked: &Asked,
    endpoint: &EndpointUrl,
    held: &Held,
) -> Result<(), StreamError> {
    let push = PushDelivery::new(endpoint.clone(), held.next().cloned());
    let mut request = UpdateStream::new(asked.stream_id.clone());
    request.delivery = Some(Delivery::Push(push));
    client.update(&request).await.map(drop)
}
