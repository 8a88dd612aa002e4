//! The claims of a SET (SSF 1.0 §4, RFC 8417 §2.2), apart from what the event says.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use url::Url;

use super::{BASE, each};
use crate::{
    case::{Case, Judge::Script, Need, Profile, Stop},
    checks::{Level, shown},
    context::{Context, Gathering, Sample},
    event_types::VERIFICATION,
    set::{RawSet, texts},
    unique::repeated_name,
};

const MUST: Case = Case {
    section: "RFC 8417 §2.2",
    level: Level::Must,
    ..BASE
};

/// How far the clocks may be apart, in seconds: as far as the preflight lets them be, and a little.
const SKEW_SECONDS: u64 = 90;

/// Claims that are registered, as far as a SET has any use for them.
const REGISTERED: [&str; 11] = [
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sub_id", "events", "toe", "txn",
];

/// The cases of this section.
pub const CASES: &[Case] = &[
    Case {
        id: "SET-020.claims",
        title: "iss, iat, jti and events are there",
        why: "Without them a token is no SET, and is refused.",
        judge: Script(|cx| Box::pin(each(cx, claims))),
        ..MUST
    },
    Case {
        id: "SET-002.no-sub",
        section: "SSF 1.0 §4.1.2",
        title: "there is no sub",
        why: "With sub, a SET could be taken for an ID token or an access token.",
        judge: Script(|cx| Box::pin(each(cx, |cx, sample| absent(cx, sample, "sub")))),
        ..MUST
    },
    Case {
        id: "SET-003.no-exp",
        section: "SSF 1.0 §4.1.7",
        title: "there is no exp",
        why: "What happened does not expire, and readers of other tokens require exp.",
        judge: Script(|cx| Box::pin(each(cx, |cx, sample| absent(cx, sample, "exp")))),
        ..MUST
    },
    Case {
        id: "SET-004.sub_id",
        section: "SSF 1.0 §3.1",
        title: "sub_id is there",
        why: "Without it nobody knows whom the event is about.",
        judge: Script(|cx| Box::pin(each(cx, sub_id))),
        ..MUST
    },
    Case {
        id: "SUBJ-035.one-object",
        section: "RFC 9493 §4.1",
        title: "sub_id is one subject: an object",
        why: "A list or a text cannot be matched with anybody.",
        judge: Script(|cx| Box::pin(each(cx, one_subject))),
        ..MUST
    },
    Case {
        id: "SET-008.iss",
        also: &["SSF-T-009"],
        section: "SSF 1.0 §4.1.6",
        title: "iss is that of the stream",
        why: "Receivers compare it, byte for byte, and refuse the SET of anybody else.",
        judge: Script(|cx| Box::pin(each(cx, iss))),
        ..MUST
    },
    Case {
        id: "SET-010.aud",
        section: "SSF 1.0 §4.1.8",
        level: Level::MustImplied,
        title: "aud has nobody but those of the stream",
        why: "A SET that is made out to others is refused, or can be replayed to them.",
        judge: Script(|cx| Box::pin(each(cx, aud_of_the_stream))),
        ..MUST
    },
    Case {
        id: "SET-023.aud",
        level: Level::Should,
        title: "aud is there",
        why: "Receivers refuse a SET that is not made out to them.",
        judge: Script(|cx| Box::pin(each(cx, aud))),
        ..MUST
    },
    Case {
        id: "SET-014.txn",
        section: "SSF 1.0 §4.1.9",
        level: Level::Should,
        title: "txn is there",
        why: "By it several SETs are known to have one cause, and found again in logs.",
        judge: Script(|cx| Box::pin(each(cx, txn))),
        ..MUST
    },
    Case {
        id: "SET-027.txn-is-a-string",
        level: Level::MustImplied,
        title: "txn is a string",
        why: "Readers with types refuse the whole SET for a number.",
        judge: Script(|cx| Box::pin(txn_is_a_string(cx))),
        ..MUST
    },
    Case {
        id: "SET-015.one-event",
        section: "SSF 1.0 §4.1.9",
        title: "what has nothing to do with each other has another txn",
        why: "A receiver that groups by txn takes one event for a part of another.",
        needs: &[Need::Token, Need::Emit],
        judge: Script(|cx| Box::pin(txn_of_one_event(cx))),
        ..MUST
    },
    Case {
        id: "SET-016.one-event",
        section: "SSF 1.0 §4.2.1",
        level: Level::Should,
        title: "there is one event in each SET",
        why: "A receiver that can do the one and not the other can only refuse both.",
        profiles: &[Profile::Ssf],
        judge: Script(|cx| Box::pin(each(cx, one_event))),
        ..MUST
    },
    Case {
        id: "INTEROP-043.one-event",
        section: "CAEP Interoperability Profile 1.0 §2.8.1",
        title: "there is exactly one event in each SET",
        why: "A receiver of the profile refuses a SET with several.",
        profiles: &[Profile::CaepInterop],
        judge: Script(|cx| Box::pin(each(cx, one_event))),
        ..MUST
    },
    Case {
        id: "SET-021.jti",
        title: "each SET has a jti of its own, and keeps it",
        why: "Receivers take a jti that they know for a repetition, and drop what it tells.",
        streams: 2,
        judge: Script(|cx| Box::pin(jti(cx))),
        ..MUST
    },
    Case {
        id: "SET-022.iat",
        level: Level::MustImplied,
        title: "iat is when the SET was made, in seconds",
        why: "In milliseconds it lies thousands of years ahead, and receivers refuse what is not made yet.",
        judge: Script(|cx| Box::pin(each(cx, iat))),
        ..MUST
    },
    Case {
        id: "SET-024.events",
        title: "events is an object: each member is named by a URI, and is an object",
        why: "Nothing else can be read as an event.",
        judge: Script(|cx| Box::pin(each(cx, events))),
        ..MUST
    },
    Case {
        id: "SET-025.no-name-twice",
        title: "no member stands twice in one object",
        why: "Parsers keep one of them, and not all the same one.",
        judge: Script(|cx| Box::pin(each(cx, no_name_twice))),
        ..MUST
    },
    Case {
        id: "SET-026.toe",
        level: Level::May,
        title: "toe is a moment in seconds",
        why: "A receiver that orders events by it must be able to read it.",
        judge: Script(|cx| Box::pin(toe(cx))),
        ..MUST
    },
    Case {
        id: "SET-040.further-claims",
        section: "RFC 8417 §2",
        level: Level::Should,
        title: "further claims have names that nobody else can mean something else by",
        why: "A short name that is registered later has two meanings.",
        judge: Script(|cx| Box::pin(each(cx, further_claims))),
        ..MUST
    },
    Case {
        id: "SET-007.no-subject",
        section: "SSF 1.0 §3.1.2",
        title: "the event of a verification has no subject of its own",
        why: "Two subjects in one SET can differ, and readers follow the one or the other.",
        judge: Script(|cx| Box::pin(no_subject(cx))),
        ..MUST
    },
    Case {
        id: "JWTBCP-007.utf-8",
        section: "RFC 8725 §3.7",
        title: "claims are UTF-8, also with letters that ASCII does not have",
        why: "In any other encoding the SET is not JSON, and is refused.",
        judge: Script(|cx| Box::pin(utf_8(cx))),
        ..MUST
    },
];

