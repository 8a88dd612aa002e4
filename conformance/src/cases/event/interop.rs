//! What the CAEP Interoperability Profile demands of its use cases (§2.5, §3).

use super::{
    BASE,
    Rule::{Reason, Subject},
};
use crate::{
    case::{
        Case,
        Judge::{Event, Script},
        Profile, Stop,
    },
    checks::{Level, shown},
    context::Context,
    event_types::{CREDENTIAL_CHANGE, EventType, SESSION_REVOKED},
};

const INTEROP: Case = Case {
    section: "CAEP Interoperability Profile 1.0 §3.1",
    level: Level::Must,
    profiles: &[Profile::CaepInterop],
    tags: &["event", "interop"],
    ..BASE
};

/// What is judged by the configuration of a stream alone.
const OFFERED: Case = Case {
    needs: Case::MANAGEMENT.needs,
    waits: Case::MANAGEMENT.waits,
    ..INTEROP
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "INTEROP-044.session-revoked",
        title: "session-revoked is offered",
        why: "It is what the use case of ended sessions consists of.",
        judge: Script(|cx| Box::pin(offered(cx, &SESSION_REVOKED))),
        ..OFFERED
    },
    Case {
        id: "INTEROP-045.reason_admin",
        title: "reason_admin of session-revoked is there, and not empty",
        why: "Administrators want to know why somebody was logged out.",
        judge: Event(&SESSION_REVOKED, Reason("reason_admin")),
        ..INTEROP
    },
    Case {
        id: "INTEROP-046.credential-change",
        section: "CAEP Interoperability Profile 1.0 §3.2",
        title: "credential-change is offered",
        why: "It is what the use case of changed credentials consists of.",
        judge: Script(|cx| Box::pin(offered(cx, &CREDENTIAL_CHANGE))),
        ..OFFERED
    },
    Case {
        id: "INTEROP-051.reason_admin",
        section: "CAEP Interoperability Profile 1.0 §3.2",
        title: "reason_admin of credential-change is there, and not empty",
        why: "Administrators want to know why a credential changed.",
        judge: Event(&CREDENTIAL_CHANGE, Reason("reason_admin")),
        ..INTEROP
    },
    Case {
        id: "INTEROP-025.subject",
        also: &["INTEROP-027"],
        section: "CAEP Interoperability Profile 1.0 §2.5",
        title: "the subject of credential-change is an email or an iss_sub",
        why: "Receivers of the profile read no other format.",
        judge: Event(&CREDENTIAL_CHANGE, Subject(&["email", "iss_sub"])),
        ..INTEROP
    },
];

async fn offered(cx: &Context, event: &EventType) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = stream.configuration.get("events_supported");
    let Some(found) = found.filter(|types| types.is_array()) else {
        return Err(Stop::blocked("events_supported is not an array"));
    };
    let holds = found
        .as_array()
        .is_some_and(|types| types.iter().any(|uri| uri == event.uri));
    cx.expect(holds, "events_supported", event.uri, shown(found));
    Ok(())
}
