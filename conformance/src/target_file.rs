//! The target file: all that a run has to know about what it judges, in TOML, without a secret in it.

use std::{
    collections::BTreeMap,
    env,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    case::Profile,
    cases,
    deviations::{DeviationError, Deviations},
};

/// Longest time that a limit may have, in seconds.
const SECONDS_MAX: u64 = 3600;

/// The event types that streams ask for unless the file says otherwise: those of the CAEP Interoperability Profile.
const EVENTS_DEFAULT: [&str; 3] = [
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked",
    "https://schemas.openid.net/secevent/caep/event-type/credential-change",
    "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change",
];

/// A target, as the file describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetFile {
    /// The issuer, byte for byte as its metadata has it.
    pub issuer: String,
    /// Which profiles the target claims to meet.
    #[serde(default = "profiles_default")]
    pub profiles: Vec<Profile>,
    /// Event types that the Transmitter supports and streams ask for.
    #[serde(default = "events_default")]
    pub events: Vec<String>,
    /// Which delivery methods are judged. Streams of cases about other matters are polled, unless this has `push` alone.
    #[serde(default = "delivery_default")]
    pub delivery: Vec<Delivery>,
    /// Where the tester takes pushes.
    #[serde(default)]
    pub push: Option<PushSettings>,
    /// PEM file with certificate authorities to trust besides those of this machine.
    #[serde(default)]
    pub ca_certificates: Option<PathBuf>,
    /// What the tester shows who it is.
    #[serde(default)]
    pub credentials: Credentials,
    /// What does for the tester what cannot be asked for over the wire.
    #[serde(default)]
    pub adapters: Adapters,
    /// How long and how much.
    #[serde(default)]
    pub limits: Limits,
    /// Cases that are known to fail, with the reason.
    #[serde(default)]
    pub deviations: Deviations,
}

/// A delivery method.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// RFC 8935.
    Push,
    /// RFC 8936.
    Poll,
}

/// Where the tester takes pushes, and how the Transmitter gets there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushSettings {
    /// Where it listens; with port 0 the system chooses one.
    pub listen: SocketAddr,
    /// The URL under which the Transmitter reaches that; what it listens on, unless it is given.
    pub url: Option<String>,
    /// With an authority the tester speaks TLS; without, what stands in front of it may.
    pub authority: Option<AuthorityFiles>,
}

/// The files of an authority, which are made if there is no key yet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityFiles {
    /// What the Transmitter has to trust, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

impl Default for PushSettings {
    /// Any port of this machine.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            url: None,
            authority: None,
        }
    }
}

/// Tokens, by the names of environment variables that hold them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// A Receiver's, with which streams can be managed.
    pub token: Option<FromEnvironment>,
    /// The same Receiver's, with which streams can be read and not changed.
    pub read_only: Option<FromEnvironment>,
    /// Another Receiver's.
    pub other: Option<FromEnvironment>,
    /// The first Receiver's, with `ssf.manage` as its only scope.
    pub manage_only: Option<FromEnvironment>,
    /// One that has expired.
    pub expired: Option<FromEnvironment>,
    /// One that was revoked.
    pub revoked: Option<FromEnvironment>,
    /// One that was issued for another resource.
    pub other_audience: Option<FromEnvironment>,
}

impl Credentials {
    /// All of them, each in the environment variable that is its name in capital letters.
    pub fn all() -> Self {
        let from = |env: &str| {
            let env = env.to_owned();
            Some(FromEnvironment { env })
        };
        Self {
            token: from("TOKEN"),
            read_only: from("READ_ONLY"),
            other: from("OTHER"),
            manage_only: from("MANAGE_ONLY"),
            expired: from("EXPIRED"),
            revoked: from("REVOKED"),
            other_audience: from("OTHER_AUDIENCE"),
        }
    }
}

/// Where a secret is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEnvironment {
    /// The environment variable that holds it.
    pub env: String,
}

/// What the target's owner lets the tester do. Each is a hook or a command.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapters {
    /// Has an event happen to somebody.
    pub emit: Option<AdapterAddress>,
    /// Has the Transmitter decide on the status of a stream by itself.
    pub set_status: Option<AdapterAddress>,
    /// Has the Transmitter sign with another key.
    pub rotate_key: Option<AdapterAddress>,
    /// Has the Transmitter end and begin again.
    pub restart: Option<AdapterAddress>,
}

