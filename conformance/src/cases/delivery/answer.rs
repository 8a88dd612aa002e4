//! What a Transmitter makes of answers that judge a SET (RFC 8935 §2.2, §2.3).

use std::time::Duration;

use serde_json::Value;

use super::EVENTS;
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::Level,
    context::{Context, PushStream, is_about},
    exchange::Answer,
    sink::{Push, Reaction},
};

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_secs(2);

/// Bytes of an error that is much too long.
const LONG_BYTES: usize = 256 * 1024;

const NOT_AGAIN: Case = Case {
    section: "RFC 8935 §2",
    level: Level::Should,
    ..EVENTS
};

const GOES_ON: Case = Case {
    section: "RFC 8935 §2.4",
    ..EVENTS
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "PUSH-T-013.acknowledged",
        section: "RFC 8935 §2.2",
        title: "a SET that was acknowledged with 202 is not sent again",
        why: "Receivers may act each time.",
        judge: Script(|cx| Box::pin(judged_once(cx, Reaction::acknowledge()))),
        ..EVENTS
    },
    Case {
        id: "PUSH-T-013.slow",
        section: "RFC 8935 §2.2",
        level: Level::May,
        title: "a 202 that takes 2 s counts",
        why: "A receiver that stores before it answers gets SETs twice from a transmitter that is less patient.",
        judge: Script(|cx| Box::pin(slow(cx))),
        waits: |limits| limits.event() * 3 + limits.silence() + SLOW * 2,
        ..EVENTS
    },
    Case {
        id: "PUSH-T-008.invalid_request",
        title: "a SET that was refused with invalid_request is not sent again, and the next one is",
        why: "It will be refused for ever, and keeps others from arriving.",
        judge: Script(|cx| Box::pin(judged_once(cx, Reaction::refuse_with("invalid_request")))),
        ..NOT_AGAIN
    },
    Case {
        id: "PUSH-T-008.invalid_issuer",
        title: "a SET that was refused with invalid_issuer is not sent again, and the next one is",
        why: "It will be refused for ever, and keeps others from arriving.",
        judge: Script(|cx| Box::pin(judged_once(cx, Reaction::refuse_with("invalid_issuer")))),
        ..NOT_AGAIN
    },
    Case {
        id: "PUSH-T-008.invalid_audience",
        title: "a SET that was refused with invalid_audience is not sent again, and the next one is",
        why: "It will be refused for ever, and keeps others from arriving.",
        judge: Script(|cx| Box::pin(judged_once(cx, Reaction::refuse_with("invalid_audience")))),
        ..NOT_AGAIN
    },
    Case {
        id: "PUSH-T-014.unknown-code",
        title: "after a SET was refused with a code that is not registered, the next one comes",
        why: "Receivers have codes of their own, and specifications to come will.",
        judge: Script(|cx| Box::pin(goes_on(cx, Reaction::refuse_with("x_new_code")))),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-014.invalid_key",
        title: "after a SET was refused with invalid_key, the next one comes",
        why: "One key that a receiver does not know must not stop what others signed.",
        judge: Script(|cx| Box::pin(goes_on(cx, Reaction::refuse_with("invalid_key")))),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-014.authentication_failed",
        title: "after a SET was refused with authentication_failed, the next one comes",
        why: "A receiver whose directory is away for a moment loses a SET, not the stream.",
        judge: Script(|cx| Box::pin(goes_on(cx, Reaction::refuse_with("authentication_failed")))),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-014.access_denied",
        title: "after a SET was refused with access_denied, the next one comes",
        why: "What one SET may not do, another one may.",
        judge: Script(|cx| Box::pin(goes_on(cx, Reaction::refuse_with("access_denied")))),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-015.html",
        section: "RFC 8935 §2.3",
        title: "after a 400 with HTML, the next SET comes",
        why: "It is what proxies answer.",
        judge: Script(|cx| {
            Box::pin(goes_on(
                cx,
                Reaction::refuse("text/html", "<html>no</html>"),
            ))
        }),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-015.empty",
        section: "RFC 8935 §2.3",
        title: "after a 400 without a body, the next SET comes",
        why: "Not every receiver says what is wrong.",
        judge: Script(|cx| Box::pin(goes_on(cx, Reaction::status(400)))),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-015.wrong-types",
        section: "RFC 8935 §2.3",
        title: "after a 400 whose err is a number, the next SET comes",
        why: "A reader that breaks over it stops the stream.",
        judge: Script(|cx| {
            let reaction = Reaction::refuse("application/json", r#"{"err":7,"description":[]}"#);
            Box::pin(goes_on(cx, reaction))
        }),
        ..GOES_ON
    },
    Case {
        id: "PUSH-T-015.long",
        section: "RFC 8935 §2.3",
        title: "after a 400 with a description of 256 KiB, the next SET comes",
        why: "A reader that breaks over it stops the stream.",
        judge: Script(|cx| {
            let description = "x".repeat(LONG_BYTES);
            let body = format!(r#"{{"err":"invalid_request","description":"{description}"}}"#);
            Box::pin(goes_on(cx, Reaction::refuse("application/json", body)))
        }),
        ..GOES_ON
    },
];

/// Expects that a SET which is answered so comes once, and that the next one comes.
async fn judged_once(cx: &Context, reaction: Reaction) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = answered_so(cx, &stream, reaction).await?;
    expect_next(cx, &stream, &subject).await?;
    tokio::time::sleep(cx.target().limits.silence()).await;
    let found = stream.about(&subject);
    let what = "requests with the two events about the subject";
    cx.expect(found == 2, what, 2, found);
    Ok(())
}

