//! Streams: what a Receiver asked for and what it gets (SSF 1.0 §8.1).

use std::{num::NonZeroU64, time::Duration};

use ssf_types::{
    audience::Audience,
    id::{Epoch, StreamId},
    json::Extra,
    metadata::DefaultSubjects,
    set::Algorithm,
    stream::{
        CreateStream, Delivery, NotAsSupplied, ReplaceStream, StatusConfiguration,
        StreamConfiguration, StreamStatus, UpdateStream, events_delivered,
    },
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

use super::{
    id::ReceiverId,
    issuer::IssuerName,
    method::DeliveryMethod,
    receiver::Receiver,
    sequence::{self, SequenceError},
    signing_alg::{self, AlgNotOffered},
    status::StatusSetter,
};

/// Most streams of one Receiver, unless configured otherwise.
pub const STREAMS_PER_RECEIVER_DEFAULT: u64 = 100;

/// What the Transmitter supplies to every stream.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The `iss` of configurations and SETs.
    pub issuer: &'a Issuer,
    /// What streams may ask for.
    pub events_supported: &'a [EventTypeUri],
    /// Least time between two requests for verification; whole seconds.
    pub min_verification_interval: Duration,
    /// After how long without activity of its Receiver a stream is paused; whole seconds.
    pub inactivity_timeout: Option<Duration>,
}

/// A stream from this Transmitter to one Receiver.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stream {
    /// Given on creation; unguessable.
    pub id: StreamId,
    /// Whose stream it is; nobody else can see it.
    pub receiver: ReceiverId,
    /// Whose events it gets, and whose `iss` its SETs have; never changes.
    pub issuer: IssuerName,
    /// The `aud` of its SETs; never changes.
    pub audience: Audience,
    /// What the Receiver asked for, as it asked.
    pub events_requested: Option<Vec<EventTypeUri>>,
    /// What the Receiver gets: the supported ones among those requested, in the order of the request.
    pub events_delivered: Vec<EventTypeUri>,
    /// How SETs reach the Receiver.
    pub delivery: DeliveryMethod,
    /// Free text of the Receiver's.
    pub description: Option<String>,
    /// What the Receiver asked to have its SETs signed with; without it, that is what the installation is configured for.
    pub signing_alg: Option<Algorithm>,
    /// Names the run of numbers that its SETs have; without it, they have none.
    pub sequence_epoch: Option<Epoch>,
    /// Whether SETs are sent.
    pub status: StreamStatus,
    /// Why the stream has that status.
    pub reason: Option<String>,
    /// Who gave it that status.
    pub status_set_by: StatusSetter,
    /// When the stream was created.
    pub created_at: Timestamp,
    /// Whether it is about everybody but those who were removed, or about those alone who were added; never changes.
    pub default_subjects: DefaultSubjects,
}

/// A request for a stream cannot be met.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NewStreamError {
    /// The request asks for a way of delivery that this transmitter does not know (SSF 1.0 §8.1.1.1).
    #[error("delivery.method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)")]
    UnknownDelivery,
    /// The request asks for an algorithm that is none of ours.
    #[error(transparent)]
    Alg(AlgNotOffered),
    /// The request asks for numbers in a way that it cannot have them.
    #[error(transparent)]
    Sequence(SequenceError),
}

/// What a Receiver wants of a stream that it has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamChange {
    /// PATCH: what is absent stays as it is (SSF 1.0 §8.1.1.3).
    Update(UpdateStream),
    /// PUT: what is absent is deleted (SSF 1.0 §8.1.1.4).
    Replace(ReplaceStream),
}

impl StreamChange {
    /// The stream that is meant.
    pub fn stream_id(&self) -> &StreamId {
        match self {
            Self::Update(update) => &update.stream_id,
            Self::Replace(replace) => &replace.stream_id,
        }
    }

