//! What one stream of the reference has to deliver, and how it is polled (RFC 8936).

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Asked, Reply, Rules};

/// Most SETs in one answer.
const SETS_MAX: usize = 100;

/// SETs under their names, oldest first.
#[derive(Clone, Default)]
pub(super) struct Queue {
    sets: Vec<(String, String)>,
    /// Whether there ever was one.
    pub(super) had_some: bool,
}

/// A poll that was read.
struct Poll {
    max: usize,
    waits: bool,
    done: BTreeSet<String>,
}

impl Queue {
    pub(super) fn push(&mut self, jti: String, token: String) {
        self.had_some = true;
        self.sets.push((jti, token));
    }

    pub(super) fn clear(&mut self) {
        self.sets.clear();
    }

    /// Takes out what has this name.
    pub(super) fn remove(&mut self, jti: &str) {
        self.sets.retain(|(found, _)| found != jti);
    }

    /// Takes out everything: names and SETs.
    pub(super) fn take(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.sets)
    }

    /// Answers a poll; `None` if it waits for something to come.
    pub(super) fn poll(&mut self, asked: &Asked, sends: bool, rules: Rules) -> Option<Reply> {
        let Some(poll) = read(asked) else {
            return Some(Reply::error(400));
        };
        let is_known = |jti: &String| self.sets.iter().any(|(known, _)| known == jti);
        if rules.refuses_unknown_acknowledgements && !poll.done.iter().all(is_known) {
            return Some(Reply::error(400));
        }
        self.sets.retain(|(jti, _)| !poll.done.contains(jti));
        let due = if sends {
            poll.max.min(self.sets.len())
        } else {
            0
        };
        if due == 0 && poll.waits {
            return None;
        }
        let sets: Map<String, Value> = self
            .sets
            .iter()
            .take(due)
            .map(|(jti, token)| (jti.clone(), json!(token)))
            .collect();
        let more = sends && self.sets.len() > due;
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
