//! The answer to a request: its head, and as much of its body as the caller wants.

use http::{HeaderMap, StatusCode};
use reqwest::Response;
use tokio::time::{self, Instant};

use super::{
    fault::{Fault, NoReply},
    places::Place,
};

/// The answer to a request. Its place at the host is given back when it is dropped, and so is the connection, unless the
/// body was read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    response: Response,
    /// When the body has to be there.
    until: Instant,
    _place: Place,
}

/// How reading a body ended.
#[derive(Debug)]
pub(crate) enum BodyEnd {
    /// It was read to its end.
    Complete,
    /// It has more than was allowed, and was given up.
    TooLong,
    /// It broke off, or was too slow.
    BrokeOff(NoReply),
}

impl Reply {
    pub(super) fn new(response: Response, until: Instant, place: Place) -> Self {
        Self {
            response,
            until,
            _place: place,
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The body up to `limit` bytes, as it came: what arrived of it, if it did not end well. A length that the head announces
    /// makes nobody reserve memory.
    pub(crate) async fn body(mut self, limit: usize) -> (Vec<u8>, BodyEnd) {
        let mut body = Vec::new();
        loop {
            let chunk = match time::timeout_at(self.until, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return (body, BodyEnd::Complete),
                Ok(Err(error)) => return (body, BodyEnd::BrokeOff(error.into())),
                Err(_) => return (body, BodyEnd::BrokeOff(Fault::Timeout.into())),
            };
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return (body, BodyEnd::TooLong);
            }
        }
    }
}
