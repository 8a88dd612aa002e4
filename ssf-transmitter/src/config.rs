//! The configuration: defaults, a TOML file, the environment, and flags, each overriding the one before.
//!
//! It works without any of them. Every fault is found in one go and named by its key and its source; values are not
//! repeated, since some are secrets.

mod authorization_servers;
mod database;
mod fault;
mod issuers;
mod keys;
mod layers;
mod outbound;
mod quota;
mod retention;
mod tracing;
mod transport;

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use ipnet::IpNet;
use secrecy::SecretString;
use ssf_types::{
    event::{EventPayload, Family, risc::SessionsRevoked},
    metadata::DefaultSubjects,
    stream::STREAMS_MAX,
    uri::{EventTypeUri, Issuer},
};

use self::{
    database::{read_database_url, read_key},
    issuers::{beside_each_other, read_issuer, read_others},
    layers::{Reader, Value},
};
pub use self::{
    fault::{ConfigError, ConfigFault},
    layers::{Layers, Source},
    outbound::OutboundSettings,
    tracing::TracingSettings,
    transport::Transport,
};
use crate::{
    app::{deliver::LEASE_DEFAULT, keys::KeyPlan, tend::Tending},
    domain::{
        authorization_server::AuthorizationServer,
        coverage::SubjectTerms,
        horizon::LEASE_MAX,
        issuer::{IssuerName, Issuers},
        pace::Pace,
        push_address::{NETWORKS_MAX, OwnMachine, PushAddresses},
        quota::Quota,
        retention::Retention,
        stream::STREAMS_PER_RECEIVER_DEFAULT,
        subjects::SubjectPreference,
    },
    sealing::KeySource,
};

/// Where the transmitter listens unless told otherwise.
pub const LISTEN_DEFAULT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8411));

/// The database unless told otherwise: a file in the current directory.
pub const DATABASE_URL_DEFAULT: &str = "sqlite://ssf-transmitter.db";

/// Longest time that may be required between two requests for verification, in seconds: beyond it a Receiver cannot
/// tell a broken stream from a quiet one in time.
const VERIFICATION_SECONDS_MAX: u64 = 3600;

/// Longest time that a poll may be allowed to wait, in seconds: beyond it proxies cut connections that look dead.
const POLL_SECONDS_MAX: u64 = 300;

/// Most polls that may be allowed to wait: each has a connection, and takes some 40 KiB.
const POLLS_WAITING_MAX: u64 = 1_000_000;

/// Longest time for which an access token may count, in seconds (RFC 6750 §5.3, CAEP Interoperability Profile 1.0
/// §2.7.1).
const ACCESS_TOKEN_SECONDS_MAX: u64 = 3600;

/// Longest time for which a stream may be quiet before something is done about it, in seconds: a year.
const QUIET_SECONDS_MAX: u64 = 366 * 24 * 3600;

/// Longest grace period of a removed subject that may be set, in seconds: thirty days, in which any thief is noticed.
const REMOVAL_GRACE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// Most keys of subjects that one stream may be allowed: with some 200 bytes each, a disk ends first.
const SUBJECTS_PER_STREAM_MAX: u64 = 1_000_000_000;

/// Fastest pace of changes of subjects that may be set, per second; each keeps events out for a moment.
const SUBJECT_CHANGES_PER_SECOND_MAX: u64 = 10_000;

/// Shortest lease that may be set, in seconds: renewing it once a second, in the worst case, has to be in time.
const LEASE_SECONDS_MIN: u64 = 3;

/// Longest lease that may be set, in seconds.
const LEASE_SECONDS_MAX: u64 = LEASE_MAX.as_secs();

