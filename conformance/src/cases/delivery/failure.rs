//! What a Transmitter does when a SET was not judged (RFC 8935 §2): it sends it again, later.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::BASE;
use crate::{
    case::{Case, Judge::Script, Profile, Stop},
    checks::{Level, shown},
    context::{Context, has_state, is_verification},
    sink::{Push, Reaction},
};

const BASE_AGAIN: Case = Case {
    section: "RFC 8935 §2",
    level: Level::Should,
    waits: |limits| limits.event() * 2,
    ..BASE
};

/// What `Retry-After` says.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// By how much a clock may run ahead of ours.
const EARLY: Duration = Duration::from_millis(100);

/// For how long attempts are counted.
const COUNTED: Duration = Duration::from_secs(2);

/// Most attempts in that time that are no hammering.
const ATTEMPTS_MAX: usize = 10;

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "PUSH-T-008.unavailable",
        title: "after 503 the SET comes again",
        why: "Otherwise each restart of a receiver loses revocations.",
        judge: Script(|cx| Box::pin(again(cx, Reaction::status(503)))),
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-008.too-many",
        title: "after 429 the SET comes again",
        why: "A receiver that is busy has not taken it.",
        judge: Script(|cx| Box::pin(again(cx, Reaction::status(429)))),
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-008.server-error",
        title: "after 500 the SET comes again",
        why: "A receiver that broke down has not taken it.",
        judge: Script(|cx| Box::pin(again(cx, Reaction::status(500)))),
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-008.connection-closed",
        title: "after the connection broke off without an answer the SET comes again",
        why: "Nobody knows whether the receiver has it.",
        judge: Script(|cx| Box::pin(again(cx, Reaction::HangUp))),
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-010.same-set",
        level: Level::MustImplied,
        title: "what comes again is the same SET: no claim has changed",
        why: "By its jti a receiver knows what it has already.",
        judge: Script(|cx| Box::pin(same_set(cx))),
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-009.retry-after-503",
        title: "after 503 with Retry-After the SET does not come sooner",
        why: "A receiver that starts is asked when it can answer.",
        judge: Script(|cx| Box::pin(retry_after(cx, 503))),
        waits: |limits| limits.event() * 2 + RETRY_AFTER,
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-009.retry-after-429",
        title: "after 429 with Retry-After the SET does not come sooner",
        why: "A receiver that is busy gets busier.",
        judge: Script(|cx| Box::pin(retry_after(cx, 429))),
        waits: |limits| limits.event() * 2 + RETRY_AFTER,
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-009.pace",
        title: "a SET that fails is not repeated more than 10 times in 2 s",
        why: "A receiver that has trouble does not get better by being hammered.",
        judge: Script(|cx| Box::pin(pace(cx))),
        waits: |limits| limits.event() + COUNTED,
        ..BASE_AGAIN
    },
    Case {
        id: "PUSH-T-001.redirect",
        section: "RFC 8935 §2.1",
        title: "redirects are not followed: SET and secret go to endpoint_url and nowhere else",
        why: "Whoever controls the endpoint has the transmitter ask what stands behind its walls.",
        profiles: &[Profile::Hardening],
        judge: Script(|cx| Box::pin(redirect(cx))),
        ..BASE_AGAIN
    },
];

/// The requests with one verification, of which the first is answered so and the others are acknowledged.
async fn repeated(cx: &Context, reaction: Reaction) -> Result<Option<(Push, Push)>, Stop> {
    let stream = cx.push_stream().await?;
    stream.answer_first(reaction);
    let first = stream.verification().await?;
    let attempts = stream.attempts(first.jti().unwrap_or_default(), 2).await;
    Ok(attempts.and_then(|attempts| {
        let mut attempts = attempts.into_iter();
        attempts.next().zip(attempts.next())
    }))
}

async fn again(cx: &Context, reaction: Reaction) -> Result<(), Stop> {
    let found = repeated(cx, reaction).await?;
    let patience = cx.target().limits.event().as_secs();
    let expected = format!("again within {patience} s (limits.event_seconds)");
    cx.expect(found.is_some(), "the SET", expected, "nothing");
    Ok(())
}

async fn same_set(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    // It may come again under another jti, so that it is known by its state.
    let state = cx.word();
    let (expected, is_first) = (state.clone(), AtomicBool::new(true));
    stream.answer(move |push| {
        if has_state(push, &expected) && is_first.swap(false, Ordering::Relaxed) {
            Reaction::status(503)
        } else {
            Reaction::acknowledge()
        }
    });
    cx.verify(&stream.stream, Some(&state)).await?;
    let first = stream.arrival(|push| has_state(push, &state)).await?;
    let came = first.came;
    let second = stream
        .arrival(|push| has_state(push, &state) && push.came > came)
        .await?;
    let claims = |push: &Push| {
        push.set
            .as_ref()
            .map(|set| set.claims.clone())
            .unwrap_or_default()
    };
    let (expected, found) = (claims(&first), claims(&second));
    cx.expect(
        expected == found,
        "the claims of the second attempt",
        shown(&expected.into()),
        shown(&found.into()),
    );
    Ok(())
}

async fn retry_after(cx: &Context, status: u16) -> Result<(), Stop> {
    let seconds = RETRY_AFTER.as_secs().to_string();
    let reaction = Reaction::with_header(status, "retry-after", &seconds);
    let Some((first, second)) = repeated(cx, reaction).await? else {
        return Err(Stop::blocked("the SET does not come again"));
    };
    let answered = first.answered.map_or(first.came, |answered| answered.at);
    let rest = second.came.saturating_duration_since(answered);
    cx.expect(
        rest + EARLY >= RETRY_AFTER,
        "until the next attempt",
        format!("{} s or more", RETRY_AFTER.as_secs()),
        format!("{} ms", rest.as_millis()),
    );
    Ok(())
}

async fn pace(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    stream.answer(|push| {
        if is_verification(push) {
            Reaction::status(503)
        } else {
            Reaction::acknowledge()
        }
    });
    stream.verification().await?;
    let attempts = || {
        let pushes = stream.inbox.pushes();
        pushes.iter().filter(|push| is_verification(push)).count()
    };
    let before = attempts();
    tokio::time::sleep(COUNTED).await;
    let found = attempts() - before;
    stream.answer(|_| Reaction::acknowledge());
    let expected = format!("{ATTEMPTS_MAX} at most");
    cx.expect(found <= ATTEMPTS_MAX, "attempts in 2 s", expected, found);
    Ok(())
}

async fn redirect(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let elsewhere = cx.inbox()?;
    let to = elsewhere.url().to_string();
    stream.answer_first(Reaction::with_header(307, "location", &to));
    let first = stream.verification().await?;
    let came = first.came;
    let patience = cx.target().limits.event();
    let found = tokio::select! {
        // Who comes again has not followed; who has followed got its answer there.
        _ = stream.found(|push| push.jti() == first.jti() && push.came > came) => elsewhere.count(),
        _ = elsewhere.until(patience, |pushes| (!pushes.is_empty()).then_some(())) => elsewhere.count(),
    };
    cx.expect(found == 0, "requests where the redirect leads", 0, found);
    Ok(())
}
