//! What is wrong with a JSON text.

use std::borrow::Cow;

use super::{DEPTH_MAX, TEXT_BYTES_MAX};

/// The bytes are not the JSON that was asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text has more than [`TEXT_BYTES_MAX`] bytes.
    #[error("longer than {TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// The bytes are not JSON in UTF-8.
    #[error("not JSON (line {line}, column {column})")]
    Syntax {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// Two members of one object share a name, and readers would differ on which one counts.
    #[error("the same member stands twice in one object (line {line}, column {column})")]
    Duplicate {
        /// Line of the second member, from 1.
        line: usize,
        /// Column of the second member, from 1.
        column: usize,
    },
    /// A member has the name under which the library for JSON hands raw text to itself: it would read the member's value as
    /// JSON of its own, which nobody has checked.
    #[error("a member has a name that no member may have (line {line}, column {column})")]
    Reserved {
        /// Line of the member, from 1.
        line: usize,
        /// Column of the member, from 1.
        column: usize,
    },
    /// Arrays and objects are nested deeper than [`DEPTH_MAX`].
    #[error("arrays and objects are nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The value is not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A member that must be there is not.
    #[error("{} is missing", path.escape_debug())]
    Missing {
        /// Where the member belongs, as names joined by dots.
        path: String,
    },
    /// A member does not have the form that its definition gives it.
    #[error("{} must be {expected}", path.escape_debug())]
    Invalid {
        /// Where the member stands, as names joined by dots.
        path: String,
        /// What its definition asks for.
        expected: Cow<'static, str>,
    },
}

impl JsonError {
    /// A fault in the member `name`.
    pub fn invalid(name: &str, expected: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid {
            path: name.to_owned(),
            expected: expected.into(),
        }
    }

    /// The same fault, seen from the object that has the faulty one as its member `name`.
    #[must_use]
    pub fn within(self, name: &str) -> Self {
        match self {
            Self::Missing { path } => Self::Missing {
                path: format!("{name}.{path}"),
            },
            Self::Invalid { path, expected } => Self::Invalid {
                path: format!("{name}.{path}"),
                expected,
            },
            Self::NotAnObject => Self::invalid(name, "an object"),
            Self::TooLong
            | Self::Syntax { .. }
            | Self::Duplicate { .. }
            | Self::Reserved { .. }
            | Self::TooDeep => self,
        }
    }
}