/// Largest body that may be allowed, in bytes.
const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the transmitter was told about its surroundings.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Address and port for all of HTTP; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// Who ends TLS.
    pub transport: Transport,
    /// The main issuer as configured; [`Config::issuers_at`] fills it in.
    issuer: Option<Issuer>,
    /// Further issuers, which fit beside the main one: each has a URL, or a path at the main one's origin.
    others: Vec<(IssuerName, String)>,
    /// Where everything is stored; a PostgreSQL URL may hold a password.
    pub database_url: SecretString,
    /// Where the key comes from that seals what is stored.
    pub encryption_key: KeySource,
    /// What SETs are signed with, and what is done about keys.
    pub key_plan: KeyPlan,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are, as directives such as `info,ssf_transmitter=debug`.
    pub log_filter: String,
    /// Who hears of spans.
    pub tracing: TracingSettings,
    /// Event types that streams may ask for.
    pub events_supported: Vec<EventTypeUri>,
    /// Which identifier of a subject is sent where it has several.
    pub subject_formats: SubjectPreference,
    /// Where SETs may be pushed to.
    pub push_addresses: PushAddresses,
    /// What holds for requests that leave this process.
    pub outbound: OutboundSettings,
    /// Whether each Receiver gets names of its own for the `txn` of SETs.
    pub txn_per_receiver: bool,
    /// Whom new streams cover.
    pub default_subjects: DefaultSubjects,
    /// What holds for the subjects of each stream.
    pub subjects: SubjectTerms,
    /// Longest body of a management request, in bytes.
    pub management_body_bytes_max: usize,
    /// Longest body of an ingest request, in bytes.
    pub ingest_body_bytes_max: usize,
    /// What sources may hand in that have no quota of their own.
    pub source_quota: Quota,
    /// Most streams that are delivered at the same time.
    pub streams_parallel_max: usize,
    /// Least time between two requests for verification of a stream; whole seconds.
    pub min_verification_interval: Duration,
    /// How long a poll waits.
    pub poll_timeout: Duration,
    /// Most polls that wait.
    pub polls_waiting_max: usize,
    /// How long an access token of the built-in token endpoint counts; `None` if there is no such endpoint. Whole seconds.
    pub token_life: Option<Duration>,
    /// External authorization servers, whose access tokens count as well.
    pub authorization_servers: Vec<AuthorizationServer>,
    /// Where they may be, beside public addresses.
    pub authorization_server_addresses: PushAddresses,
    /// Most streams of one Receiver.
    pub streams_per_receiver_max: u64,
    /// What is done for streams on which nothing happens; whole seconds.
    pub tending: Tending,
    /// How long things are kept; whole days.
    pub retention: Retention,
    /// How long the fan-out and streams belong to a node that says nothing; whole seconds.
    pub lease: Duration,
    /// How long a stop waits for what is in flight.
    pub shutdown: Duration,
}

impl Config {
    /// Reads the layers.
    ///
    /// # Errors
    /// All faults at once.
    pub fn read(layers: Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let transport = transport::read(&mut reader);
        let listen = reader.value("listen", |value| read_listen(value, transport.as_ref()));
        let issuer = reader.value("issuer", |value| read_issuer(value, transport.as_ref()));
        let others = reader.value("issuers", |value| {
            read_others(value, issuer.as_ref(), transport.as_ref())
        });
        let database_url = reader.value("database_url", read_database_url);
        let encryption_key = read_key(&mut reader, database_url.as_ref());
        let key_plan = keys::read(&mut reader, others.as_deref().unwrap_or_default());
        let log_format = reader.value("log_format", read_log_format);
        let log_filter = reader.value("log_filter", read_log_filter);
        let tracing = tracing::read(&mut reader);
        let events_supported = reader.value("events_supported", read_events);
        let subject_formats = reader.value("subject_formats", read_formats);
        let (networks, server_networks) = read_private_networks(&mut reader);
        let (default_subjects, subjects) = read_subjects(&mut reader);
        let txn_per_receiver = reader.flag("txn_per_receiver", false);
        let outbound = outbound::read(&mut reader);
        let (management, ingest) = read_body_sizes(&mut reader);
        let streams = reader.size("streams_parallel_max", 32, 1024);
        let quota = quota::read(&mut reader);
        let interval = read_verification_interval(&mut reader);
        let (poll, polls) = read_polls(&mut reader);
        let tokens = read_tokens(&mut reader);
        let servers = authorization_servers::read(&mut reader, others.as_deref());
        let per_receiver = read_streams_per_receiver(&mut reader);
        let (tending, retention) = (read_tending(&mut reader), retention::read(&mut reader));
        let (lease, shutdown) = read_spans(&mut reader);
        let faults = reader.finish();
        let config = (|| {
            Some(Self {
                listen: listen?,
                issuer: issuer?,
                others: others?,
                database_url: database_url?,
                encryption_key: encryption_key?,
                key_plan: key_plan?,
                log_format: log_format?,
                log_filter: log_filter?,
                tracing: tracing?,
                events_supported: events_supported?,
                subject_formats: subject_formats?,
                // Before the transport itself is taken.
                push_addresses: addresses(transport.as_ref()?, networks?),
                authorization_server_addresses: addresses(transport.as_ref()?, server_networks?),
                transport: transport?,
                txn_per_receiver: txn_per_receiver?,
                default_subjects: default_subjects?,
                subjects: subjects?,
                outbound: outbound?,
                management_body_bytes_max: management?,
                ingest_body_bytes_max: ingest?,
                source_quota: quota?,
                streams_parallel_max: streams?,
                min_verification_interval: interval?,
                poll_timeout: poll?,
                polls_waiting_max: polls?,
                token_life: tokens?.life(),
                authorization_servers: servers?,
                streams_per_receiver_max: per_receiver?,
                tending: tending?,
                retention: retention?,
                lease: lease?,
                shutdown: shutdown?,
            })
        })();
        config
            .filter(|_| faults.is_empty())
            .ok_or(ConfigError(faults))
    }

