//! What supervisors and monitoring ask.

use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::{
    HttpResponse,
    web::{self, Data, ServiceConfig},
};
use arc_swap::ArcSwapOption;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};

use crate::{Freshness, Receiver, StreamState};

/// The paths of what is here.
pub(super) const PATHS: [&str; 3] = ["/livez", "/readyz", "/metrics"];

/// What the probes look at.
pub(super) struct Probes {
    /// The names of the transmitters.
    names: Vec<String>,
    metrics: PrometheusHandle,
    /// `None` while what was revoked is being loaded.
    receiver: ArcSwapOption<Receiver>,
    is_stopping: AtomicBool,
}

impl Probes {
    pub(super) fn new(names: Vec<String>, metrics: PrometheusHandle) -> Self {
        Self {
            names,
            metrics,
            receiver: ArcSwapOption::empty(),
            is_stopping: AtomicBool::new(false),
        }
    }

    /// Says that `receiver` can decide, and takes SETs.
    pub(super) fn ready(&self, receiver: Receiver) {
        self.receiver.store(Some(receiver.into()));
    }

    /// Says that requests had better go elsewhere, and lets go of the receiver.
    pub(super) fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.receiver.store(None);
    }

    /// Writes down what is known only when it is asked for.
    fn measure(&self) {
        let Some(receiver) = self.receiver.load_full() else {
            return;
        };
        let revocations = receiver.status().revocations;
        metrics::gauge!("ssf_receiver_revocations").set(measured(revocations));
        let leads = receiver.core().lead.is_held();
        metrics::gauge!("ssf_receiver_leads").set(f64::from(u8::from(leads)));
        for (name, transmitter) in self.names.iter().zip(receiver.transmitters()) {
            let status = transmitter.status();
            let is_ready = matches!(status.stream, StreamState::Ready { .. });
            metrics::gauge!("ssf_receiver_quarantined", "transmitter" => name.clone())
                .set(measured(status.quarantined));
            let freshness = match status.freshness {
                Freshness::Fresh => 0.0,
                Freshness::Late(_) => 1.0,
                Freshness::Stale(_) => 2.0,
            };
            metrics::gauge!("ssf_receiver_freshness", "transmitter" => name.clone()).set(freshness);
            metrics::gauge!("ssf_receiver_missing", "transmitter" => name.clone())
                .set(numbers(status.missing));
            metrics::gauge!("ssf_receiver_lost", "transmitter" => name.clone())
                .set(numbers(status.lost));
            metrics::gauge!("ssf_receiver_stream_ready", "transmitter" => name.clone())
                .set(f64::from(u8::from(is_ready)));
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a floating point number; beyond 2^53 nobody counts"
)]
fn measured(count: usize) -> f64 {
    count as f64
}

fn numbers(count: u64) -> f64 {
    measured(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Adds the probes.
pub(super) fn routes(probes: &Data<Probes>, config: &mut ServiceConfig) {
    let [live_path, ready_path, metrics_path] = PATHS;
    config
        .app_data(probes.clone())
        .route(live_path, web::get().to(live))
        .route(ready_path, web::get().to(ready))
        .route(metrics_path, web::get().to(metrics));
}

/// GET /livez: the process lives and answers.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// GET /readyz: what was revoked is loaded, so that decisions are right and SETs are taken. The transmitter may be away.
async fn ready(probes: Data<Probes>) -> HttpResponse {
    let Some(receiver) = probes.receiver.load_full() else {
        let is_stopping = probes.is_stopping.load(Ordering::Acquire);
        let status = if is_stopping { "stopping" } else { "starting" };
        return HttpResponse::ServiceUnavailable().json(json!({ "status": status }));
    };
    let of_each = probes.names.iter().zip(receiver.transmitters());
    let of_each = of_each.map(|(name, transmitter)| {
        let status = transmitter.status();
        let stream = match status.stream {
            StreamState::Pending { .. } => "pending",
            StreamState::Ready { .. } => "ready",
        };
        (
            name.clone(),
            json!({ "stream": stream, "keys": status.keys_loaded }),
        )
    });
    let of_each: serde_json::Map<String, Value> = of_each.collect();
    HttpResponse::Ok().json(json!({ "status": "ok", "transmitters": of_each }))
}

/// GET /metrics: in Prometheus's text format; no label holds an identifier or a secret.
async fn metrics(probes: Data<Probes>) -> HttpResponse {
    probes.measure();
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(probes.metrics.render())
}
