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
    /// How many exchanges had been recorded by then: what shows it is among those.
    pub seen: usize,
}

impl Assertion {
    fn says_the_same(&self, other: &Self) -> bool {
        let Self {
            what,
            expected,
            found,
            ..
        } = self;
        (what, expected, found) == (&other.what, &other.expected, &other.found)
    }
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
    /// Notes an expectation and whether it is met, by what was recorded so far; returns the latter.
    pub(crate) fn expect(
        &mut self,
        holds: bool,
        what: String,
        expected: String,
        found: String,
    ) -> bool {
        self.assertions.push(Assertion {
            what,
            expected,
            found,
            holds,
            seen: self.exchanges.len(),
        });
        holds
    }

    /// The broken expectations in their order, each with how often it was broken in the same way.
    pub fn broken(&self) -> Vec<(&Assertion, usize)> {
        let mut broken: Vec<(&Assertion, usize)> = Vec::new();
        for one in self.assertions.iter().filter(|one| !one.holds) {
            let is_same = |(other, _): &&mut (&Assertion, usize)| other.says_the_same(one);
            match broken.iter_mut().find(is_same) {
                Some((_, count)) => *count += 1,
                None => broken.push((one, 1)),
            }
        }
        broken
    }

    /// The place of the exchange that shows the first broken expectation: the last one before it which the expectation names, or else
    /// the last one before it.
    pub fn proof(&self) -> Option<usize> {
        let broken = self.assertions.iter().find(|one| !one.holds)?;
        let named = |exchange: &Exchange| {
            let asked = format!("{} {}", exchange.request.method, exchange.url());
            broken
                .what
                .strip_prefix(&asked)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        // What came in at the end of a case, such as pushes, is recorded after what was expected of it.
        let all = self.exchanges.as_slice();
        let before = all.get(..broken.seen).unwrap_or(all);
        let of = |exchanges: &[Exchange]| exchanges.iter().rposition(named);
        let last = |exchanges: &[Exchange]| exchanges.len().checked_sub(1);
        of(before)
            .or_else(|| of(all))
            .or_else(|| last(before))
            .or_else(|| last(all))
    }

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
        let sentence = |(assertion, count): (&Assertion, usize)| {
            let Assertion {
                what,
                expected,
                found,
                ..
            } = assertion;
            match count {
                1 => format!("{what}: expected {expected}, found {found}"),
                count => format!("{what}: expected {expected}, found {found} ({count} times)"),
            }
        };
        self.record.broken().into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::exchange::{Answer, Request};

    fn record(holds: &[bool]) -> Record {
        let assertion = |holds: &bool| Assertion {
            what: "the status".to_owned(),
            expected: "201".to_owned(),
            found: "200".to_owned(),
            holds: *holds,
            seen: 0,
        };
        Record {
            assertions: holds.iter().map(assertion).collect(),
            ..Record::default()
        }
    }

    fn exchange(url: &str) -> Exchange {
        let request = Request::get(Url::parse(url).unwrap());
        Exchange::new(request, Ok(Answer::default()), Duration::ZERO)
    }

    #[test]
    fn what_was_asked_after_an_expectation_does_not_show_it() {
        let mut record = Record::default();
        let expect = |record: &mut Record, what: &str| {
            record.expect(false, what.to_owned(), "400".to_owned(), "200".to_owned());
        };
        let sound = exchange("https://tr.example.com/stream");
        record.exchanges = vec![sound.clone(), sound.clone()];
        expect(&mut record, "GET https://tr.example.com/stream: the status");
        // Such as the control arm of a case.
        record.exchanges.push(sound);
        assert_eq!(record.proof(), Some(1));
        record.assertions.clear();
        expect(&mut record, "the SET");
        record
            .exchanges
            .push(exchange("https://tr.example.com/other"));
        assert_eq!(record.proof(), Some(2));
    }

    #[test]
    fn what_is_broken_in_the_same_way_is_told_once() {
        let mut record = Record::default();
        for found in ["200", "500", "200"] {
            record.expect(
                false,
                "the status".to_owned(),
                "201".to_owned(),
                found.to_owned(),
            );
        }
        let broken = record.broken();
        let told: Vec<_> = broken
            .iter()
            .map(|(one, count)| (one.found.as_str(), *count))
            .collect();
        assert_eq!(told, [("200", 2), ("500", 1)]);
    }

    #[test]
    fn what_came_in_at_the_end_shows_what_was_expected_of_it() {
        let mut record = Record::default();
        record.expect(
            false,
            "GET https://rp.example.com/push".to_owned(),
            "a push".to_owned(),
            "none".to_owned(),
        );
        assert_eq!(record.proof(), None);
        record.exchanges = ["https://rp.example.com/push", "https://rp.example.com/"]
            .map(exchange)
            .into();
        assert_eq!(record.proof(), Some(0));
        record.assertions[0].what = "the pushes".to_owned();
        assert_eq!(record.proof(), Some(1));
        record.assertions[0].holds = true;
        assert_eq!(record.proof(), None);
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
