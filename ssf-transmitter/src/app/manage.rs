//! What a Receiver does with its streams, or an operator, where it takes more than one call of a port.

use ssf_types::{
    error::Chain, id::StreamId, metadata::DefaultSubjects, stream::CreateStream, time::Timestamp,
    uri::EventTypeUri,
};
use tracing::warn;

use super::{ids, standstill::Standstill};
use crate::{
    domain::{
        issuer::IssuerName,
        receiver::Receiver,
        stream::{
            ChangeStreamError, NewStreamError, Stream, StreamChange, Terms, is_addressed_rightly,
        },
    },
    ports::{
        ChangedStream, Clock, CreatedStream, DeletedStream, OperatedStreams, Outbox, StoreError,
        StreamLease, StreamStore,
    },
};

/// A stream was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The request cannot be met.
    #[error(transparent)]
    Request(NewStreamError),
    /// The Receiver has as many streams as it may have.
    #[error("this receiver has as many streams as it may have, {streams_max}: delete one first")]
    TooMany {
        /// How many it may have.
        streams_max: u64,
    },
    /// The store did not do it.
    #[error("the stream cannot be stored")]
    Store(#[source] StoreError),
}

/// Creates a stream as `receiver` asks for it (SSF 1.0 §8.1.1.1).
///
/// # Errors
/// The request cannot be met, the Receiver has too many streams, or the store is not available.
pub async fn create(
    store: &impl StreamStore,
    receiver: &Receiver,
    request: CreateStream,
    supported: &[EventTypeUri],
    streams_max: u64,
    default_subjects: DefaultSubjects,
    now: Timestamp,
) -> Result<Stream, CreateError> {
    let mut stream = Stream::create(request, receiver, ids::stream_id(now), supported, now)
        .map_err(CreateError::Request)?;
    stream.default_subjects = default_subjects;
    match store
        .create_stream(&stream, streams_max)
        .await
        .map_err(CreateError::Store)?
    {
        CreatedStream::Created => Ok(stream),
        CreatedStream::TooMany => Err(CreateError::TooMany { streams_max }),
    }
}

/// A stream was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The request cannot be met.
    #[error(transparent)]
    Request(ChangeStreamError),
    /// The Receiver has no such stream.
    #[error("there is no stream with this stream_id")]
    NotFound,
    /// The store did not do it.
    #[error("the stream cannot be stored")]
    Store(#[source] StoreError),
}

/// Changes a stream of `receiver` as it asks for it (SSF 1.0 §8.1.1.3, §8.1.1.4).
///
/// Returns the stream after the change, and how many deliveries were dropped because they are of types that the stream
/// gets no longer. No attempt begins after that as the stream was before, unless somebody who works on it takes longer to
/// stop than anybody waits for.
///
/// # Errors
/// The request cannot be met, there is no such stream, or the store is not available.
pub async fn change<S: StreamStore + Outbox, C: Clock>(
    standstill: Standstill<'_, S, C>,
    receiver: &Receiver,
    request: StreamChange,
    terms: Terms<'_>,
    now: Timestamp,
) -> Result<(Stream, u64), ChangeError> {
    let id = request.stream_id().clone();
    let decide = |stream: &Stream| {
        let changed = stream.changed(request, terms)?;
        if is_addressed_rightly(&changed.audience, &receiver.audience, &changed.delivery) {
            Ok(changed)
        } else {
            Err(ChangeStreamError::Misaddressed)
        }
    };
    let changed = standstill
        .store
        .change_stream(receiver.id, &id, now, decide)
        .await;
    match changed.map_err(ChangeError::Store)? {
        ChangedStream::Changed {
            stream,
            dropped,
            owners,
        } => {
            stopped(standstill, &id, owners).await;
            Ok((*stream, dropped))
        }
        ChangedStream::Refused(error) => Err(ChangeError::Request(error)),
        ChangedStream::NotFound => Err(ChangeError::NotFound),
    }
}

/// Deletes a stream of `receiver`; no attempt begins on it after that, as with [`change`] (SSF 1.0 §8.1.1.5).
///
/// Returns how many deliveries were dropped; `None` if there is no such stream.
///
/// # Errors
/// The store is not available.
pub async fn delete<S: StreamStore + Outbox, C: Clock>(
    standstill: Standstill<'_, S, C>,
    receiver: &Receiver,
    id: &StreamId,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let deleted = standstill.store.delete_stream(receiver.id, id, now).await?;
    Ok(stopped_for_good(standstill, id, deleted).await)
}

/// Ends a stream as [`delete`] does, whichever Receiver's it is among those of `issuer`.
///
/// # Errors
/// The store is not available.
pub async fn end<S: OperatedStreams + Outbox, C: Clock>(
    standstill: Standstill<'_, S, C>,
    issuer: &IssuerName,
    id: &StreamId,
    now: Timestamp,
) -> Result<Option<u64>, StoreError> {
    let ended = standstill.store.end_stream(issuer, id, now).await?;
    Ok(stopped_for_good(standstill, id, ended).await)
}

/// How many deliveries were dropped, once those who work on the stream have stopped; `None` if there was no stream.
async fn stopped_for_good<S: Outbox, C: Clock>(
    standstill: Standstill<'_, S, C>,
    id: &StreamId,
    deleted: DeletedStream,
) -> Option<u64> {
    match deleted {
        DeletedStream::Deleted { dropped, owners } => {
            stopped(standstill, id, owners).await;
            Some(dropped)
        }
        DeletedStream::NotFound => None,
    }
}

/// The stream is changed or gone, whether or not somebody takes longer to stop than anybody waits for.
async fn stopped<S: Outbox, C: Clock>(
    standstill: Standstill<'_, S, C>,
    id: &StreamId,
    owners: Vec<StreamLease>,
) {
    if let Err(error) = standstill.comes(id, owners).await {
        warn!(error = %Chain(&error), "nobody knows whether those who work on a changed stream have stopped");
    }
}
