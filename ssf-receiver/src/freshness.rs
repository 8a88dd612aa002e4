//! How fresh what we know of the Transmitter is: whether anything is heard, and whether something is missing.

mod company;
mod deadline;
mod health;
mod numbers;
mod range_set;
mod states;
mod when_stale;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::{
    event::Event,
    set::{Sequence, SetClaims},
    stream::StreamStatus,
};
use tokio::time::Instant;

use self::{
    company::Company,
    health::{Health, Noticed},
    states::States,
};
pub(crate) use self::{
    deadline::Deadline,
    health::heartbeat,
    when_stale::{CONFIRMED_FOR, began_lately},
};
pub use self::{
    health::{Freshness, Why},
    when_stale::WhenStale,
};

/// What is heard of the stream, by a steady clock.
#[derive(Debug)]
pub(crate) struct Hearing {
    began: Instant,
    state: Mutex<State>,
    /// From when on this is stale, unless something is learned.
    deadline: Arc<Deadline>,
}

#[derive(Debug)]
struct State {
    health: Health,
    states: States,
    company: Company,
}

impl Hearing {
    /// Begins to listen: nothing has been heard yet.
    pub(crate) fn new() -> Self {
        let began = Instant::now();
        let health = Health::default();
        let deadline = Deadline::new(began);
        deadline.set(health.stale_from());
        Self {
            began,
            state: Mutex::new(State {
                health,
                states: States::default(),
                company: Company::default(),
            }),
            deadline: deadline.into(),
        }
    }

    /// From when on this is stale.
    pub(crate) fn deadline(&self) -> &Arc<Deadline> {
        &self.deadline
    }

    /// Learns something.
    fn change<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let (mut state, now) = self.state();
        let result = change(&mut state, now);
        // Before the lock is let go, so that the last word is that of whoever learned last.
        let own = state.health.stale_from();
        self.deadline.set(state.company.stale_from(own));
        result
    }

    /// The state; a panic elsewhere leaves it whole, since nothing in it can break off.
    fn state(&self) -> (MutexGuard<'_, State>, Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state, self.began.elapsed())
    }

    /// How fresh what we know is.
    pub(crate) fn freshness(&self) -> Freshness {
        let (state, now) = self.state();
        state.company.freshness(state.health.freshness(now), now)
    }

    /// How fresh the stream is by what was heard here, whether or not this instance is cut off from others.
    #[cfg(feature = "postgres")]
    pub(crate) fn of_stream(&self) -> Freshness {
        let (state, now) = self.state();
        state.health.freshness(now)
    }

    /// A look that began at this moment saw all that other instances had written. From then on, it has to be followed by others in
    /// time.
    #[cfg(feature = "postgres")]
    pub(crate) fn followed(&self, at: Instant) {
        let at = at.duration_since(self.began);
        self.change(|state, _| {
            let followed = &mut state.company.followed;
            *followed = (*followed).max(Some(at));
        });
    }

    /// Compares numbers from the next account on: what others learned of them is not known here.
    #[cfg(feature = "postgres")]
    pub(crate) fn compare_anew(&self) {
        self.change(|state, _| state.health.compare_anew());
    }

    /// What the leading instance says of the stream; `None` if this one leads.
    #[cfg(feature = "postgres")]
    pub(crate) fn told(&self, freshness: Option<Freshness>) {
        self.change(|state, now| {
            state.company.told = freshness;
            if freshness == Some(Freshness::Fresh) {
                state.health.vouched(now);
            }
        });
    }

    /// A sign of life is asked for so often.
    pub(crate) fn expect_every(&self, heartbeat: Duration) {
        self.change(|state, _| state.health.expect_every(heartbeat));
    }

    /// A verification with this state is about to be asked for.
    pub(crate) fn asked_with(&self, verification: String) {
        let (mut state, now) = self.state();
        state.states.sent(verification, now);
    }

    /// Whether a verification is one that was asked for, or brings no state; anything else is no verification.
    pub(crate) fn is_expected(&self, event: &Event) -> bool {
        let Event::Verification(verification) = event else {
            return true;
        };
        let (state, now) = self.state();
        verification
            .state
            .as_ref()
            .is_none_or(|sent| state.states.sent_at(sent, now).is_some())
    }

    /// A poll was answered.
    pub(crate) fn heard(&self) {
        self.change(|state, now| state.health.heard(now));
    }

    /// So many SETs cannot be verified yet.
    pub(crate) fn quarantined_are(&self, count: usize) {
        self.change(|state, _| state.health.quarantined_are(count));
    }

    /// The Transmitter tells the stream's status.
    pub(crate) fn status_is(&self, status: StreamStatus) {
        self.change(|state, _| state.health.status_is(status));
    }

    /// Learns from a SET that is durable.
    pub(crate) fn learn(&self, claims: &SetClaims) {
        self.change(|state, now| state.learn(claims, now));
    }

    /// How many numbers nobody looks for although they may be missing.
    pub(crate) fn untold(&self) -> u64 {
        self.state().0.health.untold()
    }

    /// The numbers that are missing, for the log.
    pub(crate) fn missing(&self) -> String {
        let (state, now) = self.state();
        let ranges = state.health.missing(now);
        let shown = ranges.iter().take(RANGES_SHOWN);
        let shown: Vec<String> = shown
            .map(|range| format!("{}-{}", range.start(), range.end()))
            .collect();
        shown.join(" ")
    }
}

impl State {
    fn learn(&mut self, claims: &SetClaims, now: Duration) {
        if let Event::Verification(verification) = &claims.event {
            let sent = verification.state.as_ref();
            // As of when it was asked for: a verification that was held up says nothing of the time since.
            if let Some(sent_at) = sent.and_then(|sent| self.states.sent_at(sent, now)) {
                self.health.heard(sent_at);
            }
        }
        if let Event::StreamUpdated(updated) = &claims.event {
            self.health.status_is(updated.status);
        }
        match Sequence::among(&claims.extra) {
            Ok(Some(sequence)) => match self.health.numbered(&sequence, now) {
                Noticed::Nothing => {}
                Noticed::OtherEpoch => tracing::error!(
                    epoch = %sequence.epoch,
                    "the transmitter numbers its SETs anew: what it sent before may be lost"
                ),
            },
            Ok(None) => {}
            // The SET itself is none the worse for it.
            Err(error) => tracing::warn!(%error, "the number of a SET cannot be read"),
        }
    }
}

/// Most ranges of numbers in one line of the log.
const RANGES_SHOWN: usize = 10;
