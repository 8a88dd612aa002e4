//! The course of a run, which is the same whoever is judged: results are told as they come, Ctrl-C ends it, and reports are written.

use std::{
    io::{self, Write},
    sync::Arc,
};

use super::{Preflight, beginning, reports::Reports};
use crate::{
    case::Case,
    push::{PushRun, judge},
    record::CaseResult,
    report::Conclusion,
    results::{Line, Results},
};

/// Has a run made and reported. `run` is given where its progress is told, and has no results where nothing was to be judged.
pub(super) fn reported(
    reports: &Reports,
    out: &mut dyn Write,
    run: impl FnOnce(&mut dyn Write) -> Result<Option<Results>, Preflight>,
) -> Result<Conclusion, Preflight> {
    let mut nowhere = io::sink();
    let told: &mut dyn Write = if reports.has_output_alone() {
        &mut nowhere
    } else {
        &mut *out
    };
    let Some(results) = run(told)? else {
        return Ok(Conclusion::Conformant);
    };
    results.write_text(told).map_err(Preflight::Output)?;
    reports.write(&results, out)?;
    Ok(results.conclusion())
}

/// Tells each result as it comes.
pub(super) struct Progress<'o> {
    out: &'o mut dyn Write,
    told: io::Result<()>,
}

impl<'o> Progress<'o> {
    pub(super) fn to(out: &'o mut dyn Write) -> Self {
        Self { out, told: Ok(()) }
    }

    pub(super) fn tell(&mut self, result: &CaseResult) {
        if self.told.is_ok() {
            let told = writeln!(self.out, "{}", Line(result));
            self.told = told.and_then(|()| self.out.flush());
        }
    }

    /// Whether everything could be told; what could not has kept no case from being judged.
    pub(super) fn end(self) -> Result<(), Preflight> {
        self.told.map_err(Preflight::Output)
    }
}

/// Has a receiver judged by these cases, or nothing if Ctrl-C came first.
pub(super) async fn judged(
    run: &Arc<PushRun>,
    cases: &[&'static Case],
    progress: &mut Progress<'_>,
) -> Option<Vec<CaseResult>> {
    let mut interrupted = false;
    let stop = beginning::ctrl_c(&mut interrupted);
    let judged = judge(run, cases, |result| progress.tell(result), stop).await;
    (!interrupted).then_some(judged)
}