fn claim<'s>(sample: &'s Sample, name: &str) -> &'s Value {
    sample.set.claims.get(name).unwrap_or(&Value::Null)
}

fn expect(cx: &Context, sample: &Sample, name: &str, holds: bool, expected: &str) {
    let what = format!("{} of {}", name, sample.what);
    cx.expect(holds, what, expected, shown(claim(sample, name)));
}

fn absent(cx: &Context, sample: &Sample, name: &str) {
    let holds = !sample.set.claims.contains_key(name);
    expect(cx, sample, name, holds, "nothing");
}

fn claims(cx: &Context, sample: &Sample) {
    let is = |name, is: fn(&Value) -> bool, expected| {
        expect(cx, sample, name, is(claim(sample, name)), expected);
    };
    is("iss", Value::is_string, "a string");
    is("jti", Value::is_string, "a string");
    is("iat", Value::is_number, "a number");
    is("events", |value| !value.is_null(), "an object");
}

fn sub_id(cx: &Context, sample: &Sample) {
    let holds = !claim(sample, "sub_id").is_null();
    expect(cx, sample, "sub_id", holds, "the subject");
}

fn one_subject(cx: &Context, sample: &Sample) {
    let found = claim(sample, "sub_id");
    // That it is there, another case judges.
    expect(
        cx,
        sample,
        "sub_id",
        found.is_null() || found.is_object(),
        "an object",
    );
}

