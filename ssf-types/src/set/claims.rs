//! The claims of a SET (RFC 8417 §2.2, SSF 1.0 §4.1).

use serde::{Serialize, Serializer};

use super::{SetError, profile};
use crate::{
    audience::Audience,
    event::{Event, Events},
    id::{Jti, Txn},
    json::{Extra, JsonError, Members},
    subject::Subject,
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

/// The claims of a SET.
///
/// Printing them for debugging shows the issuer, the `jti`, and the kinds of subject and event alone.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct SetClaims {
    /// The Transmitter; that of the stream (SSF 1.0 §4.1.6).
    pub iss: Issuer,
    /// Names this SET; the same in every attempt to deliver it.
    pub jti: Jti,
    /// When the SET was made.
    pub iat: Timestamp,
    /// The Receiver.
    pub aud: Audience,
    /// Ties together the SETs that have one cause.
    pub txn: Option<Txn>,
    /// When the event happened (RFC 8417 §2.2).
    pub toe: Option<Timestamp>,
    /// Whom or what the event is about.
    pub sub_id: Subject,
    /// What happened.
    pub event: Event,
    /// Claims that no specification here defines.
    pub extra: Extra,
}

impl std::fmt::Debug for SetClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SetClaims")
            .field("iss", &self.iss)
            .field("jti", &self.jti)
            .field("sub_id", &self.sub_id)
            .field("event", &self.event.uri())
            .finish_non_exhaustive()
    }
}

impl SetClaims {
    /// Makes the claims that every SET has.
    pub fn new(
        iss: Issuer,
        jti: Jti,
        iat: Timestamp,
        aud: Audience,
        sub_id: Subject,
        event: Event,
    ) -> Self {
        Self {
            iss,
            jti,
            iat,
            aud,
            txn: None,
            toe: None,
            sub_id,
            event,
            extra: Extra::default(),
        }
    }

    /// Reads all claims but the two that were checked before.
    pub(super) fn read(
        iss: &Issuer,
        aud: Audience,
        mut members: Members<'_>,
    ) -> Result<Self, SetError> {
        profile::no_sub(&members)?;
        profile::no_exp(&members)?;
        let claims = SetError::Claims;
        members.take("iss");
        let seconds = "a number of seconds since 1970";
        let id = "a string of 1 to 255 bytes";
        let event = members
            .take("events")
            .ok_or(JsonError::Missing {
                path: "events".to_owned(),
            })
            .map_err(claims)?;
        let event = read_event(event.get())?;
        let set = Self {
            iss: iss.clone(),
            jti: members.required("jti", id).map_err(claims)?,
            iat: members.required("iat", seconds).map_err(claims)?,
            aud,
            txn: members.optional("txn", id).map_err(claims)?,
            toe: members.optional("toe", seconds).map_err(claims)?,
            sub_id: members
                .required_with("sub_id", Subject::read)
                .map_err(claims)?,
            event,
            extra: members.rest(),
        };
        profile::framework_event_is_about_stream(&set.event, &set.sub_id)?;
        Ok(set)
    }
}

fn read_event(json: &str) -> Result<Event, SetError> {
    let within = |error: JsonError| SetError::Claims(error.within("events"));
    let events = Members::parse(json).map_err(within)?;
    let (uri, payload) = profile::exactly_one(events)?;
    let uri = EventTypeUri::parse(uri).map_err(|_| {
        SetError::Claims(JsonError::invalid(
            "events",
            "an object whose member names are absolute URIs",
        ))
    })?;
    Event::read(&uri, payload.get()).map_err(|error| within(error.within(uri.as_str())))
}

impl Serialize for SetClaims {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'c> {
            iss: &'c Issuer,
            jti: &'c Jti,
            iat: Timestamp,
            aud: &'c Audience,
            #[serde(skip_serializing_if = "Option::is_none")]
            txn: &'c Option<Txn>,
            #[serde(skip_serializing_if = "Option::is_none")]
            toe: Option<Timestamp>,
            sub_id: &'c Subject,
            events: Events<'c>,
            #[serde(flatten)]
            extra: &'c Extra,
        }
        let Self {
            iss,
            jti,
            iat,
            aud,
            txn,
            toe,
            sub_id,
            event,
            extra,
        } = self;
        Wire {
            iss,
            jti,
            iat: *iat,
            aud,
            txn,
            toe: *toe,
            sub_id,
            events: Events(event),
            extra,
        }
        .serialize(serializer)
    }
}
