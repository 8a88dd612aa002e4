//! `serve`: starts the server and stops it on a signal.

use std::io::{self, Write};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use super::Outcome;
use crate::{
    config::Config,
    domain::issuer::IssuerName,
    outbound::CollectorClient,
    server::{Server, read_trust},
    telemetry::{self, Traces},
};

pub(super) async fn serve(config: Config) -> Outcome {
    let traces = export(&config)?;
    telemetry::start_log(config.log_format, &config.log_filter, traces.as_ref())?;
    let metrics: PrometheusHandle = telemetry::start_metrics()?;
    // Before anything is started, so that no signal finds the process without its handlers.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::start(config, metrics).await?;
    announce(&server)?;
    server
        .run_until(signalled(&mut terminate, &mut interrupt))
        .await?;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    Ok(())
}

/// Has spans exported, if there is somebody to take them.
fn export(config: &Config) -> Result<Option<Traces>, Box<dyn std::error::Error>> {
    let Some(endpoint) = &config.tracing.otlp_endpoint else {
        return Ok(None);
    };
    let client = CollectorClient::new(read_trust(config)?)?;
    Ok(Some(Traces::export(endpoint, client)?))
}

/// Says where the server is; the address is the last line, and it is listening by then.
fn announce(server: &Server) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if let Some(token) = server.new_token() {
        writeln!(
            out,
            "# Keep this token: it is shown once. With it an operator looks after the transmitter and hands in events."
        )?;
        writeln!(out, "operator_token={}", token.expose())?;
    }
    let main = IssuerName::default();
    for (name, issuer) in server.issuers().iter() {
        if *name == main {
            writeln!(out, "issuer={issuer}")?;
        } else {
            writeln!(out, "issuer.{name}={issuer}")?;
        }
    }
    writeln!(out, "listening={}", server.address())?;
    out.flush()
}

async fn signalled(terminate: &mut Signal, interrupt: &mut Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    info!(signal = name, "a signal asks to stop");
}
