//! A place in the repository: `file::item`.

use std::fmt;

/// What kind of file something is cited from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Source,
    Document,
}

impl Kind {
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.rsplit_once('.')?.1 {
            "rs" => Some(Self::Source),
            "md" => Some(Self::Document),
            _ => None,
        }
    }
}

/// A file, and what is defined there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Citation {
    /// From the root of the repository.
    pub path: String,
    /// The item, with what it belongs to in front: `Stream::changed`; in a document, a heading.
    pub item: String,
}

impl Citation {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(inner) = text
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix('`'))
        else {
            return Err(format!(
                "{text:?} is no citation: write `file::item`, in backticks"
            ));
        };
        let Some((path, item)) = inner.split_once("::") else {
            return Err(format!("{text:?} names no item: write `file::item`"));
        };
        let is_known = Kind::of(path).is_some();
        let is_outside = path.starts_with('/') || path.contains("..");
        if !is_known || is_outside || item.trim() != item || item.is_empty() {
            return Err(format!(
                "{text:?} is no citation: a file of the repository, and an item in it"
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            item: item.to_owned(),
        })
    }
}

impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.path, self.item)
    }
}

#[test]
fn a_citation_is_a_file_of_the_repository_and_an_item() {
    let citation = Citation::parse("`ssf-types/src/json.rs::Members::take`").unwrap();
    assert_eq!(citation.path, "ssf-types/src/json.rs");
    assert_eq!(citation.item, "Members::take");
    for text in [
        "ssf-types/src/json.rs::Members",
        "`ssf-types/src/json.rs`",
        "`ssf-types/src/json.rs::`",
        "`/etc/passwd.rs::x`",
        "`../other/lib.rs::x`",
        "`Makefile::test`",
        "``",
    ] {
        assert!(Citation::parse(text).is_err(), "{text}");
    }
}
