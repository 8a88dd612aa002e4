//! Logs, metrics and spans of the process.

mod traces;

use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{
    EnvFilter, Layer, fmt,
    layer::SubscriberExt,
    util::{SubscriberInitExt, TryInitError},
};

pub(crate) use self::traces::traceparent;
pub use self::traces::{ExportError, Traces};
use crate::{app::measure, config::LogFormat};

/// Upper bounds of histogram buckets, in seconds: a push on loopback takes a millisecond, a dead receiver ten seconds.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Upper bounds for the time until a delivery is acknowledged, in seconds: a good Receiver takes milliseconds, and one that was
/// away hours.
const LATENCY_SECONDS: [f64; 14] = [
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0, 3600.0, 21_600.0, 86_400.0,
];

/// Upper bounds for the time of one signature, in seconds: a curve takes tens of microseconds, a long RSA key milliseconds.
const SIGN_SECONDS: [f64; 10] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1, 1.0,
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

impl MetricKind {
    /// As Prometheus calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric that the program has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: MetricKind,
    /// What it counts.
    pub about: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
}

impl Metric {
    const fn by(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }
}

const fn metric(name: &'static str, kind: MetricKind, about: &'static str) -> Metric {
    Metric {
        name,
        kind,
        about,
        labels: &[],
    }
}

/// All metrics. No label of any of them holds an identifier, and each has few values.
pub const METRICS: &[Metric] = &[
    metric(
        "ssf_events_accepted_total",
        MetricKind::Counter,
        "Events that are durable",
    ),
    metric(
        "ssf_ingest_over_quota_total",
        MetricKind::Counter,
        "Events that were refused because their source had handed in as much as it may, by the limit",
    )
    .by(&["limit"]),
    metric(
        "ssf_events_dispatched_total",
        MetricKind::Counter,
        "Events that were fanned out",
    ),
    metric(
        "ssf_deliveries_total",
        MetricKind::Counter,
        "Deliveries that events became",
    ),
    metric(
        "ssf_delivery_attempts_total",
        MetricKind::Counter,
        "Attempts to deliver, by what came of them",
    )
    .by(&["outcome"]),
    metric(
        "ssf_delivery_seconds",
        MetricKind::Histogram,
        "Time from the acceptance of an event to the acknowledgement of its SET, by the method",
    )
    .by(&["method"]),
    metric(
        "ssf_deliveries_pending",
        MetricKind::Gauge,
        "Deliveries that are pending or held, in the database",
    ),
    metric(
        "ssf_deliveries_quarantined",
        MetricKind::Gauge,
        "Deliveries that their Receivers refused, in the database",
    ),
    metric(
        "ssf_quarantines_total",
        MetricKind::Counter,
        "Deliveries that were quarantined because their Receivers refused them, by the method",
    )
    .by(&["method"]),
    metric(
        "ssf_deliveries_dropped_total",
        MetricKind::Counter,
        "Deliveries that were dropped, by the reason, in the database",
    )
    .by(&["reason"]),
    metric(
        "ssf_events_waiting",
        MetricKind::Gauge,
        "Events that wait for their fan-out, in the database",
    ),
    metric(
        "ssf_events_set_aside",
        MetricKind::Gauge,
        "Events that wait for their fan-out because they could not be read, in the database",
    ),
    metric(
        "ssf_oldest_pending_seconds",
        MetricKind::Gauge,
        "How long the oldest delivery waits on a stream that is not held; 0 if none does, not a number if that cannot be read; in the database",
    ),
    metric(
        "ssf_streams_in_trouble",
        MetricKind::Gauge,
        "Streams that are not disabled whose receivers did not take the last SET, by what is wrong",
    )
    .by(&["trouble"]),
    metric(
        "ssf_circuits_open",
        MetricKind::Gauge,
        "Streams that are not disabled whose circuit is open: they rest, and are asked with one SET at a time",
    ),
    metric(
        "ssf_ledger_imbalance",
        MetricKind::Gauge,
        "By how much what was accepted and matched differs from what has become of it: 0, or something was lost",
    ),
    metric(
        "ssf_ledger_counted_timestamp_seconds",
        MetricKind::Gauge,
        "When this node last counted what is in the database, in seconds since 1970",
    ),
    metric(
        "ssf_lease_changes_total",
        MetricKind::Counter,
        "Leases of the fan-out and of streams that this node has taken, or lost to another",
    )
    .by(&["lease", "change"]),
    metric(
        "ssf_sign_seconds",
        MetricKind::Histogram,
        "Time of one signature, by the algorithm",
    )
    .by(&["algorithm"]),
    metric(
        "ssf_push_seconds",
        MetricKind::Histogram,
        "Time of one push, by its outcome",
    )
    .by(&["outcome"]),
    metric(
        "ssf_push_unanswered_total",
        MetricKind::Counter,
        "Pushes that got no answer, by the reason",
    )
    .by(&["reason"]),
    metric(
        "ssf_poll_sets_total",
        MetricKind::Counter,
        "SETs that polls were given",
    ),
    metric(
        "ssf_poll_unknown_jtis_total",
        MetricKind::Counter,
        "Names in ack and setErrs that mean nothing here: unknown, another stream's, or settled before",
    ),
    metric(
        "ssf_polls_waiting",
        MetricKind::Gauge,
        "Polls that wait for something",
    ),
    metric(
        "ssf_subject_changes_total",
        MetricKind::Counter,
        "Requests to add or remove a subject, by what came of them",
    )
    .by(&["operation", "outcome"]),
    metric(
        "ssf_http_requests_total",
        MetricKind::Counter,
        "Requests by route and status",
    )
    .by(&["route", "status"]),
    metric(
        "ssf_http_request_seconds",
        MetricKind::Histogram,
        "Time until a request was answered, by route",
    )
    .by(&["route"]),
    metric(
        "ssf_tls_certificate_not_after_seconds",
        MetricKind::Gauge,
        "When the certificate of this server expires, in seconds since 1970",
    ),
    metric(
        "ssf_tls_reloads_total",
        MetricKind::Counter,
        "New certificates that were found, by whether they were taken over",
    )
    .by(&["outcome"]),
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

/// Sends log lines to standard error; `filter` holds directives such as `info,ssf_transmitter=debug`. Spans go to `traces`, if
/// there are any, whatever `filter` says.
///
/// # Errors
/// The process has a log already.
pub fn start_log(
    format: LogFormat,
    filter: &str,
    traces: Option<&Traces>,
) -> Result<(), TelemetryError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let filter = EnvFilter::new(filter);
    let registry = tracing_subscriber::registry();
    match traces {
        None => registry.with(lines).with(filter).try_init(),
        Some(traces) => registry
            .with(lines.with_filter(filter))
            .with(traces.layer())
            .try_init(),
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
        .and_then(|builder| with_buckets(builder, "ssf_delivery_seconds", &LATENCY_SECONDS))
        .and_then(|builder| with_buckets(builder, "ssf_sign_seconds", &SIGN_SECONDS))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(TelemetryError::Metrics)?;
    describe();
    measure::begin();
    Ok(handle)
}

fn with_buckets(
    builder: PrometheusBuilder,
    name: &str,
    bounds: &[f64],
) -> Result<PrometheusBuilder, BuildError> {
    builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
}

/// Says what each metric counts.
fn describe() {
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.about),
            MetricKind::Gauge => describe_gauge!(metric.name, metric.about),
            MetricKind::Histogram => describe_histogram!(metric.name, metric.about),
        }
    }
}
