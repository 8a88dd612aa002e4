//! Streams: the configuration object, its status, and the bodies that create and read them (SSF 1.0 §8.1).

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use crate::{
    audience::Audience,
    id::StreamId,
    json::{self, JsonError, Members},
    secret::AuthorizationHeader,
    uri::{EndpointUrl, EventTypeUri, Issuer},
};

/// Most event types that one stream may ask for.
pub const EVENT_TYPES_MAX: usize = 256;

/// Longest `description`, in bytes.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;

/// URN of push delivery (SSF 1.0 §6.1.1).
pub const DELIVERY_PUSH: &str = "urn:ietf:rfc:8935";

/// URN of poll delivery (SSF 1.0 §6.1.2).
pub const DELIVERY_POLL: &str = "urn:ietf:rfc:8936";

/// Whether a stream carries events (SSF 1.0 §8.1.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamStatus {
    /// Events are sent.
    Enabled,
    /// Events are held.
    Paused,
    /// Events are neither sent nor held.
    Disabled,
}

impl StreamStatus {
    /// The value on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// The answer to a question for the status of a stream (SSF 1.0 §8.1.2.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StatusConfiguration {
    /// The stream.
    pub stream_id: StreamId,
    /// Its status.
    pub status: StreamStatus,
    /// Why it has that status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl StatusConfiguration {
    /// Tells the status of a stream.
    pub fn new(stream_id: StreamId, status: StreamStatus, reason: Option<String>) -> Self {
        Self {
            stream_id,
            status,
            reason,
        }
    }
}

/// How SETs reach the Receiver (SSF 1.0 §6.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "method")]
#[non_exhaustive]
pub enum Delivery {
    /// The Transmitter POSTs each SET to the Receiver (RFC 8935).
    #[serde(rename = "urn:ietf:rfc:8935")]
    Push(PushDelivery),
    /// The Receiver fetches SETs from the Transmitter (RFC 8936).
    #[serde(rename = "urn:ietf:rfc:8936")]
    Poll(PollDelivery),
}

/// Where and how to push (SSF 1.0 §6.1.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PushDelivery {
    /// Chosen by the Receiver.
    pub endpoint_url: EndpointUrl,
    /// Sent as `Authorization` with each push. A Transmitter's answers leave it out: it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_header: Option<AuthorizationHeader>,
}

impl PushDelivery {
    /// Pushes to `endpoint_url`.
    pub fn new(
        endpoint_url: EndpointUrl,
        authorization_header: Option<AuthorizationHeader>,
    ) -> Self {
        Self {
            endpoint_url,
            authorization_header,
        }
    }

    /// The same without the secret: what an answer may show.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        Self {
            endpoint_url: self.endpoint_url.clone(),
            authorization_header: None,
        }
    }
}

/// Where to poll (SSF 1.0 §6.1.2).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PollDelivery {
    /// Chosen by the Transmitter; absent in the request that creates the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<EndpointUrl>,
}

impl Delivery {
    /// Reads a delivery object from JSON text that [`json::check`] has passed.
    ///
    /// # Errors
    /// Names the faulty member.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        let method: String = members.required("method", "a string")?;
        let endpoint = "an https URL without credentials and fragment";
        match method.as_str() {
            DELIVERY_PUSH => Ok(Self::Push(PushDelivery {
                endpoint_url: members.required("endpoint_url", endpoint)?,
                authorization_header: members.optional(
                    "authorization_header",
                    "visible ASCII of 1 to 4096 bytes, such as \"Bearer x\"",
                )?,
            })),
            DELIVERY_POLL => Ok(Self::Poll(PollDelivery {
                endpoint_url: members.optional("endpoint_url", endpoint)?,
            })),
            _ => Err(JsonError::invalid(
                "method",
                "urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)",
            )),
        }
    }

    /// The value of `method`.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Push(_) => DELIVERY_PUSH,
            Self::Poll(_) => DELIVERY_POLL,
        }
    }
}

/// The body that creates a stream: what the Receiver supplies (SSF 1.0 §8.1.1.1).
///
/// Members that the Transmitter supplies are ignored, as unknown ones are.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CreateStream {
    /// Types of events that the Receiver understands and can act on; at most [`EVENT_TYPES_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// How to deliver; absent means poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Free text of at most [`DESCRIPTION_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl CreateStream {
    /// Asks for events by push.
    pub fn push(events_requested: Vec<EventTypeUri>, delivery: PushDelivery) -> Self {
        Self {
            events_requested: Some(events_requested),
            delivery: Some(Delivery::Push(delivery)),
            description: None,
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        let expected = "a string of at most 1024 bytes without U+0000";
        let description: Option<String> = members.optional("description", expected)?;
        if description
            .as_ref()
            .is_some_and(|text| text.len() > DESCRIPTION_BYTES_MAX || text.contains('\0'))
        {
            return Err(JsonError::invalid("description", expected));
        }
        Ok(Self {
            events_requested: event_types(&mut members, "events_requested")?,
            delivery: members.optional_with("delivery", Delivery::read)?,
            description,
        })
    }
}

fn event_types(
    members: &mut Members<'_>,
    name: &str,
) -> Result<Option<Vec<EventTypeUri>>, JsonError> {
    let expected = "an array of at most 256 absolute URIs";
    let types: Option<Vec<EventTypeUri>> = members.optional(name, expected)?;
    if types
        .as_ref()
        .is_some_and(|types| types.len() > EVENT_TYPES_MAX)
    {
        return Err(JsonError::invalid(name, expected));
    }
    Ok(types)
}

