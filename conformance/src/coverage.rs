//! What the specifications ask, which cases judge it, and what cannot be judged from outside.
//!
//! The rows are in `coverage.toml`; the cases of a row are those whose ids begin with its id, and those that
//! say that they judge it as well.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::{case::Case, cases, checks::Level};

static TOPICS: LazyLock<Vec<Topic>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is part of the program, and a test reads it"
    )]
    toml::from_str::<Table>(include_str!("../coverage.toml"))
        .expect("coverage.toml is a table of requirements")
        .topics
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    topics: Vec<Topic>,
}

/// Requirements on one matter, in the order of the specifications.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// What they are about.
    pub name: String,
    /// Its rows.
    pub requirements: Vec<Requirement>,
}

/// One requirement of the specifications.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its id, such as `SSF-T-122`; stable.
    pub id: String,
    /// Whom it binds.
    pub binds: Binds,
    /// How binding it is.
    pub level: Level,
    /// Where it stands.
    pub section: String,
    /// What is asked, in our words; `code` is in backticks.
    pub asks: String,
    /// Why it cannot be judged from outside.
    not_testable: Option<String>,
}

/// Whom a requirement binds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Binds {
    /// Transmitters.
    Transmitter,
    /// Receivers.
    Receiver,
    /// Both.
    Both,
}

impl Binds {
    /// Whether transmitters are bound.
    pub fn has_transmitters(self) -> bool {
        match self {
            Self::Transmitter | Self::Both => true,
            Self::Receiver => false,
        }
    }

    /// Whether receivers are bound.
    pub fn has_receivers(self) -> bool {
        match self {
            Self::Receiver | Self::Both => true,
            Self::Transmitter => false,
        }
    }

    /// The party in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::Receiver => "receiver",
            Self::Both => "both",
        }
    }
}

/// Whether a requirement is judged.
#[derive(Clone, Debug)]
pub enum Standing {
    /// These cases judge it.
    Tested(Vec<&'static Case>),
    /// It cannot be seen from outside, for this reason.
    NotTestable(&'static str),
    /// It could be judged, and no case does yet.
    NotYet,
}

impl Standing {
    /// The standing in words.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Tested(_) => "tested",
            Self::NotTestable(_) => "not testable",
            Self::NotYet => "not yet",
        }
    }
}

impl Requirement {
    /// Whether it is judged.
    pub fn standing(&'static self) -> Standing {
        let about = |case: &&'static Case| case.is_about(&self.id);
        let cases: Vec<_> = cases::all().filter(about).collect();
        match &self.not_testable {
            _ if !cases.is_empty() => Standing::Tested(cases),
            Some(reason) => Standing::NotTestable(reason),
            None => Standing::NotYet,
        }
    }
}

/// How many requirements stand in which way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// With a case.
    pub tested: usize,
    /// Not to be seen from outside.
    pub not_testable: usize,
    /// Without a case.
    pub not_yet: usize,
}

impl Count {
    /// Counts requirements.
    pub fn of(requirements: impl IntoIterator<Item = &'static Requirement>) -> Self {
        let mut count = Self::default();
        for requirement in requirements {
            match requirement.standing() {
                Standing::Tested(_) => count.tested += 1,
                Standing::NotTestable(_) => count.not_testable += 1,
                Standing::NotYet => count.not_yet += 1,
            }
        }
        count
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tested,
            not_testable,
            not_yet,
        } = self;
        write!(
            f,
            "{tested} tested, {not_yet} not yet, {not_testable} not testable"
        )
    }
}

/// All requirements, by topic.
pub fn topics() -> &'static [Topic] {
    &TOPICS
}

/// All requirements.
pub fn requirements() -> impl Iterator<Item = &'static Requirement> {
    topics().iter().flat_map(|topic| &topic.requirements)
}

#[cfg(test)]
mod tests;
