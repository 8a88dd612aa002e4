//! Verifying a stream on its Receiver's request.

use std::time::Duration;

use ssf_types::{stream::VerificationRequest, time::Timestamp};

use super::ids;
use crate::{
    domain::{
        receiver::Receiver,
        stream::Stream,
        verification::{VerificationError, verification},
    },
    ports::{SentAlone, StoreError, StreamStore},
};

/// A verification is not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The request cannot be met now.
    #[error(transparent)]
    Request(VerificationError),
    /// The Receiver has no such stream.
    #[error("there is no stream with this stream_id")]
    NotFound,
    /// The store did not do it.
    #[error("the verification cannot be stored")]
    Store(#[source] StoreError),
}

/// Sends a verification on a stream of `receiver`, as a delivery like any other (SSF 1.0 §8.1.4.2).
///
/// # Errors
/// The stream is not enabled, `interval` has not passed since the last request that was met, what that brought is pending,
/// there is no such stream, or the store is not available.
pub async fn verify(
    store: &impl StreamStore,
    receiver: &Receiver,
    request: VerificationRequest,
    interval: Duration,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let VerificationRequest {
        stream_id, state, ..
    } = request;
    let ids = (ids::event_id(now), ids::jti(now));
    let decide = |stream: &Stream, before| verification(stream, state, before, interval, now, ids);
    let sent = store.send_verification(receiver.id, &stream_id, now, decide);
    match sent.await.map_err(VerifyError::Store)? {
        SentAlone::Numbered => Ok(()),
        SentAlone::Refused(error) => Err(VerifyError::Request(error)),
        SentAlone::NotFound => Err(VerifyError::NotFound),
    }
}
