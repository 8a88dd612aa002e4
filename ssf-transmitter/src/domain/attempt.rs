//! Attempts as they are kept: what a Receiver answered, or that it did not.

use ssf_types::{
    push::{Failure, PushError, PushOutcome},
    time::Timestamp,
};

use super::delivery::DeliveryState;

/// So many attempts of a delivery are kept from its beginning: they tell how the trouble began.
pub const FIRST_MAX: u32 = 5;

/// So many are kept from its end: they tell how it is now.
pub const LATEST_MAX: u32 = 15;

/// How an attempt ended: one word for each row of the table that [`classify`](ssf_types::push::classify) applies.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AnswerClass {
    /// The Receiver has the SET.
    Acknowledged,
    /// It refused this very SET, in its answer to a push or in `setErrs` of a poll.
    Refused,
    /// It refused the key.
    KeyRefused,
    /// It does not take the SETs of this stream for its own.
    Misdirected,
    /// It does not let this Transmitter in.
    Unauthorized,
    /// Nobody is there any more.
    Gone,
    /// It wants fewer requests.
    Busy,
    /// A success that does not count as one.
    OtherSuccess,
    /// It sent the SET elsewhere.
    Redirected,
    /// It answered neither yes nor why not.
    Failed,
    /// It did not answer.
    NoAnswer,
}

impl AnswerClass {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Acknowledged,
        Self::Refused,
        Self::KeyRefused,
        Self::Misdirected,
        Self::Unauthorized,
        Self::Gone,
        Self::Busy,
        Self::OtherSuccess,
        Self::Redirected,
        Self::Failed,
        Self::NoAnswer,
    ];

    /// The class of an outcome.
    pub fn of(outcome: &PushOutcome) -> Self {
        match outcome {
            PushOutcome::Acknowledged { .. } => Self::Acknowledged,
            PushOutcome::SetRefused(_) => Self::Refused,
            PushOutcome::KeyRefused(_) => Self::KeyRefused,
            PushOutcome::StreamRefused(_) => Self::Misdirected,
            PushOutcome::CredentialsRefused { .. } => Self::Unauthorized,
            PushOutcome::Gone { .. } => Self::Gone,
            PushOutcome::Busy { .. } => Self::Busy,
            PushOutcome::OtherSuccess { .. } => Self::OtherSuccess,
            PushOutcome::Redirected { .. } => Self::Redirected,
            PushOutcome::Failed(Failure::Status(_)) => Self::Failed,
            PushOutcome::Failed(Failure::NoAnswer(_)) => Self::NoAnswer,
        }
    }

    /// The class as it is stored, told and counted: a few words, whatever is answered.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::KeyRefused => "key_refused",
            Self::Misdirected => "misdirected",
            Self::Unauthorized => "unauthorized",
            Self::Gone => "gone",
            Self::Busy => "busy",
            Self::OtherSuccess => "other_success",
            Self::Redirected => "redirected",
            Self::Failed => "failed",
            Self::NoAnswer => "no_answer",
        }
    }

    /// Reads what [`AnswerClass::as_str`] has written; `None` for anything else.
    pub fn read(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == stored)
    }
}

/// How one attempt ended.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Attempt {
    /// When its end was known.
    pub at: Timestamp,
    /// How it ended.
    pub class: AnswerClass,
    /// The status of the answer; absent if there was none, and for what a poll says.
    pub status: Option<u16>,
    /// The Receiver's code, or one word for why there was no answer.
    pub code: Option<String>,
    /// The Receiver's words, which may name the subject: not for logs.
    pub description: Option<String>,
}

impl std::fmt::Debug for Attempt {
    /// Leaves out the Receiver's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("at", &self.at)
            .field("class", &self.class)
            .field("status", &self.status)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// An attempt that ended at the moment `at`; nothing else is known of it.
    pub fn new(at: Timestamp, class: AnswerClass) -> Self {
        Self {
            at,
            class,
            status: None,
            code: None,
            description: None,
        }
    }

