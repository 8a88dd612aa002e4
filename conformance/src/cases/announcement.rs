//! What a Transmitter does with a stream by itself, and how it announces that (SSF 1.0 §8.1.2, §8.1.5).

use serde_json::{Map, Value, json};

use crate::{
    case::{Case, Judge::Script, Need, Stop},
    cases::poll::set_status,
    checks::{Level, shown},
    context::{Arrived, Context, Operation, PushStream, Stream, is_about},
    event_types::STREAM_UPDATED,
    set::RawSet,
    sink::Push,
    target_file::Adapter,
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.5",
    level: Level::Must,
    tags: &["announcement", "status"],
    needs: &[Need::Token, Need::SetStatus],
    waits: |limits| limits.event() * 2,
    ..Case::MANAGEMENT
};

/// On a stream that is pushed.
const PUSHED: Case = Case {
    tags: &["announcement", "status", "push"],
    needs: &[Need::Token, Need::SetStatus, Need::Emit, Need::Push],
    waits: |limits| limits.event() * 3 + limits.silence(),
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-171.paused",
        section: "SSF 1.0 §8.1.2",
        title: "a stream that the transmitter pauses is sent stream-updated with paused",
        why: "Without it a receiver takes the silence for peace.",
        judge: Script(|cx| Box::pin(announced(cx, "paused"))),
        ..BASE
    },
    Case {
        id: "SSF-T-171.disabled",
        section: "SSF 1.0 §8.1.2",
        title: "a stream that the transmitter disables is sent stream-updated with disabled",
        why: "Nothing that happens from then on will ever come.",
        judge: Script(|cx| Box::pin(announced(cx, "disabled"))),
        ..BASE
    },
    Case {
        id: "SSF-T-171.enabled",
        section: "SSF 1.0 §8.1.2",
        title: "a stream that the transmitter enables again is sent stream-updated with enabled",
        why: "A receiver may be careful meanwhile, and wants to know when that is over.",
        judge: Script(|cx| Box::pin(enabled(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-172.asked-for",
        section: "SSF 1.0 §8.1.2",
        level: Level::May,
        title: "what the receiver asked for is not announced",
        why: "It knows.",
        needs: &[Need::Token],
        judge: Script(|cx| Box::pin(asked_for(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-244.status",
        title: "status of the event is the one that is read",
        why: "A receiver that reads another one does not know which is true.",
        judge: Script(|cx| Box::pin(status(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-245.reason",
        level: Level::May,
        title: "reason, if it is there, is a text",
        why: "It is shown to people.",
        judge: Script(|cx| Box::pin(reason(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-246.format",
        title: "sub_id has the format opaque",
        why: "The event is about the stream and about nobody.",
        judge: Script(|cx| Box::pin(sub_id(cx, "format", |_| "opaque".to_owned()))),
        ..BASE
    },
    Case {
        id: "SSF-T-247.id",
        title: "the id of sub_id is the stream_id",
        why: "A receiver with several streams tells from it which one has stopped.",
        judge: Script(|cx| Box::pin(sub_id(cx, "id", |stream| stream.id.clone()))),
        ..BASE
    },
    Case {
        id: "SSF-T-241.last",
        title: "on a stop it is pushed, and nothing comes after it",
        why: "A stream that is called paused and goes on is neither.",
        judge: Script(|cx| Box::pin(last(cx))),
        ..PUSHED
    },
    Case {
        id: "SSF-T-242.start",
        title: "on a start it is pushed, and what was kept comes",
        why: "The receiver learns that it can rely on the stream again.",
        judge: Script(|cx| Box::pin(start(cx))),
        ..PUSHED
    },
];

/// Has the Transmitter decide on a status by itself.
async fn decide(cx: &Context, stream: &Stream, status: &str) -> Result<(), Stop> {
    let what = json!({
        "stream_id": stream.id,
        "status": status,
        "reason": "ssf-conformance looks how this is announced",
    });
    cx.adapt(Adapter::SetStatus, &what).await?;
    Ok(())
}

fn announcement(set: &RawSet) -> Option<&Map<String, Value>> {
    set.event(STREAM_UPDATED)?.as_object()
}

/// The status that a SET announces.
pub(super) fn tells(set: &RawSet) -> Option<&str> {
    announcement(set)?.get("status")?.as_str()
}

/// Whether a push announces this status.
fn push_tells(push: &Push, status: &str) -> bool {
    push.set.as_ref().and_then(tells) == Some(status)
}

async fn announced(cx: &Context, status: &str) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    // The control arm: what is sent arrives.
    let arrived = cx.verification(&stream).await?;
    cx.poll_now(&stream, json!({ "ack": [arrived.jti] }))
        .await?;
    decide(cx, &stream, status).await?;
    expect_announced(cx, &stream, status).await
}

async fn enabled(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    // The next one about the stream may wait for it.
    let arrived = of_a_pause(cx, &stream).await?;
    cx.poll_now(&stream, json!({ "ack": [arrived.jti] }))
        .await?;
    decide(cx, &stream, "enabled").await?;
    expect_announced(cx, &stream, "enabled").await
}

async fn expect_announced(cx: &Context, stream: &Stream, status: &str) -> Result<(), Stop> {
    let expected = format!("with status {status}");
    let what = ("stream-updated", expected.as_str());
    cx.expect_arrival(stream, what, |set| tells(set) == Some(status))
        .await
}

async fn asked_for(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    set_status(cx, &stream, "paused").await?;
    set_status(cx, &stream, "enabled").await?;
    // What comes now comes after what might announce it.
    let last = cx.verification(&stream).await?;
    let polled = cx.poll_now(&stream, json!({})).await?;
    let mut sets = polled.sets.values().filter_map(Value::as_str);
    let announces =
        |token: &str| RawSet::parse(token).is_ok_and(|set| announcement(&set).is_some());
    if sets.any(announces) {
        cx.note("stream-updated is sent for what the receiver asked for");
    } else {
        cx.expect(
            true,
            "stream-updated",
            "none",
            format!("none before {}", last.jti),
        );
    }
    Ok(())
}

/// The announcement of a pause.
async fn of_a_pause(cx: &Context, stream: &Stream) -> Result<Arrived, Stop> {
    decide(cx, stream, "paused").await?;
    cx.arrival(stream, |set| announcement(set).is_some()).await
}

async fn status(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = of_a_pause(cx, &stream).await?;
    let call = cx.call(Operation::ReadStatus).stream(&stream.id);
    let read = call.send().await?.given_object()?;
    let expected = read.get("status").cloned().unwrap_or_default();
    let event = announcement(&arrived.set).cloned().unwrap_or_default();
    cx.expect_member(&event, "status", &expected);
    Ok(())
}

async fn reason(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = of_a_pause(cx, &stream).await?;
    match announcement(&arrived.set).and_then(|event| event.get("reason")) {
        Some(reason) => drop(cx.expect(reason.is_string(), "reason", "a text", shown(reason))),
        None => cx.note("stream-updated has no reason"),
    }
    Ok(())
}

async fn sub_id(cx: &Context, member: &str, expected: fn(&Stream) -> String) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let arrived = of_a_pause(cx, &stream).await?;
    let found = arrived.set.claims.get("sub_id").and_then(Value::as_object);
    let found = found.cloned().unwrap_or_default();
    cx.expect_member(&found, member, &json!(expected(&stream)));
    Ok(())
}

/// Has an event come, and another one happen after the Transmitter paused the stream; returns the subject of that.
async fn paused(cx: &Context, stream: &PushStream<'_>) -> Result<Value, Stop> {
    stream.event().await?;
    decide(cx, &stream.stream, "paused").await?;
    stream.emit().await
}

async fn last(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = paused(cx, &stream).await?;
    let found = stream.found(|push| push_tells(push, "paused")).await;
    let shown = found.map_or("none", |_| "it");
    cx.expect(shown == "it", "stream-updated", "it", shown);
    tokio::time::sleep(cx.target().limits.silence()).await;
    let found = stream.about(&subject);
    cx.expect(found == 0, "pushes of what happened after it", 0, found);
    Ok(())
}

async fn start(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let subject = paused(cx, &stream).await?;
    stream.arrival(|push| push_tells(push, "paused")).await?;
    decide(cx, &stream.stream, "enabled").await?;
    let found = stream.found(|push| push_tells(push, "enabled")).await;
    let shown = found.as_ref().map_or("none", |_| "it");
    cx.expect(shown == "it", "stream-updated", "it", shown);
    let kept = stream.found(|push| is_about(push, &subject)).await;
    match (found, kept) {
        (Some(told), Some(kept)) if kept.came < told.came => {
            cx.note("what was kept comes before stream-updated");
        }
        (_, None) => cx.note("what happened during the pause does not come"),
        _ => {}
    }
    Ok(())
}
