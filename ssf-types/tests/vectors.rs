//! The static vectors of `conformance/vectors`: every verdict and every code is demanded of this crate.
#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot go on has failed"
)]
#![cfg(feature = "jose")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};
use ssf_types::{
    audience::Audience,
    error::ErrCode,
    event::{Event, KNOWN_EVENT_TYPES},
    id::Jti,
    jose::KeySet,
    json::{self, JsonError},
    poll::{PollRequest, PollResponse},
    push::{Acknowledge, Answer, Exchange, PushError, PushOutcome, classify},
    set::{
        Expectation, SetError, UnverifiedSet, VerifiedSet,
        inspect::{Inspection, Inspector},
    },
    subject::{SimpleSubject, Subject},
    time::Timestamp,
    uri::{EventTypeUri, Issuer},
};

/// Reads the array `list` of a file of vectors, which must have at least `least` entries.
fn vectors(file: &str, list: &str, least: usize) -> Vec<Value> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/vectors");
    let mut file: Value = serde_json::from_slice(&fs::read(directory.join(file)).unwrap()).unwrap();
    let Value::Array(vectors) = file[list].take() else {
        unreachable!("{list} is an array");
    };
    assert!(
        vectors.len() >= least,
        "{} of {least} are left",
        vectors.len()
    );
    vectors
}

fn text<'v>(vector: &'v Value, member: &str) -> &'v str {
    vector[member].as_str().unwrap()
}

