//! The one table that says what the end of a push means.

use std::time::Duration;

use super::{PushError, retry_after};
use crate::{error::ErrCode, time::Timestamp};

/// Which success codes acknowledge a SET.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Acknowledge {
    /// 202 alone, as RFC 8935 §2.2 has it.
    Strict202,
    /// Every 2xx: many Receivers answer 200 or 204, and they have the SET.
    #[default]
    Any2xx,
}

/// How a push ended, as data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exchange<'a> {
    /// There is an answer.
    Answered(Answer<'a>),
    /// There is none.
    Unanswered(NoAnswer),
}

/// As much of an HTTP answer as counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The value of `Retry-After` (RFC 9110 §10.2.3).
    pub retry_after: Option<&'a str>,
    /// The body, which counts in a 400 only; a caller may leave it unread otherwise, and may cut it.
    pub body: &'a [u8],
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The name of the host leads nowhere.
    Dns,
    /// The address is one that must not be called; nothing was sent.
    AddressRefused,
    /// No connection came about.
    Connect,
    /// The certificate is not accepted, or the handshake broke off (RFC 8935 §3); nothing was sent.
    Tls,
    /// Time ran out; the Receiver may have the SET.
    Timeout,
    /// The connection broke before the answer was there; the Receiver may have the SET.
    Interrupted,
    /// What came back is not HTTP, or is longer than is read.
    Malformed,
}

impl NoAnswer {
    /// One word for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::AddressRefused => "address-refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Malformed => "malformed",
        }
    }
}

/// What the end of a push means for the SET and for the stream.
///
/// Each variant is one row of the table that [`classify`] applies; `err` is the code in the body of a 400.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PushOutcome {
    /// 202, or any 2xx under [`Acknowledge::Any2xx`]: the Receiver has the SET (RFC 8935 §2.2).
    Acknowledged {
        /// The status.
        status: u16,
    },
    /// 2xx other than 202 under [`Acknowledge::Strict202`]: the Receiver breaks RFC 8935 §2.2, and probably has the SET.
    OtherSuccess {
        /// The status.
        status: u16,
    },
    /// 400 with `invalid_request`, `invalid_state` or a code of later date: this very SET is refused, and sending it
    /// again would not help (RFC 8935 §2.4, SSF 1.0 §8.1.4.1).
    SetRefused(PushError),
    /// 400 with `invalid_key`: the Receiver may not have seen our new key yet, so that it may heal (RFC 8935 §2.4).
    KeyRefused(PushError),
    /// 400 with `invalid_issuer` or `invalid_audience`: every SET of the stream will meet it (RFC 8935 §2.4).
    StreamRefused(PushError),
    /// 401, 403, or 400 with `authentication_failed` or `access_denied`: the Receiver does not let this Transmitter in
    /// (RFC 8935 §2.4).
    CredentialsRefused {
        /// The status.
        status: u16,
        /// What a 400 says.
        error: Option<PushError>,
    },
    /// 404 or 410: nobody is there any more.
    Gone {
        /// The status.
        status: u16,
    },
    /// 429 or 503: the Receiver is there and wants fewer requests.
    Busy {
        /// The status.
        status: u16,
        /// How long to wait, if it says so; at most [`RETRY_AFTER_MAX`](super::RETRY_AFTER_MAX) (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// 3xx: a failure, because the SET and the `Authorization` value go to the endpoint of the stream or nowhere.
    Redirected {
        /// The status.
        status: u16,
    },
    /// Everything else: a failure that may pass.
    Failed(Failure),
}

/// A failure of a push that may pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// An answer that says neither yes nor why not: 5xx, other 4xx, a 400 without an error object, no HTTP status.
    Status(u16),
    /// No answer.
    NoAnswer(NoAnswer),
}

impl PushOutcome {
    /// The status of the answer, if there is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Acknowledged { status }
            | Self::OtherSuccess { status }
            | Self::CredentialsRefused { status, .. }
            | Self::Gone { status }
            | Self::Busy { status, .. }
            | Self::Redirected { status }
            | Self::Failed(Failure::Status(status)) => Some(*status),
            Self::SetRefused(_) | Self::KeyRefused(_) | Self::StreamRefused(_) => Some(400),
            Self::Failed(Failure::NoAnswer(_)) => None,
        }
    }
}

