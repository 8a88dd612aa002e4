//! The body that creates a stream.

use serde::Serialize;

use super::{
    delivery::{Delivery, PollDelivery, PushDelivery},
    event_types,
    text::{self, DESCRIPTION_BYTES_MAX},
};
use crate::{
    json::{self, Extra, JsonError, Members},
    uri::EventTypeUri,
};

/// Asks for a stream: what the Receiver supplies (SSF 1.0 §8.1.1.1).
///
/// All members are optional on the wire. What the Transmitter supplies does not count here: a Receiver that sends `iss` or
/// `aud` gets the Transmitter's, whatever they hold, and they are found in `extra`.
///
/// ```
/// # use ssf_types::{event::{EventPayload, caep::SessionRevoked}, uri::EventTypeUri};
/// # use ssf_types::{secret::AuthorizationHeader, stream::{CreateStream, PushDelivery}, uri::EndpointUrl};
/// let endpoint = EndpointUrl::parse("https://rp.example.com/events")?;
/// let secret = AuthorizationHeader::parse("Bearer x")?;
/// let events = vec![EventTypeUri::parse(SessionRevoked::URI)?];
/// let request = CreateStream::push(events, PushDelivery::new(endpoint, Some(secret)));
/// let body = serde_json::to_vec(&request)?;
/// assert_eq!(CreateStream::parse(&body)?, request);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CreateStream {
    /// Types of events that the Receiver understands and can act on; at most
    /// [`EVENT_TYPES_MAX`](super::EVENT_TYPES_MAX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// How to deliver; absent means poll.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Free text of at most [`DESCRIPTION_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// All other members, those that the Transmitter supplies included.
    #[serde(flatten)]
    pub extra: Extra,
}

impl CreateStream {
    /// Asks for events by push.
    pub fn push(events_requested: Vec<EventTypeUri>, delivery: PushDelivery) -> Self {
        Self {
            events_requested: Some(events_requested),
            delivery: Some(Delivery::Push(delivery)),
            ..Self::default()
        }
    }

    /// Asks for events by poll; where to poll is the Transmitter's to say.
    pub fn poll(events_requested: Vec<EventTypeUri>) -> Self {
        Self {
            events_requested: Some(events_requested),
            delivery: Some(Delivery::Poll(PollDelivery::default())),
            ..Self::default()
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is wrong. `null` is wrong, not absent.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            events_requested: event_types::read(&mut members, "events_requested")?,
            delivery: members.optional_with("delivery", Delivery::read)?,
            description: text::bounded(&mut members, "description", DESCRIPTION_BYTES_MAX)?,
            extra: members.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::strategies::{any_delivery, any_text, any_types};

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
    fn the_request_of_ssf_1_0_survives_a_round_trip() {
        let json = r#"{"events_requested":["urn:example:secevent:events:type_2","urn:example:secevent:events:type_3","urn:example:secevent:events:type_4"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://receiver.example.com/events"},"description":"Stream for Receiver A using events type_2, type_3, type_4"}"#;
        let request = CreateStream::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
    }

    #[test]
    fn a_request_for_poll_leaves_the_place_to_the_transmitter() {
        let events = vec![EventTypeUri::parse("urn:example:secevent:events:type_2").unwrap()];
        assert_eq!(
            serde_json::to_string(&CreateStream::poll(events)).unwrap(),
            r#"{"events_requested":["urn:example:secevent:events:type_2"],"delivery":{"method":"urn:ietf:rfc:8936"}}"#
        );
    }

    #[test]
    fn what_the_transmitter_supplies_is_kept_and_counts_for_nothing() {
        let request =
            CreateStream::parse(br#"{"iss":7,"aud":"https://rp.example.com","format":"iss_sub"}"#)
                .unwrap();
        assert_eq!(request.delivery, None);
        assert_eq!(request.extra.json("iss"), Some("7"));
        assert_eq!(request.extra.json("format"), Some(r#""iss_sub""#));
    }

    #[test]
    fn a_wrong_body_is_told_what_to_fix() {
        for (body, expected) in [
            (r#"{"delivery":"#, "not JSON (line 1, column 12)"),
            ("[]", "not a JSON object"),
            (
                r#"{"events_requested":"x"}"#,
                "events_requested must be an array of at most 256 absolute URIs",
            ),
            (
                r#"{"description":null}"#,
                "description must be a string of at most 1024 bytes without U+0000",
            ),
            (r#"{"delivery":null}"#, "delivery must be an object"),
            (
                r#"{"delivery":{"method":"urn:ietf:rfc:8935"}}"#,
                "delivery.endpoint_url is missing",
            ),
        ] {
            let error = CreateStream::parse(body.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn a_request_survives_a_round_trip(
            events_requested in prop::option::of(any_types()),
            delivery in prop::option::of(any_delivery()),
            description in any_text(),
        ) {
            let request = CreateStream {
                events_requested,
                delivery,
                description,
                extra: Extra::default(),
            };
            let json = serde_json::to_vec(&request).unwrap();
            prop_assert_eq!(CreateStream::parse(&json), Ok(request));
        }
    }
}
