//! Push delivery (RFC 8935): what an answer means, and the answer to a SET that is refused.

use std::time::Duration;

use serde::Serialize;

use crate::{
    error::{Chain, ErrCode},
    json::{self, Members},
    set::SetError,
};

/// Longest description of an error that is kept, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 512;

/// Longest `err` that is kept, in bytes; registered ones have at most 21.
pub const CODE_BYTES_MAX: usize = 64;

/// The body of a refusal (RFC 8935 §2.3).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PushError {
    /// What is wrong.
    pub err: ErrCode,
    /// What to fix, in English.
    pub description: String,
}

impl PushError {
    /// Refuses with a code and a description.
    pub fn new(err: ErrCode, description: impl Into<String>) -> Self {
        Self {
            err,
            description: description.into(),
        }
    }

    /// Reads the body of a refusal; `None` if it is not one.
    ///
    /// A description is cut after [`DESCRIPTION_BYTES_MAX`] bytes. An `err` that is no code (1 to 64 of `A-Z a-z 0-9 _ . -`)
    /// becomes `other`, since it may hold anything.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut members = Members::parse(json::check(body).ok()?).ok()?;
        let mut err: String = members.required("err", "a string").ok()?;
        if !is_code(&err) {
            "other".clone_into(&mut err);
        }
        let mut description: String = members
            .optional("description", "a string")
            .ok()?
            .unwrap_or_default();
        description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES_MAX));
        Some(Self {
            err: err.into(),
            description,
        })
    }
}

fn is_code(err: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=CODE_BYTES_MAX).contains(&err.len()) && err.bytes().all(plain)
}

impl From<&SetError> for PushError {
    fn from(error: &SetError) -> Self {
        Self::new(error.code(), Chain(error).to_string())
    }
}

/// What the answer to a push means for the SET.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PushOutcome {
    /// The Receiver has it (RFC 8935 §2.2).
    Acknowledged,
    /// The Receiver refuses this very SET and says why; sending it again would not help (RFC 8935 §2.3).
    Refused(PushError),
    /// The Receiver does not let this Transmitter in: 401 or 403, or the codes that say the same.
    Unauthorized,
    /// Nobody is there any more: 404 or 410.
    Gone,
    /// The Receiver is there and wants fewer requests: 429 or 503.
    Busy {
        /// How long to wait, if it says so (RFC 9110 §10.2.3).
        retry_after: Option<Duration>,
    },
    /// Anything else: a failure that may pass.
    Failed {
        /// The status, if there was an answer.
        status: Option<u16>,
    },
}

/// Says what an answer to a push means; `retry_after` is the header's value.
///
/// Any 2xx counts as an acknowledgement, although RFC 8935 §2.2 knows 202 only: the Receiver has the SET.
pub fn outcome(status: u16, retry_after: Option<&str>, body: &[u8]) -> PushOutcome {
    match status {
        200..=299 => PushOutcome::Acknowledged,
        401 | 403 => PushOutcome::Unauthorized,
        404 | 410 => PushOutcome::Gone,
        429 | 503 => {
            let seconds = retry_after.and_then(|value| value.trim().parse().ok());
            PushOutcome::Busy {
                retry_after: seconds.map(Duration::from_secs),
            }
        }
        400 => match PushError::parse(body) {
            Some(PushError {
                err: ErrCode::AuthenticationFailed | ErrCode::AccessDenied,
                ..
            }) => PushOutcome::Unauthorized,
            Some(error) => PushOutcome::Refused(error),
            None => PushOutcome::Failed {
                status: Some(status),
            },
        },
        _ => PushOutcome::Failed {
            status: Some(status),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_2xx_acknowledges() {
        for status in [200, 202, 204] {
            assert_eq!(outcome(status, None, b""), PushOutcome::Acknowledged);
        }
    }

    #[test]
    fn a_refusal_keeps_its_code_and_description() {
        let body = br#"{"err":"invalid_key","description":"Key ID 12345 has been revoked."}"#;
        let expected = PushError::new(ErrCode::InvalidKey, "Key ID 12345 has been revoked.");
        assert_eq!(outcome(400, None, body), PushOutcome::Refused(expected));
    }

    #[test]
    fn an_unknown_code_is_a_refusal_too() {
        let expected = PushError::new(ErrCode::Other("x_new".into()), "");
        assert_eq!(
            outcome(400, None, br#"{"err":"x_new"}"#),
            PushOutcome::Refused(expected)
        );
    }

    #[test]
    fn an_err_that_is_no_code_is_not_repeated() {
        for err in [
            "",
            "\\u0000",
            "no such user alice@example.com",
            &"x".repeat(65),
        ] {
            let body = format!(r#"{{"err":"{err}"}}"#);
            let expected = PushError::new(ErrCode::Other("other".into()), "");
            assert_eq!(PushError::parse(body.as_bytes()), Some(expected), "{err}");
        }
    }

    #[test]
    fn a_400_that_is_no_refusal_may_pass() {
        assert_eq!(
            outcome(400, None, b"<html>"),
            PushOutcome::Failed { status: Some(400) }
        );
        assert_eq!(
            outcome(400, None, b"{}"),
            PushOutcome::Failed { status: Some(400) }
        );
    }

    #[test]
    fn credentials_that_are_not_accepted_are_recognised_in_both_forms() {
        let body = br#"{"err":"authentication_failed","description":"no"}"#;
        assert_eq!(outcome(400, None, body), PushOutcome::Unauthorized);
        assert_eq!(outcome(401, None, b""), PushOutcome::Unauthorized);
    }

    #[test]
    fn retry_after_in_seconds_is_understood_and_a_date_is_not() {
        let busy = |seconds: Option<u64>| PushOutcome::Busy {
            retry_after: seconds.map(Duration::from_secs),
        };
        assert_eq!(outcome(503, Some("120"), b""), busy(Some(120)));
        assert_eq!(
            outcome(429, Some("Fri, 31 Dec 1999 23:59:59 GMT"), b""),
            busy(None)
        );
        assert_eq!(outcome(429, None, b""), busy(None));
    }

    #[test]
    fn redirects_and_server_errors_are_failures() {
        assert_eq!(
            outcome(302, None, b""),
            PushOutcome::Failed { status: Some(302) }
        );
        assert_eq!(
            outcome(500, None, b""),
            PushOutcome::Failed { status: Some(500) }
        );
    }

    #[test]
    fn a_long_description_is_cut_between_characters() {
        let body = format!(
            r#"{{"err":"invalid_request","description":"{}"}}"#,
            "é".repeat(400)
        );
        assert_eq!(
            PushError::parse(body.as_bytes()).unwrap().description.len(),
            512
        );
    }
}
