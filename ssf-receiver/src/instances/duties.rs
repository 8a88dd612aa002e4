//! What the leading instance does for the others, besides the stream: it learns of the SETs that came to them, tells how it goes,
//! and tries what waited at one that is gone.

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use ssf_types::{error::Chain, set::SetClaims};
use tokio::time::{Instant, timeout};

use crate::{
    freshness::Freshness,
    inbox::{AnyShared, InboxError, Quarantine, SharedInbox, worklist::Worklist},
    transmitter::Shared,
};

/// Longest time between two turns.
const INTERVAL: Duration = Duration::from_secs(1);

/// How often to look for what waits.
const WAITING_INTERVAL: Duration = Duration::from_secs(10);

/// Most SETs that are read at once.
const SETS_MAX: u64 = 1000;

/// What has been done.
struct Duties {
    /// Up to which row of the inbox it was learned from.
    learned: i64,
    looked_for_waiting: Option<Instant>,
    /// What was told last, and when.
    told: Option<(Freshness, Instant)>,
}

/// Does the duties for one transmitter, as long as this instance leads. Never returns.
pub(crate) async fn perform(shared: &Arc<Shared>) -> Infallible {
    let Some(inbox) = shared.core.inbox.shared() else {
        return pending().await;
    };
    let mut followed = shared.core.followed.subscribe();
    let mut duties = None;
    loop {
        followed.mark_unchanged();
        if let Err(error) = turn(shared, inbox, &mut duties).await {
            // That the database is out of order is told by whoever follows it.
            tracing::debug!(error = %Chain(&error), "the other instances are not told how it goes");
        }
        // It ends with the next look at the database, or after the interval.
        let _ = timeout(INTERVAL, followed.changed()).await;
    }
}

async fn turn(
    shared: &Arc<Shared>,
    inbox: AnyShared<'_>,
    duties: &mut Option<Duties>,
) -> Result<(), InboxError> {
    let duties = if let Some(duties) = duties {
        duties
    } else {
        let learned = inbox.last_row().await?;
        shared.resume().await?;
        duties.insert(Duties {
            learned,
            looked_for_waiting: None,
            told: None,
        })
    };
    duties.learn(shared).await?;
    let is_due = |at: Instant| at.elapsed() >= WAITING_INTERVAL;
    if duties.looked_for_waiting.is_none_or(is_due) {
        duties.looked_for_waiting = Some(Instant::now());
        let scope = shared.quarantined.scope();
        shared
            .quarantined
            .adopt(shared.core.inbox.waiting(scope).await?);
        shared.hearing.quarantined_are(shared.quarantined.count());
    }
    let now = shared.hearing.of_stream();
    let is_known = |(told, at): (Freshness, Instant)| told == now && at.elapsed() < INTERVAL;
    if !duties.told.is_some_and(is_known) {
        let scope = shared.quarantined.scope();
        inbox.report(scope, &now.to_text()).await?;
        duties.told = Some((now, Instant::now()));
    }
    Ok(())
}

impl Duties {
    /// Learns from SETs that came since, whichever instance they came to.
    async fn learn(&mut self, shared: &Shared) -> Result<(), InboxError> {
        loop {
            let sets = shared.core.inbox.fresh(self.learned, SETS_MAX).await?;
            let Some(last) = sets.last() else {
                return Ok(());
            };
            self.learned = last.row;
            for set in sets.iter().filter(|set| set.issuer == shared.issuer) {
                if let Ok(claims) =
                    SetClaims::read_verified(&set.issuer, &set.claims, shared.dialect)
                {
                    shared.hearing.learn(&claims);
                    shared.expiry.learn(claims.iat, set.received_at);
                }
            }
            // There is something for handlers.
            shared.core.acknowledged.send_modify(|_| {});
        }
    }
}