/// Says what the end of a push means. `now` is the moment of the answer, for a `Retry-After` that is a date.
///
/// ```
/// # use std::time::Duration;
/// # use ssf_types::{push::{Acknowledge, Answer, Exchange, PushOutcome, classify}, time::Timestamp};
/// let answer = Answer { status: 503, retry_after: Some("120"), body: b"" };
/// let outcome = classify(Exchange::Answered(answer), Acknowledge::Any2xx, Timestamp::from_secs(1_615_305_159));
/// assert_eq!(outcome, PushOutcome::Busy { status: 503, retry_after: Some(Duration::from_secs(120)) });
/// ```
pub fn classify(exchange: Exchange<'_>, rule: Acknowledge, now: Timestamp) -> PushOutcome {
    let answer = match exchange {
        Exchange::Answered(answer) => answer,
        Exchange::Unanswered(reason) => return PushOutcome::Failed(Failure::NoAnswer(reason)),
    };
    let status = answer.status;
    match (status, rule) {
        (202, _) | (200..=299, Acknowledge::Any2xx) => PushOutcome::Acknowledged { status },
        (200..=299, Acknowledge::Strict202) => PushOutcome::OtherSuccess { status },
        (300..=399, _) => PushOutcome::Redirected { status },
        (400, _) => refusal(answer.body),
        (401 | 403, _) => PushOutcome::CredentialsRefused {
            status,
            error: None,
        },
        (404 | 410, _) => PushOutcome::Gone { status },
        (429 | 503, _) => PushOutcome::Busy {
            status,
            retry_after: answer
                .retry_after
                .and_then(|value| retry_after::read(value, now)),
        },
        _ => PushOutcome::Failed(Failure::Status(status)),
    }
}

