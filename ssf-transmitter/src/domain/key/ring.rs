//! All keys of one issuer, and what may become of them.

use ssf_types::{id::Kid, set::Algorithm, time::Timestamp};

use super::{KeyOrigin, KeyPolicy, KeyState, StoredKey};

/// Most keys of one issuer that are not gone: Receivers read a JWKS of 64, and each algorithm has use for three.
pub const KEYS_PER_ISSUER_MAX: usize = 32;

/// The keys of an issuer cannot be changed in this way.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// There is no key of this name.
    #[error("there is no key with this kid")]
    NotFound,
    /// The key is gone for good.
    #[error("the key is gone, and a key that is gone never signs again")]
    Gone,
    /// A key has this name, or had it: Receivers may know that one.
    #[error("another key has or had this kid: choose another")]
    KidTaken,
    /// The key is there under another name, or was.
    #[error("the same key is or was there with the kid {0}")]
    SameKey(Kid),
    /// Two successors would make it unclear which one follows.
    #[error("the key {0} is going to sign already: activate it, or retire it first")]
    SuccessorWaits(Kid),
    /// SETs could not be signed any more.
    #[error("no other key signs with {0}: rotate first, or remove the key if it must go at once")]
    NothingElseSigns(Algorithm),
    /// The JWKS would become too long.
    #[error("there are {KEYS_PER_ISSUER_MAX} keys: remove some")]
    TooMany,
}

/// All keys of one issuer, those that are gone included.
///
/// Of each algorithm one key signs at a time, and at most one waits to follow it: whatever is done, the one that signs
/// does so until the other begins.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(Vec<StoredKey>);

impl KeyRing {
    /// Takes keys together.
    pub fn new(keys: Vec<StoredKey>) -> Self {
        Self(keys)
    }

    /// The keys, in no particular order.
    pub fn keys(&self) -> &[StoredKey] {
        &self.0
    }

    /// The key of this name.
    pub fn find(&self, kid: &Kid) -> Option<&StoredKey> {
        self.0.iter().find(|key| key.kid == *kid)
    }

    /// The keys that `before` does not have as they are here.
    pub fn changed_since<'r>(&'r self, before: &'r Self) -> impl Iterator<Item = &'r StoredKey> {
        let is_same = |key: &StoredKey, known: &StoredKey| {
            known.times == key.times && known.pem.is_some() == key.pem.is_some()
        };
        self.0.iter().filter(move |key| {
            let known = before.find(&key.kid);
            !known.is_some_and(|known| is_same(key, known))
        })
    }

    /// The key that signs with `algorithm` at `now`.
    pub fn signing(&self, algorithm: Algorithm, now: Timestamp) -> Option<&StoredKey> {
        self.of(algorithm)
            .filter(|key| key.state(now) == KeyState::Signing)
            .max_by_key(|key| key.times.signs_from)
    }

    /// The key that is going to sign with `algorithm`.
    pub fn successor(&self, algorithm: Algorithm, now: Timestamp) -> Option<&StoredKey> {
        self.of(algorithm)
            .find(|key| key.state(now) == KeyState::Published)
    }

    /// The algorithms that need a key: `default`, and those that have had one, since streams may have asked for them.
    pub fn lacking(&self, default: Algorithm, now: Timestamp) -> Vec<Algorithm> {
        let is_lacking = |algorithm: &Algorithm| {
            let is_needed = *algorithm == default || self.of(*algorithm).next().is_some();
            is_needed && self.signing(*algorithm, now).is_none()
        };
        Algorithm::ALL.iter().copied().filter(is_lacking).collect()
    }

    /// The algorithms whose keys the schedule replaces at `now`.
    pub fn due_for_rotation(&self, policy: &KeyPolicy, now: Timestamp) -> Vec<Algorithm> {
        let Some(every) = policy.rotate_every else {
            return Vec::new();
        };
        let is_due = |algorithm: &Algorithm| {
            let made_here = |key: &&StoredKey| key.origin == KeyOrigin::Made;
            let signing = self.signing(*algorithm, now).filter(made_here);
            self.successor(*algorithm, now).is_none()
                && signing.is_some_and(|key| {
                    key.times.signs_from.after(every) <= now.after(policy.publish_ahead)
                })
        };
        Algorithm::ALL.iter().copied().filter(is_due).collect()
    }

