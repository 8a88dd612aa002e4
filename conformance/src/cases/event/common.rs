//! What all events of CAEP may say (CAEP 1.0 §2), and what no event may.

use serde_json::Value;

use super::{BASE, of_type};
use crate::{
    case::{Case, Judge::Script, Stop},
    checks::{Level, shown},
    context::{Context, Sample},
    event_types::{self, COMMON, EventType, Fit, SESSIONS_REVOKED},
};

const COM: Case = Case {
    section: "CAEP 1.0 §2",
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "CAEP-COM-001.event_timestamp",
        level: Level::May,
        title: "event_timestamp is a number of seconds",
        why: "In milliseconds the event lies in the far future, and every session began before it.",
        judge: Script(|cx| Box::pin(values(cx, "event_timestamp"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-002.initiating_entity",
        level: Level::May,
        title: "initiating_entity is a string",
        why: "Readers with types refuse the whole SET for anything else.",
        judge: Script(|cx| Box::pin(types(cx, "initiating_entity"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-003.initiating_entity-known",
        level: Level::Must,
        title: "initiating_entity is admin, user, policy or system",
        why: "A receiver decides by it what to tell the user.",
        judge: Script(|cx| Box::pin(values(cx, "initiating_entity"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-004.reason_admin",
        level: Level::May,
        title: "reason_admin is an object",
        why: "Older drafts had a string; readers of CAEP 1.0 refuse it.",
        judge: Script(|cx| Box::pin(types(cx, "reason_admin"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-005.reason_admin-in-languages",
        level: Level::Must,
        title: "reason_admin has a text at least, each under a language tag",
        why: "A receiver picks the text by its language.",
        judge: Script(|cx| Box::pin(values(cx, "reason_admin"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-006.reason_user",
        level: Level::May,
        title: "reason_user is an object",
        why: "Older drafts had a string; readers of CAEP 1.0 refuse it.",
        judge: Script(|cx| Box::pin(types(cx, "reason_user"))),
        ..COM
    },
    Case {
        id: "CAEP-COM-007.reason_user-in-languages",
        level: Level::Must,
        title: "reason_user has a text at least, each under a language tag",
        why: "A receiver picks the text by its language.",
        judge: Script(|cx| Box::pin(values(cx, "reason_user"))),
        ..COM
    },
    Case {
        id: "SET-005.repeated-subject",
        section: "SSF 1.0 §3.1.1",
        level: Level::May,
        title: "a subject that the event repeats is that of sub_id",
        why: "One reader follows the one, another the other: they must not mean two people.",
        judge: Script(|cx| Box::pin(repeated_subject(cx))),
        ..BASE
    },
    Case {
        id: "SET-006.sub_id-besides",
        section: "SSF 1.0 §3.1.1",
        level: Level::Must,
        title: "sub_id is there although the event repeats the subject",
        why: "Readers of SSF 1.0 look for the subject nowhere else.",
        judge: Script(|cx| Box::pin(sub_id_besides(cx))),
        ..BASE
    },
    Case {
        id: "PRIV-003.one-name",
        section: "SSF 1.0 §10.1",
        level: Level::Should,
        title: "all events about somebody name the subject in one way",
        why: "A receiver that is told two names of one user, and need know one alone, learns more than it has to.",
        judge: Script(|cx| Box::pin(one_name(cx))),
        ..BASE
    },
    Case {
        id: "RISC-019.subject_type",
        section: "RISC 1.0 §3.1",
        level: Level::Must,
        title: "subjects have a format, and no subject_type",
        why: "It was the habit of one vendor; readers of SSF 1.0 do not know it.",
        judge: Script(|cx| Box::pin(no_subject_type(cx))),
        ..BASE
    },
    Case {
        id: "RISC-018.sessions-revoked",
        section: "RISC 1.0 §2.11",
        level: Level::Must,
        title: "sessions-revoked of RISC is not offered any more",
        why: "session-revoked of CAEP has taken its place; who offers both has two words for one thing.",
        judge: Script(|cx| Box::pin(no_sessions_revoked(cx))),
        ..BASE
    },
];

/// What came of these types; those that cannot be emitted are left out.
pub(super) async fn came(
    cx: &Context,
    types: impl IntoIterator<Item = &'static EventType>,
) -> Result<Vec<(&'static EventType, std::sync::Arc<Sample>)>, Stop> {
    let mut came = Vec::new();
    let mut missing = None;
    for event in types {
        match of_type(cx, event).await {
            Ok(sample) => came.push((event, sample)),
            Err(stop) => missing = Some(stop),
        }
    }
    match missing {
        Some(stop) if came.is_empty() => Err(stop),
        _ => Ok(came),
    }
}

async fn types(cx: &Context, name: &str) -> Result<(), Stop> {
    each_that_has(cx, name, |cx, what, member, value| {
        cx.expect(
            member.form.has_type(value),
            what,
            member.form.expected(),
            shown(value),
        );
    })
    .await
}

async fn values(cx: &Context, name: &str) -> Result<(), Stop> {
    each_that_has(cx, name, |cx, what, member, value| {
        // Of another type, another case judges it; a moment has the type of many numbers.
        if member.form.has_type(value) {
            let fits = member.form.judge(value) == Fit::Fits;
            cx.expect(fits, what, member.form.expected(), shown(value));
        }
    })
    .await
}

async fn each_that_has(
    cx: &Context,
    name: &str,
    judge: fn(&Context, String, &event_types::Member, &Value),
) -> Result<(), Stop> {
    let member = COMMON.iter().find(|member| member.name == name);
    let member = member.ok_or_else(|| Stop::blocked(format!("{name} is not common")))?;
    let mut has_one = false;
    for (event, sample) in came(cx, event_types::CAEP).await? {
        let says = sample.set.event(event.uri).unwrap_or(&Value::Null);
        if let Some(value) = says.get(name) {
            has_one = true;
            judge(cx, format!("{name} of {}", event.name()), member, value);
        }
    }
    if has_one {
        return Ok(());
    }
    Err(Stop::not_offered(format!("no event has {name}")))
}

async fn repeated_subject(cx: &Context) -> Result<(), Stop> {
    each_repeated(cx, |cx, what, subject, sub_id| {
        // That it is there, another case judges.
        let holds = sub_id.is_null() || subject == sub_id;
        cx.expect(holds, what, shown(sub_id), shown(subject));
    })
    .await
}

async fn sub_id_besides(cx: &Context) -> Result<(), Stop> {
    each_repeated(cx, |cx, what, _, sub_id| {
        cx.expect(
            !sub_id.is_null(),
            format!("sub_id beside {what}"),
            "the subject",
            shown(sub_id),
        );
    })
    .await
}

async fn each_repeated(
    cx: &Context,
    judge: fn(&Context, String, &Value, &Value),
) -> Result<(), Stop> {
    let mut has_one = false;
    for (event, sample) in came(cx, event_types::published()).await? {
        let says = sample.set.event(event.uri).unwrap_or(&Value::Null);
        if let Some(subject) = says.get("subject") {
            has_one = true;
            let sub_id = sample.set.claims.get("sub_id").unwrap_or(&Value::Null);
            judge(cx, format!("subject of {}", event.name()), subject, sub_id);
        }
    }
    if has_one {
        return Ok(());
    }
    Err(Stop::not_offered("no event repeats the subject"))
}

async fn one_name(cx: &Context) -> Result<(), Stop> {
    let came = came(cx, event_types::CAEP).await?;
    let Some(((first, known), others)) = came.split_first() else {
        return Err(Stop::blocked("no event came"));
    };
    if others.is_empty() {
        return Err(Stop::not_offered("there is one type of event alone"));
    }
    let expected = known.set.claims.get("sub_id").unwrap_or(&Value::Null);
    for (event, sample) in others {
        let found = sample.set.claims.get("sub_id").unwrap_or(&Value::Null);
        let what = format!("the subject of {}, as of {}", event.name(), first.name());
        cx.expect(found == expected, what, shown(expected), shown(found));
    }
    Ok(())
}

async fn no_subject_type(cx: &Context) -> Result<(), Stop> {
    for (event, sample) in came(cx, event_types::published()).await? {
        let [_, claims] = sample.set.texts();
        let holds = !String::from_utf8_lossy(&claims).contains("\"subject_type\"");
        let found = shown(&Value::Object(sample.set.claims.clone()));
        cx.expect(
            holds,
            format!("the claims of {}", event.name()),
            "no subject_type",
            found,
        );
    }
    Ok(())
}

async fn no_sessions_revoked(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let supported = stream.configuration.get("events_supported");
    let Some(supported) = supported.and_then(Value::as_array) else {
        return Err(Stop::not_offered("there is no events_supported"));
    };
    if supported.iter().any(|uri| uri == SESSIONS_REVOKED) {
        cx.note("sessions-revoked of RISC is offered, for receivers of older drafts");
    } else {
        cx.expect(true, "events_supported", "no sessions-revoked", "none");
    }
    Ok(())
}
