//! What an event does.

use std::time::{Duration, Instant};

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::Level::Must,
    push::Probe,
};

/// How long an event may take to have an effect once the SET is taken.
const EFFECT_MAX: Duration = Duration::from_secs(30);

/// How often the session is asked about meanwhile.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// The cases.
pub(super) const CASES: &[Case] = &[Case {
    id: "INTEROP-044.session-ends",
    section: "CAEP Interoperability Profile 1.0 §3.1",
    level: Must,
    profiles: Profile::AND_LEGACY,
    title: "session-revoked ends the session, and nobody else's",
    why: "it is what all of this is for: a receiver that takes the event and lets the session go on protects nobody",
    judge: Judge::Push(|p| Box::pin(ends(p))),
    ..RECEIVER
}];

async fn ends(probe: &Probe) -> Result<(), Stop> {
    let (set, other) = (probe.sound(), probe.sound());
    for one in [&set, &other] {
        probe.given_session(one).await?;
        let alive = probe.is_alive(one).await?;
        let alive = alive
            .ok_or_else(|| Stop::not_configured("needs the adapter alive (adapters.alive)"))?;
        if !alive {
            return Err(Stop::blocked("the adapter alive: no session has begun"));
        }
    }
    probe.push(&set).await?.given_success()?;
    let began = Instant::now();
    let mut alive = probe.is_alive(&set).await?;
    while alive == Some(true) && began.elapsed() < EFFECT_MAX {
        tokio::time::sleep(AGAIN_AFTER).await;
        alive = probe.is_alive(&set).await?;
    }
    let shown = |alive: Option<bool>| {
        if alive == Some(true) {
            "alive"
        } else {
            "ended"
        }
    };
    probe.expect(
        alive == Some(false),
        "the session of its subject",
        "ended",
        shown(alive),
    );
    let others = probe.is_alive(&other).await?;
    probe.expect(
        others == Some(true),
        "the session of somebody else",
        "alive",
        shown(others),
    );
    Ok(())
}
