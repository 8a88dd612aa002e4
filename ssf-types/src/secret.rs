//! Secrets: never printed, never serialised by accident.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Longest `authorization_header` that is accepted, in bytes; many servers take 8 KiB for all headers together.
pub const AUTHORIZATION_HEADER_BYTES_MAX: usize = 4096;

/// The text cannot be the value of an `Authorization` header.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationHeaderError {
    /// There is no text, or more than [`AUTHORIZATION_HEADER_BYTES_MAX`] bytes.
    #[error("authorization_header has 1 to {AUTHORIZATION_HEADER_BYTES_MAX} bytes")]
    Length,
    /// The text would break out of the header, or is not ASCII.
    #[error("authorization_header must be visible ASCII and blanks, such as \"Bearer x\"")]
    Character,
    /// The text begins or ends with a blank, which gets lost on the way, so that the Receiver sees another value.
    #[error("authorization_header must not begin or end with a blank")]
    Blank,
    /// The text has the header's name in front of its value.
    #[error(
        "authorization_header is the value alone, such as \"Bearer x\", without \"Authorization:\""
    )]
    Name,
}

/// The value that a Transmitter sends as `Authorization` with each push (SSF 1.0 §6.1.1): `Bearer x`, for example.
///
/// 1 to [`AUTHORIZATION_HEADER_BYTES_MAX`] bytes of visible ASCII and blanks. Printing it for debugging shows nothing. Serialising it writes the secret: it is part of the request that creates
/// a stream, and whoever answers with a configuration leaves it out.
#[derive(Clone)]
pub struct AuthorizationHeader(SecretString);

impl AuthorizationHeader {
    /// Checks `text`.
    ///
    /// # Errors
    /// Says which rule the text breaks, without the text.
    pub fn parse(text: impl Into<String>) -> Result<Self, AuthorizationHeaderError> {
        let text = text.into();
        if text.is_empty() || text.len() > AUTHORIZATION_HEADER_BYTES_MAX {
            return Err(AuthorizationHeaderError::Length);
        }
        if !text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
        {
            return Err(AuthorizationHeaderError::Character);
        }
        if text.starts_with(' ') || text.ends_with(' ') {
            return Err(AuthorizationHeaderError::Blank);
        }
        if begins_with_name(&text) {
            return Err(AuthorizationHeaderError::Name);
        }
        Ok(Self(text.into()))
    }

    /// The value, to be put on the wire and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn begins_with_name(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(name, _)| name.trim_end().eq_ignore_ascii_case("authorization"))
}

impl PartialEq for AuthorizationHeader {
    /// Compares in a time that depends on the lengths alone, so that a guesser learns nothing from it.
    fn eq(&self, other: &Self) -> bool {
        constant_time_eq(self.expose().as_bytes(), other.expose().as_bytes())
    }
}

impl Eq for AuthorizationHeader {}

impl fmt::Debug for AuthorizationHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthorizationHeader(…)")
    }
}

impl Serialize for AuthorizationHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for AuthorizationHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |sum, (a, b)| sum | (a ^ b));
    left.len() == right.len() && std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_it_for_debugging_shows_nothing() {
        let header = AuthorizationHeader::parse("Bearer s3cret").unwrap();
        assert_eq!(format!("{header:?}"), "AuthorizationHeader(…)");
    }

    #[test]
    fn a_value_that_would_add_a_header_is_refused() {
        let found = AuthorizationHeader::parse("Bearer x\r\nX-Admin: 1").unwrap_err();
        assert_eq!(found, AuthorizationHeaderError::Character);
    }

    #[test]
    fn a_value_that_the_receiver_would_not_see_as_it_is_is_refused() {
        for (text, expected) in [
            (" Bearer x", AuthorizationHeaderError::Blank),
            ("Bearer x ", AuthorizationHeaderError::Blank),
            ("Authorization: Bearer x", AuthorizationHeaderError::Name),
            ("authorization : Bearer x", AuthorizationHeaderError::Name),
        ] {
            assert_eq!(AuthorizationHeader::parse(text), Err(expected), "{text}");
        }
        assert!(AuthorizationHeader::parse("authorization").is_ok());
        assert!(AuthorizationHeader::parse("Digest a:b").is_ok());
    }

    #[test]
    fn an_empty_or_endless_value_is_refused() {
        assert_eq!(
            AuthorizationHeader::parse(""),
            Err(AuthorizationHeaderError::Length)
        );
        assert_eq!(
            AuthorizationHeader::parse("x".repeat(4097)),
            Err(AuthorizationHeaderError::Length)
        );
    }

    #[test]
    fn values_are_equal_only_if_all_bytes_are() {
        assert!(constant_time_eq(b"abc", b"abc"));
        assert!(!constant_time_eq(b"abc", b"abd"));
        assert!(!constant_time_eq(b"abc", b"ab"));
        assert!(!constant_time_eq(b"", b"a"));
    }
}
