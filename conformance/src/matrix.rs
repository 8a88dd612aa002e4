//! The tester, tested: each fault of the reference, and which cases find it.

use std::{collections::BTreeMap, future, io, io::Write};

use crate::{
    case::Case,
    cases,
    checks::Verdict,
    peer::{Fault, Peer, PeerError},
    record::{CaseResult, Ended},
    run::{Outset, PreflightError, Run, judge},
};

/// What one fault should be found by, and is.
#[derive(Debug)]
pub struct Row {
    /// The fault; none for the reference as it is.
    pub fault: Option<&'static Fault>,
    /// What its cases came to.
    pub results: Vec<CaseResult>,
}

/// The matrix cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The reference does not start.
    #[error("the reference cannot be started")]
    Peer(#[source] PeerError),
    /// The reference cannot be judged.
    #[error("the reference cannot be judged")]
    Preflight(#[source] PreflightError),
}

impl Row {
    /// Judges the reference with one fault, or with none, by all cases.
    ///
    /// # Errors
    /// The reference cannot be started or asked.
    pub async fn of(fault: Option<&'static Fault>) -> Result<Self, MatrixError> {
        let peer = Peer::start(fault).map_err(MatrixError::Peer)?;
        let outset = Outset { seed: 1, run_id: 1 };
        let begun = Run::begin(peer.given(), outset).await;
        let run = begun.map_err(MatrixError::Preflight)?;
        let chosen: Vec<&'static Case> = cases::transmitter().collect();
        let results = judge(&run, &chosen, |_| {}, future::pending()).await;
        run.clean_up().await;
        Ok(Self { fault, results })
    }

    /// All that was found, by case; what passed or was not run found nothing.
    pub fn found(&self) -> BTreeMap<&'static str, &'static str> {
        let found = |result: &&CaseResult| {
            !matches!(
                result.ended,
                Ended::Judged(Verdict::Passed) | Ended::NotRun(_)
            )
        };
        let results = self.results.iter().filter(found);
        results
            .map(|result| (result.case.id, result.ended.as_str()))
            .collect()
    }

    /// All that should be found, by case.
    pub fn claimed(&self) -> BTreeMap<&'static str, &'static str> {
        let found = self.fault.map(|fault| fault.found).unwrap_or_default();
        found
            .iter()
            .map(|(id, verdict)| (*id, verdict.as_str()))
            .collect()
    }

    /// Whether exactly that is found which should be.
    pub fn is_sound(&self) -> bool {
        self.found() == self.claimed()
    }

    /// Writes the row: the fault, the cases that find it, and where that is not as claimed.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = self.fault.map_or("no fault", |fault| fault.name);
        writeln!(out, "{name}")?;
        let (found, claimed) = (self.found(), self.claimed());
        for (id, verdict) in &found {
            let unclaimed = if claimed.get(id) == Some(verdict) {
                ""
            } else {
                ", which it does not claim"
            };
            writeln!(out, "    {verdict:8} {id}{unclaimed}")?;
        }
        for id in claimed.keys().filter(|id| !found.contains_key(*id)) {
            writeln!(out, "    not found by {id}, which claims it")?;
        }
        Ok(())
    }
}
