//! The bodies that add subjects to a stream and remove them.

use serde::Serialize;

use super::configuration::stream_id;
use crate::{
    id::StreamId,
    json::{self, Extra, JsonError, Members},
    subject::Subject,
};

/// Adds a subject to a stream (SSF 1.0 §8.1.3.2).
///
/// The subject stands in `subject`, not in `sub_id`. Adding it twice is no error.
///
/// ```
/// # use ssf_types::stream::AddSubject;
/// let request = AddSubject::parse(
///     br#"{"stream_id":"f67e39a0","subject":{"format":"email","email":"example.user@example.com"}}"#,
/// )?;
/// assert!(request.is_verified());
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AddSubject {
    /// The stream.
    pub stream_id: StreamId,
    /// Whom to add.
    pub subject: Subject,
    /// Whether the Receiver has checked that the subject is its user; [`is_verified`](Self::is_verified) knows the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl AddSubject {
    /// Adds `subject`, which the Receiver has verified.
    pub fn new(stream_id: StreamId, subject: Subject) -> Self {
        Self {
            stream_id,
            subject,
            verified: None,
            extra: Extra::default(),
        }
    }

    /// Whether the Receiver has verified the subject: it has, unless it says that it has not.
    pub fn is_verified(&self) -> bool {
        self.verified.unwrap_or(true)
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong, and never what the subject is.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            subject: members.required_with("subject", Subject::read)?,
            verified: members.optional("verified", "true or false")?,
            extra: members.rest(),
        })
    }
}

/// Removes a subject from a stream (SSF 1.0 §8.1.3.3).
///
/// The subject that is the stream itself cannot be removed (SSF 1.0 §8.1.4.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RemoveSubject {
    /// The stream.
    pub stream_id: StreamId,
    /// Whom to remove.
    pub subject: Subject,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl RemoveSubject {
    /// Removes `subject`.
    pub fn new(stream_id: StreamId, subject: Subject) -> Self {
        Self {
            stream_id,
            subject,
            extra: Extra::default(),
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong, and never what the subject is.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            subject: members.required_with("subject", Subject::read)?,
            extra: members.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{stream::strategies::any_id, subject::SimpleSubject};

    #[test]
    fn the_requests_of_ssf_1_0_survive_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","subject":{"format":"email","email":"example.user@example.com"},"verified":true}"#;
        let request = AddSubject::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","subject":{"format":"phone_number","phone_number":"+12065550123"}}"#;
        let request = RemoveSubject::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn a_subject_counts_as_verified_unless_the_receiver_says_no() {
        let verified = |member: &str| {
            let json =
                format!(r#"{{"stream_id":"1","subject":{{"format":"opaque","id":"7"}}{member}}}"#);
            AddSubject::parse(json.as_bytes()).unwrap().is_verified()
        };
        assert!(verified(""));
        assert!(verified(r#","verified":true"#));
        assert!(!verified(r#","verified":false"#));
    }

    #[test]
    fn a_wrong_request_is_told_what_to_fix_and_not_whom_it_is_about() {
        for (body, expected) in [
            (
                r#"{"subject":{"format":"email","email":"alice@example.com"}}"#,
                "stream_id is missing",
            ),
            (r#"{"stream_id":"1"}"#, "subject is missing"),
            (
                r#"{"stream_id":"1","subject":"alice@example.com"}"#,
                "subject must be an object",
            ),
            (
                r#"{"stream_id":"1","subject":{"email":"alice@example.com"}}"#,
                "subject.format is missing",
            ),
            (
                r#"{"stream_id":"1","sub_id":{"format":"email","email":"alice@example.com"}}"#,
                "subject is missing",
            ),
        ] {
            assert_eq!(
                AddSubject::parse(body.as_bytes()).unwrap_err().to_string(),
                expected
            );
            assert_eq!(
                RemoveSubject::parse(body.as_bytes())
                    .unwrap_err()
                    .to_string(),
                expected
            );
        }
    }

    #[test]
    fn verified_is_a_boolean() {
        let json = r#"{"stream_id":"1","subject":{"format":"opaque","id":"7"},"verified":"yes"}"#;
        assert_eq!(
            AddSubject::parse(json.as_bytes()).unwrap_err().to_string(),
            "verified must be true or false"
        );
    }

    #[test]
    fn printing_a_request_for_debugging_hides_the_subject() {
        let json = r#"{"stream_id":"1","subject":{"format":"email","email":"alice@example.com"}}"#;
        let add = AddSubject::parse(json.as_bytes()).unwrap();
        let remove = RemoveSubject::parse(json.as_bytes()).unwrap();
        assert!(!format!("{add:?} {remove:?}").contains("alice"));
    }

    proptest! {
        #[test]
        fn a_request_survives_a_round_trip(
            stream in any_id(),
            id in "\\PC{1,40}",
            verified: Option<bool>,
        ) {
            let subject = Subject::from(SimpleSubject::Opaque { id });
            let add = AddSubject {
                verified,
                ..AddSubject::new(stream.clone(), subject.clone())
            };
            let json = serde_json::to_vec(&add).unwrap();
            prop_assert_eq!(AddSubject::parse(&json), Ok(add));
            let remove = RemoveSubject::new(stream, subject);
            let json = serde_json::to_vec(&remove).unwrap();
            prop_assert_eq!(RemoveSubject::parse(&json), Ok(remove));
        }
    }
}
