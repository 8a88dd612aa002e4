//! Sessions of actix-session that do not outlive what ended them.

use std::{collections::HashMap, error::Error};

use actix_session::storage::{self, LoadError, SaveError, SessionKey, UpdateError};
use actix_web::cookie::time::Duration;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_types::error::Chain;

use super::{SessionId, SessionStore, SessionStoreError, ValueStore, Written};
use crate::{
    receiver::Receiver,
    session::{Session, SessionKeys},
};

/// What actix-session keeps of a session: JSON by name.
type State = HashMap<String, String>;

/// The entry of a session with what it is decided by, unless told otherwise.
const ENTRY: &str = "ssf";

/// A store of actix-session whose sessions are registered in `I`, and neither come from nor go into the store once they are over.
///
/// A session is one that is decided by an entry of it, `ssf` unless told otherwise: a [`SessionKeys`] or a [`Session`], which sign-in
/// inserts. Others are left alone. One that is over is not loaded, so that whoever has it starts with an empty one, and it is deleted;
/// a request under way cannot bring it back, since it is decided upon before and after it is written.
///
/// `I` deletes what `S` has of a session, too: in the same Redis or database, or it is the very same store.
///
/// ```no_run
/// # use actix_session::SessionMiddleware;
/// # use actix_web::{App, HttpServer, cookie::Key};
/// # use ssf_receiver::{Receiver, sessions::{ActixStore, Ending, MemorySessions}};
/// # async fn run(receiver: Receiver, key: Key) -> Result<(), Box<dyn std::error::Error>> {
/// let sessions = MemorySessions::default();
/// receiver.delete_sessions("sessions", sessions.clone()).await?;
/// let store = Ending::new(receiver, ActixStore::new(sessions.clone()), sessions);
/// let app = move || App::new().wrap(SessionMiddleware::new(store.clone(), key.clone()));
/// # Ok(HttpServer::new(app).bind("127.0.0.1:0")?.run().await?)
/// # }
/// ```
#[derive(Clone)]
pub struct Ending<S, I> {
    receiver: Receiver,
    stored: S,
    registered: I,
    entry: String,
}

impl<S, I> Ending<S, I> {
    /// Has the sessions in `stored` end with what the receiver takes.
    pub fn new(receiver: Receiver, stored: S, registered: I) -> Self {
        Self {
            receiver,
            stored,
            registered,
            entry: ENTRY.to_owned(),
        }
    }

    /// Names the entry with what a session is decided by.
    #[must_use]
    pub fn entry(mut self, name: impl Into<String>) -> Self {
        self.entry = name.into();
        self
    }

    /// What a session is decided by; `None` if nobody has signed in.
    fn keys(&self, state: &State) -> Option<SessionKeys> {
        let json = state.get(&self.entry)?;
        if let Ok(keys) = serde_json::from_str(json) {
            return Some(keys);
        }
        let session: Session = serde_json::from_str(json).ok()?;
        Some(self.receiver.keys(&session))
    }

    fn is_over(&self, keys: &SessionKeys) -> bool {
        self.receiver.core().decide(keys).decision.is_final()
    }
}

impl<S: storage::SessionStore, I: SessionStore> Ending<S, I> {
    /// Registers a session that was written, or takes it back if it is over by now.
    async fn keep(
        &self,
        key: &SessionKey,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        let written = (self.registered)
            .register(&id, keys, ttl.unsigned_abs())
            .await?;
        // After it was written and registered: a SET that did not find it there is found here.
        if written == Written::Gone || self.is_over(keys) {
            self.take_back(key).await?;
        }
        Ok(())
    }

