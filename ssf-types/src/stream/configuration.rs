//! A stream as the Transmitter tells it.

use std::num::NonZeroU64;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use super::{
    delivery::Delivery,
    event_types,
    text::{self, DESCRIPTION_BYTES_MAX},
};
use crate::{
    audience::Audience,
    id::StreamId,
    json::{self, Extra, JsonError, Members},
    uri::{EventTypeUri, Issuer},
};

/// Most streams in one list; a Receiver has a few at each Transmitter.
pub const STREAMS_MAX: usize = 1000;

pub(super) const ISS: &str = "an https URL without query and fragment";
pub(super) const AUD: &str = "a string or an array of strings";
pub(super) const INTERVAL: &str = "a whole number of seconds";
pub(super) const TIMEOUT: &str = "a whole number of seconds, at least 1";

/// Takes out the name of a stream, which each body but the one that creates it has.
pub(super) fn stream_id(members: &mut Members<'_>) -> Result<StreamId, JsonError> {
    members.required(
        "stream_id",
        "a string of 1 to 255 bytes without control characters",
    )
}

/// A stream as the Transmitter tells it (SSF 1.0 §8.1.1).
///
/// A Receiver has to check that `iss` is the issuer whose metadata it has (SSF 1.0 §8.1.1.1), and relies on
/// `events_delivered` alone for what will come.
///
/// ```
/// # use ssf_types::stream::StreamConfiguration;
/// let stream = StreamConfiguration::parse(br#"{
///     "stream_id": "f67e39a0", "iss": "https://tr.example.com", "aud": "https://rp.example.com",
///     "events_requested": ["urn:example:1", "urn:example:2"], "events_delivered": ["urn:example:2"],
///     "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://rp.example.com/events"}
/// }"#)?;
/// assert_eq!(stream.events_delivered.len(), 1);
/// # Ok::<(), ssf_types::json::JsonError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StreamConfiguration {
    /// Supplied by the Transmitter; unique among its streams.
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
    /// Supplied by the Transmitter: least seconds between two requests for verification (SSF 1.0 §8.1.4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_verification_interval: Option<u64>,
    /// Supplied by the Receiver: free text, of which the first [`DESCRIPTION_BYTES_MAX`] bytes are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Supplied by the Transmitter: seconds without activity of the Receiver after which the stream may be stopped. That a
    /// push is acknowledged is no activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactivity_timeout: Option<NonZeroU64>,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
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
            extra: Extra::default(),
        }
    }

    /// Reads one configuration from JSON text that [`json::check`] has passed.
    ///
    /// # Errors
    /// Names the faulty member.
    pub fn read(json: &str) -> Result<Self, JsonError> {
        let mut members = Members::parse(json)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            iss: members.required("iss", ISS)?,
            aud: members.required("aud", AUD)?,
            events_supported: event_types::read(&mut members, "events_supported")?,
            events_requested: event_types::read(&mut members, "events_requested")?,
            events_delivered: event_types::read(&mut members, "events_delivered")?.ok_or_else(
                || JsonError::Missing {
                    path: "events_delivered".to_owned(),
                },
            )?,
            delivery: members.required_with("delivery", Delivery::read)?,
            min_verification_interval: members.optional("min_verification_interval", INTERVAL)?,
            description: text::clipped(&mut members, "description", DESCRIPTION_BYTES_MAX)?,
            inactivity_timeout: members.optional("inactivity_timeout", TIMEOUT)?,
            extra: members.rest(),
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
    /// Says where the body is no JSON array of at most [`STREAMS_MAX`] entries, or which entry and member is wrong.
    pub fn parse_list(body: &[u8]) -> Result<Vec<Self>, JsonError> {
        let items: Vec<&RawValue> = serde_json::from_str(json::check(body)?)
            .ok()
            .filter(|items: &Vec<_>| items.len() <= STREAMS_MAX)
            .ok_or_else(|| {
                let expected = "an array of at most 1000 stream configurations";
                JsonError::invalid("the answer", expected)
            })?;
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
    use proptest::prelude::*;

    use super::*;
    use crate::stream::strategies::{any_delivery, any_id, any_text, any_types};

    fn parse(json: &str) -> StreamConfiguration {
        StreamConfiguration::parse(json.as_bytes()).unwrap()
    }

    const LEAST: &str = r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_delivered":[],"delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://tr.example.com/poll/1"}}"#;

    fn with(member: &str) -> String {
        LEAST.replacen('{', &format!("{{{member},"), 1)
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
    fn the_answer_of_ssf_1_0_survives_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","iss":"https://tr.example.com","aud":["https://receiver.example.com/mobile","https://receiver.example.com/web"],"events_supported":["urn:example:secevent:events:type_1","urn:example:secevent:events:type_2","urn:example:secevent:events:type_3"],"events_requested":["urn:example:secevent:events:type_2","urn:example:secevent:events:type_3","urn:example:secevent:events:type_4"],"events_delivered":["urn:example:secevent:events:type_2","urn:example:secevent:events:type_3"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://receiver.example.com/events"},"description":"Stream for Receiver A using events type_2, type_3, type_4"}"#;
        assert_eq!(serde_json::to_string(&parse(json)).unwrap(), json);
    }

    #[test]
    fn six_members_are_enough() {
        let stream = parse(LEAST);
        assert_eq!(stream.events_requested, None);
        assert_eq!(serde_json::to_string(&stream).unwrap(), LEAST);
    }

    #[test]
    fn each_required_member_is_demanded() {
        for member in ["stream_id", "iss", "aud", "events_delivered", "delivery"] {
            let json = LEAST.replace(&format!("\"{member}\""), "\"x_other\"");
            let error = StreamConfiguration::parse(json.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("{member} is missing"));
        }
    }

    #[test]
    fn an_inactivity_timeout_is_at_least_a_second() {
        let stream = parse(&with(r#""inactivity_timeout":1"#));
        assert_eq!(stream.inactivity_timeout.map(NonZeroU64::get), Some(1));
        for value in ["0", "-1", "1.5", r#""60""#, "null"] {
            let json = with(&format!(r#""inactivity_timeout":{value}"#));
            let error = StreamConfiguration::parse(json.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "inactivity_timeout must be a whole number of seconds, at least 1"
            );
        }
    }

    #[test]
    fn a_verification_interval_may_be_zero() {
        let stream = parse(&with(r#""min_verification_interval":0"#));
        assert_eq!(stream.min_verification_interval, Some(0));
        let json = with(r#""min_verification_interval":"60""#);
        assert!(StreamConfiguration::parse(json.as_bytes()).is_err());
    }

    #[test]
    fn a_long_description_is_cut() {
        let json = with(&format!(r#""description":"{}""#, "x".repeat(1025)));
        assert_eq!(parse(&json).description.unwrap().len(), 1024);
    }

    #[test]
    fn members_that_are_not_defined_keep_their_bytes() {
        let stream = parse(&with(r#""format":"iss_sub","x_foo":{"b":1.0,"a":1e2}"#));
        assert_eq!(stream.extra.json("x_foo"), Some(r#"{"b":1.0,"a":1e2}"#));
        assert!(
            serde_json::to_string(&stream)
                .unwrap()
                .ends_with(r#","format":"iss_sub","x_foo":{"b":1.0,"a":1e2}}"#)
        );
    }

    #[test]
    fn a_list_has_at_most_1000_streams() {
        let list = |count: usize| format!("[{}]", vec![LEAST; count].join(","));
        assert_eq!(
            StreamConfiguration::parse_list(list(1000).as_bytes())
                .unwrap()
                .len(),
            1000
        );
        let error = StreamConfiguration::parse_list(list(1001).as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the answer must be an array of at most 1000 stream configurations"
        );
    }

    proptest! {
        #[test]
        fn every_configuration_survives_a_round_trip(
            id in any_id(),
            delivery in any_delivery(),
            lists in (prop::option::of(any_types()), prop::option::of(any_types()), any_types()),
            description in any_text(),
            min_verification_interval: Option<u64>,
            inactivity_timeout: Option<NonZeroU64>,
        ) {
            let issuer = Issuer::parse("https://tr.example.com").unwrap();
            let audience = Audience::new(["https://rp.example.com"]).unwrap();
            let (events_supported, events_requested, events_delivered) = lists;
            let stream = StreamConfiguration {
                events_supported,
                events_requested,
                min_verification_interval,
                description,
                inactivity_timeout,
                ..StreamConfiguration::new(id, issuer, audience, events_delivered, delivery)
            };
            let json = serde_json::to_vec(&stream).unwrap();
            prop_assert_eq!(StreamConfiguration::parse(&json), Ok(stream));
        }
    }
}
