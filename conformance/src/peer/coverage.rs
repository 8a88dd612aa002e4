//! Whom a stream of the reference covers (SSF 1.0 §8.1.3).

use serde::Deserialize;
use serde_json::{Value, json};
use ssf_types::subject::Subject;

/// What is wrong with whom streams cover.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CoverageFault {
    /// Everybody is covered.
    Everybody,
    /// Whoever is added is not covered.
    Nobody,
    /// Whoever is not said to be verified is not covered.
    VerifiedAlone,
    /// To add somebody twice is an error.
    RefusesTwice,
    /// What was added twice has to be removed twice.
    Counts,
    /// Whoever is removed stays.
    KeepsRemoved,
    /// Whoever was removed cannot be added again.
    RemovedForGood,
    /// The stream itself can be removed.
    RemovesStream,
    /// Subjects of one `sub` match, whoever issued it.
    OverlooksIssuer,
    /// Subjects of one address match, whatever their formats are.
    OverlooksFormat,
    /// Subjects match that differ in small and capital letters alone.
    OverlooksCase,
    /// An added subject with fewer members than the event's does not match.
    NotLessSpecific,
    /// An added subject with more members than the event's does not match.
    NotMoreSpecific,
    /// One common member is enough.
    OneMember,
}

/// Whom one stream covers.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    /// Whether it covers everybody but those who were removed; else nobody but those who were added.
    everybody: bool,
    /// Those who were added, or removed.
    exceptions: Vec<Value>,
    /// All who were ever removed.
    removed: Vec<Value>,
    fault: Option<CoverageFault>,
}

impl Coverage {
    /// That of a new stream, under these `default_subjects`.
    pub(super) fn of(default_subjects: &Value, fault: Option<CoverageFault>) -> Self {
        Self {
            everybody: *default_subjects == "ALL",
            exceptions: Vec::new(),
            removed: Vec::new(),
            fault,
        }
    }

    /// Covers a subject from now on; whether that is taken.
    pub(super) fn add(&mut self, subject: Value, verified: Option<bool>) -> Result<(), ()> {
        let is_there = self.exceptions.contains(&subject);
        match self.fault {
            Some(CoverageFault::RefusesTwice) if is_there => return Err(()),
            Some(CoverageFault::Nobody) => return Ok(()),
            Some(CoverageFault::VerifiedAlone) if verified != Some(true) => return Ok(()),
            Some(CoverageFault::RemovedForGood) if self.removed.contains(&subject) => return Ok(()),
            _ => {}
        }
        if self.everybody {
            self.exceptions.retain(|removed| *removed != subject);
        } else if !is_there || self.fault == Some(CoverageFault::Counts) {
            self.exceptions.push(subject);
        }
        Ok(())
    }

    /// Covers a subject no longer.
    pub(super) fn remove(&mut self, subject: &Value) {
        self.removed.push(subject.clone());
        if self.fault == Some(CoverageFault::KeepsRemoved) {
            return;
        }
        if self.everybody {
            self.exceptions.push(subject.clone());
            return;
        }
        let place = self.exceptions.iter().position(|added| added == subject);
        if let Some(place) = place {
            self.exceptions.remove(place);
        }
    }

    /// Covers whom a new stream covers.
    pub(super) fn forget(&mut self) {
        self.exceptions.clear();
    }

    /// Whether events about a subject are sent.
    pub(super) fn covers(&self, event: &Value) -> bool {
        let matches = |named: &Value| matches(named, event, self.fault);
        match (self.everybody, self.fault) {
            (_, Some(CoverageFault::Everybody)) => true,
            (true, _) => !self.exceptions.contains(event),
            (false, _) => self.exceptions.iter().any(matches),
        }
    }

    /// Whether events about the stream itself are sent.
    pub(super) fn has_stream(&self, id: &str) -> bool {
        let itself = json!({ "format": "opaque", "id": id });
        self.fault != Some(CoverageFault::RemovesStream) || !self.removed.contains(&itself)
    }
}

fn matches(added: &Value, event: &Value, fault: Option<CoverageFault>) -> bool {
    let fit = fit(added, event);
    match fault {
        Some(CoverageFault::OverlooksIssuer) => {
            let of_one = added["format"] == "iss_sub" && event["format"] == "iss_sub";
            fit || of_one && added["sub"] == event["sub"]
        }
        Some(CoverageFault::OverlooksFormat) => {
            let uri = event["uri"].as_str().unwrap_or_default();
            let address = uri.strip_prefix("acct:");
            fit || address.is_some() && added["email"].as_str() == address
        }
        Some(CoverageFault::OverlooksCase) => {
            let folded = |subject: &Value| subject.to_string().to_ascii_lowercase();
            fit || folded(added) == folded(event)
        }
        Some(CoverageFault::NotLessSpecific) => fit && has_all_members(added, event),
        Some(CoverageFault::NotMoreSpecific) => fit && has_all_members(event, added),
        Some(CoverageFault::OneMember) => fit || has_common_member(added, event),
        _ => fit,
    }
}

/// Whether they match (SSF 1.0 §8.1.3.1); what is no subject fits itself alone.
fn fit(added: &Value, event: &Value) -> bool {
    match (Subject::deserialize(added), Subject::deserialize(event)) {
        (Ok(added), Ok(event)) => added.matches(&event),
        _ => added == event,
    }
}

fn has_all_members(one: &Value, of: &Value) -> bool {
    let mut names = of.as_object().into_iter().flatten();
    names.all(|(name, _)| one.get(name).is_some())
}

fn has_common_member(one: &Value, other: &Value) -> bool {
    let mut members = one.as_object().into_iter().flatten();
    members.any(|(name, value)| value.is_object() && other.get(name) == Some(value))
}
