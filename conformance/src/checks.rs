//! The checks: each one requirement, judged by a pure function over the recorded exchanges.

pub mod rfc7517;
pub mod ssf;

use serde_json::{Map, Value};

use crate::exchange::Recording;

/// Longest piece of an answer that is repeated as evidence, in characters.
const SHOWN_CHARS_MAX: usize = 160;

/// How binding a requirement is (RFC 2119).
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize)]
pub enum Level {
    /// MUST, SHALL, REQUIRED.
    #[serde(rename = "MUST")]
    Must,
    /// Stated as plain fact and without a keyword, and nothing works together without it.
    #[serde(rename = "MUST*")]
    MustImplied,
    /// SHOULD, RECOMMENDED.
    #[serde(rename = "SHOULD")]
    Should,
    /// MAY, OPTIONAL.
    #[serde(rename = "MAY")]
    May,
}

impl Level {
    /// The level as the report prints it; a star marks a MUST without a keyword.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustImplied => "MUST*",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// What a check saw.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The requirement is met.
    Satisfied {
        /// What shows it.
        evidence: String,
    },
    /// The requirement is not met, or something optional is there in a form that its definition excludes.
    Broken {
        /// What shows it.
        evidence: String,
    },
    /// Something optional is used, or not offered, in a way that the reader may want to know.
    Noted {
        /// What was seen.
        evidence: String,
    },
    /// The requirement could not be judged.
    NotRun {
        /// Why not.
        reason: String,
    },
}

impl Outcome {
    /// Why nothing about `https` is judged for an issuer without TLS.
    pub const LOOPBACK: &'static str =
        "over plain http, on loopback, nothing about https can be judged";

    fn satisfied(evidence: impl Into<String>) -> Self {
        Self::Satisfied {
            evidence: evidence.into(),
        }
    }

    fn broken(evidence: impl Into<String>) -> Self {
        Self::Broken {
            evidence: evidence.into(),
        }
    }

    fn noted(evidence: impl Into<String>) -> Self {
        Self::Noted {
            evidence: evidence.into(),
        }
    }

    fn not_run(reason: impl Into<String>) -> Self {
        Self::NotRun {
            reason: reason.into(),
        }
    }

    /// The evidence or the reason.
    pub fn text(&self) -> &str {
        match self {
            Self::Satisfied { evidence } | Self::Broken { evidence } | Self::Noted { evidence } => {
                evidence
            }
            Self::NotRun { reason } => reason,
        }
    }
}

/// What a check means for the Transmitter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The requirement is met.
    Passed,
    /// A MUST is broken.
    Failed,
    /// A SHOULD is broken, or something optional is malformed.
    Warning,
    /// Allowed, and worth knowing.
    Note,
    /// Not judged, for the reason given.
    NotRun,
}

impl Verdict {
    /// The verdict of an outcome at a level.
    pub fn of(level: Level, outcome: &Outcome) -> Self {
        match (outcome, level) {
            (Outcome::Satisfied { .. }, _) => Self::Passed,
            (Outcome::Broken { .. }, Level::Must | Level::MustImplied) => Self::Failed,
            (Outcome::Broken { .. }, Level::Should | Level::May) => Self::Warning,
            (Outcome::Noted { .. }, _) => Self::Note,
            (Outcome::NotRun { .. }, _) => Self::NotRun,
        }
    }

    /// The verdict as the report prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::NotRun => "not run",
        }
    }
}

/// One requirement and how it is judged.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The requirement in our catalogue and what is looked at, such as `SSF-T-013.jwks-answers`; unique, as the part behind
    /// the dot is.
    pub id: &'static str,
    /// Where the requirement stands.
    pub section: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it asks for.
    pub statement: &'static str,
    judge: fn(&Recording) -> Outcome,
}

impl Check {
    /// The requirement; one may have several checks.
    pub fn requirement(&self) -> &'static str {
        self.parts().0
    }

    /// What is looked at.
    pub fn name(&self) -> &'static str {
        self.parts().1
    }

    fn parts(&self) -> (&'static str, &'static str) {
        self.id.split_once('.').unwrap_or((self.id, ""))
    }

    /// Judges the record.
    pub fn run(&self, recording: &Recording) -> Outcome {
        (self.judge)(recording)
    }
}

/// All checks of the command `metadata`, in the order of the report.
pub fn metadata() -> impl Iterator<Item = &'static Check> {
    ssf::section_7_2::CHECKS
        .iter()
        .chain(ssf::section_7_1::CHECKS)
        .chain(rfc7517::CHECKS)
}

/// Runs `judge` on the metadata document, or says that there is none.
fn on_document(
    recording: &Recording,
    judge: impl FnOnce(&Map<String, Value>) -> Outcome,
) -> Outcome {
    match recording.document() {
        Ok(document) => judge(document),
        Err(reason) => Outcome::not_run(format!("no metadata document: {reason}")),
    }
}

/// Runs `judge` on a member of the metadata document, or says that it is absent.
fn on_member(recording: &Recording, name: &str, judge: impl FnOnce(&Value) -> Outcome) -> Outcome {
    on_document(recording, |document| match document.get(name) {
        Some(value) => judge(value),
        None => Outcome::not_run(format!("there is no {name}")),
    })
}

/// A value as evidence: compact JSON, shortened.
pub(crate) fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_must_fails_a_should_warns_and_an_absent_option_is_a_note() {
        let broken = Outcome::broken("x");
        assert_eq!(Verdict::of(Level::Must, &broken), Verdict::Failed);
        assert_eq!(Verdict::of(Level::MustImplied, &broken), Verdict::Failed);
        assert_eq!(Verdict::of(Level::Should, &broken), Verdict::Warning);
        assert_eq!(Verdict::of(Level::May, &broken), Verdict::Warning);
        assert_eq!(Verdict::of(Level::May, &Outcome::noted("x")), Verdict::Note);
    }

    #[test]
    fn each_check_has_a_name_of_its_own() {
        let mut names: Vec<&str> = metadata().map(Check::name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn evidence_is_shortened_between_characters() {
        let text = "é".repeat(SHOWN_CHARS_MAX + 1);
        assert_eq!(
            shortened(&text),
            format!("{} …", "é".repeat(SHOWN_CHARS_MAX))
        );
        assert_eq!(shortened("short"), "short");
    }
}
