//! The events of SCIM (RFC 9967): what happened to a provisioned resource. The subject is a `scim` one.
//!
//! [`Event`](super::Event) does not know them; they are a table made with [`events!`](crate::events), as anybody may
//! make one.
//!
//! ```
//! use ssf_types::{event::{Event, scim::ScimEvent}, uri::EventTypeUri};
//!
//! let uri = EventTypeUri::parse("urn:ietf:params:scim:event:prov:patch:notice")?;
//! let Event::Other(other) = Event::read(&uri, r#"{"attributes":["emails","name.familyName"]}"#)? else {
//!     unreachable!()
//! };
//! let Some(ScimEvent::PatchNotice(notice)) = ScimEvent::read(&other)? else { unreachable!() };
//! assert_eq!(notice.attributes, ["emails", "name.familyName"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    EventPayload,
    table::{bare_events, hide_values},
};
use crate::json::{Extra, JsonError, Members};

/// Most entries of `attributes`.
pub const ATTRIBUTES_MAX: usize = 1024;

crate::events! {
    /// One event of SCIM (RFC 9967 §2).
    #[derive(Eq)]
    #[non_exhaustive]
    pub enum ScimEvent {
        /// The resource joined the feed (RFC 9967 §2.3.1).
        FeedAdd(FeedAdd),
        /// The resource left the feed (RFC 9967 §2.3.2).
        FeedRemove(FeedRemove),
        /// The resource was created; its attributes are named (RFC 9967 §2.4.1).
        CreateNotice(CreateNotice),
        /// The resource was created; its content is there (RFC 9967 §2.4.1).
        CreateFull(CreateFull),
        /// The resource was modified; the attributes are named (RFC 9967 §2.4.2).
        PatchNotice(PatchNotice),
        /// The resource was modified; the modification is there (RFC 9967 §2.4.2).
        PatchFull(PatchFull),
        /// The resource was replaced; the attributes are named (RFC 9967 §2.4.3).
        PutNotice(PutNotice),
        /// The resource was replaced; its content is there (RFC 9967 §2.4.3).
        PutFull(PutFull),
        /// The resource was deleted (RFC 9967 §2.4.4).
        Delete(Delete),
        /// The resource was activated (RFC 9967 §2.4.5).
        Activate(Activate),
        /// The resource was deactivated (RFC 9967 §2.4.6).
        Deactivate(Deactivate),
        /// A request that was to be worked off later is done (RFC 9967 §2.5).
        AsyncResponse(AsyncResponse),
    }
}

bare_events! {
    /// The resource joined the feed; it need not be new (RFC 9967 §2.3.1).
    FeedAdd = "urn:ietf:params:scim:event:feed:add";
    /// The resource left the feed; it need not be gone (RFC 9967 §2.3.2).
    FeedRemove = "urn:ietf:params:scim:event:feed:remove";
    /// The resource was deleted (RFC 9967 §2.4.4).
    Delete = "urn:ietf:params:scim:event:prov:delete";
    /// The resource was activated (RFC 9967 §2.4.5).
    Activate = "urn:ietf:params:scim:event:prov:activate";
    /// The resource was deactivated (RFC 9967 §2.4.6).
    Deactivate = "urn:ietf:params:scim:event:prov:deactivate";
}

/// Declares the changes of one kind: all have the same member beside `version`.
macro_rules! changes {
    (
        $member:ident: $type:ty, $read:expr, $member_doc:literal;
        $($(#[$doc:meta])* $name:ident = $uri:literal;)+
    ) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Eq, PartialEq, Serialize)]
            #[non_exhaustive]
            pub struct $name {
                /// The `ETag` of the resource after the change.
                #[serde(skip_serializing_if = "Option::is_none")]
                pub version: Option<String>,
                #[doc = $member_doc]
                pub $member: $type,
                /// Members that RFC 9967 does not define.
                #[serde(flatten)]
                pub extra: Extra,
            }

            impl $name {
                /// Tells the one thing that must be told.
                pub fn new($member: $type) -> Self {
                    Self { version: None, $member, extra: Extra::default() }
                }
            }

            impl EventPayload for $name {
                const URI: &'static str = $uri;

                fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
                    Ok(Self {
                        version: members.optional("version", "a string")?,
                        $member: $read(&mut members)?,
                        extra: members.rest(),
                    })
                }
            }
        )+
        hide_values!($($name),+);
    };
}

changes! {
    attributes: Vec<String>, read_attributes,
    "The paths of the attributes that changed, at most [`ATTRIBUTES_MAX`]; the Receiver fetches the values.";
    /// The resource was created; its attributes are named (RFC 9967 §2.4.1).
    CreateNotice = "urn:ietf:params:scim:event:prov:create:notice";
    /// The resource was modified; the attributes are named (RFC 9967 §2.4.2).
    PatchNotice = "urn:ietf:params:scim:event:prov:patch:notice";
    /// The resource was replaced; the attributes are named (RFC 9967 §2.4.3).
    PutNotice = "urn:ietf:params:scim:event:prov:put:notice";
}

