//! Streams: what a Receiver asked for and what it gets (SSF 1.0 §8.1).

use ssf_types::{
    audience::Audience,
    id::StreamId,
    stream::{
        CreateStream, Delivery, PushDelivery, StatusConfiguration, StreamConfiguration,
        StreamStatus, events_delivered,
    },
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

use super::{id::ReceiverId, receiver::Receiver};

/// Most streams of one Receiver.
pub const STREAMS_PER_RECEIVER_MAX: u64 = 100;

/// A stream from this Transmitter to one Receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stream {
    /// Given on creation; unguessable.
    pub id: StreamId,
    /// Whose stream it is; nobody else can see it.
    pub receiver: ReceiverId,
    /// The `aud` of its SETs; never changes.
    pub audience: Audience,
    /// What the Receiver asked for, as it asked.
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// What the Receiver gets: the supported ones among those requested, in the order of the request.
    pub events_delivered: Vec<EventTypeUri>,
    /// Where SETs are pushed to, with the secret.
    pub delivery: PushDelivery,
    /// Free text of the Receiver's.
    pub description: Option<String>,
    /// Whether SETs are sent.
    pub status: StreamStatus,
    /// Why the stream has that status.
    pub reason: Option<String>,
    /// When the stream was created.
    pub created_at: Timestamp,
}

/// A request for a stream cannot be met.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NewStreamError {
    /// The request asks for poll delivery, which absence of `delivery` means, too (SSF 1.0 §8.1.1.1).
    #[error(
        "poll is not offered: delivery.method must be urn:ietf:rfc:8935, with an endpoint_url (no delivery means poll)"
    )]
    PollNotOffered,
    /// The request asks for a way of delivery that this transmitter does not know.
    #[error("delivery.method must be urn:ietf:rfc:8935")]
    UnknownDelivery,
}

impl Stream {
    /// Makes a stream from a Receiver's request.
    ///
    /// Types of events that are not in `supported` are ignored (SSF 1.0 §8.1.1). Without `events_requested` nothing
    /// is delivered: `events_delivered` is within the intersection of the two.
    ///
    /// # Errors
    /// The request asks for something else than push.
    pub fn create(
        request: CreateStream,
        receiver: &Receiver,
        id: StreamId,
        supported: &[EventTypeUri],
        now: Timestamp,
    ) -> Result<Self, NewStreamError> {
        let delivery = match request.delivery {
            Some(Delivery::Push(push)) => push,
            None | Some(Delivery::Poll(_)) => return Err(NewStreamError::PollNotOffered),
            Some(_) => return Err(NewStreamError::UnknownDelivery),
        };
        let requested = request.events_requested.as_deref().unwrap_or_default();
        Ok(Self {
            id,
            receiver: receiver.id,
            audience: receiver.audience.clone(),
            events_delivered: events_delivered(supported, requested),
            events_requested: request.events_requested,
            delivery,
            description: request.description,
            status: StreamStatus::Enabled,
            reason: None,
            created_at: now,
        })
    }

    /// The stream as its Receiver may see it: without the secret (SSF 1.0 §8.1.1).
    pub fn configuration(
        &self,
        issuer: &Issuer,
        supported: &[EventTypeUri],
    ) -> StreamConfiguration {
        let mut configuration = StreamConfiguration::new(
            self.id.clone(),
            issuer.clone(),
            self.audience.clone(),
            self.events_delivered.clone(),
            Delivery::Push(self.delivery.without_secret()),
        );
        configuration.events_supported = Some(supported.to_vec());
        configuration
            .events_requested
            .clone_from(&self.events_requested);
        configuration.description.clone_from(&self.description);
        configuration
    }

    /// The status as its Receiver may see it (SSF 1.0 §8.1.2.1).
    pub fn status_configuration(&self) -> StatusConfiguration {
        StatusConfiguration::new(self.id.clone(), self.status, self.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{secret::AuthorizationHeader, stream::PollDelivery, uri::EndpointUrl};
    use uuid::Uuid;

    use super::*;

    fn types(uris: &[&str]) -> Vec<EventTypeUri> {
        uris.iter()
            .map(|uri| EventTypeUri::parse(*uri).unwrap())
            .collect()
    }

    fn create(request: CreateStream) -> Result<Stream, NewStreamError> {
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        let receiver = Receiver::new(ReceiverId::new(Uuid::from_u128(1)), "rp", audience).unwrap();
        let supported = types(&["urn:a:1", "urn:a:2", "urn:a:3"]);
        let id = StreamId::parse("f67e39a0").unwrap();
        Stream::create(request, &receiver, id, &supported, Timestamp::from_secs(7))
    }

    fn push() -> PushDelivery {
        PushDelivery::new(
            EndpointUrl::parse("https://rp.example.com/events").unwrap(),
            Some(AuthorizationHeader::parse("Bearer s3cret").unwrap()),
        )
    }

    #[test]
    fn a_stream_delivers_the_supported_among_the_requested() {
        let requested = types(&["urn:a:3", "urn:example:unknown", "urn:a:1", "urn:a:3"]);
        let stream = create(CreateStream::push(requested.clone(), push())).unwrap();
        assert_eq!(stream.events_delivered, types(&["urn:a:3", "urn:a:1"]));
        assert_eq!(stream.events_requested, Some(requested));
    }

    #[test]
    fn a_request_without_events_delivers_none() {
        let mut request = CreateStream::push(Vec::new(), push());
        request.events_requested = None;
        assert_eq!(create(request).unwrap().events_delivered, []);
    }

    #[test]
    fn no_delivery_and_poll_are_told_that_push_is_offered() {
        let mut request = CreateStream::default();
        assert_eq!(create(request.clone()), Err(NewStreamError::PollNotOffered));
        request.delivery = Some(Delivery::Poll(PollDelivery::default()));
        assert_eq!(create(request), Err(NewStreamError::PollNotOffered));
    }

    #[test]
    fn a_configuration_tells_everything_but_the_secret() {
        let mut request = CreateStream::push(types(&["urn:a:2", "urn:a:9"]), push());
        request.description = Some("Stream for Receiver A".into());
        let issuer = Issuer::parse("https://tr.example.com").unwrap();
        let told = create(request)
            .unwrap()
            .configuration(&issuer, &types(&["urn:a:1", "urn:a:2"]));
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_supported":["urn:a:1","urn:a:2"],"events_requested":["urn:a:2","urn:a:9"],"events_delivered":["urn:a:2"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"},"description":"Stream for Receiver A"}"#
        );
    }

    #[test]
    fn a_new_stream_is_enabled() {
        let status = create(CreateStream::push(Vec::new(), push()))
            .unwrap()
            .status_configuration();
        assert_eq!(
            serde_json::to_string(&status).unwrap(),
            r#"{"stream_id":"f67e39a0","status":"enabled"}"#
        );
    }
}
