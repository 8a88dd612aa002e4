//! Wakes loops as soon as there is work.

use std::time::Duration;

use tokio::sync::watch;

/// Says that there is work. Clones wake the same listeners.
#[derive(Clone, Debug)]
pub struct Wake {
    all: watch::Sender<()>,
    /// For whoever tells other nodes.
    own: watch::Sender<()>,
}

/// Waits for [`Wake::wake`]. A call that comes while the listener works is not lost: its next wait returns at once.
#[derive(Clone, Debug)]
pub struct Listener(watch::Receiver<()>);

impl Default for Wake {
    fn default() -> Self {
        Self {
            all: watch::Sender::new(()),
            own: watch::Sender::new(()),
        }
    }
}

impl Wake {
    /// Wakes every listener, now or when it next waits, on other nodes as well.
    pub fn wake(&self) {
        self.wake_here();
        self.own.send_replace(());
    }

    /// Wakes the listeners of this process alone: another node has called.
    pub fn wake_here(&self) {
        self.all.send_replace(());
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.all.subscribe())
    }

    /// Listens from now on to what this process itself has to say.
    pub fn listen_to_own(&self) -> Listener {
        Listener(self.own.subscribe())
    }
}

impl Listener {
    /// Waits for a call, however long that takes.
    pub async fn called(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for a call, at most `limit`: the safety net for what nobody announces, such as the commit of a command.
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
    async fn what_another_node_announced_is_not_told_back_to_it() {
        let wake = Wake::default();
        let (mut listener, mut own) = (wake.listen(), wake.listen_to_own());
        let began = Instant::now();
        wake.wake_here();
        listener.wait(HOUR).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        own.wait(HOUR).await;
        assert_eq!(began.elapsed(), HOUR);
        wake.wake();
        own.called().await;
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
