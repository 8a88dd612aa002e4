//! What a revocation tells beside what it compares.

use std::{cmp::Ordering, fmt, sync::Arc};

use ssf_types::event::language::Texts;

/// The event behind a revocation, and what the user may be told of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Detail {
    /// URI of the event's type.
    pub event: Arc<str>,
    /// What the user may be told.
    pub reason: Option<Arc<Texts>>,
}

impl Detail {
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reason.iter().flat_map(|texts| texts.iter())
    }
}

impl Ord for Detail {
    /// An order of no meaning, so that of two revocations of one moment the same one stays, whichever came first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.event
            .cmp(&other.event)
            .then_with(|| self.texts().cmp(other.texts()))
    }
}

impl PartialOrd for Detail {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.event)
    }
}