/// What an adapter does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Adapter {
    /// Has an event happen to somebody.
    Emit,
    /// Has the Transmitter decide on the status of a stream by itself.
    SetStatus,
    /// Has the Transmitter sign with another key.
    RotateKey,
    /// Has the Transmitter end and begin again.
    Restart,
}

impl Adapter {
    /// All adapters.
    pub const ALL: [Self; 4] = [Self::Emit, Self::SetStatus, Self::RotateKey, Self::Restart];

    /// Its key in the target file, below `adapters`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emit => "emit",
            Self::SetStatus => "set_status",
            Self::RotateKey => "rotate_key",
            Self::Restart => "restart",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Emit => "adapters.emit",
            Self::SetStatus => "adapters.set_status",
            Self::RotateKey => "adapters.rotate_key",
            Self::Restart => "adapters.restart",
        }
    }
}

impl Adapters {
    /// How an adapter is reached, if it is there.
    pub fn address(&self, adapter: Adapter) -> Option<&AdapterAddress> {
        match adapter {
            Adapter::Emit => self.emit.as_ref(),
            Adapter::SetStatus => self.set_status.as_ref(),
            Adapter::RotateKey => self.rotate_key.as_ref(),
            Adapter::Restart => self.restart.as_ref(),
        }
    }
}

/// How an adapter is reached. Both kinds are given the same JSON object.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
pub enum AdapterAddress {
    /// The object is posted.
    Hook {
        /// Where to. `{name}` stands for a member of the object, which then is no part of it.
        url: String,
        /// Environment variable with a bearer token to show there.
        token_env: Option<String>,
    },
    /// The object is the standard input of a program, which says by its exit code whether it is done.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

impl AdapterAddress {
    /// The environment variable with what it is shown, if it is a hook that is shown something.
    pub fn token_env(&self) -> Option<&str> {
        match self {
            Self::Hook { token_env, .. } => token_env.as_deref(),
            Self::Command { .. } => None,
        }
    }
}

/// How long and how much.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest wait for an answer, in seconds.
    pub request_seconds: u64,
    /// How long a case may take besides what it waits for by design, in seconds.
    pub case_seconds: u64,
    /// How long an event or a verification may be on its way, in seconds.
    pub event_seconds: u64,
    /// For how long silence is listened to before it counts, in seconds.
    pub silence_seconds: u64,
    /// The longest `inactivity_timeout` that is waited for, in seconds.
    pub inactivity_seconds: u64,
    /// How many streams the Receiver may have at once; cases run beside one another as far as it goes.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_seconds: 15,
            case_seconds: 60,
            event_seconds: 60,
            silence_seconds: 3,
            inactivity_seconds: 30,
            streams: 4,
        }
    }
}

impl Limits {
    /// Longest wait for an answer.
    pub fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// How long a case may take, what it waits for apart.
    pub fn case(&self) -> Duration {
        Duration::from_secs(self.case_seconds)
    }

    /// How long an event may be on its way.
    pub fn event(&self) -> Duration {
        Duration::from_secs(self.event_seconds)
    }

    /// For how long silence is listened to.
    pub fn silence(&self) -> Duration {
        Duration::from_secs(self.silence_seconds)
    }

    /// The longest `inactivity_timeout` that is waited for.
    pub fn inactivity(&self) -> Duration {
        Duration::from_secs(self.inactivity_seconds)
    }
}

