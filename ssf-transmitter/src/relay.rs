//! Passes on what wakes loops: from this process to other nodes, and from them to this process.

use std::time::Duration;

use ssf_types::error::Chain;
use tracing::{debug, warn};

use crate::{
    app::wake::{Listener, Wake},
    ports::StoreError,
    store::{Line, Notice, SeaStore},
    worker::Stop,
};

/// Shortest pause before a line that was lost is opened anew; it doubles with each attempt that fails.
const PAUSE_MIN: Duration = Duration::from_millis(250);

/// Longest such pause. The sweep does without the line meanwhile.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What is passed on.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Is called when events were accepted.
    pub accepted: Wake,
    /// Is called when deliveries were added.
    pub fresh: Wake,
}

/// What this process has to tell.
struct Own {
    accepted: Listener,
    fresh: Listener,
}

impl Relay {
    /// Passes on until it is time to stop, which is when nothing else in this process has anything to tell any more.
    pub async fn run(self, store: SeaStore, mut stop: Stop) {
        let mut own = Own {
            accepted: self.accepted.listen_to_own(),
            fresh: self.fresh.listen_to_own(),
        };
        let mut pause = PAUSE_MIN;
        loop {
            match store.open_line().await {
                // There are no other nodes.
                Ok(None) => return stop.stopping().await,
                Ok(Some(line)) => {
                    debug!("the line to other nodes is open");
                    pause = PAUSE_MIN;
                    // What they told while nobody listened.
                    self.wake_all();
                    match self.pass_on(line, &mut own, &mut stop).await {
                        Ok(()) => return,
                        Err(error) => report(&error),
                    }
                }
                Err(error) => report(&error),
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = PAUSE_MAX.min(pause * 2),
                () = stop.stopping() => return,
            }
        }
    }

    async fn pass_on(
        &self,
        mut line: Line,
        own: &mut Own,
        stop: &mut Stop,
    ) -> Result<(), StoreError> {
        loop {
            tokio::select! {
                heard = line.hear() => match heard? {
                    Some(Notice::Accepted) => self.accepted.wake_here(),
                    Some(Notice::Fresh) => self.fresh.wake_here(),
                    None => self.wake_all(),
                },
                () = own.accepted.called() => line.tell(Notice::Accepted).await?,
                () = own.fresh.called() => line.tell(Notice::Fresh).await?,
                () = stop.stopping() => {
                    // The last calls may not have been passed on, and what was given back is everybody's now.
                    line.tell(Notice::Accepted).await?;
                    return line.tell(Notice::Fresh).await;
                }
            }
        }
    }

    fn wake_all(&self) {
        self.accepted.wake_here();
        self.fresh.wake_here();
    }
}

fn report(error: &StoreError) {
    warn!(error = %Chain(error), "other nodes cannot be heard now, and are looked for by the sweep alone");
}
