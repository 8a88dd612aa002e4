//! Events of types that the table does not know.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::EventPayload;
use crate::{
    json::{self, JsonError, Members},
    uri::EventTypeUri,
};

/// An event whose type the table does not know.
///
/// Printing it for debugging shows the URI alone.
#[derive(Clone)]
pub struct OtherEvent {
    uri: EventTypeUri,
    payload: Box<RawValue>,
}

impl OtherEvent {
    /// Makes an event from the text of a JSON object.
    ///
    /// # Errors
    /// The payload is not a JSON object, or [`json::check`] finds fault with it.
    pub fn new(uri: EventTypeUri, payload: &str) -> Result<Self, JsonError> {
        json::check(payload.as_bytes()).and_then(|payload| Self::keep(uri, payload))
    }

    /// Keeps a payload that [`json::check`] has passed.
    pub(super) fn keep(uri: EventTypeUri, payload: &str) -> Result<Self, JsonError> {
        Members::parse(payload)?;
        let payload =
            RawValue::from_string(payload.to_owned()).map_err(|_| JsonError::NotAnObject)?;
        Ok(Self { uri, payload })
    }

    /// Makes an event of an event type of the caller's own.
    ///
    /// # Errors
    /// The type's URI is not absolute, or the payload is not written as a JSON object.
    pub fn write<E: EventPayload>(payload: &E) -> Result<Self, JsonError> {
        let uri = EventTypeUri::parse(E::URI)
            .map_err(|_| JsonError::invalid("events", "an object whose names are absolute URIs"))?;
        let payload = serde_json::to_string(payload).map_err(|_| JsonError::NotAnObject)?;
        Self::new(uri, &payload)
    }

    /// The URI of the event's type.
    pub fn uri(&self) -> &EventTypeUri {
        &self.uri
    }

    /// The payload as it stood on the wire.
    pub fn payload(&self) -> &str {
        self.payload.get()
    }

    /// Reads the payload as an event type of the caller's own; `None` if the URI is another one.
    ///
    /// Several types are read at once with a table ([`crate::events!`]).
    ///
    /// # Errors
    /// Names the member that breaks the definition of the type.
    pub fn read<E: EventPayload>(&self) -> Result<Option<E>, JsonError> {
        if self.uri.as_str() != E::URI {
            return Ok(None);
        }
        Members::parse(self.payload()).and_then(E::read).map(Some)
    }
}

impl Serialize for OtherEvent {
    /// Writes the payload as it stood.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.payload.serialize(serializer)
    }
}

impl fmt::Debug for OtherEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherEvent({})", self.uri)
    }
}

impl PartialEq for OtherEvent {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri && self.payload() == other.payload()
    }
}

impl Eq for OtherEvent {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(payload: &str) -> JsonError {
        let uri = EventTypeUri::parse("urn:example:smoke-signal").unwrap();
        OtherEvent::new(uri, payload).unwrap_err()
    }

    #[test]
    fn an_event_is_one_object_without_a_member_twice() {
        assert_eq!(error("[]"), JsonError::NotAnObject);
        assert!(matches!(error("{"), JsonError::Syntax { .. }));
        assert!(matches!(
            error(r#"{"puffs":1,"puffs":2}"#),
            JsonError::Duplicate { .. }
        ));
    }
}
