//! The body of the answer to a poll, which knows whether it was taken.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};
use ssf_types::poll::PollResponse;

use crate::app::poll::HandedOut;

/// Most bytes that are given to the connection at once: what it has taken, it may not have written.
const CHUNK_BYTES_MAX: usize = 16 * 1024;

/// The JSON of an answer, in chunks. Dropped before it was written, it has its SETs offered again at once.
///
/// What the Receiver's end of the connection does with bytes that the operating system has taken, nobody learns.
#[derive(Debug)]
pub(super) struct AnswerBody {
    rest: Bytes,
    is_written: bool,
    handed_out: Option<HandedOut>,
}

impl AnswerBody {
    pub(super) fn new(
        response: &PollResponse,
        handed_out: HandedOut,
    ) -> Result<Self, serde_json::Error> {
        Ok(Self {
            rest: serde_json::to_vec(response)?.into(),
            is_written: false,
            handed_out: Some(handed_out),
        })
    }
}

impl MessageBody for AnswerBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = self.get_mut();
        if !this.rest.is_empty() {
            let chunk = this.rest.len().min(CHUNK_BYTES_MAX);
            return Poll::Ready(Some(Ok(this.rest.split_to(chunk))));
        }
        if !this.is_written {
            // Nothing is left, but the end has to wait: the connection writes what it has taken whenever it gets nothing,
            // and drops this body if it cannot.
            this.is_written = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(handed_out) = this.handed_out.take() {
            handed_out.arrived();
        }
        Poll::Ready(None)
    }
}
