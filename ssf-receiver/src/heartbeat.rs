//! Heartbeats: the stream's status is read and a verification asked for, again and again; and who should know is told when
//! what we know becomes old.

use std::{num::NonZeroU64, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_types::{error::Chain, id::StreamId, time::Timestamp};
use tokio::time::{Instant, sleep};

#[cfg(feature = "shared")]
use crate::inbox::SharedInbox;
use crate::{
    client::{Http, access::Access, stream::StreamClient},
    clock,
    freshness::{
        Freshness, Why, heartbeat,
        kept::{self, Kept},
    },
    inbox::Inbox,
    replay,
    rotation::Rotation,
    stream::Method,
    transmitter::Shared,
};

/// How often the age of what we know is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// How often a stream that is polled is verified at most: that it is alive, each answer tells; only numbers need it.
const POLLED_INTERVAL: Duration = Duration::from_mins(15);

/// How often it is remembered at most when something was heard.
const REMEMBER_INTERVAL: Duration = Duration::from_secs(30);

/// Wait after a request for a verification that failed: one that comes a moment after that of a process before is refused.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

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
    let mut remembered = None;
    let mut rotation = Rotation::default();
    loop {
        if let Some(asked) = asked.filter(|_| begun.elapsed() >= active_next) {
            let found = show_activity(shared, http, asked).await;
            if found.is_gone() && lost != Some(&asked.stream_id) {
                return;
            }
            active_next = begun.elapsed() + activity;
        }
        if let Some(asked) = asked.filter(|_| begun.elapsed() >= verified_next) {
            let wait = match verify(shared, http, asked).await {
                Ok(()) => interval.mul_f64(rand::random_range(1.0..1.1)),
                Err(NotAsked) => interval.min(RETRY_INTERVAL),
            };
            verified_next = begun.elapsed() + wait;
        }
        if let Some(asked) = asked {
            if is_lost(told) {
                see_what_was_accepted(shared).await;
            }
            replay::ask(shared, http, asked).await;
            rotation.step(shared, http, asked).await;
        }
        remember(shared, &mut remembered).await;
        tell(shared, &mut told);
        sleep(LOOK_INTERVAL).await;
    }
}

fn is_lost(told: Option<Freshness>) -> bool {
    told == Some(Freshness::Stale(Why::Lost))
}

/// Another instance, or somebody with access to the database, may have accepted what is lost.
async fn see_what_was_accepted(shared: &Shared) {
    match shared.core.inbox.settings().await {
        Ok(settings) => {
            let kept = Kept::read(&settings, &shared.issuer);
            shared.hearing.accept(&kept);
        }
        Err(error) => {
            tracing::debug!(error = %Chain(&error), "what was accepted is unknown");
        }
    }
}

/// Remembers when something was heard, for the next start; it was heard then at the earliest.
async fn remember(shared: &Shared, remembered: &mut Option<Timestamp>) {
    let Some(heard_at) = shared.hearing.heard_at(clock::now()) else {
        return;
    };
    if remembered.is_some_and(|before| heard_at.since(before) < REMEMBER_INTERVAL) {
        return;
    }
    let settings = kept::heard(&shared.issuer, heard_at);
    match shared.core.inbox.keep_settings(&settings).await {
        Ok(()) => *remembered = Some(heard_at),
        Err(error) => {
            tracing::debug!(error = %Chain(&error), "when something was heard is not remembered");
        }
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

/// No verification was asked for; why, the log says.
struct NotAsked;

/// Asks for a verification (SSF 1.0 §8.1.4.2).
async fn verify(shared: &Shared, http: &Http, asked: &Asked) -> Result<(), NotAsked> {
    let Some(metadata) = shared.keys.metadata() else {
        return Err(NotAsked);
    };
    let client = StreamClient {
        http,
        metadata: &metadata,
        access: &asked.access,
    };
    let state = BASE64URL.encode(rand::random::<[u8; 16]>());
    shared.hearing.asked_with(state.clone());
    #[cfg(feature = "shared")]
    if let Some(inbox) = shared.core.inbox.shared() {
        // It may come to another instance.
        let told = inbox.asked_with(shared.quarantined.scope(), &state).await;
        if let Err(error) = told {
            tracing::warn!(error = %Chain(&error), "no verification can be asked for");
            return Err(NotAsked);
        }
    }
    if let Err(error) = client.verify(&asked.stream_id, Some(state)).await {
        tracing::warn!(error = %Chain(&error), "no verification can be asked for");
        return Err(NotAsked);
    }
    Ok(())
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
