//! The report for people.

use std::{
    fmt,
    io::{self, Write},
};

use super::{Results, Role};
use crate::{
    checks::Verdict,
    printable::printable,
    record::{CaseResult, Ended},
    report::Conclusion,
};

/// One result as a line, with the reasons below it unless it passed.
#[derive(Debug)]
pub struct Line<'r>(pub &'r CaseResult);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CaseResult {
            case, ended, took, ..
        } = self.0;
        write!(
            f,
            "{:15} {:32} {:6} {}: {} ({} ms)",
            ended.as_str(),
            case.id,
            case.level.as_str(),
            case.section,
            case.title,
            took.as_millis()
        )?;
        for reason in self.0.reasons() {
            write!(f, "\n{:15} {}", "", printable(&reason))?;
        }
        Ok(())
    }
}

impl Results {
    /// Writes the end of the report for people: what failed once more, what was not judged, and the counts. The lines
    /// of the cases were told while they came.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let failed: Vec<&CaseResult> = self
            .cases
            .iter()
            .filter(|result| self.fails(result))
            .collect();
        if !failed.is_empty() {
            writeln!(out, "\nfailed:")?;
        }
        for result in failed {
            writeln!(out, "{}", Line(result))?;
            for exchange in &result.record.exchanges {
                writeln!(out, "{:15}   {}", "", printable(&exchange.summary()))?;
            }
            let options = self.repeating(Some(result.case.id));
            writeln!(out, "{:15}   repeat it with {options}", "")?;
        }
        for id in &self.left_behind {
            writeln!(
                out,
                "a stream of this run could not be deleted: {}",
                printable(id)
            )?;
        }
        if let Some(score) = self.hardening() {
            writeln!(out, "\nhardening: {score} passed")?;
        }
        let counts: Vec<String> = self
            .counts()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let sentence = match self.conclusion() {
            Conclusion::Conformant => "nothing that was judged is broken",
            Conclusion::NonConformant if self.is_empty() => "nothing could be judged",
            Conclusion::NonConformant => "not conformant",
        };
        let seed = match self.role {
            Role::Transmitter => format!(", seed {}", self.seed),
            Role::PushEndpoint { .. } | Role::Receiver => String::new(),
        };
        let (counts, seconds) = (counts.join(", "), self.took.as_secs_f64());
        writeln!(out, "\n{counts}: {sentence} ({seconds:.1} s{seed})")
    }

    fn is_empty(&self) -> bool {
        let judged = |result: &CaseResult| {
            !matches!(
                result.ended,
                Ended::NotRun(_) | Ended::Judged(Verdict::NotRun)
            )
        };
        !self.cases.iter().any(judged)
    }
}
