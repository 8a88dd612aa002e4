//! `serve`: starts the daemon and stops it on a signal.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::{Outcome, tell};
use crate::{
    config::Config,
    daemon::{Admin, Daemon},
    telemetry,
};

pub(super) async fn serve(config: Config) -> Outcome {
    telemetry::start_log(config.log_format, &config.log_filter)?;
    let metrics = telemetry::start_metrics()?;
    // Before anything is started, so that no signal finds the process without its handlers.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let admin = Admin::start(&config, metrics)?;
    tell("listening_admin", admin.address())?;
    let daemon = tokio::select! {
        started = Daemon::start(config, admin) => started?,
        () = signalled(&mut terminate, &mut interrupt) => return Ok(()),
    };
    for (name, endpoint) in daemon.endpoints() {
        tell(&format!("endpoint.{name}"), endpoint.as_str())?;
    }
    // The last line: whoever waits for it finds everything there.
    tell("listening", daemon.address())?;
    let stop = signalled(&mut terminate, &mut interrupt);
    daemon.run_until(stop).await?;
    Ok(())
}

async fn signalled(terminate: &mut Signal, interrupt: &mut Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "a signal asks to stop");
}
