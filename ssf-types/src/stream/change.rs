//! The bodies that change a stream, and what comes of them.

use std::num::NonZeroU64;

use serde::Serialize;

use super::{
    configuration::{self, StreamConfiguration, stream_id},
    delivery::Delivery,
    event_types::{self, events_delivered},
    text::{self, DESCRIPTION_BYTES_MAX},
};
use crate::{
    audience::Audience,
    id::StreamId,
    json::{self, Extra, JsonError, Members},
    uri::{EventTypeUri, Issuer},
};

/// What a Receiver sent of the members that are the Transmitter's.
///
/// They may be left out, and must be what the stream has if they are not (SSF 1.0 §8.1.1.3, §8.1.1.4). `stream_id` is not
/// among them: it is required, and tells which stream is meant.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TransmitterSupplied {
    /// The issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<Issuer>,
    /// The audience of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// What the Transmitter can send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_supported: Option<Vec<EventTypeUri>>,
    /// What the Transmitter sends, before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_delivered: Option<Vec<EventTypeUri>>,
    /// Least seconds between two requests for verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_verification_interval: Option<u64>,
    /// Seconds without activity after which the stream may be stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactivity_timeout: Option<NonZeroU64>,
}

/// A Receiver sent a member of the Transmitter's with another value than the stream has.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{member} is supplied by the transmitter: leave it out, or send what the stream has")]
#[non_exhaustive]
pub struct NotAsSupplied {
    /// The member's name.
    pub member: &'static str,
}

impl TransmitterSupplied {
    fn take(members: &mut Members<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            iss: members.optional("iss", configuration::ISS)?,
            aud: members.optional("aud", configuration::AUD)?,
            events_supported: event_types::read(members, "events_supported")?,
            events_delivered: event_types::read(members, "events_delivered")?,
            min_verification_interval: members
                .optional("min_verification_interval", configuration::INTERVAL)?,
            inactivity_timeout: members.optional("inactivity_timeout", configuration::TIMEOUT)?,
        })
    }

    /// Checks that what was sent is what the stream has before the change.
    ///
    /// Lists of event types and audiences are sets: order and repetition mean nothing.
    ///
    /// # Errors
    /// Names the first member that differs, or that the stream does not have.
    pub fn check(&self, stream: &StreamConfiguration) -> Result<(), NotAsSupplied> {
        let same_types = |sent: &Option<Vec<EventTypeUri>>, has: Option<&Vec<EventTypeUri>>| {
            sent.as_ref()
                .is_none_or(|sent| has.is_some_and(|has| event_types::name_the_same(sent, has)))
        };
        let verdicts = [
            (
                "iss",
                self.iss.as_ref().is_none_or(|sent| *sent == stream.iss),
            ),
            (
                "aud",
                self.aud.as_ref().is_none_or(|sent| *sent == stream.aud),
            ),
            (
                "events_supported",
                same_types(&self.events_supported, stream.events_supported.as_ref()),
            ),
            (
                "events_delivered",
                same_types(&self.events_delivered, Some(&stream.events_delivered)),
            ),
            (
                "min_verification_interval",
                self.min_verification_interval.is_none()
                    || self.min_verification_interval == stream.min_verification_interval,
            ),
            (
                "inactivity_timeout",
                self.inactivity_timeout.is_none()
                    || self.inactivity_timeout == stream.inactivity_timeout,
            ),
        ];
        match verdicts.into_iter().find(|(_, same)| !same) {
            Some((member, _)) => Err(NotAsSupplied { member }),
            None => Ok(()),
        }
    }
}

