//! What an instance that does not lead has to know of a stream: for whom its SETs are, and keys to verify them with.

use std::{sync::Arc, time::Duration};

use ssf_types::error::Chain;
use tokio::time::sleep;

use crate::{
    inbox::{Inbox, InboxError, Settings},
    push_secret::Held,
    setup::{Setup, Source},
    stream::{Method, StreamState},
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

/// A secret that the leading instance is about to tell the transmitter may be pushed with here.
fn accept_secrets(shared: &Shared, names: (&str, &str), settings: &Settings) {
    if let (Method::Push { secrets, .. }, Some(held)) =
        (&shared.method, Held::read(settings, names))
    {
        secrets.set(held);
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
            accept_secrets(shared, setup.memory.secret_names(), &settings);
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
