//! What came of a run, and its reports.

mod html;
mod json;
mod junit;
mod terminal;

use std::time::{Duration, SystemTime};

use crate::{
    case::Profile,
    checks::Verdict,
    coverage::Binds,
    exchange::Exchange,
    record::{CaseResult, Ended},
    report::Conclusion,
};

pub use self::terminal::Line;

/// Whether a broken SHOULD counts as well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Strictness {
    /// A broken SHOULD is a warning.
    Lenient,
    /// A broken SHOULD fails the run.
    Strict,
}

/// What was judged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Role {
    /// A Transmitter.
    Transmitter,
    /// The push endpoint of a Receiver, to which the issuer's SETs were pushed.
    PushEndpoint {
        /// Where it is.
        url: String,
    },
    /// A Receiver that has its stream at the tester.
    Receiver,
}

impl Role {
    /// Whom the requirements bind that a run in this role may judge.
    fn is_bound_by(&self, binds: Binds) -> bool {
        match self {
            Self::Transmitter => binds.has_transmitters(),
            Self::PushEndpoint { .. } | Self::Receiver => binds.has_receivers(),
        }
    }

    /// Those who are judged.
    fn judged(&self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::PushEndpoint { .. } | Self::Receiver => "receiver",
        }
    }

    /// The role as the reports name it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Transmitter => "transmitter",
            Self::PushEndpoint { .. } => "push-endpoint",
            Self::Receiver => "receiver",
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Results {
    /// What was judged.
    pub role: Role,
    /// The issuer: that was judged, or whose SETs were delivered.
    pub issuer: String,
    /// The profiles whose cases it was judged by.
    pub profiles: Vec<Profile>,
    /// The seed that repeats the run's chance.
    pub seed: u64,
    /// Whether a broken SHOULD counts as well.
    pub strictness: Strictness,
    /// One for each case, in the order of the catalogue.
    pub cases: Vec<CaseResult>,
    /// Streams of the run that could not be deleted.
    pub left_behind: Vec<String>,
    /// What was asked before the first case, secrets masked.
    pub discovery: Vec<Exchange>,
    /// When it began.
    pub began: SystemTime,
    /// How long it took.
    pub took: Duration,
}

/// How many of the cases that were judged passed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Score {
    /// How many passed, noteworthy or not.
    pub passed: usize,
    /// How many were judged.
    pub judged: usize,
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.passed, self.judged)
    }
}

/// Longest body that a report repeats, in bytes.
const BODY_BYTES_MAX: usize = 4096;

/// The ends that reports count, in their order.
const COUNTED: [&str; 8] = [
    "passed",
    "failed",
    "warning",
    "note",
    "not run",
    "known deviation",
    "unexpected pass",
    "faulty case",
];

impl Results {
    /// How the run ended. One in which nothing was judged has shown nothing, and so it does not succeed.
    pub fn conclusion(&self) -> Conclusion {
        let mut judged = self.cases.iter().filter(|result| match &result.ended {
            Ended::Judged(_)
            | Ended::KnownDeviation { .. }
            | Ended::UnexpectedPass
            | Ended::Faulty(_) => true,
            Ended::NotRun(_) => false,
        });
        if judged.next().is_none() || self.cases.iter().any(|result| self.fails(result)) {
            Conclusion::NonConformant
        } else {
            Conclusion::Conformant
        }
    }

    fn profile_names(&self) -> Vec<&'static str> {
        self.profiles.iter().copied().map(Profile::as_str).collect()
    }

    /// How many cases ended in each way.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> {
        COUNTED.into_iter().map(|name| {
            let named = |result: &&CaseResult| result.ended.as_str() == name;
            (name, self.cases.iter().filter(named).count())
        })
    }

    /// How many cases of the profile `hardening` were judged, and how many of them passed; nothing unless the profile was asked for.
    pub fn hardening(&self) -> Option<Score> {
        let is_in = |result: &&CaseResult| result.case.profiles.contains(&Profile::Hardening);
        let is_asked_for = self
            .cases
            .iter()
            .any(|result| result.case.profiles == [Profile::Hardening]);
        let mut score = Score::default();
        for result in self.cases.iter().filter(is_in) {
            score.judged += usize::from(!matches!(result.ended, Ended::NotRun(_)));
            let passed = matches!(result.ended, Ended::Judged(Verdict::Passed | Verdict::Note));
            score.passed += usize::from(passed);
        }
        (is_asked_for && score.judged > 0).then_some(score)
    }

    /// The options that repeat one case, or the whole run: there is no chance in what is pushed or polled.
    fn repeating(&self, case: Option<&str>) -> String {
        let only = case.map(|id| format!("--only {id}"));
        let seed = match self.role {
            Role::Transmitter => Some(format!("--seed {}", self.seed)),
            Role::PushEndpoint { .. } | Role::Receiver => None,
        };
        let options: Vec<String> = only.into_iter().chain(seed).collect();
        options.join(" ")
    }

    fn fails(&self, result: &CaseResult) -> bool {
        match &result.ended {
            Ended::Judged(Verdict::Failed) | Ended::UnexpectedPass | Ended::Faulty(_) => true,
            Ended::Judged(Verdict::Warning) => self.strictness == Strictness::Strict,
            Ended::Judged(Verdict::Passed | Verdict::Note | Verdict::NotRun)
            | Ended::NotRun(_)
            | Ended::KnownDeviation { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
