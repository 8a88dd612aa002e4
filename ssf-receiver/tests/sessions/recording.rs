//! A store of actix-session that takes its time, and remembers every name that a session was given.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::time::Duration;
use tokio::task::yield_now;

#[derive(Clone)]
pub(crate) struct Recording<S> {
    inner: S,
    names: Rc<RefCell<Vec<String>>>,
}

impl<S: SessionStore> Recording<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            names: Rc::default(),
        }
    }

    /// The sessions that are there, of all that ever were.
    pub(crate) async fn left(&self) -> Vec<HashMap<String, String>> {
        let names = self.names.borrow().clone();
        let mut left = Vec::new();
        for name in names {
            left.extend(self.inner.load(&key(name)).await.unwrap());
        }
        left
    }

    /// Others have a few turns now.
    async fn pause() {
        for _ in 0..rand::random_range(0..8) {
            yield_now().await;
        }
    }

    fn record(&self, key: &SessionKey) {
        let name = key.as_ref().to_owned();
        let mut names = self.names.borrow_mut();
        if !names.contains(&name) {
            names.push(name);
        }
    }
}

pub(crate) fn key(name: impl Into<String>) -> SessionKey {
    SessionKey::try_from(name.into()).unwrap()
}

impl<S: SessionStore> SessionStore for Recording<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<HashMap<String, String>>, LoadError> {
        Self::pause().await;
        let loaded = self.inner.load(key).await;
        Self::pause().await;
        loaded
    }

    async fn save(
        &self,
        state: HashMap<String, String>,
        ttl: &Duration,
    ) -> Result<SessionKey, SaveError> {
        Self::pause().await;
        let key = self.inner.save(state, ttl).await?;
        self.record(&key);
        Self::pause().await;
        Ok(key)
    }

    async fn update(
        &self,
        key: SessionKey,
        state: HashMap<String, String>,
        ttl: &Duration,
    ) -> Result<SessionKey, UpdateError> {
        Self::pause().await;
        let key = self.inner.update(key, state, ttl).await?;
        self.record(&key);
        Self::pause().await;
        Ok(key)
    }

    async fn update_ttl(&self, key: &SessionKey, ttl: &Duration) -> Result<(), anyhow::Error> {
        self.inner.update_ttl(key, ttl).await
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        Self::pause().await;
        self.inner.delete(key).await
    }
}
