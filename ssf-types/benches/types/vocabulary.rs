//! Reading and writing each event, the two canonical forms of each subject, and the meaning of an answer to a push.
//!
//! The specimens are the static vectors. The yardstick is `serde_json` without any rule: reading or writing the same
//! payload, reading the same subject, reading the body of the same answer.

use std::{collections::BTreeMap, fs, hint::black_box, time::Duration};

use serde_json::Value;
use ssf_types::{
    event::{Event, KNOWN_EVENT_TYPES},
    json,
    push::{Acknowledge, Answer, Exchange, PushOutcome, classify},
    subject::SimpleSubject,
    time::Timestamp,
    uri::EventTypeUri,
};

use crate::{Fallible, measure::Pair};

const MEASURE: Duration = Duration::from_millis(400);

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/vectors");

const REFUSAL: &[u8] = br#"{"err":"invalid_key","description":"Key ID 12345 has been revoked."}"#;

/// Does each operation once, so that none of them is fast because it fails.
pub(crate) fn check() -> Fallible<()> {
    let mut operations = 0;
    for (name, mut pair) in events(&payloads()?)? {
        operations += 1;
        if !(pair.ours)() || !(pair.yardstick)() {
            return Err(format!("{name} does not do its work").into());
        }
    }
    if operations != 2 * KNOWN_EVENT_TYPES.len() {
        return Err("the vectors lack an event".into());
    }
    if !matches!(refused(), PushOutcome::KeyRefused(_)) {
        return Err("the answer is classified wrongly".into());
    }
    Ok(())
}

pub(crate) fn measure() -> Fallible<Vec<Value>> {
    let mut entries = Vec::new();
    for (name, mut pair) in events(&payloads()?)? {
        entries.push(pair.measure(MEASURE)?.entry(&name, None));
    }
    for (format, text) in subjects()? {
        let subject = SimpleSubject::read_json(&text)?;
        let read = || Box::new(|| serde_json::from_str::<Value>(black_box(&text)).is_ok());
        let mut matching = Pair {
            ours: Box::new(|| !black_box(subject.matching_form()).is_empty()),
            yardstick: read(),
        };
        let name = format!("matching form of one {format} subject");
        entries.push(matching.measure(MEASURE)?.entry(&name, None));
        let mut revocation = Pair {
            ours: Box::new(|| !black_box(subject.revocation_key()).is_empty()),
            yardstick: read(),
        };
        let name = format!("revocation key of one {format} subject");
        entries.push(revocation.measure(MEASURE)?.entry(&name, None));
    }
    let mut classification = Pair {
        ours: Box::new(|| matches!(black_box(refused()), PushOutcome::KeyRefused(_))),
        yardstick: Box::new(|| serde_json::from_slice::<Value>(black_box(REFUSAL)).is_ok()),
    };
    let name = "classify one refusal of a SET";
    entries.push(classification.measure(MEASURE)?.entry(name, None));
    Ok(entries)
}

fn refused() -> PushOutcome {
    let answer = Answer {
        status: 400,
        retry_after: None,
        body: black_box(REFUSAL),
    };
    let now = Timestamp::from_secs(1_763_900_000);
    classify(Exchange::Answered(answer), Acknowledge::Any2xx, now)
}

/// For each event type its longest payload that is valid.
fn payloads() -> Fallible<BTreeMap<String, String>> {
    let mut longest = BTreeMap::<String, String>::new();
    for vector in vectors("events")? {
        let uri = vector["type"].as_str().unwrap_or_default().to_owned();
        if vector["valid"] != true || !KNOWN_EVENT_TYPES.contains(&uri.as_str()) {
            continue;
        }
        let payload = vector["payload"].to_string();
        let known = longest.entry(uri).or_default();
        if payload.len() > known.len() {
            *known = payload;
        }
    }
    Ok(longest)
}

/// For each format of a simple subject the first vector that is valid; proprietary ones count as one.
fn subjects() -> Fallible<BTreeMap<String, String>> {
    let mut first = BTreeMap::new();
    for vector in vectors("subjects")? {
        let text = vector["text"].as_str().unwrap_or_default();
        if vector["valid"] != true {
            continue;
        }
        let Ok(subject) = SimpleSubject::read_json(text) else {
            continue;
        };
        let format = if matches!(subject, SimpleSubject::Other(_)) {
            "proprietary"
        } else {
            subject.format()
        };
        first
            .entry(format.to_owned())
            .or_insert_with(|| text.to_owned());
    }
    Ok(first)
}

fn vectors(name: &str) -> Fallible<Vec<Value>> {
    let text = fs::read_to_string(format!("{VECTORS}/{name}.json"))?;
    let mut file: Value = serde_json::from_str(&text)?;
    let Value::Array(vectors) = file[name].take() else {
        return Err(format!("{name}.json holds no vectors").into());
    };
    Ok(vectors)
}

/// Reading and writing of each event.
fn events(payloads: &BTreeMap<String, String>) -> Fallible<Vec<(String, Pair<'_>)>> {
    let mut pairs = Vec::new();
    for (uri, payload) in payloads {
        let kind = uri.rsplit('/').next().unwrap_or_default();
        let uri = EventTypeUri::parse(uri.as_str())?;
        let event = Event::read(&uri, payload)?;
        let value: Value = serde_json::from_str(payload)?;
        let read = move || {
            let text = json::check(black_box(payload.as_bytes()));
            black_box(text.and_then(|text| Event::read(&uri, text))).is_ok()
        };
        pairs.push((
            format!("read one {kind}"),
            Pair {
                ours: Box::new(read),
                yardstick: Box::new(|| serde_json::from_str::<Value>(black_box(payload)).is_ok()),
            },
        ));
        pairs.push((
            format!("write one {kind}"),
            Pair {
                ours: Box::new(move || black_box(serde_json::to_string(&event)).is_ok()),
                yardstick: Box::new(move || black_box(serde_json::to_string(&value)).is_ok()),
            },
        ));
    }
    Ok(pairs)
}
