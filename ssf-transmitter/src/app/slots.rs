//! How many streams are at work at once, and which of them make way when others wait.
//!
//! A stream that has made way begins no further attempt; what it has under way ends without a slot, since waiting for a peer
//! costs little. So whoever answers late, or never, takes nothing from the others.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

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
    queued: AtomicUsize,
}

/// A place in the queue for a slot; dropping it leaves the queue.
#[derive(Debug)]
pub struct Queued(Arc<Shared>);

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
            queued: AtomicUsize::new(0),
        }))
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.0.most
    }

    /// How many nobody has, and nobody waits for.
    pub fn free(&self) -> usize {
        let free = self.0.semaphore.available_permits();
        free.saturating_sub(self.queued())
    }

    /// Takes one, if there is one.
    pub fn take(&self) -> Option<Slot> {
        let permit = Arc::clone(&self.0.semaphore).try_acquire_owned().ok()?;
        Some(Slot::new(&self.0, permit))
    }

    /// Takes a place in the queue for one, at once.
    pub fn queue(&self) -> Queued {
        self.0.queued.fetch_add(1, Ordering::Relaxed);
        Queued(Arc::clone(&self.0))
    }

    /// How many have such a place.
    pub fn queued(&self) -> usize {
        self.0.queued.load(Ordering::Relaxed)
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

impl Queued {
    /// Waits for a slot; whoever asked first gets the first.
    pub async fn slot(self) -> Slot {
        let semaphore = Arc::clone(&self.0.semaphore);
        match semaphore.acquire_owned().await {
            Ok(permit) => Slot::new(&self.0, permit),
            // Nobody closes it.
            Err(_) => future::pending().await,
        }
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    fn new(shared: &Arc<Shared>, permit: OwnedSemaphorePermit) -> Self {
        let now = Instant::now();
        Self {
            shared: Arc::clone(shared),
            permit: Some(permit),
            began: now,
            answered: now,
        }
    }

    /// Lets others have it while there is nothing to do but to wait.
    pub(super) fn lend(&mut self) {
        self.permit = None;
        self.shared.freed.notify_one();
    }

    /// Has it again, if it is free.
    pub(super) fn take_back(mut self) -> Option<Self> {
        if self.permit.is_none() {
            let semaphore = Arc::clone(&self.shared.semaphore);
            self.permit = Some(semaphore.try_acquire_owned().ok()?);
        }
        Some(self)
    }

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
    use futures_util::FutureExt;

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
    async fn whoever_queues_first_gets_the_first_slot_and_what_is_queued_for_is_not_free() {
        let slots = Slots::new(1);
        let (first, second) = (slots.queue(), slots.queue());
        assert_eq!((slots.free(), slots.queued()), (0, 2));
        let slot = first.slot().await;
        let mut second = Box::pin(second.slot());
        assert!(second.as_mut().now_or_never().is_none());
        drop(slot);
        let _slot = second.await;
        assert_eq!((slots.free(), slots.queued()), (0, 0));
        drop(slots.queue());
        assert_eq!(slots.queued(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_that_is_lent_comes_back_unless_another_has_it() {
        let slots = Slots::new(1);
        let mut slot = slots.take().unwrap();
        slot.lend();
        slots.freed().await;
        assert_eq!(slots.free(), 1);
        let mut slot = slot.take_back().unwrap();
        assert_eq!(slots.free(), 0);
        slot.lend();
        let _another = slots.take().unwrap();
        assert!(slot.take_back().is_none());
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