/// Changes the members that are there: the body of a PATCH (SSF 1.0 §8.1.1.3).
///
/// What is absent stays as it is, and `null` is no way to delete anything.
///
/// ```
/// # use ssf_types::stream::{StreamConfiguration, UpdateStream};
/// let stream = StreamConfiguration::parse(br#"{
///     "stream_id": "f67e39a0", "iss": "https://tr.example.com", "aud": "https://rp.example.com",
///     "events_delivered": [], "description": "A",
///     "delivery": {"method": "urn:ietf:rfc:8935", "endpoint_url": "https://rp.example.com/events"}
/// }"#)?;
/// let update = UpdateStream::parse(br#"{"stream_id":"f67e39a0","description":"B"}"#)?;
/// let changed = update.apply(stream.clone(), &[])?;
/// assert_eq!(changed.description.as_deref(), Some("B"));
/// assert_eq!(changed.delivery, stream.delivery);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UpdateStream {
    /// Which stream to change.
    pub stream_id: StreamId,
    /// Event types to ask for from now on; at most [`EVENT_TYPES_MAX`](super::EVENT_TYPES_MAX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// How to deliver from now on; it replaces the former object as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Free text of at most [`DESCRIPTION_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What was sent of the Transmitter's members.
    #[serde(flatten)]
    pub supplied: TransmitterSupplied,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl UpdateStream {
    /// Changes nothing yet.
    pub fn new(stream_id: StreamId) -> Self {
        Self {
            stream_id,
            events_requested: None,
            delivery: None,
            description: None,
            supplied: TransmitterSupplied::default(),
            extra: Extra::default(),
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            events_requested: event_types::read(&mut members, "events_requested")?,
            delivery: members.optional_with("delivery", Delivery::read)?,
            description: text::bounded(&mut members, "description", DESCRIPTION_BYTES_MAX)?,
            supplied: TransmitterSupplied::take(&mut members)?,
            extra: members.rest(),
        })
    }

    /// The stream after the change; `supported` is what the Transmitter can send to this Receiver.
    ///
    /// Where the delivery becomes poll, the Transmitter still has to give it an `endpoint_url`
    /// ([`Delivery::replaced_by`]). Members that SSF 1.0 does not define change nothing.
    ///
    /// # Errors
    /// The request means another stream, or is at odds with what the Transmitter supplies.
    pub fn apply(
        self,
        mut stream: StreamConfiguration,
        supported: &[EventTypeUri],
    ) -> Result<StreamConfiguration, NotAsSupplied> {
        same_stream(&self.stream_id, &stream)?;
        self.supplied.check(&stream)?;
        if let Some(requested) = self.events_requested {
            stream.events_delivered = events_delivered(supported, &requested);
            stream.events_requested = Some(requested);
        }
        if let Some(asked) = self.delivery {
            stream.delivery = stream.delivery.replaced_by(asked);
        }
        stream.description = self.description.or(stream.description);
        Ok(stream)
    }
}

/// Replaces all that the Receiver supplies: the body of a PUT (SSF 1.0 §8.1.1.4).
///
/// What is absent is deleted. `delivery` cannot be: a stream without it does not exist.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReplaceStream {
    /// Which stream to change.
    pub stream_id: StreamId,
    /// Event types to ask for; at most [`EVENT_TYPES_MAX`](super::EVENT_TYPES_MAX).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// How to deliver.
    pub delivery: Delivery,
    /// Free text of at most [`DESCRIPTION_BYTES_MAX`] bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What was sent of the Transmitter's members.
    #[serde(flatten)]
    pub supplied: TransmitterSupplied,
    /// Members that SSF 1.0 does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ReplaceStream {
    /// Leaves the stream with nothing but a way of delivery.
    pub fn new(stream_id: StreamId, delivery: Delivery) -> Self {
        Self {
            stream_id,
            events_requested: None,
            delivery,
            description: None,
            supplied: TransmitterSupplied::default(),
            extra: Extra::default(),
        }
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// Says where the body is no JSON, or which member is absent or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::parse(json::check(body)?)?;
        Ok(Self {
            stream_id: stream_id(&mut members)?,
            events_requested: event_types::read(&mut members, "events_requested")?,
            delivery: members.required_with("delivery", Delivery::read)?,
            description: text::bounded(&mut members, "description", DESCRIPTION_BYTES_MAX)?,
            supplied: TransmitterSupplied::take(&mut members)?,
            extra: members.rest(),
        })
    }

    /// The stream after the change; `supported` is what the Transmitter can send to this Receiver.
    ///
    /// Where the delivery becomes poll, the Transmitter still has to give it an `endpoint_url`
    /// ([`Delivery::replaced_by`]). Members that SSF 1.0 does not define change nothing.
    ///
    /// # Errors
    /// The request means another stream, or is at odds with what the Transmitter supplies.
    pub fn apply(
        self,
        mut stream: StreamConfiguration,
        supported: &[EventTypeUri],
    ) -> Result<StreamConfiguration, NotAsSupplied> {
        same_stream(&self.stream_id, &stream)?;
        self.supplied.check(&stream)?;
        let requested = self.events_requested.as_deref().unwrap_or_default();
        stream.events_delivered = events_delivered(supported, requested);
        stream.events_requested = self.events_requested;
        stream.delivery = stream.delivery.replaced_by(self.delivery);
        stream.description = self.description;
        Ok(stream)
    }
}

