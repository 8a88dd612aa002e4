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
pub(crate) mod secret;
mod token_issuer;
mod transmitter;
mod webhook;

use std::{net::SocketAddr, time::Duration};

use secrecy::SecretString;
use ssf_types::uri::{EndpointUrl, UriError};
use tracing_subscriber::EnvFilter;

pub use self::{
    auth::{Anonymous, AuthSettings, SessionHeaders},
    credentials::Credentials,
    fault::{ConfigError, ConfigFault},
    identifier::{IdentifierFormat, IdentifierRule},
    introspection::IntrospectionSettings,
    layers::{Layers, Source},
    listen::{LISTEN_ADMIN_DEFAULT, LISTEN_DEFAULT, Listen, Transport},
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
    /// Where everything is stored: an `sqlite://` or a `postgres://` URL, which may have a password in it.
    pub database_url: SecretString,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines there are, as directives such as `info,ssf_receiver=debug`.
    pub log_filter: String,
    /// How long a stop waits for requests that are under way; whole seconds.
    pub shutdown: Duration,
    /// Whom SETs come from.
    pub transmitter: TransmitterSettings,
    /// Where they are told of.
    pub webhooks: Vec<Webhook>,
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
        let transmitter = transmitter::read(&mut reader);
        let webhooks = webhook::read(&mut reader);
        let auth = auth::read(&mut reader);
        let introspection = introspection::read(&mut reader);
        let faults = reader.finish();
        let config = (|| {
            Some(Self {
                listen: listen?,
                database_url: database_url?,
                log_format: log_format?,
                log_filter: log_filter?,
                shutdown: Duration::from_secs(shutdown?),
                transmitter: transmitter?,
                webhooks: webhooks?,
                auth: auth.ok()?,
                introspection: introspection.ok()?,
            })
        })();
        config
            .filter(|_| faults.is_empty())
            .ok_or(ConfigError(faults))
    }

    /// Where the transmitter pushes to, if the address that was bound is `bound`; `None` if it is polled.
    ///
    /// # Errors
    /// Never, since what the URL is made of was checked with room to spare.
    pub fn endpoint(&self, bound: SocketAddr) -> Result<Option<EndpointUrl>, UriError> {
        match &self.transmitter.stream {
            StreamSettings::Polled(_) | StreamSettings::ExistingPolled(..) => Ok(None),
            StreamSettings::Pushed(_) | StreamSettings::Existing(..) => self
                .listen
                .endpoint(bound, &self.transmitter.name)
                .map(Some),
        }
    }
}

/// The path that the transmitter called `name` pushes to.
pub fn push_path(name: &str) -> String {
    format!("/events/{name}")
}

fn read_database_url(value: Option<&Value>) -> Result<SecretString, String> {
    let expected = "must be sqlite://PATH or postgres://HOST/DATABASE";
    let Some(value) = value else {
        return Ok(DATABASE_URL_DEFAULT.into());
    };
    let text = value.text().unwrap_or_default();
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
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
