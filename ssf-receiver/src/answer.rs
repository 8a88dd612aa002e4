//! Answers to a push (RFC 8935 §2.2, §2.3).

use std::time::Duration;

use ssf_types::{
    error::ErrCode,
    push::{CONTENT_LANGUAGE, PushError},
    set::SET_BYTES_MAX,
};

/// The answer to a push, independent of any web framework.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    status: u16,
    error: Option<PushError>,
    retry_after: Option<Duration>,
}

impl Answer {
    /// 202: the SET is durable and in effect (RFC 8935 §2.2).
    pub(crate) fn accepted() -> Self {
        Self {
            status: 202,
            error: None,
            retry_after: None,
        }
    }

    /// 400 with a code and what to fix (RFC 8935 §2.3).
    pub(crate) fn refused(error: PushError) -> Self {
        Self::with_error(400, error)
    }

    /// 400 `authentication_failed`.
    pub(crate) fn unauthenticated() -> Self {
        Self::refused(PushError::new(
            ErrCode::AuthenticationFailed,
            "Authorization must be the authorization_header of the stream",
        ))
    }

    /// 405: a push is a POST (RFC 8935 §2.1).
    #[cfg(feature = "actix")]
    pub(crate) fn wrong_method() -> Self {
        let text = "SETs are delivered with POST";
        Self::with_error(405, PushError::new(ErrCode::InvalidRequest, text))
    }

    /// 400: the body broke off.
    #[cfg(feature = "actix")]
    pub(crate) fn unreadable() -> Self {
        let text = "the body cannot be read to its end";
        Self::refused(PushError::new(ErrCode::InvalidRequest, text))
    }

    /// 413: the body is longer than any SET.
    pub(crate) fn too_long() -> Self {
        let text = format!("a SET has at most {SET_BYTES_MAX} bytes");
        Self::with_error(413, PushError::new(ErrCode::InvalidRequest, text))
    }

    /// 415: the body claims to be something else (RFC 8935 §2.1).
    pub(crate) fn wrong_media_type() -> Self {
        let text = "Content-Type must be application/secevent+jwt";
        Self::with_error(415, PushError::new(ErrCode::InvalidRequest, text))
    }

    /// 503: try again later.
    pub(crate) fn unavailable(retry_after: Duration) -> Self {
        Self {
            status: 503,
            error: None,
            retry_after: Some(retry_after),
        }
    }

    fn with_error(status: u16, error: PushError) -> Self {
        Self {
            status,
            error: Some(error),
            retry_after: None,
        }
    }

    /// Whether the SET is durable and in effect, so that the Transmitter need not send it again.
    pub fn is_acknowledgement(&self) -> bool {
        self.status == 202
    }

    /// Whether nothing is left to be said of the SET.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_acknowledgement() || self.error.is_some()
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The code and the description of a refusal.
    pub fn error(&self) -> Option<&PushError> {
        self.error.as_ref()
    }

    /// The headers that go with the body.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if self.error.is_some() {
            headers.push(("Content-Type", "application/json".to_owned()));
            headers.push(("Content-Language", CONTENT_LANGUAGE.to_owned()));
        }
        if let Some(wait) = self.retry_after {
            headers.push(("Retry-After", whole_seconds(wait).to_string()));
        }
        if self.status == 405 {
            headers.push(("Allow", "POST".to_owned()));
        }
        headers
    }

    /// The body: a JSON object with `err` and `description`, or nothing.
    pub fn body(&self) -> String {
        // Writing an `err` and a `description` cannot fail.
        let json = self.error.as_ref().map(serde_json::to_string);
        json.and_then(Result::ok).unwrap_or_default()
    }

    /// The label of the answer in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match (self.status, self.error.as_ref().map(|error| &error.err)) {
            (202, _) => "accepted",
            (503, _) => "unavailable",
            (405 | 413 | 415, _) => "malformed",
            (_, Some(ErrCode::AuthenticationFailed)) => "authentication_failed",
            (_, Some(ErrCode::InvalidKey)) => "invalid_key",
            (_, Some(ErrCode::InvalidIssuer)) => "invalid_issuer",
            (_, Some(ErrCode::InvalidAudience)) => "invalid_audience",
            (_, Some(ErrCode::InvalidState)) => "invalid_state",
            _ => "invalid_request",
        }
    }
}

/// Seconds, rounded up: waiting too short a time helps nobody.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_too_short() {
        let answer = Answer::unavailable(Duration::from_millis(4001));
        assert_eq!(answer.headers(), [("Retry-After", "5".to_owned())]);
        assert_eq!(answer.body(), "");
    }

    #[test]
    fn a_refusal_is_json_in_english() {
        let answer = Answer::unauthenticated();
        assert_eq!(
            answer.body(),
            r#"{"err":"authentication_failed","description":"Authorization must be the authorization_header of the stream"}"#
        );
        assert_eq!(
            answer.headers(),
            [
                ("Content-Type", "application/json".to_owned()),
                ("Content-Language", "en".to_owned())
            ]
        );
    }
}
