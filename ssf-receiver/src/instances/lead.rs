//! The lead: which instance does what one has to do for all.

#[cfg(feature = "shared")]
use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use tokio::sync::watch;
#[cfg(feature = "shared")]
use tokio::time::{Instant, sleep, timeout};

#[cfg(feature = "shared")]
use crate::{core::Core, inbox::SharedInbox};

/// How often the lead is asked for.
#[cfg(feature = "shared")]
const INTERVAL: Duration = Duration::from_secs(2);

/// Longest wait for an answer to that.
#[cfg(feature = "shared")]
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// How long an instance takes it that it leads, from when it asked on: less than the database does, which begins later.
#[cfg(feature = "shared")]
const HELD: Duration = Duration::from_secs(8);

/// Whether this instance leads.
#[derive(Debug)]
pub(crate) struct Lead(watch::Sender<bool>);

impl Lead {
    /// It does, since there are no others; or it does not, until it is said to.
    pub(crate) fn new(is_held: bool) -> Self {
        Self(watch::Sender::new(is_held))
    }

    pub(crate) fn is_held(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it leads.
    pub(crate) async fn held(&self) {
        self.becomes(true).await;
    }

    /// Waits until it does not.
    pub(crate) async fn lost(&self) {
        self.becomes(false).await;
    }

    async fn becomes(&self, wanted: bool) {
        let mut seen = self.0.subscribe();
        // The sender is in `self`, so this ends with the state.
        let _ = seen.wait_for(|is_held| *is_held == wanted).await;
    }

    #[cfg(feature = "shared")]
    fn set(&self, is_held: bool) {
        let changed = self.0.send_if_modified(|was| {
            let changed = *was != is_held;
            *was = is_held;
            changed
        });
        if changed && is_held {
            tracing::info!("this instance leads: it manages streams, polls, and calls handlers");
        } else if changed {
            tracing::warn!("this instance does not lead any more");
        }
    }
}

/// Asks for the lead again and again. Never returns.
#[cfg(feature = "shared")]
pub(crate) async fn keep(core: Arc<Core>) -> Infallible {
    let Some(inbox) = core.inbox.shared() else {
        return pending().await;
    };
    let mut until = None;
    loop {
        let asked = Instant::now();
        match timeout(ANSWER_MAX, inbox.lead()).await {
            Ok(Ok(true)) => until = Some(asked + HELD),
            Ok(Ok(false)) => until = None,
            // Told by whoever follows the database; until then, it holds.
            Ok(Err(_)) | Err(_) => {}
        }
        core.lead
            .set(until.is_some_and(|until| Instant::now() < until));
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_alone_leads() {
        let lead = Lead::new(true);
        lead.held().await;
        assert!(lead.is_held());
        assert!(!Lead::new(false).is_held());
    }
}
