//! The secrets that a Transmitter pushes with: one, or while it is being changed, two.
//!
//! 1. What the Transmitter may push with is accepted: a new secret is stored before anybody is told of it, and the former one is
//!    forgotten only after the new one was seen.
//! 2. A change goes on where it was, whatever ends in between: what is stored says how far it is.

use std::{sync::Mutex, time::Duration};

use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Serialize};
use ssf_types::{
    secret::{AuthorizationHeader, constant_time_eq},
    time::Timestamp,
};
use tokio::time::Instant;

use crate::inbox::{InboxError, Settings};

/// How long the former secret is accepted after the new one was seen first: for pushes that were on their way.
pub(crate) const OVERLAP: Duration = Duration::from_mins(10);

/// A secret that nobody has seen before, of 256 bits.
pub(crate) fn new_text() -> String {
    let random: [u8; 32] = rand::random();
    format!("Bearer {}", BASE64URL.encode(random))
}

/// How far a change of the secret is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Change {
    /// When the current one was made, in milliseconds since 1970; `None` if that is not known.
    made_at: Option<u64>,
    /// The one that the Transmitter is to be told of.
    next: Option<AuthorizationHeader>,
    /// The one that it pushed with before.
    former: Option<AuthorizationHeader>,
}

/// The secrets at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Held {
    current: AuthorizationHeader,
    change: Change,
}

/// Which one a push came with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Which {
    Current,
    Next,
    Former,
}

impl Held {
    /// One that is not being changed.
    pub(crate) fn only(current: AuthorizationHeader) -> Self {
        Self {
            current,
            change: Change::default(),
        }
    }

    /// Goes on with what the setting of the change has; one that cannot be read was none.
    pub(crate) fn with_change(current: AuthorizationHeader, text: Option<&str>) -> Self {
        let change = text.and_then(|text| serde_json::from_str(text).ok());
        Self {
            current,
            change: change.unwrap_or_default(),
        }
    }

    /// Reads the settings; `None` if they have no secret.
    pub(crate) fn read(settings: &Settings, (secret, change): (&str, &str)) -> Option<Self> {
        let current = AuthorizationHeader::parse(settings.get(secret)?.as_str()).ok()?;
        Some(Self::with_change(
            current,
            settings.get(change).map(String::as_str),
        ))
    }

    /// The settings that keep it, which have to be kept in one step.
    pub(crate) fn write(&self, (secret, change): (&str, &str)) -> Result<Settings, InboxError> {
        let text = serde_json::to_string(&self.change)
            .map_err(|error| InboxError::new("keep the push secret", error))?;
        let current = self.current.expose().to_owned();
        Ok([(secret.to_owned(), current), (change.to_owned(), text)].into())
    }

    /// The one that the Transmitter has, as far as is known.
    pub(crate) fn current(&self) -> &AuthorizationHeader {
        &self.current
    }

    /// The one that it is to be told of.
    pub(crate) fn next(&self) -> Option<&AuthorizationHeader> {
        self.change.next.as_ref()
    }

    /// Whether the former one is accepted still.
    pub(crate) fn has_former(&self) -> bool {
        self.change.former.is_some()
    }

    /// Begins a change, unless one is under way. The former one of the change before goes: whoever pushes with it still has had its
    /// time.
    pub(crate) fn begun(mut self, next: AuthorizationHeader) -> Self {
        if self.change.next.is_none() {
            self.change.next = Some(next);
        }
        self
    }

    /// The Transmitter has the next one.
    pub(crate) fn taken(self, now: Timestamp) -> Self {
        match self.change.next {
            None => self,
            Some(next) => Self {
                current: next,
                change: Change {
                    made_at: Some(now.as_millis()),
                    next: None,
                    former: Some(self.current),
                },
            },
        }
    }

    /// The Transmitter does not change secrets: all stays as it is until the next one is due.
    pub(crate) fn refused(mut self, now: Timestamp) -> Self {
        self.change.next = None;
        self.change.made_at = Some(now.as_millis());
        self
    }

    /// The former one counts no more.
    pub(crate) fn without_former(mut self) -> Self {
        self.change.former = None;
        self
    }

    /// Remembers that it was made by now, if that is not known.
    pub(crate) fn made_by(mut self, now: Timestamp) -> Self {
        self.change.made_at.get_or_insert(now.as_millis());
        self
    }

    /// How old it is; zero if that is not known.
    pub(crate) fn age(&self, now: Timestamp) -> Duration {
        let made_at = self.change.made_at.map(Timestamp::from_millis);
        made_at.map_or(Duration::ZERO, |made_at| now.since(made_at))
    }

    /// Whether it is known when it was made.
    pub(crate) fn is_dated(&self) -> bool {
        self.change.made_at.is_some()
    }

    /// Compares with all of them, so that a guesser learns nothing from the time that it takes.
    fn which(&self, presented: &[u8]) -> Option<Which> {
        let is =
            |secret: &AuthorizationHeader| constant_time_eq(presented, secret.expose().as_bytes());
        let is_next = self.change.next.as_ref().is_some_and(is);
        let is_former = self.change.former.as_ref().is_some_and(is);
        match (is(&self.current), is_next, is_former) {
            (true, ..) => Some(Which::Current),
            (_, true, _) => Some(Which::Next),
            (.., true) => Some(Which::Former),
            (false, false, false) => None,
        }
    }
}

