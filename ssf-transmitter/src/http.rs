//! HTTP: the management API for Receivers, ingest for sources, and probes. The only tree that names actix-web.
//!
//! Handlers extract, call and map. Who asks is judged before what is asked: no body is read, and no parameter looked
//! at, for somebody without a valid token. Every error is a problem document (RFC 9457).

mod access;
mod auth;
mod body;
mod code;
mod discovery;
mod envelope;
mod ingest;
mod listening;
mod probes;
mod problem;
mod status;
mod streams;
mod verify;

use std::{future::ready, time::Duration};

use actix_web::{
    HttpResponse, Route, guard,
    web::{self, Data, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;
use ssf_types::{
    metadata::WellKnown,
    uri::{EventTypeUri, Issuer},
};

pub use self::listening::Listening;
use self::problem::Problem;
use crate::{
    app::{clock::SystemClock, gate::Gate, ingest::Ingest, wake::Wake},
    domain::{
        id::{Fingerprint, WorkerId},
        push_address::PushAddresses,
        stream::Terms,
    },
    keys::SigningKeys,
    sealing::Sealer,
    store::SeaStore,
    worker::Pulse,
};

/// What handlers work with.
#[derive(Debug)]
#[non_exhaustive]
pub struct AppState {
    /// Who this transmitter is.
    pub issuer: Issuer,
    /// What streams may ask for.
    pub events_supported: Vec<EventTypeUri>,
    /// Where everything is kept.
    pub store: SeaStore,
    /// Makes the fingerprints of tokens and of idempotency keys.
    pub sealer: Sealer,
    /// Stands for the token of the sources.
    pub operator: Fingerprint,
    /// The published keys.
    pub keys: SigningKeys,
    /// Where events are handed in.
    pub ingest: Ingest,
    /// Is called when a stream may have something due sooner than it was known.
    pub fresh: Wake,
    /// Is passed by attempts that begin in this process.
    pub gate: Gate,
    /// This process.
    pub worker: WorkerId,
    /// Tells whether the loops run.
    pub pulse: Pulse,
    /// Writes the metrics.
    pub metrics: PrometheusHandle,
    /// Tells the time.
    pub clock: SystemClock,
    /// Least time between two requests for verification of a stream; whole seconds.
    pub min_verification_interval: Duration,
    /// Where SETs may be pushed to.
    pub push_addresses: PushAddresses,
    /// Longest body of a management request, in bytes.
    pub management_body_bytes_max: usize,
    /// Longest body of an ingest request, in bytes.
    pub ingest_body_bytes_max: usize,
}

impl AppState {
    /// What every stream is supplied with.
    fn terms(&self) -> Terms<'_> {
        Terms {
            issuer: &self.issuer,
            events_supported: &self.events_supported,
            min_verification_interval: self.min_verification_interval,
        }
    }
}

/// Paths of the API of `issuer`, behind the issuer's own path.
struct Paths {
    base: String,
}

impl Paths {
    const JWKS: &str = "/jwks.json";
    const STREAM: &str = "/ssf/stream";
    const STATUS: &str = "/ssf/status";
    const VERIFY: &str = "/ssf/verify";

    fn of(issuer: &Issuer) -> Self {
        let url = issuer.to_url();
        let path = url.path();
        Self {
            base: path.strip_suffix('/').unwrap_or(path).to_owned(),
        }
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Adds all routes of a transmitter.
fn routes(state: &Data<AppState>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let state = state.clone();
    move |config| {
        let issuer = &state.issuer;
        let paths = Paths::of(issuer);
        let read_only = |path: &str, route: fn() -> Route| {
            web::resource(path)
                .route(route())
                .default_service(all_else_refused("GET, HEAD"))
        };
        config
            .service(read_only(&WellKnown::Ssf.path(issuer), || {
                read().to(discovery::metadata)
            }))
            .service(read_only(&paths.path(Paths::JWKS), || {
                read().to(discovery::jwks)
            }))
            .service(
                web::resource(paths.path(Paths::STREAM))
                    .route(web::post().to(streams::create))
                    .route(web::get().to(streams::read))
                    .route(web::patch().to(streams::update))
                    .route(web::put().to(streams::replace))
                    .route(web::delete().to(streams::delete))
                    .default_service(all_else_refused("GET, POST, PATCH, PUT, DELETE")),
            )
            .service(
                web::resource(paths.path(Paths::STATUS))
                    .route(web::get().to(status::read))
                    .route(web::post().to(status::update))
                    .default_service(all_else_refused("GET, POST")),
            )
            .service(
                web::resource(paths.path(Paths::VERIFY))
                    .route(web::post().to(verify::request))
                    .default_service(all_else_refused("POST")),
            )
            .service(
                web::resource("/ingest/events")
                    .route(web::post().to(ingest::accept))
                    .default_service(all_else_refused("POST")),
            )
            .service(read_only("/health", || read().to(probes::health)))
            .service(read_only("/ready", || read().to(probes::ready)))
            .service(read_only("/metrics", || read().to(probes::metrics)))
            .default_service(web::to(not_found))
            .app_data(state);
    }
}

fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn all_else_refused(allowed: &'static str) -> Route {
    web::to(move || ready(Err::<HttpResponse, _>(Problem::method_not_allowed(allowed))))
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found(
        "there is nothing at this path; the metadata document names the endpoints",
    ))
}