/// A stream as the Transmitter tells it (SSF 1.0 §8.1.1).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamConfiguration {
    /// Supplied by the Transmitter.
    pub stream_id: StreamId,
    /// Supplied by the Transmitter: its issuer.
    pub iss: Issuer,
    /// Supplied by the Transmitter; never changes.
    pub aud: Audience,
    /// Supplied by the Transmitter: what it can send to this Receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_supported: Option<Vec<EventTypeUri>>,
    /// Supplied by the Receiver, echoed as it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// Supplied by the Transmitter: what it will send.
    pub events_delivered: Vec<EventTypeUri>,
    /// How SETs are delivered.
    pub delivery: Delivery,
    /// Supplied by the Transmitter: least seconds between two requests for verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_verification_interval: Option<u64>,
    /// Supplied by the Receiver: free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Supplied by the Transmitter: seconds without activity of the Receiver after which the stream may be stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactivity_timeout: Option<u64>,
}

impl StreamConfiguration {
    /// Tells a stream by the members that must be there.
    pub fn new(
        stream_id: StreamId,
        iss: Issuer,
        aud: Audience,
        events_delivered: Vec<EventTypeUri>,
        delivery: Delivery,
    ) -> Self {
        Self {
            stream_id,
            iss,
            aud,
            events_supported: None,
            events_requested: None,
            events_delivered,
            delivery,
            min_verification_interval: None,
            description: None,
            inactivity_timeout: None,
        }
    }

    /// Reads one configuration from JSON text that [`json::check`] has passed.
    ///
    /// # Errors
    /// Names the faulty member.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        Ok(Self {
            stream_id: members.required("stream_id", "a string of 1 to 255 bytes")?,
            iss: members.required("iss", "an https URL without query and fragment")?,
            aud: members.required("aud", "a string or an array of strings")?,
            events_supported: event_types(&mut members, "events_supported")?,
            events_requested: event_types(&mut members, "events_requested")?,
            events_delivered: event_types(&mut members, "events_delivered")?.ok_or_else(|| {
                JsonError::Missing {
                    path: "events_delivered".to_owned(),
                }
            })?,
            delivery: members.required_with("delivery", Delivery::read)?,
            min_verification_interval: members
                .optional("min_verification_interval", "a whole number of seconds")?,
            description: members.optional("description", "a string")?,
            inactivity_timeout: members
                .optional("inactivity_timeout", "a whole number of seconds")?,
        })
    }

    /// Reads the body of an answer that holds one configuration.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        Self::read(json::check(body)?)
    }

    /// Reads the body of an answer that lists configurations.
    ///
    /// # Errors
    /// Says where the body is no JSON array, or which entry and member is wrong.
    pub fn parse_list(body: &[u8]) -> Result<Vec<Self>, JsonError> {
        let items: Vec<&RawValue> = serde_json::from_str(json::check(body)?)
            .map_err(|_| JsonError::invalid("the answer", "an array of stream configurations"))?;
        let entry = |(at, item): (usize, &&RawValue)| {
            Self::read(item.get()).map_err(|error| error.within(&at.to_string()))
        };
        items.iter().enumerate().map(entry).collect()
    }
}

impl<'de> Deserialize<'de> for StreamConfiguration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get().as_bytes()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_push_is_read() {
        let body = br#"{
            "delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events","authorization_header":"Bearer x"},
            "events_requested":["urn:example:secevent:events:type_2"],
            "description":"Stream for Receiver A"
        }"#;
        let request = CreateStream::parse(body).unwrap();
        let Some(Delivery::Push(push)) = request.delivery else {
            panic!()
        };
        assert_eq!(push.endpoint_url.as_str(), "https://rp.example.com/events");
        assert_eq!(push.authorization_header.unwrap().expose(), "Bearer x");
        assert_eq!(request.description.unwrap(), "Stream for Receiver A");
    }

    #[test]
    fn a_wrong_body_is_told_what_to_fix() {
        let error = |body: &str| {
            CreateStream::parse(body.as_bytes())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(error(r#"{"delivery":"#), "not JSON (line 1, column 12)");
        assert_eq!(error("[]"), "not a JSON object");
        assert_eq!(
            error(r#"{"events_requested":"x"}"#),
            "events_requested must be an array of at most 256 absolute URIs"
        );
        assert_eq!(
            error(r#"{"delivery":{"method":"urn:ietf:rfc:8935"}}"#),
            "delivery.endpoint_url is missing"
        );
        assert_eq!(
            error(
                r#"{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://rp.example.com"}}"#
            ),
            "delivery.endpoint_url must be an https URL without credentials and fragment"
        );
        assert_eq!(
            error(r#"{"delivery":{"method":"urn:example:smoke-signal"}}"#),
            "delivery.method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)"
        );
    }

    #[test]
    fn a_configuration_survives_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":["https://a.example","https://b.example"],"events_supported":["urn:example:1"],"events_requested":["urn:example:1","urn:example:2"],"events_delivered":["urn:example:1"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"},"min_verification_interval":60,"description":"A","inactivity_timeout":3600}"#;
        let configuration = StreamConfiguration::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&configuration).unwrap(), json);
    }

    #[test]
    fn a_list_is_an_array_even_of_one() {
        assert_eq!(StreamConfiguration::parse_list(b"[]").unwrap(), vec![]);
        assert!(StreamConfiguration::parse_list(b"{}").is_err());
        let error = StreamConfiguration::parse_list(br#"[{"stream_id":"1"}]"#).unwrap_err();
        assert_eq!(error.to_string(), "0.iss is missing");
    }

    #[test]
    fn a_status_has_three_values() {
        let status = |json: &str| serde_json::from_str::<StreamStatus>(json).ok();
        assert_eq!(status(r#""paused""#), Some(StreamStatus::Paused));
        assert_eq!(status(r#""Paused""#), None);
    }
}
