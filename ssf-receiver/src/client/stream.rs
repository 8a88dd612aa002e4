//! The stream management API, as a Receiver uses it (SSF 1.0 §8.1).

mod polled;

use reqwest::Method;
use secrecy::SecretString;
use ssf_types::{
    audience::Audience,
    id::StreamId,
    json::JsonError,
    metadata::TransmitterMetadata,
    secret::AuthorizationHeader,
    set::Sequence,
    stream::{
        CreateStream, Delivery, PushDelivery, StatusConfiguration, StreamConfiguration,
        VerificationRequest,
    },
    uri::{EndpointUrl, EventTypeUri, Issuer},
};

pub(crate) use self::polled::{Polled, ensure_poll_stream};
use super::{
    FetchError, Http,
    discovery::{DiscoveryError, endpoint},
};

/// The stream cannot be managed.
#[derive(Debug, thiserror::Error)]

pub(crate) enum StreamError {
    /// The Transmitter does not say how.
    #[error("the transmitter offers no stream management")]
    NotOffered(#[source] DiscoveryError),
    /// A request was refused or not answered.
    #[error("the transmitter does not {action}")]
    Request {
        /// What was asked for.
        action: &'static str,
        /// Why it was not done.
        source: FetchError,
    },
    /// The request cannot be written.
    #[error("the request for a stream cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// An answer is not what it has to be.
    #[error("the transmitter's answer to a request to {action} is faulty")]
    Faulty {
        /// What was asked for.
        action: &'static str,
        /// What is wrong with the answer.
        source: JsonError,
    },
    /// The stream has another issuer than the metadata.
    #[error("the stream has another iss than the transmitter's metadata")]
    WrongIssuer,
    /// The stream's `aud` is not the one that was agreed; it never changes (SSF 1.0 §8.1.1).
    #[error("the stream has another aud than before")]
    WrongAudience,
    /// The stream was made, but not as it was asked for: it pushes elsewhere, or does not say where to poll.
    #[error("the transmitter made a stream that does not deliver as it was asked to")]
    WrongDelivery,
}

impl StreamError {
    /// Whether the Transmitter has a stream for this Receiver, and wants no second one (SSF 1.0 §8.1.1.1).
    fn is_conflict(&self) -> bool {
        matches!(
            self,
            Self::Request {
                source: FetchError::Status { status: 409, .. },
                ..
            }
        )
    }
}

const LIST: &str = "list streams";
const CREATE: &str = "create a stream";
const DELETE: &str = "delete a stream";
const VERIFY: &str = "verify the stream";
const STATUS: &str = "tell the status of the stream";

/// The API of one Transmitter.
#[derive(Debug)]
pub(crate) struct StreamClient<'c> {
    pub(crate) http: &'c Http,
    pub(crate) metadata: &'c TransmitterMetadata,
    pub(crate) token: &'c SecretString,
}

impl StreamClient<'_> {
    fn configuration(&self) -> Result<&EndpointUrl, StreamError> {
        endpoint(
            self.metadata.configuration_endpoint.as_ref(),
            "configuration_endpoint",
        )
        .map_err(StreamError::NotOffered)
    }

    /// The Receiver's streams (SSF 1.0 §8.1.1.2).
    pub(crate) async fn list(&self) -> Result<Vec<StreamConfiguration>, StreamError> {
        let url = self.configuration()?.url().clone();
        let answer = self.http.manage(Method::GET, url, self.token, None).await;
        let body = done(answer.and_then(|answer| answer.expect(&[200])), LIST)?;
        StreamConfiguration::parse_list(&body).map_err(faulty(LIST))
    }

    /// Makes a stream (SSF 1.0 §8.1.1.1).
    pub(crate) async fn create(
        &self,
        request: &CreateStream,
    ) -> Result<StreamConfiguration, StreamError> {
        let url = self.configuration()?.url().clone();
        let body = serde_json::to_vec(request).map_err(StreamError::Unwritable)?;
        let answer = self
            .http
            .manage(Method::POST, url, self.token, Some(body))
            .await;
        let body = done(answer.and_then(|answer| answer.expect(&[201, 200])), CREATE)?;
        StreamConfiguration::parse(&body).map_err(faulty(CREATE))
    }

    /// Deletes a stream; one that is gone already counts as deleted (SSF 1.0 §8.1.1.5).
    pub(crate) async fn delete(&self, id: &StreamId) -> Result<(), StreamError> {
        let url = self.configuration()?.with_query("stream_id", id.as_str());
        let answer = self
            .http
            .manage(Method::DELETE, url, self.token, None)
            .await;
        let deleted = answer.and_then(|answer| answer.expect(&[204, 200, 404]));
        done(deleted, DELETE).map(drop)
    }

    /// The status of a stream (SSF 1.0 §8.1.2.1).
    pub(crate) async fn status(&self, id: &StreamId) -> Result<StatusConfiguration, StreamError> {
        let url = endpoint(self.metadata.status_endpoint.as_ref(), "status_endpoint")
            .map_err(StreamError::NotOffered)?
            .with_query("stream_id", id.as_str());
        let answer = self.http.manage(Method::GET, url, self.token, None).await;
        let body = done(answer.and_then(|answer| answer.expect(&[200])), STATUS)?;
        StatusConfiguration::parse(&body).map_err(faulty(STATUS))
    }

    /// Asks for a verification event with `state` in it (SSF 1.0 §8.1.4.2).
    ///
    /// The event may come before the answer, or much later.
    pub(crate) async fn verify(&self, id: &StreamId, state: String) -> Result<(), StreamError> {
        let url = endpoint(
            self.metadata.verification_endpoint.as_ref(),
            "verification_endpoint",
        )
        .map_err(StreamError::NotOffered)?
        .url()
        .clone();
        let request = VerificationRequest::new(id.clone(), Some(state));
        let body = serde_json::to_vec(&request).map_err(StreamError::Unwritable)?;
        let answer = self
            .http
            .manage(Method::POST, url, self.token, Some(body))
            .await;
        done(answer.and_then(|answer| answer.expect(&[204, 200])), VERIFY).map(drop)
    }

    /// Asks for numbers on the SETs, where they are offered.
    fn numbered(&self, mut request: CreateStream) -> Result<CreateStream, StreamError> {
        if self.metadata.extra.json(Sequence::SUPPORTED) == Some("true") {
            let put = request.extra.put(Sequence::NAME, &true);
            put.map_err(StreamError::Unwritable)?;
        }
        Ok(request)
    }
}

