//! Telling a Receiver that the Transmitter itself changed the status of its stream (SSF 1.0 §8.1.5).

use ssf_types::{event::ssf::StreamUpdated, id::Jti, stream::StreamStatus, time::Timestamp};

use super::{
    framework::{FrameworkSet, Hold},
    id::EventId,
    order::OrderKey,
    status::StatusSetter,
    stream::Stream,
    trouble::PauseCause,
};

/// After so many attempts at an announcement that failed, what was held no longer waits for it: a Receiver that cannot
/// read it must not lose everything else. With the schedule of repetitions that is about a second.
pub const ATTEMPTS_WAITED_FOR: u32 = 3;

/// What is known of a stream besides what it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Circumstances {
    /// When activity of its Receiver was last noted.
    pub active_at: Option<Timestamp>,
    /// How often its Receiver has acted so that its circuit closed.
    pub acts: u64,
}

/// What becomes of a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StatusDecision {
    /// The stream as it is to be.
    pub stream: Stream,
    /// What its Receiver is told: before the stop, or first after the start.
    pub announcement: Option<FrameworkSet>,
}

impl StatusDecision {
    /// What a Receiver has decided for itself needs no announcement (SSF 1.0 §8.1.2).
    pub fn silent(stream: Stream) -> Self {
        Self {
            stream,
            announcement: None,
        }
    }

    /// Gives `stream` a status that its Receiver did not ask for.
    ///
    /// Each change of the value is announced, from paused to disabled, too; a new reason for the same value is not.
    pub fn announced(
        stream: &Stream,
        status: StreamStatus,
        reason: Option<String>,
        now: Timestamp,
        ids: (EventId, Jti),
    ) -> Self {
        Self::with(stream, status, reason, Hold::Passes, now, ids)
    }

    /// Pauses `stream`, because its Receiver answers so that waiting alone mends nothing.
    ///
    /// The announcement is offered once, since whoever refuses everything else may refuse that as well.
    pub fn paused(stream: &Stream, cause: PauseCause, now: Timestamp, ids: (EventId, Jti)) -> Self {
        let reason = Some(cause.reason().to_owned());
        let paused = StreamStatus::Paused;
        Self::with(stream, paused, reason, Hold::PassesOnce, now, ids)
    }

    /// The same, decided by somebody else than a rule of the Transmitter.
    #[must_use]
    pub fn by(mut self, setter: StatusSetter) -> Self {
        self.stream.status_set_by = setter;
        self
    }

    fn with(
        stream: &Stream,
        status: StreamStatus,
        reason: Option<String>,
        hold: Hold,
        now: Timestamp,
        ids: (EventId, Jti),
    ) -> Self {
        let announcement = (status != stream.status).then(|| {
            let mut updated = StreamUpdated::new(status);
            updated.reason.clone_from(&reason);
            // Verifications obey the hold: one that is held must not keep this one from being sent.
            let order = OrderKey::of_announcements();
            FrameworkSet::new(&stream.id, updated, (order, hold), now, ids)
        });
        Self {
            stream: Stream {
                status_set_by: StatusSetter::Transmitter,
                ..stream.with_status(status, reason)
            },
            announcement,
        }
    }
}

/// Whether a stream that was started may send events, given how often its earliest pending announcement has been sent
/// in vain; `None` if none is pending.
pub fn is_announced(earliest_pending: Option<u32>) -> bool {
    earliest_pending.is_none_or(|attempts| attempts >= ATTEMPTS_WAITED_FOR)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::stream::sample;

    const NOW: Timestamp = Timestamp::from_millis(1_000_999);

    fn announced(from: StreamStatus, to: StreamStatus, reason: Option<&str>) -> StatusDecision {
        let ids = (
            EventId::new(Uuid::from_u128(7)),
            Jti::parse("756E69717565").unwrap(),
        );
        let stream = sample().with_status(from, None);
        StatusDecision::announced(&stream, to, reason.map(str::to_owned), NOW, ids)
    }

    #[test]
    fn each_change_of_the_value_is_announced() {
        let all = [
            StreamStatus::Enabled,
            StreamStatus::Paused,
            StreamStatus::Disabled,
        ];
        for (from, to) in all.iter().flat_map(|from| all.map(|to| (*from, to))) {
            let decision = announced(from, to, None);
            assert_eq!(decision.stream.status, to);
            assert_eq!(
                decision.announcement.is_some(),
                from != to,
                "{from:?} {to:?}"
            );
        }
    }

    #[test]
    fn an_announcement_is_about_the_stream_and_passes_the_hold() {
        let decision = announced(
            StreamStatus::Enabled,
            StreamStatus::Paused,
            Some("License is not valid"),
        );
        let set = decision.announcement.unwrap();
        assert_eq!(
            serde_json::to_string(&set.event).unwrap(),
            r#"{"sub_id":{"format":"opaque","id":"f67e39a0"},"events":{"https://schemas.openid.net/secevent/ssf/event-type/stream-updated":{"status":"paused","reason":"License is not valid"}}}"#
        );
        assert_eq!(set.hold, Hold::Passes);
        assert_eq!(set.planned.iat, Timestamp::from_secs(1000));
        assert_eq!(
            decision.stream.reason.as_deref(),
            Some("License is not valid")
        );
    }

    #[test]
    fn a_pause_says_what_to_mend_and_is_offered_once() {
        let ids = (
            EventId::new(Uuid::from_u128(7)),
            Jti::parse("756E69717565").unwrap(),
        );
        let decision = StatusDecision::paused(&sample(), PauseCause::Gone, NOW, ids);
        assert_eq!(decision.stream.status, StreamStatus::Paused);
        let reason = decision.stream.reason.unwrap();
        assert_eq!(reason, PauseCause::Gone.reason());
        assert_eq!(decision.announcement.unwrap().hold, Hold::PassesOnce);
    }

    #[test]
    fn a_new_reason_for_the_same_status_is_kept_and_not_announced() {
        let decision = announced(StreamStatus::Paused, StreamStatus::Paused, Some("still"));
        assert_eq!(decision.announcement, None);
        assert_eq!(decision.stream.reason.as_deref(), Some("still"));
    }

    #[test]
    fn events_wait_for_an_announcement_but_not_for_ever() {
        assert!(is_announced(None));
        assert!(!is_announced(Some(0)));
        assert!(!is_announced(Some(2)));
        assert!(is_announced(Some(3)));
    }
}
