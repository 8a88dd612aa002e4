//! Sessions in memory: for one process, and for tests.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    GONE_FOR, RegisteredSession, SESSIONS_MAX, SessionId, SessionStore, SessionStoreError, TTL_MAX,
    ValueStore, Written,
};
use crate::{revocation::Fingerprint, session::SessionKeys};

/// Most sessions in memory, the marks of deleted ones included.
const HELD_MAX: usize = 1_000_000;

/// Holds sessions in memory; clones share them. They end with the process.
#[derive(Clone, Default)]
pub struct MemorySessions(Arc<Mutex<Held>>);

/// The sessions, and two ways to find them; each of those has every session that it is to have, and no other.
#[derive(Default)]
struct Held {
    sessions: HashMap<SessionId, Entry>,
    under: HashMap<Fingerprint, BTreeSet<(Instant, SessionId)>>,
    by_end: BTreeSet<(Instant, SessionId)>,
}

struct Entry {
    ends: Instant,
    state: State,
}

enum State {
    Live {
        value: Option<Arc<str>>,
        keys: Option<SessionKeys>,
    },
    Gone,
}

impl Held {
    fn put(&mut self, id: SessionId, entry: Entry) {
        for fingerprint in entry.fingerprints() {
            let sessions = self.under.entry(fingerprint).or_default();
            sessions.insert((entry.ends, id.clone()));
            if sessions.len() > SESSIONS_MAX {
                sessions.pop_first();
            }
        }
        self.by_end.insert((entry.ends, id.clone()));
        self.sessions.insert(id, entry);
    }

    fn take(&mut self, id: &SessionId) -> Option<Entry> {
        let entry = self.sessions.remove(id)?;
        let place = (entry.ends, id.clone());
        self.by_end.remove(&place);
        for fingerprint in entry.fingerprints() {
            if let Some(sessions) = self.under.get_mut(&fingerprint) {
                sessions.remove(&place);
                if sessions.is_empty() {
                    self.under.remove(&fingerprint);
                }
            }
        }
        Some(entry)
    }

    fn drop_ended(&mut self, now: Instant) {
        while let Some((ends, id)) = self.by_end.first()
            && *ends <= now
        {
            let id = id.clone();
            self.take(&id);
        }
    }

    /// Changes the value and the keys of a session, which lasts for `ttl` then, unless it is gone.
    fn write(
        &mut self,
        id: &SessionId,
        ttl: Duration,
        change: impl FnOnce(&mut Option<Arc<str>>, &mut Option<SessionKeys>),
    ) -> Result<Written, SessionStoreError> {
        let (mut value, mut keys) = match self.sessions.get(id).map(|entry| &entry.state) {
            Some(State::Gone) => return Ok(Written::Gone),
            Some(State::Live { value, keys }) => (value.clone(), keys.clone()),
            None if self.sessions.len() >= HELD_MAX => return Err(SessionStoreError::Full),
            None => (None, None),
        };
        change(&mut value, &mut keys);
        self.take(id);
        if value.is_some() || keys.is_some() {
            let ends = Instant::now() + ttl.min(TTL_MAX);
            let state = State::Live { value, keys };
            self.put(id.clone(), Entry { ends, state });
        }
        Ok(Written::Kept)
    }
}

impl Entry {
    fn fingerprints(&self) -> Vec<Fingerprint> {
        match &self.state {
            State::Live {
                keys: Some(keys), ..
            } => keys.fingerprints().collect(),
            State::Live { keys: None, .. } | State::Gone => Vec::new(),
        }
    }
}

impl MemorySessions {
    /// The sessions that have not ended by themselves; a panic elsewhere leaves them whole, since no step calls anybody.
    fn held(&self) -> MutexGuard<'_, Held> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.drop_ended(Instant::now());
        held
    }
}

impl SessionStore for MemorySessions {
    async fn register(
        &self,
        id: &SessionId,
        keys: &SessionKeys,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        let register = |_: &mut _, kept: &mut _| *kept = Some(keys.clone());
        self.held().write(id, ttl, register)
    }

    async fn extend(&self, id: &SessionId, ttl: Duration) -> Result<(), SessionStoreError> {
        self.held().write(id, ttl, |_, _| {})?;
        Ok(())
    }

    async fn withdraw(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        let mut held = self.held();
        let ends = held.sessions.get(id).map(|entry| entry.ends);
        if let Some(ends) = ends {
            let left = ends.saturating_duration_since(Instant::now());
            held.write(id, left, |_, keys| *keys = None)?;
        }
        Ok(())
    }

    async fn find(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Vec<RegisteredSession>, SessionStoreError> {
        let held = self.held();
        let ids = held.under.get(&fingerprint).into_iter().flatten();
        let registered = |(_, id): &(_, SessionId)| match &held.sessions.get(id)?.state {
            State::Live { keys, .. } => Some(RegisteredSession {
                id: id.clone(),
                keys: keys.clone()?,
            }),
            State::Gone => None,
        };
        Ok(ids.filter_map(registered).collect())
    }

    async fn end(&self, ids: &[SessionId]) -> Result<(), SessionStoreError> {
        let mut held = self.held();
        let ends = Instant::now() + GONE_FOR;
        for id in ids {
            held.take(id);
            let state = State::Gone;
            held.put(id.clone(), Entry { ends, state });
        }
        Ok(())
    }
}

impl ValueStore for MemorySessions {
    async fn save(
        &self,
        id: &SessionId,
        value: &str,
        ttl: Duration,
    ) -> Result<Written, SessionStoreError> {
        let save = |kept: &mut Option<Arc<str>>, _: &mut _| *kept = Some(value.into());
        self.held().write(id, ttl, save)
    }

    async fn load(&self, id: &SessionId) -> Result<Option<String>, SessionStoreError> {
        let held = self.held();
        let value = match held.sessions.get(id).map(|entry| &entry.state) {
            Some(State::Live { value, .. }) => value.as_deref().map(str::to_owned),
            Some(State::Gone) | None => None,
        };
        Ok(value)
    }

    async fn delete(&self, id: &SessionId) -> Result<(), SessionStoreError> {
        let mut held = self.held();
        let is_gone = |entry: &Entry| matches!(entry.state, State::Gone);
        if !held.sessions.get(id).is_some_and(is_gone) {
            held.take(id);
        }
        Ok(())
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = self.held().sessions.len();
        f.debug_tuple("MemorySessions").field(&held).finish()
    }
}