fn done<T>(answer: Result<T, FetchError>, action: &'static str) -> Result<T, StreamError> {
    answer.map_err(|source| StreamError::Request { action, source })
}

fn faulty(action: &'static str) -> impl Fn(JsonError) -> StreamError {
    move |source| StreamError::Faulty { action, source }
}

/// A stream that was agreed upon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) id: StreamId,
    pub(crate) audience: Audience,
    /// Least seconds between two verifications, as the Transmitter last said.
    pub(crate) min_verification_interval: Option<u64>,
}

/// What a receiver wants of its stream.
#[derive(Debug)]
pub(crate) struct Wanted<'w> {
    pub(crate) issuer: &'w Issuer,
    pub(crate) events: &'w [EventTypeUri],
}

/// Adopts the stream that was agreed upon before, or makes one.
///
/// A stream that pushes to our endpoint and is not the one we remember was made with a secret that we do not hold: it
/// is deleted, because its pushes would be refused for ever.
pub(crate) async fn ensure_push_stream(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    (endpoint, secret): (&EndpointUrl, &AuthorizationHeader),
    remembered: Option<&Agreed>,
) -> Result<Agreed, StreamError> {
    let mut adopted = None;
    for stream in client.list().await? {
        if !pushes_to(&stream, endpoint) {
            continue;
        }
        match remembered {
            Some(known) if known.id == stream.stream_id => {
                if stream.aud != known.audience {
                    return Err(StreamError::WrongAudience);
                }
                adopted = Some(checked(stream, wanted)?);
            }
            _ => {
                tracing::warn!(stream.id = %stream.stream_id, "deleting a stream whose push secret is lost");
                client.delete(&stream.stream_id).await?;
            }
        }
    }
    if let Some(adopted) = adopted {
        return Ok(adopted);
    }
    let push = PushDelivery::new(endpoint.clone(), Some(secret.clone()));
    let request = client.numbered(CreateStream::push(wanted.events.to_vec(), push))?;
    let created = client.create(&request).await?;
    if !pushes_to(&created, endpoint) {
        return Err(StreamError::WrongDelivery);
    }
    checked(created, wanted)
}

fn pushes_to(stream: &StreamConfiguration, endpoint: &EndpointUrl) -> bool {
    matches!(&stream.delivery, Delivery::Push(push) if push.endpoint_url == *endpoint)
}

/// The facts of a stream whose issuer is the right one; events that it will not deliver are worth a warning.
fn checked(stream: StreamConfiguration, wanted: &Wanted<'_>) -> Result<Agreed, StreamError> {
    if stream.iss != *wanted.issuer {
        return Err(StreamError::WrongIssuer);
    }
    for event in wanted.events {
        if !stream.events_delivered.contains(event) {
            tracing::warn!(
                stream.id = %stream.stream_id, event.r#type = %event,
                "the transmitter will not deliver an event type that was asked for"
            );
        }
    }
    Ok(Agreed {
        id: stream.stream_id,
        audience: stream.aud,
        min_verification_interval: stream.min_verification_interval,
    })
}
