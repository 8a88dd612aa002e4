//! The keys that were fetched last, as they are remembered across restarts.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssf_types::{jose::KeySet, metadata::TransmitterMetadata, time::Timestamp, uri::Issuer};
use tokio::time::Instant;

use super::Current;
use crate::{
    clock,
    inbox::{InboxError, Settings},
};

/// Keys and metadata, and when they were fetched.
///
/// Whoever can write to the database can put keys there; but then revocations as well.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeyMemory {
    /// Milliseconds since 1970.
    fetched_at: u64,
    metadata: String,
    jwks: String,
}

impl KeyMemory {
    pub(super) fn new(current: &Current, metadata: &TransmitterMetadata) -> Self {
        Self {
            fetched_at: current.fetched_at.as_millis(),
            // Writing what was read from JSON cannot fail; nothing is remembered if it does.
            metadata: serde_json::to_string(metadata).unwrap_or_default(),
            jwks: current.keys.to_jwks().to_string(),
        }
    }

    /// What the settings remember of `issuer`'s keys; what cannot be read is fetched anew.
    pub(crate) fn read(settings: &Settings, issuer: &Issuer) -> Option<Self> {
        serde_json::from_str(settings.get(&name(issuer))?).ok()
    }

    /// The setting that remembers them.
    pub(crate) fn write(&self, issuer: &Issuer) -> Result<Settings, InboxError> {
        let text = serde_json::to_string(self)
            .map_err(|error| InboxError::new("remember the keys", error))?;
        Ok([(name(issuer), text)].into())
    }

    pub(super) fn into_current(self, issuer: &Issuer) -> Option<(Current, TransmitterMetadata)> {
        let metadata = TransmitterMetadata::parse(self.metadata.as_bytes(), issuer).ok()?;
        let fetched_at = Timestamp::from_millis(self.fetched_at);
        let current = Current {
            keys: KeySet::parse(self.jwks.as_bytes()).ok()?,
            fetched_at,
            since: Instant::now(),
            age: age(fetched_at, clock::now())?,
            is_remembered: true,
        };
        Some((current, metadata))
    }
}

fn name(issuer: &Issuer) -> String {
    format!("keys {issuer}")
}

/// How old keys are; `None` if they come from the future, so that nobody knows.
fn age(fetched_at: Timestamp, now: Timestamp) -> Option<Duration> {
    let millis = now.as_millis().checked_sub(fetched_at.as_millis())?;
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_from_the_future_have_no_age() {
        let [one, two] = [1000, 2000].map(Timestamp::from_millis);
        assert_eq!(age(one, two), Some(Duration::from_secs(1)));
        assert_eq!(age(two, one), None);
    }
}
