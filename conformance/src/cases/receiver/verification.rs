//! Events about the stream itself (SSF 1.0 §8.1.4, §8.1.5).

use serde_json::{Value, json};

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Stop},
    cases::push::{UNVERIFIED, answer::CODES},
    checks::Level::{Must, MustImplied, Should},
    event_types::{STREAM_UPDATED, VERIFICATION},
    push::{Probe, Set, Signed},
};

const STREAM: Case = Case {
    tags: &["receiver", "verification"],
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-R-100.unasked-verification",
        also: &["INTEROP-026"],
        section: "SSF 1.0 §8.1.4",
        level: MustImplied,
        title: "a verification that nobody asked for is accepted",
        why: "a transmitter may send one at any time, without a state, and no list of events has its type",
        judge: Judge::Push(|p| {
            Box::pin(async { p.accepts(about_stream(p, VERIFICATION, &json!({}))?).await })
        }),
        ..STREAM
    },
    Case {
        id: "SSF-R-100.stream-updated",
        section: "SSF 1.0 §8.1.5",
        level: MustImplied,
        title: "news of the stream's status are accepted",
        why: "no list of events has their type, and a receiver that refuses them does not learn that its stream stopped",
        judge: Judge::Push(|p| {
            Box::pin(async {
                let payload = json!({ "status": "enabled" });
                p.accepts(about_stream(p, STREAM_UPDATED, &payload)?).await
            })
        }),
        ..STREAM
    },
    Case {
        id: "SSF-R-100.paused",
        section: "SSF 1.0 §8.1.5",
        level: MustImplied,
        title: "that the stream is paused is accepted as news, and what comes afterwards as well",
        why: "a receiver that refuses it does not learn why nothing comes, and one that stops for good misses what was kept",
        judge: Judge::Push(|p| Box::pin(hears_of_stop(p, "paused"))),
        ..STREAM
    },
    Case {
        id: "SSF-R-100.disabled",
        section: "SSF 1.0 §8.1.5",
        level: MustImplied,
        title: "that the stream is disabled is accepted as news, and what comes once it is enabled again as well",
        why: "a receiver that refuses it does not learn that events are lost, and one that stops for good loses all the others",
        judge: Judge::Push(|p| Box::pin(hears_of_stop(p, "disabled"))),
        ..STREAM
    },
    Case {
        id: "SSF-R-104.broken-signature",
        section: "SSF 1.0 §8.1.4.1",
        level: Must,
        title: "a verification with a broken signature is refused",
        why: "it is a SET like any other: whoever takes it unseen lets anybody say that the stream works",
        judge: Judge::Push(|p| {
            Box::pin(async {
                let set = about_stream(p, VERIFICATION, &json!({}))?;
                p.refuses(set.signed(Signed::Broken), UNVERIFIED).await
            })
        }),
        ..STREAM
    },
    Case {
        id: "SSF-R-105.foreign-state",
        section: "SSF 1.0 §8.1.4.1",
        level: Must,
        title: "a verification whose state was never sent is refused",
        why: "the state is what ties the event to the question; without that, an old event answers every new question",
        judge: Judge::Push(|p| Box::pin(async { p.refuses(with_foreign_state(p)?, &CODES).await })),
        ..STREAM
    },
    Case {
        id: "SSF-R-106.invalid_state",
        section: "SSF 1.0 §8.1.4.1",
        level: Should,
        title: "it is refused with invalid_state",
        why: "the code tells the transmitter's operator that questions and answers were mixed up, and that no key is wrong",
        judge: Judge::Push(|p| {
            Box::pin(async { p.refuses(with_foreign_state(p)?, &["invalid_state"]).await })
        }),
        ..STREAM
    },
];

async fn hears_of_stop(probe: &Probe, status: &str) -> Result<(), Stop> {
    probe.given_accepted().await?;
    for status in [status, "enabled"] {
        let payload = json!({ "status": status, "reason": "a rehearsal" });
        let news = about_stream(probe, STREAM_UPDATED, &payload)?;
        let answered = probe.push(&news).await?;
        probe.expect_accepted(&answered);
    }
    let answered = probe.push(&probe.sound()).await?;
    probe.expect_accepted(&answered);
    Ok(())
}

fn with_foreign_state(probe: &Probe) -> Result<Set, Stop> {
    let state = json!({ "state": "ssf-conformance-never-sent" });
    about_stream(probe, VERIFICATION, &state)
}

/// An event about the Receiver's stream.
pub(super) fn about_stream(probe: &Probe, uri: &str, payload: &Value) -> Result<Set, Stop> {
    let id = probe.host()?.stream_id();
    let id = id.ok_or_else(|| Stop::blocked("there is no stream that is enabled"))?;
    let subject = json!({ "format": "opaque", "id": id });
    Ok(probe.sound().claim("sub_id", subject).event(uri, payload))
}
