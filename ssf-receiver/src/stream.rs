//! What is remembered of the stream, and what is told about it.

use serde::{Deserialize, Serialize};
use ssf_types::{
    audience::Audience,
    id::StreamId,
    uri::{EndpointUrl, Issuer},
};

use crate::{
    builder::StartError,
    client::stream::Agreed,
    inbox::{InboxError, Settings},
    push_secret::PushSecrets,
};

/// How far the receiver got with its stream.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StreamState {
    /// It is being set up; revocations that are known count already.
    Pending {
        /// Why the last attempt ended without success, if there was one.
        last_error: Option<String>,
    },
    /// SETs are accepted.
    Ready {
        /// The stream, if the receiver manages it.
        stream_id: Option<StreamId>,
    },
}

/// How SETs come (SSF 1.0 §6.1).
#[derive(Debug)]
pub(crate) enum Method {
    /// They are pushed to this endpoint, with one of these secrets.
    Push {
        endpoint: EndpointUrl,
        secrets: PushSecrets,
    },
    /// They are polled where the Transmitter says.
    Poll,
}

/// Names of the settings for one stream: a database may have served another Transmitter before.
#[derive(Clone, Debug)]
pub(crate) struct StreamMemory {
    stream: String,
    secret: String,
    secret_change: String,
}

#[derive(Serialize, Deserialize)]
struct Setting {
    stream_id: StreamId,
    aud: Audience,
}

impl StreamMemory {
    /// The stream that pushes to `endpoint`, or the one that is polled.
    pub(crate) fn new(issuer: &Issuer, endpoint: Option<&EndpointUrl>) -> Self {
        // No endpoint is called that.
        let place = endpoint.map_or("poll", EndpointUrl::as_str);
        let of = |name: &str| format!("{name} {issuer} {place}");
        Self {
            stream: of("stream"),
            secret: of("push_secret"),
            secret_change: of("push_secret_change"),
        }
    }

    /// Names of the settings that hold the push secret, and how far a change of it is.
    pub(crate) fn secret_names(&self) -> (&str, &str) {
        (&self.secret, &self.secret_change)
    }

    /// The stream that was agreed upon before.
    pub(crate) fn read(&self, settings: &Settings) -> Result<Option<Agreed>, StartError> {
        let Some(text) = settings.get(&self.stream) else {
            return Ok(None);
        };
        if text.is_empty() {
            return Ok(None);
        }
        let setting: Setting =
            serde_json::from_str(text).map_err(|_| StartError::FaultySetting("stream"))?;
        Ok(Some(Agreed {
            id: setting.stream_id,
            audience: setting.aud,
            min_verification_interval: None,
            inactivity_timeout: None,
        }))
    }

    /// The setting that remembers none: settings are overwritten, and never deleted.
    pub(crate) fn forgotten(&self) -> Settings {
        [(self.stream.clone(), String::new())].into()
    }

    /// The setting that remembers a stream.
    pub(crate) fn write(&self, stream: &Agreed) -> Result<Settings, InboxError> {
        let setting = Setting {
            stream_id: stream.id.clone(),
            aud: stream.audience.clone(),
        };
        let text = serde_json::to_string(&setting)
            .map_err(|error| InboxError::new("remember the stream", error))?;
        Ok([(self.stream.clone(), text)].into())
    }
}
