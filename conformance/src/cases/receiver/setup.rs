//! What the Receiver does when it has to set its stream up again, and is told something that is not to be believed.
//!
//! That its stream is gone a Receiver learns when it polls. One that is pushed may not ask for hours, and is not judged.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::{
    RECEIVER,
    poll::{is_poll, polled},
};
use crate::{
    case::{Case, Judge, Profile, Stop},
    cases::push::UNVERIFIED,
    checks::Level::{May, Must},
    peer::{
        Operation, Reply,
        host::{Host, Seen, Wanted},
    },
    push::{Probe, Signed},
};

/// How long the Receiver may take to ask again.
const SETUP_MAX: Duration = Duration::from_secs(150);

/// How long it may take to ask for another stream.
const REMAKE_MAX: Duration = Duration::from_mins(1);

/// Behind which path the endpoints are that nobody should ask.
const ELSEWHERE: &str = "/ssf-conformance-elsewhere";

/// Members of the metadata that are URLs of endpoints, or of keys.
const ENDPOINTS: [&str; 6] = [
    "jwks_uri",
    "configuration_endpoint",
    "status_endpoint",
    "add_subject_endpoint",
    "remove_subject_endpoint",
    "verification_endpoint",
];

const SETUP: Case = Case {
    tags: &["receiver", "setup"],
    level: Must,
    waits: |_| SETUP_MAX.saturating_mul(3),
    ..RECEIVER
};

/// The cases.
pub(super) const CASES: &[Case] = &[
    Case {
        id: "SSF-R-030.again",
        section: "SSF 1.0 §8.1.1.1",
        level: May,
        profiles: &[Profile::Hardening],
        title: "a receiver whose stream is gone makes another one",
        why: "a transmitter that lost its streams has nobody to tell; whoever goes on polling for nothing hears of no event",
        judge: Judge::Push(|p| Box::pin(makes_another(p))),
        ..SETUP
    },
    Case {
        id: "SSF-R-004.foreign-issuer",
        also: &["SSF-R-003", "SSF-R-005"],
        section: "SSF 1.0 §7.2.4",
        title: "nothing is used of metadata that has another issuer",
        why: "whoever gets in between once could lead the receiver, and its token, to endpoints and keys of his own",
        judge: Judge::Push(|p| Box::pin(leaves_metadata_alone(p))),
        ..SETUP
    },
    Case {
        id: "SSF-R-004.bad-jwks_uri",
        also: &["SSF-R-005"],
        section: "SSF 1.0 §7.2.4",
        title: "no SET counts by keys to which no https URL leads",
        why: "a jwks_uri that is no https URL vouches for nothing; keys that stand in it are anybody's, and no keys are no reason to believe",
        judge: Judge::Push(|p| Box::pin(leaves_keys_alone(p))),
        ..SETUP
    },
    Case {
        id: "SSF-R-032.foreign-iss",
        section: "SSF 1.0 §8.1.1.1",
        title: "a stream that is made with another iss is not used",
        why: "its SETs would be those of somebody whose metadata the receiver never saw",
        judge: Judge::Push(|p| Box::pin(leaves_stream_alone(p, Loss::OfStream, Operation::Create))),
        ..SETUP
    },
    Case {
        id: "SSF-R-033.reads-after-409",
        section: "SSF 1.0 §8.1.1.1",
        level: May,
        title: "after 409 the receiver reads which stream there is",
        why: "an answer was lost, or another process was faster; whoever asks for it again gets 409 for ever",
        judge: Judge::Push(|p| Box::pin(reads_after_conflict(p))),
        ..SETUP
    },
    Case {
        id: "SSF-R-040.foreign-iss",
        section: "SSF 1.0 §8.1.1.2",
        title: "a stream that is listed with another iss is not used",
        why: "its SETs would be those of somebody whose metadata the receiver never saw",
        judge: Judge::Push(|p| Box::pin(leaves_stream_alone(p, Loss::OfPoll, Operation::Read))),
        ..SETUP
    },
    Case {
        id: "SSF-R-050.foreign-iss",
        section: "SSF 1.0 §8.1.1.3",
        title: "a stream that has another iss once it is changed is not used",
        why: "its SETs would be those of somebody whose metadata the receiver never saw",
        judge: Judge::Push(|p| Box::pin(leaves_stream_alone(p, Loss::OfPoll, Operation::Update))),
        ..SETUP
    },
    Case {
        id: "SSF-R-060.foreign-iss",
        section: "SSF 1.0 §8.1.1.4",
        title: "a stream that has another iss once it is replaced is not used",
        why: "its SETs would be those of somebody whose metadata the receiver never saw",
        judge: Judge::Push(|p| Box::pin(leaves_stream_alone(p, Loss::OfPoll, Operation::Replace))),
        ..SETUP
    },
];

