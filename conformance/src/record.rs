//! What one case did and saw, and the verdict that follows.

use std::time::Duration;

use crate::{
    case::{Case, NotRun, Stop},
    checks::{Level, Outcome, Verdict},
    exchange::Exchange,
};

/// One expectation and whether it was met.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Assertion {
    /// What was looked at, such as `POST https://tr.example.com/ssf/stream: the status`.
    pub what: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// Whether it is.
    pub holds: bool,
}

/// What one case did and saw, in order.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The expectations.
    pub assertions: Vec<Assertion>,
    /// What is allowed and worth knowing.
    pub notes: Vec<String>,
    /// What was asked and answered, secrets masked.
    pub exchanges: Vec<Exchange>,
}

/// How a case ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// It was judged; the verdict is one of passed, failed, warning and note.
    Judged(Verdict),
    /// It was not.
    NotRun(NotRun),
    /// It fails, as the target file says it would.
    KnownDeviation {
        /// The reason that the file gives.
        reason: String,
    },
    /// It passes although the target file says that it fails: the entry has to go.
    UnexpectedPass,
    /// The tester itself is faulty: the case expected nothing, or broke off.
    Faulty(String),
}

impl Ended {
    /// The end as the reports name it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Judged(verdict) => verdict.as_str(),
            Self::NotRun(_) => Verdict::NotRun.as_str(),
            Self::KnownDeviation { .. } => "known deviation",
            Self::UnexpectedPass => "unexpected pass",
            Self::Faulty(_) => "faulty case",
        }
    }
}

impl Record {
    /// The verdict on a case that returned `end`.
    ///
    /// A broken expectation counts, whatever came after it; a case that expected nothing has shown nothing.
    pub fn ended(&self, level: Level, end: Result<(), Stop>) -> Ended {
        if self.assertions.iter().any(|assertion| !assertion.holds) {
            let broken = Outcome::Broken {
                evidence: String::new(),
            };
            return Ended::Judged(Verdict::of(level, &broken));
        }
        match end {
            Err(Stop::NotRun(why)) => Ended::NotRun(why),
            Err(Stop::Broken) => Ended::Faulty("it stopped, and no expectation is broken".into()),
            Ok(()) if !self.notes.is_empty() => Ended::Judged(Verdict::Note),
            Ok(()) if self.assertions.is_empty() => Ended::Faulty("it expected nothing".into()),
            Ok(()) => Ended::Judged(Verdict::Passed),
        }
    }
}

/// One case of a run and what came of it.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The case.
    pub case: &'static Case,
    /// What it did and saw.
    pub record: Record,
    /// How it ended.
    pub ended: Ended,
    /// How long it took.
    pub took: Duration,
}

impl CaseResult {
    /// What a reader wants to know first: the broken expectations, or the reason.
    pub fn reasons(&self) -> Vec<String> {
        match &self.ended {
            Ended::NotRun(why) => vec![why.reason.clone()],
            Ended::Faulty(fault) => vec![format!("a fault of the tester: {fault}")],
            Ended::UnexpectedPass => {
                vec!["passes: remove its entry from deviations".to_owned()]
            }
            Ended::KnownDeviation { reason } => {
                let mut reasons = vec![reason.clone()];
                reasons.extend(self.broken());
                reasons
            }
            Ended::Judged(_) => {
                let mut reasons = self.broken();
                reasons.extend(self.record.notes.iter().cloned());
                reasons
            }
        }
    }

    fn broken(&self) -> Vec<String> {
        let broken = |assertion: &&Assertion| !assertion.holds;
        let sentence = |assertion: &Assertion| {
            let Assertion {
                what,
                expected,
                found,
                ..
            } = assertion;
            format!("{what}: expected {expected}, found {found}")
        };
        let assertions = self.record.assertions.iter();
        assertions.filter(broken).map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(holds: &[bool]) -> Record {
        let assertion = |holds: &bool| Assertion {
            what: "the status".to_owned(),
            expected: "201".to_owned(),
            found: "200".to_owned(),
            holds: *holds,
        };
        Record {
            assertions: holds.iter().map(assertion).collect(),
            ..Record::default()
        }
    }

    #[test]
    fn a_case_that_expected_nothing_has_not_passed() {
        assert!(matches!(
            record(&[]).ended(Level::Must, Ok(())),
            Ended::Faulty(_)
        ));
        assert_eq!(
            record(&[true]).ended(Level::Must, Ok(())),
            Ended::Judged(Verdict::Passed)
        );
    }

    #[test]
    fn a_broken_expectation_counts_whatever_came_after_it() {
        let stop = Stop::blocked("the stream cannot be read");
        assert_eq!(
            record(&[true, false]).ended(Level::Must, Err(stop)),
            Ended::Judged(Verdict::Failed)
        );
        assert_eq!(
            record(&[false]).ended(Level::Should, Ok(())),
            Ended::Judged(Verdict::Warning)
        );
    }

    #[test]
    fn what_stopped_without_a_broken_expectation_is_not_run() {
        let stop = Stop::not_offered("there is no status_endpoint");
        assert!(matches!(
            record(&[true]).ended(Level::Must, Err(stop)),
            Ended::NotRun(_)
        ));
        assert!(matches!(
            record(&[true]).ended(Level::Must, Err(Stop::Broken)),
            Ended::Faulty(_)
        ));
    }
}
