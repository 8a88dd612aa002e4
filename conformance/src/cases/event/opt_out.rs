//! What an opt-out means for the events that follow (RISC 1.0 §2.8).

use serde_json::json;

use super::BASE;
use crate::{
    case::{Case, Judge::Script, Stop},
    cases::poll::is_about,
    context::{Context, Stream},
    event_types::{EventType, OPT_OUT_EFFECTIVE, OPT_OUT_INITIATED},
    set::RawSet,
};

/// The cases of an opt-out.
pub const CASES: &[Case] = &[
    Case {
        id: "RISC-015.initiated",
        section: "RISC 1.0 §2.8",
        title: "when an opt-out was initiated, events still come",
        why: "Whoever has taken over an account could opt out, and keep its owner from being warned.",
        waits: |limits| limits.event() * 2 + limits.silence(),
        judge: Script(|cx| Box::pin(initiated(cx))),
        ..BASE
    },
    Case {
        id: "RISC-015.effective",
        section: "RISC 1.0 §2.8",
        title: "when an opt-out is effective, no events come any more",
        why: "The user wanted it. Where whoever emits events has to see to that, it is worth knowing.",
        waits: |limits| (limits.event() + limits.silence()) * 2,
        judge: Script(|cx| Box::pin(effective(cx))),
        ..BASE
    },
];

/// A stream that brings events of one type, and what becomes of opt-outs.
async fn stream(cx: &Context, opt_out: &EventType) -> Result<Stream, Stop> {
    let mut request = cx.stream_request();
    request["events_requested"] = json!([cx.first_event()?, opt_out.uri]);
    let stream = cx.stream_of(&request).await?;
    let delivered = stream.configuration.get("events_delivered");
    let is_there = delivered
        .and_then(|types| types.as_array())
        .is_some_and(|types| types.contains(&json!(opt_out.uri)));
    if is_there {
        return Ok(stream);
    }
    Err(Stop::not_offered(format!(
        "{} is not delivered",
        opt_out.uri
    )))
}

/// Has an opt-out happen to somebody new, and come, and acknowledges it, since what follows may wait for that; returns the subject.
async fn opted_out(
    cx: &Context,
    stream: &Stream,
    opt_out: &EventType,
) -> Result<serde_json::Value, Stop> {
    let subject = cx.subject(stream).await?;
    cx.happen(&subject, opt_out.uri, &json!({})).await?;
    cx.all_until(stream, |set| set.event(opt_out.uri).is_some())
        .await?;
    Ok(subject)
}

async fn initiated(cx: &Context) -> Result<(), Stop> {
    let stream = stream(cx, &OPT_OUT_INITIATED).await?;
    let subject = opted_out(cx, &stream, &OPT_OUT_INITIATED).await?;
    let (named, uri) = (cx.emit(&subject).await?, cx.first_event()?);
    let is_it = |set: &RawSet| is_about(set, &named) && set.event(uri).is_some();
    cx.expect_arrival(&stream, ("the event", "to come"), is_it)
        .await
}

async fn effective(cx: &Context) -> Result<(), Stop> {
    let stream = stream(cx, &OPT_OUT_EFFECTIVE).await?;
    let subject = opted_out(cx, &stream, &OPT_OUT_EFFECTIVE).await?;
    // The control arm of silence: an event about somebody else comes.
    let control = cx.subject(&stream).await?;
    let (named, uri) = (cx.emit(&subject).await?, cx.first_event()?);
    let last = cx.emit(&control).await?;
    let sets = cx.all_until(&stream, |set| is_about(set, &last)).await?;
    let is_it = |set: &&RawSet| is_about(set, &named) && set.event(uri).is_some();
    let found = sets.iter().filter(is_it).count();
    if found == 0 {
        cx.expect(true, "events about the subject", "none", found);
    } else {
        cx.note("events come about somebody whose opt-out is effective");
    }
    Ok(())
}
