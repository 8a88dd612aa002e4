//! What the answers of a Receiver mean for a SET and for its stream: the one policy behind the table of
//! [`classify`](ssf_types::push::classify).
//!
//! Three things are told apart. What is wrong with one SET concerns that SET alone: it is refused for good, or waits for
//! itself. What keeps everything from the Receiver opens the circuit: the stream rests, and is then asked with one SET at a
//! time until one arrives. What will not pass by waiting pauses the stream, until the Receiver has acted.

#[cfg(test)]
mod tests;

use std::time::Duration;

use ssf_types::{
    push::{PushError, PushOutcome},
    stream::StreamStatus,
    time::Timestamp,
};

use super::{
    delivery::{Delivery, DeliveryState, Offer},
    dropped::DropReason,
    retry::RetryPolicy,
    trouble::{MISDIRECTED_MAX, PauseCause, Trouble, TroubleKind, word},
};

/// When a SET that was refused for its key is sent again: the Receiver may keep our keys in a cache for a while. Refused
/// once more after the last of these, it is quarantined.
pub const KEY_DELAYS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
];

/// How often a Receiver that does not let this Transmitter in is asked: so that it hears from us soon after it was
/// mended, and its log stays readable until then. Jitter takes up to half of it.
pub const UNAUTHORIZED_INTERVAL: Duration = Duration::from_mins(1);

/// How long to wait, and after how many failures to ask with one SET at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CircuitPolicy {
    /// So many SETs that fail, none being answered between, open the circuit.
    pub failures_max: u32,
    /// How long a SET waits after it has failed, and how long a stream rests.
    pub retry: RetryPolicy,
}

impl Default for CircuitPolicy {
    /// Three SETs, and from a quarter of a second to five minutes.
    fn default() -> Self {
        Self {
            failures_max: 3,
            retry: RetryPolicy::default(),
        }
    }
}

/// Whether everything that is due on a stream is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Circuit {
    /// It is.
    Closed,
    /// The stream rests, and is then asked with one SET at a time.
    Open,
}

impl Circuit {
    /// The state in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }
}

/// How the Receiver of a stream has answered lately. The default is that of a stream that has had no trouble.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// What is wrong; absent if the last answer shows that nothing is.
    pub trouble: Option<Trouble>,
    /// How often in a row the stream has rested; the circuit is open unless this is zero.
    pub rests: u32,
    /// No attempt begins before this moment.
    pub not_before: Timestamp,
    /// How many SETs have failed since one was answered; one that fails again and again counts once, since that may be
    /// its own fault.
    pub failed_sets: u32,
    /// The highest number among those; only higher ones count.
    pub failed_through: u64,
    /// How many SETs were refused for their issuer or audience since one was acknowledged.
    pub misdirected: u32,
    /// How often the Receiver has acted so that the circuit closed. What a worker has learnt under a lower count is void.
    pub acts: u64,
}

/// Who decides on a change of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decider {
    /// Its Receiver.
    Receiver,
    /// The Transmitter, or who operates it.
    Transmitter,
}

/// Whether a change closes the circuit of a stream: it sends, and either its Receiver has acted or it has just started.
pub fn closes_circuit(by: Decider, before: StreamStatus, after: StreamStatus) -> bool {
    match (by, after) {
        (Decider::Receiver, StreamStatus::Enabled) => true,
        (Decider::Transmitter, StreamStatus::Enabled) => before != after,
        (
            Decider::Receiver | Decider::Transmitter,
            StreamStatus::Paused | StreamStatus::Disabled,
        ) => false,
    }
}

/// An attempt that has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// The number of the delivery in its stream.
    pub sequence: u64,
    /// How the delivery stood when the attempt began.
    pub before: DeliveryState,
    /// Whether it may be repeated.
    pub offer: Offer,
    /// When the attempt began.
    pub begun: Timestamp,
}