/// Demands that nothing differed, and shows all that did.
fn none_differ(differences: impl IntoIterator<Item = String>) {
    let differences: Vec<String> = differences.into_iter().collect();
    assert!(
        differences.is_empty(),
        "{} differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

fn key_sets() -> BTreeMap<String, KeySet> {
    let sets = vectors("jwks.json", "jwks", 10).into_iter().map(|set| {
        let keys = KeySet::parse(set["jwks"].to_string().as_bytes()).unwrap();
        (text(&set, "name").to_owned(), keys)
    });
    sets.collect()
}

fn expectation(vector: &Value) -> Expectation {
    let audience = vector["audience"].as_array().unwrap().iter();
    let audience = Audience::new(audience.map(|name| name.as_str().unwrap())).unwrap();
    Expectation::new(Issuer::parse(text(vector, "issuer")).unwrap(), audience)
}

fn now(vector: &Value) -> Timestamp {
    Timestamp::from_secs(vector["now"].as_u64().unwrap())
}

fn verified(vector: &Value, keys: &KeySet) -> Result<VerifiedSet, SetError> {
    UnverifiedSet::parse(text(vector, "token").as_bytes())?.verify(
        keys,
        &expectation(vector),
        now(vector),
    )
}

#[test]
fn each_set_is_accepted_or_refused_with_its_code() {
    let keys = key_sets();
    none_differ(
        vectors("sets.json", "sets", 300)
            .iter()
            .filter_map(|vector| {
                let found = match verified(vector, &keys[text(vector, "jwks")]) {
                    Ok(_) => "accept".to_owned(),
                    Err(error) => error.code().to_string(),
                };
                let expected = match text(vector, "verdict") {
                    "accept" => "accept",
                    _ => text(vector, "code"),
                };
                (found != expected).then(|| {
                    format!(
                        "{}: {expected} expected, {found} found",
                        text(vector, "name")
                    )
                })
            }),
    );
}

#[test]
fn among_the_accepted_sets_is_one_for_every_type_of_event() {
    let keys = key_sets();
    let sets = vectors("sets.json", "sets", 300);
    let accepted: BTreeSet<String> = sets
        .iter()
        .filter_map(|vector| verified(vector, &keys[text(vector, "jwks")]).ok())
        .map(|set| set.claims().event.uri().to_string())
        .collect();
    let missing = KNOWN_EVENT_TYPES
        .iter()
        .filter(|uri| !accepted.contains(**uri));
    none_differ(missing.map(|uri| format!("{uri} has no SET")));
}

/// Makes every check of a vector's token.
fn inspected(vector: &Value, keys: &KeySet) -> Inspection {
    let expected = expectation(vector);
    let mut inspector = Inspector::default();
    inspector.issuer = Some(&expected.issuer);
    inspector.audience = Some(&expected.audience);
    inspector.keys = Some(keys);
    inspector.latest = Some(now(vector).after(expected.leeway));
    inspector.inspect(text(vector, "token").as_bytes())
}

#[test]
fn inspecting_tells_first_what_verifying_refuses() {
    let keys = key_sets();
    none_differ(
        vectors("sets.json", "sets", 300)
            .iter()
            .filter_map(|vector| {
                let keys = &keys[text(vector, "jwks")];
                let first = inspected(vector, keys)
                    .faults()
                    .next()
                    .map(|(_, error)| error.clone());
                let refused = verified(vector, keys).err();
                (first != refused).then(|| {
                    format!(
                        "{}: {refused:?} by verifying, {first:?} by inspecting",
                        text(vector, "name")
                    )
                })
            }),
    );
}

#[test]
fn the_code_of_a_vector_does_not_depend_on_the_order_of_the_checks() {
    let keys = key_sets();
    none_differ(
        vectors("sets.json", "sets", 300)
            .iter()
            .filter_map(|vector| {
                let others = vector["or_code"].as_array().into_iter().flatten();
                let allowed: Vec<&str> = others
                    .chain([&vector["code"]])
                    .filter_map(Value::as_str)
                    .collect();
                let inspection = inspected(vector, &keys[text(vector, "jwks")]);
                let (check, error) = inspection
                    .faults()
                    .find(|(_, error)| !allowed.contains(&error.code().as_str()))?;
                Some(format!(
                    "{}: {check:?} says {}",
                    text(vector, "name"),
                    error.code()
                ))
            }),
    );
}

#[test]
fn of_each_key_set_those_keys_are_used_that_may_be() {
    let keys = key_sets();
    none_differ(
        vectors("jwks.json", "jwks", 10)
            .iter()
            .filter_map(|vector| {
                let verdicts = vector["verdicts"].as_array().unwrap();
                let usable = |at: &usize| verdicts[*at]["usable"] == true;
                let (used, unused): (Vec<usize>, Vec<usize>) =
                    (0..verdicts.len()).partition(usable);
                let keys = &keys[text(vector, "name")];
                let passed_over = keys.passed_over().iter().map(|key| key.position);
                let found = (keys.len(), passed_over.collect::<Vec<usize>>());
                let expected = (used.len(), unused);
                (found != expected).then(|| {
                    format!(
                        "{}: {expected:?} expected, {found:?} found",
                        text(vector, "name")
                    )
                })
            }),
    );
}

#[test]
fn documents_that_are_no_key_sets_are_refused() {
    none_differ(
        vectors("jwks.json", "malformed", 5)
            .iter()
            .filter_map(|vector| {
                let read = KeySet::parse(text(vector, "text").as_bytes());
                read.is_ok().then(|| text(vector, "name").to_owned())
            }),
    );
}

/// The faulty member that an error names; empty where none can be named.
fn member(error: &JsonError) -> &str {
    match error {
        JsonError::Missing { path } | JsonError::Invalid { path, .. } => path,
        JsonError::Syntax { .. }
        | JsonError::Duplicate { .. }
        | JsonError::TooDeep
        | JsonError::NotAnObject
        | _ => "",
    }
}

/// Compares a result with what a vector demands of it: sound, or faulty in this member or within it.
fn differs<T>(vector: &Value, result: Result<T, JsonError>) -> Option<String> {
    let name = text(vector, "name");
    let sound = vector["valid"].as_bool().unwrap();
    match result {
        Ok(_) if sound => None,
        Ok(_) => Some(format!("{name}: was accepted")),
        Err(error) if sound => Some(format!("{name}: {error}")),
        Err(error) => {
            let (expected, found) = (text(vector, "member"), member(&error));
            let within = found
                .strip_prefix(expected)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            (!within).then(|| format!("{name}: {expected} is at fault, {found} was named"))
        }
    }
}

fn checked<T>(text: &str, read: impl FnOnce(&str) -> Result<T, JsonError>) -> Result<T, JsonError> {
    json::check(text.as_bytes()).and_then(read)
}

#[test]
fn each_subject_is_read_or_its_faulty_member_is_named() {
    none_differ(
        vectors("subjects.json", "subjects", 90)
            .iter()
            .filter_map(|vector| differs(vector, checked(text(vector, "text"), Subject::read))),
    );
}

#[test]
fn each_event_is_read_or_its_faulty_member_is_named() {
    none_differ(
        vectors("events.json", "events", 150)
            .iter()
            .filter_map(|vector| {
                let uri = EventTypeUri::parse(text(vector, "type")).unwrap();
                let sub_id = Subject::read(&vector["sub_id"].to_string()).unwrap();
                let event = checked(&vector["payload"].to_string(), |payload| {
                    Event::read(&uri, payload)
                });
                let suits = event.and_then(|event| {
                    if event.accepts(&sub_id) {
                        Ok(())
                    } else {
                        Err(JsonError::invalid("sub_id", "one that suits the event"))
                    }
                });
                differs(vector, suits)
            }),
    );
}

#[test]
fn every_type_of_the_table_has_a_sound_vector_and_a_faulty_one() {
    let events = vectors("events.json", "events", 150);
    let of = |uri: &str, valid: bool| {
        events
            .iter()
            .any(|event| event["type"] == uri && event["valid"] == valid)
    };
    none_differ(KNOWN_EVENT_TYPES.iter().flat_map(|uri| {
        [true, false]
            .into_iter()
            .filter(|valid| !of(uri, *valid))
            .map(move |valid| format!("{uri} has no vector with valid: {valid}"))
    }));
}

#[test]
fn subjects_of_one_group_count_as_one_and_those_of_two_groups_do_not() {
    none_differ(
        vectors("canonical.json", "classes", 20)
            .iter()
            .filter_map(|class| {
                let form: fn(&SimpleSubject) -> String = match text(class, "form") {
                    "matching" => SimpleSubject::matching_form,
                    "revocation" => SimpleSubject::revocation_key,
                    other => unreachable!("{other} is no form"),
                };
                let groups = class["groups"].as_array().unwrap().iter().enumerate();
                let forms: Vec<(usize, String)> = groups
                    .flat_map(|(group, subjects)| {
                        let subjects = subjects.as_array().unwrap().iter();
                        subjects.map(move |subject| {
                            (
                                group,
                                form(&SimpleSubject::read_json(&subject.to_string()).unwrap()),
                            )
                        })
                    })
                    .collect();
                let wrong = |(group, form): &(usize, String)| {
                    forms
                        .iter()
                        .any(|(other, of_other)| (group == other) != (form == of_other))
                };
                let name = text(class, "name").to_owned();
                forms.iter().any(wrong).then_some(name)
            }),
    );
}

#[test]
fn an_event_reaches_the_subjects_that_it_matches_and_no_others() {
    none_differ(
        vectors("matching.json", "pairs", 30)
            .iter()
            .filter_map(|pair| {
                let subject = |member: &str| Subject::read(&pair[member].to_string()).unwrap();
                let (added, event) = (subject("added"), subject("event"));
                let expected = pair["match"].as_bool().unwrap();
                let found = [added.matches(&event), event.matches(&added)];
                (found != [expected; 2]).then(|| {
                    format!(
                        "{}: {expected} expected both ways, {found:?} found",
                        text(pair, "name")
                    )
                })
            }),
    );
}

#[test]
fn each_body_of_poll_delivery_is_read_or_its_faulty_member_is_named() {
    let requests = vectors("poll.json", "requests", 20);
    let responses = vectors("poll.json", "responses", 10);
    let requests = requests
        .iter()
        .filter_map(|vector| differs(vector, PollRequest::parse(text(vector, "text").as_bytes())));
    let responses = responses
        .iter()
        .filter_map(|vector| differs(vector, PollResponse::parse(text(vector, "text").as_bytes())));
    none_differ(requests.chain(responses));
}

#[test]
fn a_set_that_came_by_poll_is_acknowledged_or_reported_under_the_name_that_it_came_under() {
    let keys = key_sets();
    let sets = vectors("sets.json", "sets", 300);
    let named = |name: &Value| sets.iter().find(|set| set["name"] == *name).unwrap();
    none_differ(
        vectors("poll.json", "exchanges", 10)
            .iter()
            .filter_map(|vector| {
                let came = vector["sets"].as_object().unwrap();
                let tokens: BTreeMap<&String, &Value> = came
                    .iter()
                    .map(|(name, set)| (name, &named(set)["token"]))
                    .collect();
                let body = json!({ "sets": tokens }).to_string();
                let answer = PollResponse::parse(body.as_bytes()).unwrap();
                let mut request = PollRequest::default();
                for name in answer.sets.keys() {
                    let set = named(&came[name.as_str()]);
                    let refusal = match verified(set, &keys[text(set, "jwks")]) {
                        Ok(set) if set.claims().jti == *name => None,
                        Ok(_) => Some(ErrCode::InvalidRequest),
                        Err(error) => Some(error.code()),
                    };
                    match refusal {
                        None => request.ack.push(name.clone()),
                        Some(code) => {
                            let error = PushError::new(code, "as the vector says");
                            request.set_errs.insert(name.clone(), error);
                        }
                    }
                }
                let errors: BTreeMap<&str, &str> = request
                    .set_errs
                    .iter()
                    .map(|(name, error)| (name.as_str(), error.err.as_str()))
                    .collect();
                let ack: Vec<&str> = request.ack.iter().map(Jti::as_str).collect();
                let found = json!({ "ack": ack, "errors": errors });
                let expected = json!({ "ack": vector["ack"], "errors": vector["errors"] });
                (found != expected).then(|| {
                    format!(
                        "{}: {expected} expected, {found} found",
                        text(vector, "name")
                    )
                })
            }),
    );
}

/// The meaning of an answer as the vectors name it, with the wait and the code that it brings.
fn meaning(outcome: PushOutcome) -> (&'static str, Option<u64>, Option<String>) {
    let coded = |meaning, error: PushError| (meaning, None, Some(error.err.to_string()));
    match outcome {
        PushOutcome::Acknowledged { .. } => ("acknowledged", None, None),
        PushOutcome::OtherSuccess { .. } => unreachable!("every 2xx acknowledges here"),
        PushOutcome::SetRefused(error) => coded("set_refused", error),
        PushOutcome::KeyRefused(error) => coded("key_refused", error),
        PushOutcome::StreamRefused(error) => coded("stream_refused", error),
        PushOutcome::CredentialsRefused { error, .. } => (
            "credentials_refused",
            None,
            error.map(|error| error.err.to_string()),
        ),
        PushOutcome::Gone { .. } => ("gone", None, None),
        PushOutcome::Busy { retry_after, .. } => {
            ("busy", retry_after.map(|wait| wait.as_secs()), None)
        }
        PushOutcome::Redirected { .. } => ("redirected", None, None),
        PushOutcome::Failed(_) => ("failed", None, None),
    }
}

#[test]
fn each_answer_to_a_push_has_its_meaning() {
    let now = Timestamp::from_secs(1_615_305_159);
    none_differ(
        vectors("push-answers.json", "answers", 40)
            .iter()
            .filter_map(|vector| {
                let answer = Answer {
                    status: u16::try_from(vector["status"].as_u64().unwrap()).unwrap(),
                    retry_after: vector["headers"]["Retry-After"].as_str(),
                    body: text(vector, "body").as_bytes(),
                };
                let found = meaning(classify(
                    Exchange::Answered(answer),
                    Acknowledge::Any2xx,
                    now,
                ));
                let code = vector["code"].as_str().map(str::to_owned);
                let expected = (
                    text(vector, "meaning"),
                    vector["wait_seconds"].as_u64(),
                    code,
                );
                (found != expected).then(|| {
                    format!(
                        "{}: {expected:?} expected, {found:?} found",
                        text(vector, "name")
                    )
                })
            }),
    );
}
