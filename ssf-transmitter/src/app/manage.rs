//! What a Receiver does with its streams, where it takes more than one call of a port.

use ssf_types::{stream::CreateStream, time::Timestamp, uri::EventTypeUri};

use super::ids;
use crate::{
    domain::{
        receiver::Receiver,
        stream::{NewStreamError, STREAMS_PER_RECEIVER_MAX, Stream},
    },
    ports::{CreatedStream, StoreError, StreamStore},
};

/// A stream was not created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The request cannot be met.
    #[error(transparent)]
    Request(NewStreamError),
    /// The Receiver has as many streams as it may have.
    #[error("this receiver has {STREAMS_PER_RECEIVER_MAX} streams already: delete one first")]
    TooMany,
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
    now: Timestamp,
) -> Result<Stream, CreateError> {
    let stream = Stream::create(request, receiver, ids::stream_id(), supported, now)
        .map_err(CreateError::Request)?;
    match store
        .create_stream(&stream)
        .await
        .map_err(CreateError::Store)?
    {
        CreatedStream::Created => Ok(stream),
        CreatedStream::TooMany => Err(CreateError::TooMany),
    }
}
