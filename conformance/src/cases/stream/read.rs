//! Reading and listing streams (SSF 1.0 §8.1.1.2).

use serde_json::Value;

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Profile, Stop,
    },
    cases::refusal::Refusal,
    checks::{Level, shown},
    context::{Context, Credential, Operation, is_same},
    target_file::Token,
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.2",
    tags: &["stream", "read"],
    ..Case::MANAGEMENT
};

const AUTHORIZATION: Case = Case {
    tags: &["stream", "read", "authorization"],
    ..BASE
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-120.status",
        also: &["INTEROP-020", "INTEROP-037"],
        title: "a stream is read, and streams are listed, with 200",
        why: "Receivers read streams to find out whether theirs still exists.",
        judge: Script(|cx| Box::pin(status(cx))),
        ..BASE
    },
    Case {
        id: "SSF-R-041.one-object",
        level: Level::Must,
        title: "the answer to a request with stream_id is that stream alone, an object",
        why: "A receiver that asked for one stream cannot read an array of one.",
        judge: Script(|cx| Box::pin(one_object(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-121.list-of-one",
        level: Level::Must,
        title: "without stream_id the answer is an array, also when there is one stream",
        why: "A receiver that recovers after a restart looks for its stream in the list.",
        needs: &[Need::Token, Need::Alone],
        judge: Script(|cx| Box::pin(list_of_one(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-122.empty-list",
        level: Level::Must,
        title: "a receiver without streams gets an empty array",
        why: "404 or an object make a receiver that starts for the first time believe that it is not welcome.",
        needs: &[Need::Token, Need::Alone],
        judge: Script(|cx| Box::pin(empty_list(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-123.unknown-stream",
        title: "a stream that does not exist: 404",
        why: "It is how a receiver learns that its stream was deleted.",
        judge: Refused(Operation::Read, Refusal::UnknownStream),
        ..BASE
    },
    Case {
        id: "SSF-T-124.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401",
        why: "A configuration tells where events go.",
        judge: Refused(Operation::Read, Refusal::WithoutToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-124.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401",
        why: "A token that is not checked is none.",
        judge: Refused(Operation::Read, Refusal::UnknownToken),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-124.read-only-token",
        also: &["INTEROP-034"],
        level: Level::MustImplied,
        title: "with a token that may read alone: 200",
        why: "Reading is what it is for.",
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Script(|cx| Box::pin(read_only(cx))),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-051.read-by-another",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "another receiver cannot read the stream: 404 or 403",
        why: "Who has a stream about whom is nobody else's affair.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Refused(Operation::Read, Refusal::ByAnother),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-051.list-of-another",
        section: "SSF 1.0 §8",
        level: Level::Must,
        title: "the list of another receiver does not have the stream",
        why: "Who has a stream about whom is nobody else's affair.",
        needs: &[Need::Token, Need::OtherToken],
        judge: Script(|cx| Box::pin(list_of_another(cx))),
        ..AUTHORIZATION
    },
    Case {
        id: "SSF-T-125.as-created",
        title: "what is read is what the creation was answered with",
        why: "A receiver keeps the one and compares it with the other.",
        judge: Script(|cx| Box::pin(as_created(cx))),
        ..BASE
    },
];

async fn status(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let one = cx.call(Operation::Read).stream(&stream.id).send().await?;
    cx.expect_status(&one, &[200]);
    let all = cx.call(Operation::Read).send().await?;
    cx.expect_status(&all, &[200]);
    Ok(())
}

async fn one_object(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = cx.call(Operation::Read).stream(&stream.id).send().await?;
    let found = answered.given_success()?.json().unwrap_or_default();
    let holds = found.get("stream_id").is_some_and(|id| *id == stream.id);
    let expected = format!("an object with stream_id {}", stream.id);
    cx.expect(holds, answered.asked(), expected, answered.shown_body());
    Ok(())
}

async fn list_of_one(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let answered = cx.call(Operation::Read).send().await?;
    let found = answered.given_success()?.json().unwrap_or_default();
    let elements = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let has = |one: &Value| one.get("stream_id").is_some_and(|id| *id == stream.id);
    let expected = format!("an array that has {}", stream.id);
    cx.expect(
        elements.iter().any(has),
        answered.asked(),
        expected,
        answered.shown_body(),
    );
    Ok(())
}

async fn empty_list(cx: &Context) -> Result<(), Stop> {
    let answered = cx.call(Operation::Read).send().await?;
    let found = answered.json();
    if answered.status() == 200
        && let Some(Value::Array(streams)) = &found
        && !streams.is_empty()
    {
        let count = streams.len();
        return Err(Stop::blocked(format!(
            "the receiver has {count} streams that this run did not make"
        )));
    }
    cx.expect_status(&answered, &[200]);
    cx.expect(
        found == Some(Value::Array(Vec::new())),
        answered.asked(),
        "[]",
        answered.shown_body(),
    );
    Ok(())
}

async fn read_only(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = cx.call(Operation::Read).stream(&stream.id);
    let answered = call
        .credential(Credential::Of(Token::ReadOnly))
        .send()
        .await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}

async fn list_of_another(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = cx
        .call(Operation::Read)
        .credential(Credential::Of(Token::Other));
    let answered = call.send().await?;
    let list = answered.given_array()?;
    let has = |one: &Value| one.get("stream_id").is_some_and(|id| *id == stream.id);
    let found = list
        .iter()
        .find(|one| has(one))
        .map_or("a list without it".to_owned(), shown);
    cx.expect(
        !list.iter().any(has),
        answered.asked(),
        format!("no {}", stream.id),
        found,
    );
    Ok(())
}

async fn as_created(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let read = cx.read(&stream).await?;
    let created = &stream.configuration;
    let names = created.keys().chain(read.keys());
    let stays = |name: &String| match (created.get(name), read.get(name)) {
        (Some(created), Some(read)) => is_same(created, read),
        _ => false,
    };
    let differs = names.into_iter().find(|name| !stays(name));
    let value = |name: &String, from: &serde_json::Map<String, Value>| {
        format!("{name}: {}", shown(from.get(name).unwrap_or(&Value::Null)))
    };
    cx.expect(
        differs.is_none(),
        "the configuration that is read",
        differs.map_or("as created".to_owned(), |name| value(name, created)),
        differs.map_or("the same".to_owned(), |name| value(name, &read)),
    );
    Ok(())
}
