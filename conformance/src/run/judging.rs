//! Has cases judged, beside one another as far as their streams allow, each until its deadline.

use std::{
    future::{self, Future},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::future::maybe_done;
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::Run;
use crate::{
    case::{Case, Judge, NotRun, NotRunKind, Stop},
    cases::{event, refusal},
    checks::Outcome,
    context::Context,
    record::{CaseResult, Ended, Record},
};

/// What is decided before a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Outset {
    /// From which the chance of all cases follows.
    pub seed: u64,
    /// Tells the run's streams from those of other runs.
    pub run_id: u64,
}

/// Judges cases, tells each result as it comes, and returns them in the order of the cases.
///
/// When `interrupted` ends first, what is under way is broken off; [`Run::clean_up`] deletes its streams afterwards.
pub async fn judge(
    run: &Arc<Run>,
    cases: &[&'static Case],
    mut tell: impl FnMut(&CaseResult),
    interrupted: impl Future<Output = ()>,
) -> Vec<CaseResult> {
    tokio::pin!(interrupted);
    // A signal is waited for from the first poll on, and nothing may be made before.
    let first = future::poll_fn(|cx| Poll::Ready(interrupted.as_mut().poll(cx).is_ready()));
    if first.await {
        return cases.iter().map(|case| lost(case, true)).collect();
    }
    let total = run.target().limits.streams;
    let streams = Arc::new(Semaphore::new(total as usize));
    let mut under_way = JoinSet::new();
    for (at, case) in cases.iter().copied().enumerate() {
        let run = Arc::clone(run);
        let turn = Arc::clone(&streams).acquire_many_owned(case.streams_of(total));
        let mut turn = Box::pin(maybe_done(turn));
        // Turns are in the order of the cases, whichever task is run first.
        future::poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx).is_ready())).await;
        under_way.spawn(async move {
            turn.as_mut().await;
            let turn = turn.as_mut().take_output();
            let result = one(run, case).await;
            drop(turn);
            (at, result)
        });
    }
    let mut results: Vec<Option<CaseResult>> = vec![None; cases.len()];
    let mut was_interrupted = false;
    loop {
        tokio::select! {
            () = &mut interrupted => {
                was_interrupted = true;
                under_way.shutdown().await;
                break;
            }
            ended = under_way.join_next() => match ended {
                None => break,
                Some(Ok((at, result))) => {
                    tell(&result);
                    if let Some(place) = results.get_mut(at) {
                        *place = Some(result);
                    }
                }
                // A case that panicked has no result; it is told as faulty below.
                Some(Err(_)) => {}
            },
        }
    }
    let told = |(result, case): (Option<CaseResult>, &&'static Case)| {
        result.unwrap_or_else(|| lost(case, was_interrupted))
    };
    results.into_iter().zip(cases).map(told).collect()
}

/// The result of a case that has none of its own.
fn lost(case: &'static Case, was_interrupted: bool) -> CaseResult {
    let ended = if was_interrupted {
        Ended::NotRun(NotRun {
            kind: NotRunKind::Interrupted,
            reason: "the run was interrupted".to_owned(),
        })
    } else {
        Ended::Faulty("it broke off".to_owned())
    };
    CaseResult {
        case,
        record: Record::default(),
        ended,
        took: Duration::ZERO,
    }
}

async fn one(run: Arc<Run>, case: &'static Case) -> CaseResult {
    let target = run.target();
    if let Some(reason) = case.unmet(target) {
        let stop = Stop::not_configured(reason);
        return result(
            &Context::new(Arc::clone(&run), case),
            Err(stop),
            Instant::now(),
        );
    }
    let (began, deadline) = (Instant::now(), case.deadline(&target.limits));
    let cx = Context::new(Arc::clone(&run), case);
    let end = timeout(deadline, judged(&cx)).await.unwrap_or_else(|_| {
        let expected = format!("an end within {} s", deadline.as_secs());
        cx.require(false, "the case", expected, "none")
    });
    run.clean_up_after(case).await;
    result(&cx, end, began)
}

async fn judged(cx: &Context) -> Result<(), Stop> {
    match cx.case().judge {
        Judge::Script(script) => script(cx).await,
        Judge::Refused(operation, refusal) => refusal::judge(cx, operation, refusal).await,
        Judge::Event(type_of, rule) => event::judge(cx, type_of, rule).await,
        Judge::Push(_) => Err(Stop::not_offered("a transmitter has no push endpoint")),
        Judge::Check(check) => {
            match check.run(cx.run().discovery()) {
                Outcome::Satisfied { evidence } => {
                    cx.expect(true, check.name(), check.statement, evidence);
                }
                Outcome::Broken { evidence } => {
                    cx.expect(false, check.name(), check.statement, evidence);
                }
                Outcome::Noted { evidence } => cx.note(evidence),
                Outcome::NotRun { reason } => return Err(Stop::not_offered(reason)),
            }
            Ok(())
        }
    }
}

fn result(cx: &Context, end: Result<(), Stop>, began: Instant) -> CaseResult {
    let case = cx.case();
    let record = std::mem::take(&mut *cx.record());
    let ended = record.ended(case.level, end);
    CaseResult {
        case,
        record,
        ended: cx.target().deviations.judge(case, ended),
        took: began.elapsed(),
    }
}
