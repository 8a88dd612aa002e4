//! Which sessions the reference Receiver has ended.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use crate::context::locked;

/// Members of complex subjects that the reference knows (SSF 1.0 §3.3).
const MEMBERS: [&str; 2] = ["user", "device"];

/// What is wrong with which sessions an event ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Misjudges {
    /// No event ends any.
    All,
    /// Of a complex subject the user counts alone.
    TheRestOfTheUser,
    /// A user's sessions are those of which nothing is known but the user.
    WhereTheUserIs,
    /// What is critical is not looked at.
    WhatIsCritical,
    /// When something happened is not looked at.
    WhenItHappened,
}

/// What events have ended, shared with whoever asks about sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    ended: Arc<Mutex<Vec<Ended>>>,
    misjudges: Option<Misjudges>,
}

#[derive(Debug)]
struct Ended {
    subject: Map<String, Value>,
    at: u64,
}

impl Sessions {
    pub(super) fn with(misjudges: Option<Misjudges>) -> Self {
        Self {
            ended: Arc::default(),
            misjudges,
        }
    }

    /// Ends the sessions that a subject means and that began until then; `critical` are the members of subjects that must not be left out.
    pub(super) fn end(&self, subject: &Value, at: u64, critical: &Value) {
        let mut subject = members(subject);
        let is_unknown = |name: &&String| !MEMBERS.contains(&name.as_str());
        let critical = critical.as_array().map(Vec::as_slice).unwrap_or_default();
        let is_critical =
            |name: &&String| critical.iter().any(|critical| critical == name.as_str());
        match self.misjudges {
            Some(Misjudges::All) => return,
            Some(Misjudges::WhatIsCritical) => subject.retain(|name, _| !is_unknown(&name)),
            Some(Misjudges::TheRestOfTheUser) if subject.contains_key("user") => {
                subject.retain(|name, _| name == "user");
            }
            Some(
                Misjudges::TheRestOfTheUser | Misjudges::WhereTheUserIs | Misjudges::WhenItHappened,
            )
            | None => {}
        }
        if subject
            .keys()
            .any(|name| is_unknown(&name) && is_critical(&name))
        {
            return;
        }
        let at = match self.misjudges {
            Some(Misjudges::WhenItHappened) => u64::MAX,
            _ => at,
        };
        locked(&self.ended).push(Ended { subject, at });
    }

    /// Whether a session goes on that is known by this, and began then.
    pub(super) fn is_alive(&self, known_by: &Value, began: u64) -> bool {
        let known_by = members(known_by);
        let is_meant = |ended: &Ended| {
            let all = ended.subject.iter();
            all.clone()
                .all(|(name, value)| known_by.get(name) == Some(value))
                && (self.misjudges != Some(Misjudges::WhereTheUserIs)
                    || ended.subject.len() == known_by.len())
        };
        let ended = locked(&self.ended);
        !ended
            .iter()
            .any(|ended| ended.at >= began && is_meant(ended))
    }
}

/// The members of a complex subject; a simple one is the user.
fn members(subject: &Value) -> Map<String, Value> {
    let mut members = subject.as_object().cloned().unwrap_or_default();
    if members
        .get("format")
        .is_some_and(|format| format == "complex")
    {
        members.remove("format");
        return members;
    }
    Map::from_iter([("user".to_owned(), subject.clone())])
}
