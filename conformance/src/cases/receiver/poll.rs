//! How the Receiver polls (RFC 8936); not run where its stream is pushed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;

use super::RECEIVER;
use crate::{
    case::{Case, Judge, Stop},
    cases::push::{INVALID_REQUEST, answer::CODES},
    checks::{
        Level::{May, Must, MustImplied, Should},
        shown,
    },
    context::Answered,
    peer::{
        Operation, Reply,
        host::{Delivery, Host, Seen},
    },
    push::{Probe, Signed},
};

/// How long a Receiver is asked to wait.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// As much earlier its clock may say that the time is over.
const TOLERANCE: Duration = Duration::from_millis(50);

/// How long its next poll may take to come.
const NEXT_POLL_MAX: Duration = Duration::from_secs(90);

const POLL: Case = Case {
    tags: &["receiver", "poll"],
    ..RECEIVER
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
        id: "POLL-R-002.several",
        section: "RFC 8936 §2",
        level: Must,
        title: "each of several SETs is acknowledged or refused",
        why: "what is neither comes again and again, and keeps others from coming",
        judge: Judge::Push(|p| Box::pin(several(p))),
        ..POLL
    },
    Case {
        id: "POLL-R-006.again",
        section: "RFC 8936 §2.4",
        level: Should,
        title: "a SET that comes again is acknowledged again",
        why: "the acknowledgement was lost on its way, and the transmitter sends until it gets one",
        judge: Judge::Push(|p| Box::pin(again(p))),
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
    Case {
        id: "POLL-R-014.retry-after",
        section: "RFC 9110 §10.2.3",
        level: Should,
        title: "after 429 the next poll comes no earlier than Retry-After says",
        why: "a transmitter that is overloaded goes under if those who wait ask all the more",
        judge: Judge::Push(|p| Box::pin(waits(p))),
        waits: |_| NEXT_POLL_MAX,
        ..POLL
    },
    Case {
        id: "POLL-R-014.body-of-an-error",
        section: "RFC 8936 §2.5.1",
        level: Should,
        title: "what the body of an error looks like is not read",
        why: "it may come from anybody in between, and a SET in it was not delivered",
        judge: Judge::Push(|p| Box::pin(ignores_errors(p))),
        waits: |_| NEXT_POLL_MAX,
        ..POLL
    },
    Case {
        id: "POLL-R-016.other-name",
        section: "RFC 8936 §2.3",
        level: MustImplied,
        title: "a SET under another name than its jti is refused under that name",
        why: "the name is what is acknowledged: taken for another SET, that one never comes",
        judge: Judge::Push(|p| Box::pin(named(p))),
        ..POLL
    },
];

/// Where the Receiver polls.
fn polled(probe: &Probe) -> Result<&Host, Stop> {
    let host = probe.host()?;
    match host.delivery() {
        Some(Delivery::Poll) => Ok(host),
        Some(Delivery::Push) => Err(Stop::not_offered("its stream is pushed")),
        None => Err(Stop::blocked("there is no stream that is enabled")),
    }
}

fn is_poll(seen: &Seen) -> bool {
    seen.operation == Some(Operation::Poll)
}

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

async fn several(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    let sets = [(); 3].map(|()| {
        let set = probe.sound();
        let jti = set.get("jti").and_then(Value::as_str);
        (jti.unwrap_or_default().to_owned(), set)
    });
    for answered in probe.deliver(&sets).await? {
        probe.expect_accepted(&answered);
    }
    Ok(())
}

async fn again(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    let set = probe.sound();
    probe.push(&set).await?.given_success()?;
    let answered = probe.push(&set).await?;
    probe.expect_accepted(&answered);
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

/// What the Receiver says of a SET that nobody can vouch for.
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

/// Answers the poll that acknowledges a SET with an error; when that was, and the poll after it.
async fn disturbed(probe: &Probe, reply: Reply) -> Result<(Seen, Seen), Stop> {
    let host = polled(probe)?;
    probe.given_accepted().await?;
    let status = reply.status;
    let began = Instant::now();
    // The poll that waits now ends with the SET; the next one is disturbed.
    host.answer_next_poll(reply);
    probe.push(&probe.sound()).await?.given_success()?;
    let two = host.seen(|log| {
        let polls = || log.iter().filter(|seen| is_poll(seen));
        let disturbed = polls().find_map(|seen| {
            let (answer, at) = seen.answer.as_ref()?;
            (answer.status == status && *at >= began).then_some((seen, *at))
        });
        let (first, answered_at) = disturbed?;
        let next = polls().find(|seen| seen.at >= answered_at)?;
        Some((first.clone(), next.clone()))
    });
    let two = timeout(NEXT_POLL_MAX, two).await;
    let silent = || Stop::blocked(format!("after {status} no poll came any more"));
    let (first, next) = two.map_err(|_| silent())?;
    probe.keep(first.exchange());
    Ok((first, next))
}

async fn waits(probe: &Probe) -> Result<(), Stop> {
    let mut reply = Reply::error(429);
    reply.set_header("Retry-After", &RETRY_AFTER.as_secs().to_string());
    let (first, next) = disturbed(probe, reply).await?;
    let answered_at = first.answer.map_or(first.at, |(_, at)| at);
    let pause = next.at.saturating_duration_since(answered_at);
    let what = "the pause before the next poll";
    let expected = format!("{} ms or more", RETRY_AFTER.as_millis());
    let found = format!("{} ms", pause.as_millis());
    probe.expect(pause + TOLERANCE >= RETRY_AFTER, what, expected, found);
    probe.given_accepted().await
}

async fn ignores_errors(probe: &Probe) -> Result<(), Stop> {
    let set = probe.sound();
    let jti = set.get("jti").and_then(Value::as_str).unwrap_or_default();
    let sets = json!({ "sets": { jti: probe.compact(&set)? } });
    disturbed(probe, Reply::with(503, &sets)).await?;
    // What it makes of the body would be told by now, with the acknowledgement of another one.
    probe.given_accepted().await?;
    let speaks_of_it = |seen: &Seen| {
        let body = seen.object().unwrap_or_default();
        let acknowledged = body
            .get("ack")
            .is_some_and(|ack| ack.to_string().contains(jti));
        acknowledged
            || body
                .get("setErrs")
                .is_some_and(|errors| errors.get(jti).is_some())
    };
    let found = probe
        .host()?
        .log(|log| log.iter().filter(|seen| speaks_of_it(seen)).count());
    probe.expect(
        found == 0,
        "polls that speak of the SET in the body of a 503",
        0,
        found,
    );
    Ok(())
}

async fn named(probe: &Probe) -> Result<(), Stop> {
    polled(probe)?;
    probe.given_accepted().await?;
    let name = format!(
        "{}-other",
        probe
            .sound()
            .get("jti")
            .and_then(Value::as_str)
            .unwrap_or_default()
    );
    for answered in probe.deliver(&[(name, probe.sound())]).await? {
        probe.expect_refused(&answered, &[400], INVALID_REQUEST);
    }
    probe.given_accepted().await
}
