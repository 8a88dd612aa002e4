//! SETs of the framework: the Transmitter itself sends them on one stream, whatever events that delivers.

use ssf_types::{
    event::Event,
    id::{Epoch, Jti, StreamId},
    set::Account,
    subject::SimpleSubject,
    time::Timestamp,
};

use super::{
    delivery::Offer, event::NewEvent, fan_out::PlannedDelivery, id::EventId, order::OrderKey,
    sequence,
};

/// A SET that is about the stream on which it is sent (SSF 1.0 §8.1.4.1, §8.1.5).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameworkSet {
    /// Names the event.
    pub id: EventId,
    /// What the SET says.
    pub event: NewEvent,
    /// The delivery that it becomes.
    pub planned: PlannedDelivery,
    /// What the status of the stream means to it.
    pub hold: Hold,
}

/// What the status of a stream means to a SET on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hold {
    /// It waits while the stream is paused, and is dropped when that is disabled.
    Obeys,
    /// It is sent all the same.
    Passes,
    /// It is sent all the same, but once: if that fails, it is dropped.
    PassesOnce,
}

impl Hold {
    /// Whether it is sent although the stream is held.
    pub fn passes(self) -> bool {
        match self {
            Self::Obeys => false,
            Self::Passes | Self::PassesOnce => true,
        }
    }

    /// How often it is offered.
    pub fn offer(self) -> Offer {
        match self {
            Self::Obeys | Self::Passes => Offer::UntilSettled,
            Self::PassesOnce => Offer::Once,
        }
    }
}

impl FrameworkSet {
    /// Has a verification tell what has become of the numbers before it.
    #[must_use]
    pub fn telling(mut self, epoch: Option<&Epoch>, account: Option<Account>) -> Self {
        if let (Some(epoch), Some(account)) = (epoch, account) {
            sequence::keep(&mut self.event.event, epoch, account);
        }
        self
    }

    /// Says `event` about `stream`, under identifiers that were never given before.
    pub(super) fn new(
        stream: &StreamId,
        event: impl Into<Event>,
        (order, hold): (OrderKey, Hold),
        now: Timestamp,
        (id, jti): (EventId, Jti),
    ) -> Self {
        let planned = PlannedDelivery {
            stream: stream.clone(),
            jti,
            iat: now.whole_seconds(),
            chosen: None,
            order,
        };
        Self {
            id,
            event: NewEvent::new(subject(stream), event),
            planned,
            hold,
        }
    }
}

/// A stream as the subject of SETs about itself: always simple, and part of the stream without having been added.
pub(super) fn subject(stream: &StreamId) -> SimpleSubject {
    SimpleSubject::Opaque {
        id: stream.as_str().to_owned(),
    }
}