/// Why the Receiver sets its stream up again.
#[derive(Clone, Copy)]
enum Loss {
    /// It is gone.
    OfStream,
    /// A poll said so; it is there.
    OfPoll,
}

/// Has the Receiver set its stream up again, and changes one answer; that answer, and what was asked for first after it that
/// is `telling`, if anything was.
async fn told(
    probe: &Probe,
    loss: Loss,
    wanted: Wanted,
    change: impl FnOnce(&mut Reply) + Send + 'static,
    telling: impl Fn(&Seen) -> bool,
) -> Result<(Seen, Option<Seen>), Stop> {
    let host = polled(probe)?;
    probe.given_accepted().await?;
    let from = host.log_length();
    host.change_next(wanted, change);
    let nudge = async {
        match loss {
            Loss::OfStream => host.forget_streams(),
            Loss::OfPoll => {
                // A poll that waits ends with the SET, whatever becomes of that; the next one is told that there is no stream.
                host.answer_next_poll(Reply::error(404));
                let set = probe.sound();
                let jti = set.get("jti").and_then(Value::as_str);
                let token = probe.compact(&set)?;
                host.deliver(jti.unwrap_or_default(), &token).await;
            }
        }
        Ok(())
    };
    let changed = timeout(SETUP_MAX, host.seen(|log| heard_in(host, log, from)));
    let (nudged, changed) = tokio::join!(nudge, changed);
    nudged?;
    let Ok(Heard::Changed(at)) = changed else {
        host.change_nothing();
        return Err(Stop::not_offered(
            "the receiver does not ask for this when it sets its stream up again",
        ));
    };
    let later = host.seen(|log| log.iter().skip(at + 1).find(|seen| telling(seen)).cloned());
    let later = timeout(SETUP_MAX, later).await.ok();
    let changed = host.log(|log| log.get(at).cloned());
    let changed = changed.ok_or_else(|| Stop::blocked("the request was not kept"))?;
    probe.keep(changed.exchange());
    probe.keep(later.iter().filter_map(Seen::exchange));
    is_back(host, at).await;
    Ok((changed, later))
}

/// What a Receiver that sets its stream up again has asked for.
enum Heard {
    /// That of which the answer was changed, which has this place.
    Changed(usize),
    /// Everything but that: it polls again.
    TheRest,
}

/// What the Receiver has asked for so far, once that is known.
fn heard_in(host: &Host, log: &[Seen], from: usize) -> Option<Heard> {
    let since = || log.iter().enumerate().skip(from);
    if let Some((at, _)) = since().find(|(_, seen)| seen.is_changed) {
        return Some(Heard::Changed(at));
    }
    let is_loss = |seen: &Seen| {
        let answer = seen.answer.as_ref();
        is_poll(seen) && answer.is_some_and(|(answer, _)| answer.status == 404)
    };
    let (lost_at, _) = since().find(|(_, seen)| is_loss(seen))?;
    let id = host.stream_id()?;
    let polls = |seen: &Seen| is_poll(seen) && seen.url().path().ends_with(&id) && !is_loss(seen);
    let mut later = log.iter().skip(lost_at + 1);
    later.any(polls).then_some(Heard::TheRest)
}

/// Waits until the Receiver polls its newest stream again, which then is the only one; where it does not, the next case has
/// nothing to go on with.
async fn is_back(host: &Host, since: usize) {
    host.forget_all_but_the_newest();
    let polls = host.seen(|log| {
        let id = host.stream_id()?;
        let mut later = log.iter().skip(since + 1);
        later
            .find(|seen| is_poll(seen) && seen.url().path().ends_with(&id))
            .map(drop)
    });
    drop(timeout(SETUP_MAX, polls).await);
}

async fn makes_another(probe: &Probe) -> Result<(), Stop> {
    let host = polled(probe)?;
    probe.given_accepted().await?;
    let from = host.log_length();
    host.forget_streams();
    let made = host.seen(|log| {
        let makes = |seen: &&Seen| seen.operation == Some(Operation::Create) && seen.is_success();
        log.iter().skip(from).find(makes).cloned()
    });
    let made = timeout(REMAKE_MAX, made).await.ok();
    probe.keep(made.iter().filter_map(Seen::exchange));
    let expected = format!("within {} s", REMAKE_MAX.as_secs());
    let found = made.as_ref().map_or("none".to_owned(), Seen::asked);
    probe.expect(
        made.is_some(),
        "a request for another stream",
        expected,
        found,
    );
    if made.is_some() {
        is_back(host, from).await;
    }
    Ok(())
}

