//! Identifiers that a peer chose: bounded, printable, compared byte for byte.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest identifier that is accepted, in bytes.
///
/// The specifications set no limit. A UUID has 36 bytes and a URL-shaped id rarely 200.
pub const ID_BYTES_MAX: usize = 255;

/// The text cannot be an identifier.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// There is no text.
    #[error("an identifier must not be empty")]
    Empty,
    /// The text has more than [`ID_BYTES_MAX`] bytes.
    #[error("an identifier has at most {ID_BYTES_MAX} bytes")]
    TooLong,
    /// The text has a control character, which could split a log line or a header.
    #[error("an identifier must not have control characters")]
    ControlCharacter,
}

fn checked(text: String) -> Result<String, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::ControlCharacter);
    }
    Ok(text)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        ///
        /// A string of 1 to [`ID_BYTES_MAX`] bytes without control characters, compared byte for byte.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// Says which of these rules the text breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self, IdError> {
                checked(text.into()).map(Self)
            }

            /// The identifier as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// Names one stream of a Transmitter (SSF 1.0 §8.1.1).
    StreamId;
    /// Names one SET of an issuer; the same in each attempt to deliver it (RFC 8417 §2.2).
    Jti;
    /// Ties together the SETs that have one cause (RFC 8417 §2.2, SSF 1.0 §4.1.9).
    Txn;
    /// Names the key that signed a SET (RFC 7515 §4.1.4).
    Kid;
    /// Names one run of the numbers of a stream; see [`Sequence`](crate::set::Sequence).
    Epoch;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_keeps_its_text() {
        let id = StreamId::parse("f67e39a0a4d34d56b3aa1bc4cff0069f").unwrap();
        assert_eq!(id.as_str(), "f67e39a0a4d34d56b3aa1bc4cff0069f");
    }

    #[test]
    fn an_empty_identifier_is_refused() {
        assert_eq!(Jti::parse(""), Err(IdError::Empty));
    }

    #[test]
    fn an_identifier_ends_at_255_bytes() {
        assert!(Txn::parse("x".repeat(255)).is_ok());
        assert_eq!(Txn::parse("x".repeat(256)), Err(IdError::TooLong));
    }

    #[test]
    fn a_line_break_in_an_identifier_is_refused() {
        assert_eq!(Kid::parse("a\nb"), Err(IdError::ControlCharacter));
        assert!(serde_json::from_str::<Kid>(r#""a\nb""#).is_err());
    }
}
