//! What is done beside fan-out and delivery: letting go, counting, and writing down.

use std::{sync::Arc, time::Duration};

use ssf_types::{error::Chain, time::Timestamp};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::{PAUSE, SWEEP, Stop, Work};
use crate::{
    app::{
        horizon,
        refusals::Rest,
        retain::{Retained, Retaining},
        survey::Survey,
        tend::{Tended, Tending},
    },
    domain::trouble::TroubleKind,
    ports::{Clock, OperatedStreams, Outbox, RetentionStore, StoreError, SubjectStore},
};

/// Most keys of subjects that are removed at once: no event is committed meanwhile.
const FORGET_SUBJECTS_MAX: u64 = 1000;

/// How long answers are kept under their idempotency keys, in milliseconds: a day.
const ANSWERS_KEPT_MILLIS: u64 = 24 * 60 * 60 * 1000;

/// How often it is looked for answers that are older.
const FORGET_PERIOD: Duration = Duration::from_mins(1);

/// How often it is looked for what a clock that was wrong has put off.
const HORIZON_PERIOD: Duration = Duration::from_mins(1);

/// How often streams with trouble are counted.
const TROUBLES_PERIOD: Duration = Duration::from_secs(5);

/// Most answers that are forgotten in one step, so that nobody waits for it.
const FORGET_MAX: u64 = 500;

/// How often it is looked for what is kept no longer.
const RETAIN_PERIOD: Duration = Duration::from_mins(5);

/// How often it is looked for refusals that are to be written down.
const REFUSALS_PERIOD: Duration = Duration::from_secs(10);

/// Shortest time from one look at the ledger to the next.
const SURVEY_PERIOD: Duration = Duration::from_secs(15);

/// The next look waits so many times as long as the last one took: looking takes at most about a twentieth of the time.
const LOOK_SHARE: u32 = 20;

