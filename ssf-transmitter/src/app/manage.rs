//! What a Receiver does with its streams, or an operator, where it takes more than one call of a port.

use ssf_types::{
    id::StreamId, metadata::DefaultSubjects, stream::CreateStream, time::Timestamp,
    uri::EventTypeUri,
};

use super::{
    gate::{Gate, WAIT_MAX},
    ids,
};
use crate::{
    domain::{
        issuer::IssuerName,
        receiver::Receiver,
        stream::{
            ChangeStreamError, NewStreamError, Stream, StreamChange, Terms, is_addressed_rightly,
        },
    },
    ports::{
        ChangedStream, CreatedStream, DeletedStream, OperatedStreams, StoreError, StreamStore,
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
    let mut stream = Stream::create(request, receiver, ids::stream_id(), supported, now)
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
/// gets no longer. No attempt begins in this process after that as the stream was before.
///
/// # Errors
/// The request cannot be met, there is no such stream, or the store is not available.
pub async fn change(
    store: &impl StreamStore,
    gate: &Gate,
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
    let changed = store.change_stream(receiver.id, &id, now, decide).await;
    match changed.map_err(ChangeError::Store)? {
        ChangedStream::Changed {
            stream, dropped, ..
        } => {
            // The stream is changed, whether or not signing takes longer than anybody waits for.
            _ = gate.clears(WAIT_MAX).await;
            Ok((*stream, dropped))
        }
        ChangedStream::Refused(error) => Err(ChangeError::Request(error)),
        ChangedStream::NotFound => Err(ChangeError::NotFound),
    }
}

/// Deletes a stream of `receiver`; no attempt begins on it in this process after that (SSF 1.0 §8.1.1.5).
///
/// # Errors
/// The store is not available.
pub async fn delete(
    store: &impl StreamStore,
    gate: &Gate,
    receiver: &Receiver,
    id: &StreamId,
    now: Timestamp,
) -> Result<DeletedStream, StoreError> {
    let deleted = store.delete_stream(receiver.id, id, now).await?;
    stopped(gate, deleted).await;
    Ok(deleted)
}

/// Ends a stream as [`delete`] does, whichever Receiver's it is among those of `issuer`.
///
/// # Errors
/// The store is not available.
pub async fn end(
    store: &impl OperatedStreams,
    gate: &Gate,
    issuer: &IssuerName,
    id: &StreamId,
    now: Timestamp,
) -> Result<DeletedStream, StoreError> {
    let ended = store.end_stream(issuer, id, now).await?;
    stopped(gate, ended).await;
    Ok(ended)
}

async fn stopped(gate: &Gate, deleted: DeletedStream) {
    match deleted {
        // The stream is gone, whether or not signing takes longer than anybody waits for.
        DeletedStream::Deleted { .. } => _ = gate.clears(WAIT_MAX).await,
        DeletedStream::NotFound => {}
    }
}
