//! The receiver behind HTTP: puts the parts together, runs them, and takes them down in order.

mod auth;
mod backchannel_logout;
mod callers;
mod endpoints;
mod envelope;
mod form;
mod global_revocation;
mod introspection;
mod listening;
mod probes;
mod problem;
mod publication;
mod tally;

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use actix_web::web::{Data, ServiceConfig};
use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::{ExposeSecret, SecretString};
use ssf_types::uri::{EndpointUrl, UriError};
use tokio::{task::JoinHandle, time::Instant};
use tracing::{info, warn};

use self::{
    endpoints::{Asked, Endpoints},
    listening::{Listening, Terms},
    probes::Probes,
};
use crate::{
    Builder, HandleError, Receiver,
    builder::StartError,
    client::{FetchError, Http},
    config::{self, Config, Credentials, StreamSettings, TransmitterSettings},
    publication::RedisPublication,
    webhook::Webhook,
};

/// How often histograms are tidied up.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Most connections for probes and metrics at the same time.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// The daemon cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DaemonError {
    /// An address.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The URL that a transmitter is to push to.
    #[error("public_url cannot be used")]
    Endpoint(#[source] UriError),
    /// The receiver itself, or its database.
    #[error("the receiver cannot start")]
    Receiver(#[source] StartError),
    /// A webhook.
    #[error("the webhook {name} cannot be told of anything")]
    Webhook {
        /// Its name.
        name: String,
        /// Why not.
        #[source]
        source: HandleError,
    },
    /// The file that whoever reads what is published finds the secret in.
    #[error("the secret of what is published cannot be written to {}", path.display())]
    PublicationSecret {
        /// The configured path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The HTTP client.
    #[error("no webhook can be told of anything")]
    Client(#[source] FetchError),
    /// What asks others about tokens, and for the keys that they are verified with.
    #[error("tokens cannot be judged")]
    Endpoints(#[source] FetchError),
    /// An HTTP server.
    #[error("HTTP cannot be served")]
    Http(#[source] io::Error),
}

/// Probes and metrics: there before anything else, so that a start that takes its time is seen to live.
pub(crate) struct Admin {
    address: SocketAddr,
    http: Listening,
    probes: Data<Probes>,
    upkeep: JoinHandle<()>,
}

impl Admin {
    /// Answers probes from now on; they say that nothing is ready yet.
    pub(crate) fn start(config: &Config, metrics: PrometheusHandle) -> Result<Self, DaemonError> {
        let (listener, address) = listen(config.listen.admin)?;
        let upkeep = tokio::spawn(keep_up(metrics.clone()));
        let names = config.transmitters.iter().map(|one| one.name.clone());
        let probes = Data::new(Probes::new(names.collect(), metrics));
        let shared = probes.clone();
        let routes = move |config: &mut ServiceConfig| probes::routes(&shared, config);
        let terms = Terms {
            connections_max: ADMIN_CONNECTIONS_MAX,
            workers: 1,
            shutdown: config.shutdown,
        };
        let http = Listening::start(listener, terms, routes).map_err(DaemonError::Http)?;
        Ok(Self {
            address,
            http,
            probes,
            upkeep,
        })
    }

    /// The address that was bound.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

/// A receiver that serves. Drop it and everything stops at once; [`Daemon::run_until`] stops in order.
pub(crate) struct Daemon {
    address: SocketAddr,
    endpoints: Vec<(String, EndpointUrl)>,
    admin: Admin,
    http: Listening,
    receiver: Receiver,
    shutdown: Duration,
}

impl Daemon {
    /// Loads what was revoked, and takes SETs from then on.
    pub(crate) async fn start(config: Config, admin: Admin) -> Result<Self, DaemonError> {
        // First, since the port may be part of the endpoint's URL; whoever connects meanwhile waits.
        let (listener, address) = listen(config.listen.address)?;
        let mut endpoints = Vec::new();
        for transmitter in &config.transmitters {
            let endpoint = transmitter.endpoint(&config.listen, address);
            if let Some(endpoint) = endpoint.map_err(DaemonError::Endpoint)? {
                endpoints.push((transmitter.name.clone(), endpoint));
            }
        }
        let names: Vec<String> = config
            .transmitters
            .iter()
            .map(|one| one.name.clone())
            .collect();
        let revocations = Asked::revocations(&config.transmitters);
        let published = config.redis.as_ref().map(publication::of);
        let started = start_receiver(
            config.transmitters,
            &endpoints,
            (config.database_url, published),
        );
        let receiver = started.await.map_err(DaemonError::Receiver)?;
        if let Some(path) = publication::secret_file(config.redis.as_ref()) {
            publication::leave_secret(&receiver, &path)?;
        }
        tell(config.webhooks, &receiver).await?;
        let pushed = receiver.clone();
        let asked = Asked {
            auth: config.auth,
            introspection: config.introspection,
            revocations,
        };
        let asked = Endpoints::start(asked, &receiver).map_err(DaemonError::Endpoints)?;
        let routes = move |service: &mut ServiceConfig| {
            asked.routes(service);
            for (name, transmitter) in names.iter().zip(pushed.transmitters()) {
                if transmitter.push_path().is_some() {
                    service.service(transmitter.push_route_at(&config::push_path(name)));
                }
            }
        };
        let terms = Terms {
            connections_max: config.listen.connections_max,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            shutdown: config.shutdown,
        };
        let http = Listening::start(listener, terms, routes).map_err(DaemonError::Http)?;
        admin.probes.ready(receiver.clone());
        info!(%address, transmitters = receiver.transmitters().len(), "the receiver serves");
        Ok(Self {
            address,
            endpoints,
            admin,
            http,
            receiver,
            shutdown: config.shutdown,
        })
    }

    /// Where SETs come in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URLs that transmitters are told to push to, by their names.
    pub(crate) fn endpoints(&self) -> &[(String, EndpointUrl)] {
        &self.endpoints
    }

    /// Serves until `stop`, then answers what is under way, and acknowledges what was polled, within the configured time.
    ///
    /// What is not acknowledged by then comes again.
    ///
    /// # Errors
    /// HTTP broke down by itself.
    pub(crate) async fn run_until(mut self, stop: impl Future<Output = ()>) -> io::Result<()> {
        tokio::select! {
            ended = self.http.ended() => return ended,
            ended = self.admin.http.ended() => return ended,
            () = stop => {}
        }
        info!("the receiver stops");
        self.admin.probes.stopping();
        let deadline = Instant::now() + self.shutdown;
        let in_order = async {
            // Both at once: pushes end by themselves, and the last poll has to be told.
            let (http, ()) = tokio::join!(self.http.stop(), self.receiver.stop());
            drop(self.receiver);
            http.and(self.admin.http.stop().await)
        };
        let Ok(stopped) = tokio::time::timeout_at(deadline, in_order).await else {
            warn!("not everything was acknowledged in time; it comes again");
            return Ok(());
        };
        info!("the receiver has stopped");
        stopped
    }
}

async fn tell(webhooks: Vec<Webhook>, receiver: &Receiver) -> Result<(), DaemonError> {
    let http = Http::of_operator().map_err(DaemonError::Client)?;
    for webhook in webhooks {
        let name = webhook.name.clone();
        let told = webhook.tell(receiver, &http).await;
        told.map_err(|source| DaemonError::Webhook { name, source })?;
    }
    Ok(())
}

async fn start_receiver(
    transmitters: Vec<TransmitterSettings>,
    endpoints: &[(String, EndpointUrl)],
    (database_url, published): (SecretString, Option<RedisPublication>),
) -> Result<Receiver, StartError> {
    let builders = transmitters.into_iter().map(|transmitter| {
        let mut endpoints = endpoints.iter();
        let endpoint = endpoints.find(|(name, _)| *name == transmitter.name);
        builder(transmitter, endpoint.map(|(_, endpoint)| endpoint))
    });
    // There is at least one.
    let mut all = builders.reduce(Builder::and).ok_or(StartError::NoStream)?;
    if let Some(published) = published {
        all = all.publish(published);
    }
    all.database(database_url.expose_secret()).start().await
}

fn builder(transmitter: TransmitterSettings, endpoint: Option<&EndpointUrl>) -> Builder {
    let issuer = transmitter.issuer;
    let mut builder = match endpoint {
        Some(endpoint) => Receiver::builder(issuer, endpoint.as_str()),
        None => Receiver::polling(issuer),
    };
    builder = match transmitter.stream {
        StreamSettings::Pushed(credentials) | StreamSettings::Polled(credentials) => {
            match credentials {
                Credentials::Token(token) => builder.management_token(token),
                Credentials::Client(client) => builder.oauth_client(*client),
            }
        }
        StreamSettings::Existing(audience, header) => builder.existing_stream(audience, header),
        StreamSettings::ExistingPolled(audience, url, token) => {
            builder.existing_poll_stream(audience, url, token)
        }
    };
    builder = builder
        .dialect(transmitter.dialect)
        .unknown_members(transmitter.unknown_members)
        .unknown_members_of_device_events(transmitter.unknown_members_of_device_events)
        .when_stale(transmitter.when_stale)
        .revocations_max(transmitter.revocations_max)
        .session_age_max(transmitter.session_age_max)
        .set_age_max(transmitter.set_age_max);
    if let Some(age) = transmitter.push_secret_age_max {
        builder = builder.push_secret_age_max(age);
    }
    if let Some(age) = transmitter.authentication_age_max {
        builder = builder.authentication_age_max(age);
    }
    for (trigger, action) in transmitter.actions {
        builder = builder.action(trigger, action);
    }
    if let Some(events) = transmitter.events {
        builder = builder.events(events);
    }
    if let Some(members) = transmitter.members {
        builder = builder.members(members);
    }
    builder
}

/// Listens, and says on which address, since port 0 lets the system choose.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), DaemonError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    });
    bound.map_err(|source| DaemonError::Listen { address, source })
}

async fn keep_up(metrics: PrometheusHandle) {
    let mut interval = tokio::time::interval(METRICS_UPKEEP);
    loop {
        interval.tick().await;
        metrics.run_upkeep();
    }
}
