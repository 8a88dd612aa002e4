//! Following what other instances write.
//!
//! Revocations have positions in the order of their commits (see [`crate::store`]), so that whoever has seen one has seen all
//! before it, and reads on from there; all over again, if another server has the database. Watermarks are read after the rows:
//! whatever was dropped before it was read is under them.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use ssf_types::error::Chain;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    core::Core,
    failpoint::{Failpoint, reached},
    freshness::{Freshness, Why},
    inbox::{
        AnyInbox, AnyLine, AnyShared, Changes, Inbox, InboxError, Line, LineError, SharedInbox,
        each_behind,
    },
    instances::lead,
    receiver::Receiver,
    revocation::Index,
    transmitter::Shared,
};

/// Longest time between two looks, should nobody tell of anything.
const INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for a look: then the connection is no good, or there is much to read. The next look takes another, and goes on.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Looks after which the line is asked whether it stands.
const LOOKS_BETWEEN: u32 = 30;

/// How old what the leading instance told may be. It tells each second, and another takes its place within some ten.
const TOLD_LATE: Duration = Duration::from_secs(20);

/// Age at which nothing is known any more.
const TOLD_STALE: Duration = Duration::from_mins(1);

/// How far an instance has followed the others.
#[derive(Debug, Default)]
struct Place {
    /// Whose positions they are.
    origin: String,
    position: i64,
}

/// Has the index know what others wrote since the last look; how much that is, what this one wrote included.
async fn look((inbox, index): (&AnyInbox, &Index), place: &mut Place) -> Result<u64, InboxError> {
    let origin = inbox.origin().await?;
    if origin != place.origin {
        *place = Place {
            origin,
            position: 0,
        };
    }
    let mut count = 0_u64;
    let each = |revocation| {
        index.apply(&revocation);
        reached(Failpoint::Load);
        count += 1;
    };
    each_behind(inbox, &mut place.position, each).await?;
    for (scope, kept) in inbox.watermarks().await? {
        let known = index.watermarks(scope);
        // Only then, since what was confirmed of sessions counts no more.
        if known.max(kept) != known {
            index.raise(scope, kept);
            count += 1;
        }
    }
    Ok(count)
}

/// Has a receiver know all that there is, and follow the others from then on; nothing, if there can be none.
pub(crate) async fn begin(receiver: &Receiver) -> Result<(), InboxError> {
    let core = receiver.core();
    if !core.inbox.is_shared() {
        return Ok(());
    }
    let mut place = Place::default();
    // What was written during the first look, which takes seconds where there is much, is found by the second.
    look((&core.inbox, &core.index), &mut place).await?;
    let begun = Instant::now();
    look((&core.inbox, &core.index), &mut place).await?;
    let all = receiver.transmitters();
    let all: Vec<Arc<Shared>> = all.map(|one| Arc::clone(one.shared())).collect();
    for shared in &all {
        shared.hearing.followed(begun);
    }
    receiver.run(keep(Arc::clone(core), all, place));
    receiver.run(lead::keep(Arc::clone(core)));
    Ok(())
}

/// Follows the others from a place on. Never returns.
async fn keep(core: Arc<Core>, all: Vec<Arc<Shared>>, mut place: Place) -> Infallible {
    let Some(inbox) = core.inbox.shared() else {
        return pending().await;
    };
    let mut line = None;
    let mut was_cut_off = false;
    let mut looks = 0_u32;
    loop {
        let begun = Instant::now();
        let looked = timeout(LOOK_MAX, turn((&core, inbox), &all, &mut place)).await;
        let silent = || InboxError::new("be followed", "it does not answer in time");
        match looked.unwrap_or_else(|_| Err(silent())) {
            Ok(()) => {
                for shared in &all {
                    shared.hearing.followed(begun);
                }
                if was_cut_off {
                    tracing::info!("what other instances take is known here again");
                }
                was_cut_off = false;
            }
            Err(error) if !was_cut_off => {
                tracing::error!(
                    error = %Chain(&error),
                    "what other instances take is not known here"
                );
                was_cut_off = true;
            }
            Err(_) => {}
        }
        core.followed.send_modify(|times| *times += 1);
        looks = (looks + 1) % LOOKS_BETWEEN;
        let is_due = looks == 0;
        let waited = wait(inbox, &mut line, is_due).await;
        if let Err(error) = waited {
            tracing::debug!(error = %Chain(&error), "there is no line to other instances");
            line = None;
            sleep(INTERVAL).await;
        }
    }
}

/// Waits until others tell of something, or until it is time to look without that.
async fn wait(
    inbox: AnyShared<'_>,
    line: &mut Option<AnyLine>,
    is_due: bool,
) -> Result<(), LineError> {
    let Some(line) = line else {
        // What was told before is looked for at once.
        *line = Some(inbox.line().await?);
        return Ok(());
    };
    if is_due {
        line.ask().await?;
    }
    match timeout(INTERVAL, line.hear()).await {
        Ok(heard) => heard,
        Err(_) => Ok(()),
    }
}

async fn turn(
    (core, inbox): (&Core, AnyShared<'_>),
    all: &[Arc<Shared>],
    place: &mut Place,
) -> Result<(), InboxError> {
    if look((&core.inbox, &core.index), place).await? > 0 {
        // Nothing was acknowledged here; but whoever waits for the end of a session has to look.
        core.acknowledged.send_modify(|_| {});
    }
    if core.lead.is_held() {
        for shared in all {
            shared.hearing.told(None);
        }
        return Ok(());
    }
    for shared in all {
        let reported = inbox.reported(shared.quarantined.scope()).await?;
        shared
            .hearing
            .told(reported.and_then(|(says, age)| told(&says, age)));
    }
    Ok(())
}

/// What the leading instance says, as far as that counts after some time.
fn told(says: &str, age: Duration) -> Option<Freshness> {
    if age >= TOLD_STALE {
        return Some(Freshness::Stale(Why::Silent));
    }
    let told = Freshness::from_text(says)?;
    if age >= TOLD_LATE && told == Freshness::Fresh {
        return Some(Freshness::Late(Why::Silent));
    }
    Some(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_leading_instance_told_counts_for_a_while() {
        let (fresh, seconds) = (Freshness::Fresh.to_text(), Duration::from_secs);
        assert_eq!(told(&fresh, seconds(19)), Some(Freshness::Fresh));
        assert_eq!(
            told(&fresh, seconds(20)),
            Some(Freshness::Late(Why::Silent))
        );
        let stale = Freshness::Stale(Why::Silent);
        assert_eq!(told(&fresh, seconds(60)), Some(stale));
        let gap = Freshness::Stale(Why::Gap);
        assert_eq!(told(&gap.to_text(), seconds(20)), Some(gap));
        // A version that is not known yet says something.
        assert_eq!(told("late whatever", seconds(1)), None);
    }
}
