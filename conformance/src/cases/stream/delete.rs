//! Deleting streams (SSF 1.0 §8.1.1.5).

use serde_json::Value;

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::{self, Refusal},
    checks::Level,
    context::{Context, Operation},
};

const OPERATION: Operation = Operation::Delete;

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.5",
    tags: &["stream", "delete"],
    ..Case::MANAGEMENT
};

const AUTHORIZATION: Case = Case {
    tags: &["stream", "delete", "authorization"],
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-160.deleted",
        title: "a stream is deleted with 204, without a body",
        why: "A receiver that is not told so deletes again, and takes 404 for a fault.",
        judge: Script(|cx| Box::pin(deleted(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-070.without-stream_id",
        level: Level::Must,
        title: "without stream_id: an error of the client's, and nothing is deleted",
        why: "A transmitter that guesses deletes the wrong stream, or all of them.",
        needs: &[Need::Token, Need::Alone],
        judge: Script(|cx| Box::pin(without_stream_id(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-161.twice",
        title: "a stream that was deleted: 404",
        why: "The receiver learns that there is nothing left to delete.",
        judge: Script(|cx| Box::pin(twice(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-161.unknown-stream",
        title: "a stream that never existed: 404",
        why: "204 would tell a receiver with a wrong stream_id that its stream is gone.",
        judge: Refused(OPERATION, Refusal::UnknownStream),
        ..BASE
    },
    Case {
        id: "SSF-T-163.gone",
        title: "a stream that was deleted cannot be read, updated or listed",
        why: "A receiver that deletes its stream has withdrawn; nothing may be left of it.",
        judge: Script(|cx| Box::pin(gone(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-162.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401, and nothing is deleted",
        why: "Whoever can delete a stream keeps revocations from arriving.",
        judge: Refused(OPERATION, Refusal::WithoutToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-162.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401, and nothing is deleted",
        why: "A token that is not checked is none.",
        judge: Refused(OPERATION, Refusal::UnknownToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-162.read-only-token",
        title: "with a token that may read alone: 403, and nothing is deleted",
        why: "A token that was given to a dashboard must not end a stream.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(OPERATION, Refusal::ReadOnlyToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-051.delete-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot delete the stream: 404 or 403",
        why: "It could keep revocations from arriving.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(OPERATION, Refusal::ByAnother),
        ..AUTHORIZATION
    },
];

async fn deleted(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = cx.call(OPERATION).stream(&stream.id).send().await?;
    cx.expect_status(&answered, &[204]);
    let what = format!("{}: the body", answered.asked());
    cx.expect(
        answered.body().is_empty(),
        what,
        "nothing",
        answered.shown_body(),
    );
    Ok(())
}

async fn without_stream_id(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let before = cx.read(&stream).await?;
    // Whoever takes this for all streams must not meet one that is somebody's.
    let list = cx.call(Operation::Read).send().await?.given_array()?;
    if list.len() > 1 {
        return Err(Stop::blocked(
            "the receiver has other streams, which this might delete",
        ));
    }
    let answered = cx.call(OPERATION).send().await?;
    let status = answered.status();
    let what = format!("{}: the status", answered.asked());
    cx.expect(
        (400..500).contains(&status),
        what,
        "400, or another of the 4xx",
        status,
    );
    cx.expect_untouched(&stream, &before).await
}

async fn twice(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.call(OPERATION)
        .stream(&stream.id)
        .send()
        .await?
        .given_success()?;
    let again = cx.call(OPERATION).stream(&stream.id).send().await?;
    cx.expect_status(&again, &[404]);
    Ok(())
}

async fn gone(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.call(OPERATION)
        .stream(&stream.id)
        .send()
        .await?
        .given_success()?;
    for operation in [Operation::Read, Operation::Update, Operation::Replace] {
        let answered = refusal::valid(cx, operation, &stream).send().await?;
        cx.expect_status(&answered, &[404]);
    }
    let list = cx.call(Operation::Read).send().await?;
    let has = |one: &Value| one.get("stream_id").is_some_and(|id| *id == stream.id);
    let is_listed = list.given_array()?.iter().any(has);
    let expected = format!("no {}", stream.id);
    cx.expect(!is_listed, list.asked(), expected, list.shown_body());
    Ok(())
}