async fn leaves_metadata_alone(probe: &Probe) -> Result<(), Stop> {
    let change = |reply: &mut Reply| {
        reply.change(|document| {
            for name in ENDPOINTS {
                if let Some(url) = document.get_mut(name) {
                    *url = elsewhere(url);
                }
            }
            document.insert(
                "issuer".to_owned(),
                json!("https://ssf-conformance.invalid"),
            );
        });
    };
    let answer = told(probe, Loss::OfStream, Wanted::Metadata, change, |_| true);
    let (_, next) = answer.await?;
    let used = next.filter(|seen| seen.url().path().starts_with(ELSEWHERE));
    let found = used.as_ref().map_or("none".to_owned(), Seen::asked);
    probe.expect(
        used.is_none(),
        "requests to where that metadata leads",
        "none",
        found,
    );
    Ok(())
}

async fn leaves_keys_alone(probe: &Probe) -> Result<(), Stop> {
    let keys = json!({ "keys": [probe.host()?.jwk(), probe.foreign_jwk()] });
    let keys = BASE64.encode(keys.to_string());
    let url = format!("data:application/json;base64,{keys}");
    let change = move |reply: &mut Reply| {
        reply.change(|document| drop(document.insert("jwks_uri".to_owned(), json!(url))));
    };
    told(probe, Loss::OfStream, Wanted::Metadata, change, |_| true).await?;
    let set = probe.sound().signed(Signed::Foreign);
    let set = set.header("kid", json!(probe.foreign_kid()));
    probe.refuses_key(set, UNVERIFIED).await
}

/// The same URL behind a path that nobody should ask for.
fn elsewhere(url: &Value) -> Value {
    let url = url.as_str().and_then(|url| Url::parse(url).ok());
    let moved = url.map(|mut url| {
        url.set_path(&format!("{ELSEWHERE}{}", url.path()));
        url.to_string()
    });
    json!(moved)
}

async fn leaves_stream_alone(probe: &Probe, loss: Loss, operation: Operation) -> Result<(), Stop> {
    let change = |reply: &mut Reply| {
        let mut body = reply.value();
        let foreign = json!("https://ssf-conformance.invalid");
        if let Some(streams) = body.as_array_mut() {
            for stream in streams {
                stream["iss"] = foreign.clone();
            }
        } else {
            body["iss"] = foreign;
        }
        reply.body = body.to_string().into_bytes();
    };
    let answer = told(probe, loss, Wanted::Operation(operation), change, |seen| {
        starts_over(seen) || uses(seen)
    });
    let (changed, next) = answer.await?;
    if !changed.is_success() {
        return Err(Stop::blocked("the request itself is refused"));
    }
    let used = next.filter(uses);
    let found = used.as_ref().map_or("none".to_owned(), Seen::asked);
    probe.expect(
        used.is_none(),
        "what is asked of that stream next",
        "nothing",
        found,
    );
    Ok(())
}

/// Whether a request begins anew: it does not rely on what was told of a stream before.
fn starts_over(seen: &Seen) -> bool {
    match seen.operation {
        Some(Operation::Create | Operation::Read | Operation::Delete) => true,
        Some(_) => false,
        None => seen.url().path().contains("/.well-known/"),
    }
}

/// Whether a request relies on a stream.
fn uses(seen: &Seen) -> bool {
    seen.operation.is_some() && !starts_over(seen)
}

async fn reads_after_conflict(probe: &Probe) -> Result<(), Stop> {
    // The stream has been made, as where an answer was lost.
    let change = |reply: &mut Reply| *reply = Reply::error(409);
    let wanted = Wanted::Operation(Operation::Create);
    let about_streams =
        |seen: &Seen| matches!(seen.operation, Some(Operation::Create | Operation::Read));
    let (_, next) = told(probe, Loss::OfStream, wanted, change, about_streams).await?;
    let found = next.as_ref().map_or("nothing".to_owned(), Seen::asked);
    let reads = next.is_some_and(|seen| seen.operation == Some(Operation::Read));
    let what = "the next request about streams";
    probe.expect(reads, what, "GET, which tells of the one there is", found);
    Ok(())
}
