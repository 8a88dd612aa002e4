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
mod tests;
