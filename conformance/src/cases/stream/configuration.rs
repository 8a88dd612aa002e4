//! The stream configuration (SSF 1.0 §8.1.1), as the answer to the request that creates a stream has it.

use serde_json::Value;
use url::Url;

use crate::{
    case::Judge::Script,
    case::{Case, Profile, Stop},
    checks::{Level, shown},
    context::{Context, Operation, Stream},
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1",
    tags: &["stream", "configuration"],
    ..Case::MANAGEMENT
};

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-070.stream_id",
        level: Level::Must,
        title: "stream_id is there, a text that is not empty",
        why: "Everything that is asked of a stream later names it by its stream_id.",
        judge: Script(|cx| Box::pin(stream_id(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-072.stream_id-characters",
        level: Level::Should,
        title: "stream_id has only characters that RFC 3986 leaves unreserved",
        why: "The stream_id stands in queries; receivers that forget to escape it ask for another stream.",
        judge: Script(|cx| Box::pin(stream_id_characters(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-073.iss",
        also: &["SSF-T-009"],
        level: Level::Must,
        title: "iss is, byte for byte, the issuer of the metadata",
        why: "A receiver must not use a stream whose iss is not the issuer it has discovered.",
        judge: Script(|cx| Box::pin(iss(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-074.aud",
        level: Level::Must,
        title: "aud is a text or an array of texts, and not empty",
        why: "A receiver checks the aud of each SET against that of the stream.",
        judge: Script(|cx| Box::pin(aud(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-077.events_supported",
        level: Level::May,
        title: "events_supported, when given, is an array of URIs",
        why: "It is from there that a receiver knows what it may ask for.",
        judge: Script(|cx| Box::pin(events_supported(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-081.events_delivered",
        level: Level::Must,
        title: "events_delivered is there, an array of URIs",
        why: "It alone tells a receiver what will come.",
        judge: Script(|cx| Box::pin(events_delivered(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-082.events_delivered-is-a-subset",
        level: Level::Must,
        title: "events_delivered has nothing that was not asked for or is not supported",
        why: "A receiver that gets what it did not ask for refuses it, and has told why for nothing.",
        judge: Script(|cx| Box::pin(is_a_subset(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-083.delivery",
        also: &["INTEROP-017"],
        level: Level::Must,
        title: "delivery is an object whose method is one that the metadata lists",
        why: "Without it, a receiver does not know how its events come.",
        judge: Script(|cx| Box::pin(delivery(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-084.min_verification_interval",
        level: Level::May,
        title: "min_verification_interval, when given, is a whole number of seconds",
        why: "A receiver that cannot read it asks too often and is refused with 429.",
        judge: Script(|cx| Box::pin(whole(cx, "min_verification_interval", 0))),
        ..BASE
    },
    Case {
        id: "SSF-T-089.inactivity_timeout",
        level: Level::May,
        title: "inactivity_timeout, when given, is a whole number of seconds above zero",
        why: "A receiver that cannot read it loses its stream to the timeout.",
        judge: Script(|cx| Box::pin(whole(cx, "inactivity_timeout", 1))),
        ..BASE
    },
    Case {
        id: "SSF-T-058.content-type",
        section: "SSF 1.0 §8.1.1.1",
        level: Level::MustImplied,
        title: "a configuration comes as application/json",
        why: "HTTP libraries read a body by its type, and refuse what is labelled otherwise.",
        judge: Script(|cx| Box::pin(content_type(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-059.no-store",
        profiles: Profile::AND_HARDENING,
        section: "SSF 1.0 §8.1.1.1",
        level: Level::May,
        title: "a configuration comes with Cache-Control: no-store, as the examples have it",
        why: "What a proxy keeps of a stream is stale, and may be shown to somebody else.",
        judge: Script(|cx| Box::pin(no_store(cx))),
        ..BASE
    },
];

async fn stream_id(cx: &Context) -> Result<(), Stop> {
    let call = cx.call(Operation::Create).json(&cx.stream_request());
    let configuration = call.send().await?.given_object()?;
    let found = configuration.get("stream_id").unwrap_or(&Value::Null);
    let holds = found.as_str().is_some_and(|id| !id.is_empty());
    cx.expect(holds, "stream_id", "a text", shown(found));
    Ok(())
}

async fn stream_id_characters(cx: &Context) -> Result<(), Stop> {
    let id = cx.stream().await?.id;
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    cx.expect(
        id.bytes().all(unreserved),
        "stream_id",
        "letters, digits and - . _ ~ alone",
        &id,
    );
    Ok(())
}

async fn iss(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.expect_member(
        &stream.configuration,
        "iss",
        &cx.target().issuer.as_str().into(),
    );
    Ok(())
}

async fn aud(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = member(&stream, "aud");
    let holds = match found {
        Value::String(text) => !text.is_empty(),
        Value::Array(texts) => !texts.is_empty() && texts.iter().all(Value::is_string),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    };
    cx.expect(holds, "aud", "a text, or an array of texts", shown(found));
    Ok(())
}

async fn events_supported(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    match stream.configuration.get("events_supported") {
        None => cx.note(
            "there is no events_supported: the documentation has to say what can be asked for",
        ),
        Some(found) => {
            cx.expect(
                are_uris(found),
                "events_supported",
                "an array of URIs",
                shown(found),
            );
        }
    }
    Ok(())
}

async fn events_delivered(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = member(&stream, "events_delivered");
    cx.expect(
        are_uris(found),
        "events_delivered",
        "an array of URIs",
        shown(found),
    );
    Ok(())
}

async fn is_a_subset(cx: &Context) -> Result<(), Stop> {
    let request = cx.stream_request();
    let stream = cx.stream_of(&request).await?;
    let delivered = elements(member(&stream, "events_delivered"))?;
    let requested = elements(&request["events_requested"])?;
    let unasked = delivered.iter().find(|uri| !requested.contains(uri));
    cx.expect(
        unasked.is_none(),
        "events_delivered",
        "types of events_requested alone",
        unasked.map_or("none but those".to_owned(), shown),
    );
    if let Some(supported) = stream.configuration.get("events_supported") {
        let supported = elements(supported)?;
        let unknown = delivered.iter().find(|uri| !supported.contains(uri));
        cx.expect(
            unknown.is_none(),
            "events_delivered",
            "types of events_supported alone",
            unknown.map_or("none but those".to_owned(), shown),
        );
    }
    Ok(())
}

async fn delivery(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = member(&stream, "delivery");
    let Some(method) = found.get("method").filter(|method| method.is_string()) else {
        cx.expect(false, "delivery", "an object with a method", shown(found));
        return Ok(());
    };
    if let Some(Value::Array(listed)) = cx.metadata()?.get("delivery_methods_supported") {
        let expected = shown(&Value::Array(listed.clone()));
        cx.expect(listed.contains(method), "delivery.method", expected, method);
    } else {
        let is_uri = method.as_str().is_some_and(|uri| Url::parse(uri).is_ok());
        cx.expect(is_uri, "delivery.method", "a URI", method);
    }
    Ok(())
}

async fn whole(cx: &Context, name: &str, min: u64) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    match stream.configuration.get(name) {
        None => cx.note(format!("there is no {name}")),
        Some(found) => {
            let holds = found.as_u64().is_some_and(|seconds| seconds >= min);
            cx.expect(
                holds,
                name,
                format!("a whole number, {min} or more"),
                shown(found),
            );
        }
    }
    Ok(())
}

async fn content_type(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    for call in [
        cx.call(Operation::Read).stream(&stream.id),
        cx.call(Operation::Read),
    ] {
        let answered = call.send().await?;
        answered.given_success()?;
        let found: Vec<&str> = answered.header("content-type").collect();
        let is_json = |value: &str| {
            let media_type = value.split(';').next().unwrap_or_default().trim();
            media_type.eq_ignore_ascii_case("application/json")
        };
        cx.expect(
            matches!(found.as_slice(), [one] if is_json(one)),
            format!("{}: Content-Type", answered.asked()),
            "application/json",
            found.join(", "),
        );
    }
    Ok(())
}

async fn no_store(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let call = cx.call(Operation::Read).stream(&stream.id);
    let answered = call.send().await?;
    answered.given_success()?;
    let found: Vec<&str> = answered.header("cache-control").collect();
    let found = found.join(", ");
    let mut directives = found.split(',').map(str::trim);
    let holds = directives.any(|one| one.eq_ignore_ascii_case("no-store"));
    let what = format!("{}: Cache-Control", answered.asked());
    cx.expect(
        holds,
        what,
        "no-store",
        if found.is_empty() { "nothing" } else { &found },
    );
    Ok(())
}

fn member<'s>(stream: &'s Stream, name: &str) -> &'s Value {
    stream.configuration.get(name).unwrap_or(&Value::Null)
}

fn are_uris(value: &Value) -> bool {
    let is_uri = |uri: &Value| uri.as_str().is_some_and(|uri| Url::parse(uri).is_ok());
    value.as_array().is_some_and(|uris| uris.iter().all(is_uri))
}

fn elements(value: &Value) -> Result<&[Value], Stop> {
    let array = value.as_array().map(Vec::as_slice);
    array.ok_or_else(|| Stop::blocked(format!("{} is not an array", shown(value))))
}