    /// Whether the issuer called `name` is configured.
    pub fn has_issuer(&self, name: &IssuerName) -> bool {
        name.as_str() == IssuerName::MAIN || self.others.iter().any(|(other, _)| other == name)
    }

    /// The issuers. The main one is the configured one, or else the loopback address that was bound.
    ///
    /// # Panics
    /// Never: without a configured issuer only loopback addresses are listened on, and whether issuers fit beside each
    /// other is a matter of their names and paths.
    #[expect(
        clippy::expect_used,
        reason = "read() has made the same issuers with another port at most, and http is allowed for loopback addresses"
    )]
    pub fn issuers_at(&self, bound: SocketAddr) -> Issuers {
        let main = self.issuer.clone().unwrap_or_else(|| {
            Issuer::parse(format!("http://{bound}")).expect("a loopback address is an issuer")
        });
        beside_each_other(main, &self.others, Some(&self.transport))
            .expect("they fitted when they were read")
    }
}

/// What is said about the built-in token endpoint.
struct Tokens {
    are_offered: bool,
    seconds: u64,
}

impl Tokens {
    fn life(&self) -> Option<Duration> {
        self.are_offered.then(|| Duration::from_secs(self.seconds))
    }
}

fn read_tokens(reader: &mut Reader) -> Option<Tokens> {
    let are_offered = reader.flag("token_endpoint", true);
    let most = ACCESS_TOKEN_SECONDS_MAX;
    let seconds = reader.number("access_token_seconds", most, 60..=most);
    Some(Tokens {
        are_offered: are_offered?,
        seconds: seconds?,
    })
}

fn read_listen(value: Option<&Value>, transport: Option<&Transport>) -> Result<SocketAddr, String> {
    let listen = match value {
        Some(value) => parsed(value, "an address with a port, such as 127.0.0.1:8411")?,
        None => LISTEN_DEFAULT,
    };
    transport::check_listen(listen, transport)
}

/// Reads how long bodies of management requests and of ingest requests may be.
fn read_body_sizes(reader: &mut Reader) -> (Option<usize>, Option<usize>) {
    let management = reader.size("management_body_bytes_max", 64 * 1024, BODY_BYTES_MAX);
    let ingest = reader.size("ingest_body_bytes_max", 2 * 1024 * 1024, BODY_BYTES_MAX);
    (management, ingest)
}

fn read_verification_interval(reader: &mut Reader) -> Option<Duration> {
    let key = "min_verification_interval_seconds";
    let seconds = reader.number(key, 30, 1..=VERIFICATION_SECONDS_MAX)?;
    Some(Duration::from_secs(seconds))
}

/// Reads how many streams a Receiver may have; it has to be able to read the list of them.
fn read_streams_per_receiver(reader: &mut Reader) -> Option<u64> {
    let (key, default) = ("streams_per_receiver_max", STREAMS_PER_RECEIVER_DEFAULT);
    reader.number(key, default, 1..=STREAMS_MAX as u64)
}

/// Reads how long a poll waits, and how many may.
fn read_polls(reader: &mut Reader) -> (Option<Duration>, Option<usize>) {
    let seconds = reader.number("poll_timeout_seconds", 30, 1..=POLL_SECONDS_MAX);
    let polls = reader.size("polls_waiting_max", 10_000, POLLS_WAITING_MAX);
    (seconds.map(Duration::from_secs), polls)
}

/// Reads how long leases last, and how long a stop may take.
fn read_spans(reader: &mut Reader) -> (Option<Duration>, Option<Duration>) {
    let range = LEASE_SECONDS_MIN..=LEASE_SECONDS_MAX;
    let lease = reader.number("lease_seconds", LEASE_DEFAULT.as_secs(), range);
    let shutdown = reader.number("shutdown_seconds", 15, 1..=600);
    (
        lease.map(Duration::from_secs),
        shutdown.map(Duration::from_secs),
    )
}

/// Reads what is done for quiet streams; zero turns it off.
fn read_tending(reader: &mut Reader) -> Option<Tending> {
    let keep_alive = reader.number("keep_alive_seconds", 0, 0..=QUIET_SECONDS_MAX);
    let inactivity = reader.number("inactivity_timeout_seconds", 0, 0..=QUIET_SECONDS_MAX);
    let unless_off = |seconds| (seconds > 0).then(|| Duration::from_secs(seconds));
    Some(Tending {
        keep_alive: unless_off(keep_alive?),
        inactivity_timeout: unless_off(inactivity?),
    })
}

/// Reads one text as `T`; `expected` completes the sentence "must be".
fn parsed<T: std::str::FromStr>(value: &Value, expected: &str) -> Result<T, String> {
    value
        .text()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| format!("must be {expected}"))
}

