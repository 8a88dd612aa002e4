//! How many streams are at work at once, and which of them make way when others wait.
//!
//! A stream that has made way begins no further attempt; what it has under way ends without a slot, since waiting for a peer
//! costs little. So whoever answers late, or never, takes nothing from the others.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

/// How long a stream keeps its slot while others wait: long enough to open its window, also for a Receiver far away.
const TURN: Duration = Duration::from_secs(2);

/// How long it keeps it without any answer.
const SILENCE_MAX: Duration = Duration::from_millis(500);

/// Slots for streams at work. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    semaphore: Arc<Semaphore>,
    is_wanted: watch::Sender<bool>,
    freed: Notify,
}

/// The slot of one stream; dropping it lets another have it.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
    began: Instant,
    answered: Instant,
}

impl Slots {
    /// So many, at least one.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self(Arc::new(Shared {
            most,
            semaphore: Arc::new(Semaphore::new(most)),
            is_wanted: watch::Sender::new(false),
            freed: Notify::new(),
        }))
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.0.most
    }

    /// How many nobody has.
    pub fn free(&self) -> usize {
        self.0.semaphore.available_permits()
    }

    /// Takes one, if there is one.
    pub fn take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.0.semaphore).try_acquire_owned().ok()?;
        let now = Instant::now();
        Some(Slot {
            shared: Arc::clone(&self.0),
            permit: Some(permit),
            began: now,
            answered: now,
        })
    }

    /// Says whether others wait for slots.
    pub fn want(&self, is_wanted: bool) {
        self.0.is_wanted.send_replace(is_wanted);
    }

    /// Waits until somebody has dropped one, now or before.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }
}

impl Slot {
    /// The Receiver has answered.
    pub(super) fn answered(&mut self) {
        self.answered = Instant::now();
    }

    /// Waits until it is time to make way for others.
    pub(super) async fn is_wanted(&self) {
        let silence = self.answered + SILENCE_MAX;
        tokio::time::sleep_until(silence.min(self.began + TURN)).await;
        let mut wanted = self.shared.is_wanted.subscribe();
        // The sender lives as long as this slot.
        let _ = wanted.wait_for(|is_wanted| *is_wanted).await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.permit = None;
        self.shared.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn time_until_wanted(slot: &Slot) -> Duration {
        let began = Instant::now();
        slot.is_wanted().await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_and_whoever_waits_learns_of_one_that_is_free() {
        let slots = Slots::new(1);
        let slot = slots.take().unwrap();
        assert_eq!(slots.free(), 0);
        assert!(slots.take().is_none());
        drop(slot);
        slots.freed().await;
        assert_eq!(slots.free(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_makes_way_while_nobody_waits() {
        let slots = Slots::new(1);
        let slot = slots.take().unwrap();
        let hour = Duration::from_hours(1);
        let waited = tokio::time::timeout(hour, slot.is_wanted());
        assert!(waited.await.is_err());
        slots.want(true);
        assert_eq!(time_until_wanted(&slot).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_answered_has_its_turn_and_one_that_is_not_makes_way_sooner() {
        let slots = Slots::new(2);
        slots.want(true);
        let (mut slot, silent) = (slots.take().unwrap(), slots.take().unwrap());
        assert_eq!(time_until_wanted(&silent).await, SILENCE_MAX);
        slot.answered();
        assert_eq!(time_until_wanted(&slot).await, SILENCE_MAX);
        tokio::time::advance(Duration::from_millis(800)).await;
        slot.answered();
        assert_eq!(time_until_wanted(&slot).await, Duration::from_millis(200));
    }
}
