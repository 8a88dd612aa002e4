//! The error object that pushes and polls share.

use std::fmt;

use serde::Serialize;

use crate::{
    error::{Chain, ErrCode},
    json::{self, JsonError, Members},
    set::SetError,
};

/// Longest description of an error that is kept, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 512;

/// Longest `err` that is kept, in bytes; registered ones have at most 21.
pub const CODE_BYTES_MAX: usize = 64;

/// The `Content-Language` of every description that this crate writes (RFC 8935 §2.3, RFC 8936 §2.6).
pub const CONTENT_LANGUAGE: &str = "en";

/// Says why a SET is refused: the body of a 400 (RFC 8935 §2.3), or a value of `setErrs` (RFC 8936 §2.6).
///
/// On the wire `{"err":"invalid_key","description":"…"}`. It travels with a `Content-Language`, which is
/// [`CONTENT_LANGUAGE`] for what this crate says. Printing it for debugging shows the code alone, since a description may
/// name the subject.
///
/// ```
/// # use ssf_types::{error::ErrCode, push::PushError};
/// let error = PushError::parse(br#"{"err":"invalid_key","description":"Key ID 12345 has been revoked."}"#).unwrap();
/// assert_eq!(error.err, ErrCode::InvalidKey);
/// ```
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PushError {
    /// What is wrong.
    pub err: ErrCode,
    /// What to fix, in words for the people on the other side.
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
    /// An answer with a faulty body is a refusal without a reason, and nobody could be told what to fix.
    pub fn parse(body: &[u8]) -> Option<Self> {
        Self::read(json::check(body).ok()?).ok()
    }

    /// Reads an error object from JSON text that [`json::check`] has passed.
    ///
    /// An absent description is an empty one, and a long one is cut after [`DESCRIPTION_BYTES_MAX`] bytes. An `err` that
    /// is no code (1 to [`CODE_BYTES_MAX`] of `A-Z a-z 0-9 _ . -`) becomes `other`, since it may hold anything.
    ///
    /// # Errors
    /// `err` is absent, or one of the two is not a string.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let mut err: String = members.required("err", "a string")?;
        if !is_code(&err) {
            "other".clone_into(&mut err);
        }
        let mut description: String = members
            .optional("description", "a string")?
            .unwrap_or_default();
        description.truncate(description.floor_char_boundary(DESCRIPTION_BYTES_MAX));
        Ok(Self {
            err: err.into(),
            description,
        })
    }
}

fn is_code(err: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=CODE_BYTES_MAX).contains(&err.len()) && err.bytes().all(plain)
}

impl fmt::Debug for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushError")
            .field("err", &self.err)
            .finish_non_exhaustive()
    }
}

impl From<&SetError> for PushError {
    /// Tells what is wrong with a SET, with the code of the check that failed (RFC 8935 §2.4).
    fn from(error: &SetError) -> Self {
        Self::new(error.code(), Chain(error).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusals_of_rfc_8935_survive_a_round_trip() {
        for json in [
            r#"{"err":"invalid_key","description":"Key ID 12345 has been revoked."}"#,
            r#"{"err":"authentication_failed","description":"Access token has expired."}"#,
            r#"{"err":"invalid_issuer","description":"Not authorized for issuer https://iss.example.com/."}"#,
        ] {
            let error = PushError::parse(json.as_bytes()).unwrap();
            assert_eq!(serde_json::to_string(&error).unwrap(), json);
        }
    }

    #[test]
    fn an_unknown_code_is_kept() {
        let expected = PushError::new(ErrCode::Other("x_new".into()), "");
        assert_eq!(PushError::parse(br#"{"err":"x_new"}"#), Some(expected));
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
    fn a_body_that_is_no_error_object_says_nothing() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"err":7}"#,
            r#"{"err":"invalid_key","description":7}"#,
        ] {
            assert_eq!(PushError::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_long_description_is_cut_between_characters() {
        let description = "é".repeat(400);
        let body = format!(r#"{{"err":"invalid_request","description":"{description}"}}"#);
        let read = PushError::parse(body.as_bytes()).unwrap();
        assert_eq!(read.description, "é".repeat(256));
    }

    #[test]
    fn printing_it_for_debugging_hides_the_description() {
        let error = PushError::new(ErrCode::InvalidRequest, "no such user alice@example.com");
        assert_eq!(
            format!("{error:?}"),
            "PushError { err: InvalidRequest, .. }"
        );
    }
}
