//! What the Receiver asks for: discovery, its stream, and a verification.

use serde_json::Value;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Profile, Stop},
    checks::{
        Level::{May, Must, MustImplied, Should},
        shown,
    },
    peer::{Operation, host::Seen},
    push::Probe,
};

/// Members of a configuration that are the Transmitter's to supply (SSF 1.0 §8.1.1).
const SUPPLIED: [&str; 7] = [
    "stream_id",
    "iss",
    "aud",
    "events_supported",
    "events_delivered",
    "min_verification_interval",
    "inactivity_timeout",
];

/// Least characters of a state that nobody guesses.
const STATE_CHARS_MIN: usize = 16;

const MANAGE: Case = Case {
    tags: &["receiver", "manage"],
    level: Must,
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-R-001.metadata-at-its-path",
        section: "SSF 1.0 §7.2.1",
        title: "metadata is fetched with GET from behind the authority, in front of the issuer's path",
        why: "elsewhere is somebody else's document, or none",
        judge: Judge::Push(|p| Box::pin(async { discovers(p) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-021.not-empty",
        section: "SSF 1.0 §8.1.1",
        level: Should,
        title: "events_requested is not empty",
        why: "a stream that asks for nothing delivers nothing",
        judge: Judge::Push(|p| Box::pin(async { is_not_empty(p, Operation::Create) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-030.looks-first",
        section: "SSF 1.0 §8.1.1.1",
        level: May,
        profiles: &[Profile::Hardening],
        title: "the receiver reads which streams it has before it makes one",
        why: "after a lost answer or a restart it would make another one, and each event comes twice or is lost in the first",
        judge: Judge::Push(|p| Box::pin(async { looks_first(p) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-031.json",
        section: "SSF 1.0 §8.1.1.1",
        level: MustImplied,
        title: "a stream is made with POST and a JSON object that says so",
        why: "a transmitter need not read what is called anything else",
        judge: Judge::Push(|p| Box::pin(async { is_json(p, Operation::Create) })),
        ..MANAGE
    },
    Case {
        id: "SSF-T-103.receiver-supplied",
        section: "SSF 1.0 §8.1.1.1",
        level: May,
        title: "the request for a stream has no member that is the transmitter's to supply",
        why: "a transmitter may take it for a mistake and refuse the stream",
        judge: Judge::Push(|p| Box::pin(async { has_own_members(p) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-051.in-the-body",
        section: "SSF 1.0 §8.1.1.3",
        title: "a change names its stream in the body",
        why: "the transmitter looks there, and nowhere else",
        judge: Judge::Push(|p| Box::pin(async { in_body(p, Operation::Update) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-080.in-the-query",
        section: "SSF 1.0 §8.1.2.1",
        title: "who asks for the status names the stream in the query",
        why: "the transmitter looks there, and nowhere else",
        judge: Judge::Push(|p| Box::pin(async { in_query(p, Operation::ReadStatus) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-101.json",
        section: "SSF 1.0 §8.1.4.2",
        level: MustImplied,
        title: "a verification is asked for with POST and a JSON object that says so",
        why: "a transmitter need not read what is called anything else",
        judge: Judge::Push(|p| Box::pin(async { is_json(p, Operation::Verify) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-102.in-the-body",
        section: "SSF 1.0 §8.1.4.2",
        title: "who asks for a verification names the stream in the body",
        why: "the transmitter looks there, and nowhere else",
        judge: Judge::Push(|p| Box::pin(async { in_body(p, Operation::Verify) })),
        ..MANAGE
    },
    Case {
        id: "SSF-R-103.unguessable",
        section: "SSF 1.0 §8.1.4.2",
        level: May,
        profiles: &[Profile::Hardening],
        title: "each verification has a state of its own that nobody guesses",
        why: "whoever knows the state can answer in the transmitter's place, or answer a new question with an old event",
        judge: Judge::Push(|p| Box::pin(async { has_state(p) })),
        ..MANAGE
    },
    Case {
        id: "BEARER-002.one-way",
        section: "RFC 6750 §2",
        title: "a request shows its token in one way",
        why: "a transmitter refuses a request with two, since they may differ",
        judge: Judge::Push(|p| Box::pin(async { shows_once(p) })),
        ..MANAGE
    },
    Case {
        id: "BEARER-010.not-in-urls",
        section: "RFC 6750 §5.3",
        level: Should,
        title: "no URL has a token in it",
        why: "URLs stand in the logs of everybody in between",
        judge: Judge::Push(|p| Box::pin(async { not_in_urls(p) })),
        ..MANAGE
    },
];

fn discovers(probe: &Probe) -> Result<(), Stop> {
    let right = probe.host()?.target().metadata_url();
    let well_known = |seen: &Seen| seen.url().path().contains("/.well-known/ssf-configuration");
    for seen in probe.asked(well_known)? {
        let found = seen.asked();
        let fits = seen.request.method == "GET" && seen.url().path() == right.path();
        probe.expect(
            fits,
            "the request for metadata",
            format!("GET {right}"),
            found,
        );
    }
    Ok(())
}

fn looks_first(probe: &Probe) -> Result<(), Stop> {
    let about_streams = |seen: &Seen| {
        let operation = seen.operation;
        matches!(operation, Some(Operation::Create | Operation::Read)) && seen.is_success()
    };
    let asked = probe.asked(about_streams)?;
    let first = asked.first();
    let found = first.map(Seen::asked).unwrap_or_default();
    let looks = first.is_some_and(|seen| seen.operation == Some(Operation::Read));
    probe.expect(
        looks,
        "the first request about streams",
        "GET, which lists them",
        found,
    );
    Ok(())
}

/// A member of the body of each request for this operation, with the request in words.
pub(super) fn members(
    probe: &Probe,
    operation: Operation,
    name: &str,
) -> Result<Vec<(String, Option<Value>)>, Stop> {
    let member = |seen: &Seen| {
        let body = seen.object();
        (seen.asked(), body.and_then(|mut body| body.remove(name)))
    };
    Ok(probe.did(operation)?.iter().map(member).collect())
}

/// Expects that event types are asked for, if anything is said of them.
pub(super) fn is_not_empty(probe: &Probe, operation: Operation) -> Result<(), Stop> {
    for (asked, requested) in members(probe, operation, "events_requested")? {
        let found = requested.map_or("nothing".to_owned(), |found| shown(&found));
        let what = format!("{asked}: events_requested");
        probe.expect(found != "[]", what, "event types", found);
    }
    Ok(())
}

fn is_json(probe: &Probe, operation: Operation) -> Result<(), Stop> {
    for seen in probe.did(operation)? {
        let found = seen.header("content-type").unwrap_or("nothing");
        let bare = found.split(';').next().unwrap_or_default().trim();
        let is_json = bare.eq_ignore_ascii_case("application/json");
        let what = format!("{}: Content-Type", seen.asked());
        probe.expect(is_json, what, "application/json", found);
        let body = String::from_utf8_lossy(&seen.request.body).into_owned();
        let what = format!("{}: the body", seen.asked());
        probe.expect(
            seen.object().is_some(),
            what,
            "a JSON object",
            shown(&Value::String(body)),
        );
    }
    Ok(())
}

fn has_own_members(probe: &Probe) -> Result<(), Stop> {
    for seen in probe.did(Operation::Create)? {
        let body = seen.object().unwrap_or_default();
        let supplied: Vec<&str> = SUPPLIED
            .into_iter()
            .filter(|name| body.contains_key(*name))
            .collect();
        let found = if supplied.is_empty() {
            "none".to_owned()
        } else {
            supplied.join(", ")
        };
        let what = format!("{}: members that are not the receiver's", seen.asked());
        probe.expect(supplied.is_empty(), what, "none", found);
    }
    Ok(())
}

pub(super) fn in_body(probe: &Probe, operation: Operation) -> Result<(), Stop> {
    for (asked, found) in members(probe, operation, "stream_id")? {
        let is_text = found.as_ref().is_some_and(Value::is_string);
        let found = found.map_or("nothing".to_owned(), |found| shown(&found));
        let what = format!("{asked}: stream_id in the body");
        probe.expect(is_text, what, "a string", found);
    }
    Ok(())
}

fn in_query(probe: &Probe, operation: Operation) -> Result<(), Stop> {
    for seen in probe.did(operation)? {
        let found = seen.query("stream_id");
        let what = format!("{}: stream_id in the query", seen.asked());
        let is_there = found.as_ref().is_some_and(|id| !id.is_empty());
        probe.expect(
            is_there,
            what,
            "the id of a stream",
            found.unwrap_or("nothing".to_owned()),
        );
    }
    Ok(())
}

fn has_state(probe: &Probe) -> Result<(), Stop> {
    let mut known: Vec<String> = Vec::new();
    for seen in probe.did(Operation::Verify)? {
        let body = seen.object().unwrap_or_default();
        let state = body
            .get("state")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let what = format!("{}: state", seen.asked());
        let fits =
            state.chars().count() >= STATE_CHARS_MIN && !known.iter().any(|other| other == state);
        let expected = format!("at least {STATE_CHARS_MIN} characters, and others than before");
        probe.expect(
            fits,
            what,
            expected,
            shown(&Value::String(state.to_owned())),
        );
        known.push(state.to_owned());
    }
    Ok(())
}

/// In how many ways a request shows a token.
fn ways(seen: &Seen) -> usize {
    let is_form = seen
        .header("content-type")
        .is_some_and(|found| found.starts_with("application/x-www-form-urlencoded"));
    let body = String::from_utf8_lossy(&seen.request.body);
    let in_body = is_form
        && body
            .split('&')
            .any(|pair| pair.starts_with("access_token="));
    let ways = [
        seen.header("authorization").is_some(),
        seen.query("access_token").is_some(),
        in_body,
    ];
    ways.into_iter().filter(|way| *way).count()
}

fn shows_once(probe: &Probe) -> Result<(), Stop> {
    for seen in probe.asked(|seen| ways(seen) > 0)? {
        let found = ways(&seen);
        probe.expect(
            found == 1,
            format!("{}: ways to show a token", seen.request.method),
            1,
            found,
        );
    }
    Ok(())
}

fn not_in_urls(probe: &Probe) -> Result<(), Stop> {
    let asked = probe.asked(|seen| seen.operation.is_some())?;
    let with = asked
        .iter()
        .filter(|seen| seen.query("access_token").is_some())
        .count();
    probe.expect(
        with == 0,
        "requests with access_token in the query",
        0,
        with,
    );
    Ok(())
}
