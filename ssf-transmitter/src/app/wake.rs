//! Wakes loops as soon as there is work.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

/// Says that there is work. Clones wake the same listeners.
#[derive(Clone, Debug, Default)]
pub struct Wake {
    all: Arc<Bell>,
    /// For whoever tells other nodes.
    own: Arc<Bell>,
}

/// Waits for [`Wake::wake`]. A call that comes while the listener works is not lost: its next wait returns at once.
#[derive(Clone, Debug)]
pub struct Listener {
    bell: Arc<Bell>,
    /// How many calls it has heard.
    heard: u64,
}

/// Wakes those who wait, the first of them first: unlike a `watch`, which leaves their order to chance.
#[derive(Debug, Default)]
struct Bell {
    calls: AtomicU64,
    rung: Notify,
}

impl Wake {
    /// Wakes every listener, now or when it next waits, on other nodes as well.
    pub fn wake(&self) {
        self.wake_here();
        self.own.ring();
    }

    /// Wakes the listeners of this process alone: another node has called.
    pub fn wake_here(&self) {
        self.all.ring();
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        Listener::to(&self.all)
    }

    /// Listens from now on to what this process itself has to say.
    pub fn listen_to_own(&self) -> Listener {
        Listener::to(&self.own)
    }
}

impl Bell {
    fn ring(&self) {
        self.calls.fetch_add(1, Ordering::AcqRel);
        self.rung.notify_waiters();
    }
}

impl Listener {
    fn to(bell: &Arc<Bell>) -> Self {
        Self {
            bell: Arc::clone(bell),
            heard: bell.calls.load(Ordering::Acquire),
        }
    }

    /// Waits for a call, however long that takes.
    pub async fn called(&mut self) {
        loop {
            // Made before the look, it hears of every call after that.
            let rung = self.bell.rung.notified();
            let calls = self.bell.calls.load(Ordering::Acquire);
            if calls != self.heard {
                self.heard = calls;
                return;
            }
            rung.await;
        }
    }

    /// Waits for a call, at most `limit`: the safety net for what nobody announces, such as the commit of a command.
    pub async fn wait(&mut self, limit: Duration) {
        // That there was none is as good a reason to look.
        let _ = tokio::time::timeout(limit, self.called()).await;
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
