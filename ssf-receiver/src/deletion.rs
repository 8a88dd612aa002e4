//! Deleting the stream, for an application that goes out of service.

use std::{error::Error, sync::Arc};

use ssf_types::metadata::TransmitterMetadata;

use crate::{
    client::{Http, access::Access, stream::StreamClient},
    inbox::{Inbox, InboxError},
    stream::{StreamMemory, StreamState},
    transmitter::Transmitter,
};

/// What manages the stream.
#[derive(Debug)]
pub(crate) struct Management {
    pub(crate) http: Http,
    pub(crate) access: Access,
    pub(crate) memory: StreamMemory,
}

/// The stream is not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteStreamError {
    /// The receiver uses a stream that somebody else made.
    #[error("somebody else made the stream, and has to delete it")]
    NotManaged,
    /// No stream was agreed upon, so that there is none to delete.
    #[error("the receiver has no stream")]
    NoStream,
    /// The Transmitter was not reached, or does not delete it.
    #[error("the stream is still there")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// The database cannot be read or written; a stream that is deleted already is found gone by the next start.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

impl Transmitter {
    /// Deletes the stream, with what waits in it, and forgets it (SSF 1.0 §8.1.1.5): for an application that goes out of
    /// service.
    ///
    /// It first stops what is done in the background for this Transmitter, as
    /// [`Receiver::stop`](crate::Receiver::stop) does for all, so that nobody makes the stream anew. What was revoked stays
    /// so, and the next start makes another stream.
    ///
    /// # Errors
    /// Says why the stream is still there; then it may be called again.
    pub async fn delete_stream(&self) -> Result<(), DeleteStreamError> {
        let shared = self.shared();
        let management = shared.management.as_ref();
        let management = management.ok_or(DeleteStreamError::NotManaged)?;
        self.running().tasks.stop().await;
        let settings = shared.core.inbox.settings().await?;
        let known = management.memory.read(&settings).ok().flatten();
        let known = known.ok_or(DeleteStreamError::NoStream)?;
        let metadata = self.known_metadata().await?;
        let client = StreamClient {
            http: &management.http,
            metadata: &metadata,
            access: &management.access,
        };
        let deleted = client.delete(&known.id).await;
        deleted.map_err(|error| DeleteStreamError::Refused(error.into()))?;
        tracing::warn!(stream.id = %known.id, "the stream is deleted");
        let last_error = Some("the stream was deleted".to_owned());
        shared
            .stream
            .send_replace(StreamState::Pending { last_error });
        let forgotten = management.memory.forgotten();
        Ok(shared.core.inbox.keep_settings(&forgotten).await?)
    }

    async fn known_metadata(&self) -> Result<Arc<TransmitterMetadata>, DeleteStreamError> {
        if let Some(known) = self.shared().keys.metadata() {
            return Ok(known);
        }
        let discovered = self.shared().keys.discover().await;
        discovered.map_err(|error| DeleteStreamError::Refused(error.into()))
    }
}
