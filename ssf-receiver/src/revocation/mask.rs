//! The members by which a revocation is looked up.

use std::collections::BTreeSet;

/// The members of a session by which a revocation is looked up.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mask {
    /// Places whose identifiers all have to match; empty for a simple subject, which may match any identifier.
    pub has: BTreeSet<String>,
    /// Places at which the session must not know an identifier: one that does is judged by it, under another mask.
    pub lacks: BTreeSet<String>,
    /// What the revocation is about beside the subject, such as a namespace of levels: it has states of its own.
    pub about: Option<String>,
}

impl Mask {
    /// The place of an identifier: its member and its format, since two formats cannot be compared.
    pub fn place(member: &str, format: &str) -> String {
        Self::pieces_of_place(member, format).concat()
    }

    /// The same, in pieces.
    pub(crate) fn pieces_of_place<'a>(member: &'a str, format: &'a str) -> [&'a str; 3] {
        [member, "/", format]
    }

    /// Whether this is a mask of simple subjects.
    pub fn is_simple(&self) -> bool {
        self.has.is_empty()
    }

    /// Whether this is the mask of simple subjects, and of nothing beside them.
    pub fn is_plain(&self) -> bool {
        self.is_simple() && self.about.is_none()
    }
}