/// The target file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetFileError {
    /// It is no TOML, or has a key that there is not.
    #[error("the target file cannot be read")]
    Toml(#[source] toml::de::Error),
    /// A limit is too long, or nothing.
    #[error("limits.{name} must be 1 to {max}")]
    Limit {
        /// The key.
        name: &'static str,
        /// The greatest value.
        max: u64,
    },
    /// No delivery method is judged.
    #[error("delivery must have push, poll or both")]
    Delivery,
    /// The tester would speak TLS where the Transmitter does not.
    #[error("push.url must begin with https:// if there is a push.authority")]
    PushUrl,
    /// A secret is not where the file says.
    #[error("{key} names the environment variable {variable}, which is not set")]
    Secret {
        /// The key in the file.
        key: &'static str,
        /// The variable.
        variable: String,
    },
    /// A deviation is not in order.
    #[error("deviations")]
    Deviations(#[source] DeviationError),
}

impl TargetFile {
    /// A target of which nothing is known but its issuer.
    pub fn of(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            profiles: profiles_default(),
            events: events_default(),
            delivery: delivery_default(),
            push: None,
            ca_certificates: None,
            credentials: Credentials::default(),
            adapters: Adapters::default(),
            limits: Limits::default(),
            deviations: Deviations::default(),
        }
    }

    /// Reads a target file.
    ///
    /// # Errors
    /// Names the key that is faulty.
    pub fn parse(toml: &str) -> Result<Self, TargetFileError> {
        let file: Self = toml::from_str(toml).map_err(TargetFileError::Toml)?;
        let limits = &file.limits;
        for (name, value, max) in [
            ("request_seconds", limits.request_seconds, SECONDS_MAX),
            ("case_seconds", limits.case_seconds, SECONDS_MAX),
            ("event_seconds", limits.event_seconds, SECONDS_MAX),
            ("silence_seconds", limits.silence_seconds, SECONDS_MAX),
            ("inactivity_seconds", limits.inactivity_seconds, SECONDS_MAX),
            ("streams", limits.streams.into(), 64),
        ] {
            if value == 0 || value > max {
                return Err(TargetFileError::Limit { name, max });
            }
        }
        if file.delivery.is_empty() {
            return Err(TargetFileError::Delivery);
        }
        if let Some(push) = &file.push
            && push.authority.is_some()
            && push
                .url
                .as_ref()
                .is_some_and(|url| !url.starts_with("https://"))
        {
            return Err(TargetFileError::PushUrl);
        }
        let checked = file.deviations.check("transmitter", cases::transmitter());
        checked.map_err(TargetFileError::Deviations)?;
        Ok(file)
    }
}

impl TargetFile {
    /// Whether a delivery method is judged.
    pub fn judges(&self, delivery: Delivery) -> bool {
        self.delivery.contains(&delivery)
    }
}

/// The tokens themselves.
#[derive(Clone, Default)]
pub struct Secrets {
    /// A Receiver's, with which streams can be managed.
    pub token: Option<String>,
    /// The same Receiver's, with which streams can be read and not changed.
    pub read_only: Option<String>,
    /// Another Receiver's.
    pub other: Option<String>,
    /// The first Receiver's, with `ssf.manage` as its only scope.
    pub manage_only: Option<String>,
    /// One that has expired.
    pub expired: Option<String>,
    /// One that was revoked.
    pub revoked: Option<String>,
    /// One that was issued for another resource.
    pub other_audience: Option<String>,
    /// What the hooks of adapters are shown.
    pub hooks: BTreeMap<Adapter, String>,
}

impl Secrets {
    /// Reads the environment variables that a target file names.
    ///
    /// # Errors
    /// Names the one that is not set.
    pub fn from_environment(file: &TargetFile) -> Result<Self, TargetFileError> {
        let Credentials {
            token,
            read_only,
            other,
            manage_only,
            expired,
            revoked,
            other_audience,
        } = &file.credentials;
        let mut hooks = BTreeMap::new();
        for adapter in Adapter::ALL {
            let address = file.adapters.address(adapter);
            let variable = address.and_then(AdapterAddress::token_env);
            if let Some(token) = secret(adapter.key(), variable)? {
                hooks.insert(adapter, token);
            }
        }
        let named = |from: &Option<FromEnvironment>| from.as_ref().map(|from| from.env.clone());
        Ok(Self {
            token: secret("credentials.token", named(token).as_deref())?,
            read_only: secret("credentials.read_only", named(read_only).as_deref())?,
            other: secret("credentials.other", named(other).as_deref())?,
            manage_only: secret("credentials.manage_only", named(manage_only).as_deref())?,
            expired: secret("credentials.expired", named(expired).as_deref())?,
            revoked: secret("credentials.revoked", named(revoked).as_deref())?,
            other_audience: secret(
                "credentials.other_audience",
                named(other_audience).as_deref(),
            )?,
            hooks,
        })
    }

