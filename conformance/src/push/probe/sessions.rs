//! Sessions, and what becomes of them.

use std::time::{Duration, Instant};

use serde_json::Value;
use ssf_types::error::Chain;

use super::Probe;
use crate::{
    adapter::AdapterError,
    case::Stop,
    push::{PushRun, Set},
};

/// How long an event may take to have an effect once the SET is taken.
const EFFECT_MAX: Duration = Duration::from_secs(30);

/// How often the session is asked about meanwhile.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

impl Probe {
    /// Has the session of whom a SET is about begin, where the SET says so and somebody can tell of sessions.
    ///
    /// # Errors
    /// It does not.
    pub async fn given_session(&self, set: &Set) -> Result<(), Stop> {
        if let (Some(effects), Some(subject)) = (self.run.effects(), set.subject()) {
            let registered = effects.register(subject, PushRun::now()).await;
            registered.map_err(|error| unheard("register", &error))?;
        }
        Ok(())
    }

    /// Whether the session of whom a SET is about goes on; `None` if nobody can tell.
    ///
    /// # Errors
    /// The adapter does not answer.
    pub async fn is_alive(&self, set: &Set) -> Result<Option<bool>, Stop> {
        let (Some(effects), Some(subject)) = (self.run.effects(), set.subject()) else {
            return Ok(None);
        };
        // A stream has no session.
        if subject["format"] == "opaque" {
            return Ok(None);
        }
        let alive = effects.is_alive(subject, PushRun::now()).await;
        alive.map(Some).map_err(|error| unheard("alive", &error))
    }

    /// Expects that the session of whom a SET is about goes on, where somebody can tell.
    pub(super) async fn expect_no_effect(&self, spoilt: &Set) -> Result<(), Stop> {
        if let Some(alive) = self.is_alive(spoilt).await? {
            let found = if alive { "alive" } else { "ended" };
            self.expect(alive, "the session of its subject", "alive", found);
        }
        Ok(())
    }

    /// Relies on sessions that are known by these subjects, each to be one that goes on.
    ///
    /// # Errors
    /// Nobody can tell, or one does not.
    pub async fn given_sessions(&self, known_by: &[&Value]) -> Result<(), Stop> {
        let effects = self.run.effects();
        let effects = effects
            .ok_or_else(|| Stop::not_configured("needs the adapter alive (adapters.alive)"))?;
        for subject in known_by {
            let registered = effects.register(subject, PushRun::now()).await;
            registered.map_err(|error| unheard("register", &error))?;
            if !self.is_session_alive(subject).await? {
                return Err(Stop::blocked("the adapter alive: no session has begun"));
            }
        }
        Ok(())
    }

    /// Whether the session goes on that is known by this subject.
    ///
    /// # Errors
    /// Nobody tells.
    pub async fn is_session_alive(&self, known_by: &Value) -> Result<bool, Stop> {
        let effects = self.run.effects();
        let effects = effects
            .ok_or_else(|| Stop::not_configured("needs the adapter alive (adapters.alive)"))?;
        let alive = effects.is_alive(known_by, PushRun::now()).await;
        alive.map_err(|error| unheard("alive", &error))
    }

    /// Whether the session that is known by this subject ends within the time that an event may take to have an effect.
    ///
    /// # Errors
    /// Nobody tells.
    pub async fn ends(&self, known_by: &Value) -> Result<bool, Stop> {
        let began = Instant::now();
        while self.is_session_alive(known_by).await? {
            if began.elapsed() > EFFECT_MAX {
                return Ok(false);
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
        Ok(true)
    }

    /// Expects that a session ends.
    ///
    /// # Errors
    /// Nobody tells.
    pub async fn expect_ended(&self, what: &str, known_by: &Value) -> Result<(), Stop> {
        let found = if self.ends(known_by).await? {
            "ended"
        } else {
            "alive"
        };
        self.expect(found == "ended", what, "ended", found);
        Ok(())
    }

    /// Expects that a session goes on, now.
    ///
    /// # Errors
    /// Nobody tells.
    pub async fn expect_alive(&self, what: &str, known_by: &Value) -> Result<(), Stop> {
        let alive = self.is_session_alive(known_by).await?;
        let found = if alive { "alive" } else { "ended" };
        self.expect(alive, what, "alive", found);
        Ok(())
    }
}

/// An adapter did not tell.
fn unheard(name: &str, error: &AdapterError) -> Stop {
    Stop::blocked(format!("the adapter {name}: {}", Chain(error)))
}
