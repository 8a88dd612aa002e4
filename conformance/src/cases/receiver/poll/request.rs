//! What a poll looks like, and what it says of SETs that are refused.

use serde_json::{Value, json};

use super::{POLL, is_poll, polled};
use crate::{
    case::{Case, Judge, Stop},
    cases::push::answer::CODES,
    checks::{
        Level::{May, Must, MustImplied},
        shown,
    },
    context::Answered,
    peer::host::Seen,
    push::{Probe, Signed},
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "POLL-R-001.json",
        section: "RFC 8936 §2.2",
        level: MustImplied,
        title: "a poll is one JSON object, and says so",
        why: "a transmitter need not read what is called anything else",
        judge: Judge::Push(|p| Box::pin(is_json(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-007.acknowledgement-alone",
        section: "RFC 8936 §2.4.2",
        level: Must,
        title: "a poll that wants no SET asks to be answered at once",
        why: "with maxEvents 0 and without returnImmediately the transmitter may hold it until its time is over",
        judge: Judge::Push(|p| Box::pin(async { alone(p) })),
        ..POLL
    },
    Case {
        id: "POLL-R-008.err-and-description",
        section: "RFC 8936 §2.4.4",
        level: May,
        title: "an entry of setErrs has err and description",
        why: "it is all that the transmitter's operator learns of what is wrong",
        judge: Judge::Push(|p| Box::pin(describes(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-009.registered-code",
        section: "RFC 8936 §2.6",
        level: MustImplied,
        title: "its err is a registered code",
        why: "transmitters decide by it whether to send again, to renew a key, or to tell somebody",
        judge: Judge::Push(|p| Box::pin(is_registered(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-010.content-language",
        section: "RFC 8936 §2.4.4",
        level: MustImplied,
        title: "a poll with setErrs has a Content-Language",
        why: "the descriptions are for people, and say so in which language",
        judge: Judge::Push(|p| Box::pin(has_language(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-011.types",
        section: "RFC 8936 §2.2",
        level: MustImplied,
        title: "the members of a poll have the types that they are defined with",
        why: "a transmitter that reads them refuses the poll, and no SET leaves it any more",
        judge: Judge::Push(|p| Box::pin(has_types(p))),
        ..POLL
    },
];

async fn is_json(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    probe.given_accepted().await?;
    for poll in probe.asked(is_poll)? {
        let found = poll.header("content-type").unwrap_or("nothing");
        let bare = found.split(';').next().unwrap_or_default().trim();
        let is_json = bare.eq_ignore_ascii_case("application/json");
        let what = format!("{}: Content-Type", poll.asked());
        probe.expect(is_json, what, "application/json", found);
        let body = String::from_utf8_lossy(&poll.request.body);
        let what = format!("{}: the body", poll.asked());
        probe.expect(
            poll.object().is_some(),
            what,
            "a JSON object",
            shown(&json!(body)),
        );
    }
    Ok(())
}

fn alone(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    let wants_none = |seen: &Seen| {
        let max = seen.object().and_then(|mut body| body.remove("maxEvents"));
        is_poll(seen) && max == Some(json!(0))
    };
    for poll in probe.asked(wants_none)? {
        let body = poll.object().unwrap_or_default();
        let found = body.get("returnImmediately").cloned().unwrap_or_default();
        let what = format!("{}: returnImmediately", poll.asked());
        probe.expect(found == json!(true), what, true, found);
    }
    Ok(())
}

async fn error(probe: &Probe) -> Result<Answered, Stop> {
    polled(probe)?;
    let answered = probe.push(&probe.sound().signed(Signed::Broken)).await?;
    match answered.status() {
        400 => Ok(answered),
        _ => Err(Stop::blocked(
            "a SET with a broken signature is not refused in setErrs",
        )),
    }
}

async fn describes(probe: &Probe) -> Result<(), Stop> {
    let answered = error(probe).await?;
    for name in ["err", "description"] {
        let found = answered.json().and_then(|body| body.get(name).cloned());
        let is_text = matches!(&found, Some(Value::String(text)) if !text.is_empty());
        let found = found.map_or("nothing".to_owned(), |found| shown(&found));
        probe.expect(is_text, name, "a string that is not empty", found);
    }
    Ok(())
}

async fn is_registered(probe: &Probe) -> Result<(), Stop> {
    let answered = error(probe).await?;
    let err = answered.json().and_then(|body| body.get("err").cloned());
    let Some(Value::String(err)) = err else {
        return Err(Stop::blocked("there is no err to be read"));
    };
    probe.expect(CODES.contains(&err.as_str()), "err", CODES.join(", "), err);
    Ok(())
}

async fn has_language(probe: &Probe) -> Result<(), Stop> {
    error(probe).await?;
    let has_errors = |seen: &Seen| {
        let errors = seen.object().and_then(|mut body| body.remove("setErrs"));
        let errors = errors.as_ref().and_then(Value::as_object);
        is_poll(seen) && errors.is_some_and(|errors| !errors.is_empty())
    };
    for poll in probe.asked(has_errors)? {
        let found = poll.header("content-language");
        let what = format!("{}: Content-Language", poll.asked());
        probe.expect(
            found.is_some(),
            what,
            "a language tag",
            found.unwrap_or("nothing"),
        );
    }
    Ok(())
}

async fn has_types(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    probe.given_accepted().await?;
    for poll in probe.asked(is_poll)? {
        for (name, value) in poll.object().unwrap_or_default() {
            let (fits, expected) = match name.as_str() {
                "maxEvents" => (value.is_u64(), "a number that is not negative"),
                "returnImmediately" => (value.is_boolean(), "a boolean"),
                "ack" => (is_list_of_names(&value), "an array of strings"),
                "setErrs" => (value.is_object(), "an object"),
                _ => continue,
            };
            let what = format!("{}: {name}", poll.asked());
            probe.expect(fits, what, expected, shown(&value));
        }
    }
    Ok(())
}

fn is_list_of_names(value: &Value) -> bool {
    let names = value.as_array();
    names.is_some_and(|names| names.iter().all(Value::is_string))
}
