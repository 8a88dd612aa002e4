//! What befalls a request on its way.

use std::time::Duration;

use serde_json::Value;

use crate::{
    chance::Chance,
    peer::{
        Asked, Operation, Reply,
        chaos::{DUPLICATES, Kind, Mischief, Patience, SPARED, put_off},
    },
};

/// One request in so many is put off.
const BUSY: u64 = 4;

/// One answer in so many is late.
const SLOW: u64 = 3;

/// One answer in so many breaks off.
const BROKEN: u64 = 8;

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
        let what = format!("{} {}", asked.method, asked.path);
        let failure = if asked.is(Operation::Poll) {
            patience.tried(&what, failure, 0)
        } else {
            patience.tried(&what, failure, SPARED)
        };
        let Some(failure) = failure else {
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
