//! Wakes loops as soon as there is work.

use std::time::Duration;

use tokio::sync::watch;

/// Says that there is work. Clones wake the same listeners.
#[derive(Clone, Debug)]
pub struct Wake(watch::Sender<()>);

/// Waits for [`Wake::wake`]. A call that comes while the listener works is not lost: its next wait returns at once.
#[derive(Clone, Debug)]
pub struct Listener(watch::Receiver<()>);

impl Default for Wake {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Wake {
    /// Wakes every listener, now or when it next waits.
    pub fn wake(&self) {
        self.0.send_replace(());
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// Waits for a call, at most `limit`: the safety net for what nobody announces, such as a commit of another node.
    pub async fn wait(&mut self, limit: Duration) {
        let changed = tokio::time::timeout(limit, self.0.changed());
        if let Ok(Err(_)) = changed.await {
            // Nobody is left who could call, and returning at once would make the caller spin.
            tokio::time::sleep(limit).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_call_before_the_wait_is_not_lost_by_any_listener() {
        let wake = Wake::default();
        let (mut one, mut other) = (wake.listen(), wake.listen());
        let began = Instant::now();
        wake.clone().wake();
        one.wait(HOUR).await;
        other.wait(HOUR).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn one_call_ends_one_wait() {
        let wake = Wake::default();
        let mut listener = wake.listen();
        wake.wake();
        listener.wait(HOUR).await;
        let began = Instant::now();
        listener.wait(HOUR).await;
        assert_eq!(began.elapsed(), HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_listener_that_nobody_can_wake_waits_all_the_same() {
        let mut listener = Wake::default().listen();
        let began = Instant::now();
        listener.wait(HOUR).await;
        assert_eq!(began.elapsed(), HOUR);
    }
}
