//! A signing key as it is kept, and the moments of its life.

mod ring;

use std::time::Duration;

use secrecy::SecretString;
use ssf_types::{id::Kid, set::Algorithm, time::Timestamp};

pub use self::ring::{KEYS_PER_ISSUER_MAX, KeyChangeError, KeyRing};

/// Where a key comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyOrigin {
    /// This transmitter made it, and makes its successor where rotation is scheduled.
    Made,
    /// The operator brought it, and brings its successor.
    Imported,
}

impl KeyOrigin {
    /// The origin's name, as operators see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Imported => "imported",
        }
    }
}

/// What a key is good for at a moment; each of these follows on the one before, and none comes back but by command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyState {
    /// It is in the JWKS, so that Receivers know it before it signs.
    Published,
    /// It signs.
    Signing,
    /// It signs no longer, and stays in the JWKS for the SETs that it signed.
    Retiring,
    /// It is out of the JWKS, and its private part is destroyed.
    Gone,
}

impl KeyState {
    /// The state's name, as commands print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
        }
    }
}

/// The moments at which a key changes its state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeyTimes {
    /// When it was added, and since when it is published.
    pub published_from: Timestamp,
    /// From when on it signs.
    pub signs_from: Timestamp,
    /// From when on it signs no longer; `None` if it has no successor yet.
    pub signs_until: Option<Timestamp>,
    /// From when on it is published no longer; `None` if it has no successor yet.
    pub published_until: Option<Timestamp>,
}

impl KeyTimes {
    /// A key that is published from one moment on and signs from another.
    pub fn new(published_from: Timestamp, signs_from: Timestamp) -> Self {
        Self {
            published_from,
            signs_from,
            signs_until: None,
            published_until: None,
        }
    }

    /// Stored moments.
    pub fn stored(
        published_from: Timestamp,
        signs_from: Timestamp,
        signs_until: Option<Timestamp>,
        published_until: Option<Timestamp>,
    ) -> Self {
        Self {
            published_from,
            signs_from,
            signs_until,
            published_until,
        }
    }

    /// The next moment at which the state changes by itself.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        [
            Some(self.signs_from),
            self.signs_until,
            self.published_until,
        ]
        .into_iter()
        .flatten()
        .filter(|moment| *moment > now)
        .min()
    }
}

/// How long the states of a key last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct KeyPolicy {
    /// How long a key is published before it signs: longer than Receivers keep a JWKS.
    pub publish_ahead: Duration,
    /// How long a key is published after it signed for the last time: longer than a SET is on its way.
    pub retire_after: Duration,
    /// How long a key that was made here signs, where a schedule replaces it.
    pub rotate_every: Option<Duration>,
}

impl KeyPolicy {
    /// Keys are replaced by command alone.
    pub fn new(publish_ahead: Duration, retire_after: Duration) -> Self {
        Self {
            publish_ahead,
            retire_after,
            rotate_every: None,
        }
    }
}

/// A private key with what has to be known about it before it is parsed.
///
/// Printing it for debugging shows no part of the key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredKey {
    /// Names the key in SETs and in the JWKS; no other key of its issuer ever has this name.
    pub kid: Kid,
    /// Identifies the key itself, whatever it is called (RFC 7638).
    pub thumbprint: Kid,
    /// What the key signs with.
    pub algorithm: Algorithm,
    /// Where the key comes from.
    pub origin: KeyOrigin,
    /// When it does what.
    pub times: KeyTimes,
    /// The private key, PKCS#8 in PEM; `None` once the key is gone.
    pub pem: Option<SecretString>,
}

impl StoredKey {
    /// Describes a key.
    pub fn new(
        (kid, thumbprint): (Kid, Kid),
        algorithm: Algorithm,
        origin: KeyOrigin,
        times: KeyTimes,
        pem: Option<SecretString>,
    ) -> Self {
        Self {
            kid,
            thumbprint,
            algorithm,
            origin,
            times,
            pem,
        }
    }

    /// What the key is good for at `now`.
    ///
    /// A key without its private part is gone whatever the clock says: clocks of several nodes differ.
    pub fn state(&self, now: Timestamp) -> KeyState {
        let is_past = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now);
        if self.pem.is_none() || is_past(self.times.published_until) {
            return KeyState::Gone;
        }
        if is_past(self.times.signs_until) {
            return KeyState::Retiring;
        }
        if self.times.signs_from <= now {
            return KeyState::Signing;
        }
        KeyState::Published
    }

    /// Whether the key signs or is going to.
    fn is_live(&self, now: Timestamp) -> bool {
        match self.state(now) {
            KeyState::Published | KeyState::Signing => true,
            KeyState::Retiring | KeyState::Gone => false,
        }
    }
}
