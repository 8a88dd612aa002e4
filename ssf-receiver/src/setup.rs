//! Background work: fetching keys, and setting up the stream as often as it takes.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use ssf_types::{error::Chain, uri::EventTypeUri};
use tokio::task::AbortHandle;

use crate::{
    client::{
        Http,
        discovery::DiscoveryError,
        stream::{Agreed, StreamClient, StreamError, Wanted, ensure_push_stream},
    },
    inbox::{Inbox, InboxError},
    receiver::Shared,
    stream::{StreamMemory, StreamState},
};

/// Wait after the first failed attempt; it doubles with each further one.
const DELAY_MIN: Duration = Duration::from_secs(1);

/// Longest wait between two attempts.
const DELAY_MAX: Duration = Duration::from_mins(1);

/// What is needed to set up the stream.
pub(crate) struct Setup {
    pub(crate) http: Http,
    pub(crate) events: Vec<EventTypeUri>,
    pub(crate) memory: StreamMemory,
    /// The management token and the stream that is remembered; `None` if somebody else manages the stream.
    pub(crate) managed: Option<(SecretString, Option<Agreed>)>,
}

/// The background tasks; they end when this is dropped.
pub(crate) struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Starts the background tasks.
pub(crate) fn spawn(shared: &Arc<Shared>, setup: Setup) -> Tasks {
    let keeper = Arc::clone(shared);
    let keeper = tokio::spawn(async move { keeper.keys.keep().await });
    let shared = Arc::clone(shared);
    let setup = tokio::spawn(async move { set_up(&shared, setup).await });
    Tasks(vec![keeper.abort_handle(), setup.abort_handle()])
}

/// An attempt ended without a stream.
#[derive(Debug, thiserror::Error)]
enum SetupError {
    #[error("discovery did not succeed")]
    Discovery(#[source] DiscoveryError),
    #[error("the stream cannot be set up")]
    Stream(#[source] StreamError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error("the transmitter's keys cannot be fetched")]
    Keys,
}

async fn set_up(shared: &Shared, mut setup: Setup) {
    let mut delay = DELAY_MIN;
    loop {
        let error = match attempt(shared, &mut setup).await {
            Ok(state) => {
                tracing::info!("the receiver is ready");
                shared.stream.send_replace(state);
                return;
            }
            Err(error) => Chain(&error).to_string(),
        };
        tracing::warn!(error, "the stream is not set up yet");
        let last_error = Some(error);
        shared
            .stream
            .send_replace(StreamState::Pending { last_error });
        tokio::time::sleep(delay.mul_f64(rand::random_range(0.5..1.0))).await;
        delay = (delay * 2).min(DELAY_MAX);
    }
}

async fn attempt(shared: &Shared, setup: &mut Setup) -> Result<StreamState, SetupError> {
    let stream_id = match &mut setup.managed {
        None => None,
        Some((token, remembered)) => {
            let metadata = shared
                .keys
                .discover()
                .await
                .map_err(SetupError::Discovery)?;
            let client = StreamClient {
                http: &setup.http,
                metadata: &metadata,
                token,
            };
            let wanted = Wanted {
                issuer: &shared.issuer,
                endpoint: &shared.endpoint,
                secret: &shared.secret,
                events: &setup.events,
            };
            let agreed = ensure_push_stream(&client, &wanted, remembered.as_ref())
                .await
                .map_err(SetupError::Stream)?;
            report_status(&client, &agreed).await;
            shared
                .inbox
                .keep_settings(&setup.memory.write(&agreed)?)
                .await?;
            shared
                .audience
                .store(Some(Arc::new(agreed.audience.clone())));
            *remembered = Some(agreed.clone());
            Some(agreed.id)
        }
    };
    shared.keys.refresh().await.map_err(|_| SetupError::Keys)?;
    Ok(StreamState::Ready { stream_id })
}

/// A stream that is paused or disabled delivers nothing, which a person has to know.
async fn report_status(client: &StreamClient<'_>, stream: &Agreed) {
    match client.status(&stream.id).await {
        Ok(found) if found.status == ssf_types::stream::StreamStatus::Enabled => {}
        Ok(found) => tracing::error!(
            stream.id = %stream.id, stream.status = found.status.as_str(),
            "the stream delivers nothing"
        ),
        Err(error) => tracing::warn!(error = %Chain(&error), "the stream's status is unknown"),
    }
}
