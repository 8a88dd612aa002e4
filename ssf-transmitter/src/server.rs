//! The composition root: puts the parts together, runs them, and takes them down in order.

use std::{
    future::{self, Future},
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret;
use ssf_types::error::Chain;
use tokio::{task::JoinSet, time::Instant};
use tracing::{error, info, warn};

use crate::{
    access::{ExternalServers, Granting},
    app::{
        activity::Activity,
        clock::SystemClock,
        deliver::DeliverySettings,
        dispatch::Dispatcher,
        gate::Gate,
        ids,
        ingest::{self, Onward},
        keys::{self, ChangeKeysError, KeyPlan},
        poll::{self, Unreached},
        quota::Quotas,
        refusals::Refusals,
        replay::Asking,
        slots::Slots,
        subjects::{self, SubjectQueue},
        taker::{self, Handed},
        wake::Wake,
    },
    config::{Config, Transport},
    domain::{coverage::SubjectTerms, issuer::Issuers},
    http::{AppState, Callers, Listening},
    installation::{self, InstallationError},
    keys::{LoadKeysError, SigningKeys, keep},
    outbound::{ClientError, Terms, TrustAnchors, TrustError},
    ports::Clock,
    push::PushClient,
    relay::Relay,
    sealing::{KeyFileError, KeySource, Sealer},
    store::{Access, OpenStoreError, SeaStore},
    tls::{PairError, ServerTls, Watch},
    token::BearerToken,
    worker::{self, Pulse, Stopper, Work},
};

/// How often histograms are tidied up.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The encryption key.
    #[error("the encryption key cannot be had")]
    Key(#[source] KeyFileError),
    /// The database.
    #[error(transparent)]
    Store(OpenStoreError),
    /// The database is not one that this process can work with.
    #[error("the database cannot be used")]
    Installation(#[source] InstallationError),
    /// The address.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The signing keys of a first start.
    #[error("there is no signing key")]
    MakeKeys(#[source] ChangeKeysError),
    /// The signing keys.
    #[error("the signing keys cannot be used")]
    SigningKeys(#[source] LoadKeysError),
    /// The certificate.
    #[error("TLS cannot be served")]
    Tls(#[source] PairError),
    /// SIGHUP, at which the certificate is read again.
    #[error("SIGHUP cannot be taken over")]
    Signal(#[source] io::Error),
    /// The authorities of the operator's own.
    #[error("trust_anchors_file cannot be used")]
    Trust(#[source] TrustError),
    /// The HTTP client.
    #[error("SETs cannot be pushed")]
    Push(#[source] ClientError),
    /// The HTTP client towards authorization servers.
    #[error("authorization servers cannot be asked")]
    AuthorizationServers(#[source] ClientError),
    /// The HTTP server.
    #[error("HTTP cannot be served")]
    Http(#[source] io::Error),
}

/// Opens the database with its key, for the server or for an administrator's command.
///
/// # Errors
/// There is no key or no database, or they do not belong together.
pub async fn open_store(config: &Config, access: Access) -> Result<(SeaStore, Sealer), StartError> {
    let sealer = config.encryption_key.sealer().map_err(StartError::Key)?;
    let store = SeaStore::open(config.database_url.expose_secret(), sealer.clone(), access)
        .await
        .map_err(StartError::Store)?;
    installation::check_key(&store, &sealer)
        .await
        .map_err(StartError::Installation)?;
    Ok((store, sealer))
}

/// The server ended without being asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// HTTP.
    #[error("HTTP broke down")]
    Http(#[source] io::Error),
    /// What has to run all the time.
    #[error("a loop of the transmitter broke down: the log says why")]
    Loop,
}

/// A transmitter that serves. Drop it and everything stops at once; [`Server::run_until`] stops in order.
pub struct Server {
    issuers: Arc<Issuers>,
    address: SocketAddr,
    new_token: Option<BearerToken>,
    http: Listening,
    stopper: Stopper,
    tasks: JoinSet<()>,
    /// Keeps the keys to the very end: what is in flight at a stop is signed, too.
    keeper: JoinSet<()>,
    /// Passes on what the others announce, and is therefore stopped after them.
    relay: (Stopper, JoinSet<()>),
    shutdown: Duration,
}

impl Server {
    /// Starts everything; requests are answered from then on.
    ///
    /// # Errors
    /// Says which part cannot start.
    pub async fn start(config: Config, metrics: PrometheusHandle) -> Result<Self, StartError> {
        let (store, sealer) = open_store(&config, Access::Serve).await?;
        announce_key(&config.encryption_key);
        let watch = open_tls(&config.transport)?;
        let (listener, address) = listen(config.listen)?;
        let issuers = Arc::new(config.issuers_at(address));
        let mut keys = load_keys(&store, &issuers, &config.key_plan).await?;
        if config.txn_per_receiver {
            keys = keys.with_txns_by(sealer.clone());
        }
        let trust = read_trust(&config)?;
        let external = prepare_external(&config, &issuers, &trust)?;
        let push = new_push(&config, trust)?;
        // After all that can fail: a token that is made and never shown would lock the operator out.
        let new_token = installation::first_operator(&store, &sealer, SystemClock.now()).await;
        let new_token = new_token.map_err(StartError::Installation)?;
        let (work, arriving) = new_work(&config, (&store, &keys, push), &issuers);
        let (ingest, queue) = ingest::queue();
        let (subjects, subject_queue) = subjects::queue();
        let state = AppState {
            issuers: Arc::clone(&issuers),
            events_supported: config.events_supported,
            store,
            external,
            granting: Granting::new(&sealer, config.token_life),
            sealer,
            callers: Callers::default(),
            keys,
            key_plan: config.key_plan.clone(),
            ingest,
            refusals: work.refusals.clone(),
            quotas: work.quotas.clone(),
            asking: Asking::default(),
            subjects,
            default_subjects: config.default_subjects,
            subject_formats: config.subject_formats.clone(),
            fresh: work.fresh.clone(),
            polls: work.polls.clone(),
            poll_timeout: config.poll_timeout,
            gate: work.gate.clone(),
            worker: work.worker,
            pulse: work.pulse.clone(),
            metrics: metrics.clone(),
            clock: SystemClock,
            min_verification_interval: config.min_verification_interval,
            push_addresses: config.push_addresses,
            streams_per_receiver_max: config.streams_per_receiver_max,
            activity: Activity::new(config.tending.inactivity_timeout),
            management_body_bytes_max: config.management_body_bytes_max,
            ingest_body_bytes_max: config.ingest_body_bytes_max,
        };
        let http = answer(listener, watch.as_ref(), state, config.shutdown)?;
        let dispatcher = Dispatcher::new(work.worker, config.subject_formats, config.lease);
        let keeper = spawn_keeper(&work, config.key_plan);
        let relay = spawn_relay(&work);
        let (stopper, mut tasks) = spawn_loops(&work, dispatcher, queue, arriving, metrics, watch);
        tasks.spawn(change_subjects(work, subject_queue, config.subjects));
        info!(issuers = issuers.iter().count(), %address, "the transmitter serves");
        Ok(Self {
            issuers,
            address,
            new_token,
            http,
            stopper,
            tasks,
            keeper,
            relay,
            shutdown: config.shutdown,
        })
    }

    /// Whom this transmitter speaks for.
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first operator's token, if this is the first start.
    pub fn new_token(&self) -> Option<&BearerToken> {
        self.new_token.as_ref()
    }

    /// Serves until `stop`, then finishes what is in flight within the configured time.
    ///
    /// Other nodes, where there can be any, get streams and the fan-out within a second: attempts on the wire that take longer
    /// are broken off. Meanwhile, there are no new connections, open requests are answered, and events that wait are stored. What
    /// does not end in time is repeated by others or the next start, with the same `jti`.
    ///
    /// # Errors
    /// HTTP or a loop broke down by itself: whoever looks after the process starts it anew.
    pub async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let is_asked = tokio::select! {
            ended = self.http.ended() => return ended.map_err(ServeError::Http),
            () = broken_down(&mut self.tasks) => false,
            () = broken_down(&mut self.keeper) => false,
            () = broken_down(&mut self.relay.1) => false,
            () = stop => true,
        };
        info!("the transmitter stops");
        let deadline = Instant::now() + self.shutdown;
        self.stopper.stop();
        let all = async {
            let answered = self.http.stop().await;
            while self.tasks.join_next().await.is_some() {}
            self.keeper.abort_all();
            let (stopper, mut relay) = self.relay;
            stopper.stop();
            while relay.join_next().await.is_some() {}
            answered
        };
        if let Ok(answered) = tokio::time::timeout_at(deadline, all).await {
            answered.map_err(ServeError::Http)?;
        } else {
            warn!("not everything ended in time; the next start repeats it");
        }
        if is_asked {
            Ok(())
        } else {
            Err(ServeError::Loop)
        }
    }
}

/// Waits until one of the loops ends, as none does before it is told to.
async fn broken_down(loops: &mut JoinSet<()>) {
    match loops.join_next().await {
        Some(Ok(())) => error!("a loop of the transmitter has ended by itself"),
        Some(Err(error)) => error!(error = %Chain(&error), "a loop of the transmitter broke down"),
        None => future::pending().await,
    }
}

fn answer(
    listener: TcpListener,
    watch: Option<&Watch>,
    state: AppState,
    shutdown: Duration,
) -> Result<Listening, StartError> {
    let tls = watch.map(Watch::tls);
    Listening::start(listener, tls, state, shutdown).map_err(StartError::Http)
}

fn announce_key(source: &KeySource) {
    match source {
        KeySource::BesideDatabase { key, .. } => {
            warn!(key_file = %key.display(), "{}", source.protection());
        }
        KeySource::Environment(_) | KeySource::File(_) => info!("{}", source.protection()),
    }
}

/// Reads the certificate, if TLS ends here.
fn open_tls(transport: &Transport) -> Result<Option<Watch>, StartError> {
    match transport {
        Transport::Loopback | Transport::BehindProxy => Ok(None),
        Transport::Tls(files) => {
            let tls = ServerTls::open(files.clone(), SystemClock.now()).map_err(StartError::Tls)?;
            Watch::new(tls).map(Some).map_err(StartError::Signal)
        }
    }
}

/// Listens, and says on which address, since port 0 lets the system choose.
fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    TcpListener::bind(address)
        .and_then(|listener| {
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        })
        .map_err(|source| StartError::Listen { address, source })
}

/// Reads which authorities are trusted beside those of the system.
pub(crate) fn read_trust(config: &Config) -> Result<TrustAnchors, StartError> {
    match &config.outbound.trust_anchors_file {
        Some(path) => TrustAnchors::read(path).map_err(StartError::Trust),
        None => Ok(TrustAnchors::default()),
    }
}

fn prepare_external(
    config: &Config,
    issuers: &Issuers,
    trust: &TrustAnchors,
) -> Result<ExternalServers, StartError> {
    let addresses = &config.authorization_server_addresses;
    ExternalServers::prepare(&config.authorization_servers, issuers, addresses, trust)
        .map_err(StartError::AuthorizationServers)
}

/// Makes the client for pushes.
fn new_push(config: &Config, trust: TrustAnchors) -> Result<PushClient, StartError> {
    let settings = &config.outbound;
    let terms = Terms {
        addresses: config.push_addresses.clone(),
        deadlines: settings.push_deadlines,
        host_requests_max: settings.push_parallel_per_host_max,
        trust,
    };
    let client = PushClient::new(terms).map_err(StartError::Push)?;
    Ok(client.telling_traces_to(config.tracing.traceparent_hosts.clone()))
}

/// The ends at which the loops get what others hand over.
type Arriving = (Handed, Unreached);

/// What the loops work with; the tuple is what events are kept in, signed by and sent with.
fn new_work(
    config: &Config,
    (store, keys, push): (&SeaStore, &SigningKeys, PushClient),
    issuers: &Arc<Issuers>,
) -> (Arc<Work>, Arriving) {
    let (polls, unreached) = poll::polls(config.polls_waiting_max);
    let worker = ids::worker_id();
    let slots = Slots::new(config.streams_parallel_max);
    let gate = Gate::default();
    let (taker, handed) = taker::taker(worker, config.lease, slots.clone(), gate.clone());
    let work = Arc::new(Work {
        store: store.clone(),
        keys: keys.clone(),
        push,
        clock: SystemClock,
        issuers: Arc::clone(issuers),
        worker,
        accepted: Wake::default(),
        fresh: Wake::default(),
        polls,
        gate,
        pulse: Pulse::begin(),
        settings: delivery_settings(config, store),
        slots,
        taker,
        tending: config.tending,
        retention: config.retention,
        refusals: Refusals::default(),
        quotas: Quotas::new(config.source_quota),
    });
    (work, (handed, unreached))
}

fn delivery_settings(config: &Config, store: &SeaStore) -> DeliverySettings {
    let standard = DeliverySettings::default();
    DeliverySettings {
        lease: config.lease,
        hand_over: if store.is_shared() {
            standard.hand_over
        } else {
            // Nobody waits for what would be broken off.
            config.shutdown
        },
        ..standard
    }
}

async fn load_keys(
    store: &SeaStore,
    issuers: &Issuers,
    plan: &KeyPlan,
) -> Result<SigningKeys, StartError> {
    keys::prepare(store, issuers, plan, SystemClock.now())
        .await
        .map_err(StartError::MakeKeys)?;
    SigningKeys::load(store, &SystemClock, plan.algorithm)
        .await
        .map_err(StartError::SigningKeys)
}

fn spawn_keeper(work: &Arc<Work>, plan: KeyPlan) -> JoinSet<()> {
    let work = Arc::clone(work);
    let mut keeper = JoinSet::new();
    keeper.spawn(async move { keep(&work.keys, &work.store, &work.clock, &plan).await });
    keeper
}

fn spawn_relay(work: &Arc<Work>) -> (Stopper, JoinSet<()>) {
    let (stopper, stop) = worker::stop();
    let relay = Relay {
        accepted: work.accepted.clone(),
        fresh: work.fresh.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(relay.run(work.store.clone(), stop));
    (stopper, tasks)
}

async fn change_subjects(work: Arc<Work>, queue: SubjectQueue, terms: SubjectTerms) {
    queue.run(&work.store, &work.clock, &terms).await;
}

fn spawn_loops(
    work: &Arc<Work>,
    dispatcher: Dispatcher,
    queue: ingest::IngestQueue,
    (handed, unreached): Arriving,
    metrics: PrometheusHandle,
    watch: Option<Watch>,
) -> (Stopper, JoinSet<()>) {
    let (stopper, stop) = worker::stop();
    let mut tasks = JoinSet::new();
    let storing = Arc::clone(work);
    let onward = Onward {
        shortcut: dispatcher.shortcut(),
        taker: work.taker.clone(),
        accepted: work.accepted.clone(),
        fresh: work.fresh.clone(),
    };
    tasks.spawn(async move { queue.run(&storing.store, &storing.clock, &onward).await });
    tasks.spawn(worker::fan_out(Arc::clone(work), dispatcher, stop.clone()));
    tasks.spawn(worker::deliver(Arc::clone(work), handed, stop.clone()));
    if let Some(watch) = watch {
        tasks.spawn(watch.run(stop.clone()));
    }
    tasks.spawn(worker::polls(Arc::clone(work), unreached, stop.clone()));
    tasks.spawn(worker::tend(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::draw_in(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::tell_troubles(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::forget(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::drop_ordered(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::retain(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::survey(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::write_refusals(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::count_backlogs(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::forget_subjects(Arc::clone(work), stop.clone()));
    tasks.spawn(worker::repeat(METRICS_UPKEEP, stop, move || {
        metrics.run_upkeep();
    }));
    (stopper, tasks)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_loop_that_ends_or_panics_is_noticed() {
        let mut loops = JoinSet::new();
        assert_eq!(broken_down(&mut loops).now_or_never(), None);
        loops.spawn(future::pending());
        assert_eq!(broken_down(&mut loops).now_or_never(), None);
        loops.spawn(async { panic!("as a defect would have it") });
        broken_down(&mut loops).await;
        loops.spawn(async {});
        broken_down(&mut loops).await;
    }
}
