//! What was found, line by line or as one document.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde::Serialize;

use crate::cli::shown::{Shape, printable};

/// How it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// Nothing is to be done.
    Ok,
    /// Somebody should know.
    Warn,
    /// Events do not arrive, or have no effect, until somebody does something.
    Fail,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) verdict: Verdict,
    /// What was found, and what to do.
    pub(super) told: String,
}

impl Finding {
    pub(super) fn new(check: &'static str, verdict: Verdict, told: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            told: told.into(),
        }
    }

    /// Something is wrong, and this is to be done.
    pub(super) fn fail(check: &'static str, told: &impl Display, advice: &str) -> Self {
        Self::new(check, Verdict::Fail, format!("{told}; {advice}"))
    }
}

/// All that was found so far.
#[derive(Debug)]
pub(super) struct Findings {
    shape: Shape,
    all: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(shape: Shape) -> Self {
        let all = Vec::new();
        Self { shape, all }
    }

    /// Adds a finding, and shows it at once if there is a line for each.
    pub(super) fn add(&mut self, finding: Finding) -> io::Result<()> {
        match self.shape {
            Shape::Json => {}
            Shape::Lines => {
                let (verdict, told) = (finding.verdict.as_str(), printable(&finding.told));
                let mut out = io::stdout().lock();
                writeln!(out, "{verdict:<4} {:<8} {told}", finding.check)?;
                out.flush()?;
            }
        }
        self.all.push(finding);
        Ok(())
    }

    /// Shows the document, if it is to be one, and tells how many failed.
    pub(super) fn end(self) -> io::Result<usize> {
        match self.shape {
            Shape::Json => self.shape.show(&self.all)?,
            Shape::Lines => {}
        }
        let is_failed = |finding: &&Finding| finding.verdict == Verdict::Fail;
        Ok(self.all.iter().filter(is_failed).count())
    }
}
