//! Knows when no attempt can begin any more that was decided on before a moment.
//!
//! Whoever delivers passes the gate: it enters before it asks what is due, and leaves when the attempt begins. Whoever has
//! stopped a stream lets the gate clear: from then on, what begins was found due after the stop, which is nothing.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedRwLockReadGuard, RwLock};

/// Longest wait of a request until no attempt can begin any more; what takes longer is left to itself.
pub const WAIT_MAX: Duration = Duration::from_secs(3);

/// One gate for all streams of a process: passing takes milliseconds. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<RwLock<()>>);

/// Somebody is in the gate, until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Passage(#[expect(dead_code, reason = "it is held")] Arc<OwnedRwLockReadGuard<()>>);

impl Gate {
    /// Enters, if nobody waits for the gate to clear.
    pub fn try_enter(&self) -> Option<Passage> {
        let guard = Arc::clone(&self.0).try_read_owned().ok()?;
        Some(Passage(Arc::new(guard)))
    }

    /// Enters once nobody waits for the gate to clear. Who is in the gate already must not wait here.
    pub async fn enter(&self) -> Passage {
        Passage(Arc::new(Arc::clone(&self.0).read_owned().await))
    }

    /// Waits until all who are in the gate have left it; whether that took less than `limit`.
    pub async fn clears(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.0.write()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_gate_clears_when_the_last_has_left() {
        let gate = Gate::default();
        assert!(gate.clears(SECOND).await);
        let passage = gate.enter().await;
        let other = passage.clone();
        drop(passage);
        assert!(!gate.clears(SECOND).await);
        drop(other);
        assert!(gate.clears(SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_enters_while_the_gate_is_to_clear() {
        let gate = Gate::default();
        let inside = gate.try_enter().unwrap();
        let mut clearing = Box::pin(gate.clears(SECOND));
        assert_eq!(clearing.as_mut().now_or_never(), None);
        assert!(gate.try_enter().is_none());
        assert!(gate.enter().now_or_never().is_none());
        drop(inside);
        assert!(clearing.await);
        assert!(gate.try_enter().is_some());
    }
}
