//! Events as sources hand them in, before they become SETs.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};
use ssf_types::{
    event::{Event, Events},
    id::Txn,
    json::{self, JsonError, Members},
    subject::Subject,
    time::Timestamp,
    uri::EventTypeUri,
};

use super::{
    id::EventId,
    matching::{self, EVENT_COMBINATIONS_MAX},
};

/// Longest event that is accepted, as JSON, in bytes: with its claims and a signature it still fits into a SET of
/// [`ssf_types::set::SET_BYTES_MAX`].
pub const EVENT_BYTES_MAX: usize = 32 * 1024;

/// Most events in one request or submission.
pub const SUBMISSION_EVENTS_MAX: usize = 1000;

/// A member's name that an error repeats is cut after this many bytes.
const NAME_SHOWN_BYTES_MAX: usize = 64;

/// What a source says: whom it concerns and what happened.
///
/// On the wire it has the members of a SET of the same names: `sub_id`, `events` with exactly one member, and perhaps
/// `txn` and `toe`. A principal under several identifiers is an `aliases` subject, at the top or in a complex one;
/// see [`SubjectPreference`](super::subjects::SubjectPreference). Printing it for debugging shows nobody.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Whom or what the event is about.
    pub sub_id: Subject,
    /// What happened.
    pub event: Event,
    /// Ties together events that have one cause (SSF 1.0 §4.1.9).
    pub txn: Option<Txn>,
    /// When it happened (RFC 8417 §2.2).
    pub toe: Option<Timestamp>,
}

/// The text is not an event that a source may hand in.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NewEventError {
    /// The text has more than [`EVENT_BYTES_MAX`] bytes.
    #[error("an event has at most {EVENT_BYTES_MAX} bytes")]
    TooLong,
    /// The text is not JSON, or a member is missing or wrong.
    #[error(transparent)]
    Json(JsonError),
    /// There is a member that means nothing here, so that whoever sent it expects something else to happen.
    #[error("{0} is not a member of an event: sub_id, events, txn and toe are")]
    UnknownMember(MemberName),
    /// `events` has no event or more than one (SSF 1.0 §4.2.1).
    #[error("events must have exactly one member")]
    NotOneEvent,
    /// The event is one that only the transmitter itself may send (SSF 1.0 §8.1.4, §8.1.5).
    #[error("events must not have an event of the framework: the transmitter alone sends those")]
    Framework,
    /// The identifiers of the subject can be put together in too many ways, each of which is looked up.
    #[error(
        "sub_id must have fewer aliases: its members' identifiers can be put together in more than {EVENT_COMBINATIONS_MAX} ways"
    )]
    TooManyCombinations,
    /// The event is about an identifier, and `sub_id` is not that identifier alone (RISC 1.0 §2.5, §2.6).
    #[error(
        "sub_id must be an email or a phone_number, and no aliases: the event is about that identifier"
    )]
    NotAboutIdentifier,
}

/// The name of a member, short and without control characters, as an error may show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MemberName(String);