impl Tried {
    /// An attempt at a delivery that began at the moment `begun`.
    pub fn new(delivery: &Delivery, begun: Timestamp) -> Self {
        Self {
            sequence: delivery.sequence,
            before: DeliveryState::Pending {
                attempts: delivery.attempts,
                key_refusals: delivery.key_refusals,
                due: begun,
            },
            offer: delivery.offer,
            begun,
        }
    }
}

/// What an answer means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Learnt {
    /// How the Receiver is now.
    pub health: Health,
    /// What becomes of the delivery.
    pub state: DeliveryState,
    /// Whether more may be under way at once.
    pub pace: Pace,
    /// Why the stream is to be paused, if it is.
    pub pause: Option<PauseCause>,
}

/// What an answer means for the number of attempts that are under way at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// There may be twice as many.
    Widen,
    /// There may be one.
    Narrow,
}

/// An outcome, as it is dealt with.
enum Meaning {
    Judged(Judgement),
    Trouble {
        kind: TroubleKind,
        retry_after: Option<Duration>,
    },
}

/// What a Receiver says about a SET, which shows that it is there and lets us in.
enum Judgement {
    Taken,
    SetRefused(PushError),
    KeyRefused(PushError),
    StreamRefused(PushError),
}

impl Meaning {
    fn of(outcome: PushOutcome) -> Self {
        let trouble = |kind| Self::Trouble {
            kind,
            retry_after: None,
        };
        match outcome {
            PushOutcome::Acknowledged { .. } => Self::Judged(Judgement::Taken),
            PushOutcome::SetRefused(refusal) => Self::Judged(Judgement::SetRefused(refusal)),
            PushOutcome::KeyRefused(refusal) => Self::Judged(Judgement::KeyRefused(refusal)),
            PushOutcome::StreamRefused(refusal) => Self::Judged(Judgement::StreamRefused(refusal)),
            PushOutcome::Busy { retry_after, .. } => Self::Trouble {
                kind: TroubleKind::Busy,
                retry_after,
            },
            PushOutcome::CredentialsRefused { .. } => trouble(TroubleKind::Unauthorized),
            PushOutcome::Gone { .. } => trouble(TroubleKind::Gone),
            PushOutcome::OtherSuccess { .. }
            | PushOutcome::Redirected { .. }
            | PushOutcome::Failed(_) => trouble(TroubleKind::Unreachable),
        }
    }
}

/// How often a SET has been tried that is tried again.
#[derive(Clone, Copy)]
struct Again {
    attempts: u32,
    key_refusals: u32,
}

impl Again {
    fn at(self, due: Timestamp) -> DeliveryState {
        DeliveryState::Pending {
            attempts: self.attempts,
            key_refusals: self.key_refusals,
            due,
        }
    }

    /// `None` if it is not tried again.
    fn after_key_refusal(self, now: Timestamp) -> Option<DeliveryState> {
        let nth = usize::try_from(self.key_refusals).unwrap_or(usize::MAX);
        let delay = KEY_DELAYS.get(nth)?;
        Some(DeliveryState::Pending {
            attempts: self.attempts,
            key_refusals: self.key_refusals.saturating_add(1),
            due: now.after(*delay),
        })
    }
}

impl Health {
    /// Whether no attempt begins for now.
    pub fn is_resting(&self, now: Timestamp) -> bool {
        now < self.not_before
    }

    /// Whether everything that is due is sent.
    pub fn circuit(&self) -> Circuit {
        match self.rests {
            0 => Circuit::Closed,
            _ => Circuit::Open,
        }
    }

    /// The Receiver has acted: whatever was wrong may be mended, and it is asked at once.
    #[must_use]
    pub fn after_act(&self) -> Self {
        Self {
            acts: self.acts + 1,
            ..Self::default()
        }
    }

    /// The stream was paused: what announces that is not kept waiting.
    #[must_use]
    pub fn without_rest(self) -> Self {
        Self {
            not_before: Timestamp::default(),
            ..self
        }
    }

