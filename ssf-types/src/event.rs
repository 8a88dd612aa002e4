//! Events: what happened, as the payload of a SET says it (RFC 8417 §2.2).
//!
//! One table below ties each type of event to its URI; the enum, both directions and the list of known types come
//! from it. An event that the table does not know is kept as it stood ([`Event::Other`]).

pub mod caep;
pub mod common;
pub mod language;
pub mod ssf;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{
    json::{JsonError, Members},
    uri::EventTypeUri,
};

/// A type of event with a URI, that can be read from a payload and written into one.
///
/// Implement it for event types of your own and read them with [`OtherEvent::read`].
pub trait EventPayload: Sized + Serialize {
    /// The member name in `events` that stands for this type.
    const URI: &'static str;

    /// Takes the members that the type defines; those that it leaves are not lost.
    ///
    /// # Errors
    /// Names the member that breaks the type's definition, never its value.
    fn read(members: Members<'_>) -> Result<Self, JsonError>;
}

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident($payload:ty),)+) => {
        /// One event of a SET.
        #[derive(Clone, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum Event {
            $($(#[$doc])* $variant($payload),)+
            /// An event of a type that the table does not know; its payload is kept byte for byte.
            Other(OtherEvent),
        }

        /// The URIs of all types in the table.
        pub const KNOWN_EVENT_TYPES: &[&str] = &[$(<$payload as EventPayload>::URI,)+];

        impl Event {
            /// Reads the payload of an event from JSON text that [`crate::json::check`] has passed.
            ///
            /// # Errors
            /// Names the member that breaks the definition of the type, never its value.
            pub fn read(uri: &EventTypeUri, payload: &str) -> Result<Self, JsonError> {
                let members = Members::parse(payload)?;
                match uri.as_str() {
                    $(<$payload as EventPayload>::URI => <$payload>::read(members).map(Self::$variant),)+
                    _ => OtherEvent::new(uri.clone(), payload).map(Self::Other),
                }
            }

            /// The URI of the event's type.
            pub fn uri(&self) -> EventTypeUri {
                match self {
                    $(Self::$variant(_) => EventTypeUri::of_table(<$payload as EventPayload>::URI),)+
                    Self::Other(other) => other.uri.clone(),
                }
            }
        }

        impl Serialize for Event {
            /// Writes the payload; the URI is the name of the member that holds it.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => payload.serialize(serializer),)+
                    Self::Other(other) => other.payload.serialize(serializer),
                }
            }
        }

        $(impl From<$payload> for Event {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

events! {
    /// The stream is being verified (SSF 1.0 §8.1.4.1).
    Verification(ssf::Verification),
    /// The Transmitter changed the status of the stream (SSF 1.0 §8.1.5).
    StreamUpdated(ssf::StreamUpdated),
    /// A session ended (CAEP 1.0 §3.1).
    SessionRevoked(caep::SessionRevoked),
    /// Claims of a token changed (CAEP 1.0 §3.2).
    TokenClaimsChange(caep::TokenClaimsChange),
    /// A credential was created, changed or taken away (CAEP 1.0 §3.3).
    CredentialChange(caep::CredentialChange),
    /// The assurance of a sign-in rose or fell (CAEP 1.0 §3.4).
    AssuranceLevelChange(caep::AssuranceLevelChange),
    /// A device began or ceased to comply (CAEP 1.0 §3.5).
    DeviceComplianceChange(caep::DeviceComplianceChange),
    /// A session began (CAEP 1.0 §3.6).
    SessionEstablished(caep::SessionEstablished),
    /// A session was seen in use (CAEP 1.0 §3.7).
    SessionPresented(caep::SessionPresented),
    /// A risk rose or fell (CAEP 1.0 §3.8).
    RiskLevelChange(caep::RiskLevelChange),
}

impl Event {
    /// Whether the event belongs to the framework: it flows on every stream, requested or not (SSF 1.0 §8.1.4, §8.1.5).
    pub fn is_framework(&self) -> bool {
        matches!(self, Self::Verification(_) | Self::StreamUpdated(_))
    }

    /// The claims that any CAEP event may carry; none for events of other families.
    pub fn common(&self) -> Option<&common::CommonClaims> {
        match self {
            Self::SessionRevoked(event) => Some(&event.common),
            Self::TokenClaimsChange(event) => Some(&event.common),
            Self::CredentialChange(event) => Some(&event.common),
            Self::AssuranceLevelChange(event) => Some(&event.common),
            Self::DeviceComplianceChange(event) => Some(&event.common),
            Self::SessionEstablished(event) => Some(&event.common),
            Self::SessionPresented(event) => Some(&event.common),
            Self::RiskLevelChange(event) => Some(&event.common),
            Self::Verification(_) | Self::StreamUpdated(_) | Self::Other(_) => None,
        }
    }
}

/// The claim `events` with one event in it: an object with the type's URI as its only member (RFC 8417 §2.2).
#[derive(Clone, Copy, Debug)]
pub struct Events<'e>(pub &'e Event);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0.uri().as_str(), self.0)?;
        map.end()
    }
}

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
    /// The payload is not a JSON object.
    pub fn new(uri: EventTypeUri, payload: &str) -> Result<Self, JsonError> {
        Members::parse(payload)?;
        let payload =
            RawValue::from_string(payload.to_owned()).map_err(|_| JsonError::NotAnObject)?;
        Ok(Self { uri, payload })
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
    /// # Errors
    /// Names the member that breaks the definition of the type.
    pub fn read<E: EventPayload>(&self) -> Result<Option<E>, JsonError> {
        if self.uri.as_str() != E::URI {
            return Ok(None);
        }
        Members::parse(self.payload()).and_then(E::read).map(Some)
    }
}

