//! A task that panics breaks its world: tokio would keep that to itself.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;

use super::{clock::WorldClock, invariant::Invariant, oracle::Oracle, process::Process};

impl Oracle {
    /// What a task brings; `None` if it panics, which breaks the world. One that is broken off does not.
    pub(crate) fn watches<F: Future>(
        self: &Arc<Self>,
        task: F,
    ) -> impl Future<Output = Option<F::Output>> + use<F> {
        let oracle = Arc::clone(self);
        let ended = AssertUnwindSafe(task).catch_unwind();
        ended.map(move |ended| match ended {
            Ok(brought) => Some(brought),
            Err(panic) => {
                let fact = format!("a task panics: {}", words(panic.as_ref()));
                oracle.breaks(Invariant::Sound, fact);
                None
            }
        })
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let fixed = panic.downcast_ref::<&str>().copied();
    let made = panic.downcast_ref::<String>().map(String::as_str);
    fixed.or(made).unwrap_or("it does not say why")
}

fn oracle() -> Arc<Oracle> {
    Arc::new(Oracle::new(WorldClock::new(), 0))
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_breaks_its_world() {
    let oracle = oracle();
    let process = Process::new(Arc::clone(&oracle));
    process.spawn(async { panic!("at an odd moment") });
    process.finishes().await;
    let violation = oracle.violation().unwrap();
    assert_eq!(violation.invariant, Invariant::Sound);
    assert_eq!(violation.fact, "a task panics: at an odd moment");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_task_that_panics_is_told_nothing_and_the_world_is_broken() {
    let oracle = oracle();
    let process = Process::new(Arc::clone(&oracle));
    let failing = async { "three".parse::<u32>().unwrap() };
    assert_eq!(process.call(failing).await, None);
    assert!(oracle.violation().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_broken_off_breaks_nothing() {
    let oracle = oracle();
    let process = Process::new(Arc::clone(&oracle));
    process.spawn(std::future::pending());
    tokio::task::yield_now().await;
    process.die();
    tokio::task::yield_now().await;
    assert!(oracle.violation().is_none());
}
