//! Who has left the exchange of events (RISC 1.0 §2.8).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::event_types::{OPT_IN, OPT_OUT_EFFECTIVE, OPT_OUT_INITIATED};

/// What is wrong with what an opt-out ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OptOut {
    /// Events end when it is initiated.
    AtOnce,
    /// They do not end when it is effective.
    Never,
}

/// Those who have left.
#[derive(Default)]
pub(super) struct Left(BTreeSet<String>);

impl Left {
    /// Whether events about a subject are told. One that has left may come back.
    pub(super) fn hears_of(&self, subject: &Value, events: &Value) -> bool {
        events.get(OPT_IN.uri).is_some() || !self.0.contains(&subject.to_string())
    }

    /// Notes that a subject leaves, or comes back.
    pub(super) fn note(&mut self, subject: &Value, events: &Value, wrong: Option<OptOut>) {
        let end = match wrong {
            None => Some(OPT_OUT_EFFECTIVE.uri),
            Some(OptOut::AtOnce) => Some(OPT_OUT_INITIATED.uri),
            Some(OptOut::Never) => None,
        };
        if end.is_some_and(|end| events.get(end).is_some()) {
            self.0.insert(subject.to_string());
        }
        if events.get(OPT_IN.uri).is_some() {
            self.0.remove(&subject.to_string());
        }
    }
}