/// The secrets that a Transmitter may push with, for all who take pushes.
#[derive(Debug)]
pub(crate) struct PushSecrets {
    held: ArcSwap<Held>,
    /// When a push came first with the latest secret since it changed.
    seen: Mutex<Option<Instant>>,
}

impl PushSecrets {
    pub(crate) fn new(held: Held) -> Self {
        Self {
            held: ArcSwap::from_pointee(held),
            seen: Mutex::default(),
        }
    }

    pub(crate) fn held(&self) -> Held {
        Held::clone(&self.held.load())
    }

    /// Accepts these from now on.
    pub(crate) fn set(&self, held: Held) {
        if *self.held.load_full() == held {
            return;
        }
        let is_other = self.held.load().current != held.current;
        self.held.store(held.into());
        if is_other {
            *self.seen() = None;
        }
    }

    /// Whether a push with this `Authorization` is the Transmitter's.
    pub(crate) fn accept(&self, presented: Option<&str>) -> bool {
        let presented = presented.unwrap_or_default().as_bytes();
        let held = self.held.load();
        let which = held.which(presented);
        if which == Some(Which::Current) && held.has_former() {
            self.seen().get_or_insert_with(Instant::now);
        }
        which.is_some()
    }

    /// Whether the former secret has had its time: the Transmitter has pushed with the new one, and [`OVERLAP`] has passed since.
    pub(crate) fn is_former_over(&self) -> bool {
        let seen = *self.seen();
        self.held.load().has_former() && seen.is_some_and(|seen| seen.elapsed() >= OVERLAP)
    }

    /// Each step leaves it whole.
    fn seen(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        let seen = self.seen.lock();
        seen.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: (&str, &str) = ("secret", "change");
    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn secret(text: &str) -> AuthorizationHeader {
        AuthorizationHeader::parse(text).unwrap()
    }

    /// What a process has that starts after a crash.
    fn restarted(held: &Held) -> PushSecrets {
        PushSecrets::new(Held::read(&held.write(NAMES).unwrap(), NAMES).unwrap())
    }

    fn accepted(secrets: &PushSecrets) -> Vec<&'static str> {
        let all = ["Bearer a", "Bearer b", "Bearer c", ""];
        all.into_iter()
            .filter(|text| secrets.accept(Some(text)))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn at_each_step_of_a_change_all_is_accepted_that_the_transmitter_may_push_with() {
        let held = Held::only(secret("Bearer a"));
        assert_eq!(accepted(&restarted(&held)), ["Bearer a"]);
        let held = held.begun(secret("Bearer b"));
        // A crash here: whether the transmitter was told of it is not known.
        assert_eq!(accepted(&restarted(&held)), ["Bearer a", "Bearer b"]);
        assert_eq!(held.next(), Some(&secret("Bearer b")));
        let held = held.taken(NOW);
        let secrets = restarted(&held);
        assert_eq!(accepted(&secrets), ["Bearer a", "Bearer b"]);
        assert_eq!((held.next(), held.current()), (None, &secret("Bearer b")));
        tokio::time::advance(OVERLAP).await;
        assert!(secrets.is_former_over());
        secrets.set(held.without_former());
        assert_eq!(accepted(&secrets), ["Bearer b"]);
        assert!(!secrets.accept(None));
    }

    #[tokio::test(start_paused = true)]
    async fn the_former_secret_counts_until_the_new_one_was_seen_however_long_that_takes() {
        let held = Held::only(secret("Bearer a"))
            .begun(secret("Bearer b"))
            .taken(NOW);
        let secrets = restarted(&held);
        for _ in 0..3 {
            assert!(secrets.accept(Some("Bearer a")));
            tokio::time::advance(Duration::from_hours(24)).await;
            assert!(!secrets.is_former_over());
        }
        assert!(secrets.accept(Some("Bearer b")));
        tokio::time::advance(Duration::from_secs(599)).await;
        assert!(!secrets.is_former_over());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(secrets.is_former_over());
    }

    #[test]
    fn a_change_that_is_under_way_is_not_begun_anew() {
        let held = Held::only(secret("Bearer a")).begun(secret("Bearer b"));
        assert_eq!(held.clone().begun(secret("Bearer c")), held);
    }

    #[test]
    fn a_transmitter_that_changes_nothing_is_asked_again_when_the_secret_is_due() {
        let held = Held::only(secret("Bearer a")).begun(secret("Bearer b"));
        let held = held.refused(NOW);
        assert_eq!(accepted(&restarted(&held)), ["Bearer a"]);
        assert_eq!(
            held.age(NOW.after(Duration::from_secs(7))),
            Duration::from_secs(7)
        );
    }

    #[test]
    fn what_is_not_dated_is_dated_once() {
        let held = Held::only(secret("Bearer a"));
        assert_eq!((held.is_dated(), held.age(NOW)), (false, Duration::ZERO));
        let later = NOW.after(Duration::from_mins(1));
        let held = held.made_by(NOW).made_by(later);
        assert_eq!(held.age(later), Duration::from_mins(1));
    }

    #[test]
    fn a_secret_is_printed_by_nobody() {
        let held = Held::only(secret("Bearer a")).begun(secret("Bearer b"));
        let printed = format!("{:?}", PushSecrets::new(held));
        assert!(!printed.contains("Bearer"), "{printed}");
    }

    #[test]
    fn new_secrets_are_headers_and_all_different() {
        let [one, other] = [new_text(), new_text()];
        assert_ne!(one, other);
        // 256 bits in base64url.
        assert_eq!(one.len(), "Bearer ".len() + 43);
        secret(&one);
    }
}