    /// A push that ended with `outcome` at the moment `at`.
    pub fn pushed(outcome: &PushOutcome, at: Timestamp) -> Self {
        let mut attempt = Self {
            status: outcome.status(),
            ..Self::new(at, AnswerClass::of(outcome))
        };
        match outcome {
            PushOutcome::SetRefused(refusal)
            | PushOutcome::KeyRefused(refusal)
            | PushOutcome::StreamRefused(refusal)
            | PushOutcome::CredentialsRefused {
                error: Some(refusal),
                ..
            } => attempt.explain(refusal),
            PushOutcome::Failed(Failure::NoAnswer(reason)) => {
                attempt.code = Some(reason.as_str().to_owned());
            }
            PushOutcome::Acknowledged { .. }
            | PushOutcome::OtherSuccess { .. }
            | PushOutcome::CredentialsRefused { error: None, .. }
            | PushOutcome::Gone { .. }
            | PushOutcome::Busy { .. }
            | PushOutcome::Redirected { .. }
            | PushOutcome::Failed(Failure::Status(_)) => {}
        }
        attempt
    }

    /// What a poll says about a SET that was handed out; `None` if it says nothing.
    pub fn polled(state: &DeliveryState) -> Option<Self> {
        match state {
            DeliveryState::Acknowledged { at } => Some(Self::new(*at, AnswerClass::Acknowledged)),
            DeliveryState::Quarantined {
                at,
                code,
                description,
            } => {
                let mut attempt = Self::new(*at, AnswerClass::Refused);
                attempt.explain(&PushError::new(code.clone(), description.clone()));
                Some(attempt)
            }
            DeliveryState::Pending { .. } | DeliveryState::Dropped { .. } => None,
        }
    }

    fn explain(&mut self, refusal: &PushError) {
        self.code = Some(refusal.err.as_str().to_owned());
        let words = Some(refusal.description.clone());
        self.description = words.filter(|words| !words.is_empty());
    }
}

/// The place of the attempt with this number, from 1. Whatever else stands there is forgotten, so that the first and the
/// latest are kept.
pub fn place(number: u32) -> u32 {
    match number.checked_sub(FIRST_MAX + 1) {
        Some(behind) => FIRST_MAX + 1 + behind % LATEST_MAX,
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ssf_types::{error::ErrCode, push::NoAnswer};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    #[test]
    fn a_class_is_read_as_it_was_stored() {
        for class in AnswerClass::ALL {
            assert_eq!(AnswerClass::read(class.as_str()), Some(class));
        }
        assert_eq!(AnswerClass::read("lost"), None);
    }

    #[test]
    fn an_attempt_has_the_status_and_what_the_receiver_said() {
        let refusal = PushError::new(ErrCode::InvalidKey, "no kid 7 for alice");
        let attempt = Attempt::pushed(&PushOutcome::KeyRefused(refusal), NOW);
        assert_eq!(attempt.class, AnswerClass::KeyRefused);
        assert_eq!(attempt.status, Some(400));
        assert_eq!(attempt.code.as_deref(), Some("invalid_key"));
        assert_eq!(attempt.description.as_deref(), Some("no kid 7 for alice"));
        assert!(!format!("{attempt:?}").contains("alice"));
    }

    #[test]
    fn an_attempt_without_an_answer_has_a_word_for_why() {
        let outcome = PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Timeout));
        let attempt = Attempt::pushed(&outcome, NOW);
        assert_eq!(attempt.class, AnswerClass::NoAnswer);
        assert_eq!(attempt.status, None);
        assert_eq!(attempt.code.as_deref(), Some("timeout"));
    }

    #[test]
    fn what_a_poll_says_is_an_attempt_without_a_status() {
        let refusal = PushError::new(ErrCode::InvalidRequest, "");
        let refused = DeliveryState::refused(&refusal, NOW);
        let attempt = Attempt::polled(&refused).unwrap();
        assert_eq!(attempt.class, AnswerClass::Refused);
        assert_eq!(attempt.code.as_deref(), Some("invalid_request"));
        assert_eq!((attempt.status, attempt.description), (None, None));
        let taken = DeliveryState::Acknowledged { at: NOW };
        let attempt = Attempt::polled(&taken).unwrap();
        assert_eq!(attempt, Attempt::new(NOW, AnswerClass::Acknowledged));
    }

    #[test]
    fn the_first_attempts_and_the_latest_are_kept() {
        for attempts in [1, 5, 6, 20, 21, 1000] {
            let kept: BTreeMap<u32, u32> = (1..=attempts)
                .map(|number| (place(number), number))
                .collect();
            let mut kept: Vec<u32> = kept.into_values().collect();
            kept.sort_unstable();
            let latest = attempts.saturating_sub(LATEST_MAX).max(FIRST_MAX) + 1;
            let first = (1..=attempts).take_while(|number| *number <= FIRST_MAX);
            let expected: Vec<u32> = first.chain(latest..=attempts).collect();
            assert_eq!(kept, expected, "{attempts}");
        }
    }
}
