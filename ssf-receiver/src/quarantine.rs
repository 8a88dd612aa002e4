//! SETs that cannot be verified now, although they may be later: which there are, how many may be, and when one is given up.
//!
//! 1. What waits here is not acknowledged. It comes again, unless its sender gives up: then this copy is what is left of it.
//! 2. It came with the credential of the stream, has the form of a SET, and names the Transmitter as its issuer.
//! 3. It counts as of its first arrival, whenever it can be verified.
//! 4. It is given up if keys that were fetched [`PATIENCE`] or later after its arrival lack its key, and dropped if its key is
//!    here and it is not sound. The time of day has no say in it, so that a jump of the clock gives up nothing.

mod retry;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::time::Timestamp;
use tokio::{sync::Notify, time::Instant};

pub(crate) use self::retry::keep_trying;
use crate::{
    inbox::Waiting,
    revocation::{Fingerprint, ScopeId},
};

/// How long a key may be missing before SETs under it are given up: caches in front of a `jwks_uri` rarely keep it for longer.
pub(crate) const PATIENCE: Duration = Duration::from_hours(1);

/// Most SETs that wait: as many as a busy Transmitter sends within some minutes.
pub(crate) const SETS_MAX: usize = 10_000;

/// Most bytes that they have together.
pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most SETs that were given up and are remembered, so that their repeats are told at once; beyond, the oldest go.
const GIVEN_UP_MAX: usize = 10_000;

/// Counts what became of a SET that cannot be verified at once.
pub(crate) fn count(outcome: &'static str) {
    metrics::counter!("ssf_receiver_quarantine_total", "outcome" => outcome).increment(1);
}

/// What a SET waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WaitsFor {
    /// Keys that have its own among them.
    Keys,
    /// This time of day, since it lies in the future for us.
    Time(Timestamp),
}

/// What became of a SET that is to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Admitted {
    /// It has a place, and is to be made durable.
    New(Waiting),
    /// It was here already.
    Known,
    /// There is no room for it.
    Full,
}

/// The SETs of one transmitter that wait, and those that were given up.
#[derive(Debug)]
pub(crate) struct Quarantined {
    scope: ScopeId,
    sets: Mutex<Sets>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Sets {
    held: HashMap<Fingerprint, Held>,
    /// How many of them wait.
    waiting: usize,
    /// How many bytes those have.
    bytes: usize,
}

#[derive(Debug)]
struct Held {
    token: Option<Arc<str>>,
    arrived_at: Timestamp,
    /// When this process heard of it first.
    since: Instant,
    waits_for: WaitsFor,
}

impl Quarantined {
    /// Those that were kept before this start. For keys they wait from now on.
    pub(crate) fn new(scope: ScopeId, kept: Vec<Waiting>) -> Self {
        let mut sets = Sets::default();
        for waiting in kept {
            sets.insert(waiting.fingerprint, Held::new(&waiting, WaitsFor::Keys));
        }
        Self {
            scope,
            sets: Mutex::new(sets),
            came: Notify::new(),
        }
    }

    /// The SETs; a panic elsewhere leaves them whole, since no step can break off.
    fn sets(&self) -> MutexGuard<'_, Sets> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn scope(&self) -> ScopeId {
        self.scope
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.sets().waiting
    }

    /// When a SET came first, if it is here.
    pub(crate) fn arrived_at(&self, fingerprint: Fingerprint) -> Option<Timestamp> {
        let sets = self.sets();
        sets.held.get(&fingerprint).map(|held| held.arrived_at)
    }

    /// Gives a SET a place.
    pub(crate) fn admit(
        &self,
        fingerprint: Fingerprint,
        (token, arrived_at): (&str, Timestamp),
        waits_for: WaitsFor,
    ) -> Admitted {
        let mut sets = self.sets();
        if let Some(held) = sets.held.get_mut(&fingerprint) {
            held.waits_for = waits_for;
            return Admitted::Known;
        }
        if sets.waiting == SETS_MAX || sets.bytes + token.len() > BYTES_MAX {
            return Admitted::Full;
        }
        let waiting = Waiting {
            scope: self.scope,
            fingerprint,
            token: Some(token.into()),
            arrived_at,
        };
        sets.insert(fingerprint, Held::new(&waiting, waits_for));
        drop(sets);
        self.came.notify_one();
        Admitted::New(waiting)
    }

    /// Takes over what was kept by other instances, or given up by them.
    #[cfg(feature = "shared")]
    pub(crate) fn adopt(&self, kept: Vec<Waiting>) {
        let mut sets = self.sets();
        for waiting in kept {
            let known = sets.held.get(&waiting.fingerprint);
            let is_news =
                known.is_none_or(|known| known.token.is_some() && waiting.token.is_none());
            if is_news {
                sets.remove(waiting.fingerprint);
                sets.insert(waiting.fingerprint, Held::new(&waiting, WaitsFor::Keys));
            }
        }
    }