    /// The delivery that is asked for, if it is not that of before.
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Update(update) => update.delivery.as_ref(),
            Self::Replace(replace) => Some(&replace.delivery),
        }
    }

    /// The algorithm that is asked for, if the request says anything about it.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn signing_alg(&self) -> Result<Option<Algorithm>, AlgNotOffered> {
        signing_alg::asked(self.extra())
    }

    /// The members that SSF 1.0 does not define.
    fn extra(&self) -> &Extra {
        match self {
            Self::Update(update) => &update.extra,
            Self::Replace(replace) => &replace.extra,
        }
    }

    /// The algorithm of a stream that has `before` until it is changed.
    fn signing_alg_after(
        &self,
        before: Option<Algorithm>,
    ) -> Result<Option<Algorithm>, AlgNotOffered> {
        let asked = self.signing_alg()?;
        Ok(match self {
            Self::Update(_) => asked.or(before),
            Self::Replace(_) => asked,
        })
    }

    fn apply(
        self,
        stream: StreamConfiguration,
        supported: &[EventTypeUri],
    ) -> Result<StreamConfiguration, NotAsSupplied> {
        match self {
            Self::Update(update) => update.apply(stream, supported),
            Self::Replace(replace) => replace.apply(stream, supported),
        }
    }
}

/// A stream cannot be changed as its Receiver wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeStreamError {
    /// The request is at odds with what this Transmitter supplies (SSF 1.0 §8.1.1.3).
    #[error(transparent)]
    NotAsSupplied(NotAsSupplied),
    /// The request asks for a way of delivery that this transmitter does not know.
    #[error("delivery.method must be urn:ietf:rfc:8935 (push) or urn:ietf:rfc:8936 (poll)")]
    UnknownDelivery,
    /// The request asks for an algorithm that is none of ours.
    #[error(transparent)]
    Alg(AlgNotOffered),
    /// The request asks for numbers in another way than on creation.
    #[error(transparent)]
    Sequence(SequenceError),
    /// The request would have SETs pushed elsewhere than to whom they are for.
    #[error(
        "aud of this stream is its delivery.endpoint_url, which has to stay: create another stream"
    )]
    Misaddressed,
}

/// Whether SETs for `audience` go to whom they are for: each of its values is one of the Receiver's `own`, or where they
/// are pushed to.
///
/// Whoever got SETs for somebody else could hand them on, and they would count there.
pub fn is_addressed_rightly(
    audience: &Audience,
    own: &Audience,
    delivery: &DeliveryMethod,
) -> bool {
    let endpoint = match delivery {
        DeliveryMethod::Push(push) => Some(push.endpoint_url.as_str()),
        DeliveryMethod::Poll => None,
    };
    let is_right = |value: &str| endpoint == Some(value) || own.values().any(|own| own == value);
    audience.values().all(is_right)
}

impl Stream {
    /// Makes a stream from a Receiver's request.
    ///
    /// It covers everybody, unless that is changed before it is stored.
    ///
    /// Types of events that are not in `supported` are ignored (SSF 1.0 §8.1.1). Without `events_requested` nothing
    /// is delivered: `events_delivered` is within the intersection of the two. Without `delivery` the stream is polled
    /// (SSF 1.0 §8.1.1.1).
    ///
    /// # Errors
    /// The request asks for something else than push and poll, for an algorithm that is none of ours, or for numbers that
    /// its Receiver cannot have.
    pub fn create(
        request: CreateStream,
        receiver: &Receiver,
        id: StreamId,
        supported: &[EventTypeUri],
        now: Timestamp,
    ) -> Result<Self, NewStreamError> {
        let delivery = match &request.delivery {
            None => DeliveryMethod::Poll,
            Some(asked) => {
                DeliveryMethod::asked_for(asked).ok_or(NewStreamError::UnknownDelivery)?
            }
        };
        let signing_alg = signing_alg::asked(&request.extra).map_err(NewStreamError::Alg)?;
        let sequence_epoch = sequence::first_epoch(&request.extra, receiver.profile, &id)
            .map_err(NewStreamError::Sequence)?;
        let requested = request.events_requested.as_deref().unwrap_or_default();
        Ok(Self {
            id,
            receiver: receiver.id,
            issuer: receiver.issuer.clone(),
            audience: receiver.audience.clone(),
            events_delivered: events_delivered(supported, requested),
            events_requested: request.events_requested,
            delivery,
            description: request.description,
            signing_alg,
            sequence_epoch,
            status: StreamStatus::Enabled,
            reason: None,
            status_set_by: StatusSetter::Receiver,
            created_at: now,
            default_subjects: DefaultSubjects::All,
        })
    }

