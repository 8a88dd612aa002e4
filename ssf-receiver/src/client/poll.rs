//! One poll, as HTTP (RFC 8936 §2.2, §2.3).

use std::time::Duration;

use reqwest::{Method, Response, header};
use ssf_types::{
    json::JsonError,
    poll::{PollRequest, PollResponse, RESPONSE_BYTES_MAX},
    push::retry_after,
    uri::EndpointUrl,
};

use super::{FetchError, Http, access::Access, host_of, read_capped};
use crate::{clock, media_type};

const MEDIA_TYPE: &str = "application/json";

/// Where to poll, and with which tokens.
#[derive(Clone, Debug)]
pub(crate) struct PollAt {
    pub(crate) endpoint: EndpointUrl,
    pub(crate) access: Access,
}

/// The answer to a poll.
#[derive(Debug)]
pub(crate) struct PollAnswer {
    pub(crate) response: PollResponse,
    /// How many SETs came under a name that is no identifier, so that nothing can be said of them.
    pub(crate) unnamed: usize,
}

/// A poll got no SETs, nor the word that there are none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PollError {
    /// The request cannot be written.
    #[error("the poll cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// There is no answer, or not all of it.
    #[error("the poll is not answered")]
    Unanswered(#[source] FetchError),
    /// The Transmitter did not do what was asked for.
    #[error("the poll is refused")]
    Refused {
        /// The status.
        source: FetchError,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Another poll of the same stream is under way.
    #[error("another poll of the stream is under way")]
    Elsewhere,
    /// There is no such stream any more, or not here.
    #[error("the stream is not there")]
    Gone(#[source] FetchError),
    /// The answer claims to be something else (RFC 8936 §2.3).
    #[error("the answer to a poll must be application/json")]
    WrongMediaType,
    /// The answer is not what it has to be.
    #[error("the answer to a poll is faulty")]
    Faulty(#[source] JsonError),
}

impl Http {
    /// Polls once. The whole answer has to be there within `deadline`.
    ///
    /// Of an answer that is no success, the head alone is read (RFC 8936 §2.5.1).
    pub(crate) async fn poll(
        &self,
        at: &PollAt,
        poll: &PollRequest,
        deadline: Duration,
    ) -> Result<PollAnswer, PollError> {
        let url = at.endpoint.url().clone();
        let host = host_of(&url);
        let body = serde_json::to_vec(poll).map_err(PollError::Unwritable)?;
        let language = poll.content_language();
        let response = self.authorised(&at.access, &host, || {
            let request = self
                .request(Method::POST, url.clone())?
                .timeout(deadline)
                .header(header::ACCEPT, MEDIA_TYPE)
                .header(header::CONTENT_TYPE, MEDIA_TYPE)
                .body(body.clone());
            Ok(match language {
                Some(language) => request.header(header::CONTENT_LANGUAGE, language),
                None => request,
            })
        });
        let response = response.await.map_err(PollError::Unanswered)?;
        if let Some(refusal) = refusal(&response, &host) {
            return Err(refusal);
        }
        let content_type = text_of(&response, &header::CONTENT_TYPE);
        if !content_type.is_some_and(|found| media_type::is(found, MEDIA_TYPE)) {
            return Err(PollError::WrongMediaType);
        }
        let body = read_capped(response, &host, RESPONSE_BYTES_MAX)
            .await
            .map_err(PollError::Unanswered)?;
        let (response, unnamed) = PollResponse::parse_named(&body).map_err(PollError::Faulty)?;
        Ok(PollAnswer { response, unnamed })
    }
}

/// What a status that is no success means.
fn refusal(response: &Response, host: &str) -> Option<PollError> {
    let status = response.status().as_u16();
    let source = FetchError::Status {
        host: host.to_owned(),
        status,
    };
    match status {
        200 => None,
        404 | 410 => Some(PollError::Gone(source)),
        409 => Some(PollError::Elsewhere),
        _ => Some(PollError::Refused {
            source,
            retry_after: text_of(response, &header::RETRY_AFTER)
                .and_then(|value| retry_after(value, clock::now())),
        }),
    }
}

fn text_of<'r>(response: &'r Response, name: &header::HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}
