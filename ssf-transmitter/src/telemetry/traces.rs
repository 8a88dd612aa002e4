//! Spans for a collector (OTLP over HTTP), where the operator names one.
//!
//! What is exported is the spans of this crate, with the fields that they have in the log: no subject, no secret. Log lines
//! are not exported.

use std::{fmt, time::Duration};

use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tokio::task::spawn_blocking;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};
use url::Url;

/// What this program is called among others.
const SERVICE: &str = "ssf-transmitter";

/// Longest time for one export: spans that nobody takes are dropped, and nothing waits for them.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The exporter cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("spans cannot be exported")]
pub struct ExportError(#[source] ExporterBuildError);

/// Exports spans, in the background. A span that cannot be exported is dropped.
pub struct Traces(SdkTracerProvider);

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traces")
    }
}

impl Traces {
    /// Exports to the collector at `endpoint`, below which `v1/traces` takes spans (OTLP, "OTLP/HTTP Request"); `client` carries
    /// them there.
    ///
    /// # Errors
    /// The exporter cannot be made.
    pub fn export(endpoint: &Url, client: impl HttpClient + 'static) -> Result<Self, ExportError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!(
                "{}/v1/traces",
                endpoint.as_str().trim_end_matches('/')
            ))
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(ExportError)?;
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource);
        Ok(Self(provider.build()))
    }

    /// Hears of spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let own = |target: &str| target.starts_with("ssf_transmitter");
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(move |span| span.is_span() && own(span.target())))
    }

    /// Exports what is left, as far as that can be done in time.
    pub async fn finish(self) {
        // It waits for its thread. Whether the last spans arrived changes nothing.
        _ = spawn_blocking(move || self.0.shutdown_with_timeout(EXPORT_TIMEOUT)).await;
    }
}

/// The present span as a peer reads it (W3C Trace Context, "traceparent Header"), if it is exported.
pub(crate) fn traceparent() -> Option<String> {
    let context = Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| {
        let flags = span.trace_flags().to_u8();
        format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
    })
}
