//! What an instance that does not lead has to know of a stream: for whom its SETs are, and keys to verify them with.

use std::{sync::Arc, time::Duration};

use ssf_types::error::Chain;
use tokio::time::sleep;

use crate::{
    inbox::{Inbox, InboxError},
    setup::{Setup, Source},
    stream::StreamState,
    transmitter::Shared,
};

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(1);

/// Takes over what the leading instance agreed upon, until this one leads.
pub(crate) async fn stand_by(shared: &Shared, setup: &mut Setup) {
    tokio::select! {
        biased;
        () = shared.core.lead.held() => {}
        () = keep_up(shared, setup) => {}
    }
}

async fn keep_up(shared: &Shared, setup: &mut Setup) {
    loop {
        match is_ready(shared, setup).await {
            Ok(state) => {
                shared.stream.send_if_modified(|known| {
                    let changed = *known != state;
                    *known = state;
                    changed
                });
            }
            Err(error) => {
                tracing::debug!(error = %Chain(&error), "the stream is not known here");
            }
        }
        sleep(INTERVAL).await;
    }
}

/// How far it is with the stream, as the database has it.
async fn is_ready(shared: &Shared, setup: &mut Setup) -> Result<StreamState, InboxError> {
    let pending = |why: &str| {
        let last_error = Some(why.to_owned());
        Ok(StreamState::Pending { last_error })
    };
    let stream_id = match &mut setup.source {
        Source::Pushed | Source::Polled(_) => None,
        Source::Managed { remembered, .. } => {
            let settings = shared.core.inbox.settings().await?;
            *remembered = setup.memory.read(&settings).ok().flatten();
            let Some(agreed) = remembered else {
                return pending("another instance sets up the stream");
            };
            let audience = Some(Arc::new(agreed.audience.clone()));
            if shared.audience.load().as_ref() != audience.as_ref() {
                shared.audience.store(audience);
            }
            Some(agreed.id.clone())
        }
    };
    if !shared.keys.loaded() && shared.keys.refresh().await.is_err() {
        return pending("the transmitter's keys cannot be fetched");
    }
    Ok(StreamState::Ready { stream_id })
}
