//! Cases that are known to fail, and what becomes of their ends: one rule for all roles.

use std::str::FromStr;

use serde::Deserialize;

use crate::{case::Case, checks::Verdict, record::Ended};

/// A case that is known to fail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deviation {
    /// The case's id.
    pub case: String,
    /// Why that is accepted for now.
    pub reason: String,
}

impl FromStr for Deviation {
    type Err = DeviationError;

    /// Reads `CASE=REASON`.
    fn from_str(text: &str) -> Result<Self, DeviationError> {
        let (case, reason) = text.split_once('=').unwrap_or((text, ""));
        let one = Self {
            case: case.to_owned(),
            reason: reason.to_owned(),
        };
        one.checked()?;
        Ok(one)
    }
}

impl Deviation {
    fn checked(&self) -> Result<(), DeviationError> {
        if self.reason.trim().is_empty() {
            return Err(DeviationError::Reason(self.case.clone()));
        }
        Ok(())
    }
}

/// Deviations cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviationError {
    /// One has no reason.
    #[error("{0} needs a reason")]
    Reason(String),
    /// A case has two.
    #[error("{0} is there twice")]
    Twice(String),
    /// It is none of the cases that judge such a target: nobody would ever be told that the entry has to go.
    #[error("there is no case {case} of a {target}; see ssf-conformance list")]
    NoSuchCase {
        /// The case's id.
        case: String,
        /// What is judged.
        target: &'static str,
    },
}

/// The deviations of a target.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Deviations(Vec<Deviation>);

impl From<Vec<Deviation>> for Deviations {
    fn from(deviations: Vec<Deviation>) -> Self {
        Self(deviations)
    }
}

impl Deviations {
    /// Checks that each has a reason, and is of one of these cases, and of another than the others; `target` is what those judge.
    ///
    /// # Errors
    /// Names the one that is not in order.
    pub fn check(
        &self,
        target: &'static str,
        cases: impl Iterator<Item = &'static Case>,
    ) -> Result<(), DeviationError> {
        let cases: Vec<&str> = cases.map(|case| case.id).collect();
        for (at, deviation) in self.0.iter().enumerate() {
            deviation.checked()?;
            let case = &deviation.case;
            if !cases.contains(&case.as_str()) {
                let case = case.clone();
                return Err(DeviationError::NoSuchCase { case, target });
            }
            if self.0.iter().take(at).any(|other| other.case == *case) {
                return Err(DeviationError::Twice(case.clone()));
            }
        }
        Ok(())
    }

    /// What the end of a case counts as: one that is known to fail is a known deviation if it does, and its entry has to go if it passes.
    pub(crate) fn judge(&self, case: &Case, ended: Ended) -> Ended {
        let known = self.0.iter().find(|known| known.case == case.id);
        let Some(Deviation { reason, .. }) = known else {
            return ended;
        };
        match ended {
            Ended::Judged(Verdict::Failed | Verdict::Warning) => Ended::KnownDeviation {
                reason: reason.clone(),
            },
            Ended::Judged(Verdict::Passed) => Ended::UnexpectedPass,
            ended @ (Ended::Judged(Verdict::Note | Verdict::NotRun)
            | Ended::NotRun(_)
            | Ended::KnownDeviation { .. }
            | Ended::UnexpectedPass
            | Ended::Faulty(_)) => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    const CASE: &str = "PUSH-R-003.without-jti";

    fn known(entries: &[&str]) -> Deviations {
        let parsed = entries.iter().map(|entry| entry.parse().unwrap());
        Deviations(parsed.collect())
    }

    #[test]
    fn an_entry_names_a_case_of_the_target_and_a_reason() {
        let check = |deviations: Deviations| deviations.check("receiver", cases::receiver());
        assert_eq!(check(known(&[&format!("{CASE}=until version 2")])), Ok(()));
        let none = "PUSH-R-003.without-jti".parse::<Deviation>().unwrap_err();
        assert_eq!(none, DeviationError::Reason(CASE.to_owned()));
        let bare = Deviation {
            case: CASE.to_owned(),
            reason: " ".to_owned(),
        };
        assert_eq!(check(vec![bare].into()), Err(none));
        let twice = known(&[&format!("{CASE}=a"), &format!("{CASE}=b")]);
        assert_eq!(check(twice), Err(DeviationError::Twice(CASE.to_owned())));
        let other = check(known(&["SSF-T-122.empty-list=of a transmitter"])).unwrap_err();
        assert!(
            other
                .to_string()
                .starts_with("there is no case SSF-T-122.empty-list of a receiver"),
            "{other}"
        );
    }

    #[test]
    fn what_is_known_is_told_as_known_and_what_passes_has_to_go() {
        let case = cases::find(CASE).unwrap();
        let deviations = known(&[&format!("{CASE}=until = 2")]);
        for verdict in [Verdict::Failed, Verdict::Warning] {
            let told = deviations.judge(case, Ended::Judged(verdict));
            let reason = "until = 2".to_owned();
            assert_eq!(told, Ended::KnownDeviation { reason });
        }
        let passed = Ended::Judged(Verdict::Passed);
        assert_eq!(
            deviations.judge(case, passed.clone()),
            Ended::UnexpectedPass
        );
        let note = Ended::Judged(Verdict::Note);
        assert_eq!(deviations.judge(case, note.clone()), note);
        assert_eq!(Deviations::default().judge(case, passed.clone()), passed);
    }
}
