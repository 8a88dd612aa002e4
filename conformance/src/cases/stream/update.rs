//! Updating streams (SSF 1.0 §8.1.1.3): what is sent is changed, and the rest stays.

use serde_json::{Map, Value, json};

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::{self, Refusal},
    checks::{Level, shown},
    context::{Context, Operation, Stream},
};

const OPERATION: Operation = Operation::Update;

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.3",
    tags: &["stream", "update"],
    ..Case::MANAGEMENT
};

const AUTHORIZATION: Case = Case {
    tags: &["stream", "update", "authorization"],
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-130.updated",
        also: &["SSF-T-136"],
        title: "a sound request is answered with 200 and the whole configuration",
        why: "A receiver replaces what it knows of the stream by the answer.",
        judge: Script(|cx| Box::pin(updated(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-051.without-stream_id",
        level: Level::Must,
        title: "without stream_id in the body: 400, and nothing changes",
        why: "A transmitter that guesses changes the wrong stream.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|_, _| json!({ "description": "x" }).to_string()),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-131.nothing-to-change",
        level: Level::May,
        title: "a request with stream_id alone changes nothing, and is no error",
        why: "A receiver sends what differs, which may be nothing.",
        judge: Script(|cx| Box::pin(nothing_to_change(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-132.description",
        level: Level::Must,
        title: "a description that is sent is changed",
        why: "The receiver was told 200.",
        judge: Script(|cx| Box::pin(description(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-132.events_requested",
        level: Level::Must,
        title: "events_requested that is sent is changed, and events_delivered follows",
        why: "A receiver that wants an event type no more goes on getting it, or one that it wants never comes.",
        judge: Script(|cx| Box::pin(events_requested(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-133.rest-stays",
        level: Level::Must,
        title: "what is not sent stays as it is",
        why: "A receiver that changes its description would lose its events, or where they are sent.",
        judge: Script(|cx| Box::pin(rest_stays(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-134.transmitter-supplied-members",
        level: Level::May,
        title: "members that the transmitter supplies may be sent along",
        why: "Receivers read a configuration, change one member, and send all of it.",
        judge: Script(|cx| Box::pin(sent_along(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-135.wrong-iss",
        level: Level::Must,
        title: "an iss that is not the stream's: 400, and nothing changes",
        why: "The receiver means another transmitter.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|_, stream| other(stream, "iss", &json!("https://other.example.com"))),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-135.wrong-aud",
        also: &["SSF-T-075"],
        level: Level::Must,
        title: "an aud that is not the stream's: 400, and nothing changes",
        why: "Whoever can change aud can have SETs made out to somebody else.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|_, stream| other(stream, "aud", &json!("https://other.example.com"))),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-137.events_delivered-before",
        level: Level::Must,
        title: "events_delivered that is sent is compared with the value before the update",
        why: "Receivers send back what they read, together with what they want from now on.",
        judge: Script(|cx| Box::pin(events_delivered_before(cx, OPERATION))),
        ..BASE
    },
    Case {
        id: "SSF-T-139.broken-json",
        title: "a body that breaks off is refused with 400, and nothing changes",
        why: "A transmitter that answers 5xx has it repeated for ever.",
        judge: Refused(OPERATION, Refusal::BrokenJson),
        ..BASE
    },
    Case {
        id: "SSF-T-139.unknown-stream",
        title: "a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(OPERATION, Refusal::UnknownStream),
        ..BASE
    },
    Case {
        id: "SSF-T-139.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401, and nothing changes",
        why: "Whoever can change a stream gets its events.",
        judge: Refused(OPERATION, Refusal::WithoutToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-139.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401, and nothing changes",
        why: "A token that is not checked is none.",
        judge: Refused(OPERATION, Refusal::UnknownToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-139.read-only-token",
        title: "with a token that may read alone: 403, and nothing changes",
        why: "A token that was given to a dashboard must not move a stream.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(OPERATION, Refusal::ReadOnlyToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-051.update-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot change the stream: 404 or 403",
        why: "It could have the events sent to itself.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(OPERATION, Refusal::ByAnother),
        ..AUTHORIZATION
    },
];

/// A request that would be sound but for one member of the transmitter's, which has another value.
pub(super) fn other(stream: &Stream, name: &str, value: &Value) -> String {
    json!({ "stream_id": stream.id, name: value }).to_string()
}

async fn updated(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = refusal::valid(cx, OPERATION, &stream).send().await?;
    expect_whole(cx, &answered)
}

/// Expects 200 and all members that a configuration has to have.
pub(super) fn expect_whole(cx: &Context, answered: &crate::context::Answered) -> Result<(), Stop> {
    cx.expect_status(answered, &[200]);
    answered.given_success()?;
    let found = answered.json().unwrap_or_default();
    for name in ["stream_id", "iss", "aud", "events_delivered", "delivery"] {
        let is_there = found.get(name).is_some();
        let what = format!("{}: {name}", answered.asked());
        cx.expect(is_there, what, "to be there", answered.shown_body());
    }
    Ok(())
}

async fn nothing_to_change(cx: &Context) -> Result<(), Stop> {
    let (stream, before) = made(cx).await?;
    let answered = update(cx, &stream, json!({})).await?;
    cx.expect_status(&answered, &[200]);
    cx.expect_untouched(&stream, &before).await
}

async fn description(cx: &Context) -> Result<(), Stop> {
    let (stream, before) = made(cx).await?;
    let description = changed_description(cx, &before);
    let change = json!({ "description": description });
    update(cx, &stream, change).await?.given_success()?;
    cx.expect_member(&cx.read(&stream).await?, "description", &description);
    Ok(())
}

async fn events_requested(cx: &Context) -> Result<(), Stop> {
    let (stream, _) = made(cx).await?;
    let first = json!([cx.target().events.first()]);
    let change = json!({ "events_requested": first });
    update(cx, &stream, change).await?.given_success()?;
    let after = cx.read(&stream).await?;
    let found = after.get("events_delivered").unwrap_or(&Value::Null);
    let holds = *found == first || *found == json!([]);
    cx.expect(holds, "events_delivered", &first, shown(found));
    Ok(())
}

async fn rest_stays(cx: &Context) -> Result<(), Stop> {
    let (stream, before) = made(cx).await?;
    let change = json!({ "description": changed_description(cx, &before) });
    update(cx, &stream, change).await?.given_success()?;
    let after = cx.read(&stream).await?;
    for name in before.keys().filter(|name| *name != "description") {
        let expected = before.get(name).unwrap_or(&Value::Null);
        cx.expect_member(&after, name, expected);
    }
    Ok(())
}

async fn sent_along(cx: &Context) -> Result<(), Stop> {
    let (stream, before) = made(cx).await?;
    let mut body = before.clone();
    body.insert("description".to_owned(), changed_description(cx, &before));
    let answered = update(cx, &stream, Value::Object(body)).await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}

/// Expects that `events_delivered` is compared with what it was before the request, and not with what it is after it.
pub(super) async fn events_delivered_before(
    cx: &Context,
    operation: Operation,
) -> Result<(), Stop> {
    let (stream, before) = made(cx).await?;
    if cx.target().events.len() < 2 {
        return Err(Stop::not_configured("needs two event types in events"));
    }
    let asked = |requested: &Value, delivered: &Value| {
        let mut request = if operation == Operation::Replace {
            cx.stream_request()
        } else {
            json!({})
        };
        request["stream_id"] = json!(stream.id);
        request["events_requested"] = requested.clone();
        request["events_delivered"] = delivered.clone();
        cx.call(operation).json(&request).send()
    };
    let old = before.get("events_delivered").unwrap_or(&Value::Null);
    let now = json!(cx.target().events);
    asked(&now, old).await?.given_success()?;
    let before = cx.read(&stream).await?;
    let future = json!([cx.target().events.first()]);
    let spoilt = asked(&future, &future).await?;
    cx.expect_status(&spoilt, &[400]);
    cx.expect_untouched(&stream, &before).await?;
    let old = before.get("events_delivered").unwrap_or(&Value::Null);
    let sound = asked(&future, old).await?;
    cx.expect_status(&sound, &[200]);
    Ok(())
}

async fn made(cx: &Context) -> Result<(Stream, Map<String, Value>), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    Ok((stream, before))
}

async fn update(
    cx: &Context,
    stream: &Stream,
    mut change: Value,
) -> Result<crate::context::Answered, Stop> {
    change["stream_id"] = json!(stream.id);
    cx.call(OPERATION).json(&change).send().await
}

fn changed_description(cx: &Context, before: &Map<String, Value>) -> Value {
    let description = before.get("description").and_then(Value::as_str);
    json!(format!("{} {}", description.unwrap_or_default(), cx.word()))
}
