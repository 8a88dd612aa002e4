//! The state of delivering on one stream, from its lease until it is given back.

use std::{collections::HashSet, future, time::Duration};

use ssf_types::time::Timestamp;
use tokio::{sync::watch, time::Instant};

use super::{
    Delivered, DeliverySettings, First, LOOK_INTERVAL, Start, Term, gather::Wanted, window::Window,
};
use crate::{app::slots::Slot, ports::LeasedStream};

/// How long the end of an attempt waits at most for others of its stream to be stored with it: a settlement is a transaction,
/// whether of one attempt or of many.
const PATIENCE: Duration = Duration::from_millis(5);

/// The same while more is due than may begin: a delivery that has to wait for a settlement has others before it.
const PATIENCE_BEHIND: Duration = Duration::from_millis(20);

pub(super) struct Run {
    pub(super) window: Window,
    /// Until when the lease holds; attempts look at it before they begin.
    pub(super) term: watch::Sender<Term>,
    /// What was due at first, until the first look.
    pub(super) first: Option<First>,
    /// The numbers of the deliveries that are under way.
    pub(super) under_way: HashSet<u64>,
    /// Whether more is due than may begin.
    pub(super) is_behind: bool,
    /// When to look again for a place at the host, if there was none, or to try what was not sent.
    pub(super) again_at: Option<Instant>,
    /// When what is under way is broken off.
    pub(super) stops_at: Option<Instant>,
    pub(super) done: Delivered,
    /// Absent once no further attempt is to begin.
    slot: Option<Slot>,
}

impl Run {
    pub(super) fn new(leased: &LeasedStream, start: Start, settings: &DeliverySettings) -> Self {
        Self {
            window: Window::new(leased, settings),
            term: watch::Sender::new(start.term),
            first: start.first,
            under_way: HashSet::new(),
            is_behind: false,
            again_at: None,
            stops_at: None,
            done: Delivered::default(),
            slot: Some(start.slot),
        }
    }

    /// How many attempts may begin now.
    pub(super) fn room(&mut self, now: Timestamp) -> usize {
        self.again_at = self.again_at.filter(|again| *again > Instant::now());
        if self.slot.is_none() || self.again_at.is_some() || self.window.is_shut(now) {
            return 0;
        }
        self.window.width.saturating_sub(self.under_way.len())
    }

    /// How many ends of attempts are worth waiting for, and for how long, so that they are stored together.
    pub(super) fn wanted(&self) -> Wanted {
        let patience = if self.is_behind {
            PATIENCE_BEHIND
        } else {
            PATIENCE
        };
        Wanted {
            together: self.window.width / 2,
            patience,
        }
    }

    /// Whether nothing is under way, and nothing is to begin.
    pub(super) fn is_over(&self) -> bool {
        self.under_way.is_empty() && (self.again_at.is_none() || self.slot.is_none())
    }

    /// How long nobody looks for what fell due, or whether the lease is to be renewed.
    pub(super) fn look_interval(&self, now: Timestamp) -> Duration {
        // A lease that could not be renewed is not asked for without a pause.
        let renewal = self.term.borrow().renewal(now).max(LOOK_INTERVAL / 10);
        LOOK_INTERVAL.min(renewal)
    }

    /// Begins no further attempt, and lets others have the slot.
    pub(super) fn leave(&mut self) {
        self.slot = None;
    }

    /// Lets others have the slot while it is stored what has become of the last attempt. Whoever has more to begin keeps it:
    /// its window has to open.
    pub(super) fn lend_slot(&mut self) {
        if let Some(slot) = self.slot.as_mut().filter(|_| !self.is_behind) {
            slot.lend();
        }
    }

    /// Goes on with the slot, if it is free.
    pub(super) fn take_slot_back(&mut self) {
        self.slot = self.slot.take().and_then(Slot::take_back);
    }

    /// Leaves, and gives what is under way so long.
    pub(super) fn stop(&mut self, hand_over: Duration) {
        self.leave();
        self.stops_at = Some(Instant::now() + hand_over);
    }

    /// The Receiver has answered.
    pub(super) fn answered(&mut self) {
        if let Some(slot) = &mut self.slot {
            slot.answered();
        }
    }

    /// Waits until others want the slot.
    pub(super) async fn is_in_the_way(&self) {
        match &self.slot {
            Some(slot) => slot.is_wanted().await,
            None => future::pending().await,
        }
    }
}
