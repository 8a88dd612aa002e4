//! Bodies of requests: capped while they are read.

use std::{pin::pin, time::Duration};

use actix_web::web;
use futures_util::StreamExt;
use tokio::time::timeout;

/// How long a body may take to arrive; Transmitters give up at about the same time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A body was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than any that makes sense.
    #[error("the body has more than {bytes_max} bytes")]
    TooLong {
        /// Most bytes that would have been read.
        bytes_max: usize,
    },
    /// It broke off, or took too long.
    #[error("the body cannot be read to its end")]
    Unreadable,
}

/// Reads a body to its end, unless it has more than `bytes_max` bytes.
pub(crate) async fn read(body: web::Payload, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let read = timeout(TIMEOUT, read_capped(body, bytes_max)).await;
    read.unwrap_or(Err(BodyError::Unreadable))
}

async fn read_capped(body: web::Payload, bytes_max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| BodyError::Unreadable)?;
        if bytes.len() + chunk.len() > bytes_max {
            return Err(BodyError::TooLong { bytes_max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
