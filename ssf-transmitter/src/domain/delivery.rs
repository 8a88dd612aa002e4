//! Deliveries: one SET on its way to one stream, and what an attempt makes of it.

use std::sync::Arc;

use ssf_types::{error::ErrCode, id::Jti, push::PushError, subject::Subject, time::Timestamp};

use super::{dropped::DropReason, event::AcceptedEvent};

/// Where a delivery stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// The Receiver does not have it yet.
    Pending {
        /// Failed attempts so far.
        attempts: u32,
        /// How many of those were refused for the key.
        key_refusals: u32,
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
    /// It was offered once, and not taken.
    Dropped {
        /// When.
        at: Timestamp,
        /// Why there is no further attempt.
        reason: DropReason,
    },
}

/// How often a SET is offered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Offer {
    /// Until it is settled.
    #[default]
    UntilSettled,
    /// Once.
    Once,
}

impl DeliveryState {
    /// Whether no further attempt will be made.
    pub fn is_settled(&self) -> bool {
        match self {
            Self::Pending { .. } => false,
            Self::Acknowledged { .. } | Self::Quarantined { .. } | Self::Dropped { .. } => true,
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
    /// How many of those were refused for the key.
    pub key_refusals: u32,
    /// How often it is offered.
    pub offer: Offer,
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
            key_refusals: 0,
            offer: Offer::UntilSettled,
        }
    }
}
