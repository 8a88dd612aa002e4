//! Logs and metrics of the process.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, util::TryInitError};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Upper bounds of histogram buckets, in seconds: a push on loopback takes a millisecond, a dead receiver ten seconds.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Logs or metrics cannot be set up, for example because they are already.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The log.
    #[error("the log cannot be set up")]
    Log(#[source] TryInitError),
    /// The metrics.
    #[error("the metrics cannot be set up")]
    Metrics(#[source] BuildError),
}

/// Sends log lines to standard error; `filter` holds directives such as `info,ssf_transmitter=debug`.
///
/// # Errors
/// The process has a log already.
pub fn start_log(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(EnvFilter::new(filter));
    let lines = fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    }
    .map_err(TelemetryError::Log)
}

/// Starts to collect metrics; the handle writes them in Prometheus's text format.
///
/// # Errors
/// The process collects metrics already.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    describe();
    Ok(handle)
}

/// Says what each metric counts; no label of any of them holds an identifier.
fn describe() {
    describe_counter!("ssf_events_accepted_total", "Events that are durable");
    describe_counter!("ssf_events_dispatched_total", "Events that were fanned out");
    describe_counter!("ssf_deliveries_total", "Deliveries that events became");
    describe_counter!(
        "ssf_delivery_attempts_total",
        "Attempts to deliver, by what came of them"
    );
    describe_gauge!(
        "ssf_streams_in_trouble",
        "Streams whose receivers did not take the last SET, by what is wrong"
    );
    describe_counter!("ssf_poll_sets_total", "SETs that polls were given");
    describe_counter!(
        "ssf_poll_unknown_jtis_total",
        "Names in ack and setErrs that mean nothing here: unknown, another stream's, or settled before"
    );
    describe_gauge!("ssf_polls_waiting", "Polls that wait for something");
    describe_histogram!(
        "ssf_push_seconds",
        Unit::Seconds,
        "Time of one push, by its outcome"
    );
    describe_gauge!(
        "ssf_tls_certificate_not_after_seconds",
        Unit::Seconds,
        "When the certificate of this server expires, in seconds since 1970"
    );
    describe_counter!(
        "ssf_tls_reloads_total",
        "New certificates that were found, by whether they were taken over"
    );
    describe_gauge!(
        "ssf_ledger_imbalance",
        "By how much what was accepted and matched differs from what has become of it: 0, or something was lost"
    );
    describe_counter!("ssf_http_requests_total", "Requests by route and status");
    describe_histogram!(
        "ssf_http_request_seconds",
        Unit::Seconds,
        "Time until a request was answered, by route"
    );
}
