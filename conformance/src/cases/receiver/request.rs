//! What the Receiver's requests to change its stream say.

use serde_json::{Value, json};

use super::{
    RECEIVER,
    manage::{is_not_empty, members},
    scopes::asks_for_a_token,
};
use crate::{
    case::{Case, Judge, Stop},
    checks::{
        Level::{May, MustImplied, Should},
        shown,
    },
    peer::{
        Operation::{Create, Replace, SetStatus, Update},
        host::{Seen, UNKNOWN_EVENT},
    },
    push::Probe,
};

const REQUEST: Case = Case {
    tags: &["receiver", "manage"],
    level: Should,
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-R-008.bearer",
        section: "SSF 1.0 §7.1.1",
        level: MustImplied,
        title: "each request about the stream shows a bearer token",
        why: "the metadata offers OAuth 2.0, and nothing else; without a token the transmitter knows nobody",
        judge: Judge::Push(|p| Box::pin(async { shows_token(p) })),
        ..REQUEST
    },
    Case {
        id: "SSF-R-020.what-it-knows",
        section: "SSF 1.0 §8.1.1",
        title: "events are asked for that the receiver knows, not all that are offered",
        why: "what it does not understand it cannot act upon, and personal data comes along with it",
        judge: Judge::Push(|p| Box::pin(async { knows_what_it_wants(p) })),
        ..REQUEST
    },
    Case {
        id: "SSF-R-052.not-empty",
        section: "SSF 1.0 §8.1.1.3",
        title: "a change does not ask for no events at all",
        why: "a stream that asks for nothing delivers nothing; a status says that better",
        judge: Judge::Push(|p| Box::pin(async { is_not_empty(p, Update) })),
        ..REQUEST
    },
    Case {
        id: "SSF-R-063.not-empty",
        section: "SSF 1.0 §8.1.1.4",
        title: "what replaces a configuration does not ask for no events at all",
        why: "a stream that asks for nothing delivers nothing; a status says that better",
        judge: Judge::Push(|p| Box::pin(async { is_not_empty(p, Replace) })),
        ..REQUEST
    },
    Case {
        id: "SSF-R-083.text",
        section: "SSF 1.0 §8.1.2.2",
        level: May,
        title: "the reason for a status is text",
        why: "it is shown to the transmitter's operator as it is",
        judge: Judge::Push(|p| Box::pin(async { has_text(p) })),
        ..REQUEST
    },
];

fn shows_token(probe: &Probe) -> Result<(), Stop> {
    // Whoever has no token may ask without one to be told where there are some (RFC 9728 §5).
    let first = probe.host()?.log(|log| {
        log.iter()
            .find(|seen| asks_for_a_token(seen))
            .map(|seen| seen.at)
    });
    let has_none = |seen: &Seen| first.is_some_and(|first| seen.at < first);
    let asks = |seen: &Seen| {
        let is_bare = seen.header("authorization").is_none();
        seen.operation.is_some() && !(is_bare && has_none(seen))
    };
    for seen in probe.asked(asks)? {
        let scheme = seen
            .header("authorization")
            .and_then(|shown| shown.split_once(' '));
        let is_bearer = scheme.is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let found = scheme.map_or("none", |(scheme, _)| scheme);
        let what = format!("{}: the scheme of Authorization", seen.asked());
        probe.expect(is_bearer, what, "Bearer", found);
    }
    Ok(())
}

fn knows_what_it_wants(probe: &Probe) -> Result<(), Stop> {
    let asks = |seen: &Seen| {
        let changes = [Create, Update, Replace].map(Some);
        let body = seen.object().unwrap_or_default();
        changes.contains(&seen.operation) && body.contains_key("events_requested")
    };
    for seen in probe.asked(asks)? {
        let body = seen.object().unwrap_or_default();
        let requested = body.get("events_requested").and_then(Value::as_array);
        let copies = requested.is_some_and(|types| types.contains(&json!(UNKNOWN_EVENT)));
        let what = format!("{}: {UNKNOWN_EVENT}", seen.asked());
        let found = if copies { "asked for" } else { "not asked for" };
        probe.expect(!copies, what, "not asked for", found);
    }
    Ok(())
}

fn has_text(probe: &Probe) -> Result<(), Stop> {
    for (asked, reason) in members(probe, SetStatus, "reason")? {
        let fits = reason.as_ref().is_none_or(Value::is_string);
        let found = reason.map_or("nothing".to_owned(), |found| shown(&found));
        probe.expect(
            fits,
            format!("{asked}: reason"),
            "a string, or nothing",
            found,
        );
    }
    Ok(())
}