fn same_stream(sent: &StreamId, stream: &StreamConfiguration) -> Result<(), NotAsSupplied> {
    if *sent != stream.stream_id {
        return Err(NotAsSupplied {
            member: "stream_id",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stream::{
        PollDelivery,
        strategies::{any_delivery, any_id, any_text, any_types},
    };

    const STREAM: &str = r#"{
        "stream_id":"f67e39a0","iss":"https://tr.example.com","aud":["https://rp.example.com/web","https://rp.example.com/mobile"],
        "events_supported":["urn:a:1","urn:a:2","urn:a:3"],"events_requested":["urn:a:2"],"events_delivered":["urn:a:2"],
        "delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"},
        "min_verification_interval":60,"description":"A","inactivity_timeout":3600}"#;

    fn stream() -> StreamConfiguration {
        StreamConfiguration::parse(STREAM.as_bytes()).unwrap()
    }

    fn types(uris: &[&str]) -> Vec<EventTypeUri> {
        uris.iter()
            .map(|uri| EventTypeUri::parse(*uri).unwrap())
            .collect()
    }

    fn supported() -> Vec<EventTypeUri> {
        types(&["urn:a:1", "urn:a:2", "urn:a:3"])
    }

    fn updated(json: &str) -> Result<StreamConfiguration, NotAsSupplied> {
        let update = UpdateStream::parse(json.as_bytes()).unwrap();
        update.apply(stream(), &supported())
    }

    fn replaced(json: &str) -> Result<StreamConfiguration, NotAsSupplied> {
        let replacement = ReplaceStream::parse(json.as_bytes()).unwrap();
        replacement.apply(stream(), &supported())
    }

    #[test]
    fn an_update_without_members_changes_nothing() {
        assert_eq!(updated(r#"{"stream_id":"f67e39a0"}"#), Ok(stream()));
    }

    #[test]
    fn an_update_changes_what_it_names_and_nothing_else() {
        let mut expected = stream();
        expected.description = Some("B".into());
        let json = r#"{"stream_id":"f67e39a0","description":"B"}"#;
        assert_eq!(updated(json), Ok(expected));
    }

    #[test]
    fn what_is_delivered_follows_what_is_requested() {
        let mut expected = stream();
        expected.events_requested = Some(types(&["urn:a:3", "urn:a:9"]));
        expected.events_delivered = types(&["urn:a:3"]);
        let json = r#"{"stream_id":"f67e39a0","events_requested":["urn:a:3","urn:a:9"]}"#;
        assert_eq!(updated(json), Ok(expected));
    }

    #[test]
    fn a_delivery_is_replaced_as_a_whole() {
        let json = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8936"}}"#;
        let expected = Delivery::Poll(PollDelivery::default());
        assert_eq!(updated(json).unwrap().delivery, expected);
    }

    #[test]
    fn a_replacement_deletes_what_it_does_not_name() {
        let mut expected = stream();
        expected.description = None;
        expected.events_requested = None;
        expected.events_delivered = Vec::new();
        let json = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#;
        assert_eq!(replaced(json), Ok(expected));
    }

    #[test]
    fn a_replacement_without_a_delivery_is_refused() {
        let error = ReplaceStream::parse(br#"{"stream_id":"f67e39a0"}"#).unwrap_err();
        assert_eq!(error.to_string(), "delivery is missing");
    }

    #[test]
    fn what_was_read_can_be_sent_back() {
        assert_eq!(updated(STREAM), Ok(stream()));
        assert_eq!(replaced(STREAM), Ok(stream()));
    }

    #[test]
    fn the_order_of_event_types_means_nothing() {
        let json = r#"{"stream_id":"f67e39a0","events_supported":["urn:a:3","urn:a:2","urn:a:1"]}"#;
        assert_eq!(updated(json), Ok(stream()));
    }

    #[test]
    fn each_member_of_the_transmitters_must_be_what_the_stream_has() {
        for (member, value) in [
            ("stream_id", r#""another""#),
            ("iss", r#""https://tr.example.com/""#),
            ("aud", r#""https://rp.example.com/web""#),
            ("events_supported", r#"["urn:a:1"]"#),
            ("events_delivered", r#"["urn:a:2","urn:a:3"]"#),
            ("min_verification_interval", "61"),
            ("inactivity_timeout", "3601"),
        ] {
            let mut body: serde_json::Value = serde_json::from_str(STREAM).unwrap();
            body[member] = serde_json::from_str(value).unwrap();
            let json = body.to_string();
            assert_eq!(updated(&json), Err(NotAsSupplied { member }), "{member}");
            assert_eq!(replaced(&json), Err(NotAsSupplied { member }), "{member}");
        }
    }

    #[test]
    fn a_member_that_the_stream_does_not_have_cannot_be_sent() {
        let mut bare = stream();
        bare.inactivity_timeout = None;
        bare.events_supported = None;
        let check = |json: &str| {
            let update = UpdateStream::parse(json.as_bytes()).unwrap();
            update.supplied.check(&bare).map_err(|error| error.member)
        };
        assert_eq!(
            check(r#"{"stream_id":"f67e39a0","inactivity_timeout":3600}"#),
            Err("inactivity_timeout")
        );
        assert_eq!(
            check(r#"{"stream_id":"f67e39a0","events_supported":[]}"#),
            Err("events_supported")
        );
    }

    #[test]
    fn events_delivered_is_compared_with_the_value_before_the_change() {
        let json = |delivered: &str| {
            format!(
                r#"{{"stream_id":"f67e39a0","events_requested":["urn:a:1"],"events_delivered":["{delivered}"]}}"#
            )
        };
        let before = updated(&json("urn:a:2")).unwrap();
        assert_eq!(before.events_delivered, types(&["urn:a:1"]));
        let member = "events_delivered";
        assert_eq!(updated(&json("urn:a:1")), Err(NotAsSupplied { member }));
    }

    #[test]
    fn the_error_tells_what_to_do() {
        let error = NotAsSupplied { member: "aud" };
        assert_eq!(
            error.to_string(),
            "aud is supplied by the transmitter: leave it out, or send what the stream has"
        );
    }

    #[test]
    fn null_deletes_nothing() {
        for member in [
            "events_requested",
            "delivery",
            "description",
            "iss",
            "inactivity_timeout",
        ] {
            let json = format!(r#"{{"stream_id":"f67e39a0","{member}":null}}"#);
            let error = UpdateStream::parse(json.as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{member} must be")));
        }
    }

    #[test]
    fn a_change_without_a_stream_is_refused() {
        for body in [
            &br#"{"description":"B"}"#[..],
            br#"{"delivery":{"method":"urn:ietf:rfc:8936"}}"#,
        ] {
            let missing = JsonError::Missing {
                path: "stream_id".into(),
            };
            assert_eq!(UpdateStream::parse(body), Err(missing.clone()));
            assert_eq!(ReplaceStream::parse(body), Err(missing));
        }
    }

    #[test]
    fn the_requests_of_ssf_1_0_survive_a_round_trip() {
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","events_requested":["urn:example:secevent:events:type_2","urn:example:secevent:events:type_3","urn:example:secevent:events:type_4"],"description":"Stream for Receiver B using events type_2, type_3, type_4"}"#;
        let update = UpdateStream::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&update).unwrap(), json);
        let json = r#"{"stream_id":"f67e39a0a4d34d56b3aa1bc4cff0069f","events_requested":["urn:example:secevent:events:type_2","urn:example:secevent:events:type_3","urn:example:secevent:events:type_4"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://receiver.example.com/events"},"description":"Stream for Receiver C"}"#;
        let replacement = ReplaceStream::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&replacement).unwrap(), json);
    }

    #[test]
    fn members_that_are_not_defined_keep_their_bytes() {
        let json = r#"{"stream_id":"1","format":"iss_sub","x_foo":{"b":1.0,"a":1e2}}"#;
        let update = UpdateStream::parse(json.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&update).unwrap(), json);
    }

    prop_compose! {
        fn any_supplied()(
            supported in prop::option::of(any_types()),
            delivered in prop::option::of(any_types()),
            interval: Option<u64>,
            timeout: Option<NonZeroU64>,
            aud in prop::option::of(prop::collection::btree_set("[!-~]{1,20}", 1..4)),
        ) -> TransmitterSupplied {
            TransmitterSupplied {
                iss: None,
                aud: aud.map(|values| Audience::new(values).unwrap()),
                events_supported: supported,
                events_delivered: delivered,
                min_verification_interval: interval,
                inactivity_timeout: timeout,
            }
        }
    }

    proptest! {
        #[test]
        fn a_change_survives_a_round_trip(
            requested in prop::option::of(any_types()),
            delivery in any_delivery(),
            description in any_text(),
            supplied in any_supplied(),
            id in any_id(),
        ) {
            let update = UpdateStream {
                events_requested: requested.clone(),
                delivery: Some(delivery.clone()),
                description: description.clone(),
                supplied: supplied.clone(),
                ..UpdateStream::new(id.clone())
            };
            let json = serde_json::to_vec(&update).unwrap();
            prop_assert_eq!(UpdateStream::parse(&json), Ok(update));
            let replacement = ReplaceStream {
                events_requested: requested,
                description,
                supplied,
                ..ReplaceStream::new(id, delivery)
            };
            prop_assert_eq!(ReplaceStream::parse(&json), Ok(replacement));
        }

        #[test]
        fn no_update_makes_a_stream_deliver_what_is_not_supported(
            requested in any_types(),
            supported in any_types(),
        ) {
            let update = UpdateStream {
                events_requested: Some(requested.clone()),
                ..UpdateStream::new(stream().stream_id)
            };
            let delivered = update.apply(stream(), &supported).unwrap().events_delivered;
            prop_assert!(delivered.iter().all(|uri| supported.contains(uri) && requested.contains(uri)));
        }
    }
}
