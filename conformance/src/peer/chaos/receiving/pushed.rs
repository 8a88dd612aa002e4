//! How a hostile receiver takes pushes (RFC 8935).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Shared, judging::Opinion};
use crate::{
    chance::Chance,
    context::locked,
    exchange::Answer,
    peer::{
        chaos::{Kind, Patience, SPARED, put_off},
        receiver::Pushed,
    },
    sink::{Inbox, Push, Reaction},
};

/// How often a SET is put off whose key is not known, until it counts as wrong.
const UNKNOWN_KEY_MAX: u32 = 8;

/// One in so many pushes is put off.
const BUSY: u64 = 4;

/// One in so many is not answered.
const BROKEN: u64 = 8;

/// The answer to one in so many is lost.
const DUPLICATES: u64 = 6;

/// One in so many answers is late.
const SLOW: u64 = 3;

/// One in so many is refused.
const REFUSALS: u64 = 16;

/// Decides from now on how pushes are answered.
pub(super) fn take(shared: &Arc<Shared>, inbox: &Inbox) {
    let shared = Arc::clone(shared);
    let memory = Memory::default();
    inbox.answer(move |push| shared.reaction(push, &memory));
}

/// Fetches keys whenever some are wanted.
pub(super) async fn fetch_wanted_keys(shared: &Shared) {
    loop {
        shared.keys_wanted.notified().await;
        shared.judge.fetch_keys().await;
    }
}

/// What happened to pushes before.
#[derive(Default)]
struct Memory {
    patience: Patience,
    /// How often SETs were put off whose key was not known.
    without_key: Mutex<BTreeMap<String, u32>>,
}

/// How a push fails.
enum Failure {
    /// It is to come back later.
    PutOff(Chance),
    /// It is not taken, and not answered.
    Unanswered,
    /// It is taken, and not answered.
    Lost,
}

impl Shared {
    fn reaction(&self, push: &Push, memory: &Memory) -> Reaction {
        let (jti, opinion) = self.judge.opinion(
            request(push),
            &push.request.body,
            &self.stream.audience,
            self.stream.authorization.as_deref(),
        );
        self.note(|receipts| receipts.come(&jti));
        match opinion {
            Opinion::Sound => self.sound(&jti, &memory.patience),
            Opinion::Unsound(code) => self.refuse(&jti, code),
            Opinion::UnknownKey => {
                let mut without_key = locked(&memory.without_key);
                let times = without_key.entry(jti.clone()).or_default();
                *times += 1;
                if *times > UNKNOWN_KEY_MAX {
                    return self.refuse(&jti, "invalid_key");
                }
                self.keys_wanted.notify_one();
                self.tell(&jti, "503", "its key is fetched");
                Reaction::with_header(503, "retry-after", "1")
            }
        }
    }

    /// How a sound SET is answered.
    fn sound(&self, jti: &str, patience: &Patience) -> Reaction {
        let failure = self.failure().filter(|_| !self.is_calm());
        let is_lost = match patience.tried("push", failure, SPARED) {
            Some(Failure::PutOff(mut chance)) => {
                self.draws.strike(Kind::Busy);
                let reply = put_off(&mut chance);
                self.tell(jti, &reply.status.to_string(), Kind::Busy.name());
                return Reaction::Answer(reply.into());
            }
            Some(Failure::Unanswered) => {
                self.draws.strike(Kind::BrokenAnswers);
                self.tell(jti, "no answer", Kind::BrokenAnswers.name());
                return Reaction::HangUp;
            }
            Some(Failure::Lost) => true,
            None => false,
        };
        if self.refuses(jti) {
            self.note(|receipts| receipts.refuse(jti));
            self.tell(jti, "400", Kind::Refusals.name());
            return Reaction::refuse_with("access_denied");
        }
        self.note(|receipts| receipts.acknowledge(jti));
        if is_lost {
            self.draws.strike(Kind::Duplicates);
            self.tell(jti, "no answer", Kind::Duplicates.name());
            return Reaction::HangUp;
        }
        let Some(pause) = self.pause(SLOW) else {
            self.tell(jti, "202", "");
            return Reaction::acknowledge();
        };
        self.tell(jti, "202", Kind::Slow.name());
        let answer = Answer {
            status: 202,
            ..Answer::default()
        };
        Reaction::AnswerAfter(pause, answer)
    }

    /// How a push would fail, if it would.
    fn failure(&self) -> Option<Failure> {
        let one_in = |kind, times: u64| {
            let mut chance = self.draws.chance(kind)?;
            chance.number().is_multiple_of(times).then_some(chance)
        };
        if let Some(chance) = one_in(Kind::Busy, BUSY) {
            return Some(Failure::PutOff(chance));
        }
        if one_in(Kind::BrokenAnswers, BROKEN).is_some() {
            return Some(Failure::Unanswered);
        }
        one_in(Kind::Duplicates, DUPLICATES).map(|_| Failure::Lost)
    }

    fn refuse(&self, jti: &str, code: &'static str) -> Reaction {
        self.note(|receipts| receipts.find_fault(jti, code));
        self.tell(jti, "400", code);
        Reaction::refuse_with(code)
    }

    /// Whether a sound SET is refused, as it was before or by chance.
    pub(super) fn refuses(&self, jti: &str) -> bool {
        let (was_refused, was_taken) = {
            let receipts = locked(&self.receipts);
            (receipts.is_refused(jti), receipts.is_acknowledged(jti))
        };
        let may_be = !was_taken && !self.is_calm();
        was_refused || (may_be && self.draws.draw_one_in(Kind::Refusals, REFUSALS).is_some())
    }

    /// How long an answer takes, if it is late.
    pub(super) fn pause(&self, times: u64) -> Option<Duration> {
        if self.is_calm() {
            return None;
        }
        let mut chance = self.draws.draw_one_in(Kind::Slow, times)?;
        Some(Duration::from_millis(50 + chance.number() % 1450))
    }

    fn tell(&self, jti: &str, answer: &str, why: &str) {
        let why = if why.is_empty() {
            String::new()
        } else {
            format!(" [{why}]")
        };
        self.journal.tell(&format!("push {jti} → {answer}{why}"));
    }
}

/// What stands around the SET.
fn request(push: &Push) -> Pushed {
    let first = |name: &str| push.header(name).next().map(str::to_owned);
    let media_type = first("content-type").unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default();
    Pushed {
        method: push.request.method.clone(),
        media_type: bare.trim().to_lowercase(),
        authorization: first("authorization"),
        ..Pushed::default()
    }
}
