//! Noting that a Receiver is there, where it matters.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use ssf_types::{id::StreamId, time::Timestamp};

use crate::{
    domain::{id::ReceiverId, inactivity::unnoted},
    ports::{StoreError, StreamStore},
};

/// Most streams whose notes are remembered; beyond it all are forgotten, and noted again.
const REMEMBERED_MAX: usize = 100_000;

/// Notes activity, and not too often: a stream that was noted a moment ago costs a look into memory.
#[derive(Debug, Default)]
pub struct Activity {
    timeout: Option<Duration>,
    /// By Receiver, too: naming another's stream must not keep that from being noted.
    noted: Mutex<HashMap<(ReceiverId, StreamId), Timestamp>>,
}

impl Activity {
    /// Notes activity for streams that are paused after `timeout` without any; nothing where there is no timeout.
    pub fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            noted: Mutex::default(),
        }
    }

    /// After how long without activity a stream is paused.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Notes that `receiver` named its stream in a request, or polled it; another's is left alone.
    ///
    /// To be called before what is asked for is done, so that a stream that is being enabled is not found idle.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn note(
        &self,
        store: &impl StreamStore,
        receiver: ReceiverId,
        id: &StreamId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(unnoted) = self.timeout.map(unnoted) else {
            return Ok(());
        };
        let key = (receiver, id.clone());
        let before = self.noted().get(&key).copied();
        if before.is_some_and(|before| before <= now && now < before.after(unnoted)) {
            return Ok(());
        }
        let millis = u64::try_from(unnoted.as_millis()).unwrap_or(u64::MAX);
        let unless_since = Timestamp::from_millis(now.as_millis().saturating_sub(millis));
        store.note_activity(receiver, id, now, unless_since).await?;
        let mut noted = self.noted();
        if noted.len() >= REMEMBERED_MAX {
            noted.clear();
        }
        noted.insert(key, now);
        Ok(())
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, HashMap<(ReceiverId, StreamId), Timestamp>> {
        // The map is whole after each operation on it.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
