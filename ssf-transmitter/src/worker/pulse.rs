//! Whether the loops run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// A loop that has not come round for so long does not run.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The loops that have to run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loop {
    /// Turns accepted events into deliveries.
    FanOut,
    /// Brings deliveries to Receivers.
    Delivery,
}

/// When each loop last came round. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Beats>);

#[derive(Debug)]
struct Beats {
    began: Instant,
    /// Milliseconds since `began`.
    fan_out: AtomicU64,
    delivery: AtomicU64,
}

impl Pulse {
    /// Counts from now on; a loop has a while to come round for the first time.
    pub fn begin() -> Self {
        Self(Arc::new(Beats {
            began: Instant::now(),
            fan_out: AtomicU64::new(0),
            delivery: AtomicU64::new(0),
        }))
    }

    /// Whether the loop came round lately.
    pub fn is_alive(&self, which: Loop) -> bool {
        let last = Duration::from_millis(self.beats(which).load(Ordering::Relaxed));
        self.0.began.elapsed().saturating_sub(last) < SILENCE_MAX
    }

    pub(super) fn beat(&self, which: Loop) {
        let millis = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beats(which).store(millis, Ordering::Relaxed);
    }

    fn beats(&self, which: Loop) -> &AtomicU64 {
        match which {
            Loop::FanOut => &self.0.fan_out,
            Loop::Delivery => &self.0.delivery,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_no_longer_comes_round_is_not_alive() {
        let pulse = Pulse::begin();
        tokio::time::advance(Duration::from_secs(14)).await;
        pulse.beat(Loop::FanOut);
        tokio::time::advance(Duration::from_secs(14)).await;
        assert!(pulse.is_alive(Loop::FanOut));
        assert!(!pulse.is_alive(Loop::Delivery));
    }
}