fn read_log_format(value: Option<&Value>) -> Result<LogFormat, String> {
    match value.map(Value::text) {
        None | Some(Some("text")) => Ok(LogFormat::Text),
        Some(Some("json")) => Ok(LogFormat::Json),
        Some(_) => Err("must be text or json".to_owned()),
    }
}

fn read_log_filter(value: Option<&Value>) -> Result<String, String> {
    let Some(value) = value else {
        return Ok("info".to_owned());
    };
    value
        .text()
        .filter(|text| tracing_subscriber::EnvFilter::builder().parse(text).is_ok())
        .map(str::to_owned)
        .ok_or_else(|| "must be levels per module, such as info,ssf_transmitter=debug".to_owned())
}

/// Without a value it is what CAEP 1.0 and RISC 1.0 define and have not deprecated.
fn read_events(value: Option<&Value>) -> Result<Vec<EventTypeUri>, String> {
    let expected = || "must be a list of event type URIs, framework events excepted".to_owned();
    let framework = |uri: &str| uri.starts_with(Family::Ssf.base_uri());
    let uris: Vec<String> = match value {
        Some(value) => value.list().ok_or_else(expected)?,
        None => Family::Caep
            .event_types()
            .chain(Family::Risc.event_types())
            .filter(|uri| *uri != SessionsRevoked::URI)
            .map(str::to_owned)
            .collect(),
    };
    if uris.is_empty() || uris.iter().any(|uri| framework(uri)) {
        return Err(expected());
    }
    uris.into_iter()
        .map(|uri| EventTypeUri::parse(uri).map_err(|_| expected()))
        .collect()
}

fn read_formats(value: Option<&Value>) -> Result<SubjectPreference, String> {
    let Some(value) = value else {
        return Ok(SubjectPreference::default());
    };
    let formats = value
        .list()
        .ok_or("must be a list of subject formats, such as iss_sub, email")?;
    SubjectPreference::new(formats).map_err(|error| error.to_string())
}

/// Reads which private networks pushes may go to, and in which ones authorization servers may be.
fn read_private_networks(reader: &mut Reader) -> (Option<Vec<IpNet>>, Option<Vec<IpNet>>) {
    let pushes = reader.value("push_private_networks", read_networks);
    let servers = reader.value("authorization_server_private_networks", read_networks);
    (pushes, servers)
}

fn read_networks(value: Option<&Value>) -> Result<Vec<IpNet>, String> {
    let expected = || {
        format!("must be a list of at most {NETWORKS_MAX} networks, such as 10.0.0.0/8, fd00::/8")
    };
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let networks = value.list().ok_or_else(expected)?;
    if networks.len() > NETWORKS_MAX {
        return Err(expected());
    }
    networks
        .iter()
        .map(|network| network.parse().map_err(|_| expected()))
        .collect()
}

fn addresses(transport: &Transport, networks: Vec<IpNet>) -> PushAddresses {
    let own_machine = match transport {
        Transport::Loopback => OwnMachine::Allowed,
        Transport::BehindProxy | Transport::Tls(_) => OwnMachine::Refused,
    };
    PushAddresses::new(own_machine, networks)
}

fn read_default_subjects(value: Option<&Value>) -> Result<DefaultSubjects, String> {
    match value.map(Value::text) {
        None | Some(Some("ALL")) => Ok(DefaultSubjects::All),
        Some(Some("NONE")) => Ok(DefaultSubjects::None),
        Some(_) => Err("must be ALL or NONE".to_owned()),
    }
}

fn read_subjects(reader: &mut Reader) -> (Option<DefaultSubjects>, Option<SubjectTerms>) {
    let default_subjects = reader.value("default_subjects", read_default_subjects);
    let most = 1..=SUBJECTS_PER_STREAM_MAX;
    let keys_max = reader.number("subjects_per_stream_max", 1_000_000, most);
    let fastest = 1..=SUBJECT_CHANGES_PER_SECOND_MAX;
    let pace = reader.number("subject_changes_per_second_max", 500, fastest);
    let longest = 0..=REMOVAL_GRACE_SECONDS_MAX;
    let grace = reader.number("subject_removal_grace_seconds", 24 * 60 * 60, longest);
    let terms = |((keys_max, pace), grace)| SubjectTerms {
        keys_max,
        pace: Pace::per_second(pace),
        grace: Duration::from_secs(grace),
    };
    (default_subjects, keys_max.zip(pace).zip(grace).map(terms))
}

#[cfg(test)]
impl Config {
    /// What a file says, or what is wrong with the first setting that is.
    fn of_file(file: &str) -> Result<Self, String> {
        let layers = Layers::default().file(std::path::Path::new("t.toml"), file);
        Self::read(layers).map_err(|error| error.faults()[0].problem.clone())
    }
}

#[cfg(test)]
mod tests;
