//! Whether the Receiver shows that it is there before its stream might be stopped (SSF 1.0 §8.1.1).

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Stop},
    checks::Level::Should,
    peer::host::{Host, Seen},
    push::Probe,
};

/// Longest `inactivity_timeout` that is waited for.
const INACTIVITY_MAX: Duration = Duration::from_mins(5);

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "SSF-R-023.activity",
    section: "SSF 1.0 §8.1.1",
    level: Should,
    title: "the receiver calls or polls before its stream has been inactive for inactivity_timeout",
    why: "the transmitter may stop the stream then; pushes that are taken do not count, so nobody hears of the events that follow",
    tags: &["receiver", "activity"],
    judge: Judge::Push(|p| Box::pin(stays_active(p))),
    // Twice, for a sign of life may come at the last moment.
    waits: |_| INACTIVITY_MAX.saturating_mul(2),
    ..RECEIVER
}];

/// How long the Receiver was active, and the longest time in between without a sign of life.
#[derive(Debug)]
struct Activity {
    /// From the first sign of life to the end of the last.
    span: Duration,
    /// Since then.
    rest: Duration,
    /// The longest time without one, the last included.
    longest: Duration,
    /// What ended before the longest time.
    before: Seen,
    /// What began after it, if anything did.
    after: Option<Seen>,
}

async fn stays_active(probe: &Probe) -> Result<(), Stop> {
    let host = probe.host()?;
    let limit = host.inactivity();
    if limit > INACTIVITY_MAX {
        let max = INACTIVITY_MAX.as_secs();
        return Err(Stop::not_configured(format!(
            "needs an inactivity_timeout of {max} s at most (limits.inactivity_seconds)"
        )));
    }
    let activity = watched(host, limit).await;
    let activity = activity.ok_or_else(|| {
        Stop::not_offered("the receiver has asked for nothing that shows that it is there")
    })?;
    probe.keep(activity.before.exchange());
    probe.keep(activity.after.iter().filter_map(Seen::exchange));
    probe.expect(
        activity.longest <= limit,
        "the longest time without a call or a poll",
        format!("{} s at most", limit.as_secs()),
        format!("{:.1} s", activity.longest.as_secs_f64()),
    );
    Ok(())
}

/// Watches until the Receiver has been active for as long as it may be inactive, or has been inactive for too long.
async fn watched(host: &Host, limit: Duration) -> Option<Activity> {
    loop {
        let known = host.log_length();
        let activity = host.log(|log| activity(log, Instant::now(), host.hold()))?;
        if activity.longest > limit || activity.span >= limit {
            return Some(activity);
        }
        let rest = limit.saturating_sub(activity.rest.max(activity.span));
        let asks = host.seen(|log| (log.len() > known).then_some(()));
        // Past the limit, so that it is over then.
        drop(timeout(rest + Duration::from_millis(1), asks).await);
    }
}

/// How active the Receiver has been up to now; `None` if it has not. A request without an answer is held, for so long at most.
fn activity(log: &[Seen], now: Instant, hold: Duration) -> Option<Activity> {
    let mut signs = log.iter().filter(|seen| is_sign_of_life(seen));
    let first = signs.next()?;
    let ended_at = |seen: &Seen| match &seen.answer {
        Some((_, at)) => *at,
        None => now.min(seen.at + hold),
    };
    let (mut last, mut active_until) = (first, ended_at(first));
    let mut longest = (Duration::ZERO, first, None);
    for sign in signs {
        let pause = sign.at.saturating_duration_since(active_until);
        if pause > longest.0 {
            longest = (pause, last, Some(sign));
        }
        if ended_at(sign) >= active_until {
            (last, active_until) = (sign, ended_at(sign));
        }
    }
    let rest = now.saturating_duration_since(active_until);
    if rest > longest.0 {
        longest = (rest, last, None);
    }
    Some(Activity {
        span: active_until.saturating_duration_since(first.at),
        rest,
        longest: longest.0,
        before: longest.1.clone(),
        after: longest.2.cloned(),
    })
}

/// Whether a request shows that the Receiver is there: a call or a poll, also while that is held, unless it was refused.
fn is_sign_of_life(seen: &Seen) -> bool {
    let is_refused = seen.answer.is_some() && !seen.is_success();
    seen.operation.is_some() && !is_refused
}
