//! Background work: fetching keys, setting up the stream as often as it takes, keeping it, and polling it.

use std::{sync::Arc, time::Duration};

use ssf_types::{error::Chain, id::StreamId, uri::EventTypeUri};

use crate::{
    client::{
        Http,
        access::Access,
        discovery::DiscoveryError,
        poll::PollAt,
        stream::{
            Agreed, Polled, StreamClient, StreamError, Wanted, ensure_poll_stream,
            ensure_push_stream,
        },
    },
    heartbeat::{self, Asked},
    inbox::{Inbox, InboxError},
    instances::{perform, standby::stand_by},
    poll::{Ended, Poller},
    quarantine,
    stream::{Method, StreamMemory, StreamState},
    tasks::{Stop, Tasks},
    tending,
    transmitter::Shared,
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
    pub(crate) source: Source,
}

/// Where the stream comes from.
pub(crate) enum Source {
    /// It is found or made with such tokens; one that was agreed upon before is remembered.
    Managed {
        access: Access,
        remembered: Option<Agreed>,
    },
    /// Somebody else made it, and it is pushed.
    Pushed,
    /// Somebody else made it, to be polled there.
    Polled(PollAt),
}

/// A stream that is set up.
#[derive(Default)]
struct Found {
    /// How to ask about it, if the receiver manages it.
    asked: Option<Asked>,
    /// Where to poll it; `None` if it is pushed.
    poll_at: Option<PollAt>,
}

/// Starts the background tasks.
pub(crate) fn spawn(shared: &Arc<Shared>, setup: Setup) -> Tasks {
    let (tasks, stop) = Tasks::new();
    let keeper = Arc::clone(shared);
    let keeper = tokio::spawn(async move { keeper.keys.keep().await });
    tasks.abort_at_end(keeper.abort_handle());
    let trying = tokio::spawn(quarantine::keep_trying(Arc::clone(shared)));
    tasks.abort_at_end(trying.abort_handle());
    let tending = tokio::spawn(tending::keep(Arc::clone(shared)));
    tasks.abort_at_end(tending.abort_handle());
    tokio::spawn(receive(Arc::clone(shared), setup, stop));
    tasks
}

/// Sets up the stream, keeps it alive, and polls it if it is one that is polled; one that is gone is set up again.
async fn receive(shared: Arc<Shared>, mut setup: Setup, mut stop: Stop) {
    let mut poller = Poller::new(Arc::clone(&shared), setup.http.clone());
    let mut lost = None;
    loop {
        tokio::select! {
            biased;
            () = stop.told() => return,
            () = stand_by(&shared, &mut setup) => {}
        }
        let ended = tokio::select! {
            biased;
            ended = serve(&shared, &mut setup, &mut poller, (&mut lost, &mut stop)) => ended,
            () = shared.core.lead.lost() => continue,
            never = perform(&shared) => match never {},
        };
        match ended {
            Ended::Stopped => return,
            Ended::Gone => {
                tracing::error!(
                    "the stream is gone, or not where it was polled: it is set up again"
                );
                let last_error = "the stream is gone, or not where it was polled".to_owned();
                let last_error = Some(last_error);
                shared
                    .stream
                    .send_replace(StreamState::Pending { last_error });
            }
        }
    }
}

