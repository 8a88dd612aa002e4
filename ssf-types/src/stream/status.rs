//! The status of a stream, and the body that changes it.

use serde::Serialize;

use super::{configuration::stream_id, text};
use crate::{
    id::StreamId,
    json::{self, Extra, JsonError, Members, closed_list},
};

/// Longest `reason` of a status, in bytes; SSF 1.0 §8.1.2.2 calls it a short text.
pub const REASON_BYTES_MAX: usize = 1024;

const STATUS: &str = "enabled, paused or disabled";

closed_list! {
    /// Whether a stream carries events (SSF 1.0 §8.1.2.1). Written and read in lower case only.
    #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
    pub enum StreamStatus {
        /// Events are sent.
        Enabled = "enabled",
        /// Events are not sent; they are held, as far as the Transmitter holds them, and sent later.
        Paused = "paused",
        /// Events are neither sent nor held.
        Disabled = "disabled",
    }
}

/// Tells the status of a stream: the answer to a question for it (SSF 1.0 §8.1.2.1), and to a change (SSF 1.0 §8.1.2.2).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StatusConfiguration {
    /// The stream.
    pub stream_id: StreamId,
    /// Its status.
    pub status: StreamStatus,
    /// Why it has that status; at most [`REASON_BYTES_MAX`] bytes are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl StatusConfiguration {
    /// Tells the status of a stream.
    pub fn new(stream_id: StreamId, status: StreamStatus, reason: Option<String>) -> Self {
        Self {
            stream_id,
            status,
            reason,
            extra: Extra::default(),
        }
    }

    /// Reads the body of an answer.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            status: members.required("status", STATUS)?,
            reason: text::clipped(&mut members, "reason", REASON_BYTES_MAX)?,
            extra: members.rest(),
        })
    }
}

/// Asks for another status of a stream (SSF 1.0 §8.1.2.2).
///
/// Asking for the status that the stream has is no error.
///
/// ```
/// # use ssf_types::stream::{StreamStatus, UpdateStatus};
/// let request = UpdateStatus::parse(br#"{"stream_id":"f67e39a0","status":"paused"}"#)?;
/// assert_eq!(request.status, StreamStatus::Paused);
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UpdateStatus {
    /// The stream.
    pub stream_id: StreamId,
    /// The status that it shall have.
    pub status: StreamStatus,
    /// Why, in at most [`REASON_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl UpdateStatus {
    /// Asks for a status.
    pub fn new(stream_id: StreamId, status: StreamStatus) -> Self {
        Self {
            stream_id,
            status,
            reason: None,
            extra: Extra::default(),
        }
    }

    /// Reads the body of a request.
    ///
    /// Older drafts knew the status of one subject. A request with a `subject` is refused, because ignoring that member
    /// would stop the stream for everybody.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        if members.has("subject") {
            let expected = "absent: a status is that of the whole stream";
            return Err(JsonError::invalid("subject", expected));
        }
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            status: members.required("status", STATUS)?,
            reason: text::bounded(&mut members, "reason", REASON_BYTES_MAX)?,
            extra: members.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::strategies::{any_id, any_text};

    #[test]
    fn a_status_has_three_values_in_lower_case() {
        let status = |json: &str| serde_json::from_str::<StreamStatus>(json).ok();
        assert_eq!(status(r#""enabled""#), Some(StreamStatus::Enabled));
        assert_eq!(status(r#""paused""#), Some(StreamStatus::Paused));
        assert_eq!(status(r#""disabled""#), Some(StreamStatus::Disabled));
        for json in [
            r#""Paused""#,
            r#""ENABLED""#,
            r#""suspended""#,
            r#"{"paused":null}"#,
            "null",
        ] {
            assert_eq!(status(json), None, "{json}");
        }
    }

    #[test]
    fn the_answer_of_ssf_1_0_survives_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","status":"paused","reason":"SYSTEM_DOWN_FOR_MAINTENANCE"}"#;
        let read = StatusConfiguration::parse(json.as_bytes()).unwrap();
        let reason = Some("SYSTEM_DOWN_FOR_MAINTENANCE".to_owned());
        let id = StreamId::parse("f67e39a0a4d34d56b3aa1bc4cff0069f").unwrap();
        let expected = StatusConfiguration::new(id, StreamStatus::Paused, reason);
        assert_eq!(read, expected);
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn the_requests_of_ssf_1_0_survive_a_round_trip() {
        for json in [
            r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","status":"paused"}"#,
            r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","status":"paused","reason":"Disabled by administrator action."}"#,
        ] {
            let request = UpdateStatus::parse(json.as_bytes()).unwrap();
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
        }
    }

    #[test]
    fn a_long_reason_is_refused_in_a_request_and_cut_in_an_answer() {
        let json = format!(
            r#"{{"stream_id":"1","status":"paused","reason":"{}"}}"#,
            "x".repeat(1025)
        );
        assert_eq!(
            UpdateStatus::parse(json.as_bytes())
                .unwrap_err()
                .to_string(),
            "reason must be a string of at most 1024 bytes without U+0000"
        );
        let answer = StatusConfiguration::parse(json.as_bytes()).unwrap();
        assert_eq!(answer.reason.unwrap().len(), 1024);
    }

    #[test]
    fn a_wrong_request_is_told_what_to_fix() {
        for (body, expected) in [
            (r#"{"status":"paused"}"#, "stream_id is missing"),
            (r#"{"stream_id":"1"}"#, "status is missing"),
            (
                r#"{"stream_id":"1","status":"suspended"}"#,
                "status must be enabled, paused or disabled",
            ),
            (
                r#"{"stream_id":"1","status":"ENABLED"}"#,
                "status must be enabled, paused or disabled",
            ),
            (
                r#"{"stream_id":"1","status":"paused","subject":{"format":"email","email":"alice@example.com"}}"#,
                "subject must be absent: a status is that of the whole stream",
            ),
        ] {
            let error = UpdateStatus::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn members_that_are_not_defined_keep_their_bytes() {
        let json = r#"{"stream_id":"1","status":"enabled","x_foo":{"b":1.0,"a":1e2}}"#;
        let answer = StatusConfiguration::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
        let request = UpdateStatus::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    proptest! {
        #[test]
        fn a_status_survives_a_round_trip(
            id in any_id(),
            status in prop::sample::select(StreamStatus::ALL.to_vec()),
            reason in any_text(),
        ) {
            let request = UpdateStatus {
                reason: reason.clone(),
                ..UpdateStatus::new(id.clone(), status)
            };
            let json = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(UpdateStatus::parse(&json), Ok(request));
            let answer = StatusConfiguration::new(id, status, reason);
            prop_assert_eq!(StatusConfiguration::parse(&json), Ok(answer));
        }
    }
}