impl MemberName {
    fn of(name: &str) -> Self {
        let end = name.floor_char_boundary(NAME_SHOWN_BYTES_MAX);
        Self(name[..end].replace(char::is_control, "\u{fffd}"))
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl NewEvent {
    /// Says what happened to whom.
    pub fn new(sub_id: impl Into<Subject>, event: impl Into<Event>) -> Self {
        Self {
            sub_id: sub_id.into(),
            event: event.into(),
            txn: None,
            toe: None,
        }
    }

    /// Reads a whole text.
    ///
    /// # Errors
    /// Says what to fix, without any value.
    pub fn parse(text: &[u8]) -> Result<Self, NewEventError> {
        if text.len() > EVENT_BYTES_MAX {
            return Err(NewEventError::TooLong);
        }
        Self::read(json::check(text).map_err(NewEventError::Json)?)
    }

    /// Reads an entry of an array that [`json::check`] has passed.
    ///
    /// # Errors
    /// Says what to fix, without any value.
    pub fn read(json: &str) -> Result<Self, NewEventError> {
        if json.len() > EVENT_BYTES_MAX {
            return Err(NewEventError::TooLong);
        }
        let new = Self::read_stored(json)?;
        if new.event.is_framework() {
            return Err(NewEventError::Framework);
        }
        if matching::combinations(&new.sub_id) > EVENT_COMBINATIONS_MAX {
            return Err(NewEventError::TooManyCombinations);
        }
        if !new.event.accepts(&new.sub_id) {
            return Err(NewEventError::NotAboutIdentifier);
        }
        Ok(new)
    }

    /// Reads what was accepted before, whose text may have grown a little by being written anew, or what the
    /// transmitter itself says.
    ///
    /// # Errors
    /// The text is not what was written.
    pub(crate) fn read_stored(json: &str) -> Result<Self, NewEventError> {
        let mut members = Members::parse(json).map_err(NewEventError::Json)?;
        let events = members
            .required_with("events", Ok)
            .map_err(NewEventError::Json)?;
        let event = read_event(events)?;
        let new = Self {
            sub_id: members
                .required_with("sub_id", Subject::read)
                .map_err(NewEventError::Json)?,
            event,
            txn: members
                .optional("txn", "a string of 1 to 255 bytes")
                .map_err(NewEventError::Json)?,
            toe: members
                .optional("toe", "a number of seconds since 1970")
                .map_err(NewEventError::Json)?,
        };
        match members.rest().names().next() {
            Some(name) => Err(NewEventError::UnknownMember(MemberName::of(name))),
            None => Ok(new),
        }
    }
}

fn read_event(events: &str) -> Result<Event, NewEventError> {
    let within = |error: JsonError| NewEventError::Json(error.within("events"));
    let mut events = Members::parse(events).map_err(within)?.into_iter();
    let (Some((uri, payload)), None) = (events.next(), events.next()) else {
        return Err(NewEventError::NotOneEvent);
    };
    let uri = EventTypeUri::parse(uri).map_err(|_| {
        NewEventError::Json(JsonError::invalid(
            "events",
            "an object whose member name is an absolute URI",
        ))
    })?;
    Event::read(&uri, payload.get())
        .map_err(|error| within(error.within(MemberName::of(uri.as_str()).0.as_str())))
}

impl Serialize for NewEvent {
    /// Writes what [`NewEvent::parse`] reads.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("sub_id", &self.sub_id)?;
        map.serialize_entry("events", &Events(&self.event))?;
        if let Some(txn) = &self.txn {
            map.serialize_entry("txn", txn)?;
        }
        if let Some(toe) = &self.toe {
            map.serialize_entry("toe", toe)?;
        }
        map.end()
    }
}

/// An event that has been accepted: it is durable, and its source has been told so.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AcceptedEvent {
    /// Given on acceptance.
    pub id: EventId,
    /// When the event was accepted.
    pub accepted_at: Timestamp,
    /// What the source said.
    pub event: NewEvent,
}

