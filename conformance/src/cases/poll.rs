//! Delivery by polls (RFC 8936). Verifications are what is delivered, since every transmitter has them.

mod batch;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::{Level, shown},
    context::{Context, Credential, Operation, Polled, Stream},
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
    CASES.iter().chain(batch::CASES)
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
        id: "POLL-T-006.acknowledge-only",
        section: "RFC 8936 §2.4.2",
        title: "maxEvents 0 brings no SET and an answer that is an object",
        why: "A receiver that stops acknowledges what it has and wants nothing more.",
        judge: Script(|cx| Box::pin(acknowledge_only(cx))),
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
        id: "POLL-T-013.acknowledged",
        title: "a SET that was acknowledged does not come again",
        why: "Receivers would never come to an end.",
        judge: Script(|cx| Box::pin(acknowledged(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-014.unacknowledged",
        level: Level::May,
        title: "a SET that was not acknowledged comes again",
        why: "A receiver that broke off with the answer in its hands has lost it otherwise.",
        judge: Script(|cx| Box::pin(unacknowledged(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-016.reported",
        section: "RFC 8936 §2.4.4",
        title: "a SET that was reported in setErrs is not offered for ever",
        why: "One SET that a receiver cannot read would hold up all others.",
        judge: Script(|cx| Box::pin(reported(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-017.unknown-jti",
        title: "to acknowledge what is not there is no error",
        why: "Receivers repeat acknowledgements whose answer they did not get.",
        judge: Script(|cx| Box::pin(unknown_jti(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-005.max-events",
        section: "RFC 8936 §2.2",
        level: Level::Should,
        title: "no more than maxEvents SETs come at once",
        why: "A receiver takes as many as it can keep.",
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.silence() + limits.event() * 2,
        judge: Script(|cx| Box::pin(max_events(cx))),
        ..BASE
    },
    Case {
        id: "POLL-T-004.more-available",
        section: "RFC 8936 §2.3",
        level: Level::May,
        title: "moreAvailable tells that there are more SETs than maxEvents",
        why: "A receiver that polls by a schedule asks at once for more.",
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.silence() + limits.event(),
        judge: Script(|cx| Box::pin(more_available(cx))),
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
    Case {
        id: "POLL-T-020.challenge",
        also: &["SSF-T-029", "SSF-T-050"],
        section: "RFC 8936 §3",
        level: Level::Must,
        title: "a poll without a token: 401 with WWW-Authenticate",
        why: "Whoever can poll without one gets the receiver's events.",
        tags: &["poll", "authorization"],
        judge: Script(|cx| Box::pin(challenge(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-051.poll-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot poll the stream: 401, 403 or 404",
        why: "It would get the receiver's events, and could acknowledge them.",
        tags: &["poll", "authorization"],
        needs: &[Need::Token, Need::OtherToken],
        judge: Script(|cx| Box::pin(by_another(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-254.url-of-its-own",
        section: "SSF 1.0 §6.1.2",
        level: Level::Must,
        title: "each stream of a receiver has a URL of its own",
        why: "Events of two streams would mix, and be acknowledged for each other.",
        streams: 2,
        judge: Script(|cx| Box::pin(url_of_its_own(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-163.poll-after-deletion",
        section: "SSF 1.0 §8.1.1.5",
        title: "a stream that was deleted cannot be polled",
        why: "A receiver that deletes its stream has withdrawn; nothing may be left of it.",
        judge: Script(|cx| Box::pin(after_deletion(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-179.paused",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Must,
        title: "a stream that is paused brings no events",
        why: "A receiver that paused its stream is not ready for any.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.event() + limits.silence(),
        judge: Script(|cx| Box::pin(paused(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-181.enabled-again",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Should,
        title: "what happened while the stream was paused comes when it is enabled again",
        why: "Otherwise each pause loses revocations.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        judge: Script(|cx| Box::pin(enabled_again(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-184.disabled",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Must,
        title: "what happened while the stream was disabled never comes",
        why: "A receiver that disabled its stream wants to know nothing of that time.",
        tags: &["poll", "status"],
        needs: &[Need::Token, Need::Emit],
        waits: |limits| limits.event() + limits.silence(),
        judge: Script(|cx| Box::pin(disabled(cx))),
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

async fn acknowledge_only(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verification(&stream).await?;
    let body = json!({ "maxEvents": 0, "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    let found = answered.json().unwrap_or_default();
    cx.expect(
        found.is_object(),
        answered.asked(),
        "an object",
        answered.shown_body(),
    );
    let none = found.get("sets").is_none_or(|sets| *sets == json!({}));
    cx.expect(none, "sets", "none", answered.shown_body());
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

async fn acknowledged(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    gone(cx, &stream, &arrived.jti, json!({ "ack": [arrived.jti] })).await
}

async fn reported(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    let error = json!({ "err": "invalid_request", "description": "ssf-conformance refuses it" });
    gone(
        cx,
        &stream,
        &arrived.jti,
        json!({ "setErrs": { &arrived.jti: error } }),
    )
    .await
}

/// Expects that a SET is not in the answer to the poll that deals with it, nor in that to the next.
async fn gone(cx: &Context, stream: &Stream, jti: &str, body: Value) -> Result<(), Stop> {
    for body in [body, json!({})] {
        let polled = cx.poll_now(stream, body).await?;
        let is_there = polled.sets.contains_key(jti);
        cx.expect(
            !is_there,
            "sets",
            format!("no {jti}"),
            polled.answered.shown_body(),
        );
    }
    Ok(())
}

async fn unacknowledged(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = cx.verification(&stream).await?;
    let polled = cx.poll_now(&stream, json!({})).await?;
    if polled.sets.contains_key(&arrived.jti) {
        cx.expect(true, "sets", &arrived.jti, &arrived.jti);
    } else {
        cx.note("a SET that was not acknowledged does not come again at once");
    }
    Ok(())
}

async fn unknown_jti(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.poll_now(&stream, json!({})).await?;
    let body = json!({ "ack": [cx.word()], "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}

async fn max_events(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let mut missing = two_wait(cx, &stream).await?;
    let mut done: Vec<String> = Vec::new();
    while !missing.is_empty() {
        let one = json!({ "maxEvents": 1, "ack": done });
        let polled = cx.poll_until_some(&stream, one).await?;
        if done.iter().any(|jti| polled.sets.contains_key(jti)) {
            return Err(Stop::blocked("what was acknowledged comes again"));
        }
        let found = polled.sets.len();
        cx.expect(found <= 1, "sets", "1 SET at most", found);
        missing.retain(|subject| !polled.sets.values().any(|token| tells_of(token, subject)));
        done = polled.sets.into_iter().map(|(jti, _)| jti).collect();
    }
    Ok(())
}

async fn more_available(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    two_wait(cx, &stream).await?;
    let one = json!({ "maxEvents": 1 });
    let polled = cx.poll_until_some(&stream, one).await?;
    let body = polled.answered.json().unwrap_or_default();
    let more = body.get("moreAvailable").unwrap_or(&Value::Null);
    if more.is_null() {
        cx.note("moreAvailable is not there although there are more SETs");
    } else {
        cx.expect(*more == json!(true), "moreAvailable", "true", shown(more));
    }
    Ok(())
}

async fn two_wait(cx: &Context, stream: &Stream) -> Result<Vec<Value>, Stop> {
    wait(cx, stream, 2).await
}

/// Has events of so many subjects happen, none of which is polled for: what was handed out once need not be available for a
/// while.
async fn wait(cx: &Context, stream: &Stream, count: usize) -> Result<Vec<Value>, Stop> {
    let mut subjects = Vec::new();
    for _ in 0..count {
        let subject = cx.subject(stream).await?;
        subjects.push(cx.emit(&subject).await?);
    }
    tokio::time::sleep(cx.target().limits.silence()).await;
    Ok(subjects)
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

async fn challenge(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let body = json!({ "returnImmediately": true });
    let call = cx.poll(&stream, &body)?.credential(Credential::Missing);
    let answered = call.send().await?;
    cx.expect_status(&answered, &[401]);
    let found: Vec<&str> = answered.header("www-authenticate").collect();
    let what = format!("{}: WWW-Authenticate", answered.asked());
    cx.expect(!found.is_empty(), what, "to be there", found.join(", "));
    cx.poll_now(&stream, json!({})).await?;
    Ok(())
}

async fn by_another(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let body = json!({ "returnImmediately": true });
    let call = cx.poll(&stream, &body)?.credential(Credential::Other);
    let answered = call.send().await?;
    cx.expect_status(&answered, &[401, 403, 404]);
    cx.poll_now(&stream, json!({})).await?;
    Ok(())
}

async fn url_of_its_own(cx: &Context) -> Result<(), Stop> {
    let first = cx.stream().await?;
    let second = cx
        .call(Operation::Create)
        .json(&cx.stream_request())
        .send()
        .await?;
    if second.status() == 409 {
        return Err(Stop::not_offered("the receiver may have one stream alone"));
    }
    let (first, second) = (first.poll_url()?, Stream::given(&second)?.poll_url()?);
    let expected = format!("another than {first}");
    cx.expect(first != second, "delivery.endpoint_url", expected, second);
    Ok(())
}

async fn after_deletion(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let delete = cx.call(Operation::Delete).stream(&stream.id);
    delete.send().await?.given_success()?;
    let body = json!({ "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[404, 410, 401, 403]);
    Ok(())
}

async fn paused(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "paused").await?;
    let named = cx.emit(&subject).await?;
    expect_silence(cx, &stream, &named).await
}

async fn enabled_again(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "paused").await?;
    let named = cx.emit(&subject).await?;
    set_status(cx, &stream, "enabled").await?;
    cx.expect_arrival(&stream, ("sets", "what was kept"), |set| {
        is_about(set, &named)
    })
    .await
}

async fn disabled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let subject = seen(cx, &stream).await?;
    set_status(cx, &stream, "disabled").await?;
    let named = cx.emit(&subject).await?;
    set_status(cx, &stream, "enabled").await?;
    expect_silence(cx, &stream, &named).await
}

/// A subject of which an event came and was acknowledged: the control arm of silence.
async fn seen(cx: &Context, stream: &Stream) -> Result<Value, Stop> {
    let subject = cx.subject(stream).await?;
    let named = cx.emit(&subject).await?;
    let arrived = cx.arrival(stream, |set| is_about(set, &named)).await?;
    cx.poll_now(stream, json!({ "ack": [arrived.jti] })).await?;
    Ok(subject)
}

async fn expect_silence(cx: &Context, stream: &Stream, subject: &Value) -> Result<(), Stop> {
    tokio::time::sleep(cx.target().limits.silence()).await;
    let polled = cx.poll_now(stream, json!({})).await?;
    let found = polled
        .sets
        .values()
        .filter(|token| tells_of(token, subject))
        .count();
    cx.expect(found == 0, "sets about the subject", "none", found);
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
