//! The events of the framework itself: they are about the stream and flow on every stream.

use serde::Serialize;

use super::{EventPayload, table::hide_values};
use crate::{
    json::{Extra, JsonError, Members},
    stream::StreamStatus,
};

hide_values!(Verification, StreamUpdated);

/// Longest `state` of a verification that is accepted, in bytes.
pub const STATE_BYTES_MAX: usize = 1024;

/// Shows that SETs arrive on the stream (SSF 1.0 §8.1.4.1).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// What the Receiver asked to be sent back; absent when the Transmitter verifies on its own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for Verification {
    const URI: &'static str = "https://schemas.openid.net/secevent/ssf/event-type/verification";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        let expected = "a string of at most 1024 bytes";
        let state: Option<String> = members.optional("state", expected)?;
        if state
            .as_ref()
            .is_some_and(|state| state.len() > STATE_BYTES_MAX)
        {
            return Err(JsonError::invalid("state", expected));
        }
        Ok(Self {
            state,
            extra: members.rest(),
        })
    }
}

/// Tells that the Transmitter changed the status of the stream (SSF 1.0 §8.1.5).
#[derive(Clone, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamUpdated {
    /// The new status.
    pub status: StreamStatus,
    /// Why, in free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl StreamUpdated {
    /// Tells the new status without a reason.
    pub fn new(status: StreamStatus) -> Self {
        Self {
            status,
            reason: None,
            extra: Extra::default(),
        }
    }
}

impl EventPayload for StreamUpdated {
    const URI: &'static str = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            status: members.required("status", "enabled, paused or disabled")?,
            reason: members.optional("reason", "a string")?,
            extra: members.rest(),
        })
    }
}
