//! Creating streams (SSF 1.0 §8.1.1.1).

use serde_json::{Value, json};

use crate::{
    case::{
        Case,
        Judge::{Refused, Script},
        Need, Stop,
    },
    cases::refusal::{BROKEN_JSON, Refusal},
    checks::{Level, shown},
    context::{Context, Credential, Operation, POLL, Stream},
    target_file::Delivery,
};

const BASE: Case = Case {
    section: "SSF 1.0 §8.1.1.1",
    tags: &["stream", "create"],
    ..Case::MANAGEMENT
};

/// Longest description that any Transmitter is likely to keep, and more.
const LONG_DESCRIPTION_CHARS: usize = 10_000;

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SSF-T-100.created",
        also: &["INTEROP-018"],
        title: "a sound request is answered with 201 and the whole configuration",
        why: "Receivers take any other status for a refusal, or for a stream that is not theirs.",
        judge: Script(|cx| Box::pin(created(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-079.without-events_requested",
        section: "SSF 1.0 §8.1.1",
        level: Level::May,
        title: "events_requested may be left out",
        why: "A receiver may create its stream first and ask for events when it knows what is supported.",
        judge: Script(|cx| Box::pin(without(cx, "events_requested"))),
        ..BASE
    },
    Case {
        id: "SSF-T-080.unknown-event-type",
        section: "SSF 1.0 §8.1.1",
        level: Level::Must,
        title: "an event type that the transmitter does not know is ignored",
        why: "A receiver asks several transmitters for the same list; one that refuses all for one type gets no stream.",
        judge: Script(|cx| Box::pin(unknown_event_type(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-087.description",
        section: "SSF 1.0 §8.1.1",
        level: Level::May,
        title: "the description comes back",
        why: "People tell their streams apart by it.",
        judge: Script(|cx| Box::pin(description(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-088.long-description",
        section: "SSF 1.0 §8.1.1",
        level: Level::May,
        title: "a description that is too long is shortened and not altered",
        why: "A receiver finds its stream again by the beginning of its description.",
        judge: Script(|cx| Box::pin(long_description(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-104.poll-by-default",
        level: Level::Must,
        title: "a request without delivery asks for a stream that is polled",
        why: "Small receivers send nothing else, and wait for a URL to poll.",
        judge: Script(|cx| Box::pin(poll_by_default(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-105.poll-url",
        also: &["SSF-T-252"],
        level: Level::Must,
        title: "a stream that is polled has an endpoint_url of the transmitter's, which answers polls",
        why: "Without it the events of the stream cannot be had.",
        judge: Script(|cx| Box::pin(poll_url(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-107.poll-url-of-the-receiver",
        also: &["SSF-T-252"],
        title: "the endpoint_url of a stream that is polled is not the receiver's to choose",
        why: "Whoever echoes it sends the receiver, and its token, to a place that nobody serves.",
        judge: Script(|cx| Box::pin(poll_url_of_the_receiver(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-106.unknown-method",
        level: Level::May,
        title: "a delivery method that is not supported is refused with 400",
        why: "A receiver that is told 201 waits for events that come in another way, or never.",
        judge: Script(|cx| Box::pin(unknown_method(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-250.push-without-url",
        section: "SSF 1.0 §6.1.1",
        title: "a stream that is pushed needs an endpoint_url from the receiver: without, 400",
        why: "There is nowhere to push to.",
        judge: Script(|cx| Box::pin(push_without_url(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-101.second-stream",
        also: &["INTEROP-019"],
        level: Level::Must,
        title: "a second stream has a stream_id of its own, or is refused with 409",
        why: "Two receivers of one team that share a stream by accident take each other's events away.",
        streams: 2,
        judge: Script(|cx| Box::pin(second_stream(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-109.broken-json",
        title: "a body that breaks off is refused with 400",
        why: "A transmitter that answers 5xx has it repeated for ever; one that answers 201 has made up a stream.",
        judge: Script(|cx| Box::pin(spoilt(cx, BROKEN_JSON.to_owned()))),
        ..BASE
    },
    Case {
        id: "SSF-T-109.not-an-object",
        title: "a body that is JSON and no object is refused with 400",
        why: "An array is no request; parsers that coerce take it for an empty one.",
        judge: Script(|cx| Box::pin(spoilt(cx, "[]".to_owned()))),
        ..BASE
    },
    Case {
        id: "SSF-T-109.wrong-type",
        title: "a member of the wrong type is refused with 400",
        why: "A text where an array belongs would be taken for no events at all.",
        judge: Script(|cx| Box::pin(wrong_type(cx))),
        ..BASE
    },
    Case {
        id: "SSF-T-110.without-token",
        also: &["SSF-T-050"],
        title: "without a token: 401",
        why: "Whoever can create streams without one gets the events of others.",
        tags: &["stream", "create", "authorization"],
        judge: Refused(Operation::Create, Refusal::WithoutToken),
        ..BASE
    },
    Case {
        id: "SSF-T-110.unknown-token",
        also: &["SSF-T-050"],
        title: "with a token that nobody issued: 401",
        why: "A token that is not checked is none.",
        tags: &["stream", "create", "authorization"],
        judge: Refused(Operation::Create, Refusal::UnknownToken),
        ..BASE
    },
    Case {
        id: "SSF-T-111.read-only-token",
        also: &["INTEROP-040"],
        title: "with a token that may read alone: 403",
        why: "A token that was given to a dashboard must not make streams.",
        tags: &["stream", "create", "authorization"],
        needs: &[Need::Token, Need::ReadOnlyToken],
        judge: Refused(Operation::Create, Refusal::ReadOnlyToken),
        ..BASE
    },
    Case {
        id: "BEARER-003.challenge",
        section: "RFC 6750 §3",
        level: Level::Must,
        title: "401 comes with a WWW-Authenticate that offers Bearer",
        why: "A client learns from it how to show who it is.",
        tags: &["stream", "create", "authorization"],
        judge: Script(|cx| Box::pin(challenge(cx))),
        ..BASE
    },
];

async fn created(cx: &Context) -> Result<(), Stop> {
    let call = cx.call(Operation::Create).json(&cx.stream_request());
    let answered = call.send().await?;
    answered.given_room()?;
    cx.expect_status(&answered, &[201]);
    let object = answered.given_object()?;
    for name in ["stream_id", "iss", "aud", "delivery"] {
        let found = object.get(name).unwrap_or(&Value::Null);
        cx.expect(!found.is_null(), name, "to be there", shown(found));
    }
    Ok(())
}

async fn without(cx: &Context, name: &str) -> Result<(), Stop> {
    let answered = cx
        .call(Operation::Create)
        .json(&request_without(cx, name))
        .send()
        .await?;
    answered.given_room()?;
    cx.expect_success(&answered);
    Ok(())
}

async fn unknown_event_type(cx: &Context) -> Result<(), Stop> {
    let unknown = json!("https://example.invalid/event-type/ssf-conformance");
    let mut request = cx.stream_request();
    if let Some(requested) = request["events_requested"].as_array_mut() {
        requested.push(unknown.clone());
    }
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    answered.given_room()?;
    cx.expect_success(&answered);
    let stream = Stream::given(&answered)?;
    let delivered = stream.configuration.get("events_delivered");
    let delivered = delivered
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    cx.expect(
        !delivered.contains(&unknown),
        "events_delivered",
        "no type that the transmitter cannot know",
        shown(&Value::Array(delivered)),
    );
    Ok(())
}

async fn description(cx: &Context) -> Result<(), Stop> {
    let request = cx.stream_request();
    let stream = cx.stream_of(&request).await?;
    cx.expect_member(
        &stream.configuration,
        "description",
        &request["description"],
    );
    Ok(())
}

async fn long_description(cx: &Context) -> Result<(), Stop> {
    let mut request = cx.stream_request();
    let own = request["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    // Characters of two bytes, so that whoever cuts between bytes shows it.
    let long = format!("{own} {}", "é".repeat(LONG_DESCRIPTION_CHARS));
    request["description"] = json!(long);
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    if answered.status() == 400 {
        cx.note("a description of 10,000 characters is refused");
        return Ok(());
    }
    let stream = Stream::given(&answered)?;
    let found = stream
        .configuration
        .get("description")
        .and_then(Value::as_str);
    let kept = found.unwrap_or_default();
    cx.expect(
        !kept.is_empty() && long.starts_with(kept),
        "description",
        "the beginning of what was sent",
        shown(&json!(kept.chars().rev().take(40).collect::<String>())),
    );
    Ok(())
}

async fn poll_by_default(cx: &Context) -> Result<(), Stop> {
    let answered = cx
        .call(Operation::Create)
        .json(&request_without(cx, "delivery"))
        .send()
        .await?;
    if answered.status() == 400 && !supports(cx, POLL) {
        return Err(Stop::not_offered("the transmitter does not offer polls"));
    }
    answered.given_room()?;
    if !cx.expect_success(&answered) {
        return Ok(());
    }
    let found = answered.json().unwrap_or_default();
    let method = found.pointer("/delivery/method").unwrap_or(&Value::Null);
    cx.expect(method == POLL, "delivery.method", POLL, shown(method));
    Ok(())
}

async fn poll_url(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    let found = stream
        .configuration
        .get("delivery")
        .and_then(|delivery| delivery.get("endpoint_url"));
    let sound = stream.poll_url().is_ok();
    let shown = shown(found.unwrap_or(&Value::Null));
    cx.require(sound, "delivery.endpoint_url", "a URL", shown)?;
    let body = json!({ "maxEvents": 1, "returnImmediately": true });
    let answered = cx.poll(&stream, &body)?.send().await?;
    cx.expect_status(&answered, &[200]);
    Ok(())
}

async fn poll_url_of_the_receiver(cx: &Context) -> Result<(), Stop> {
    if !cx.target().judges(Delivery::Poll) {
        return Err(Stop::not_configured("needs poll in delivery"));
    }
    let own = "https://ssf-conformance.example.com/poll";
    let mut request = cx.stream_request();
    request["delivery"]["endpoint_url"] = json!(own);
    let answered = cx.call(Operation::Create).json(&request).send().await?;
    if answered.status() == 400 {
        cx.expect_status(&answered, &[201, 400]);
        return Ok(());
    }
    let stream = Stream::given(&answered)?;
    let found = stream.poll_url()?;
    cx.expect(
        found.as_str() != own,
        "delivery.endpoint_url",
        "a URL of the transmitter's",
        found,
    );
    Ok(())
}

async fn unknown_method(cx: &Context) -> Result<(), Stop> {
    let mut request = cx.stream_request();
    request["delivery"] = json!({ "method": "urn:example:smoke-signal" });
    spoilt(cx, request.to_string()).await
}

async fn push_without_url(cx: &Context) -> Result<(), Stop> {
    let push = "urn:ietf:rfc:8935";
    if !supports(cx, push) {
        return Err(Stop::not_offered("the transmitter does not list push"));
    }
    let mut request = cx.stream_request();
    request["delivery"] = json!({ "method": push });
    spoilt(cx, request.to_string()).await
}

async fn second_stream(cx: &Context) -> Result<(), Stop> {
    let first = cx.stream().await?;
    let before = cx.read(&first).await?;
    let answered = cx
        .call(Operation::Create)
        .json(&cx.stream_request())
        .send()
        .await?;
    if answered.status() == 409 {
        cx.expect_status(&answered, &[201, 409]);
    } else if cx.expect_success(&answered) {
        let second = Stream::given(&answered)?;
        let expected = format!("another than {}", first.id);
        cx.expect(second.id != first.id, "stream_id", expected, second.id);
    }
    cx.expect_untouched(&first, &before).await
}

async fn wrong_type(cx: &Context) -> Result<(), Stop> {
    let mut request = cx.stream_request();
    request["events_requested"] = request["events_requested"][0].take();
    spoilt(cx, request.to_string()).await
}

/// Expects that a spoilt request is refused, between two that are not.
async fn spoilt(cx: &Context, body: String) -> Result<(), Stop> {
    let control = cx.stream().await?;
    cx.call(Operation::Delete)
        .stream(&control.id)
        .send()
        .await?;
    let call = cx.call(Operation::Create).body("application/json", body);
    let answered = call.send().await?;
    cx.expect_status(&answered, &[400]);
    if answered.status() == 400 {
        cx.stream().await?;
    }
    Ok(())
}

async fn challenge(cx: &Context) -> Result<(), Stop> {
    for credential in [Credential::Missing, Credential::Unknown] {
        let call = cx.call(Operation::Create).json(&cx.stream_request());
        let answered = call.credential(credential).send().await?;
        if answered.status() != 401 {
            let (asked, status) = (answered.asked(), answered.status());
            return Err(Stop::blocked(format!("{asked} → {status}, not 401")));
        }
        let found: Vec<&str> = answered.header("www-authenticate").collect();
        let found = found.join(", ");
        let bearer = found
            .get(..6)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
        let found = if found.is_empty() { "nothing" } else { &found };
        let what = format!("{}: WWW-Authenticate", answered.asked());
        cx.expect(bearer || found.contains("Bearer"), what, "Bearer", found);
    }
    Ok(())
}

fn request_without(cx: &Context, name: &str) -> Value {
    let mut request = cx.stream_request();
    if let Some(members) = request.as_object_mut() {
        members.remove(name);
    }
    request
}

fn supports(cx: &Context, method: &str) -> bool {
    let metadata = cx.metadata().ok();
    let listed = metadata.and_then(|document| document.get("delivery_methods_supported"));
    let listed = listed.and_then(Value::as_array);
    listed.is_none_or(|methods| methods.iter().any(|listed| listed == method))
}