    /// Deletes a session that nobody gets any more, whether it is there or not.
    async fn give_up(&self, key: &SessionKey) {
        if let Err(error) = self.take_back(key).await {
            let error: &(dyn Error + 'static) = error.as_ref();
            tracing::warn!(error = %Chain(error), "a session that has ended is refused, and not deleted");
        }
    }

    async fn take_back(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        self.stored.delete(key).await?;
        Ok(self.registered.end(&[id]).await?)
    }
}

impl<S: storage::SessionStore, I: SessionStore> storage::SessionStore for Ending<S, I> {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let Some(state) = self.stored.load(key).await? else {
            return Ok(None);
        };
        if let Some(keys) = self.keys(&state)
            && self.is_over(&keys)
        {
            self.give_up(key).await;
            return Ok(None);
        }
        Ok(Some(state))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let Some(keys) = self.keys(&state) else {
            return self.stored.save(state, ttl).await;
        };
        if self.is_over(&keys) {
            return new_key().map_err(SaveError::Other);
        }
        let key = self.stored.save(state, ttl).await?;
        let kept = self.keep(&key, &keys, *ttl).await;
        if kept.is_err() {
            // Nobody is told its name, and no SET would find it. It ends by itself if this fails as well.
            let _ = self.stored.delete(&key).await;
        }
        kept.map_err(SaveError::Other)?;
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        let former = SessionId::parse(key.as_ref());
        let former = former.map_err(|error| UpdateError::Other(error.into()))?;
        let keys = self.keys(&state);
        if let Some(keys) = &keys
            && self.is_over(keys)
        {
            self.give_up(&key).await;
            return Ok(key);
        }
        // It may get another name: that of Redis has one that is gone begin anew.
        let key = self.stored.update(key, state, ttl).await?;
        if keys.is_none() || key.as_ref() != former.as_str() {
            let withdrawn = self.registered.withdraw(&former).await;
            withdrawn.map_err(|error| UpdateError::Other(error.into()))?;
        }
        if let Some(keys) = &keys {
            let kept = self.keep(&key, keys, *ttl).await;
            kept.map_err(UpdateError::Other)?;
        }
        Ok(key)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        self.stored.update_ttl(key, ttl).await?;
        Ok(self.registered.extend(&id, ttl.unsigned_abs()).await?)
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        self.stored.delete(key).await?;
        Ok(self.registered.withdraw(&id).await?)
    }
}

/// A store of actix-session that keeps its sessions in `V`, each as a JSON object, under names of 256 random bits.
#[derive(Clone, Debug)]
pub struct ActixStore<V>(V);

impl<V> ActixStore<V> {
    /// Keeps sessions in `values`.
    pub fn new(values: V) -> Self {
        Self(values)
    }
}

impl<V: ValueStore> storage::SessionStore for ActixStore<V> {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let other = |error: SessionStoreError| LoadError::Other(error.into());
        let id = SessionId::parse(key.as_ref()).map_err(other)?;
        let Some(value) = self.0.load(&id).await.map_err(other)? else {
            return Ok(None);
        };
        let state = serde_json::from_str(&value);
        state.map_err(|error| LoadError::Deserialization(error.into()))
    }

    async fn save(&self, state: State, ttl: &Duration) -> Result<SessionKey, SaveError> {
        let other = |error: SessionStoreError| SaveError::Other(error.into());
        let value = serde_json::to_string(&state);
        let value = value.map_err(|error| SaveError::Serialization(error.into()))?;
        let key = new_key().map_err(SaveError::Other)?;
        let id = SessionId::parse(key.as_ref()).map_err(other)?;
        // A name that nobody has had is not gone.
        let saved = self.0.save(&id, &value, ttl.unsigned_abs()).await;
        saved.map_err(other)?;
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: State,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        let other = |error: SessionStoreError| UpdateError::Other(error.into());
        let value = serde_json::to_string(&state);
        let value = value.map_err(|error| UpdateError::Serialization(error.into()))?;
        let id = SessionId::parse(key.as_ref()).map_err(other)?;
        let saved = self.0.save(&id, &value, ttl.unsigned_abs()).await;
        match saved.map_err(other)? {
            Written::Kept => Ok(key),
            // Another sign-in of whoever had the former: it gets a name of its own.
            Written::Gone => match self.save(state, ttl).await {
                Ok(key) => Ok(key),
                Err(SaveError::Serialization(error)) => Err(UpdateError::Serialization(error)),
                Err(SaveError::Other(error)) => Err(UpdateError::Other(error)),
            },
        }
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        Ok(self.0.extend(&id, ttl.unsigned_abs()).await?)
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let id = SessionId::parse(key.as_ref())?;
        Ok(self.0.delete(&id).await?)
    }
}

/// A name that no session has.
fn new_key() -> Result<SessionKey, anyhow::Error> {
    let random: [u8; 32] = rand::random();
    Ok(SessionKey::try_from(BASE64URL.encode(random))?)
}
