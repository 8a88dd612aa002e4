//! Streams that are pushed, as they are made and read (SSF 1.0 §6.1.1), and what a verification brings there.

use serde_json::{Value, json};

use super::BASE;
use crate::{
    case::{Case, Judge::Script, Profile, Stop},
    checks::{Level, shown},
    context::{Context, Operation, PUSH, Stream, has_state, is_verification},
    event_types::VERIFICATION,
    sink::Push,
};

const MAKING: Case = Case {
    section: "SSF 1.0 §6.1.1",
    waits: Case::MANAGEMENT.waits,
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-108.push",
        section: "SSF 1.0 §8.1.1.1",
        title: "a stream that is pushed has the method and the endpoint_url that the receiver gave",
        why: "A receiver compares it with what it asked for.",
        judge: Script(|cx| Box::pin(as_asked(cx))),
        ..MAKING
    },
    Case {
        id: "SSF-T-250.read",
        title: "what is read of it has them as well",
        why: "A receiver that starts anew looks where its SETs go.",
        judge: Script(|cx| Box::pin(read(cx))),
        ..MAKING
    },
    Case {
        id: "INTEROP-016.push",
        section: "CAEP Interoperability Profile 1.0 §2.3.8",
        level: Level::Must,
        title: "a stream can be made for push, and it works",
        why: "Receivers that cannot poll need it.",
        profiles: &[Profile::CaepInterop],
        judge: Script(|cx| Box::pin(works(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-223.push",
        section: "SSF 1.0 §8.1.4.2",
        level: Level::Must,
        title: "a verification that is pushed has the state of the request",
        why: "By it a receiver knows its answer; one that was altered is refused with invalid_state.",
        judge: Script(|cx| Box::pin(state(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-132.moved",
        section: "SSF 1.0 §8.1.1.3",
        level: Level::Must,
        title: "once endpoint_url was changed, SETs come to the new one",
        why: "A receiver that has moved hears nothing otherwise.",
        judge: Script(|cx| Box::pin(moved(cx))),
        ..BASE
    },
];

async fn as_asked(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let found = stream.stream.configuration.get("delivery");
    expect_delivery(cx, found, stream.inbox.url().as_str());
    Ok(())
}

async fn read(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let found = cx.read(&stream.stream).await?;
    expect_delivery(cx, found.get("delivery"), stream.inbox.url().as_str());
    Ok(())
}

fn expect_delivery(cx: &Context, found: Option<&Value>, url: &str) {
    for (name, expected) in [("method", PUSH), ("endpoint_url", url)] {
        let found = found.and_then(|delivery| delivery.get(name));
        let found = found.unwrap_or(&Value::Null);
        let what = format!("delivery.{name}");
        cx.expect(*found == json!(expected), what, expected, shown(found));
    }
}

async fn works(cx: &Context) -> Result<(), Stop> {
    let inbox = cx.inbox()?;
    let call = cx.call(Operation::Create);
    let answered = call.json(&cx.push_request(inbox.url())).send().await?;
    cx.expect_success(&answered);
    let stream = cx.pushed_to(inbox, Stream::given(&answered)?);
    stream.ask_for_verification().await?;
    let found = stream.found(is_verification).await;
    cx.expect(found.is_some(), "the verification", "to be pushed", "none");
    Ok(())
}

async fn state(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let state = stream.ask_for_verification().await?;
    // One that nobody asked for may come first; it has no state.
    let push = stream.arrival(asked_for).await?;
    let holds = has_state(&push, &state);
    cx.expect(
        holds,
        "the event",
        json!({ "state": state }),
        shown(&event(&push)),
    );
    Ok(())
}

/// Whether a request brings a verification that was asked for.
fn asked_for(push: &Push) -> bool {
    event(push).get("state").is_some()
}

fn event(push: &Push) -> Value {
    let event = push.set.as_ref().and_then(|set| set.event(VERIFICATION));
    event.cloned().unwrap_or_default()
}

async fn moved(cx: &Context) -> Result<(), Stop> {
    let stream = cx.push_stream().await?;
    let elsewhere = cx.inbox()?;
    let delivery = json!({ "method": PUSH, "endpoint_url": elsewhere.url() });
    let body = json!({ "stream_id": stream.stream.id, "delivery": delivery });
    let answered = cx.call(Operation::Update).json(&body).send().await?;
    answered.given_success()?;
    stream.ask_for_verification().await?;
    let patience = cx.target().limits.event();
    let found = tokio::select! {
        _ = stream.found(asked_for) => "nothing, and it at the former one",
        found = elsewhere.until(patience, |pushes| pushes.iter().any(asked_for).then_some(())) => {
            if found.is_some() { "the verification" } else { "nothing" }
        }
    };
    let expected = "the verification";
    cx.expect(
        found == expected,
        "at the new endpoint_url",
        expected,
        found,
    );
    Ok(())
}
