//! `aud`: one string or an array of them on the wire, a set in memory.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Most values that one `aud` may have; a stream has one Receiver, seldom known under more than two names.
pub const AUDIENCE_VALUES_MAX: usize = 32;

/// Longest value of an `aud`, in bytes.
pub const AUDIENCE_BYTES_MAX: usize = 2048;

/// The value is not an `aud`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AudienceError {
    /// There is no value.
    #[error("aud must hold at least one value")]
    Empty,
    /// There are more than [`AUDIENCE_VALUES_MAX`] values.
    #[error("aud holds at most {AUDIENCE_VALUES_MAX} values")]
    TooMany,
    /// A value is empty or has more than [`AUDIENCE_BYTES_MAX`] bytes.
    #[error("each value of aud has 1 to {AUDIENCE_BYTES_MAX} bytes")]
    ValueLength,
    /// A value has a control character, which could split a log line.
    #[error("a value of aud must not have control characters")]
    ControlCharacter,
}

/// Whom a SET or a stream is meant for (SSF 1.0 §4.1.8, §8.1.1).
///
/// An array of one means the same as the string in it (RFC 7519 §4.1.3); one value is written as a string. Values are
/// compared byte for byte, and their order means nothing.
///
/// ```
/// # use ssf_types::audience::Audience;
/// let audience: Audience = serde_json::from_str(r#"["https://rp.example.com"]"#)?;
/// assert_eq!(serde_json::to_string(&audience)?, r#""https://rp.example.com""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMany", into = "OneOrMany")]
pub struct Audience(BTreeSet<String>);

impl Audience {
    /// Makes an audience of 1 to [`AUDIENCE_VALUES_MAX`] values; one that stands twice counts once.
    ///
    /// # Errors
    /// Says which limit the values break.
    pub fn new<S: Into<String>>(
        values: impl IntoIterator<Item = S>,
    ) -> Result<Self, AudienceError> {
        let values: BTreeSet<String> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            return Err(AudienceError::Empty);
        }
        if values.len() > AUDIENCE_VALUES_MAX {
            return Err(AudienceError::TooMany);
        }
        if values
            .iter()
            .any(|value| value.is_empty() || value.len() > AUDIENCE_BYTES_MAX)
        {
            return Err(AudienceError::ValueLength);
        }
        if values.iter().any(|value| value.contains(char::is_control)) {
            return Err(AudienceError::ControlCharacter);
        }
        Ok(Self(values))
    }

    /// The values, sorted.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether one value at least is in both: then the SET is meant for this Receiver (RFC 8725 §3.9).
    pub fn intersects(&self, other: &Self) -> bool {
        self.0.iter().any(|value| other.0.contains(value))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Audience {
    type Error = AudienceError;

    fn try_from(values: OneOrMany) -> Result<Self, AudienceError> {
        match values {
            OneOrMany::One(value) => Self::new([value]),
            OneOrMany::Many(values) => Self::new(values),
        }
    }
}

impl From<Audience> for OneOrMany {
    fn from(audience: Audience) -> Self {
        let mut values: Vec<String> = audience.0.into_iter().collect();
        match values.pop() {
            Some(only) if values.is_empty() => Self::One(only),
            last => Self::Many(values.into_iter().chain(last).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience(json: &str) -> Audience {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_array_of_one_equals_the_string() {
        assert_eq!(
            audience(r#"["https://rp.example.com"]"#),
            audience(r#""https://rp.example.com""#)
        );
    }

    #[test]
    fn one_value_is_written_as_a_string_and_two_as_an_array() {
        assert_eq!(
            serde_json::to_string(&audience(r#"["a"]"#)).unwrap(),
            r#""a""#
        );
        assert_eq!(
            serde_json::to_string(&audience(r#"["b","a"]"#)).unwrap(),
            r#"["a","b"]"#
        );
    }

    #[test]
    fn one_common_value_is_enough() {
        assert!(audience(r#"["a","b"]"#).intersects(&audience(r#"["b","c"]"#)));
        assert!(!audience(r#"["a","b"]"#).intersects(&audience(r#""c""#)));
    }

    #[test]
    fn empty_and_wrongly_typed_values_are_refused() {
        for json in ["[]", r#""""#, r#"[""]"#, "7", "[7]", "null", "{}"] {
            assert!(serde_json::from_str::<Audience>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_line_break_in_a_value_is_refused() {
        assert_eq!(
            Audience::new(["a\nb"]),
            Err(AudienceError::ControlCharacter)
        );
    }

    #[test]
    fn a_value_has_at_most_2048_bytes() {
        assert!(Audience::new(["x".repeat(2048)]).is_ok());
        assert_eq!(
            Audience::new(["x".repeat(2049)]),
            Err(AudienceError::ValueLength)
        );
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        assert_eq!(
            Audience::new((0..33).map(|n| n.to_string())),
            Err(AudienceError::TooMany)
        );
    }
}