    /// Says what an answer means, at the moment `now`, for the SET and for the stream; `jitter` is in `0.0..=1.0`.
    ///
    /// What is settled stays so, and teaches nothing: an answer may come late. An attempt that was under way when the
    /// circuit opened makes the rest no longer, and does not end one that a busy Receiver has asked for.
    #[must_use]
    pub fn learn(
        mut self,
        tried: &Tried,
        outcome: PushOutcome,
        now: Timestamp,
        (policy, jitter): (&CircuitPolicy, f64),
    ) -> Learnt {
        let DeliveryState::Pending {
            attempts,
            key_refusals,
            ..
        } = tried.before
        else {
            return Learnt {
                health: self,
                state: tried.before.clone(),
                pace: Pace::Narrow,
                pause: None,
            };
        };
        let again = Again {
            attempts: attempts.saturating_add(1),
            key_refusals,
        };
        let last = word(&outcome);
        match Meaning::of(outcome) {
            Meaning::Judged(judgement) => self.judged(tried, judgement, again, last, now),
            Meaning::Trouble { kind, retry_after } => {
                let delay = |failures| delay(kind, policy, failures, retry_after, jitter);
                if self.is_news(tried) || kind == TroubleKind::Busy {
                    self.suffer(kind, last, now);
                }
                let own = self.fail(kind, tried, now, (policy, delay));
                let due = own.map_or(now, |()| now.after(delay(again.attempts)));
                self.learnt(tried, again.at(due), Pace::Narrow, now)
            }
        }
    }

    /// The Receiver has said something about the SET.
    fn judged(
        mut self,
        tried: &Tried,
        judgement: Judgement,
        again: Again,
        last: String,
        now: Timestamp,
    ) -> Learnt {
        match judgement {
            Judgement::Taken => {
                self.answered(tried);
                self.misdirected = 0;
                let state = DeliveryState::Acknowledged { at: now };
                self.learnt(tried, state, Pace::Widen, now)
            }
            Judgement::SetRefused(refusal) => {
                self.answered(tried);
                let state = DeliveryState::refused(&refusal, now);
                self.learnt(tried, state, Pace::Widen, now)
            }
            Judgement::KeyRefused(refusal) => {
                self.answered(tried);
                let state = again.after_key_refusal(now);
                let state = state.unwrap_or_else(|| DeliveryState::refused(&refusal, now));
                self.learnt(tried, state, Pace::Narrow, now)
            }
            Judgement::StreamRefused(refusal) => {
                let refused = self.misdirect(tried, &refusal, last, now);
                let state = refused.unwrap_or_else(|| again.at(now));
                self.learnt(tried, state, Pace::Narrow, now)
            }
        }
    }

    /// A SET could not be signed, which is nobody's fault but ours: it stays as it is, and the stream rests.
    #[must_use]
    pub fn not_signed(
        mut self,
        begun: Timestamp,
        now: Timestamp,
        (policy, jitter): (&CircuitPolicy, f64),
    ) -> Self {
        self.suffer(TroubleKind::NotSigned, "no signature".to_owned(), now);
        if self.rests == 0 || begun >= self.not_before {
            let kind = TroubleKind::NotSigned;
            self.rest(kind, now, |rests| delay(kind, policy, rests, None, jitter));
        }
        self
    }

    /// Whether an attempt tells how the Receiver is now: it was not under way already when the circuit opened.
    fn is_news(&self, tried: &Tried) -> bool {
        self.rests == 0 || tried.begun >= self.not_before
    }

    /// The Receiver has judged a SET: it is there, and lets us in.
    fn answered(&mut self, tried: &Tried) {
        let is_busy = self
            .trouble
            .as_ref()
            .is_some_and(|trouble| trouble.kind == TroubleKind::Busy);
        if is_busy && !self.is_news(tried) {
            return;
        }
        *self = Self {
            misdirected: self.misdirected,
            acts: self.acts,
            ..Self::default()
        };
    }