changes! {
    data: Map<String, Value>, read_data,
    "What the request said, as `data` of a SCIM bulk operation (RFC 7644 §3.7).";
    /// The resource was created; its content is there (RFC 9967 §2.4.1).
    CreateFull = "urn:ietf:params:scim:event:prov:create:full";
    /// The resource was modified; the modification is there (RFC 9967 §2.4.2).
    PatchFull = "urn:ietf:params:scim:event:prov:patch:full";
    /// The resource was replaced; its content is there (RFC 9967 §2.4.3).
    PutFull = "urn:ietf:params:scim:event:prov:put:full";
}

fn read_attributes(members: &mut Members<'_>) -> Result<Vec<String>, JsonError> {
    let expected = "an array of at most 1024 strings";
    let attributes: Vec<String> = members.required("attributes", expected)?;
    if attributes.len() > ATTRIBUTES_MAX {
        return Err(JsonError::invalid("attributes", expected));
    }
    Ok(attributes)
}

fn read_data(members: &mut Members<'_>) -> Result<Map<String, Value>, JsonError> {
    members.required("data", "an object")
}

hide_values!(AsyncResponse);

/// A request that was to be worked off later is done; `txn` of the SET tells which (RFC 9967 §2.5).
#[derive(Clone, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AsyncResponse {
    /// The HTTP method of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The HTTP status that the request would have been answered with, as a string (RFC 7644 §3.7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Where the resource is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The `ETag` of the resource afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The body that the request would have been answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Map<String, Value>>,
    /// Members that RFC 9967 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl EventPayload for AsyncResponse {
    const URI: &'static str = "urn:ietf:params:scim:event:misc:asyncresp";

    fn read(mut members: Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            method: members.optional("method", "a string")?,
            status: members.optional("status", "a string")?,
            location: members.optional("location", "a string")?,
            version: members.optional("version", "a string")?,
            response: members.optional("response", "an object")?,
            extra: members.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Event, OtherEvent},
        uri::EventTypeUri,
    };

    fn read(name: &str, payload: &str) -> Result<ScimEvent, JsonError> {
        let uri = EventTypeUri::parse(format!("urn:ietf:params:scim:event:{name}")).unwrap();
        let other = OtherEvent::new(uri, payload)?;
        ScimEvent::read(&other).map(Option::unwrap)
    }

    #[test]
    fn every_type_of_the_table_is_read_and_written_under_its_uri() {
        let names = [
            ("feed:add", "{}"),
            ("feed:remove", "{}"),
            ("prov:create:notice", r#"{"attributes":["userName"]}"#),
            (
                "prov:create:full",
                r#"{"version":"W/\"7\"","data":{"userName":"jdoe"}}"#,
            ),
            ("prov:patch:notice", r#"{"attributes":[]}"#),
            ("prov:patch:full", r#"{"data":{"Operations":[]}}"#),
            ("prov:put:notice", r#"{"attributes":["active"],"x":1.0}"#),
            ("prov:put:full", r#"{"data":{}}"#),
            ("prov:delete", r#"{"version":"7"}"#),
            ("prov:activate", "{}"),
            ("prov:deactivate", "{}"),
            (
                "misc:asyncresp",
                r#"{"method":"POST","status":"201","location":"/Users/7","response":{}}"#,
            ),
        ];
        assert_eq!(ScimEvent::EVENT_TYPES.len(), names.len());
        for ((name, payload), uri) in names.into_iter().zip(ScimEvent::EVENT_TYPES) {
            assert_eq!(*uri, format!("urn:ietf:params:scim:event:{name}"));
            let event = read(name, payload).unwrap();
            assert_eq!(event.type_uri(), *uri);
            assert_eq!(serde_json::to_string(&event).unwrap(), payload);
            let event = Event::try_from(event).unwrap();
            assert_eq!(event.uri().as_str(), *uri);
            assert_eq!(serde_json::to_string(&event).unwrap(), payload);
        }
    }

    #[test]
    fn a_notice_names_attributes_and_a_full_event_has_data() {
        assert_eq!(
            read("prov:put:notice", r#"{"data":{}}"#)
                .unwrap_err()
                .to_string(),
            "attributes is missing"
        );
        assert_eq!(
            read("prov:put:full", r#"{"attributes":[]}"#)
                .unwrap_err()
                .to_string(),
            "data is missing"
        );
    }

    #[test]
    fn a_notice_names_at_most_1024_attributes() {
        let payload = |count| format!(r#"{{"attributes":[{}]}}"#, vec![r#""a""#; count].join(","));
        assert!(read("prov:put:notice", &payload(1024)).is_ok());
        assert_eq!(
            read("prov:put:notice", &payload(1025))
                .unwrap_err()
                .to_string(),
            "attributes must be an array of at most 1024 strings"
        );
    }

    #[test]
    fn an_event_prints_no_value_for_debugging() {
        let event = read("prov:create:full", r#"{"data":{"userName":"jdoe"}}"#).unwrap();
        assert_eq!(format!("{event:?}"), r#"CreateFull {"data"}"#);
    }

    #[test]
    fn a_type_that_is_not_in_the_table_is_not_read() {
        let uri = EventTypeUri::parse("urn:ietf:params:scim:event:prov:explode").unwrap();
        assert_eq!(
            ScimEvent::read(&OtherEvent::new(uri, "{}").unwrap()),
            Ok(None)
        );
    }
}
