//! The status of a stream (SSF 1.0 §8.1.2).

use serde_json::{Value, json};

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::Refusal,
    checks::{Level, shown},
    context::{Answered, Context, Operation, Stream},
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.2.2",
    tags: &["status"],
    ..Case::MANAGEMENT
};

const READING: Case = Case {
    section: "SSF 1.0 §8.1.2.1",
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-173.read",
        also: &["INTEROP-021", "SSF-T-174"],
        title: "the status is read with 200, and names the stream",
        why: "It is how a receiver tells silence from a stream that was stopped.",
        judge: Script(|cx| Box::pin(read(cx))),
        ..READING
    },
    Case {
        id: "SSF-T-175.value",
        level: Level::Must,
        title: "status is enabled, paused or disabled, in small letters",
        why: "Any other value makes a receiver guess.",
        judge: Script(|cx| Box::pin(value(cx))),
        ..READING
    },
    Case {
        id: "SSF-T-187.unknown-stream",
        level: Level::Must,
        title: "the status of a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(Operation::ReadStatus, Refusal::UnknownStream),
        ..READING
    },
    Case {
        id: "SSF-T-185.without-token",
        also: &["SSF-T-050"],
        level: Level::Must,
        title: "the status without a token: 401",
        why: "Whether somebody's revocations arrive is nobody else's affair.",
        judge: Refused(Operation::ReadStatus, Refusal::WithoutToken),
        ..READING
    },
    Case {
        id: "SSF-T-051.status-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot read the status: 404 or 403",
        why: "Whether somebody's revocations arrive is nobody else's affair.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(Operation::ReadStatus, Refusal::ByAnother),
        ..READING
    },
    Case {
        id: "SSF-T-188.set",
        also: &["INTEROP-012", "SSF-T-170"],
        title: "each status can be set: 200, and the answer and what is read have it",
        why: "A receiver that paused its stream counts on silence.",
        judge: Script(|cx| Box::pin(set(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-177.reason",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::Should,
        title: "a reason that was given is read again",
        why: "Whoever finds the stream paused wants to know why.",
        judge: Script(|cx| Box::pin(reason(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-176.text",
        section: "SSF 1.0 §8.1.2.1",
        level: Level::May,
        title: "reason is a text, and not there if there is none",
        why: "It is shown to people; readers with types refuse the whole status for anything else.",
        judge: Script(|cx| Box::pin(reason_is_a_text(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-192.same-again",
        title: "to set the status that is in force is no error",
        why: "Receivers repeat requests whose answer they did not get.",
        judge: Script(|cx| Box::pin(same_again(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-081.without-stream_id",
        level: Level::Must,
        title: "without stream_id: 400",
        why: "A transmitter that guesses stops the wrong stream.",
        judge: Script(|cx| Box::pin(spoilt(cx, |_| json!({ "status": "paused" })))),
        ..BASE
    },
    Case {
        id: "SSF-R-082.without-status",
        level: Level::Must,
        title: "without status: 400, and the status stays",
        why: "There is nothing to set.",
        judge: Script(|cx| Box::pin(spoilt(cx, |stream| json!({ "stream_id": stream.id })))),
        ..BASE
    },
    Case {
        id: "SSF-R-082.unknown-status",
        level: Level::Must,
        title: "a status that there is not: 400, and the status stays",
        why: "A receiver that is told 200 believes that it is so.",
        judge: Script(|cx| {
            Box::pin(spoilt(
                cx,
                |stream| json!({ "stream_id": stream.id, "status": "suspended" }),
            ))
        }),
        ..BASE
    },
    Case {
        id: "SSF-R-082.capital-letters",
        level: Level::Must,
        title: "a status in capital letters: 400, and the status stays",
        why: "Values are compared letter for letter; peers that do not agree on that drift apart.",
        judge: Script(|cx| {
            Box::pin(spoilt(
                cx,
                |stream| json!({ "stream_id": stream.id, "status": "PAUSED" }),
            ))
        }),
        ..BASE
    },
    Case {
        id: "SSF-T-191.broken-json",
        title: "a body that breaks off is refused with 400",
        why: "A transmitter that answers 5xx has it repeated for ever.",
        judge: Refused(Operation::SetStatus, Refusal::BrokenJson),
        ..BASE
    },
    Case {
        id: "SSF-T-191.unknown-stream",
        title: "to set the status of a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(Operation::SetStatus, Refusal::UnknownStream),
        ..BASE
    },
    Case {
        id: "SSF-T-191.without-token",
        also: &["SSF-T-050"],
        title: "to set the status without a token: 401",
        why: "Whoever can stop a stream keeps revocations from arriving.",
        judge: Refused(Operation::SetStatus, Refusal::WithoutToken),
        ..BASE
    },
    Case {
        id: "SSF-T-191.read-only-token",
        title: "to set the status with a token that may read alone: 403",
        why: "A token that was given to a dashboard must not stop a stream.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(Operation::SetStatus, Refusal::ReadOnlyToken),
        ..BASE
    },
    Case {
        id: "SSF-T-051.status-set-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot set the status: 404 or 403",
        why: "It could keep revocations from arriving.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(Operation::SetStatus, Refusal::ByAnother),
        ..BASE
    },
];

async fn read(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = cx
        .call(Operation::ReadStatus)
        .stream(&stream.id)
        .send()
        .await?;
    cx.expect_status(&answered, &[200]);
    let found = answered.given_object()?;
    cx.expect_member(&found, "stream_id", &json!(stream.id));
    Ok(())
}

async fn value(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = status_of(cx, &stream).await?;
    let holds = ["enabled", "paused", "disabled"]
        .iter()
        .any(|status| found == *status);
    cx.expect(
        holds,
        "status",
        "enabled, paused or disabled",
        shown(&found),
    );
    Ok(())
}

async fn set(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    for status in ["paused", "enabled", "disabled"] {
        let answered = put(cx, &stream, &json!({ "status": status })).await?;
        if answered.status() == 202 {
            return Err(Stop::not_offered(
                "status changes are decided on later (202)",
            ));
        }
        cx.expect_status(&answered, &[200]);
        if let Ok(found) = answered.given_object() {
            cx.expect_member(&found, "stream_id", &json!(stream.id));
            cx.expect_member(&found, "status", &json!(status));
        }
        let found = status_of(cx, &stream).await?;
        cx.expect(
            found == status,
            "the status that is read",
            status,
            shown(&found),
        );
    }
    Ok(())
}

async fn reason(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let reason = json!(format!("maintenance {}", cx.word()));
    let body = json!({ "status": "paused", "reason": reason });
    put(cx, &stream, &body).await?.given_success()?;
    let call = cx.call(Operation::ReadStatus).stream(&stream.id);
    cx.expect_member(&call.send().await?.given_object()?, "reason", &reason);
    Ok(())
}

async fn reason_is_a_text(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let given = json!({ "status": "paused", "reason": format!("maintenance {}", cx.word()) });
    for body in [&json!({ "status": "enabled" }), &given] {
        put(cx, &stream, body).await?.given_success()?;
        let call = cx.call(Operation::ReadStatus).stream(&stream.id);
        let read = call.send().await?.given_object()?;
        let reason = read.get("reason");
        let found = reason.map_or("nothing".to_owned(), shown);
        let what = format!("reason after {}", shown(body));
        let is_fine = reason.is_none_or(Value::is_string);
        cx.expect(is_fine, what, "a text, or nothing", found);
    }
    Ok(())
}

async fn same_again(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let now = status_of(cx, &stream).await?;
    let answered = put(cx, &stream, &json!({ "status": now })).await?;
    cx.expect_status(&answered, &[200, 202]);
    Ok(())
}

/// Expects that a spoilt body is refused with 400 and leaves the status as it was; a sound one is accepted.
async fn spoilt(cx: &Context, body: impl FnOnce(&Stream) -> Value) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let enabled = json!({ "status": "enabled" });
    put(cx, &stream, &enabled).await?.given_success()?;
    let before = status_of(cx, &stream).await?;
    let call = cx.call(Operation::SetStatus).json(&body(&stream));
    let answered = call.send().await?;
    cx.expect_status(&answered, &[400]);
    let after = status_of(cx, &stream).await?;
    cx.expect(
        before == after,
        "the status after a request that was refused",
        shown(&before),
        shown(&after),
    );
    put(cx, &stream, &enabled).await?.given_success()?;
    Ok(())
}

async fn status_of(cx: &Context, stream: &Stream) -> Result<Value, Stop> {
    let call = cx.call(Operation::ReadStatus).stream(&stream.id);
    let answered = call.send().await?.given_object()?;
    Ok(answered.get("status").cloned().unwrap_or_default())
}

async fn put(cx: &Context, stream: &Stream, body: &Value) -> Result<Answered, Stop> {
    let mut body = body.clone();
    body["stream_id"] = json!(stream.id);
    cx.call(Operation::SetStatus).json(&body).send().await
}
