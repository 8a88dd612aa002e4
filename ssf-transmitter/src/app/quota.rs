//! What sources have handed in on this node, as far as it counts for their quotas.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::{error::Chain, time::Timestamp};
use tracing::error;

use crate::{
    domain::{
        event::NewEvent,
        id::SourceId,
        quota::{OverQuota, Quota, Urgency, Usage},
        source::Source,
    },
    ports::{Clock, SourceStore},
};

/// What sources have handed in on this node. Clones are the same.
///
/// It is forgotten once it says nothing any more, so that there is an entry for those alone who hand something in.
#[derive(Clone, Debug)]
pub struct Quotas {
    standard: Quota,
    usages: Arc<Mutex<HashMap<SourceId, Usage>>>,
}

impl Quotas {
    /// Judges sources that have no quota of their own by `standard`.
    pub fn new(standard: Quota) -> Self {
        Self {
            standard,
            usages: Arc::default(),
        }
    }

    /// Takes note of events that a source hands in: of all of them, or of none.
    ///
    /// # Errors
    /// They are more than the source may hand in now.
    pub fn charge(
        &self,
        source: &Source,
        events: &[NewEvent],
        now: Timestamp,
    ) -> Result<(), OverQuota> {
        let quota = source.quota.or(self.standard);
        let batch = (events.len() as u64, Urgency::of(events));
        let mut usages = self.usages();
        let usage = usages.get(&source.id).cloned().unwrap_or_default();
        let used = quota.allow(usage, batch, now).inspect_err(|refused| {
            metrics::counter!("ssf_ingest_over_quota_total", "limit" => refused.as_str())
                .increment(batch.0);
        })?;
        usages.insert(source.id, used);
        Ok(())
    }

    /// Counts what waits in the database; until the next time, what comes in here is added to that.
    pub async fn count(&self, store: &impl SourceStore, clock: &impl Clock) {
        for usage in self.usages().values_mut() {
            *usage = mem::take(usage).counting();
        }
        let waiting = match store.backlogs().await {
            Ok(waiting) => waiting,
            Err(failure) => {
                error!(error = %Chain(&failure), "what waits of each source cannot be counted now");
                return;
            }
        };
        let now = clock.now();
        let mut usages = self.usages();
        for (source, usage) in usages.iter_mut() {
            let backlog = waiting.get(source).cloned().unwrap_or_default();
            *usage = mem::take(usage).counted(backlog);
        }
        for (source, backlog) in waiting {
            let known = usages.entry(source);
            known.or_insert_with(|| Usage::default().counted(backlog));
        }
        usages.retain(|_, usage| !usage.is_over(now));
    }

    /// What a panic left behind is as good as before: each change is one assignment.
    fn usages(&self) -> MutexGuard<'_, HashMap<SourceId, Usage>> {
        self.usages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