/// Sets up the stream, and serves it as long as it is there; one that is gone then was `lost`.
async fn serve(
    shared: &Arc<Shared>,
    setup: &mut Setup,
    poller: &mut Poller,
    (lost, stop): (&mut Option<StreamId>, &mut Stop),
) -> Ended {
    let found = tokio::select! {
        biased;
        () = stop.told() => return Ended::Stopped,
        found = set_up(shared, setup) => found,
    };
    let heartbeat = heartbeat::keep(shared, &setup.http, found.asked.as_ref(), lost.as_ref());
    let ended = if let Some(at) = &found.poll_at {
        tokio::select! {
            ended = poller.run(at, stop) => ended,
            () = heartbeat => Ended::Gone,
        }
    } else {
        tokio::select! {
            () = stop.told() => Ended::Stopped,
            () = heartbeat => Ended::Gone,
        }
    };
    if ended == Ended::Gone {
        *lost = found.asked.map(|asked| asked.stream_id);
    }
    ended
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

async fn set_up(shared: &Shared, setup: &mut Setup) -> Found {
    let mut delay = DELAY_MIN;
    loop {
        let error = match attempt(shared, setup).await {
            Ok(found) => {
                tracing::info!("the receiver is ready");
                let stream_id = found.asked.as_ref().map(|asked| asked.stream_id.clone());
                shared.stream.send_replace(StreamState::Ready { stream_id });
                return found;
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

async fn attempt(shared: &Shared, setup: &mut Setup) -> Result<Found, SetupError> {
    let found = match &mut setup.source {
        Source::Pushed => Found::default(),
        Source::Polled(at) => Found {
            asked: None,
            poll_at: Some(at.clone()),
        },
        Source::Managed { access, remembered } => {
            let metadata = shared
                .keys
                .discover()
                .await
                .map_err(SetupError::Discovery)?;
            let client = StreamClient {
                http: &setup.http,
                metadata: &metadata,
                access,
            };
            let wanted = Wanted {
                events: &setup.events,
            };
            let (agreed, poll_at) = ensured(shared, &client, &wanted, remembered.as_ref()).await?;
            // Should the rest of the attempt fail, the next one finds this stream.
            *remembered = Some(agreed.clone());
            report_status(shared, &client, &agreed).await;
            shared
                .core
                .inbox
                .keep_settings(&setup.memory.write(&agreed)?)
                .await?;
            shared
                .audience
                .store(Some(Arc::new(agreed.audience.clone())));
            let asked = Asked {
                stream_id: agreed.id,
                access: access.clone(),
                min_interval: agreed.min_verification_interval,
                inactivity: agreed.inactivity_timeout,
            };
            Found {
                asked: Some(asked),
                poll_at,
            }
        }
    };
    // Keys that this process has fetched will do: how often they are fetched is limited, and a stream may be set up anew more often.
    if shared.keys.refresh().await.is_err() && !shared.keys.are_known() {
        return Err(SetupError::Keys);
    }
    Ok(found)
}

/// The stream, found or made; and where to poll it, if it is not pushed.
async fn ensured(
    shared: &Shared,
    client: &StreamClient<'_>,
    wanted: &Wanted<'_>,
    remembered: Option<&Agreed>,
) -> Result<(Agreed, Option<PollAt>), SetupError> {
    match &shared.method {
        Method::Push { endpoint, secrets } => {
            let held = secrets.held();
            let target = (endpoint, held.current());
            let agreed = ensure_push_stream(client, wanted, target, remembered).await;
            Ok((agreed.map_err(SetupError::Stream)?, None))
        }
        Method::Poll => {
            let polled = ensure_poll_stream(client, wanted, remembered).await;
            let Polled { agreed, endpoint } = polled.map_err(SetupError::Stream)?;
            let access = client.access.clone();
            Ok((agreed, Some(PollAt { endpoint, access })))
        }
    }
}

/// A stream that is paused or disabled delivers nothing, which a person has to know.
async fn report_status(shared: &Shared, client: &StreamClient<'_>, stream: &Agreed) {
    let status = client.status(&stream.id).await;
    if let Ok(found) = &status {
        shared.hearing.status_is(found.status);
    }
    match status {
        Ok(found) if found.status == ssf_types::stream::StreamStatus::Enabled => {}
        Ok(found) => tracing::error!(
            stream.id = %stream.id, stream.status = found.status.as_str(),
            "the stream delivers nothing"
        ),
        Err(error) => tracing::warn!(error = %Chain(&error), "the stream's status is unknown"),
    }
}