    /// Waits until another SET was given a place.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }

    /// Says what a SET waits for, now that it is known.
    pub(crate) fn waits_for(&self, fingerprint: Fingerprint, waits_for: WaitsFor) {
        if let Some(held) = self.sets().held.get_mut(&fingerprint) {
            held.waits_for = waits_for;
        }
    }

    /// Those that may be verified now, if keys were fetched since they were looked at last.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Waiting> {
        let is_due = |held: &Held| match held.waits_for {
            WaitsFor::Keys => true,
            WaitsFor::Time(time) => time <= now,
        };
        let sets = self.sets();
        let due = sets.held.iter().filter(|(_, held)| is_due(held));
        due.filter(|(_, held)| held.token.is_some())
            .map(|(fingerprint, held)| held.waiting(self.scope, *fingerprint))
            .collect()
    }

    /// How long it takes until the time of one has come.
    pub(crate) fn next_time(&self, now: Timestamp) -> Option<Duration> {
        let sets = self.sets();
        let waiting = sets.held.values().filter(|held| held.token.is_some());
        let times = waiting.filter_map(|held| match held.waits_for {
            WaitsFor::Keys => None,
            WaitsFor::Time(time) => Some(time),
        });
        let next = times.min()?.as_millis().saturating_sub(now.as_millis());
        Some(Duration::from_millis(next))
    }

    /// Whether there are any that wait for keys.
    pub(crate) fn want_keys(&self) -> bool {
        let sets = self.sets();
        let mut held = sets.held.values();
        held.any(|held| held.token.is_some() && held.waits_for == WaitsFor::Keys)
    }

    /// Whether a SET was given up.
    pub(crate) fn was_given_up(&self, fingerprint: Fingerprint) -> bool {
        let sets = self.sets();
        let held = sets.held.get(&fingerprint);
        held.is_some_and(|held| held.token.is_none())
    }

    /// Whether a SET is to be given up, now that keys which were fetched at this moment lack its key.
    pub(crate) fn is_too_late(
        &self,
        fingerprint: Fingerprint,
        fetched_at: Option<Instant>,
    ) -> bool {
        let sets = self.sets();
        let Some(held) = sets.held.get(&fingerprint) else {
            return false;
        };
        held.token.is_none()
            || fetched_at.is_some_and(|fetched_at| held.since + PATIENCE <= fetched_at)
    }

    /// Gives up a SET: what is to be remembered of it, and what is to be forgotten for it.
    pub(crate) fn give_up(
        &self,
        fingerprint: Fingerprint,
    ) -> (Option<Waiting>, Option<Fingerprint>) {
        let mut sets = self.sets();
        let Some(mut held) = sets.remove(fingerprint) else {
            return (None, None);
        };
        held.token = None;
        let memory = held.waiting(self.scope, fingerprint);
        let oldest = (sets.held.len() - sets.waiting == GIVEN_UP_MAX)
            .then(|| sets.oldest_given_up())
            .flatten();
        if let Some(oldest) = oldest {
            sets.remove(oldest);
        }
        sets.insert(fingerprint, held);
        (Some(memory), oldest)
    }

    /// Lets SETs go that are settled.
    pub(crate) fn let_go(&self, fingerprints: &[Fingerprint]) {
        let mut sets = self.sets();
        for fingerprint in fingerprints {
            sets.remove(*fingerprint);
        }
    }
}

impl Sets {
    fn insert(&mut self, fingerprint: Fingerprint, held: Held) {
        if let Some(token) = &held.token {
            self.waiting += 1;
            self.bytes += token.len();
        }
        self.held.insert(fingerprint, held);
    }

    fn remove(&mut self, fingerprint: Fingerprint) -> Option<Held> {
        let held = self.held.remove(&fingerprint)?;
        if let Some(token) = &held.token {
            self.waiting -= 1;
            self.bytes -= token.len();
        }
        Some(held)
    }

    fn oldest_given_up(&self) -> Option<Fingerprint> {
        let given_up = self.held.iter().filter(|(_, held)| held.token.is_none());
        let oldest = given_up.min_by_key(|(_, held)| held.arrived_at);
        oldest.map(|(fingerprint, _)| *fingerprint)
    }
}

impl Held {
    fn new(waiting: &Waiting, waits_for: WaitsFor) -> Self {
        Self {
            token: waiting.token.clone(),
            arrived_at: waiting.arrived_at,
            since: Instant::now(),
            waits_for,
        }
    }

    fn waiting(&self, scope: ScopeId, fingerprint: Fingerprint) -> Waiting {
        Waiting {
            scope,
            fingerprint,
            token: self.token.clone(),
            arrived_at: self.arrived_at,
        }
    }
}
