//! Looks at the files again and again, and when SIGHUP asks for it.

use std::{io, time::Duration};

use metrics::counter;
use ssf_types::error::Chain;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};

use super::{PairError, Reloaded, ServerTls};
use crate::{app::clock::SystemClock, ports::Clock, worker::Stop};

/// How often the files are looked at: whoever renews a certificate does so hours ahead.
const PERIOD: Duration = Duration::from_secs(5);

/// Why the files are looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// It is time to.
    ByTime,
    /// Somebody wants to know at once whether they can be used.
    BySignal,
}

/// Keeps a server's certificate as its files are.
pub(crate) struct Watch {
    tls: ServerTls,
    hangup: Signal,
    /// The fault that was logged last, which is not logged again every few seconds.
    told: Option<String>,
}

impl Watch {
    /// Watches the files of `tls`; takes over SIGHUP, which would end the process otherwise.
    ///
    /// # Errors
    /// The signal cannot be had.
    pub(crate) fn new(tls: ServerTls) -> io::Result<Self> {
        Ok(Self {
            tls,
            hangup: signal(SignalKind::hangup())?,
            told: None,
        })
    }

    /// What is watched.
    pub(crate) fn tls(&self) -> &ServerTls {
        &self.tls
    }

    /// Watches until it is time to stop.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        while !stop.is_stopping() {
            let asked = tokio::select! {
                () = tokio::time::sleep(PERIOD) => Asked::ByTime,
                Some(()) = self.hangup.recv() => Asked::BySignal,
                () = stop.stopping() => return,
            };
            let tls = self.tls.clone();
            let look = move || tls.reload(asked, SystemClock.now());
            match tokio::task::spawn_blocking(look).await {
                Ok(reloaded) => self.tell(asked, reloaded),
                Err(error) => {
                    error!(error = %Chain(&error), "looking at the certificate was broken off");
                }
            }
        }
    }

    fn tell(&mut self, asked: Asked, reloaded: Result<Reloaded, PairError>) {
        match reloaded {
            Ok(Reloaded::Unchanged) => self.told = None,
            Ok(Reloaded::Replaced(validity)) => {
                counter!("ssf_tls_reloads_total", "outcome" => "replaced").increment(1);
                let not_after = validity.not_after.as_secs();
                info!(tls.not_after = not_after, "the certificate was replaced");
                self.told = None;
            }
            Err(error) => {
                let fault = Chain(&error).to_string();
                if asked == Asked::ByTime && self.told.as_ref() == Some(&fault) {
                    return;
                }
                counter!("ssf_tls_reloads_total", "outcome" => "refused").increment(1);
                error!(
                    error = fault,
                    "the certificate cannot be replaced: the old one goes on"
                );
                self.told = Some(fault);
            }
        }
    }
}
