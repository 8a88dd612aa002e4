//! The stream that pushes: the one that was agreed upon before, one of ours that we do not remember, or a new one.

use std::num::NonZeroU64;

use ssf_types::{
    audience::Audience,
    id::StreamId,
    secret::AuthorizationHeader,
    stream::{CreateStream, Delivery, PushDelivery, StreamConfiguration, UpdateStream},
    uri::{EndpointUrl, EventTypeUri},
};

use super::{StreamClient, StreamError};

/// A stream that was agreed upon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) id: StreamId,
    pub(crate) audience: Audience,
    /// Least seconds between two verifications, as the Transmitter last said.
    pub(crate) min_verification_interval: Option<u64>,
    /// Seconds after which the Transmitter may stop the stream of a Receiver that does not ask for anything.
    pub(crate) inactivity_timeout: Option<NonZeroU64>,
}

/// What a receiver wants of its stream.
#[derive(Debug)]
pub(crate) struct Wanted<'w> {
    pub(crate) events: &'w [EventTypeUri],
}

/// Where, and with which secret, a stream shall push.
type Target<'t> = (&'t EndpointUrl, &'t AuthorizationHeader);

/// Finds the stream that pushes to our endpoint, or makes one.
///
/// The one that was agreed upon before is taken as it is. Another one that pushes to our endpoint was made with a secret that
/// we do not hold: it gets ours, and is deleted only where the Transmitter does not change streams. One that delivers
/// elsewhere is not ours, and is left alone.
pub(crate) async fn ensure_push_stream(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    target: Target<'_>,
    remembered: Option<&Agreed>,
) -> Result<Agreed, StreamError> {
    if let Some(found) = found(client, wanted, target, remembered).await? {
        return Ok(found);
    }
    if let Some(known) = remembered {
        tracing::error!(
            stream.id = %known.id,
            "the stream is gone, with what waited in it: another one is made"
        );
    }
    let push = push_delivery(target);
    let request = client.numbered(CreateStream::push(wanted.events.to_vec(), push))?;
    match client.create(&request).await {
        Ok(created) if pushes_to(&created, target.0) => Ok(agreed(created, wanted)),
        Ok(_) => Err(StreamError::WrongDelivery),
        // Somebody made it since we looked, or the list was behind (SSF 1.0 §8.1.1.1).
        Err(error) if error.is_conflict() => found(client, wanted, target, remembered)
            .await?
            .ok_or(StreamError::Occupied),
        Err(error) => Err(error),
    }
}

/// Looks among the streams that there are; those that push to our endpoint beside the one that is taken are deleted, since each
/// event would come as often.
async fn found(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    target: Target<'_>,
    remembered: Option<&Agreed>,
) -> Result<Option<Agreed>, StreamError> {
    let mut ours = client.list().await?;
    ours.retain(|stream| pushes_to(stream, target.0));
    let known = remembered.and_then(|known| {
        let at = ours.iter().position(|stream| stream.stream_id == known.id);
        at.map(|at| (ours.swap_remove(at), known))
    });
    let mut taken = match known {
        Some((stream, known)) if stream.aud != known.audience => {
            return Err(StreamError::WrongAudience);
        }
        Some((stream, _)) => Some(as_wanted(client, wanted, stream).await?),
        None => None,
    };
    for stream in ours {
        let id = stream.stream_id.clone();
        if taken.is_none() {
            taken = adopted(client, wanted, target, stream).await?;
        }
        if taken.as_ref().is_none_or(|taken| taken.stream_id != id) {
            tracing::warn!(stream.id = %id, "deleting a stream whose push secret is not ours");
            client.delete(&id).await?;
        }
    }
    Ok(taken.map(|stream| agreed(stream, wanted)))
}

/// Gives our secret to a stream that we do not remember; `None` if the Transmitter does not change streams.
async fn adopted(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    target: Target<'_>,
    stream: StreamConfiguration,
) -> Result<Option<StreamConfiguration>, StreamError> {
    let mut request = UpdateStream::new(stream.stream_id);
    request.delivery = Some(Delivery::Push(push_delivery(target)));
    request.events_requested = Some(wanted.events.to_vec());
    match client.update(&request).await {
        Ok(changed) if pushes_to(&changed, target.0) => {
            tracing::warn!(
                stream.id = %changed.stream_id,
                "a stream that pushes here and is not remembered is taken over, with another push secret"
            );
            Ok(Some(changed))
        }
        Ok(_) => Err(StreamError::WrongDelivery),
        Err(error) if error.is_final() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Has a stream ask for the events that are wanted now, if it asks for others.
///
/// A Transmitter that does not change streams keeps what it has: it is no reason to go without.
pub(super) async fn as_wanted(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    stream: StreamConfiguration,
) -> Result<StreamConfiguration, StreamError> {
    let is_asked = |event: &EventTypeUri| {
        let requested = stream.events_requested.as_deref().unwrap_or_default();
        requested.contains(event)
    };
    let as_many = stream.events_requested.as_ref().map_or(0, Vec::len) == wanted.events.len();
    if as_many && wanted.events.iter().all(is_asked) {
        return Ok(stream);
    }
    let mut request = UpdateStream::new(stream.stream_id.clone());
    request.events_requested = Some(wanted.events.to_vec());
    match client.update(&request).await {
        Ok(changed) => Ok(changed),
        Err(error) if error.is_final() => {
            tracing::warn!(
                stream.id = %stream.stream_id,
                "the transmitter does not change which events the stream asks for"
            );
            Ok(stream)
        }
        Err(error) => Err(error),
    }
}

fn push_delivery((endpoint, secret): Target<'_>) -> PushDelivery {
    PushDelivery::new(endpoint.clone(), Some(secret.clone()))
}

fn pushes_to(stream: &StreamConfiguration, endpoint: &EndpointUrl) -> bool {
    matches!(&stream.delivery, Delivery::Push(push) if push.endpoint_url == *endpoint)
}

/// The facts of a stream; events that it will not deliver are worth a warning (SSF 1.0 §8.1.1).
pub(super) fn agreed(stream: StreamConfiguration, wanted: &Wanted<'_>) -> Agreed {
    for event in wanted.events {
        if !stream.events_delivered.contains(event) {
            tracing::warn!(
                stream.id = %stream.stream_id, event.r#type = %event,
                "the transmitter will not deliver an event type that was asked for"
            );
        }
    }
    Agreed {
        id: stream.stream_id,
        audience: stream.aud,
        min_verification_interval: stream.min_verification_interval,
        inactivity_timeout: stream.inactivity_timeout,
    }
}