impl AcceptedEvent {
    /// Joins an event to what it got on acceptance.
    pub fn new(id: EventId, accepted_at: Timestamp, event: NewEvent) -> Self {
        Self {
            id,
            accepted_at,
            event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION_REVOKED: &str =
        r#"{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}"#;
    const OPAQUE: &str = r#"{"format":"opaque","id":"1"}"#;

    fn error(json: &str) -> String {
        NewEvent::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_event_has_the_members_of_a_set() {
        let json = format!(
            r#"{{"sub_id":{OPAQUE},"events":{SESSION_REVOKED},"txn":"8675309","toe":1615305159}}"#
        );
        let event = NewEvent::parse(json.as_bytes()).unwrap();
        assert!(matches!(event.event, Event::SessionRevoked(_)));
        assert_eq!(event.txn, Some(Txn::parse("8675309").unwrap()));
        assert_eq!(event.toe, Some(Timestamp::from_secs(1_615_305_159)));
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }

    #[test]
    fn an_event_of_a_type_that_nobody_defined_keeps_its_payload() {
        let json =
            format!(r#"{{"sub_id":{OPAQUE},"events":{{"urn:example:x":{{"b":1.0,"a":2}}}}}}"#);
        let event = NewEvent::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), json);
    }

    #[test]
    fn a_changed_or_recycled_identifier_is_the_subject_itself() {
        let email = r#"{"format":"email","email":"foo@example.com"}"#;
        let aliases = &format!(r#"{{"format":"aliases","identifiers":[{email}]}}"#);
        for name in ["identifier-changed", "identifier-recycled"] {
            let of = |sub_id: &str| {
                let uri = format!("https://schemas.openid.net/secevent/risc/event-type/{name}");
                format!(r#"{{"sub_id":{sub_id},"events":{{"{uri}":{{}}}}}}"#)
            };
            assert!(NewEvent::parse(of(email).as_bytes()).is_ok(), "{name}");
            for sub_id in [OPAQUE, aliases] {
                assert_eq!(
                    error(&of(sub_id)),
                    "sub_id must be an email or a phone_number, and no aliases: the event is about that identifier"
                );
            }
        }
    }

    #[test]
    fn a_subject_whose_aliases_can_be_put_together_in_too_many_ways_is_refused() {
        let aliases = |count: u32| {
            let alias = |id: u32| format!(r#"{{"format":"opaque","id":"{id}"}}"#);
            let list: Vec<String> = (0..count).map(alias).collect();
            format!(
                r#"{{"format":"aliases","identifiers":[{}]}}"#,
                list.join(",")
            )
        };
        let of = |devices: u32| {
            let (users, devices) = (aliases(16), aliases(devices));
            let sub_id = format!(r#"{{"format":"complex","user":{users},"device":{devices}}}"#);
            format!(r#"{{"sub_id":{sub_id},"events":{SESSION_REVOKED}}}"#)
        };
        assert!(NewEvent::parse(of(16).as_bytes()).is_ok());
        assert_eq!(
            error(&of(17)),
            "sub_id must have fewer aliases: its members' identifiers can be put together in more than 256 ways"
        );
    }

    #[test]
    fn a_member_that_means_nothing_is_named() {
        let json = format!(r#"{{"sub_id":{OPAQUE},"events":{SESSION_REVOKED},"aud":"x"}}"#);
        assert_eq!(
            error(&json),
            "aud is not a member of an event: sub_id, events, txn and toe are"
        );
    }

    #[test]
    fn a_name_in_an_error_is_short_and_splits_no_line() {
        let json = format!(
            r#"{{"sub_id":{OPAQUE},"events":{SESSION_REVOKED},"\n{}":1}}"#,
            "x".repeat(100)
        );
        let expected = format!("\u{fffd}{} is not", "x".repeat(63));
        assert!(error(&json).starts_with(&expected));
    }

    #[test]
    fn an_event_has_a_subject_and_one_event() {
        assert_eq!(
            error(&format!(r#"{{"events":{SESSION_REVOKED}}}"#)),
            "sub_id is missing"
        );
        assert_eq!(
            error(&format!(r#"{{"sub_id":{OPAQUE}}}"#)),
            "events is missing"
        );
        assert_eq!(
            error(&format!(r#"{{"sub_id":{OPAQUE},"events":{{}}}}"#)),
            "events must have exactly one member"
        );
        assert_eq!(
            error(&format!(
                r#"{{"sub_id":{OPAQUE},"events":{{"urn:a:1":{{}},"urn:a:2":{{}}}}}}"#
            )),
            "events must have exactly one member"
        );
        assert_eq!(
            error(&format!(r#"{{"sub_id":{OPAQUE},"events":{{"x":{{}}}}}}"#)),
            "events must be an object whose member name is an absolute URI"
        );
    }

    #[test]
    fn an_event_of_the_framework_is_refused() {
        let verification =
            r#"{"https://schemas.openid.net/secevent/ssf/event-type/verification":{}}"#;
        let json = format!(r#"{{"sub_id":{OPAQUE},"events":{verification}}}"#);
        assert_eq!(
            NewEvent::parse(json.as_bytes()),
            Err(NewEventError::Framework)
        );
    }

    #[test]
    fn a_payload_that_breaks_its_definition_is_told_where() {
        let json = format!(
            r#"{{"sub_id":{OPAQUE},"events":{{"https://schemas.openid.net/secevent/caep/event-type/credential-change":{{"change_type":"update"}}}}}}"#
        );
        assert!(error(&json).ends_with("credential_type is missing"));
    }

    #[test]
    fn an_event_that_just_fits_can_be_read_back_although_it_grew() {
        let before = format!(r#"{{"toe":1e9,"sub_id":{OPAQUE},"events":{{"urn:example:x":{{"a":""#);
        let filling = "x".repeat(EVENT_BYTES_MAX - before.len() - r#""}}}"#.len());
        let event = NewEvent::read(&format!(r#"{before}{filling}"}}}}}}"#)).unwrap();
        let stored = serde_json::to_string(&event).unwrap();
        assert!(stored.len() > EVENT_BYTES_MAX);
        assert_eq!(NewEvent::read_stored(&stored), Ok(event));
    }

    #[test]
    fn an_event_ends_somewhere() {
        let json = format!(
            r#"{{"sub_id":{OPAQUE},"events":{{"urn:example:x":{{"a":"{}"}}}}}}"#,
            "x".repeat(EVENT_BYTES_MAX)
        );
        assert_eq!(
            NewEvent::parse(json.as_bytes()),
            Err(NewEventError::TooLong)
        );
        assert_eq!(NewEvent::read(&json), Err(NewEventError::TooLong));
    }
}