fn iss(cx: &Context, sample: &Sample) {
    let of_stream = sample.stream.get("iss").unwrap_or(&Value::Null);
    let holds = claim(sample, "iss") == of_stream;
    expect(cx, sample, "iss", holds, &shown(of_stream));
}

fn aud_of_the_stream(cx: &Context, sample: &Sample) {
    let of_stream = sample.stream.get("aud").unwrap_or(&Value::Null);
    let allowed = names(of_stream).unwrap_or_default();
    let found = claim(sample, "aud");
    // That it is there, another case judges.
    let holds = found.is_null()
        || names(found).is_some_and(|names| names.iter().all(|name| allowed.contains(name)));
    expect(cx, sample, "aud", holds, &shown(of_stream));
}

/// The names in an `aud`, which is a string or an array of them.
fn names(aud: &Value) -> Option<Vec<&str>> {
    match aud {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn aud(cx: &Context, sample: &Sample) {
    let found = claim(sample, "aud");
    let holds = !found.is_null() && *found != json!([]);
    expect(cx, sample, "aud", holds, "the receiver");
}

fn txn(cx: &Context, sample: &Sample) {
    let holds = !claim(sample, "txn").is_null();
    expect(cx, sample, "txn", holds, "a string");
}

async fn txn_is_a_string(cx: &Context) -> Result<(), Stop> {
    if_there(cx, "txn", |cx, sample| {
        expect(
            cx,
            sample,
            "txn",
            claim(sample, "txn").is_string(),
            "a string",
        );
    })
    .await
}

async fn txn_of_one_event(cx: &Context) -> Result<(), Stop> {
    let verification = cx.sample(Gathering::Verification).await?;
    let event = cx.sample(Gathering::Event).await?;
    let (one, other) = (claim(&verification, "txn"), claim(&event, "txn"));
    if one.is_null() || other.is_null() {
        return Err(Stop::not_offered("there is no txn"));
    }
    expect(
        cx,
        &event,
        "txn",
        one != other,
        "another than that of the verification",
    );
    Ok(())
}

fn one_event(cx: &Context, sample: &Sample) {
    let holds = sample.set.events().count() <= 1;
    expect(cx, sample, "events", holds, "one event");
}

async fn jti(cx: &Context) -> Result<(), Stop> {
    // On two streams: on one, a second verification may come too soon after the first.
    let streams = [cx.stream().await?, cx.stream().await?];
    let mut known = BTreeSet::new();
    for stream in &streams {
        let arrived = cx.verification(stream).await?;
        let jti = arrived.set.claims.get("jti").cloned().unwrap_or_default();
        let is_new = known.insert(jti.to_string());
        cx.expect(is_new, "jti", "one that no other SET has", shown(&jti));
        let again = cx.poll_now(stream, json!({})).await?;
        let token = again.sets.get(&arrived.jti).and_then(Value::as_str);
        if let Some(set) = token.and_then(|token| RawSet::parse(token).ok()) {
            let (before, after) = (arrived.set.claims, set.claims);
            let holds = before == after;
            let [before, after] = [before, after].map(|claims| shown(&Value::Object(claims)));
            cx.expect(holds, "a SET that comes again", before, after);
        }
    }
    Ok(())
}

fn iat(cx: &Context, sample: &Sample) {
    let earliest = sample.asked.saturating_sub(SKEW_SECONDS);
    let latest = sample.came.saturating_add(SKEW_SECONDS);
    let found = claim(sample, "iat");
    // That it is a number, another case judges.
    let holds = !found.is_number()
        || seconds(found).is_some_and(|found| (earliest..=latest).contains(&found));
    let expected = format!("{earliest} to {latest}, in seconds");
    expect(cx, sample, "iat", holds, &expected);
}

/// A moment in whole seconds; it may have a fraction (RFC 7519 §2).
fn seconds(moment: &Value) -> Option<u64> {
    let text = moment.as_number()?.to_string();
    text.split('.').next()?.parse().ok()
}

fn events(cx: &Context, sample: &Sample) {
    let found = claim(sample, "events");
    let is_event = |(name, event): (&String, &Value)| is_uri(name) && event.is_object();
    let holds = found
        .as_object()
        .is_some_and(|events| !events.is_empty() && events.iter().all(is_event));
    // That it is there at all, another case judges.
    let expected = "an object of objects under URIs";
    expect(cx, sample, "events", found.is_null() || holds, expected);
}

fn is_uri(name: &str) -> bool {
    Url::parse(name).is_ok()
}

fn no_name_twice(cx: &Context, sample: &Sample) {
    for (what, text) in ["the header", "the claims"]
        .into_iter()
        .zip(sample.set.texts())
    {
        let repeated = repeated_name(&text);
        cx.expect(
            repeated.is_none(),
            format!("{what} of {}", sample.what),
            "each name once",
            repeated.unwrap_or_default(),
        );
    }
}

async fn toe(cx: &Context) -> Result<(), Stop> {
    if_there(cx, "toe", |cx, sample| {
        let latest = sample.came.saturating_add(SKEW_SECONDS);
        let holds = seconds(claim(sample, "toe")).is_some_and(|found| found <= latest);
        let expected = format!("{latest} at most, in seconds");
        expect(cx, sample, "toe", holds, &expected);
    })
    .await
}

/// Judges a claim that need not be there, in the SETs that have it.
async fn if_there(
    cx: &Context,
    name: &'static str,
    judge: fn(&Context, &Sample),
) -> Result<(), Stop> {
    let mut samples = vec![cx.sample(Gathering::Verification).await?];
    if cx.target().adapters.emit.is_some() {
        samples.push(cx.sample(Gathering::Event).await?);
    }
    samples.retain(|sample| sample.set.claims.contains_key(name));
    if samples.is_empty() {
        return Err(Stop::not_offered(format!("there is no {name}")));
    }
    for sample in samples {
        judge(cx, &sample);
    }
    Ok(())
}

fn further_claims(cx: &Context, sample: &Sample) {
    let is_sound =
        |name: &&String| REGISTERED.contains(&name.as_str()) || name.contains([':', '.', '/']);
    let short: Vec<&String> = sample
        .set
        .claims
        .keys()
        .filter(|name| !is_sound(name))
        .collect();
    if short.is_empty() {
        let what = format!("the claims of {}", sample.what);
        cx.expect(true, what, "registered names", "registered names");
    }
    for name in short {
        cx.note(format!(
            "{} has the claim {name}, which is not registered for SETs",
            sample.what
        ));
    }
}

async fn no_subject(cx: &Context) -> Result<(), Stop> {
    let sample = cx.sample(Gathering::Verification).await?;
    let found = sample
        .set
        .event(VERIFICATION)
        .and_then(|event| event.get("subject"));
    let text = found.map(shown).unwrap_or_default();
    cx.expect(found.is_none(), "subject in the event", "nothing", text);
    Ok(())
}

async fn utf_8(cx: &Context) -> Result<(), Stop> {
    let stream = cx.stream().await?;
    cx.verify(&stream, Some("é 漢字")).await?;
    let polled = cx.poll_until_some(&stream, json!({})).await?;
    for token in polled.sets.values().filter_map(Value::as_str) {
        let [_, claims] = texts(token);
        let holds = !claims.is_empty() && str::from_utf8(&claims).is_ok();
        let found = String::from_utf8_lossy(&claims);
        cx.expect(holds, "the claims", "UTF-8", found);
    }
    Ok(())
}
