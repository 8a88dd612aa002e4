//! The verdicts, for people and for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::{
    checks::{Check, Outcome, Verdict},
    exchange::{Exchange, Recording},
    printable::printable,
};

/// How a run ended; the number is the exit code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Conclusion {
    /// No MUST that was judged is broken.
    Conformant = 0,
    /// A MUST is broken, or nothing at all could be judged.
    NonConformant = 1,
}

/// One check and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The check.
    pub check: &'static Check,
    /// What it saw.
    pub outcome: Outcome,
    /// What that means.
    pub verdict: Verdict,
}

/// The record of one run and what was found in it.
#[derive(Clone, Debug)]
pub struct Report {
    recording: Recording,
    findings: Vec<Finding>,
}

impl Report {
    /// Runs checks over a record.
    pub fn new(recording: Recording, checks: impl IntoIterator<Item = &'static Check>) -> Self {
        let finding = |check: &'static Check| {
            let outcome = check.run(&recording);
            Finding {
                check,
                verdict: Verdict::of(check.level, &outcome),
                outcome,
            }
        };
        Self {
            findings: checks.into_iter().map(finding).collect(),
            recording,
        }
    }

    /// What was judged.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What was found, in the order of the checks.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many checks ended in this way.
    pub fn count(&self, verdict: Verdict) -> usize {
        let with = |finding: &&Finding| finding.verdict == verdict;
        self.findings.iter().filter(with).count()
    }

    /// How the run ended. A run in which nothing was judged has shown nothing, and so it does not succeed.
    pub fn conclusion(&self) -> Conclusion {
        let judged = self.findings.len() - self.count(Verdict::NotRun);
        if judged == 0 || self.count(Verdict::Failed) > 0 {
            Conclusion::NonConformant
        } else {
            Conclusion::Conformant
        }
    }

    /// Writes the report for people.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let issuer = self.recording.target().issuer();
        writeln!(out, "metadata of {}", printable(issuer))?;
        for exchange in self.recording.exchanges() {
            writeln!(out, "  {}", printable(&exchange.summary()))?;
        }
        writeln!(out)?;
        for finding in &self.findings {
            let Check {
                level,
                section,
                statement,
                ..
            } = finding.check;
            let requirement = finding.check.requirement();
            let verdict = finding.verdict.as_str();
            let level = level.as_str();
            writeln!(
                out,
                "{verdict:8} {requirement} {level:6} {section}: {statement}"
            )?;
            writeln!(out, "{:8} {}", "", printable(finding.outcome.text()))?;
        }
        writeln!(out)?;
        self.write_conclusion(out)
    }

    fn write_conclusion(&self, out: &mut dyn Write) -> io::Result<()> {
        let counts: Vec<String> = VERDICTS
            .iter()
            .map(|verdict| format!("{} {}", self.count(*verdict), verdict.as_str()))
            .collect();
        let sentence = match self.conclusion() {
            Conclusion::Conformant => "no MUST that was judged is broken",
            Conclusion::NonConformant if self.count(Verdict::Failed) > 0 => "a MUST is broken",
            Conclusion::NonConformant => "nothing could be judged",
        };
        writeln!(out, "{}: {sentence}", counts.join(", "))
    }

    /// The report for programs. Members are added in later versions, never changed.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(Finding::to_json).collect();
        let requests: Vec<Value> = self.recording.exchanges().map(request_json).collect();
        let counts: Value = VERDICTS
            .iter()
            .map(|verdict| {
                (
                    verdict.as_str().replace(' ', "_"),
                    json!(self.count(*verdict)),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        json!({
            "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
            "command": "metadata",
            "issuer": self.recording.target().issuer(),
            "conformant": self.conclusion() == Conclusion::Conformant,
            "counts": counts,
            "requests": requests,
            "findings": findings,
        })
    }
}

const VERDICTS: [Verdict; 5] = [
    Verdict::Passed,
    Verdict::Failed,
    Verdict::Warning,
    Verdict::Note,
    Verdict::NotRun,
];

impl Finding {
    fn to_json(&self) -> Value {
        let text = match &self.outcome {
            Outcome::Satisfied { .. } | Outcome::Broken { .. } | Outcome::Noted { .. } => {
                "evidence"
            }
            Outcome::NotRun { .. } => "reason",
        };
        json!({
            "requirement": self.check.requirement(),
            "name": self.check.name(),
            "section": self.check.section,
            "level": self.check.level.as_str(),
            "statement": self.check.statement,
            "verdict": self.verdict.as_str().replace(' ', "_"),
            text: self.outcome.text(),
        })
    }
}

fn request_json(exchange: &Exchange) -> Value {
    let method = exchange.request.method.as_str();
    let url = exchange.url().as_str();
    match &exchange.result {
        Ok(answer) => json!({ "method": method, "url": url, "status": answer.status }),
        Err(error) => json!({ "method": method, "url": url, "error": error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;
    use crate::{
        checks,
        exchange::{Answer, NoAnswer, Probes, Request},
        target::Target,
    };

    fn silence() -> Exchange {
        let refused = NoAnswer::Unreachable {
            reason: "refused".to_owned(),
        };
        let request = Request::get(Url::parse("https://h/").unwrap());
        Exchange::new(request, Err(refused), Duration::ZERO)
    }

    fn recording(metadata: Exchange) -> Recording {
        let probes = Probes {
            appended: None,
            unknown_tenant: silence(),
            risc: silence(),
            jwks: None,
        };
        Recording::new(Target::parse("https://h").unwrap(), metadata, probes)
    }

    fn answered(body: &str) -> Exchange {
        Exchange {
            result: Ok(Answer {
                status: 200,
                headers: vec![("content-type".into(), "application/json".into())],
                body: body.into(),
            }),
            ..silence()
        }
    }

    #[test]
    fn a_run_in_which_nothing_was_judged_does_not_succeed() {
        let report = Report::new(recording(silence()), checks::metadata());
        assert_eq!(report.count(Verdict::NotRun), report.findings().len());
        assert_eq!(report.conclusion(), Conclusion::NonConformant);
    }

    #[test]
    fn a_run_without_a_check_does_not_succeed() {
        let report = Report::new(recording(answered(r#"{"issuer":"https://h"}"#)), []);
        assert_eq!(report.conclusion(), Conclusion::NonConformant);
    }

    #[test]
    fn one_broken_must_fails_the_run() {
        let conclusion =
            |body| Report::new(recording(answered(body)), checks::metadata()).conclusion();
        assert_eq!(
            conclusion(r#"{"issuer":"https://h"}"#),
            Conclusion::Conformant
        );
        assert_eq!(
            conclusion(r#"{"issuer":"https://i"}"#),
            Conclusion::NonConformant
        );
    }

    #[test]
    fn evidence_cannot_steer_the_terminal() {
        let report = Report::new(
            recording(answered("{\"issuer\":\"https://\u{9b}h\"}")),
            checks::metadata(),
        );
        let mut text = Vec::new();
        report.write_text(&mut text).unwrap();
        assert!(!String::from_utf8(text).unwrap().contains('\u{9b}'));
    }

    #[test]
    fn the_json_report_names_requirement_section_level_and_evidence() {
        let report = Report::new(
            recording(answered(r#"{"issuer":"https://i"}"#)),
            checks::metadata(),
        );
        let json = report.to_json();
        assert_eq!(json.pointer("/conformant"), Some(&json!(false)));
        let findings = json.pointer("/findings").and_then(Value::as_array).unwrap();
        assert!(findings.contains(&json!({
            "requirement": "SSF-R-003",
            "name": "issuer-identical",
            "section": "SSF 1.0 §7.2.4",
            "level": "MUST",
            "statement": "issuer is, byte for byte, the issuer that was asked",
            "verdict": "failed",
            "evidence": "\"https://i\" is not \"https://h\"",
        })));
    }
}
