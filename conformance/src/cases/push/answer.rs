//! What an answer looks like (RFC 8935 §2.2, §2.3).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    case::{Case, Judge, Stop},
    checks::{
        Level::{Must, Should},
        shown,
    },
    event_types::DEVICE_COMPLIANCE_CHANGE,
    push::Probe,
};

/// The codes of the IANA registry, and that of SSF 1.0 §8.1.4.1.
pub(in crate::cases) const CODES: [&str; 7] = [
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
    "invalid_state",
];

/// How long the answer to a push may take: transmitters wait hardly longer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

const ANSWER: Case = Case {
    section: "RFC 8935 §2.3",
    level: Must,
    tags: &["push", "answer"],
    ..Case::PUSH
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "PUSH-R-002.accepted",
        section: "RFC 8935 §2.2",
        title: "a sound SET is answered with 202 and an empty body",
        why: "202 is the only answer that tells every transmitter that the SET has arrived",
        judge: Judge::Push(|p| Box::pin(accepted(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-004.json",
        title: "a refusal is a JSON object with err and description",
        why: "it is all that the transmitter's operator learns of what is wrong",
        judge: Judge::Push(|p| Box::pin(is_json(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-005.content-language",
        title: "a refusal has a Content-Language",
        why: "the description is for people, and says so in which language",
        judge: Judge::Push(|p| Box::pin(has_language(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-007.english",
        title: "without a preference, the description is in English",
        why: "who sent no Accept-Language can be expected to read that",
        judge: Judge::Push(|p| Box::pin(is_english(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-006.preferred-language",
        level: Should,
        title: "the description is in a language that was asked for",
        why: "it is English for who has no preference, so it can be English for who prefers that",
        judge: Judge::Push(|p| Box::pin(is_preferred(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-015.soon",
        section: "RFC 8935 §2",
        level: Should,
        title: "an event that calls for much is answered as soon as others",
        why: "a transmitter that waits in vain sends the event again; what it leads to can be done after the answer",
        judge: Judge::Push(|p| Box::pin(answers_soon(p))),
        ..ANSWER
    },
    Case {
        id: "PUSH-R-008.registered-code",
        section: "RFC 8935 §2.4",
        title: "the err of a refusal is a registered code",
        why: "transmitters decide by it whether to send again, to renew a key, or to tell somebody",
        judge: Judge::Push(|p| Box::pin(is_registered(p))),
        ..ANSWER
    },
];

async fn accepted(probe: &Probe) -> Result<(), Stop> {
    let answered = probe.push(&probe.sound()).await?;
    probe.expect_accepted(&answered);
    let found = answered.shown_body();
    let what = format!("{}: the body", answered.asked());
    probe.expect(answered.body().is_empty(), what, "an empty body", found);
    Ok(())
}

async fn is_json(probe: &Probe) -> Result<(), Stop> {
    let answered = probe.refusal().await?;
    let media_type = answered.header("content-type").next().unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    probe.expect(
        bare.eq_ignore_ascii_case("application/json"),
        "Content-Type",
        "application/json",
        if bare.is_empty() { "none" } else { media_type },
    );
    let Some(Value::Object(object)) = answered.json() else {
        probe.expect(false, "the body", "a JSON object", answered.shown_body());
        return Ok(());
    };
    for name in ["err", "description"] {
        let found = object.get(name);
        let is_text = matches!(found, Some(Value::String(text)) if !text.is_empty());
        let found = found.map_or("nothing".to_owned(), shown);
        probe.expect(is_text, name, "a string that is not empty", found);
    }
    Ok(())
}

async fn has_language(probe: &Probe) -> Result<(), Stop> {
    let answered = probe.refusal().await?;
    let found = answered.header("content-language").next();
    let is_tag = |tag: &str| {
        let mut subtags = tag.trim().split('-');
        let fits = |subtag: &str| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        subtags.all(fits)
    };
    let sound = found.is_some_and(|value| value.split(',').all(is_tag));
    let found = found.unwrap_or("none");
    probe.expect(sound, "Content-Language", "language tags", found);
    Ok(())
}

async fn is_english(probe: &Probe) -> Result<(), Stop> {
    let answered = probe.refusal().await?;
    let found = answered.header("content-language").next();
    let Some(found) = found else {
        return Err(Stop::blocked("there is no Content-Language"));
    };
    let language = found.split(['-', ',']).next().unwrap_or_default().trim();
    let is_english = language.eq_ignore_ascii_case("en");
    probe.expect(is_english, "Content-Language", "en first", found);
    Ok(())
}

async fn is_preferred(probe: &Probe) -> Result<(), Stop> {
    let mut request = probe.body(b"ssf-conformance".to_vec());
    let preference = ("accept-language".to_owned(), "de, en;q=0.5".to_owned());
    request.headers.push(preference);
    let answered = probe.send(request).await?;
    let found = answered.header("content-language").next();
    let (400, Some(found)) = (answered.status(), found) else {
        return Err(Stop::blocked("no refusal says its language"));
    };
    let language = found.split(['-', ',']).next().unwrap_or_default().trim();
    let fits = ["de", "en"]
        .iter()
        .any(|wanted| language.eq_ignore_ascii_case(wanted));
    probe.expect(fits, "Content-Language", "de or en first", found);
    Ok(())
}

async fn answers_soon(probe: &Probe) -> Result<(), Stop> {
    probe.given_accepted().await?;
    let set = probe
        .sound()
        .event(DEVICE_COMPLIANCE_CHANGE.uri, &not_compliant());
    let began = Instant::now();
    let answered = probe.push(&set).await?;
    let took = began.elapsed();
    answered.given_success()?;
    let what = format!("{}: the answer", answered.asked());
    let expected = format!("within {} s", ANSWER_MAX.as_secs());
    let found = format!("after {} ms", took.as_millis());
    probe.expect(took <= ANSWER_MAX, what, expected, found);
    Ok(())
}

/// News of a device that is to be kept out, which calls for more than most.
pub(in crate::cases) fn not_compliant() -> Value {
    json!({ "previous_status": "compliant", "current_status": "not-compliant" })
}

async fn is_registered(probe: &Probe) -> Result<(), Stop> {
    let answered = probe.refusal().await?;
    let err = answered.json().and_then(|body| body.get("err").cloned());
    let Some(Value::String(err)) = err else {
        return Err(Stop::blocked("there is no err to be read"));
    };
    let expected = CODES.join(", ");
    probe.expect(CODES.contains(&err.as_str()), "err", expected, err);
    Ok(())
}
