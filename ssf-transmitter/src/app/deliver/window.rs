//! How many attempts may be under way on a stream, given how its Receiver answers.

use ssf_types::{push::PushOutcome, stream::StreamStatus, time::Timestamp};

use super::DeliverySettings;
use crate::{
    domain::{
        circuit::{Circuit, Health, Pace, Tried},
        delivery::DeliveryState,
        trouble::PauseCause,
    },
    ports::LeasedStream,
};

/// So many SETs are looked at for the one that the Receiver is asked with while the circuit is open.
const CANDIDATES: usize = 32;

/// How wide the window is, and how the Receiver has answered lately.
pub(super) struct Window {
    pub(super) width: usize,
    width_max: usize,
    pub(super) health: Health,
    /// What of that is stored.
    stored: Health,
    status: StreamStatus,
    pause: Option<PauseCause>,
    is_outdated: bool,
}

impl Window {
    pub(super) fn new(leased: &LeasedStream, settings: &DeliverySettings) -> Self {
        Self {
            width: 1,
            width_max: settings.window_max.max(1),
            health: leased.health.clone(),
            stored: leased.health.clone(),
            status: leased.stream.status,
            pause: None,
            is_outdated: false,
        }
    }

    /// Whether no further attempt begins under this lease, or for now.
    pub(super) fn is_shut(&self, now: Timestamp) -> bool {
        self.is_outdated || self.health.is_resting(now)
    }

    /// How many deliveries are worth looking at for those that may begin.
    pub(super) fn candidates(&self, beginning: usize) -> usize {
        match self.health.circuit() {
            Circuit::Closed => beginning,
            Circuit::Open => CANDIDATES,
        }
    }

    /// How the Receiver has answered, if that is not stored yet.
    pub(super) fn news(&self) -> Option<&Health> {
        (self.health != self.stored).then_some(&self.health)
    }

    /// What is known was stored, or is void.
    pub(super) fn stored(&mut self) {
        self.stored = self.health.clone();
    }

    /// Opens or closes with an answer, and says what becomes of the delivery.
    pub(super) fn learn(
        &mut self,
        tried: &Tried,
        outcome: PushOutcome,
        now: Timestamp,
        settings: &DeliverySettings,
        jitter: f64,
    ) -> DeliveryState {
        let health = std::mem::take(&mut self.health);
        let learnt = health.learn(tried, outcome, now, (&settings.circuit, jitter));
        self.health = learnt.health;
        self.width = match learnt.pace {
            Pace::Widen => (self.width * 2).min(self.width_max),
            Pace::Narrow => 1,
        };
        self.pause = learnt.pause.or(self.pause);
        learnt.state
    }

    /// A SET could not be signed.
    pub(super) fn not_signed(
        &mut self,
        begun: Timestamp,
        now: Timestamp,
        settings: &DeliverySettings,
        jitter: f64,
    ) {
        let health = std::mem::take(&mut self.health);
        self.health = health.not_signed(begun, now, (&settings.circuit, jitter));
        self.width = 1;
    }

    /// Whether an answer says that the stream is to be paused.
    pub(super) fn is_to_pause(&self) -> bool {
        self.pause.is_some()
    }

    /// Why the stream is to be paused; a stream is paused once.
    pub(super) fn pause(&mut self) -> Option<PauseCause> {
        let cause = self.pause.take();
        match self.status {
            StreamStatus::Enabled => cause,
            StreamStatus::Paused | StreamStatus::Disabled => None,
        }
    }

    /// The stream is not what it was when it was leased: it is to be leased anew.
    pub(super) fn outdated(&mut self) {
        self.is_outdated = true;
    }

    /// The stream is paused now. What announces it goes out at once.
    pub(super) fn paused(&mut self) {
        self.status = StreamStatus::Paused;
        self.health = std::mem::take(&mut self.health).without_rest();
    }
}
