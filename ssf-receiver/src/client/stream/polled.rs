//! The stream that is polled: the one that was agreed upon before, or a new one.

use ssf_types::{
    stream::{CreateStream, Delivery, PollDelivery, StreamConfiguration},
    uri::EndpointUrl,
};

use super::{
    Agreed, StreamClient, StreamError, Wanted,
    ensure::{agreed, as_wanted},
};
use crate::client::reach::is_named;

/// A stream that is polled.
#[derive(Debug)]
pub(crate) struct Polled {
    pub(crate) agreed: Agreed,
    /// Where the Transmitter has it polled.
    pub(crate) endpoint: EndpointUrl,
}

/// Adopts the stream that was agreed upon before, or makes one.
///
/// A stream that we do not remember may be another application's with the same credentials, and two that poll one stream
/// would have half of the SETs each. So it is adopted only where the Transmitter refuses a second one (409,
/// SSF 1.0 §8.1.1.1), and only if it is the one stream that is polled.
pub(crate) async fn ensure_poll_stream(
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    remembered: Option<&Agreed>,
) -> Result<Polled, StreamError> {
    let listed = client.list().await?;
    if let Some(known) = remembered {
        let is_known = |stream: &&StreamConfiguration| stream.stream_id == known.id;
        match listed.iter().find(is_known) {
            Some(stream) if stream.aud != known.audience => return Err(StreamError::WrongAudience),
            Some(stream) if is_polled(stream) => {
                let stream = as_wanted(client, wanted, stream.clone()).await?;
                return polled(client, stream, wanted);
            }
            Some(_) | None => tracing::error!(
                stream.id = %known.id,
                "the stream is gone, with what waited in it: another one is made"
            ),
        }
    }
    let request = client.numbered(CreateStream::poll(wanted.events.to_vec()))?;
    match client.create(&request).await {
        Ok(created) => polled(client, created, wanted),
        Err(error) if error.is_conflict() => {
            // Once more, since somebody may have made it since we looked.
            let mut polls = client.list().await?.into_iter().filter(is_polled);
            match (polls.next(), polls.next()) {
                (Some(only), None) => {
                    let only = as_wanted(client, wanted, only).await?;
                    polled(client, only, wanted)
                }
                (Some(_), Some(_)) | (None, _) => Err(StreamError::Occupied),
            }
        }
        Err(error) => Err(error),
    }
}

fn is_polled(stream: &StreamConfiguration) -> bool {
    matches!(stream.delivery, Delivery::Poll(_))
}

fn polled(
    client: &StreamClient<'_>,
    stream: StreamConfiguration,
    wanted: &Wanted<'_>,
) -> Result<Polled, StreamError> {
    let endpoint = client.poll_endpoint(&stream)?;
    let agreed = agreed(stream, wanted);
    Ok(Polled { agreed, endpoint })
}

impl StreamClient<'_> {
    /// Where a stream is polled, with the management token: the Transmitter chooses the place, among those that its metadata
    /// names (SSF 1.0 §6.1.2).
    pub(crate) fn poll_endpoint(
        &self,
        stream: &StreamConfiguration,
    ) -> Result<EndpointUrl, StreamError> {
        let Delivery::Poll(PollDelivery {
            endpoint_url: Some(endpoint),
            ..
        }) = &stream.delivery
        else {
            return Err(StreamError::WrongDelivery);
        };
        if !is_named(self.metadata, endpoint.url()) {
            let host = endpoint.host().to_owned();
            return Err(StreamError::ForeignPoll { host });
        }
        Ok(endpoint.clone())
    }
}