impl std::fmt::Debug for OtherEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
    use crate::json::Extra;

    fn read(uri: &str, payload: &str) -> Result<Event, JsonError> {
        Event::read(&EventTypeUri::parse(uri).unwrap(), payload)
    }

    /// The shortest payload that each type accepts.
    fn least(uri: &str) -> &'static str {
        match uri.rsplit('/').next().unwrap() {
            "stream-updated" => r#"{"status":"paused"}"#,
            "token-claims-change" => r#"{"claims":{"role":"ro-admin"}}"#,
            "credential-change" => r#"{"credential_type":"password","change_type":"update"}"#,
            "assurance-level-change" => r#"{"namespace":"NIST-AAL","current_level":"nist-aal2"}"#,
            "device-compliance-change" => {
                r#"{"previous_status":"compliant","current_status":"not-compliant"}"#
            }
            "risk-level-change" => r#"{"principal":"USER","current_level":"LOW"}"#,
            _ => "{}",
        }
    }

    #[test]
    fn every_type_of_the_table_is_read_and_written_under_its_uri() {
        assert_eq!(KNOWN_EVENT_TYPES.len(), 10);
        for uri in KNOWN_EVENT_TYPES {
            let event = read(uri, least(uri)).unwrap();
            assert_eq!(event.uri().as_str(), *uri);
            assert!(!matches!(event, Event::Other(_)), "{uri}");
            assert_eq!(serde_json::to_string(&event).unwrap(), least(uri));
        }
    }

    #[test]
    fn members_that_a_type_does_not_define_survive() {
        for uri in KNOWN_EVENT_TYPES {
            let payload = least(uri).replace('}', "").trim_end_matches(',').to_owned();
            let comma = if payload == "{" { "" } else { "," };
            let closing = if least(uri).ends_with("}}") { "}" } else { "" };
            let payload = format!(r#"{payload}{closing}{comma}"x_foo":{{"b":1.0,"a":1e2}}}}"#);
            let event = read(uri, &payload).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), payload);
        }
    }

    #[test]
    fn required_members_are_demanded() {
        for uri in KNOWN_EVENT_TYPES.iter().filter(|uri| least(uri) != "{}") {
            assert!(
                matches!(read(uri, "{}"), Err(JsonError::Missing { .. })),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_payload_that_is_no_object_is_refused() {
        for uri in KNOWN_EVENT_TYPES.iter().chain(&["urn:example:other"]) {
            for payload in ["null", "[]", "7", r#""x""#] {
                assert_eq!(
                    read(uri, payload),
                    Err(JsonError::NotAnObject),
                    "{uri} {payload}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_event_keeps_its_bytes() {
        let event = read("urn:example:smoke-signal", r#"{"z": 1.0,"a":1e0}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"z": 1.0,"a":1e0}"#
        );
    }

    #[test]
    fn others_can_read_events_of_their_own() {
        #[derive(Serialize)]
        struct SmokeSignal {
            puffs: u32,
            #[serde(flatten)]
            extra: Extra,
        }
        impl EventPayload for SmokeSignal {
            const URI: &'static str = "urn:example:smoke-signal";

            fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
                Ok(Self {
                    puffs: members.required("puffs", "a number")?,
                    extra: members.rest(),
                })
            }
        }
        let Event::Other(other) = read("urn:example:smoke-signal", r#"{"puffs":3}"#).unwrap()
        else {
            panic!()
        };
        assert_eq!(other.read::<SmokeSignal>().unwrap().unwrap().puffs, 3);
    }
}
