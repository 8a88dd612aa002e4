//! Taking streams to deliver on: as many as there is room for, and of whom.
//!
//! The loop that delivers looks for streams that have something due. Whoever accepts events that are fanned out at once takes the
//! streams that get them, in the same transaction, and hands them to that loop, with what is due on them: so a single event waits
//! neither for a look nor for a second commit. One of them at a time has the turn, so that no Receiver gets more than its share.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use ssf_types::{id::StreamId, time::Timestamp};
use tokio::{
    sync::{Mutex as Turns, MutexGuard as TurnGuard, mpsc},
    time::timeout,
};

use super::{
    deliver::{First, Start, Term},
    gate::{Gate, Passage},
    measure::{self, LeaseChange, Leased},
    slots::{Queued, Slots},
};
use crate::{
    domain::{
        id::{ReceiverId, WorkerId},
        room::Room,
    },
    ports::{LeasedStream, TakenWith, Taking},
};

/// So many times as many streams as there are slots may wait for answers without one: each costs memory, and a renewal of
/// its lease now and then.
const STREAMS_PER_SLOT_MAX: usize = 8;

/// Where more than half of the slots are taken, so many times as many streams as there are slots are taken ahead, and get theirs
/// one after the other: what is taken together is taken in one transaction.
const AHEAD: usize = 2;

/// One Receiver has at most half as many streams as there are slots, those that only wait included: so whatever its
/// endpoints do, the others have the rest.
const RECEIVER_SHARE: usize = 2;

/// Streams that are in trouble when they are taken are at most half of all, those that only wait included: so however many
/// hang each time they are asked, the others have the rest.
const TROUBLED_SHARE: usize = 2;

/// How long the loop waits for whoever accepts.
const PATIENCE: Duration = Duration::from_millis(100);

/// Takes streams for one process. Clones are the same.
#[derive(Clone, Debug)]
pub struct Taker(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    worker: WorkerId,
    /// How long a lease lasts.
    lease: Duration,
    slots: Slots,
    gate: Gate,
    taken: Arc<Mutex<Taken>>,
    turns: Turns<()>,
    /// Whether accepting has failed while streams were taken, and no look has succeeded since.
    is_suspended: AtomicBool,
    handed: mpsc::UnboundedSender<TakenStream>,
}

/// Streams that were handed over.
#[derive(Debug)]
pub struct Handed(mpsc::UnboundedReceiver<TakenStream>);

/// Makes a taker of streams that are leased for so long, and the end at which those arrive that are handed over. The gate is
/// the one that attempts pass.
pub fn taker(worker: WorkerId, lease: Duration, slots: Slots, gate: Gate) -> (Taker, Handed) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let taker = Taker(Arc::new(Shared {
        worker,
        lease,
        slots,
        gate,
        taken: Arc::default(),
        turns: Turns::default(),
        is_suspended: AtomicBool::default(),
        handed: sender,
    }));
    (taker, Handed(receiver))
}

impl Taker {
    /// Waits for the turn, but not long: who has it may wait for the database. A share may be exceeded by what that takes then.
    pub async fn turn(&self) -> Turn<'_> {
        let turn = timeout(PATIENCE, self.0.turns.lock()).await;
        Turn {
            shared: &self.0,
            _turn: turn.ok(),
        }
    }

    /// Room for the streams that get events which are about to be accepted; `None` while another has the turn, where nobody would
    /// deliver on them, and where more than half of the slots are taken: where there is much to do, many are taken by one look. So
    /// it is after an offer that failed, until a look has succeeded: what cannot be taken can be accepted all the same.
    pub fn offer(&self, streams: &[StreamId], now: Timestamp) -> Option<Offer<'_>> {
        let turn = Turn {
            shared: &self.0,
            _turn: Some(self.0.turns.try_lock().ok()?),
        };
        let is_suspended = self.0.is_suspended.load(Ordering::Relaxed);
        if is_suspended || self.0.handed.is_closed() || self.0.is_busy() {
            return None;
        }
        let (term, taking) = turn.taking(now)?;
        // Who stops a stream once it is taken waits for what is found due on it with that.
        let enter = |stream: &StreamId| (stream.clone(), self.0.gate.enter(stream));
        Some(Offer {
            passages: streams.iter().map(enter).collect(),
            turn,
            term,
            taking,
        })
    }
}

impl Shared {
    fn is_busy(&self) -> bool {
        self.slots.free() < self.slots.most() / 2
    }

    /// It is whole after each step, so that a panic elsewhere is no reason to stop.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to take streams, until it is dropped.
#[derive(Debug)]
pub struct Turn<'t> {
    shared: &'t Shared,
    _turn: Option<TurnGuard<'t, ()>>,
}