/// What a 400 means, by the code in its body.
fn refusal(body: &[u8]) -> PushOutcome {
    let Some(error) = PushError::parse(body) else {
        return PushOutcome::Failed(Failure::Status(400));
    };
    match error.err {
        ErrCode::InvalidRequest | ErrCode::InvalidState | ErrCode::Other(_) => {
            PushOutcome::SetRefused(error)
        }
        ErrCode::InvalidKey => PushOutcome::KeyRefused(error),
        ErrCode::InvalidIssuer | ErrCode::InvalidAudience => PushOutcome::StreamRefused(error),
        ErrCode::AuthenticationFailed | ErrCode::AccessDenied => PushOutcome::CredentialsRefused {
            status: 400,
            error: Some(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::push::RETRY_AFTER_MAX;

    const NOW: Timestamp = Timestamp::from_secs(784_111_717);

    fn outcome(status: u16, rule: Acknowledge) -> PushOutcome {
        let answer = Answer {
            status,
            ..Answer::default()
        };
        classify(Exchange::Answered(answer), rule, NOW)
    }

    fn refused_with(err: &str) -> PushOutcome {
        let body = format!(r#"{{"err":"{err}","description":"why"}}"#);
        let answer = Answer {
            status: 400,
            retry_after: None,
            body: body.as_bytes(),
        };
        classify(Exchange::Answered(answer), Acknowledge::Any2xx, NOW)
    }

    fn busy(retry_after: Option<&str>) -> PushOutcome {
        let answer = Answer {
            status: 429,
            retry_after,
            body: b"",
        };
        classify(Exchange::Answered(answer), Acknowledge::Any2xx, NOW)
    }

    #[test]
    fn every_status_has_its_row() {
        for status in 100..=599 {
            let row = match outcome(status, Acknowledge::Strict202) {
                PushOutcome::Acknowledged { .. } => "acknowledged",
                PushOutcome::OtherSuccess { .. } => "other success",
                PushOutcome::SetRefused(_)
                | PushOutcome::KeyRefused(_)
                | PushOutcome::StreamRefused(_) => "refused",
                PushOutcome::CredentialsRefused { .. } => "credentials",
                PushOutcome::Gone { .. } => "gone",
                PushOutcome::Busy { .. } => "busy",
                PushOutcome::Redirected { .. } => "redirected",
                PushOutcome::Failed(_) => "failed",
            };
            let expected = match status {
                202 => "acknowledged",
                200 | 201 | 203..=299 => "other success",
                300..=399 => "redirected",
                401 | 403 => "credentials",
                404 | 410 => "gone",
                429 | 503 => "busy",
                _ => "failed",
            };
            assert_eq!(row, expected, "{status}");
            assert_eq!(
                outcome(status, Acknowledge::Strict202).status(),
                Some(status)
            );
        }
    }

    #[test]
    fn any_2xx_acknowledges_where_the_rule_says_so() {
        for status in 200..=299 {
            assert_eq!(
                outcome(status, Acknowledge::Any2xx),
                PushOutcome::Acknowledged { status }
            );
        }
    }

    #[test]
    fn under_the_strict_rule_a_204_is_a_fact_of_its_own() {
        assert_eq!(
            outcome(202, Acknowledge::Strict202),
            PushOutcome::Acknowledged { status: 202 }
        );
        assert_eq!(
            outcome(204, Acknowledge::Strict202),
            PushOutcome::OtherSuccess { status: 204 }
        );
    }

    #[test]
    fn the_rule_for_success_changes_nothing_else() {
        for status in (100..=199).chain(300..=599) {
            assert_eq!(
                outcome(status, Acknowledge::Strict202),
                outcome(status, Acknowledge::Any2xx),
                "{status}"
            );
        }
    }

    #[test]
    fn each_code_says_what_is_refused() {
        let error = |err| PushError::new(err, "why");
        let credentials = |err| PushOutcome::CredentialsRefused {
            status: 400,
            error: Some(error(err)),
        };
        for (err, expected) in [
            (
                "invalid_request",
                PushOutcome::SetRefused(error(ErrCode::InvalidRequest)),
            ),
            (
                "invalid_state",
                PushOutcome::SetRefused(error(ErrCode::InvalidState)),
            ),
            (
                "x_new",
                PushOutcome::SetRefused(error(ErrCode::Other("x_new".into()))),
            ),
            (
                "invalid_key",
                PushOutcome::KeyRefused(error(ErrCode::InvalidKey)),
            ),
            (
                "invalid_issuer",
                PushOutcome::StreamRefused(error(ErrCode::InvalidIssuer)),
            ),
            (
                "invalid_audience",
                PushOutcome::StreamRefused(error(ErrCode::InvalidAudience)),
            ),
            (
                "authentication_failed",
                credentials(ErrCode::AuthenticationFailed),
            ),
            ("access_denied", credentials(ErrCode::AccessDenied)),
        ] {
            assert_eq!(refused_with(err), expected, "{err}");
            assert_eq!(expected.status(), Some(400));
        }
    }

    #[test]
    fn a_400_without_an_error_object_may_pass() {
        for body in [&b"<html>"[..], b"{}", b""] {
            let answer = Answer {
                status: 400,
                retry_after: None,
                body,
            };
            assert_eq!(
                classify(Exchange::Answered(answer), Acknowledge::Any2xx, NOW),
                PushOutcome::Failed(Failure::Status(400))
            );
        }
    }

    #[test]
    fn the_body_counts_in_a_400_only() {
        let answer = Answer {
            status: 500,
            retry_after: None,
            body: br#"{"err":"invalid_request"}"#,
        };
        assert_eq!(
            classify(Exchange::Answered(answer), Acknowledge::Any2xx, NOW),
            PushOutcome::Failed(Failure::Status(500))
        );
    }

    #[test]
    fn a_busy_receiver_names_seconds_a_date_or_nothing() {
        let expected = |secs: Option<u64>| PushOutcome::Busy {
            status: 429,
            retry_after: secs.map(Duration::from_secs),
        };
        assert_eq!(busy(Some("120")), expected(Some(120)));
        assert_eq!(
            busy(Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            expected(Some(60))
        );
        assert_eq!(busy(Some("soon")), expected(None));
        assert_eq!(busy(None), expected(None));
    }

    #[test]
    fn no_answer_is_a_failure_with_its_reason() {
        for reason in [
            NoAnswer::Dns,
            NoAnswer::AddressRefused,
            NoAnswer::Connect,
            NoAnswer::Tls,
            NoAnswer::Timeout,
            NoAnswer::Interrupted,
            NoAnswer::Malformed,
        ] {
            let outcome = classify(Exchange::Unanswered(reason), Acknowledge::Strict202, NOW);
            assert_eq!(outcome, PushOutcome::Failed(Failure::NoAnswer(reason)));
            assert_eq!(outcome.status(), None);
        }
    }

    #[test]
    fn a_status_that_is_none_of_http_is_a_failure() {
        for status in [0, 99, 600, u16::MAX] {
            assert_eq!(
                outcome(status, Acknowledge::Any2xx),
                PushOutcome::Failed(Failure::Status(status))
            );
        }
    }

    proptest! {
        #[test]
        fn whatever_is_answered_has_a_meaning_with_its_status(
            status: u16,
            retry_after in prop::option::of("\\PC{0,40}|[0-9]{1,30}"),
            body in prop::collection::vec(any::<u8>(), 0..80),
            rule in prop::sample::select(vec![Acknowledge::Strict202, Acknowledge::Any2xx]),
        ) {
            let answer = Answer { status, retry_after: retry_after.as_deref(), body: &body };
            let outcome = classify(Exchange::Answered(answer), rule, NOW);
            prop_assert_eq!(outcome.status(), Some(status));
            if let PushOutcome::Busy { retry_after: Some(wait), .. } = outcome {
                prop_assert!(wait <= RETRY_AFTER_MAX);
            }
        }
    }
}
