//! Deliveries that end without having been delivered, because somebody who may do so decided it.

use ssf_types::time::Timestamp;

/// Why deliveries were dropped.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum DropReason {
    /// The stream was deleted, by its Receiver (SSF 1.0 §8.1.1.5) or by the operator.
    StreamDeleted,
    /// The stream was disabled: it holds nothing (SSF 1.0 §8.1.2.1).
    StreamDisabled,
    /// A verification that nobody had requested made way for one that the Receiver requests: one is pending at most.
    KeepAliveReplaced,
    /// The Receiver does not ask for events of this type any more (SSF 1.0 §8.1.1.3).
    TypeNoLongerRequested,
    /// What announces that the Transmitter has paused the stream is offered once, and the Receiver did not take it.
    AnnouncementFailed,
    /// The stream was enabled before its pause was announced.
    AnnouncementOutdated,
    /// It was pending, or quarantined, for as long as such deliveries are kept.
    Retention,
}

impl DropReason {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::StreamDeleted,
        Self::StreamDisabled,
        Self::KeepAliveReplaced,
        Self::TypeNoLongerRequested,
        Self::AnnouncementFailed,
        Self::AnnouncementOutdated,
        Self::Retention,
    ];

    /// The reason as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamDeleted => "stream_deleted",
            Self::StreamDisabled => "stream_disabled",
            Self::KeepAliveReplaced => "keep_alive_replaced",
            Self::TypeNoLongerRequested => "type_no_longer_requested",
            Self::AnnouncementFailed => "announcement_failed",
            Self::AnnouncementOutdated => "announcement_outdated",
            Self::Retention => "retention",
        }
    }

    /// Reads what [`DropReason::as_str`] has written; `None` for anything else.
    pub fn read(stored: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == stored)
    }
}

/// What is left of deliveries that were dropped together; it outlives their stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct DropRecord {
    /// Why.
    pub reason: DropReason,
    /// How many; never zero.
    pub deliveries: u64,
    /// When.
    pub at: Timestamp,
}

impl DropRecord {
    /// Records a drop.
    pub fn new(reason: DropReason, deliveries: u64, at: Timestamp) -> Self {
        Self {
            reason,
            deliveries,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_read_as_it_was_stored() {
        for reason in DropReason::ALL {
            assert_eq!(DropReason::read(reason.as_str()), Some(reason));
        }
        assert_eq!(DropReason::read("lost"), None);
    }
}
