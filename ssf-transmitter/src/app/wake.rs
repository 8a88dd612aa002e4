//! Wakes a loop as soon as there is work.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

/// Says that there is work. Clones wake the same loop.
///
/// A call that comes while the loop works is not lost: the next wait returns at once.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the loop, now or when it next waits.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody calls [`Wake::wake`], at most `limit`: the safety net for what nobody announces, such as a
    /// commit of another node.
    pub async fn wait(&self, limit: Duration) {
        // Both ways of waking up mean the same: look whether there is work.
        let _ = tokio::time::timeout(limit, self.0.notified()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREVER: Duration = Duration::from_hours(24);

    #[tokio::test]
    async fn a_call_before_the_wait_is_not_lost() {
        let wake = Wake::default();
        wake.clone().wake();
        let waited = tokio::time::timeout(Duration::from_secs(10), wake.wait(FOREVER)).await;
        assert!(waited.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_call_the_wait_ends_at_its_limit() {
        let began = tokio::time::Instant::now();
        Wake::default().wait(Duration::from_secs(1)).await;
        assert_eq!(began.elapsed(), Duration::from_secs(1));
    }
}