/// Expects that after a SET which is answered so another one comes.
async fn goes_on(cx: &Context, reaction: Reaction) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = answered_so(cx, &stream, reaction).await?;
    expect_next(cx, &stream, &subject).await
}

async fn slow(cx: &Context) -> Result<(), Stop> {
    let acknowledged = Answer {
        status: 202,
        ..Answer::default()
    };
    let stream = cx.push_stream().await?;
    let subject = answered_so(cx, &stream, Reaction::AnswerAfter(SLOW, acknowledged)).await?;
    let is_open = |push: &&Push| is_about(push, &subject) && push.answered.is_none();
    let all = |pushes: &[Push]| (!pushes.iter().any(|push| is_open(&push))).then_some(());
    stream.inbox.until(SLOW * 2, all).await;
    expect_next(cx, &stream, &subject).await?;
    tokio::time::sleep(cx.target().limits.silence()).await;
    if stream.about(&subject) > 2 {
        cx.note("a SET whose acknowledgement took 2 s was sent again");
    }
    Ok(())
}

/// Has an event happen whose SET is answered so each time it comes; relies on its coming.
async fn answered_so(
    cx: &Context,
    stream: &PushStream<'_>,
    reaction: Reaction,
) -> Result<Value, Stop> {
    // Events of other cases may come as well, so it is known by its subject; how SETs name that, the first event shows.
    let asked = cx.subject(&stream.stream).await?;
    let subject = cx.emit(&asked).await?;
    stream.arrival(|push| is_about(push, &subject)).await?;
    let before = stream.inbox.count();
    let about = subject.clone();
    stream.answer(move |push| {
        if is_about(push, &about) {
            reaction.clone()
        } else {
            Reaction::acknowledge()
        }
    });
    cx.emit(&asked).await?;
    stream
        .arrival_after(before, |push| is_about(push, &subject))
        .await?;
    Ok(subject)
}

/// Expects that an event about somebody else comes.
async fn expect_next(cx: &Context, stream: &PushStream<'_>, before: &Value) -> Result<(), Stop> {
    let subject = stream.emit().await?;
    let found = stream.found(|push| is_about(push, &subject)).await;
    let what = format!("the event after the one about {before}");
    cx.expect(found.is_some(), what, "to be pushed", "none");
    Ok(())
}
