//! Heartbeats: the stream's status is read and a verification asked for, again and again; and who should know is told when
//! what we know becomes old.

use std::{num::NonZeroU64, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_types::{error::Chain, id::StreamId};
use tokio::time::{Instant, sleep};

use crate::{
    client::{Http, access::Access, stream::StreamClient},
    freshness::{Freshness, heartbeat},
    stream::Method,
    transmitter::Shared,
};

/// How often the age of what we know is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How often a stream that is polled is verified at most: that it is alive, each answer tells; only numbers need it.
const POLLED_INTERVAL: Duration = Duration::from_mins(15);

/// A stream that we may ask about.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) stream_id: StreamId,
    pub(crate) access: Access,
    /// Least seconds between two verifications.
    pub(crate) min_interval: Option<u64>,
    /// Seconds after which the Transmitter may stop the stream of a Receiver that asks for nothing.
    pub(crate) inactivity: Option<NonZeroU64>,
}

/// Keeps hearing of the stream; `asked` is `None` if somebody else manages it. Returns once it is gone.
///
/// One that was `lost` before and is there again, as its Transmitter's list has it, is not given up once more for lack of a
/// status alone.
pub(crate) async fn keep(
    shared: &Shared,
    http: &Http,
    asked: Option<&Asked>,
    lost: Option<&StreamId>,
) {
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
    let activity = activity_interval(asked.and_then(|asked| asked.inactivity), interval);
    let (mut verified_next, mut active_next) = (first, first.min(activity));
    let begun = Instant::now();
    let mut told = None;
    loop {
        if let Some(asked) = asked.filter(|_| begun.elapsed() >= active_next) {
            let found = show_activity(shared, http, asked).await;
            if found.is_gone() && lost != Some(&asked.stream_id) {
                return;
            }
            active_next = begun.elapsed() + activity;
        }
        if let Some(asked) = asked.filter(|_| begun.elapsed() >= verified_next) {
            verify(shared, http, asked).await;
            verified_next = begun.elapsed() + interval.mul_f64(rand::random_range(1.0..1.1));
        }
        tell(shared, &mut told);
        sleep(LOOK_INTERVAL).await;
    }
}

/// How often the status is read: with each heartbeat, and twice as often as the Transmitter wants a sign of activity, since one
/// of them may get lost (SSF 1.0 §8.1.1).
fn activity_interval(inactivity: Option<NonZeroU64>, heartbeat: Duration) -> Duration {
    let Some(timeout) = inactivity else {
        return heartbeat;
    };
    let half = Duration::from_secs(timeout.get()) / 2;
    half.saturating_sub(LOOK_INTERVAL)
        .clamp(LOOK_INTERVAL, heartbeat)
}

/// What became of a look at the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Looked {
    /// It is there, or nobody knows.
    There,
    /// The Transmitter has no such stream.
    Gone,
}

impl Looked {
    fn is_gone(self) -> bool {
        self == Self::Gone
    }
}

/// Reads the status (SSF 1.0 §8.1.2.1), which the Transmitter takes for activity, whereas it need not notice pushes that are
/// acknowledged.
async fn show_activity(shared: &Shared, http: &Http, asked: &Asked) -> Looked {
    let Some(metadata) = shared.keys.metadata() else {
        return Looked::There;
    };
    let client = StreamClient {
        http,
        metadata: &metadata,
        access: &asked.access,
    };
    match client.status(&asked.stream_id).await {
        Ok(found) => shared.hearing.status_is(found.status),
        Err(error) => {
            tracing::warn!(error = %Chain(&error), "the stream's status is unknown");
            if error.is_gone() {
                return Looked::Gone;
            }
        }
    }
    Looked::There
}

/// Asks for a verification (SSF 1.0 §8.1.4.2).
async fn verify(shared: &Shared, http: &Http, asked: &Asked) {
    let Some(metadata) = shared.keys.metadata() else {
        return;
    };
    let client = StreamClient {
        http,
        metadata: &metadata,
        access: &asked.access,
    };
    let state = BASE64URL.encode(rand::random::<[u8; 16]>());
    shared.hearing.asked_with(state.clone());
    #[cfg(feature = "postgres")]
    if let Some(inbox) = shared.core.inbox.shared() {
        // It may come to another instance.
        let told = inbox.asked_with(shared.quarantined.scope(), &state).await;
        if let Err(error) = told {
            tracing::warn!(error = %Chain(&error), "no verification can be asked for");
            return;
        }
    }
    if let Err(error) = client.verify(&asked.stream_id, Some(state)).await {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_is_shown_twice_within_the_timeout() {
        let heartbeat = Duration::from_mins(5);
        let every = |timeout| activity_interval(NonZeroU64::new(timeout), heartbeat).as_secs();
        assert_eq!(activity_interval(None, heartbeat), heartbeat);
        assert_eq!(every(86_400), 300);
        assert_eq!(every(620), 300);
        // Less the 5 s after which it may be noticed at the latest.
        assert_eq!(every(60), 25);
        assert_eq!(every(1), 5);
    }
}
