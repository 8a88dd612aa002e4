//! HTTP: the management API for Receivers, ingest for sources, and probes. The only tree that names actix-web.
//!
//! Handlers extract, call and map. Who asks is judged before what is asked: no body is read, and no parameter looked
//! at, for somebody without a valid token. Every error is a problem document (RFC 9457).

mod access;
mod audit;
mod auth;
mod body;
mod callers;
mod challenge;
mod code;
mod discovery;
mod endpoints;
mod envelope;
mod ingest;
mod jwks;
mod listening;
mod oauth;
mod openapi;
mod operator;
mod poll;
mod probes;
mod problem;
mod profile;
mod query;
mod replay;
mod signing_alg;
mod site;
mod status;
mod streams;
mod subjects;
mod verify;

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    web::{self, Data, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;
use ssf_types::{
    metadata::{DefaultSubjects, WellKnown},
    uri::EventTypeUri,
};

pub use self::{callers::Callers, listening::Listening};
use self::{endpoints::Endpoints, openapi::Document, problem::Problem, site::Site};
use crate::{
    access::{ExternalServers, Granting},
    app::{
        activity::Activity, clock::SystemClock, gate::Gate, ingest::Ingest, keys::KeyPlan,
        poll::Polls, quota::Quotas, refusals::Refusals, replay::Asking, standstill::Standstill,
        subjects::Subjects, wake::Wake,
    },
    domain::{
        id::WorkerId, issuer::Issuers, push_address::PushAddresses, subjects::SubjectPreference,
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
    /// Whom this transmitter speaks for.
    pub issuers: Arc<Issuers>,
    /// What streams may ask for.
    pub events_supported: Vec<EventTypeUri>,
    /// Where everything is kept.
    pub store: SeaStore,
    /// Makes the fingerprints of tokens and of idempotency keys.
    pub sealer: Sealer,
    /// Whose tokens they are.
    pub callers: Callers,
    /// The published keys.
    pub keys: SigningKeys,
    /// What is done about keys, and which JWKS are published elsewhere.
    pub key_plan: KeyPlan,
    /// What the built-in token endpoint works with.
    pub granting: Granting,
    /// Whose access tokens count as well.
    pub external: ExternalServers,
    /// Where events are handed in.
    pub ingest: Ingest,
    /// What sources have handed in lately.
    pub quotas: Quotas,
    /// How many SETs Receivers have asked for again lately.
    pub asking: Asking,
    /// Refusals that are to be written down.
    pub refusals: Refusals,
    /// Where changes of subjects are handed in.
    pub subjects: Subjects,
    /// Whom new streams cover.
    pub default_subjects: DefaultSubjects,
    /// Which identifier streams get of a principal that has several.
    pub subject_formats: SubjectPreference,
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

impl AppState {
    /// What waits for those who work on a stream.
    fn standstill(&self) -> Standstill<'_, SeaStore, SystemClock> {
        Standstill {
            store: &self.store,
            clock: &self.clock,
            fresh: &self.fresh,
            gate: &self.gate,
            worker: self.worker,
        }
    }
}

/// Adds all routes of a transmitter.
fn routes(
    state: &Data<AppState>,
    document: &Data<Document>,
) -> impl FnOnce(&mut ServiceConfig) + use<> {
    let (state, document) = (state.clone(), document.clone());
    move |config| {
        shared_endpoints().serve(config, None);
        operator::endpoints().serve(config, None);
        for site in Site::all(&state) {
            well_known_endpoints(&site).serve(config, Some(&site));
            let base = site.base();
            if base.is_empty() {
                // An empty scope would take every path; there is one such issuer at most, and it comes last.
                issuer_endpoints().serve(config, Some(&site));
            } else {
                let behind =
                    |config: &mut ServiceConfig| issuer_endpoints().serve(config, Some(&site));
                config.service(web::scope(&base).configure(behind));
            }
        }
        config
            .default_service(web::to(not_found))
            .app_data(state)
            .app_data(document);
    }
}

/// What is there once, whichever issuers there are.
fn shared_endpoints() -> Endpoints {
    Endpoints::tagged("Transmitter")
        .with::<ingest::__path_accept>(web::to(ingest::accept))
        .with::<openapi::__path_read>(web::to(openapi::read))
        .with::<probes::__path_health>(web::to(probes::health))
        .with::<probes::__path_ready>(web::to(probes::ready))
        .with::<probes::__path_metrics>(web::to(probes::metrics))
}

/// The documents about an issuer, whose own path stands behind their prefixes.
fn well_known_endpoints(site: &Site) -> Endpoints {
    let at = |prefix: &str| format!("{prefix}{}", site.base());
    Endpoints::tagged("Discovery")
        .with_at::<discovery::__path_metadata>(
            WellKnown::Ssf.path(&site.issuer),
            web::to(discovery::metadata),
        )
        .with_at::<discovery::__path_early_metadata>(
            WellKnown::Sse.path(&site.issuer),
            web::to(discovery::early_metadata),
        )
        .with_at::<oauth::__path_protected_resource>(
            at(oauth::PROTECTED_RESOURCE),
            web::to(oauth::protected_resource),
        )
        .with_at::<oauth::__path_authorization_server>(
            at(oauth::AUTHORIZATION_SERVER),
            web::to(oauth::authorization_server),
        )
}

/// What an issuer has behind its own path.
fn issuer_endpoints() -> Endpoints {
    Endpoints::tagged("Receivers")
        .with::<jwks::__path_read>(web::to(jwks::read))
        .with::<oauth::__path_token>(web::to(oauth::token))
        .with::<streams::__path_read>(web::to(streams::read))
        .with::<streams::__path_create>(web::to(streams::create))
        .with::<streams::__path_update>(web::to(streams::update))
        .with::<streams::__path_replace>(web::to(streams::replace))
        .with::<streams::__path_delete>(web::to(streams::delete))
        .with::<status::__path_read>(web::to(status::read))
        .with::<status::__path_update>(web::to(status::update))
        .with::<poll::__path_poll>(web::to(poll::poll))
        .with::<verify::__path_request>(web::to(verify::request))
        .with::<replay::__path_request>(web::to(replay::request))
        .with::<subjects::__path_add>(web::to(subjects::add))
        .with::<subjects::__path_remove>(web::to(subjects::remove))
}

async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found(
        "there is nothing at this path; the metadata document names the endpoints",
    ))
}