impl Turn<'_> {
    /// How streams are taken now, with their term, which begins now; `None` if there is no room.
    pub fn taking(&self, now: Timestamp) -> Option<(Term, Taking)> {
        let slots = &self.shared.slots;
        let (most, free, queued) = (slots.most(), slots.free(), slots.queued());
        let all = most.saturating_mul(STREAMS_PER_SLOT_MAX);
        let ahead = if self.shared.is_busy() && queued < most {
            most * AHEAD - queued
        } else {
            0
        };
        let taken = self.shared.taken();
        let streams = (free + ahead).min(all.saturating_sub(taken.streams()));
        if streams == 0 {
            return None;
        }
        let share = (most / RECEIVER_SHARE).max(1);
        let troubled = (all / TROUBLED_SHARE).saturating_sub(taken.troubled);
        let room = Room::new(streams, share, taken.receivers.clone()).with_troubled(troubled);
        let term = Term::begin(self.shared.lease, now);
        let taking = Taking {
            worker: self.shared.worker,
            until: term.until(),
            room,
        };
        Some((term, taking))
    }

    /// A look has succeeded.
    pub fn succeed(&self) {
        self.shared.is_suspended.store(false, Ordering::Relaxed);
    }

    /// A stream was leased for such a term.
    pub fn takes(&self, leased: LeasedStream, term: Term) -> TakenStream {
        measure::leases(Leased::Stream, LeaseChange::Taken, 1);
        let place = Place {
            taken: Arc::clone(&self.shared.taken),
            receiver: leased.stream.receiver,
            is_troubled: leased.health.trouble.is_some(),
        };
        self.shared.taken().add(&place);
        TakenStream {
            leased,
            beginning: Beginning {
                term,
                queued: self.shared.slots.queue(),
                first: None,
            },
            place,
        }
    }
}

/// Room that whoever accepts events may fill.
#[derive(Debug)]
pub struct Offer<'t> {
    turn: Turn<'t>,
    term: Term,
    taking: Taking,
    passages: HashMap<StreamId, Passage>,
}

impl Offer<'_> {
    /// How they are taken.
    pub fn taking(&self) -> Taking {
        self.taking.clone()
    }

    /// Nothing was accepted, perhaps because of what it was offered for.
    pub fn fail(self) {
        self.turn.shared.is_suspended.store(true, Ordering::Relaxed);
    }

    /// Hands over what was taken; if whoever delivers has ended by a fault, it is left to its lease.
    pub fn hand_over(mut self, taken: Vec<TakenWith>) {
        for TakenWith { leased, due } in taken {
            let passage = self.passages.remove(&leased.lease.stream);
            let mut taken = self.turn.takes(leased, self.term);
            taken.beginning.first = passage
                .filter(|_| !due.is_empty())
                .map(|passage| First { passage, due });
            let _ = self.turn.shared.handed.send(taken);
        }
    }
}

impl Handed {
    /// Has nothing handed over any more; what was, has arrived then.
    pub async fn close(&mut self, taker: &Taker) {
        let _turn = taker.0.turns.lock().await;
        self.0.close();
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Option<TakenStream> {
        self.0.recv().await
    }

    /// One that has arrived, if there is any.
    pub fn arrived(&mut self) -> Option<TakenStream> {
        self.0.try_recv().ok()
    }
}

/// A stream that was taken.
#[derive(Debug)]
pub struct TakenStream {
    /// The stream with its lease.
    pub leased: LeasedStream,
    /// How to begin.
    pub beginning: Beginning,
    /// Counts it as taken.
    pub place: Place,
}

/// A place in the queue for a slot, and what to begin with there.
#[derive(Debug)]
pub struct Beginning {
    term: Term,
    queued: Queued,
    first: Option<First>,
}

impl Beginning {
    /// Waits for the slot. What was due when the stream was taken is begun with if there is one at once: later it may be due no
    /// more, and whoever stops the stream would wait.
    pub async fn start(self) -> Start {
        let Self {
            term,
            queued,
            first,
        } = self;
        let mut slot = pin!(queued.slot());
        if let Some(slot) = slot.as_mut().now_or_never() {
            return Start::new(term, slot).with(first);
        }
        drop(first);
        Start::new(term, slot.await)
    }
}

/// One of the streams that are taken, until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<Taken>>,
    receiver: ReceiverId,
    is_troubled: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(self);
    }
}

/// How many streams are taken.
#[derive(Debug, Default)]
struct Taken {
    receivers: HashMap<ReceiverId, usize>,
    /// How many were in trouble then.
    troubled: usize,
}

impl Taken {
    fn streams(&self) -> usize {
        self.receivers.values().sum()
    }

    fn add(&mut self, place: &Place) {
        *self.receivers.entry(place.receiver).or_default() += 1;
        self.troubled += usize::from(place.is_troubled);
    }

    fn remove(&mut self, place: &Place) {
        if let Some(count) = self.receivers.get_mut(&place.receiver) {
            *count -= 1;
            if *count == 0 {
                self.receivers.remove(&place.receiver);
            }
        }
        self.troubled -= usize::from(place.is_troubled);
    }
}