/// Looks after streams on which nothing happens, until it is time to stop.
pub async fn tend(work: Arc<Work>, mut stop: Stop) {
    if work.tending.inactivity_timeout.is_none()
        && let Err(error) = work.store.forget_activity().await
    {
        error!(error = %Chain(&error), "what is known of the activity of receivers grows old");
    }
    if work.tending == Tending::default() {
        return stop.stopping().await;
    }
    while !stop.is_stopping() {
        let tended = Box::pin(work.tending.step(&work.store, &work.clock)).await;
        let tended = tended.unwrap_or_else(|error| {
            error!(error = %Chain(&error), "quiet streams cannot be looked after now");
            Tended::default()
        });
        for stream in &tended.paused {
            info!(stream.id = %stream, "stream paused: its receiver shows no activity");
        }
        if tended.kept_alive > 0 || !tended.paused.is_empty() {
            work.fresh.wake();
        }
        if tended.is_more {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Ends what a clock that was wrong has put off for too long, at once and then once a minute or more seldom, until it is time
/// to stop.
pub async fn draw_in(work: Arc<Work>, mut stop: Stop) {
    let retry = work.settings.circuit.retry;
    while !stop.is_stopping() {
        let began = Instant::now();
        let drawn_in = tokio::select! {
            drawn_in = Box::pin(horizon::draw_in(&work.store, &work.clock, &retry)) => drawn_in,
            () = stop.stopping() => return,
        };
        match drawn_in {
            Ok(0) => {}
            Ok(streams) => {
                warn!(
                    streams,
                    "the clock was wrong: what waited on these streams waits no longer"
                );
                work.fresh.wake();
            }
            Err(error) => {
                error!(error = %Chain(&error), "it cannot be looked now for what a wrong clock put off");
            }
        }
        let pause = HORIZON_PERIOD.max(began.elapsed() * LOOK_SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Tells how many streams have trouble, and on how many the circuit is open, until it is time to stop. On several nodes, each
/// tells the same.
pub async fn tell_troubles(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        if let Err(error) = count_troubles(&work).await {
            debug!(error = %Chain(&error), "streams cannot be counted now");
        }
        tokio::select! {
            () = tokio::time::sleep(TROUBLES_PERIOD) => {}
            () = stop.stopping() => {}
        }
    }
}

async fn count_troubles(work: &Work) -> Result<(), StoreError> {
    let counts = work.store.troubles().await?;
    let open = work.store.open_circuits().await?;
    for kind in TroubleKind::ALL {
        let streams = counts.get(&kind).copied().unwrap_or_default();
        metrics::gauge!("ssf_streams_in_trouble", "trouble" => kind.as_str()).set(narrow(streams));
    }
    metrics::gauge!("ssf_circuits_open").set(narrow(open));
    Ok(())
}

/// A count of streams that a gauge can hold exactly.
fn narrow(streams: u64) -> u32 {
    u32::try_from(streams).unwrap_or(u32::MAX)
}

/// Forgets answers to sources that are a day old, a few at a time, until it is time to stop.
pub async fn forget(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let kept = work
            .clock
            .now()
            .as_millis()
            .saturating_sub(ANSWERS_KEPT_MILLIS);
        let before = Timestamp::from_millis(kept);
        let pause = match work.store.forget_answers(before, FORGET_MAX).await {
            Ok(FORGET_MAX) => PAUSE,
            Ok(_) => FORGET_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "old answers cannot be forgotten now");
                FORGET_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Removes subjects that count for no event any more, until it is time to stop.
pub async fn forget_subjects(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let forgotten = work
            .store
            .forget_subjects(work.clock.now(), FORGET_SUBJECTS_MAX);
        let pause = match forgotten.await {
            Ok(FORGET_SUBJECTS_MAX) => PAUSE,
            Ok(_) => FORGET_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "subjects that are over cannot be removed now");
                FORGET_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Drops step by step what changes and deletions of streams have ordered, until it is time to stop.
pub async fn drop_ordered(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let pause = match work.store.drop_ordered(work.clock.now()).await {
            Ok(Some(_)) => {
                work.fresh.wake();
                PAUSE
            }
            Ok(None) => SWEEP,
            Err(error) => {
                error!(error = %Chain(&error), "what is to be dropped cannot be dropped now");
                SWEEP
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Lets go of what is old, a little at a time, until it is time to stop.
pub async fn retain(work: Arc<Work>, mut stop: Stop) {
    let mut retaining = Retaining::new(work.retention);
    while !stop.is_stopping() {
        let pause = match retaining.step(&work.store, &work.clock).await {
            Ok(Retained::Some { dropped: 0 }) => PAUSE,
            Ok(Retained::Some { .. }) => {
                work.fresh.wake();
                PAUSE
            }
            Ok(Retained::All) => RETAIN_PERIOD,
            Err(error) => {
                error!(error = %Chain(&error), "what is old cannot be removed now");
                RETAIN_PERIOD
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Counts what is in the database, until it is time to stop.
pub async fn survey(work: Arc<Work>, mut stop: Stop) {
    let mut survey = Survey::default();
    while !stop.is_stopping() {
        let began = Instant::now();
        tokio::select! {
            () = survey.step(&work.store, &work.clock) => {}
            () = stop.stopping() => return,
        }
        let pause = SURVEY_PERIOD.max(began.elapsed() * LOOK_SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Counts what waits of each source, until it is time to stop.
pub async fn count_backlogs(work: Arc<Work>, mut stop: Stop) {
    while !stop.is_stopping() {
        let began = Instant::now();
        tokio::select! {
            () = work.quotas.count(&work.store, &work.clock) => {}
            () = stop.stopping() => return,
        }
        let pause = SURVEY_PERIOD.max(began.elapsed() * LOOK_SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopping() => {}
        }
    }
}

/// Writes down what was refused, until it is time to stop, and the rest of it then.
pub async fn write_refusals(work: Arc<Work>, mut stop: Stop) {
    let log = (&work.store, &work.clock);
    while !stop.is_stopping() {
        work.refusals.write_rest(log, Rest::Over).await;
        tokio::select! {
            () = tokio::time::sleep(REFUSALS_PERIOD) => {}
            () = stop.stopping() => {}
        }
    }
    work.refusals.write_rest(log, Rest::All).await;
}

/// Does a small job now and after each `period`, until it is time to stop.
pub async fn repeat(period: Duration, mut stop: Stop, job: impl Fn()) {
    while !stop.is_stopping() {
        job();
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            () = stop.stopping() => {}
        }
    }
}
