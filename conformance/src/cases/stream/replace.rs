//! Replacing streams (SSF 1.0 §8.1.1.4): what is not sent is deleted.

use serde_json::{Value, json};

use super::update::{events_delivered_before, expect_whole};
use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::{self, Refusal},
    checks::{Level, shown},
    context::{Answered, Context, Operation, Stream},
};

const OPERATION: Operation = Operation::Replace;

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.4",
    tags: &["stream", "replace"],
    ..Case::MANAGEMENT
};

const AUTHORIZATION: Case = Case {
    tags: &["stream", "replace", "authorization"],
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-150.replaced",
        title: "a sound request is answered with 200 and the whole configuration",
        why: "A receiver replaces what it knows of the stream by the answer.",
        judge: Script(|cx| Box::pin(replaced(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-061.without-stream_id",
        level: Level::Must,
        title: "without stream_id in the body: 400, and nothing changes",
        why: "A transmitter that guesses replaces the wrong stream.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|cx, _| cx.stream_request().to_string()),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-151.description",
        level: Level::Must,
        title: "a description that is not sent is deleted",
        why: "To replace means that the receiver has said everything.",
        judge: Script(|cx| Box::pin(description(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-151.events_requested",
        level: Level::Must,
        title: "events_requested that is sent takes the place of the former one",
        why: "A receiver that wants an event type no more goes on getting it.",
        judge: Script(|cx| Box::pin(events_requested(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-062.read-and-put-back",
        also: &["SSF-T-152"],
        level: Level::May,
        title: "what was read can be put back, and nothing changes",
        why: "Read, modify, put back is the way that the section names.",
        judge: Script(|cx| Box::pin(read_and_put_back(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-153.wrong-iss",
        level: Level::Must,
        title: "an iss that is not the stream's: 400, and nothing changes",
        why: "The receiver means another transmitter.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|cx, stream| wrong(cx, stream, "iss")),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-153.wrong-aud",
        also: &["SSF-T-075"],
        level: Level::Must,
        title: "an aud that is not the stream's: 400, and nothing changes",
        why: "Whoever can change aud can have SETs made out to somebody else.",
        judge: Refused(
            OPERATION,
            Refusal::Body(|cx, stream| wrong(cx, stream, "aud")),
        ),
        ..BASE
    },
    Case {
        id: "SSF-T-154.transmitter-supplied-members-stay",
        level: Level::Must,
        title: "members that the transmitter supplies stay when they are not sent",
        why: "They are not the receiver's to delete.",
        judge: Script(|cx| Box::pin(supplied_members_stay(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-155.events_delivered-before",
        level: Level::Must,
        title: "events_delivered that is sent is compared with the value before the replacement",
        why: "Receivers send back what they read, together with what they want from now on.",
        judge: Script(|cx| Box::pin(events_delivered_before(cx, OPERATION))),
        ..BASE
    },
    Case {
        id: "SSF-T-157.broken-json",
        title: "a body that breaks off is refused with 400, and nothing changes",
        why: "A transmitter that answers 5xx has it repeated for ever.",
        judge: Refused(OPERATION, Refusal::BrokenJson),
        ..BASE
    },
    Case {
        id: "SSF-T-157.unknown-stream",
        title: "a stream that does not exist: 404",
        why: "To replace is not to create.",
        judge: Refused(OPERATION, Refusal::UnknownStream),
        ..BASE
    },
    Case {
        id: "SSF-T-157.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401, and nothing changes",
        why: "Whoever can replace a stream gets its events.",
        judge: Refused(OPERATION, Refusal::WithoutToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-157.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401, and nothing changes",
        why: "A token that is not checked is none.",
        judge: Refused(OPERATION, Refusal::UnknownToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-157.read-only-token",
        title: "with a token that may read alone: 403, and nothing changes",
        why: "A token that was given to a dashboard must not move a stream.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(OPERATION, Refusal::ReadOnlyToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-051.replace-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot replace the stream: 404 or 403",
        why: "It could have the events sent to itself.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(OPERATION, Refusal::ByAnother),
        ..AUTHORIZATION
    },
];

async fn replaced(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = refusal::valid(cx, OPERATION, &stream).send().await?;
    expect_whole(cx, &answered)
}

async fn description(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let mut request = cx.stream_request();
    if let Some(members) = request.as_object_mut() {
        members.remove("description");
    }
    replace(cx, &stream, request).await?.given_success()?;
    let after = cx.read(&stream).await?;
    let found = after.get("description").unwrap_or(&Value::Null);
    cx.expect(found.is_null(), "description", "nothing", shown(found));
    Ok(())
}

async fn events_requested(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let mut request = cx.stream_request();
    let first = json!([cx.target().events.first()]);
    request["events_requested"] = first.clone();
    replace(cx, &stream, request).await?.given_success()?;
    let after = cx.read(&stream).await?;
    let found = after.get("events_delivered").unwrap_or(&Value::Null);
    let holds = *found == first || *found == json!([]);
    cx.expect(holds, "events_delivered", &first, shown(found));
    Ok(())
}

async fn read_and_put_back(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    let answered = replace(cx, &stream, Value::Object(before.clone())).await?;
    cx.expect_status(&answered, &[200]);
    cx.expect_untouched(&stream, &before).await
}

/// A request that would be sound but for one member of the transmitter's.
fn wrong(cx: &Context, stream: &Stream, name: &str) -> String {
    let mut request = cx.stream_request();
    request[name] = json!("https://other.example.com");
    request["stream_id"] = json!(stream.id);
    request.to_string()
}

async fn supplied_members_stay(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    let answer = replace(cx, &stream, cx.stream_request())
        .await?
        .given_object()?;
    let after = cx.read(&stream).await?;
    for name in [
        "iss",
        "aud",
        "events_supported",
        "min_verification_interval",
    ] {
        if let Some(expected) = before.get(name) {
            cx.expect_member(&answer, name, expected);
            cx.expect_member(&after, name, expected);
        }
    }
    Ok(())
}

async fn replace(cx: &Context, stream: &Stream, mut body: Value) -> Result<Answered, Stop> {
    body["stream_id"] = json!(stream.id);
    cx.call(OPERATION).json(&body).send().await
}
