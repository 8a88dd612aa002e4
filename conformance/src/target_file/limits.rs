//! How long things may take, and how much there may be.

use std::time::Duration;

use serde::Deserialize;

use super::TargetFileError;

/// Longest time that a limit may have, in seconds.
pub(crate) const SECONDS_MAX: u64 = 3600;

/// How long and how much.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest wait for an answer, in seconds.
    pub request_seconds: u64,
    /// How long a case may take besides what it waits for by design, in seconds.
    pub case_seconds: u64,
    /// How long an event or a verification may be on its way, in seconds.
    pub event_seconds: u64,
    /// For how long silence is listened to before it counts, in seconds.
    pub silence_seconds: u64,
    /// The longest `inactivity_timeout` that is waited for, in seconds.
    pub inactivity_seconds: u64,
    /// How many streams the Receiver may have at once; cases run beside one another as far as it goes.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_seconds: 15,
            case_seconds: 60,
            event_seconds: 60,
            silence_seconds: 3,
            inactivity_seconds: 30,
            streams: 4,
        }
    }
}

impl Limits {
    /// Longest wait for an answer.
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// How long a case may take, what it waits for apart.
    pub fn case(&self) -> Duration {
        Duration::from_secs(self.case_seconds)
    }

    /// How long an event may be on its way.
    pub fn event(&self) -> Duration {
        Duration::from_secs(self.event_seconds)
    }

    /// For how long silence is listened to.
    pub fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_seconds)
    }

    /// The longest `inactivity_timeout` that is waited for.
    pub fn inactivity(&self) -> Duration {
        Duration::from_secs(self.inactivity_seconds)
    }
}

/// Checks that each of these, a key with its value and the greatest one, is something and not too much.
pub(crate) fn check_limits(
    limits: impl IntoIterator<Item = (&'static str, u64, u64)>,
) -> Result<(), TargetFileError> {
    let senseless = |(_, value, max): &(_, u64, u64)| *value == 0 || value > max;
    match limits.into_iter().find(senseless) {
        Some((name, _, max)) => Err(TargetFileError::Limit { name, max }),
        None => Ok(()),
    }
}