    /// The Receiver does not take the SETs of this stream for its own. What was under way when the limit was reached is
    /// not quarantined, but held by the pause that follows.
    fn misdirect(
        &mut self,
        tried: &Tried,
        refusal: &PushError,
        last: String,
        now: Timestamp,
    ) -> Option<DeliveryState> {
        let before = self.trouble.clone();
        self.answered(tried);
        self.trouble = before.or(self.trouble.take());
        self.suffer(TroubleKind::Misdirected, last, now);
        self.misdirected = self.misdirected.saturating_add(1);
        (self.misdirected <= MISDIRECTED_MAX).then(|| DeliveryState::refused(refusal, now))
    }

    /// Notes trouble, which lasts since it was first met without another between.
    fn suffer(&mut self, kind: TroubleKind, last: String, now: Timestamp) {
        let same = self.trouble.take().filter(|before| before.kind == kind);
        let since = same.map_or(now, |before| before.since);
        self.trouble = Some(Trouble { kind, since, last });
    }

    /// A SET has not arrived. `Some` if it waits for itself; else it is due at once and goes behind those that wait, so
    /// that the stream is asked with another one after its rest.
    fn fail(
        &mut self,
        kind: TroubleKind,
        tried: &Tried,
        now: Timestamp,
        (policy, delay): (&CircuitPolicy, impl Fn(u32) -> Duration),
    ) -> Option<()> {
        if self.rests > 0 {
            if self.is_news(tried) {
                self.rest(kind, now, delay);
            } else if kind == TroubleKind::Busy {
                self.not_before = self.not_before.max(now.after(delay(self.rests)));
            }
            return None;
        }
        if kind == TroubleKind::Busy {
            self.rest(kind, now, delay);
            return Some(());
        }
        if tried.sequence > self.failed_through {
            self.failed_through = tried.sequence;
            self.failed_sets = self.failed_sets.saturating_add(1);
        }
        if self.failed_sets < policy.failures_max.max(1) {
            return Some(());
        }
        self.rest(kind, now, delay);
        None
    }

    /// Opens the circuit, or keeps it open.
    fn rest(&mut self, kind: TroubleKind, now: Timestamp, delay: impl Fn(u32) -> Duration) {
        self.rests = match kind {
            // Its interval is the same each time, and must not lengthen that of other trouble which may follow.
            TroubleKind::Unauthorized => self.rests.max(1),
            TroubleKind::Unreachable
            | TroubleKind::Busy
            | TroubleKind::Gone
            | TroubleKind::Misdirected
            | TroubleKind::NotSigned => self.rests.saturating_add(1),
        };
        self.not_before = now.after(delay(self.rests));
    }

    fn learnt(self, tried: &Tried, state: DeliveryState, pace: Pace, now: Timestamp) -> Learnt {
        let state = match (tried.offer, state.is_settled()) {
            (Offer::UntilSettled, _) | (Offer::Once, true) => state,
            (Offer::Once, false) => DeliveryState::Dropped {
                at: now,
                reason: DropReason::AnnouncementFailed,
            },
        };
        let trouble = self.trouble.as_ref();
        Learnt {
            pause: trouble.and_then(|trouble| trouble.pauses(self.misdirected, now)),
            pace: match self.circuit() {
                Circuit::Closed => pace,
                Circuit::Open => Pace::Narrow,
            },
            health: self,
            state,
        }
    }
}

/// How long to wait after so many failures in a row.
fn delay(
    kind: TroubleKind,
    policy: &CircuitPolicy,
    failures: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Duration {
    match kind {
        TroubleKind::Unauthorized => {
            let interval = UNAUTHORIZED_INTERVAL.min(policy.retry.delay_max);
            RetryPolicy::new(interval, interval).delay(1, None, jitter)
        }
        TroubleKind::Unreachable
        | TroubleKind::Busy
        | TroubleKind::Gone
        | TroubleKind::Misdirected
        | TroubleKind::NotSigned => policy.retry.delay(failures, retry_after, jitter),
    }
}
