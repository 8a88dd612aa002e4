//! Showing a Receiver that SETs arrive on its stream (SSF 1.0 §8.1.4).

use std::time::Duration;

use ssf_types::{event::ssf::Verification, id::Jti, stream::StreamStatus, time::Timestamp};

use super::{
    framework::{self, FrameworkSet, Hold},
    id::EventId,
    order::OrderKey,
    stream::Stream,
};

/// What is known of the verifications that a Receiver has requested for a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Requested {
    /// When a request was last met.
    pub last: Option<Timestamp>,
    /// Whether the verification that it brought is pending.
    pub is_pending: bool,
}

impl Requested {
    /// A request was met at `last`.
    pub fn new(last: Option<Timestamp>, is_pending: bool) -> Self {
        Self { last, is_pending }
    }
}

/// A verification is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// A stream that is not enabled sends nothing, and that is nothing to be found out by waiting.
    #[error("the stream is {}, and nothing is sent on it: enable it first", .0.as_str())]
    NotEnabled(StreamStatus),
    /// A Receiver that does not take what it has requested gets no more of it: one is pending at most.
    #[error("the verification that was requested before is not acknowledged yet: it comes first")]
    Pending {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The one before was requested a moment ago (SSF 1.0 §8.1.4.2).
    #[error("min_verification_interval has not passed since the last request")]
    TooSoon {
        /// How long to wait.
        retry_after: Duration,
    },
}

/// Decides on a Receiver's request for a verification of its stream, given what became of those before.
///
/// The subject is the stream, and `state` is echoed (SSF 1.0 §8.1.4.1). Its order key is the stream's id, so that it waits
/// for no event, and no event for it.
///
/// # Errors
/// The stream is not enabled, `interval` has not passed, or the verification before is pending.
pub fn verification(
    stream: &Stream,
    state: Option<String>,
    before: Requested,
    interval: Duration,
    now: Timestamp,
    ids: (EventId, Jti),
) -> Result<FrameworkSet, VerificationError> {
    match stream.status {
        StreamStatus::Enabled => {}
        StreamStatus::Paused | StreamStatus::Disabled => {
            return Err(VerificationError::NotEnabled(stream.status));
        }
    }
    if let Some(next) = before.last.map(|last| last.after(interval))
        && next > now
    {
        // A clock that was set back does not silence the stream for longer than the interval.
        let retry_after = next.since(now).min(interval);
        return Err(VerificationError::TooSoon { retry_after });
    }
    if before.is_pending {
        let retry_after = interval;
        return Err(VerificationError::Pending { retry_after });
    }
    Ok(set(stream, state, now, ids))
}

/// A verification that nobody requested: it has no `state` (SSF 1.0 §8.1.4.2), and keeps a quiet stream from looking
/// like a broken one.
pub fn keep_alive(stream: &Stream, now: Timestamp, ids: (EventId, Jti)) -> FrameworkSet {
    set(stream, None, now, ids)
}

fn set(
    stream: &Stream,
    state: Option<String>,
    now: Timestamp,
    ids: (EventId, Jti),
) -> FrameworkSet {
    let mut payload = Verification::default();
    payload.state = state;
    let order = OrderKey::of(&framework::subject(&stream.id).into());
    FrameworkSet::new(&stream.id, payload, (order, Hold::Obeys), now, ids)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::stream::sample as stream;

    const INTERVAL: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::from_millis(1_000_999);

    fn requested(
        stream: &Stream,
        state: Option<&str>,
        last: Option<Timestamp>,
    ) -> Result<FrameworkSet, VerificationError> {
        let before = Requested::new(last, false);
        verification(
            stream,
            state.map(str::to_owned),
            before,
            INTERVAL,
            NOW,
            ids(),
        )
    }

    fn ids() -> (EventId, Jti) {
        (
            EventId::new(Uuid::from_u128(7)),
            Jti::parse("756E69717565").unwrap(),
        )
    }

    #[test]
    fn a_verification_is_about_the_stream_and_echoes_the_state() {
        let set = requested(&stream(), Some("a \"state\" é"), None).unwrap();
        assert_eq!(
            serde_json::to_string(&set.event).unwrap(),
            r#"{"sub_id":{"format":"opaque","id":"f67e39a0"},"events":{"https://schemas.openid.net/secevent/ssf/event-type/verification":{"state":"a \"state\" é"}}}"#
        );
        assert_eq!(set.planned.iat, Timestamp::from_secs(1000));
        assert_eq!(set.planned.stream.as_str(), "f67e39a0");
    }

    #[test]
    fn without_a_state_none_is_made_up() {
        let set = requested(&stream(), None, None).unwrap();
        let json = serde_json::to_string(&set.event).unwrap();
        assert!(json.ends_with(r#"/verification":{}}}"#), "{json}");
    }

    #[test]
    fn a_request_that_comes_too_soon_is_told_how_long_to_wait() {
        let last = |millis| Some(Timestamp::from_millis(millis));
        let too_soon = |retry_after| Err(VerificationError::TooSoon { retry_after });
        let at = |last| requested(&stream(), None, last);
        assert_eq!(at(last(971_000)), too_soon(Duration::from_millis(1)));
        assert_eq!(at(last(1_000_999)), too_soon(INTERVAL));
        assert_eq!(at(last(9_000_000)), too_soon(INTERVAL));
        assert!(at(last(970_999)).is_ok());
    }

    #[test]
    fn while_one_is_pending_no_other_is_sent() {
        let before = Requested::new(Some(Timestamp::from_secs(1)), true);
        let refused = verification(&stream(), None, before, INTERVAL, NOW, ids());
        let retry_after = INTERVAL;
        assert_eq!(refused, Err(VerificationError::Pending { retry_after }));
    }

    #[test]
    fn a_verification_that_nobody_requested_has_no_state() {
        let set = keep_alive(&stream(), NOW, ids());
        let json = serde_json::to_string(&set.event).unwrap();
        assert!(json.ends_with(r#"/verification":{}}}"#), "{json}");
    }

    #[test]
    fn a_stream_that_is_not_enabled_is_not_verified() {
        for (status, said) in [
            (
                StreamStatus::Paused,
                "the stream is paused, and nothing is sent on it: enable it first",
            ),
            (
                StreamStatus::Disabled,
                "the stream is disabled, and nothing is sent on it: enable it first",
            ),
        ] {
            let stream = stream().with_status(status, None);
            let error = requested(&stream, None, None).unwrap_err();
            assert_eq!(error.to_string(), said);
        }
    }
}