    /// The stream as it is after a change.
    ///
    /// A `delivery` replaces the former one whole, the secret included: one URL's secret is never sent to another.
    /// Types of events that are asked for anew are chosen among the supported ones.
    ///
    /// # Errors
    /// The request contradicts the `terms`, or asks for something else than push and poll, for an algorithm that is none
    /// of ours, or for another choice about numbers than on creation; nothing has changed.
    pub fn changed(
        &self,
        change: StreamChange,
        terms: Terms<'_>,
    ) -> Result<Self, ChangeStreamError> {
        let delivery = match change.delivery() {
            None => self.delivery.clone(),
            Some(asked) => {
                DeliveryMethod::asked_for(asked).ok_or(ChangeStreamError::UnknownDelivery)?
            }
        };
        let signing_alg = change
            .signing_alg_after(self.signing_alg)
            .map_err(ChangeStreamError::Alg)?;
        sequence::stays(change.extra(), self.sequence_epoch.as_ref())
            .map_err(ChangeStreamError::Sequence)?;
        let after = change
            .apply(self.configuration(terms), terms.events_supported)
            .map_err(ChangeStreamError::NotAsSupplied)?;
        Ok(Self {
            events_requested: after.events_requested,
            events_delivered: after.events_delivered,
            delivery,
            description: after.description,
            signing_alg,
            ..self.clone()
        })
    }

    /// The stream with another status, and the reason for it.
    #[must_use]
    pub fn with_status(&self, status: StreamStatus, reason: Option<String>) -> Self {
        Self {
            status,
            reason,
            ..self.clone()
        }
    }

    /// Whether the two are alike in all that is not status.
    pub fn is_configured_as(&self, other: &Self) -> bool {
        let alike = Self {
            status_set_by: other.status_set_by,
            ..self.with_status(other.status, other.reason.clone())
        };
        alike == *other
    }

    /// The stream as its Receiver may see it: without the secret (SSF 1.0 §8.1.1).
    pub fn configuration(&self, terms: Terms<'_>) -> StreamConfiguration {
        let mut configuration = StreamConfiguration::new(
            self.id.clone(),
            terms.issuer.clone(),
            self.audience.clone(),
            self.events_delivered.clone(),
            self.delivery.shown(terms.issuer, &self.id),
        );
        configuration.events_supported = Some(terms.events_supported.to_vec());
        configuration.min_verification_interval = Some(terms.min_verification_interval.as_secs());
        configuration.inactivity_timeout = terms
            .inactivity_timeout
            .and_then(|timeout| NonZeroU64::new(timeout.as_secs()));
        configuration
            .events_requested
            .clone_from(&self.events_requested);
        configuration.description.clone_from(&self.description);
        configuration.extra = self.signing_alg.map(signing_alg::told).unwrap_or_default();
        if self.sequence_epoch.is_some() {
            configuration.extra.add(sequence::told());
        }
        configuration
    }

    /// The status as its Receiver may see it (SSF 1.0 §8.1.2.1).
    pub fn status_configuration(&self) -> StatusConfiguration {
        StatusConfiguration::new(self.id.clone(), self.status, self.reason.clone())
    }
}

/// A stream called `f67e39a0`, for tests of what is about streams.
#[cfg(test)]
pub(super) fn sample() -> Stream {
    use ssf_types::{stream::PushDelivery, uri::EndpointUrl};
    let audience = Audience::new(["https://rp.example.com"]).unwrap();
    let id = ReceiverId::new(uuid::Uuid::from_u128(1));
    let receiver = Receiver::new(id, IssuerName::default(), "rp", audience);
    let endpoint = EndpointUrl::parse("https://rp.example.com/events").unwrap();
    let request = CreateStream::push(Vec::new(), PushDelivery::new(endpoint, None));
    let id = StreamId::parse("f67e39a0").unwrap();
    Stream::create(
        request,
        &receiver.unwrap(),
        id,
        &[],
        Timestamp::from_secs(7),
    )
    .unwrap()
}

#[cfg(test)]
mod tests {
    use ssf_types::{
        secret::AuthorizationHeader,
        stream::{PollDelivery, PushDelivery},
        uri::EndpointUrl,
    };
    use uuid::Uuid;

    use super::*;

    fn types(uris: &[&str]) -> Vec<EventTypeUri> {
        uris.iter()
            .map(|uri| EventTypeUri::parse(*uri).unwrap())
            .collect()
    }

