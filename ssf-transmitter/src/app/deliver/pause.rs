//! Pausing a stream whose Receiver answers so that waiting alone mends nothing.

use ssf_types::stream::StreamStatus;

use crate::{
    app::{audit::recorded, ids},
    domain::{
        announcement::{Circumstances, StatusDecision},
        audit::{Act, Action, Actor, Details, Ending},
        stream::Stream,
        trouble::PauseCause,
    },
    ports::{AuditStore, ChangedStream, Clock, LeasedStream, OperatedStreams, StoreError},
};

/// Whether a stream was paused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pausing {
    Paused,
    /// Somebody has acted meanwhile.
    Overtaken,
}

/// A stream was not paused.
enum NotPaused {
    Overtaken,
    Store(StoreError),
}

impl NotPaused {
    fn ending(&self) -> Ending {
        match self {
            Self::Overtaken => Ending::Refused,
            Self::Store(_) => Ending::Failed,
        }
    }
}

/// Pauses a leased stream, unless its Receiver or the operator has done anything about it since it was leased.
pub(super) async fn pause(
    (store, clock): (&(impl OperatedStreams + AuditStore), &impl Clock),
    leased: &LeasedStream,
    cause: PauseCause,
) -> Result<Pausing, StoreError> {
    let now = clock.now();
    let ids = (ids::event_id(now), ids::jti(now));
    let (issuer, id) = (&leased.stream.issuer, &leased.stream.id);
    let decide = |stream: &Stream, known: Circumstances| {
        if *stream != leased.stream || known.acts != leased.health.acts {
            return Err(NotPaused::Overtaken);
        }
        Ok(StatusDecision::paused(stream, cause, now, ids))
    };
    let pausing = async {
        let changed = store.decide_status(issuer, id, now, decide).await;
        match changed.map_err(NotPaused::Store)? {
            ChangedStream::Changed { .. } => Ok(()),
            ChangedStream::Refused(refusal) => Err(refusal),
            ChangedStream::NotFound => Err(NotPaused::Overtaken),
        }
    };
    let act = Act::on(
        Actor::system("delivery"),
        Action::SetStreamStatus,
        "stream",
        id,
    )
    .with("status", StreamStatus::Paused.as_str())
    .with("cause", cause.as_str());
    let none = |(): &()| Details::none();
    match recorded((store, clock), act, pausing, none, NotPaused::ending).await? {
        Ok(()) => Ok(Pausing::Paused),
        Err(NotPaused::Overtaken) => Ok(Pausing::Overtaken),
        Err(NotPaused::Store(error)) => Err(error),
    }
}
