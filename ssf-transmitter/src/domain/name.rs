//! Names that an operator gives.

use std::fmt;

/// Longest name, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// What an operator calls an operator or a source: a line of a list, and a word of a command.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(String);

/// The text cannot be a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
pub struct NameError;

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// The text is empty, longer than [`NAME_BYTES_MAX`], or has control characters.
    pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(NameError);
        }
        Ok(Self(text))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(Name::parse("hr system").unwrap().as_str(), "hr system");
        for text in ["", "a\nb", &"x".repeat(129)] {
            assert_eq!(Name::parse(text), Err(NameError), "{text}");
        }
    }
}
