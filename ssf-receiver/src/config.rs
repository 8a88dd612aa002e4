//! The configuration of the program: defaults, a TOML file, the environment, and flags, each overriding the one before.
//!
//! Every fault is found in one go and named by its key and its source; values are not repeated, since some are secrets.

mod actions;
mod auth;
mod credentials;
mod fault;
mod identifier;
mod introspection;
mod layers;
mod listen;
mod reader;
mod redis;
mod scopes;
pub(crate) mod secret;
mod token_issuer;
mod transmitter;
mod webhook;

use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;

pub use self::{
    auth::{Anonymous, AuthSettings, SessionHeaders},
    credentials::Credentials,
    fault::{ConfigError, ConfigFault},
    identifier::{IdentifierFormat, IdentifierRule},
    introspection::IntrospectionSettings,
    layers::{Layers, Source},
    listen::{LISTEN_ADMIN_DEFAULT, LISTEN_DEFAULT, Listen, Transport},
    redis::RedisSettings,
    token_issuer::TokenIssuerSettings,
    transmitter::{StreamSettings, TransmitterSettings},
};
use self::{layers::Value, reader::Reader};
use crate::webhook::Webhook;

/// The database unless told otherwise: a file in the current directory.
pub const DATABASE_URL_DEFAULT: &str = "sqlite://ssf-receiver.db";

/// Longest time that a stop may take, in seconds: supervisors kill what takes longer.
const SHUTDOWN_SECONDS_MAX: u64 = 600;

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the program was told about its surroundings.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// How connections come in.
    pub listen: Listen,
    /// Where everything is stored: an `sqlite://`, a `postgres://` or a `redis://` URL, which may have a password in it.
    pub database_url: SecretString,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are, as directives such as `info,ssf_receiver=debug`.
    pub log_filter: String,
    /// How long a stop waits for requests that are under way; whole seconds.
    pub shutdown: Duration,
    /// Whom SETs come from, in the order of their names; at least one.
    pub transmitters: Vec<TransmitterSettings>,
    /// Where they are told of.
    pub webhooks: Vec<Webhook>,
    /// Where what is revoked is published; `None` if nowhere.
    pub redis: Option<RedisSettings>,
    /// What proxies are answered by; `None` if none asks.
    pub auth: Option<AuthSettings>,
    /// What those are answered by who introspect tokens; `None` if nobody does.
    pub introspection: Option<IntrospectionSettings>,
}

impl Config {
    /// Reads the layers, and the files that they name.
    ///
    /// # Errors
    /// All faults at once.
    pub fn read(layers: Layers) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(layers);
        let listen = listen::read(&mut reader);
        let database_url = reader.value("database_url", read_database_url);
        let log_format = reader.value("log_format", read_log_format);
        let log_filter = reader.value("log_filter", read_log_filter);
        let shutdown = reader.number("shutdown_seconds", 15, 1..=SHUTDOWN_SECONDS_MAX);
        let transmitters = transmitter::read(&mut reader);
        let webhooks = webhook::read(&mut reader);
        let redis = redis::read(&mut reader);
        let of = transmitters.as_deref().unwrap_or_default();
        let auth = auth::read(&mut reader, of);
        let introspection = introspection::read(&mut reader, of);
        let faults = reader.finish();
        let config = (|| {
            let transmitters = transmitters?;
            Some(Self {
                listen: listen?,
                database_url: database_url?,
                log_format: log_format?,
                log_filter: log_filter?,
                shutdown: Duration::from_secs(shutdown?),
                transmitters,
                webhooks: webhooks?,
                redis: redis.ok()?,
                auth: auth.ok()?,
                introspection: introspection.ok()?,
            })
        })();
        config
            .filter(|_| faults.is_empty())
            .ok_or(ConfigError(faults))
    }

    /// The transmitter called `name`, or the only one if none is named.
    ///
    /// # Errors
    /// There is no such one, or there are several.
    pub fn transmitter(&self, name: Option<&str>) -> Result<&TransmitterSettings, ChoiceError> {
        let names = || {
            let names: Vec<&str> = self
                .transmitters
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            names.join(", ")
        };
        match (name, self.transmitters.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(ChoiceError::Several(names())),
            (Some(name), all) => {
                let found = all.iter().find(|one| one.name == name);
                found.ok_or_else(|| ChoiceError::NotThere(names()))
            }
        }
    }
}

/// It is not clear which transmitter is meant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// None is called that.
    #[error("no transmitter is called that; there are {0}")]
    NotThere(String),
    /// There is more than one.
    #[error("say which transmitter, by --transmitter NAME; there are {0}")]
    Several(String),
}

/// The path that the transmitter called `name` pushes to.
pub fn push_path(name: &str) -> String {
    format!("/events/{name}")
}

fn read_database_url(value: Option<&Value>) -> Result<SecretString, String> {
    let expected = "must be sqlite://PATH, postgres://HOST/DATABASE or redis://HOST/NUMBER";
    let Some(value) = value else {
        return Ok(DATABASE_URL_DEFAULT.into());
    };
    let text = value.text().unwrap_or_default();
    let is_outside = ["postgres://", "postgresql://", "redis://", "redis+unix://"];
    if is_outside.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(text.into());
    }
    let rest = text.strip_prefix("sqlite://").ok_or(expected)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if path.is_empty() || path == ":memory:" || query.contains("mode=memory") {
        return Err(format!(
            "{expected}; a database in memory would not survive a restart"
        ));
    }
    Ok(text.into())
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
    let is_filter = |text: &&str| EnvFilter::builder().parse(text).is_ok();
    let text = value.text().filter(is_filter);
    text.map(str::to_owned)
        .ok_or_else(|| "must be levels per module, such as info,ssf_receiver=debug".to_owned())
}

#[cfg(test)]
mod tests;
