//! The body that asks for a verification event.

use serde::Serialize;

use super::{configuration::stream_id, text};
use crate::{
    event::ssf::STATE_BYTES_MAX,
    id::StreamId,
    json::{self, Extra, JsonError, Members},
};

/// Asks for a verification event on a stream (SSF 1.0 §8.1.4.2).
///
/// ```
/// # use ssf_types::stream::VerificationRequest;
/// let request = VerificationRequest::parse(br#"{"stream_id":"f67e39a0","state":"VGhpcyBpcyBhbiBleGFtcGxl"}"#)?;
/// assert_eq!(request.state.as_deref(), Some("VGhpcyBpcyBhbiBleGFtcGxl"));
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct VerificationRequest {
    /// The stream.
    pub stream_id: StreamId,
    /// What the event shall bring back unchanged, so that the Receiver can tell which request it answers; at most
    /// [`STATE_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl VerificationRequest {
    /// Asks for an event with `state` in it.
    pub fn new(stream_id: StreamId, state: Option<String>) -> Self {
        Self {
            stream_id,
            state,
            extra: Extra::default(),
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            state: text::bounded(&mut members, "state", STATE_BYTES_MAX)?,
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
    fn the_request_of_ssf_1_0_survives_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","state":"VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo="}"#;
        let request = VerificationRequest::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn a_request_without_a_stream_is_refused() {
        let error = VerificationRequest::parse(br#"{"state":"x"}"#).unwrap_err();
        assert_eq!(error.to_string(), "stream_id is missing");
    }

    #[test]
    fn a_state_has_at_most_1024_bytes() {
        let json =
            |length: usize| format!(r#"{{"stream_id":"1","state":"{}"}}"#, "x".repeat(length));
        assert!(VerificationRequest::parse(json(1024).as_bytes()).is_ok());
        assert_eq!(
            VerificationRequest::parse(json(1025).as_bytes())
                .unwrap_err()
                .to_string(),
            "state must be a string of at most 1024 bytes without U+0000"
        );
    }

    proptest! {
        #[test]
        fn a_request_survives_a_round_trip(
            id in any_id(),
            state in any_text(),
        ) {
            let request = VerificationRequest::new(id, state);
            let json = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(VerificationRequest::parse(&json), Ok(request));
        }
    }
}
