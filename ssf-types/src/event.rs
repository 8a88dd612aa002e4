//! Events: what happened, as the payload of a SET says it (RFC 8417 §2.2).
//!
//! One table below ties each type of event to its URI; the enum, both directions and the list of known types come
//! from it. An event that the table does not know is kept as it stood ([`Event::Other`]) and can be read with a table of
//! the caller's own ([`events!`](crate::events)); [`scim`] and [`okta`] are two.
//!
//! What events say of people stays out of logs: `Debug` of an event prints its type and which members are there, no
//! values.

pub mod caep;
pub mod common;
mod family;
pub mod language;
pub mod oauth;
pub mod okta;
mod other;
pub mod risc;
pub mod scim;
pub mod ssf;
mod table;

use serde::{Serialize, Serializer, ser::SerializeMap};

#[doc(hidden)]
pub use self::table::__fmt_members;
pub use self::{family::Family, other::OtherEvent};
use crate::{
    json::{JsonError, Members},
    subject::{SimpleSubject, Subject},
    time::Timestamp,
    uri::EventTypeUri,
};
#[doc(hidden)]
pub use serde as __serde;

/// A type of event with a URI, that can be read from a payload and written into one.
///
/// Implement it for event types of your own; read them with [`OtherEvent::read`] or collect them in a table
/// ([`events!`](crate::events)). Keep the members that the type does not define ([`Members::rest`]).
pub trait EventPayload: Sized + Serialize {
    /// The member name in `events` that stands for this type: an absolute URI.
    const URI: &'static str;

    /// Takes the members that the type defines; those that it leaves are not lost.
    ///
    /// # Errors
    /// Names the member that breaks the type's definition, never its value.
    fn read(members: Members<'_>) -> Result<Self, JsonError>;
}

crate::events! {
    @table
    /// One event of a SET.
    ///
    /// Printing it for debugging shows its type and which members it has, never a value.
    ///
    /// ```
    /// use ssf_types::{event::{Event, caep::{ChangeType, CredentialChange}}, uri::EventTypeUri};
    ///
    /// let event = Event::from(CredentialChange::new("password", ChangeType::Update));
    /// let payload = serde_json::to_string(&event)?;
    /// assert_eq!(payload, r#"{"credential_type":"password","change_type":"update"}"#);
    /// assert_eq!(Event::read(&event.uri(), &payload)?, event);
    /// assert_eq!(format!("{event:?}"), r#"CredentialChange {"credential_type", "change_type"}"#);
    ///
    /// let unknown = EventTypeUri::parse("https://example.com/event-type/smoke")?;
    /// assert!(matches!(Event::read(&unknown, "{}")?, Event::Other(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Eq)]
    #[non_exhaustive]
    pub enum Event {
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
        /// The account has to change a credential (RISC 1.0 §2.1).
        AccountCredentialChangeRequired(risc::AccountCredentialChangeRequired),
        /// The account was deleted for good (RISC 1.0 §2.2).
        AccountPurged(risc::AccountPurged),
        /// The account was disabled (RISC 1.0 §2.3).
        AccountDisabled(risc::AccountDisabled),
        /// The account was enabled (RISC 1.0 §2.4).
        AccountEnabled(risc::AccountEnabled),
        /// The identifier was replaced by another one (RISC 1.0 §2.5).
        IdentifierChanged(risc::IdentifierChanged),
        /// The identifier now belongs to somebody else (RISC 1.0 §2.6).
        IdentifierRecycled(risc::IdentifierRecycled),
        /// A credential was found where it should not be (RISC 1.0 §2.7).
        CredentialCompromise(risc::CredentialCompromise),
        /// The account takes part in the exchange of RISC events (RISC 1.0 §2.8.1).
        OptIn(risc::OptIn),
        /// The account asked to be left out (RISC 1.0 §2.8.2).
        OptOutInitiated(risc::OptOutInitiated),
        /// The account took back its wish to be left out (RISC 1.0 §2.8.3).
        OptOutCancelled(risc::OptOutCancelled),
        /// The account is left out from now on (RISC 1.0 §2.8.4).
        OptOutEffective(risc::OptOutEffective),
        /// The user began to recover the account (RISC 1.0 §2.9).
        RecoveryActivated(risc::RecoveryActivated),
        /// What the account is recovered with was changed (RISC 1.0 §2.10).
        RecoveryInformationChanged(risc::RecoveryInformationChanged),
        /// All sessions of the account ended; deprecated in favour of [`Event::SessionRevoked`] (RISC 1.0 §2.11).
        SessionsRevoked(risc::SessionsRevoked),
        /// A token was issued (OAuth Event Types §3.1).
        TokenIssued(oauth::TokenIssued),
        /// A token was revoked (OAuth Event Types §3.2).
        TokenRevoked(oauth::TokenRevoked),
        /// All tokens of the account were revoked (OAuth Event Types §3.3).
        TokensRevoked(oauth::TokensRevoked),
        /// The client was disabled (OAuth Event Types §3.4).
        ClientDisabled(oauth::ClientDisabled),
        /// The client was enabled (OAuth Event Types §3.5).
        ClientEnabled(oauth::ClientEnabled),
        /// A credential of the client was changed (OAuth Event Types §3.6).
        ClientCredentialChanged(oauth::ClientCredentialChanged),
    }
    otherwise {
        /// An event of a type that the table does not know; its payload is kept byte for byte.
        Other(OtherEvent)
    }
}

/// The URIs of all types in the table.
pub const KNOWN_EVENT_TYPES: &[&str] = Event::EVENT_TYPES;

impl Event {
    /// Reads the payload of an event from JSON text that [`crate::json::check`] has passed.
    ///
    /// # Errors
    /// Names the member that breaks the definition of the type, never its value.
    pub fn read(uri: &EventTypeUri, payload: &str) -> Result<Self, JsonError> {
        match Self::read_known(uri.as_str(), payload)? {
            Some(event) => Ok(event),
            None => OtherEvent::keep(uri.clone(), payload).map(Self::Other),
        }
    }

