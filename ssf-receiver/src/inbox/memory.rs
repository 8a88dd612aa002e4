//! An inbox that forgets at restart: for tests, and for trying things out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ssf_types::time::Timestamp;

use super::{Inbox, InboxError, ReceivedSet, Retained, Settings};
use crate::revocation::{Fingerprint, Revocation, RevocationKey};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryInbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sets: HashMap<(String, String), (Fingerprint, Timestamp)>,
    revocations: BTreeMap<RevocationKey, Revocation>,
    settings: Settings,
}

impl MemoryInbox {
    /// The state; a panic elsewhere leaves it whole, since every step only inserts.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox for MemoryInbox {
    async fn retain(
        &self,
        set: &ReceivedSet,
        revocations: &[Revocation],
    ) -> Result<Retained, InboxError> {
        let mut state = self.state();
        let name = (set.issuer.to_string(), set.jti.to_string());
        if let Some((fingerprint, received_at)) = state.sets.get(&name) {
            if *fingerprint != set.fingerprint {
                return Ok(Retained::Conflict);
            }
            let received_at = *received_at;
            return Ok(Retained::Duplicate { received_at });
        }
        state.sets.insert(name, (set.fingerprint, set.received_at));
        for revocation in revocations {
            state
                .revocations
                .entry(revocation.key)
                .and_modify(|known| {
                    known.thresholds = known.thresholds.merge(&revocation.thresholds);
                })
                .or_insert_with(|| revocation.clone());
        }
        Ok(Retained::New)
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, InboxError> {
        Ok(self.state().revocations.values().cloned().collect())
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        Ok(self.state().settings.clone())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        self.state().settings.extend(settings.clone());
        Ok(())
    }
}
