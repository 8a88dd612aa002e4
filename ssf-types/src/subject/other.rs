//! Subjects in proprietary formats.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{SUBJECT_BYTES_MAX, SimpleSubject};
use crate::json::{self, JsonError};

/// Longest subject in a proprietary format, in bytes: it may have several long strings.
pub const OTHER_SUBJECT_BYTES_MAX: usize = 4 * SUBJECT_BYTES_MAX;

/// A subject in a proprietary format that Transmitter and Receiver agreed upon (SSF 1.0 §3.4); its bytes are kept.
///
/// Printing it for debugging shows the format alone.
///
/// ```
/// use ssf_types::subject::{OtherSubject, Subject};
///
/// let item = OtherSubject::new(r#"{"format":"catalog_item","catalog_id":"c0384/winter/2354122"}"#)?;
/// assert_eq!(item.format(), "catalog_item");
/// let subject = Subject::from(item);
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone)]
pub struct OtherSubject {
    format: String,
    json: Box<RawValue>,
}

impl OtherSubject {
    /// Reads a proprietary subject from the text of a JSON object of at most [`OTHER_SUBJECT_BYTES_MAX`].
    ///
    /// # Errors
    /// The text is no JSON object without duplicates, or its `format` is missing or is one of [`SimpleSubject`]'s.
    pub fn new(json: &str) -> Result<Self, JsonError> {
        let subject = json::check(json.as_bytes()).and_then(SimpleSubject::read_json)?;
        let SimpleSubject::Other(other) = subject else {
            let expected = "the name of a proprietary format";
            return Err(JsonError::invalid("format", expected));
        };
        Ok(other)
    }

    /// Keeps a subject whose `format` none of ours is.
    pub(super) fn keep(format: &str, json: &str) -> Result<Self, JsonError> {
        if json.len() > OTHER_SUBJECT_BYTES_MAX {
            let expected = "that of a subject of at most 8192 bytes";
            return Err(JsonError::invalid("format", expected));
        }
        let json = RawValue::from_string(json.to_owned()).map_err(|_| JsonError::NotAnObject)?;
        Ok(Self {
            format: format.to_owned(),
            json,
        })
    }

    /// The value of `format`.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The whole subject as it stood on the wire.
    pub fn json(&self) -> &str {
        self.json.get()
    }
}

impl Serialize for OtherSubject {
    /// Writes the subject as it stood.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl PartialEq for OtherSubject {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for OtherSubject {}

impl fmt::Debug for OtherSubject {
    /// The name of the format comes from outside, so that it is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.format.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_a_subject_for_debugging_breaks_no_line() {
        let subject = OtherSubject::new(r#"{"format":"x\ny","id":"7"}"#).unwrap();
        assert_eq!(format!("{subject:?}"), r"x\ny(…)");
        assert_eq!(format!("{:?}", SimpleSubject::from(subject)), r"x\ny(…)");
    }

    fn error(json: &str) -> String {
        OtherSubject::new(json).unwrap_err().to_string()
    }

    #[test]
    fn a_proprietary_subject_keeps_its_bytes() {
        let json = r#"{ "format":"x-item", "n":1.0 }"#;
        assert_eq!(OtherSubject::new(json).unwrap().json(), json);
    }

    #[test]
    fn a_format_of_the_specifications_is_not_proprietary() {
        let told = "format must be the name of a proprietary format";
        assert_eq!(error(r#"{"format":"opaque","id":"7"}"#), told);
        assert_eq!(error(r#"{"format":"email"}"#), "email is missing");
        assert_eq!(
            error(r#"{"format":"complex"}"#),
            "format must be that of a simple subject"
        );
    }

    #[test]
    fn a_proprietary_subject_is_one_object_with_a_format() {
        assert_eq!(error(r#"{"id":"7"}"#), "format is missing");
        assert_eq!(
            error(r#"{"format":""}"#),
            "format must be the name of a format"
        );
        assert_eq!(error("[]"), "not a JSON object");
        assert!(error(r#"{"format":"x","a":1,"a":2}"#).starts_with("the same member stands twice"));
    }

    #[test]
    fn a_proprietary_subject_has_at_most_8192_bytes() {
        let json = |bytes: usize| {
            let frame = r#"{"format":"x","id":""}"#.len();
            format!(r#"{{"format":"x","id":"{}"}}"#, "i".repeat(bytes - frame))
        };
        assert!(OtherSubject::new(&json(8192)).is_ok());
        assert_eq!(
            error(&json(8193)),
            "format must be that of a subject of at most 8192 bytes"
        );
    }
}
