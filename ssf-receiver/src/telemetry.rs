//! Logs and metrics of the program.

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

use crate::config::LogFormat;

/// Upper bounds of histogram buckets, in seconds: a SET takes a millisecond or two on a good disk, and ten seconds while keys
/// cannot be fetched.
const SECONDS: [f64; 11] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0,
];

/// What a metric is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MetricKind {
    /// Only grows.
    Counter,
    /// Is what it is at the moment.
    Gauge,
    /// Counts how many were at most so much.
    Histogram,
}

/// A metric that there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it counts.
    pub about: &'static str,
}

const fn metric(name: &'static str, kind: MetricKind, about: &'static str) -> Metric {
    Metric { name, kind, about }
}

/// All metrics, those of an embedded receiver included. No label of any of them holds an identifier, and each has few values.
pub const METRICS: &[Metric] = &[
    metric(
        "ssf_receiver_sets_total",
        MetricKind::Counter,
        "SETs that came, by what they were answered with",
    ),
    metric(
        "ssf_receiver_events_total",
        MetricKind::Counter,
        "Events of SETs that were acknowledged, by what became of them",
    ),
    metric(
        "ssf_receiver_guard_decisions_total",
        MetricKind::Counter,
        "Decisions about sessions",
    ),
    metric(
        "ssf_receiver_stale_decisions_total",
        MetricKind::Counter,
        "Decisions about sessions while it was not known what was revoked lately",
    ),
    metric(
        "ssf_receiver_freshness",
        MetricKind::Gauge,
        "How far what is known of a transmitter can be relied on: 0 fresh, 1 late, 2 stale",
    ),
    metric(
        "ssf_receiver_missing",
        MetricKind::Gauge,
        "SETs that a transmitter says it delivered, and that are not here",
    ),
    metric(
        "ssf_receiver_lost",
        MetricKind::Gauge,
        "Those of them that it cannot send any more",
    ),
    metric(
        "ssf_receiver_replayed_total",
        MetricKind::Counter,
        "Missing SETs that transmitters were asked for, by what came of it",
    ),
    metric(
        "ssf_receiver_renewals_total",
        MetricKind::Counter,
        "Questions whether sessions go on that may have been ended, by the answer",
    ),
    metric(
        "ssf_receiver_key_fetches_total",
        MetricKind::Counter,
        "Attempts to fetch the keys of a transmitter, by whether there were any",
    ),
    metric(
        "ssf_receiver_polls_total",
        MetricKind::Counter,
        "Polls, by what came of them",
    ),
    metric(
        "ssf_receiver_handled_total",
        MetricKind::Counter,
        "Calls of the application's handlers, by what came of them",
    ),
    metric(
        "ssf_receiver_sessions_deleted_total",
        MetricKind::Counter,
        "Sessions that were deleted where an application stores them",
    ),
    metric(
        "ssf_receiver_publications_total",
        MetricKind::Counter,
        "Steps of publishing what is revoked in Redis, by what came of them",
    ),
    metric(
        "ssf_receiver_publication_behind",
        MetricKind::Gauge,
        "Whether something is known here that Redis may not have: 1 or 0",
    ),
    metric(
        "ssf_receiver_auth_total",
        MetricKind::Counter,
        "Answers to proxies that ask whether a request may pass",
    ),
    metric(
        "ssf_receiver_introspections_total",
        MetricKind::Counter,
        "Answers about tokens to those who introspect them here",
    ),
    metric(
        "ssf_receiver_logouts_total",
        MetricKind::Counter,
        "Logout tokens of providers, by what became of them",
    ),
    metric(
        "ssf_receiver_global_revocations_total",
        MetricKind::Counter,
        "Requests to end all sessions of a user, by what became of them",
    ),
    metric(
        "ssf_receiver_quarantine_total",
        MetricKind::Counter,
        "SETs that could not be verified when they came, by what became of them",
    ),
    metric(
        "ssf_receiver_quarantined",
        MetricKind::Gauge,
        "SETs that cannot be verified yet, and are kept until they can",
    ),
    metric(
        "ssf_receiver_revocations",
        MetricKind::Gauge,
        "Keys of the index that have a revocation",
    ),
    metric(
        "ssf_receiver_leads",
        MetricKind::Gauge,
        "Whether this instance does what one does for all that share its database",
    ),
    metric(
        "ssf_receiver_stream_ready",
        MetricKind::Gauge,
        "Whether the stream of a transmitter is set up, and its SETs can be verified: 1 or 0",
    ),
    metric(
        "ssf_receiver_http_requests_total",
        MetricKind::Counter,
        "Requests, by route and status",
    ),
    metric(
        "ssf_receiver_http_request_seconds",
        MetricKind::Histogram,
        "Time until a request was answered, by route",
    ),
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

/// Sends log lines to standard error; `filter` holds directives such as `info,ssf_receiver=debug`.
pub(crate) fn start_log(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let lines = lines.with_filter(EnvFilter::new(filter));
    let log = tracing_subscriber::registry().with(lines);
    log.try_init().map_err(TelemetryError::Log)
}

/// Starts to collect metrics; the handle writes them in Prometheus's text format.
pub(crate) fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.about),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.about),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.about),
        }
    }
    Ok(handle)
}
