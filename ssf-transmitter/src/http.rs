//! HTTP: the management API for Receivers, ingest for sources, and probes. The only tree that names actix-web.
//!
//! Handlers extract, call and map. Who asks is judged before what is asked: no body is read, and no parameter looked
//! at, for somebody without a valid token. Every error is a problem document (RFC 9457).

mod access;
mod audit;
mod auth;
mod body;
mod challenge;
mod code;
mod discovery;
mod envelope;
mod ingest;
mod jwks;
mod listening;
mod oauth;
mod poll;
mod probes;
mod problem;
mod query;
mod site;
mod status;
mod streams;
mod subjects;
mod verify;

use std::{future::ready, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse, Resource, Route, guard,
    web::{self, Data, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;
use ssf_types::{
    metadata::{DefaultSubjects, WellKnown},
    uri::EventTypeUri,
};

pub use self::listening::Listening;
use self::{problem::Problem, site::Site};
use crate::{
    access::Granting,
    app::{
        activity::Activity, clock::SystemClock, gate::Gate, ingest::Ingest, keys::KeyPlan,
        poll::Polls, subjects::Subjects, wake::Wake,
    },
    domain::{id::WorkerId, issuer::Issuers, method::POLL_PATH, push_address::PushAddresses},
    keys::SigningKeys,
    sealing::Sealer,
    store::SeaStore,
    worker::Pulse,
};

/// What handlers work with.
#[derive(Debug)]
#[non_exhaustive]
pub struct AppState {
    /// Whom this transmitter speaks for.
    pub issuers: Arc<Issuers>,
    /// What streams may ask for.
    pub events_supported: Vec<EventTypeUri>,
    /// Where everything is kept.
    pub store: SeaStore,
    /// Makes the fingerprints of tokens and of idempotency keys.
    pub sealer: Sealer,
    /// The published keys.
    pub keys: SigningKeys,
    /// What is done about keys, and which JWKS are published elsewhere.
    pub key_plan: KeyPlan,
    /// What the built-in token endpoint works with.
    pub granting: Granting,
    /// Where events are handed in.
    pub ingest: Ingest,
    /// Where changes of subjects are handed in.
    pub subjects: Subjects,
    /// Whom new streams cover.
    pub default_subjects: DefaultSubjects,
    /// Is called when a stream may have something due sooner than it was known.
    pub fresh: Wake,
    /// What all polls share.
    pub polls: Polls,
    /// How long a poll waits.
    pub poll_timeout: Duration,
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
    /// Most streams of one Receiver.
    pub streams_per_receiver_max: u64,
    /// Is told which Receivers are there, and knows after how long without that their streams are paused.
    pub activity: Activity,
    /// Longest body of a management request, in bytes.
    pub management_body_bytes_max: usize,
    /// Longest body of an ingest request, in bytes.
    pub ingest_body_bytes_max: usize,
}

/// Adds all routes of a transmitter.
fn routes(state: &Data<AppState>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let state = state.clone();
    move |config| {
        config
            .service(
                web::resource("/ingest/events")
                    .route(web::post().to(ingest::accept))
                    .default_service(all_else_refused("POST")),
            )
            .service(read_only("/health", || read().to(probes::health)))
            .service(read_only("/ready", || read().to(probes::ready)))
            .service(read_only("/metrics", || read().to(probes::metrics)));
        for site in Site::all(&state) {
            config.service(
                read_only(&WellKnown::Ssf.path(&site.issuer), || {
                    read().to(discovery::metadata)
                })
                .app_data(site.clone()),
            );
            config.service(
                read_only(&well_known(oauth::PROTECTED_RESOURCE, &site), || {
                    read().to(oauth::protected_resource)
                })
                .app_data(site.clone()),
            );
            config.service(
                read_only(&well_known(oauth::AUTHORIZATION_SERVER, &site), || {
                    read().to(oauth::authorization_server)
                })
                .app_data(site.clone()),
            );
            let base = site.base();
            if base.is_empty() {
                // An empty scope would take every path; there is one such issuer at most, and it comes last.
                site_routes(&site)(config);
            } else {
                config.service(web::scope(&base).configure(site_routes(&site)));
            }
        }
        config.default_service(web::to(not_found)).app_data(state);
    }
}

/// Adds the routes of one issuer, behind its path.
fn site_routes(site: &Data<Site>) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let site = site.clone();
    move |config| {
        config
            .service(read_only(Site::JWKS, || read().to(jwks::read)))
            .service(
                web::resource(Site::TOKEN)
                    .route(web::post().to(oauth::token))
                    .default_service(all_else_refused("POST")),
            )
            .service(
                web::resource(Site::STREAM)
                    .route(web::post().to(streams::create))
                    .route(web::get().to(streams::read))
                    .route(web::patch().to(streams::update))
                    .route(web::put().to(streams::replace))
                    .route(web::delete().to(streams::delete))
                    .default_service(all_else_refused("GET, POST, PATCH, PUT, DELETE")),
            )
            .service(
                web::resource(Site::STATUS)
                    .route(web::get().to(status::read))
                    .route(web::post().to(status::update))
                    .default_service(all_else_refused("GET, POST")),
            )
            .service(
                web::resource(format!("{POLL_PATH}/{{stream_id}}"))
                    .route(web::post().to(poll::poll))
                    .default_service(all_else_refused("POST")),
            )
            .service(
                web::resource(Site::VERIFY)
                    .route(web::post().to(verify::request))
                    .default_service(all_else_refused("POST")),
            )
            .service(
                web::resource(Site::ADD_SUBJECT)
                    .route(web::post().to(subjects::add))
                    .default_service(all_else_refused("POST")),
            )
            .service(
                web::resource(Site::REMOVE_SUBJECT)
                    .route(web::post().to(subjects::remove))
                    .default_service(all_else_refused("POST")),
            )
            .app_data(site);
    }
}

/// The path of a document about an issuer, whose own path stands behind the prefix.
fn well_known(prefix: &str, site: &Site) -> String {
    format!("{prefix}{}", site.base())
}

fn read_only(path: &str, route: impl FnOnce() -> Route) -> Resource {
    web::resource(path)
        .route(route())
        .default_service(all_else_refused("GET, HEAD"))
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