    /// The URI of the event's type.
    pub fn uri(&self) -> EventTypeUri {
        if let Self::Other(other) = self {
            return other.uri().clone();
        }
        EventTypeUri::of_table(self.type_uri())
    }

    /// The specification that defines the type; `None` for events that the table does not know.
    pub fn family(&self) -> Option<Family> {
        Family::of(self.type_uri())
    }

    /// Whether the event belongs to the framework: it flows on every stream, requested or not (SSF 1.0 §8.1.4, §8.1.5).
    pub fn is_framework(&self) -> bool {
        matches!(self, Self::Verification(_) | Self::StreamUpdated(_))
    }

    /// The claims that any CAEP event may carry, and RISC's [`CredentialCompromise`](risc::CredentialCompromise) too.
    ///
    /// `None` for events whose type does not define them.
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
            Self::CredentialCompromise(event) => Some(&event.common),
            Self::Verification(_)
            | Self::StreamUpdated(_)
            | Self::AccountCredentialChangeRequired(_)
            | Self::AccountPurged(_)
            | Self::AccountDisabled(_)
            | Self::AccountEnabled(_)
            | Self::IdentifierChanged(_)
            | Self::IdentifierRecycled(_)
            | Self::OptIn(_)
            | Self::OptOutInitiated(_)
            | Self::OptOutCancelled(_)
            | Self::OptOutEffective(_)
            | Self::RecoveryActivated(_)
            | Self::RecoveryInformationChanged(_)
            | Self::SessionsRevoked(_)
            | Self::TokenIssued(_)
            | Self::TokenRevoked(_)
            | Self::TokensRevoked(_)
            | Self::ClientDisabled(_)
            | Self::ClientEnabled(_)
            | Self::ClientCredentialChanged(_)
            | Self::Other(_) => None,
        }
    }

    /// When it happened, as the event itself tells (CAEP 1.0 §2, RISC 1.0 §2.7).
    pub fn event_timestamp(&self) -> Option<Timestamp> {
        self.common()?.event_timestamp
    }

    /// Whether the type of event may be about `subject`.
    ///
    /// Four types restrict it. Those of the framework are about the stream, which is `opaque` (SSF 1.0 §8.1.4.1, §8.1.5);
    /// an identifier that changed or was recycled is an `email` or a `phone_number` (RISC 1.0 §2.5, §2.6; the text there
    /// says "phone", by which it means the registered format).
    ///
    /// ```
    /// use ssf_types::{event::{Event, risc::IdentifierRecycled}, subject::SimpleSubject};
    ///
    /// let recycled = Event::from(IdentifierRecycled::default());
    /// assert!(recycled.accepts(&SimpleSubject::email("foo@example.com")?.into()));
    /// assert!(!recycled.accepts(&SimpleSubject::opaque("4711")?.into()));
    /// # Ok::<(), ssf_types::json::JsonError>(())
    /// ```
    pub fn accepts(&self, subject: &Subject) -> bool {
        if self.is_framework() {
            return matches!(subject, Subject::Simple(SimpleSubject::Opaque { .. }));
        }
        if !matches!(
            self,
            Self::IdentifierChanged(_) | Self::IdentifierRecycled(_)
        ) {
            return true;
        }
        matches!(
            subject,
            Subject::Simple(SimpleSubject::Email { .. } | SimpleSubject::PhoneNumber { .. })
        )
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

#[cfg(test)]
mod tests {
    use super::*;

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
            "credential-compromise" => r#"{"credential_type":"password"}"#,
            _ => "{}",
        }
    }

    /// A payload with every member that each type defines; each text has the word "secret" in it.
    fn most(uri: &str) -> String {
        let own = match uri.rsplit('/').next().unwrap() {
            "verification" => r#""state":"secret""#,
            "stream-updated" => r#""status":"paused","reason":"secret""#,
            "token-claims-change" => r#""claims":{"secret":"secret"}"#,
            "credential-change" => {
                r#""credential_type":"secret","change_type":"update","friendly_name":"secret","x509_issuer":"secret","x509_serial":"secret","fido2_aaguid":"secret""#
            }
            "assurance-level-change" => {
                r#""namespace":"secret","current_level":"secret","previous_level":"secret","change_direction":"increase""#
            }
            "device-compliance-change" => {
                r#""previous_status":"compliant","current_status":"not-compliant""#
            }
            "session-established" => {
                r#""fp_ua":"secret","acr":"secret","amr":["secret"],"ext_id":"secret""#
            }
            "session-presented" => r#""fp_ua":"secret","ext_id":"secret""#,
            "risk-level-change" => {
                r#""principal":"secret","current_level":"LOW","previous_level":"HIGH","risk_reason":"secret""#
            }
            "account-disabled" | "tokens-revoked" => r#""reason":"secret""#,
            "identifier-changed" => r#""new-value":"secret""#,
            "credential-compromise" => r#""credential_type":"secret""#,
            "token-issued" => r#""token_subject":{"format":"opaque","id":"secret"}"#,
            "token-revoked" => {
                r#""token_subject":{"format":"opaque","id":"secret"},"reason":"secret""#
            }
            _ => r#""x_foo":"secret""#,
        };
        let common = r#""event_timestamp":1615304991,"initiating_entity":"secret","reason_admin":{"en":"secret"},"reason_user":{"en":"secret"}"#;
        format!("{{{own},{common}}}")
    }

    #[test]
    fn the_table_has_the_types_of_four_specifications() {
        let names = |family: Family| -> Vec<&str> {
            let base = family.base_uri();
            let uris = family.event_types();
            uris.map(|uri| uri.strip_prefix(base).unwrap()).collect()
        };
        assert_eq!(names(Family::Ssf), ["verification", "stream-updated"]);
        assert_eq!(
            names(Family::Caep),
            [
                "session-revoked",
                "token-claims-change",
                "credential-change",
                "assurance-level-change",
                "device-compliance-change",
                "session-established",
                "session-presented",
                "risk-level-change",
            ]
        );
        assert_eq!(
            names(Family::Risc),
            [
                "account-credential-change-required",
                "account-purged",
                "account-disabled",
                "account-enabled",
                "identifier-changed",
                "identifier-recycled",
                "credential-compromise",
                "opt-in",
                "opt-out-initiated",
                "opt-out-cancelled",
                "opt-out-effective",
                "recovery-activated",
                "recovery-information-changed",
                "sessions-revoked",
            ]
        );
        assert_eq!(
            names(Family::Oauth),
            [
                "token-issued",
                "token-revoked",
                "tokens-revoked",
                "client-disabled",
                "client-enabled",
                "client-credential-changed",
            ]
        );
    }

    #[test]
    fn every_type_of_the_table_is_read_and_written_under_its_uri() {
        for uri in KNOWN_EVENT_TYPES {
            for payload in [least(uri), &most(uri)] {
                let event = read(uri, payload).unwrap();
                assert!(!matches!(event, Event::Other(_)), "{uri}");
                assert_eq!(event.uri().as_str(), *uri);
                assert_eq!(serde_json::to_value(&event).unwrap(), json(payload));
            }
        }
    }

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn no_event_prints_a_value_for_debugging() {
        for uri in KNOWN_EVENT_TYPES {
            let event = read(uri, &most(uri)).unwrap();
            let printed = format!("{event:?} {:?}", event.common());
            assert!(!printed.contains("secret"), "{printed}");
            assert!(printed.contains("event_timestamp"), "{printed}");
            assert!(!printed.contains("1615304991"), "{printed}");
        }
    }

    #[test]
    fn an_event_prints_its_type_and_the_members_it_has() {
        let uri = "https://schemas.openid.net/secevent/risc/event-type/identifier-changed";
        let event = read(uri, r#"{"new-value":"john.roe@example.com"}"#).unwrap();
        assert_eq!(format!("{event:?}"), r#"IdentifierChanged {"new-value"}"#);
    }

    #[test]
    fn members_that_a_type_does_not_define_survive() {
        for uri in KNOWN_EVENT_TYPES {
            let members = least(uri).strip_prefix('{').unwrap();
            let members = members.strip_suffix('}').unwrap();
            let comma = if members.is_empty() { "" } else { "," };
            let payload = format!(r#"{{{members}{comma}"x_foo":{{"b":1.0,"a":1e2}}}}"#);
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
        assert_eq!(event.family(), None);
    }

    #[test]
    fn an_event_tells_when_it_happened_if_its_type_has_a_member_for_it() {
        for uri in KNOWN_EVENT_TYPES {
            let event = read(uri, &most(uri)).unwrap();
            let told = event.family() == Some(Family::Caep)
                || matches!(event, Event::CredentialCompromise(_));
            let expected = told.then(|| Timestamp::from_secs(1_615_304_991));
            assert_eq!(event.event_timestamp(), expected, "{uri}");
        }
    }

    #[test]
    fn an_identifier_that_changed_or_was_recycled_is_an_address_or_a_number() {
        let accepted = |name: &str, subject: &str| {
            let uri = format!("https://schemas.openid.net/secevent/risc/event-type/{name}");
            let subject = Subject::read(subject).unwrap();
            read(&uri, "{}").unwrap().accepts(&subject)
        };
        let email = r#"{"format":"email","email":"foo@example.com"}"#;
        let phone = r#"{"format":"phone_number","phone_number":"+12065550100"}"#;
        let opaque = r#"{"format":"opaque","id":"7"}"#;
        let complex = &format!(r#"{{"format":"complex","user":{email}}}"#);
        for name in ["identifier-changed", "identifier-recycled"] {
            assert!(accepted(name, email), "{name}");
            assert!(accepted(name, phone), "{name}");
            assert!(!accepted(name, opaque), "{name}");
            assert!(!accepted(name, complex), "{name}");
        }
        for name in ["account-purged", "sessions-revoked"] {
            assert!(accepted(name, opaque), "{name}");
            assert!(accepted(name, complex), "{name}");
        }
    }

    #[test]
    fn a_framework_event_is_about_the_stream() {
        let stream = Subject::read(r#"{"format":"opaque","id":"7"}"#).unwrap();
        let user = Subject::read(r#"{"format":"email","email":"foo@example.com"}"#).unwrap();
        for event in [
            Event::from(ssf::Verification::default()),
            Event::from(ssf::StreamUpdated::new(crate::stream::StreamStatus::Paused)),
        ] {
            assert!(event.accepts(&stream), "{event:?}");
            assert!(!event.accepts(&user), "{event:?}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_written_as_an_object_is_no_event() {
        #[derive(Clone, PartialEq, Serialize)]
        struct Number(u32);
        impl EventPayload for Number {
            const URI: &'static str = "urn:example:number";

            fn read(_: Members<'_>) -> Result<Self, JsonError> {
                Ok(Self(7))
            }
        }
        #[derive(Clone, PartialEq, Serialize)]
        struct Nameless {}
        impl EventPayload for Nameless {
            const URI: &'static str = "nameless";

            fn read(_: Members<'_>) -> Result<Self, JsonError> {
                Ok(Self {})
            }
        }
        assert_eq!(OtherEvent::write(&Number(7)), Err(JsonError::NotAnObject));
        assert_eq!(
            OtherEvent::write(&Nameless {}).unwrap_err().to_string(),
            "events must be an object whose names are absolute URIs"
        );
    }
}
