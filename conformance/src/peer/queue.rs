//! What one stream of the reference has to deliver, and how it is polled (RFC 8936).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Asked, Reply, Rules, chaos::Mischief};

/// Most SETs in one answer.
const SETS_MAX: usize = 100;

/// SETs under their names, oldest first.
#[derive(Clone, Default)]
pub(super) struct Queue {
    sets: Vec<Queued>,
    /// Whether there ever was one.
    pub(super) had_some: bool,
}

/// One SET.
#[derive(Clone)]
pub(super) struct Queued {
    pub(super) jti: String,
    pub(super) token: String,
    pub(super) passage: Passage,
}

/// What a transmitter that is not sound keeps of what happens during a pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keeps {
    /// All of it, the newest first.
    NewestFirst,
    /// What happened first alone.
    First,
}

/// Whether a SET leaves a stream that is stopped.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Passage {
    /// It waits.
    Held,
    /// It goes before all others, whatever the status is.
    Free,
}

/// A poll that was read.
struct Poll {
    max: usize,
    waits: bool,
    done: BTreeSet<String>,
}

impl Queue {
    pub(super) fn push(&mut self, jti: String, token: String, passage: Passage) {
        self.had_some = true;
        let place = match passage {
            Passage::Held => self.sets.len(),
            Passage::Free => self.free().count(),
        };
        let queued = Queued {
            jti,
            token,
            passage,
        };
        self.sets.insert(place, queued);
    }

    /// Whether something waits that does not leave a stream that is stopped.
    pub(super) fn holds_some(&self) -> bool {
        self.free().count() < self.sets.len()
    }

    /// Puts the newest before all others that wait.
    pub(super) fn turn(&mut self) {
        let free = self.free().count();
        if let Some(waiting) = self.sets.get_mut(free..) {
            waiting.rotate_right(1);
        }
    }

    /// Puts the newest of what waits somewhere else.
    pub(super) fn disturb(&mut self, mischief: &Mischief) {
        let free = self.free().count();
        let last = self.sets.len() - 1;
        if last > free
            && let Some(place) = mischief.place(free, last)
        {
            let queued = self.sets.remove(last);
            self.sets.insert(place, queued);
        }
    }

    fn free(&self) -> impl Iterator<Item = &Queued> {
        let free = |queued: &&Queued| queued.passage == Passage::Free;
        self.sets.iter().take_while(free)
    }

    /// What may leave.
    fn due(&self, sends: bool) -> impl Iterator<Item = &Queued> {
        let due = if sends {
            self.sets.len()
        } else {
            self.free().count()
        };
        self.sets.iter().take(due)
    }

    pub(super) fn clear(&mut self) {
        self.sets.clear();
    }

    /// The SET that is pushed next.
    pub(super) fn first(&self, sends: bool) -> Option<&Queued> {
        self.due(sends).next()
    }

    /// Takes out what has this name.
    pub(super) fn remove(&mut self, jti: &str) {
        self.sets.retain(|queued| queued.jti != jti);
    }

    /// Takes out everything.
    pub(super) fn take(&mut self) -> Vec<Queued> {
        std::mem::take(&mut self.sets)
    }

    /// Answers a poll; `None` if it waits for something to come.
    pub(super) fn poll(
        &mut self,
        asked: &Asked,
        sends: bool,
        rules: Rules,
        mischief: Option<&Mischief>,
    ) -> Option<Reply> {
        let Some(poll) = read(asked) else {
            return Some(Reply::error(400));
        };
        let is_known = |jti: &String| self.sets.iter().any(|known| known.jti == *jti);
        if rules.refuses_unknown_acknowledgements && !poll.done.iter().all(is_known) {
            return Some(Reply::error(400));
        }
        self.sets.retain(|set| !poll.done.contains(&set.jti));
        let there = self.due(sends).count();
        let due = poll.max.min(there);
        let due = mischief.map_or(due, |mischief| mischief.offered_of(due));
        if due == 0 && poll.waits {
            return None;
        }
        let sets: Map<String, Value> = self
            .sets
            .iter()
            .take(due)
            .map(|set| (set.jti.clone(), json!(set.token)))
            .collect();
        let more = there > due;
        if rules.forgets_what_was_offered {
            self.sets.drain(..due);
        }
        let mut body = json!({ "sets": sets });
        if more {
            body["moreAvailable"] = json!(true);
        }
        Some(Reply::json(&body))
    }
}

fn read(asked: &Asked) -> Option<Poll> {
    let body = asked.object()?;
    let max = match body.get("maxEvents") {
        None => SETS_MAX,
        Some(max) => usize::try_from(max.as_u64()?).ok()?.min(SETS_MAX),
    };
    let at_once = match body.get("returnImmediately") {
        None => false,
        Some(at_once) => at_once.as_bool()?,
    };
    let mut done = BTreeSet::new();
    if let Some(acknowledged) = body.get("ack") {
        for jti in acknowledged.as_array()? {
            done.insert(jti.as_str()?.to_owned());
        }
    }
    if let Some(errors) = body.get("setErrs") {
        done.extend(errors.as_object()?.keys().cloned());
    }
    Some(Poll {
        max,
        waits: !at_once && max > 0,
        done,
    })
}
