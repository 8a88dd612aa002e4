//! Deliveries: one SET on its way to one stream, and what an attempt makes of it.

use std::sync::Arc;

use ssf_types::{
    error::ErrCode,
    id::Jti,
    push::{PushError, PushOutcome},
    subject::Subject,
    time::Timestamp,
};

use super::{event::AcceptedEvent, retry::RetryPolicy};

/// Where a delivery stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// The Receiver does not have it yet.
    Pending {
        /// Failed attempts so far.
        attempts: u32,
        /// When the next attempt may begin.
        due: Timestamp,
    },
    /// The Receiver has it.
    Acknowledged {
        /// When we learnt so.
        at: Timestamp,
    },
    /// The Receiver refused this very SET; a person has to look.
    Quarantined {
        /// When it was refused.
        at: Timestamp,
        /// The Receiver's code.
        code: ErrCode,
        /// The Receiver's words, which may name the subject: not for logs.
        description: String,
    },
}

impl DeliveryState {
    /// Whether no further attempt will be made.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Pending { .. } => false,
            Self::Acknowledged { .. } | Self::Quarantined { .. } => true,
        }
    }

    /// The state of a delivery whose SET its Receiver refused at the moment `at`.
    pub fn refused(refusal: &PushError, at: Timestamp) -> Self {
        Self::Quarantined {
            at,
            code: refusal.err.clone(),
            description: refusal.description.clone(),
        }
    }

    /// The state after an attempt that ended with `outcome`; `jitter` is in `0.0..=1.0`.
    ///
    /// What is settled stays so: an answer that comes late, perhaps to another worker's attempt, changes nothing.
    #[must_use]
    pub fn after_attempt(
        self,
        outcome: PushOutcome,
        now: Timestamp,
        policy: &RetryPolicy,
        jitter: f64,
    ) -> Self {
        let Self::Pending { attempts, .. } = self else {
            return self;
        };
        let again = |retry_after| {
            let attempts = attempts.saturating_add(1);
            let due = now.after(policy.delay(attempts, retry_after, jitter));
            Self::Pending { attempts, due }
        };
        match outcome {
            PushOutcome::Acknowledged { .. } => Self::Acknowledged { at: now },
            PushOutcome::SetRefused(refusal)
            | PushOutcome::KeyRefused(refusal)
            | PushOutcome::StreamRefused(refusal) => Self::refused(&refusal, now),
            PushOutcome::Busy { retry_after, .. } => again(retry_after),
            PushOutcome::OtherSuccess { .. }
            | PushOutcome::CredentialsRefused { .. }
            | PushOutcome::Gone { .. }
            | PushOutcome::Redirected { .. }
            | PushOutcome::Failed(_) => again(None),
        }
    }
}

/// A delivery that may be attempted now, with all that its SET needs except the stream's part.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// Its number in its stream, from 1, in order of acceptance.
    pub sequence: u64,
    /// The same in every attempt.
    pub jti: Jti,
    /// The same in every attempt; whole seconds.
    pub iat: Timestamp,
    /// Whom the SET is about, under the identifier chosen for the stream.
    pub sub_id: Subject,
    /// What happened.
    pub event: Arc<AcceptedEvent>,
    /// Failed attempts so far.
    pub attempts: u32,
}

impl Delivery {
    /// Joins a delivery's own values to its event; no attempt has been made.
    pub fn new(
        sequence: u64,
        jti: Jti,
        iat: Timestamp,
        sub_id: Subject,
        event: Arc<AcceptedEvent>,
    ) -> Self {
        Self {
            sequence,
            jti,
            iat,
            sub_id,
            event,
            attempts: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ssf_types::push::{Failure, NoAnswer, PushError};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1000);

    fn after(state: DeliveryState, outcome: PushOutcome) -> DeliveryState {
        state.after_attempt(outcome, NOW, &RetryPolicy::default(), 1.0)
    }

    fn pending(attempts: u32) -> DeliveryState {
        DeliveryState::Pending { attempts, due: NOW }
    }

    fn refusal() -> PushOutcome {
        PushOutcome::KeyRefused(PushError::new(ErrCode::InvalidKey, "unknown kid"))
    }

    fn acknowledgement() -> PushOutcome {
        PushOutcome::Acknowledged { status: 202 }
    }

    fn no_answer() -> PushOutcome {
        PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Timeout))
    }

    #[test]
    fn an_acknowledgement_settles_a_delivery() {
        let state = after(pending(3), acknowledgement());
        assert_eq!(state, DeliveryState::Acknowledged { at: NOW });
        assert!(state.is_settled());
    }

    #[test]
    fn a_refusal_of_the_key_of_the_stream_or_of_the_set_is_quarantined() {
        let error = PushError::new(ErrCode::InvalidRequest, "no such event here");
        for outcome in [
            PushOutcome::SetRefused(error.clone()),
            PushOutcome::KeyRefused(error.clone()),
            PushOutcome::StreamRefused(error.clone()),
        ] {
            assert!(after(pending(0), outcome).is_settled());
        }
    }

    #[test]
    fn a_refusal_of_the_set_puts_it_where_a_person_sees_it() {
        let expected = DeliveryState::Quarantined {
            at: NOW,
            code: ErrCode::InvalidKey,
            description: "unknown kid".into(),
        };
        assert_eq!(after(pending(0), refusal()), expected);
    }

    #[test]
    fn every_failure_that_may_pass_is_tried_again_later() {
        for outcome in [
            PushOutcome::OtherSuccess { status: 204 },
            PushOutcome::CredentialsRefused {
                status: 401,
                error: None,
            },
            PushOutcome::Gone { status: 410 },
            PushOutcome::Busy {
                status: 503,
                retry_after: None,
            },
            PushOutcome::Redirected { status: 307 },
            no_answer(),
            PushOutcome::Failed(Failure::Status(500)),
        ] {
            let expected = DeliveryState::Pending {
                attempts: 2,
                due: Timestamp::from_millis(1_000_500),
            };
            assert_eq!(after(pending(1), outcome), expected);
        }
    }

    #[test]
    fn a_receiver_that_is_busy_gets_the_time_it_asks_for() {
        let outcome = PushOutcome::Busy {
            status: 429,
            retry_after: Some(Duration::from_secs(30)),
        };
        let expected = DeliveryState::Pending {
            attempts: 1,
            due: Timestamp::from_secs(1030),
        };
        assert_eq!(after(pending(0), outcome), expected);
    }

    #[test]
    fn a_late_rejection_does_not_undo_an_acknowledgement() {
        let acknowledged = DeliveryState::Acknowledged {
            at: Timestamp::from_secs(1),
        };
        assert_eq!(after(acknowledged.clone(), refusal()), acknowledged);
        assert_eq!(after(acknowledged.clone(), no_answer()), acknowledged);
    }

    #[test]
    fn a_late_acknowledgement_does_not_hide_a_rejection() {
        let quarantined = after(pending(0), refusal());
        assert_eq!(after(quarantined.clone(), acknowledgement()), quarantined);
    }
}
