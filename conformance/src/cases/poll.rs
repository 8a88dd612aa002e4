//! Delivery by polls (RFC 8936). Verifications are what is delivered, since every transmitter has them.

mod access;
mod acknowledgement;
mod batch;
mod status;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Stop},
    checks::{Level, shown},
    context::{Context, Operation, Polled, Stream},
    event_types::VERIFICATION,
    set::RawSet,
};

const BASE: Case = Case {
    section: "RFC 8936 §2.4",
    tags: &["poll"],
    waits: |limits| limits.event(),
    ..Case::MANAGEMENT
};

/// How soon an answer that must not wait has to be there.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How long a poll is left waiting before something happens.
const HEAD_START: Duration = Duration::from_millis(500);

/// The cases of polls.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES
        .iter()
        .chain(acknowledgement::CASES)
        .chain(batch::CASES)
        .chain(access::CASES)
        .chain(status::CASES)
}

const CASES: &[Case] = &[
    Case {
        id: "POLL-T-001.empty-object",
        title: "an empty object is a poll",
        why: "All members are optional, and small receivers send none.",
        judge: Script(|cx| Box::pin(empty_object(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-002.answer",
        section: "RFC 8936 §2.3",
        title: "a poll is answered with 200, application/json, and an object with sets",
        why: "Without it a receiver cannot find the SETs.",
        judge: Script(|cx| Box::pin(answer(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-003.nothing-to-deliver",
        section: "RFC 8936 §2.3",
        level: Level::Must,
        title: "with nothing to deliver, sets is an empty object",
        why: "An array, null or nothing at all break readers that expect an object.",
        judge: Script(|cx| Box::pin(nothing_to_deliver(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-003.keys",
        section: "RFC 8936 §2.3",
        level: Level::Must,
        title: "each SET stands under its jti",
        why: "Receivers acknowledge the name; if it is another, the SET comes again for ever.",
        judge: Script(|cx| Box::pin(keys(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-009.at-once",
        section: "RFC 8936 §2.2",
        level: Level::Should,
        title: "returnImmediately is answered at once, also with nothing",
        why: "Receivers that poll by a schedule must not be held.",
        judge: Script(|cx| Box::pin(at_once(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-010.long-poll",
        section: "RFC 8936 §2.2",
        level: Level::Must,
        title: "a poll that may wait is answered with what comes meanwhile",
        why: "It is what makes polling as fast as pushing.",
        judge: Script(|cx| Box::pin(long_poll(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-018.broken-json",
        section: "RFC 8936 §2.5.1",
        level: Level::Must,
        title: "a body that breaks off is refused with 400",
        why: "A transmitter that answers 5xx has it repeated for ever.",
        judge: Script(|cx| Box::pin(spoilt(cx, r#"{"ack":"#))),
        ..BASE
    },
    Case {
        id: "POLL-T-018.max-events-is-a-text",
        section: "RFC 8936 §2.5.1",
        level: Level::Must,
        title: "maxEvents that is a text is refused with 400",
        why: "Whoever guesses takes it for no limit, or for none at all.",
        judge: Script(|cx| Box::pin(spoilt(cx, r#"{"maxEvents":"5","returnImmediately":true}"#))),
        ..BASE
    },
    Case {
        id: "POLL-T-018.ack-is-a-text",
        section: "RFC 8936 §2.5.1",
        level: Level::Must,
        title: "ack that is a text is refused with 400",
        why: "A receiver that is told 200 believes that its acknowledgement counts.",
        judge: Script(|cx| Box::pin(spoilt(cx, r#"{"ack":"x","returnImmediately":true}"#))),
        ..BASE
    },
];

async fn empty_object(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.poll_now(&stream, json!({})).await?;
    // Something has to be on its way: such a poll may wait.
    cx.verify(&stream, None).await?;
    let answered = cx.poll(&stream, &json!({}))?.send().await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}

async fn answer(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verification(&stream).await?;
    let body = json!({ "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    let found: Vec<&str> = answered.header("content-type").collect();
    let media_type = found.join(", ");
    let is_json = media_type
        .split(';')
        .next()
        .is_some_and(|one| one.trim().eq_ignore_ascii_case("application/json"));
    let what = format!("{}: Content-Type", answered.asked());
    cx.expect(is_json, what, "application/json", media_type);
    let has_sets = answered
        .json()
        .is_some_and(|body| body.get("sets").is_some());
    cx.expect(
        has_sets,
        answered.asked(),
        "an object with sets",
        answered.shown_body(),
    );
    Ok(())
}

async fn nothing_to_deliver(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let body = json!({ "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    let found = answered.given_success()?.json().unwrap_or_default();
    let sets = found.get("sets").unwrap_or(&Value::Null);
    cx.expect(sets.is_object(), "sets", "{}", shown(sets));
    Ok(())
}

async fn keys(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    cx.expect_member(&arrived.set.claims, "jti", &json!(arrived.jti));
    Ok(())
}

async fn at_once(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let began = std::time::Instant::now();
    cx.poll_now(&stream, json!({})).await?;
    let took = began.elapsed();
    let expected = format!("within {} s", AT_ONCE.as_secs());
    cx.expect(
        took <= AT_ONCE,
        "the answer",
        expected,
        format!("{} ms", took.as_millis()),
    );
    Ok(())
}

async fn long_poll(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let happens = async {
        tokio::time::sleep(HEAD_START).await;
        cx.verify(&stream, None).await
    };
    let poll = cx.poll(&stream, &json!({}))?.send();
    let (answered, asked) = tokio::join!(poll, happens);
    asked?;
    let polled = Polled::given(answered?)?;
    cx.expect(
        !polled.sets.is_empty(),
        "sets",
        "the SET that came meanwhile",
        polled.answered.shown_body(),
    );
    Ok(())
}

async fn spoilt(cx: &Context, body: &str) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.poll_now(&stream, json!({})).await?;
    let spoilt = cx.poll(&stream, &json!({}))?.body_instead(body);
    let answered = spoilt.send().await?;
    cx.expect_status(&answered, &[400]);
    cx.poll_now(&stream, json!({})).await?;
    Ok(())
}

pub(super) async fn set_status(cx: &Context, stream: &Stream, status: &str) -> Result<(), Stop> {
    let body = json!({ "stream_id": stream.id, "status": status });
    let answered = cx.call(Operation::SetStatus).json(&body).send().await?;
    if answered.status() == 202 {
        return Err(Stop::not_offered(
            "status changes are decided on later (202)",
        ));
    }
    let found = answered.given_object()?.remove("status");
    if found.as_ref() != Some(&json!(status)) {
        return Err(Stop::blocked(format!("the stream is not {status}")));
    }
    Ok(())
}

fn tells_of(token: &Value, subject: &Value) -> bool {
    let set = RawSet::parse(token.as_str().unwrap_or_default());
    set.is_ok_and(|set| is_about(&set, subject))
}

pub(super) fn is_about(set: &RawSet, subject: &Value) -> bool {
    set.claims.get("sub_id") == Some(subject) && set.event(VERIFICATION).is_none()
}
