//! Looking after streams on which nothing happens: quiet ones get a sign of life, and those whose Receivers show none
//! are paused.

use std::time::Duration;

use ssf_types::{id::StreamId, stream::StreamStatus, time::Timestamp};

use super::{audit::recorded, ids};
use crate::{
    domain::{
        announcement::{Circumstances, StatusDecision},
        audit::{Act, Action, Actor, Details, Ending},
        inactivity::{is_idle, noted_until, reason},
        issuer::IssuerName,
        stream::Stream,
        verification::keep_alive,
    },
    ports::{AuditStore, ChangedStream, Clock, OperatedStreams, StoreError},
};

/// Most streams in one step: a step on SQLite keeps everybody else from writing.
const STREAMS_PER_STEP: u64 = 20;

/// What is looked after; neither by default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tending {
    /// After how long without a delivery a stream gets a verification that nobody requested.
    pub keep_alive: Option<Duration>,
    /// After how long without activity of its Receiver a stream is paused.
    pub inactivity_timeout: Option<Duration>,
}

/// What was done in one step.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tended {
    /// How many streams got a sign of life.
    pub kept_alive: u64,
    /// Which streams were paused.
    pub paused: Vec<StreamId>,
    /// Whether there may be more to do at once.
    pub is_more: bool,
}

/// The Receiver was active after all, or the stream has stopped meanwhile.
struct Active;

/// A stream was not paused.
enum NotPaused {
    Active,
    Store(StoreError),
}

impl NotPaused {
    fn ending(&self) -> Ending {
        match self {
            Self::Active => Ending::Refused,
            Self::Store(_) => Ending::Failed,
        }
    }
}

impl Tending {
    /// Looks after some streams.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn step(
        &self,
        store: &(impl OperatedStreams + AuditStore),
        clock: &impl Clock,
    ) -> Result<Tended, StoreError> {
        let now = clock.now();
        let mut tended = Tended::default();
        if let Some(timeout) = self.inactivity_timeout {
            let idle = noted_until(timeout, now);
            let idle = store.idle_streams(idle, now, STREAMS_PER_STEP).await?;
            tended.is_more = idle.len() as u64 == STREAMS_PER_STEP;
            for (issuer, id) in idle {
                if pause(store, clock, (&issuer, &id), timeout).await? {
                    tended.paused.push(id);
                }
            }
        }
        if let Some(period) = self.keep_alive {
            let quiet = before(now, period);
            let make =
                |stream: &Stream| keep_alive(stream, now, (ids::event_id(now), ids::jti(now)));
            let kept = store
                .send_keep_alives(quiet, now, STREAMS_PER_STEP, make)
                .await?;
            tended.kept_alive = kept.sent;
            tended.is_more |= kept.looked_at == STREAMS_PER_STEP;
        }
        Ok(tended)
    }
}

/// Pauses a stream that is still idle, and says so first. Whether it did is in the audit log, too.
async fn pause(
    store: &(impl OperatedStreams + AuditStore),
    clock: &impl Clock,
    (issuer, id): (&IssuerName, &StreamId),
    timeout: Duration,
) -> Result<bool, StoreError> {
    let now = clock.now();
    let ids = (ids::event_id(now), ids::jti(now));
    let decide = |stream: &Stream, known: Circumstances| {
        if stream.status != StreamStatus::Enabled || !is_idle(known.active_at, timeout, now) {
            return Err(Active);
        }
        let paused = StreamStatus::Paused;
        let reason = Some(reason(timeout));
        Ok(StatusDecision::announced(stream, paused, reason, now, ids))
    };
    let pausing = async {
        let changed = store.decide_status(issuer, id, now, decide).await;
        match changed.map_err(NotPaused::Store)? {
            ChangedStream::Changed { .. } => Ok(()),
            ChangedStream::Refused(Active) | ChangedStream::NotFound => Err(NotPaused::Active),
        }
    };
    let act = Act::on(
        Actor::system("inactivity"),
        Action::SetStreamStatus,
        "stream",
        id,
    )
    .with("status", StreamStatus::Paused.as_str());
    let none = |(): &()| Details::none();
    match recorded((store, clock), act, pausing, none, NotPaused::ending).await? {
        Ok(()) => Ok(true),
        Err(NotPaused::Active) => Ok(false),
        Err(NotPaused::Store(error)) => Err(error),
    }
}

fn before(now: Timestamp, period: Duration) -> Timestamp {
    let millis = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(millis))
}