    /// Those that streams can be asked about with, each with its key in the target file.
    pub(crate) fn to_manage(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("credentials.token", self.token.as_deref()),
            ("credentials.read_only", self.read_only.as_deref()),
            ("credentials.other", self.other.as_deref()),
            ("credentials.manage_only", self.manage_only.as_deref()),
        ]
    }

    /// All of them, to be masked.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let tokens = [
            &self.token,
            &self.read_only,
            &self.other,
            &self.manage_only,
            &self.expired,
            &self.revoked,
            &self.other_audience,
        ];
        let tokens = tokens.into_iter().flatten();
        tokens.chain(self.hooks.values()).map(String::as_str)
    }
}

/// Reads an environment variable that a file names.
pub(crate) fn secret(
    key: &'static str,
    variable: Option<&str>,
) -> Result<Option<String>, TargetFileError> {
    let Some(variable) = variable else {
        return Ok(None);
    };
    match env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(Some(value)),
        Ok(_) | Err(_) => Err(TargetFileError::Secret {
            key,
            variable: variable.to_owned(),
        }),
    }
}

fn profiles_default() -> Vec<Profile> {
    vec![Profile::Ssf]
}

fn delivery_default() -> Vec<Delivery> {
    vec![Delivery::Push, Delivery::Poll]
}

fn events_default() -> Vec<String> {
    EVENTS_DEFAULT.map(str::to_owned).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_an_issuer_alone_has_the_defaults() {
        let file = TargetFile::parse("issuer = 'https://tr.example.com'").unwrap();
        assert_eq!(file.profiles, [Profile::Ssf]);
        assert_eq!(file.events.len(), 3);
        assert_eq!(file.limits.case(), Duration::from_mins(1));
    }

    #[test]
    fn everything_can_be_said() {
        let file = TargetFile::parse(
            r#"
            issuer = "https://tr.example.com"
            profiles = ["ssf-1.0", "caep-interop"]
            delivery = ["push"]
            [credentials]
            token.env = "TOKEN"
            other = { env = "OTHER" }
            [adapters]
            emit = { command = ["emit", "--json"] }
            [push]
            listen = "0.0.0.0:8443"
            url = "https://tester.example.com:8443/"
            authority = { certificate = "ca.pem", key = "ca.key" }
            [limits]
            streams = 1
            [[deviations]]
            case = "SSF-T-122.empty-list"
            reason = "answers 404 until version 2"
            "#,
        )
        .unwrap();
        assert!(file.judges(Delivery::Push) && !file.judges(Delivery::Poll));
        assert_eq!(file.credentials.other.unwrap().env, "OTHER");
        assert!(matches!(
            file.adapters.emit,
            Some(AdapterAddress::Command { command }) if command == ["emit", "--json"]
        ));
        assert_eq!(file.push.unwrap().listen.port(), 8443);
        assert_eq!(file.limits.streams, 1);
        assert_eq!(file.limits.case_seconds, 60);
    }

    #[test]
    fn what_is_misspelt_is_refused_and_so_is_a_limit_without_sense() {
        let parse = |more: &str| {
            let text = format!("issuer = 'https://tr.example.com'\n{more}");
            TargetFile::parse(&text).unwrap_err()
        };
        assert!(matches!(parse("isuer = 'x'"), TargetFileError::Toml(_)));
        assert!(matches!(
            parse("limits.streams = 0"),
            TargetFileError::Limit {
                name: "streams",
                ..
            }
        ));
        assert!(matches!(parse("delivery = []"), TargetFileError::Delivery));
        assert!(matches!(
            parse("push = { url = 'http://h/', authority = { certificate = 'a', key = 'b' } }"),
            TargetFileError::PushUrl
        ));
        assert!(matches!(
            parse("deviations = [{ case = 'x', reason = 'y' }]"),
            TargetFileError::Deviations(_)
        ));
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_by_its_key() {
        let file = TargetFile::parse(
            "issuer = 'https://h'\ncredentials.token.env = 'SSF_CONFORMANCE_UNSET'",
        )
        .unwrap();
        let error = Secrets::from_environment(&file).err().unwrap();
        assert!(error.to_string().starts_with("credentials.token names"));
    }
}
