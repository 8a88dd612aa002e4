//! What befalls a request on its way.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use serde_json::Value;

use crate::{
    chance::Chance,
    context::locked,
    peer::{
        Asked, Operation, Reply,
        chaos::{DUPLICATES, Kind, Mischief, events},
    },
};

/// One request in so many is put off.
const BUSY: u64 = 4;

/// How often a request fails in a row at most.
const FAILED_MAX: u32 = 2;

/// How many that are alike do not fail then.
const SPARED: u32 = 8;

/// One answer in so many is late.
const SLOW: u64 = 3;

/// One answer in so many breaks off.
const BROKEN: u64 = 8;

/// How often requests failed, by what they ask for.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<BTreeMap<String, Tried>>);

#[derive(Debug, Default)]
struct Tried {
    failed_in_a_row: u32,
    spared: u32,
}

impl Patience {
    /// Whether a request may fail that would. Who begins anew where one fails, as one does who makes a stream, must get
    /// through in the end, so requests other than polls are spared for a while afterwards.
    fn may_fail(&self, asked: &Asked, would: bool) -> bool {
        let mut tried = locked(&self.0);
        let tried = tried
            .entry(format!("{} {}", asked.method, asked.path))
            .or_default();
        if tried.spared > 0 {
            tried.spared -= 1;
            return false;
        }
        if would && tried.failed_in_a_row < FAILED_MAX {
            tried.failed_in_a_row += 1;
            return true;
        }
        if tried.failed_in_a_row > 0 && !asked.is(Operation::Poll) {
            tried.spared = SPARED;
        }
        tried.failed_in_a_row = 0;
        false
    }
}

/// What befalls one request.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// Which kinds of chaos that is.
    pub(super) kinds: Vec<Kind>,
    /// How long it waits.
    pub(super) pause: Option<Duration>,
    /// What it is answered, instead of being heeded.
    pub(super) instead: Option<Reply>,
    /// Whether its answer breaks off.
    pub(super) breaks_off: bool,
}

impl Trouble {
    pub(super) fn of(asked: &Asked, mischief: &Mischief, patience: &Patience) -> Self {
        let mut trouble = Self::default();
        if let Some(mut chance) = mischief.draw_one_in(Kind::Slow, SLOW) {
            trouble.kinds.push(Kind::Slow);
            trouble.pause = Some(Duration::from_millis(50 + chance.number() % 1450));
        }
        let failure = Failure::of(asked, mischief);
        let may_fail = patience.may_fail(asked, failure.is_some());
        let Some(failure) = failure.filter(|_| may_fail) else {
            return trouble;
        };
        let kind = match failure {
            Failure::PutOff(mut chance) => {
                trouble.instead = Some(put_off(&mut chance));
                Kind::Busy
            }
            Failure::Unheeded => {
                trouble.instead = Some(Reply::error(503));
                Kind::Duplicates
            }
            Failure::BrokenOff => {
                trouble.breaks_off = true;
                Kind::BrokenAnswers
            }
        };
        mischief.strike(kind);
        trouble.kinds.push(kind);
        trouble
    }
}

/// How a request fails.
enum Failure {
    /// It is to come back later.
    PutOff(Chance),
    /// What it acknowledges is not heeded.
    Unheeded,
    /// Its answer breaks off.
    BrokenOff,
}

impl Failure {
    /// How a request would fail, if it would.
    fn of(asked: &Asked, mischief: &Mischief) -> Option<Self> {
        let one_in = |kind, times: u64| {
            let mut chance = mischief.chance(kind)?;
            chance.number().is_multiple_of(times).then_some(chance)
        };
        if let Some(chance) = one_in(Kind::Busy, BUSY) {
            return Some(Self::PutOff(chance));
        }
        if acknowledges(asked) && one_in(Kind::Duplicates, DUPLICATES).is_some() {
            return Some(Self::Unheeded);
        }
        let may_break = asked.is(Operation::Poll) || asked.method == "GET";
        let breaks = may_break && one_in(Kind::BrokenAnswers, BROKEN).is_some();
        breaks.then_some(Self::BrokenOff)
    }
}

fn acknowledges(asked: &Asked) -> bool {
    let body = asked.object().unwrap_or_default();
    let ack = body.get("ack").and_then(Value::as_array);
    asked.is(Operation::Poll) && ack.is_some_and(|ack| !ack.is_empty())
}

/// An answer that says to come back later, or says nothing (RFC 9110 §10.2.3).
fn put_off(chance: &mut Chance) -> Reply {
    let mut reply = Reply::error(if chance.number().is_multiple_of(2) {
        429
    } else {
        503
    });
    match chance.number() % 3 {
        0 => reply.set_header("Retry-After", "1"),
        1 => {
            let then = events::now() + Duration::from_secs(2);
            reply.set_header("Retry-After", &httpdate::fmt_http_date(then));
        }
        _ => {}
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Caller;

    fn asked(operation: Operation) -> Asked {
        Asked {
            operation: Some(operation),
            caller: Caller::Receiver,
            method: "POST".to_owned(),
            path: "/".to_owned(),
            stream_id: None,
            query: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_request_fails_twice_in_a_row_at_most_and_is_spared_then_unless_it_is_a_poll() {
        let fails = |operation| {
            let patience = Patience::default();
            let tries = (0..12).map(|_| patience.may_fail(&asked(operation), true));
            tries.collect::<Vec<_>>()
        };
        let mut spared = [false; 12];
        (spared[0], spared[1], spared[11]) = (true, true, true);
        assert_eq!(fails(Operation::Create), spared);
        assert_eq!(
            fails(Operation::Poll)[..6],
            [true, true, false, true, true, false]
        );
    }
}