    fn create(request: CreateStream) -> Result<Stream, NewStreamError> {
        let audience = Audience::new(["https://rp.example.com"]).unwrap();
        let receiver = Receiver::new(
            ReceiverId::new(Uuid::from_u128(1)),
            IssuerName::default(),
            "rp",
            audience,
        )
        .unwrap();
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
    fn sets_go_to_their_receiver_or_to_whom_they_name() {
        let rp = Audience::new(["https://rp.example.com"]).unwrap();
        let feed = Audience::new(["https://rp.example.com/events"]).unwrap();
        let both = ["https://rp.example.com", "https://rp.example.com/events"];
        let both = Audience::new(both).unwrap();
        let pushed = sample().delivery;
        let polled = DeliveryMethod::Poll;
        for (audience, delivery, is_right) in [
            (&rp, &pushed, true),
            (&rp, &polled, true),
            (&feed, &pushed, true),
            (&feed, &polled, false),
            (&both, &pushed, true),
            (&both, &polled, false),
        ] {
            let found = is_addressed_rightly(audience, &rp, delivery);
            assert_eq!(found, is_right, "{audience:?} {delivery:?}");
        }
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
    fn no_delivery_means_poll() {
        let mut request = CreateStream::default();
        assert!(create(request.clone()).unwrap().delivery.is_poll());
        request.delivery = Some(Delivery::Poll(PollDelivery::default()));
        assert!(create(request).unwrap().delivery.is_poll());
    }

    #[test]
    fn a_configuration_tells_everything_but_the_secret() {
        let mut request = CreateStream::push(types(&["urn:a:2", "urn:a:9"]), push());
        request.description = Some("Stream for Receiver A".into());
        let issuer = Issuer::parse("https://tr.example.com").unwrap();
        let told = create(request).unwrap().configuration(Terms {
            issuer: &issuer,
            events_supported: &types(&["urn:a:1", "urn:a:2"]),
            min_verification_interval: Duration::from_secs(30),
            inactivity_timeout: None,
        });
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_supported":["urn:a:1","urn:a:2"],"events_requested":["urn:a:2","urn:a:9"],"events_delivered":["urn:a:2"],"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"},"min_verification_interval":30,"description":"Stream for Receiver A"}"#
        );
    }

    const ISSUER: &str = "https://tr.example.com";

    /// A stream with everything, changed by the body of a request.
    fn changed(read: fn(&[u8]) -> StreamChange, body: &str) -> Result<Stream, ChangeStreamError> {
        let supported = types(&["urn:a:1", "urn:a:2", "urn:a:3"]);
        let issuer = Issuer::parse(ISSUER).unwrap();
        described().changed(read(body.as_bytes()), terms(&issuer, &supported))
    }

    fn terms<'a>(issuer: &'a Issuer, events_supported: &'a [EventTypeUri]) -> Terms<'a> {
        Terms {
            issuer,
            events_supported,
            min_verification_interval: Duration::from_secs(30),
            inactivity_timeout: None,
        }
    }

    fn described() -> Stream {
        let mut request = CreateStream::push(types(&["urn:a:1", "urn:a:2"]), push());
        request.description = Some("before".into());
        create(request).unwrap()
    }

    fn patch(body: &[u8]) -> StreamChange {
        StreamChange::Update(UpdateStream::parse(body).unwrap())
    }

    fn put(body: &[u8]) -> StreamChange {
        StreamChange::Replace(ReplaceStream::parse(body).unwrap())
    }

    fn no_secret() -> DeliveryMethod {
        DeliveryMethod::Push(push().without_secret())
    }

    #[test]
    fn a_patch_changes_what_is_there_and_keeps_the_secret() {
        let body = r#"{"stream_id":"f67e39a0","description":"after"}"#;
        let expected = Stream {
            description: Some("after".into()),
            ..described()
        };
        assert_eq!(changed(patch, body), Ok(expected));
        let body = r#"{"stream_id":"f67e39a0","events_requested":["urn:a:3","urn:a:9"]}"#;
        let expected = Stream {
            events_requested: Some(types(&["urn:a:3", "urn:a:9"])),
            events_delivered: types(&["urn:a:3"]),
            ..described()
        };
        assert_eq!(changed(patch, body), Ok(expected));
    }

    #[test]
    fn a_delivery_is_replaced_whole() {
        let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#;
        assert_eq!(changed(patch, body).unwrap().delivery, no_secret());
    }

    #[test]
    fn a_put_deletes_what_is_absent() {
        let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://rp.example.com/events"}}"#;
        let expected = Stream {
            events_requested: None,
            events_delivered: Vec::new(),
            delivery: no_secret(),
            description: None,
            ..described()
        };
        assert_eq!(changed(put, body), Ok(expected));
    }

    #[test]
    fn what_the_transmitter_supplies_may_be_sent_as_it_is_and_not_otherwise() {
        let same = r#"{"stream_id":"f67e39a0","iss":"https://tr.example.com","aud":"https://rp.example.com","events_delivered":["urn:a:2","urn:a:1"],"min_verification_interval":30,"events_requested":["urn:a:3"]}"#;
        let stream = changed(patch, same).unwrap();
        assert_eq!(stream.events_delivered, types(&["urn:a:3"]));
        for (member, value) in [
            ("iss", r#""https://other.example.com""#),
            ("aud", r#""https://other.example.com""#),
            ("events_supported", r#"["urn:a:1"]"#),
            ("events_delivered", r#"["urn:a:3"]"#),
            ("min_verification_interval", "1"),
            ("inactivity_timeout", "1"),
        ] {
            let body = format!(r#"{{"stream_id":"f67e39a0","{member}":{value}}}"#);
            let error = changed(patch, &body).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "{member} is supplied by the transmitter: leave it out, or send what the stream has"
                )
            );
        }
    }

    #[test]
    fn an_algorithm_stays_until_another_is_asked_for_or_a_put_has_none() {
        let patch_to = |body: &str, from: Option<Algorithm>| {
            let issuer = Issuer::parse(ISSUER).unwrap();
            let before = Stream {
                signing_alg: from,
                ..described()
            };
            let changed = before.changed(patch(body.as_bytes()), terms(&issuer, &[]));
            changed.map(|stream| stream.signing_alg)
        };
        let silent = r#"{"stream_id":"f67e39a0","description":"after"}"#;
        assert_eq!(patch_to(silent, None), Ok(None));
        let es256 = Some(Algorithm::Es256);
        assert_eq!(patch_to(silent, es256), Ok(es256));
        let asks = r#"{"stream_id":"f67e39a0","set_signing_alg":"EdDSA"}"#;
        assert_eq!(patch_to(asks, es256), Ok(Some(Algorithm::EdDsa)));
        let unknown = r#"{"stream_id":"f67e39a0","set_signing_alg":"HS256"}"#;
        let refused = Err(ChangeStreamError::Alg(AlgNotOffered));
        assert_eq!(patch_to(unknown, es256), refused);

        let issuer = Issuer::parse(ISSUER).unwrap();
        let before = Stream {
            signing_alg: es256,
            ..described()
        };
        let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8936"}}"#;
        let replaced = before.changed(put(body.as_bytes()), terms(&issuer, &[]));
        assert_eq!(replaced.unwrap().signing_alg, None);
    }

    #[test]
    fn an_algorithm_is_told_to_who_asked_for_it_alone() {
        let issuer = Issuer::parse(ISSUER).unwrap();
        let created = |body: &str| create(CreateStream::parse(body.as_bytes()).unwrap());
        let told = |stream: Stream| {
            let configuration = stream.configuration(terms(&issuer, &[]));
            let member = configuration.extra.json("set_signing_alg");
            member.map(str::to_owned)
        };
        assert_eq!(told(created("{}").unwrap()), None);
        let stream = created(r#"{"set_signing_alg":"ES256"}"#).unwrap();
        assert_eq!(stream.signing_alg, Some(Algorithm::Es256));
        assert_eq!(told(stream).as_deref(), Some(r#""ES256""#));
        let refused = Err(NewStreamError::Alg(AlgNotOffered));
        assert_eq!(created(r#"{"set_signing_alg":"none"}"#), refused);
    }

    #[test]
    fn a_stream_that_is_pushed_can_become_polled() {
        let body = r#"{"stream_id":"f67e39a0","delivery":{"method":"urn:ietf:rfc:8936","endpoint_url":"https://rp.example.com/poll"}}"#;
        assert_eq!(changed(patch, body).unwrap().delivery, DeliveryMethod::Poll);
        assert_eq!(changed(put, body).unwrap().delivery, DeliveryMethod::Poll);
    }

    #[test]
    fn a_status_comes_with_its_reason_and_changes_nothing_else() {
        let paused = described().with_status(StreamStatus::Paused, Some("maintenance".into()));
        assert_eq!(
            serde_json::to_string(&paused.status_configuration()).unwrap(),
            r#"{"stream_id":"f67e39a0","status":"paused","reason":"maintenance"}"#
        );
        assert!(paused.is_configured_as(&described()));
        let enabled = paused.with_status(StreamStatus::Enabled, None);
        assert_eq!(enabled, described());
        let other = Stream {
            description: None,
            ..described()
        };
        assert!(!other.is_configured_as(&described()));
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
