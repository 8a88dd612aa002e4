//! Has cases judged, one after the other, each until its deadline.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{probe::Probe, run::PushRun};
use crate::{
    case::{Case, Judge, NotRun, NotRunKind, Stop},
    record::{CaseResult, Ended, Record},
};

/// Judges cases, tells each result as it comes, and returns them in the order of the cases.
///
/// When `interrupted` ends first, what is under way is broken off.
pub async fn judge(
    run: &Arc<PushRun>,
    cases: &[&'static Case],
    mut tell: impl FnMut(&CaseResult),
    interrupted: impl Future<Output = ()>,
) -> Vec<CaseResult> {
    let mut results = Vec::new();
    tokio::pin!(interrupted);
    let mut was_interrupted = false;
    for case in cases.iter().copied() {
        let result = if was_interrupted {
            not_run(case)
        } else {
            tokio::select! {
                () = &mut interrupted => {
                    was_interrupted = true;
                    not_run(case)
                }
                result = one(run, case) => {
                    tell(&result);
                    result
                }
            }
        };
        results.push(result);
    }
    results
}

async fn one(run: &Arc<PushRun>, case: &'static Case) -> CaseResult {
    let (began, deadline) = (Instant::now(), case.deadline(run.limits()));
    let probe = Probe::new(Arc::clone(run), case);
    let judged = async {
        match case.judge {
            Judge::Push(script) => script(&probe).await,
            Judge::Script(_) | Judge::Refused(..) | Judge::Event(..) | Judge::Check(_) => {
                Err(Stop::not_offered("a push endpoint has no such thing"))
            }
        }
    };
    let end = timeout(deadline, judged).await.unwrap_or_else(|_| {
        let expected = format!("an end within {} s", deadline.as_secs());
        probe.require(false, "the case", expected, "none")
    });
    let record = std::mem::take(&mut *probe.record());
    let ended = record.ended(case.level, end);
    CaseResult {
        case: probe.case(),
        ended: run.deviations().judge(case, ended),
        record,
        took: began.elapsed(),
    }
}

fn not_run(case: &'static Case) -> CaseResult {
    CaseResult {
        case,
        record: Record::default(),
        ended: Ended::NotRun(NotRun {
            kind: NotRunKind::Interrupted,
            reason: "the run was interrupted".to_owned(),
        }),
        took: Duration::ZERO,
    }
}
