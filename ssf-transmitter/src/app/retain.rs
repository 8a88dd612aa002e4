//! Letting go of what is old, one bounded step after the other.

use tracing::warn;

use crate::{
    domain::retention::Retention,
    ports::{Clock, RetentionStore, StoreError},
};

/// Most rows that one step looks at or changes, so that nobody waits for it.
const STEP_MAX: u64 = 500;

/// What the next step is about. What was dropped is forgotten later than what was delivered, and events when their
/// deliveries are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stage {
    #[default]
    Pending,
    Settled,
    Quarantined,
    Events {
        after: u64,
    },
    Drops,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retained {
    /// There may be more.
    Some {
        /// How many pending deliveries were dropped, so that others may be due.
        dropped: u64,
    },
    /// All that was old is gone.
    All,
}

/// Lets go of what is older than the configuration keeps, in an order that repeats.
#[derive(Clone, Copy, Debug)]
pub struct Retaining {
    retention: Retention,
    stage: Stage,
}

impl Retaining {
    /// Keeps things as long as `retention` says.
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            stage: Stage::default(),
        }
    }

    /// Takes one step.
    ///
    /// # Errors
    /// The store is not available; the next step repeats this one.
    #[tracing::instrument(name = "retain", skip_all)]
    pub async fn step(
        &mut self,
        store: &impl RetentionStore,
        clock: &impl Clock,
    ) -> Result<Retained, StoreError> {
        let now = clock.now();
        let history = self.retention.history_since(now);
        let mut dropped = 0;
        self.stage = match self.stage {
            Stage::Pending => {
                let since = self.retention.pending_since(now);
                dropped = store.expire_pending(since, now, STEP_MAX).await?;
                match dropped {
                    0 => Stage::Settled,
                    _ => Stage::Pending,
                }
            }
            Stage::Settled => match store.forget_settled(history, STEP_MAX).await? {
                0 => Stage::Quarantined,
                _ => Stage::Settled,
            },
            Stage::Quarantined => match store.expire_quarantined(history, now, STEP_MAX).await? {
                0 => Stage::Events { after: 0 },
                _ => Stage::Quarantined,
            },
            Stage::Events { after } => {
                let looked = store.forget_events(history, after, STEP_MAX).await?;
                let next = looked.next.map(|after| Stage::Events { after });
                next.unwrap_or(Stage::Drops)
            }
            Stage::Drops => match store.forget_drops(history, STEP_MAX).await? {
                0 => {
                    self.stage = Stage::default();
                    return Ok(Retained::All);
                }
                _ => Stage::Drops,
            },
        };
        if dropped > 0 {
            warn!(
                dropped,
                "deliveries dropped: they were pending for as long as they are kept"
            );
        }
        Ok(Retained::Some { dropped })
    }
}
