//! What keeps SETs from a Receiver, and when that is a reason to pause its stream.

use std::time::Duration;

use ssf_types::{
    push::{Failure, PushOutcome},
    time::Timestamp,
};

/// After so long without any other answer than that this Transmitter is not let in, a stream is paused.
pub const UNAUTHORIZED_MAX: Duration = Duration::from_hours(1);

/// After so long without any other answer than that nobody is there, a stream is paused.
pub const GONE_MAX: Duration = Duration::from_hours(24);

/// So many SETs, none acknowledged between, that are refused for their issuer or audience pause a stream: every further
/// one would be.
pub const MISDIRECTED_MAX: u32 = 3;

/// A kind of trouble. What the rules are for each is in [`Health::learn`](super::circuit::Health::learn).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TroubleKind {
    /// No answer, one that says neither yes nor why not, a redirect, or a success that does not count as one.
    Unreachable,
    /// 429 or 503: the Receiver wants fewer requests.
    Busy,
    /// 401, 403, `authentication_failed` or `access_denied`: this Transmitter is not let in.
    Unauthorized,
    /// 404 or 410: nobody is there.
    Gone,
    /// `invalid_issuer` or `invalid_audience`: the Receiver does not take the SETs of this stream for its own.
    Misdirected,
    /// The SET could not be signed: the fault is ours.
    NotSigned,
}

impl TroubleKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unreachable,
        Self::Busy,
        Self::Unauthorized,
        Self::Gone,
        Self::Misdirected,
        Self::NotSigned,
    ];

    /// The kind as it is stored, and as it labels metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Unauthorized => "unauthorized",
            Self::Gone => "gone",
            Self::Misdirected => "misdirected",
            Self::NotSigned => "not_signed",
        }
    }

    /// Reads what [`TroubleKind::as_str`] has written; `None` for anything else.
    pub fn read(stored: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == stored)
    }
}

/// Trouble that has not passed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// Which.
    pub kind: TroubleKind,
    /// Since when nothing but this was met.
    pub since: Timestamp,
    /// The status of the last answer, such as `503`, or one word for why there was none, such as `timeout`.
    pub last: String,
}

impl Trouble {
    /// Whether it has lasted so long that the stream is to be paused. Unreachability never does that.
    pub(super) fn pauses(&self, misdirected: u32, now: Timestamp) -> Option<PauseCause> {
        let lasted = now.since(self.since);
        match self.kind {
            TroubleKind::Unauthorized => {
                (lasted >= UNAUTHORIZED_MAX).then_some(PauseCause::Unauthorized)
            }
            TroubleKind::Gone => (lasted >= GONE_MAX).then_some(PauseCause::Gone),
            TroubleKind::Misdirected => {
                (misdirected >= MISDIRECTED_MAX).then_some(PauseCause::Misdirected)
            }
            TroubleKind::Unreachable | TroubleKind::Busy | TroubleKind::NotSigned => None,
        }
    }
}

/// Why the Transmitter pauses a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PauseCause {
    /// This Transmitter is not let in.
    Unauthorized,
    /// Nobody is there.
    Gone,
    /// The Receiver does not take the SETs of this stream for its own.
    Misdirected,
}

impl PauseCause {
    /// One word, for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Gone => "gone",
            Self::Misdirected => "misdirected",
        }
    }

    /// The reason that the Receiver is told: what to mend, and nothing that an answer or its address contained.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "for an hour the endpoint has only answered that this transmitter may not push (401, 403, authentication_failed or access_denied); give the stream an authorization_header that is accepted, then enable it"
            }
            Self::Gone => {
                "for 24 hours the endpoint has only answered that it is not there (404 or 410); give the stream an endpoint_url that takes SETs, then enable it"
            }
            Self::Misdirected => {
                "3 SETs were refused with invalid_issuer or invalid_audience, and none was acknowledged in between; have the receiver accept the iss and aud of the stream, then enable it"
            }
        }
    }
}

/// The status of an answer, or one word for why there was none.
pub(super) fn word(outcome: &PushOutcome) -> String {
    match (outcome.status(), outcome) {
        (Some(status), _) => status.to_string(),
        (None, PushOutcome::Failed(Failure::NoAnswer(reason))) => reason.as_str().to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{push::NoAnswer, stream::REASON_BYTES_MAX};

    use super::*;

    #[test]
    fn a_kind_is_read_as_it_was_stored() {
        for kind in TroubleKind::ALL {
            assert_eq!(TroubleKind::read(kind.as_str()), Some(kind));
        }
        assert_eq!(TroubleKind::read("sick"), None);
    }

    #[test]
    fn a_reason_is_short_enough_and_says_what_to_do() {
        for cause in [
            PauseCause::Unauthorized,
            PauseCause::Gone,
            PauseCause::Misdirected,
        ] {
            let reason = cause.reason();
            assert!(reason.len() <= REASON_BYTES_MAX && reason.ends_with("then enable it"));
        }
    }

    #[test]
    fn what_was_last_met_is_a_status_or_a_word() {
        let busy = PushOutcome::Busy {
            status: 429,
            retry_after: None,
        };
        assert_eq!(word(&busy), "429");
        let timeout = PushOutcome::Failed(Failure::NoAnswer(NoAnswer::Timeout));
        assert_eq!(word(&timeout), "timeout");
    }
}
