//! Polls that are answered with an error.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{POLL, is_poll, polled};
use crate::{
    case::{Case, Judge, Stop},
    checks::Level::Should,
    peer::{Reply, host::Seen},
    push::Probe,
};

/// How long a Receiver is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// As much earlier its clock may say that the time is over.
const TOLERANCE: Duration = Duration::from_millis(50);

/// How long its next poll may take to come.
const NEXT_POLL_MAX: Duration = Duration::from_secs(90);

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-R-014.retry-after",
        section: "RFC 9110 §10.2.3",
        level: Should,
        title: "after 429 the next poll comes no earlier than Retry-After says",
        why: "a transmitter that is overloaded goes under if those who wait ask all the more",
        judge: Judge::Push(|p| Box::pin(waits(p))),
        waits: |_| NEXT_POLL_MAX,
        ..POLL
    },
    Case {
        id: "POLL-R-014.body-of-an-error",
        section: "RFC 8936 §2.5.1",
        level: Should,
        title: "what the body of an error looks like is not read",
        why: "it may come from anybody in between, and a SET in it was not delivered",
        judge: Judge::Push(|p| Box::pin(ignores_errors(p))),
        waits: |_| NEXT_POLL_MAX,
        ..POLL
    },
];

async fn disturbed(probe: &Probe, reply: Reply) -> Result<(Seen, Seen), Stop> {
    let host = polled(probe)?;
    probe.given_accepted().await?;
    let status = reply.status;
    let began = Instant::now();
    // The poll that waits now ends with the SET; the next one is disturbed.
    host.answer_next_poll(reply);
    probe.push(&probe.sound()).await?.given_success()?;
    let two = host.seen(|log| {
        let polls = || log.iter().filter(|seen| is_poll(seen));
        let disturbed = polls().find_map(|seen| {
            let (answer, at) = seen.answer.as_ref()?;
            (answer.status == status && *at >= began).then_some((seen, *at))
        });
        let (first, answered_at) = disturbed?;
        let next = polls().find(|seen| seen.at >= answered_at)?;
        Some((first.clone(), next.clone()))
    });
    let two = timeout(NEXT_POLL_MAX, two).await;
    let silent = || Stop::blocked(format!("after {status} no poll came any more"));
    let (first, next) = two.map_err(|_| silent())?;
    probe.keep(first.exchange());
    Ok((first, next))
}

async fn waits(probe: &Probe) -> Result<(), Stop> {
    let mut reply = Reply::error(429);
    reply.set_header("Retry-After", &RETRY_AFTER.as_secs().to_string());
    let (first, next) = disturbed(probe, reply).await?;
    let answered_at = first.answer.map_or(first.at, |(_, at)| at);
    let pause = next.at.saturating_duration_since(answered_at);
    let what = "the pause before the next poll";
    let expected = format!("{} ms or more", RETRY_AFTER.as_millis());
    let found = format!("{} ms", pause.as_millis());
    probe.expect(pause + TOLERANCE >= RETRY_AFTER, what, expected, found);
    probe.given_accepted().await
}

async fn ignores_errors(probe: &Probe) -> Result<(), Stop> {
    let set = probe.sound();
    let jti = set.get("jti").and_then(Value::as_str).unwrap_or_default();
    let sets = json!({ "sets": { jti: probe.compact(&set)? } });
    disturbed(probe, Reply::with(503, &sets)).await?;
    // What it makes of the body would be told by now, with the acknowledgement of another one.
    probe.given_accepted().await?;
    let speaks_of_it = |seen: &Seen| {
        let body = seen.object().unwrap_or_default();
        let acknowledged = body
            .get("ack")
            .is_some_and(|ack| ack.to_string().contains(jti));
        acknowledged
            || body
                .get("setErrs")
                .is_some_and(|errors| errors.get(jti).is_some())
    };
    let found = probe
        .host()?
        .log(|log| log.iter().filter(|seen| speaks_of_it(seen)).count());
    probe.expect(
        found == 0,
        "polls that speak of the SET in the body of a 503",
        0,
        found,
    );
    Ok(())
}