    /// Adds a key that follows the one which signs with its algorithm, from its own moment on; where none signs, it does
    /// so at once.
    ///
    /// # Errors
    /// It would wait beside another one, the key or its name is known, or there are too many.
    pub fn succeeded_by(
        mut self,
        mut key: StoredKey,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, KeyChangeError> {
        self.check_new(&key, now)?;
        let algorithm = key.algorithm;
        let waiting = self.successor(algorithm, now);
        if let Some(waiting) = waiting.filter(|_| key.times.signs_from > now) {
            return Err(KeyChangeError::SuccessorWaits(waiting.kid.clone()));
        }
        if self.signing(algorithm, now).is_none() {
            key.times.signs_from = now;
        }
        self.0.push(key);
        self.line_up(algorithm, policy, now);
        Ok(self)
    }

    /// Makes sure that something signs with the algorithm of `spare`: the key that does so, the one that was going to, or
    /// `spare` itself from now on.
    ///
    /// # Errors
    /// `spare` or its name is known, or there are too many.
    pub fn provided_with(
        self,
        spare: StoredKey,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, KeyChangeError> {
        if self.signing(spare.algorithm, now).is_some() {
            return Ok(self);
        }
        if let Some(waiting) = self.successor(spare.algorithm, now) {
            let waiting = waiting.kid.clone();
            return self.activated(&waiting, policy, now);
        }
        self.check_new(&spare, now)?;
        let mut ring = self;
        ring.0.push(spare);
        Ok(ring)
    }

    /// Has a key sign from now on, be it one that was going to or one that is retiring; the one that did is retired.
    ///
    /// # Errors
    /// There is no such key, or it is gone.
    pub fn activated(
        mut self,
        kid: &Kid,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, KeyChangeError> {
        let key = self.existing(kid, now)?;
        if key.state(now) == KeyState::Signing {
            return Ok(self);
        }
        key.times.signs_from = now;
        key.times.signs_until = None;
        key.times.published_until = None;
        let algorithm = key.algorithm;
        for other in &mut self.0 {
            let is_other = other.algorithm == algorithm && other.kid != *kid;
            if is_other && other.state(now) == KeyState::Signing {
                other.retire_at(now, policy);
            }
        }
        self.line_up(algorithm, policy, now);
        Ok(self)
    }

    /// Takes a key out of use; what it signed can be verified for a while. The one that waits to follow it signs at once.
    ///
    /// # Errors
    /// There is no such key, it is gone, or nothing would sign in its stead.
    pub fn retired(
        mut self,
        kid: &Kid,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, KeyChangeError> {
        let key = self.existing(kid, now)?;
        match key.state(now) {
            KeyState::Signing => key.retire_at(now, policy),
            // It has signed nothing that could have to be verified.
            KeyState::Published => key.times.published_until = Some(now),
            KeyState::Retiring | KeyState::Gone => return Ok(self),
        }
        let algorithm = key.algorithm;
        self.promote(algorithm, now);
        self.line_up(algorithm, policy, now);
        if self.signing(algorithm, now).is_none() {
            return Err(KeyChangeError::NothingElseSigns(algorithm));
        }
        Ok(self)
    }

    /// Takes a key out of use and out of the JWKS at once, for good. If it was the one that signs, the one that waits
    /// signs at once, else `spare`, else nothing does.
    ///
    /// # Errors
    /// There is no such key, or it is gone.
    pub fn without(
        mut self,
        kid: &Kid,
        spare: Option<StoredKey>,
        policy: &KeyPolicy,
        now: Timestamp,
    ) -> Result<Self, KeyChangeError> {
        let key = self.existing(kid, now)?;
        key.destroy(now);
        let algorithm = key.algorithm;
        self.promote(algorithm, now);
        self.line_up(algorithm, policy, now);
        match spare {
            Some(spare) => self.provided_with(spare, policy, now),
            None => Ok(self),
        }
    }

    /// Destroys the private part of every key whose time is over.
    #[must_use]
    pub fn without_remains(mut self, now: Timestamp) -> Self {
        for key in &mut self.0 {
            if key.has_remains(now) {
                key.destroy(now);
            }
        }
        self
    }

    /// Whether a key's time is over and its private part is there still.
    pub fn has_remains(&self, now: Timestamp) -> bool {
        self.0.iter().any(|key| key.has_remains(now))
    }

    fn of(&self, algorithm: Algorithm) -> impl Iterator<Item = &StoredKey> {
        self.0.iter().filter(move |key| key.algorithm == algorithm)
    }

    fn existing(&mut self, kid: &Kid, now: Timestamp) -> Result<&mut StoredKey, KeyChangeError> {
        let mut keys = self.0.iter_mut();
        let key = keys.find(|key| key.kid == *kid);
        let key = key.ok_or(KeyChangeError::NotFound)?;
        match key.state(now) {
            KeyState::Published | KeyState::Signing | KeyState::Retiring => Ok(key),
            KeyState::Gone => Err(KeyChangeError::Gone),
        }
    }

    fn check_new(&self, new: &StoredKey, now: Timestamp) -> Result<(), KeyChangeError> {
        if self.find(&new.kid).is_some() {
            return Err(KeyChangeError::KidTaken);
        }
        let mut keys = self.0.iter();
        if let Some(same) = keys.find(|key| key.thumbprint == new.thumbprint) {
            return Err(KeyChangeError::SameKey(same.kid.clone()));
        }
        let there = self.0.iter().filter(|key| key.state(now) != KeyState::Gone);
        if there.count() >= KEYS_PER_ISSUER_MAX {
            return Err(KeyChangeError::TooMany);
        }
        Ok(())
    }

    /// Has the key that waits sign at once, if nothing else does.
    fn promote(&mut self, algorithm: Algorithm, now: Timestamp) {
        if self.signing(algorithm, now).is_some() {
            return;
        }
        let waiting = self
            .0
            .iter_mut()
            .find(|key| key.algorithm == algorithm && key.state(now) == KeyState::Published);
        if let Some(key) = waiting {
            key.times.signs_from = now;
        }
    }

    /// Lets each key that signs, or is going to, do so until the next one begins.
    fn line_up(&mut self, algorithm: Algorithm, policy: &KeyPolicy, now: Timestamp) {
        let mut line: Vec<&mut StoredKey> = self
            .0
            .iter_mut()
            .filter(|key| key.algorithm == algorithm && key.is_live(now))
            .collect();
        line.sort_by_key(|key| (key.times.signs_from, key.times.published_from));
        let mut next = None;
        for key in line.into_iter().rev() {
            let begins = key.times.signs_from;
            key.times.signs_until = next;
            key.times.published_until = next.map(|moment| moment.after(policy.retire_after));
            next = Some(begins);
        }
    }
}

impl StoredKey {
    fn retire_at(&mut self, moment: Timestamp, policy: &KeyPolicy) {
        self.times.signs_until = Some(moment);
        self.times.published_until = Some(moment.after(policy.retire_after));
    }

    fn has_remains(&self, now: Timestamp) -> bool {
        self.pem.is_some() && self.state(now) == KeyState::Gone
    }

    /// Ends the key, without putting off what has ended already.
    fn destroy(&mut self, now: Timestamp) {
        let by_now = |moment: Option<Timestamp>| Some(moment.map_or(now, |moment| moment.min(now)));
        self.times.signs_until = by_now(self.times.signs_until);
        self.times.published_until = by_now(self.times.published_until);
        self.pem = None;
    }
}

#[cfg(test)]
mod tests;
