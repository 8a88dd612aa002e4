//! Heartbeats: the stream's status is read and a verification asked for, again and again; and who should know is told when
//! what we know becomes old.

use std::{convert::Infallible, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use secrecy::SecretString;
use ssf_types::{error::Chain, id::StreamId};
use tokio::time::{Instant, sleep};

use crate::{
    client::{Http, stream::StreamClient},
    freshness::{Freshness, heartbeat},
    receiver::Shared,
    stream::Method,
};

/// How often the age of what we know is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How often a stream that is polled is verified at most: that it is alive, each answer tells; only numbers need it.
const POLLED_INTERVAL: Duration = Duration::from_mins(15);

/// A stream that we may ask about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) stream_id: StreamId,
    pub(crate) token: SecretString,
    /// Least seconds between two verifications.
    pub(crate) min_interval: Option<u64>,
}

/// Keeps hearing of the stream; `asked` is `None` if somebody else manages it. Never returns.
pub(crate) async fn keep(shared: &Shared, http: &Http, asked: Option<&Asked>) -> Infallible {
    let interval = heartbeat(asked.and_then(|asked| asked.min_interval));
    let (first, interval) = match shared.method {
        Method::Push { .. } => {
            shared.hearing.expect_every(interval);
            (Duration::ZERO, interval)
        }
        Method::Poll => {
            let interval = interval.max(POLLED_INTERVAL);
            (interval, interval)
        }
    };
    let mut next = first;
    let begun = Instant::now();
    let mut told = None;
    loop {
        if let Some(asked) = asked.filter(|_| begun.elapsed() >= next) {
            beat(shared, http, asked).await;
            next = begun.elapsed() + interval.mul_f64(rand::random_range(1.0..1.1));
        }
        tell(shared, &mut told);
        sleep(LOOK_INTERVAL).await;
    }
}

/// Reads the status, and asks for a verification (SSF 1.0 §8.1.2.1, §8.1.4.2).
async fn beat(shared: &Shared, http: &Http, asked: &Asked) {
    let Some(metadata) = shared.keys.metadata() else {
        return;
    };
    let client = StreamClient {
        http,
        metadata: &metadata,
        token: &asked.token,
    };
    match client.status(&asked.stream_id).await {
        Ok(found) => shared.hearing.status_is(found.status),
        Err(error) => tracing::warn!(error = %Chain(&error), "the stream's status is unknown"),
    }
    let state = BASE64URL.encode(rand::random::<[u8; 16]>());
    shared.hearing.asked_with(state.clone());
    if let Err(error) = client.verify(&asked.stream_id, state).await {
        tracing::warn!(error = %Chain(&error), "no verification can be asked for");
    }
}

/// Tells of each change once.
fn tell(shared: &Shared, told: &mut Option<Freshness>) {
    let now = shared.hearing.freshness();
    if told.replace(now) == Some(now) {
        return;
    }
    let issuer = &shared.issuer;
    match now {
        Freshness::Fresh => tracing::info!(%issuer, "what is known of the transmitter is fresh"),
        Freshness::Late(why) => tracing::warn!(
            %issuer, ?why, missing = shared.hearing.missing(), untold = shared.hearing.untold(),
            "what is known of the transmitter is late"
        ),
        Freshness::Stale(why) => tracing::error!(
            %issuer, ?why, missing = shared.hearing.missing(), untold = shared.hearing.untold(),
            "what is known of the transmitter is stale: revocations may be unknown here"
        ),
    }
}
