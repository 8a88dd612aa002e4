//! The target file: all that a run has to know about what it judges, in TOML, without a secret in it.

mod adapters;
mod limits;
mod secrets;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use serde::Deserialize;

pub use self::{
    adapters::{Adapter, AdapterAddress, Adapters},
    limits::Limits,
    secrets::{Credentials, FromEnvironment, Secrets, Token},
};
pub(crate) use self::{
    limits::{SECONDS_MAX, check_limits},
    secrets::secret,
};
use crate::{
    case::Profile,
    cases,
    deviations::{DeviationError, Deviations},
};

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
        check_limits([
            ("request_seconds", limits.request_seconds, SECONDS_MAX),
            ("case_seconds", limits.case_seconds, SECONDS_MAX),
            ("event_seconds", limits.event_seconds, SECONDS_MAX),
            ("silence_seconds", limits.silence_seconds, SECONDS_MAX),
            ("inactivity_seconds", limits.inactivity_seconds, SECONDS_MAX),
            ("streams", limits.streams.into(), 64),
        ])?;
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

    /// Whether a delivery method is judged.
    pub fn judges(&self, delivery: Delivery) -> bool {
        self.delivery.contains(&delivery)
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
mod tests;
