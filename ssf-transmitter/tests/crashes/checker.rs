//! Compares what was accepted with what has arrived.

use std::collections::BTreeSet;

use crate::{event::Event, order::overtaken, receiver::Written};

/// What became of all events on all streams.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) accepted: usize,
    /// Accepted, and not there.
    pub(crate) lost: usize,
    /// There, and not accepted.
    pub(crate) unexpected: usize,
    /// Came for the first time behind one about the same user that was accepted later.
    pub(crate) overtaken: usize,
    /// Deliveries that came under more than one `jti`.
    pub(crate) renamed: usize,
    /// SETs whose signature or claims nobody could verify.
    pub(crate) unverified: usize,
    /// Keys that signed; a key of each campaign counts for itself.
    pub(crate) signers: usize,
    /// SETs that came once more: under the same `jti`, so that they are without effect.
    pub(crate) repeated: u64,
    /// By how much the ledger is off.
    pub(crate) imbalance: u64,
}

impl Verdict {
    /// What became of the events of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            lost: self.lost + other.lost,
            unexpected: self.unexpected + other.unexpected,
            overtaken: self.overtaken + other.overtaken,
            renamed: self.renamed + other.renamed,
            unverified: self.unverified + other.unverified,
            signers: self.signers + other.signers,
            repeated: self.repeated + other.repeated,
            imbalance: self.imbalance + other.imbalance,
        }
    }
}

/// What has come on these streams, beside what was accepted; the ledger is left to the caller.
pub(crate) fn check(accepted: &BTreeSet<Event>, streams: &[String], written: &Written) -> Verdict {
    let effects = &written.effects;
    let expected: BTreeSet<(String, Event)> = streams
        .iter()
        .flat_map(|stream| accepted.iter().map(|event| (stream.clone(), event.clone())))
        .collect();
    let is_absent = |key: &&(String, Event)| !effects.contains_key(*key);
    let unexpected = effects.keys().filter(|key| !expected.contains(*key));
    let overtaken_on = |stream: &String| {
        let own = effects.iter().filter(|(key, _)| key.0 == *stream);
        let own = own.filter(|(key, _)| accepted.contains(&key.1));
        overtaken(own.map(|(key, effect)| (&key.1, effect.place)))
    };
    Verdict {
        accepted: accepted.len(),
        lost: expected.iter().filter(is_absent).count(),
        unexpected: unexpected.count() + written.strange,
        overtaken: streams.iter().map(overtaken_on).sum(),
        renamed: effects.values().filter(|one| one.jtis.len() > 1).count(),
        unverified: written.unverified,
        signers: written.signers.len(),
        repeated: effects.values().map(|one| one.times - 1).sum(),
        imbalance: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::{Effect, Effects};

    const STREAM: &str = "/a";

    fn event(user: &str, number: u64) -> Event {
        let user = user.to_owned();
        Event { user, number }
    }

    fn on_stream(user: &str, number: u64) -> (String, Event) {
        (STREAM.to_owned(), event(user, number))
    }

    fn effect(jtis: &[&str], times: u64, place: usize) -> Effect {
        let jtis = jtis.iter().map(|jti| (*jti).to_owned()).collect();
        Effect { jtis, times, place }
    }

    fn written(effects: Effects) -> Written {
        Written {
            effects,
            ..Written::default()
        }
    }

    #[test]
    fn what_is_lost_unexpected_renamed_or_repeated_is_counted() {
        let mut written = written(Effects::from([
            (on_stream("came", 0), effect(&["1"], 1, 0)),
            (on_stream("came twice", 0), effect(&["2"], 2, 1)),
            (on_stream("was renamed", 0), effect(&["3", "4"], 2, 2)),
            (on_stream("nobody sent", 0), effect(&["5"], 1, 3)),
        ]));
        written.strange = 1;
        written.unverified = 3;
        let accepted = ["came", "came twice", "was renamed", "is missing"];
        let accepted = accepted.map(|user| event(user, 0)).into();
        let verdict = check(&accepted, &[STREAM.to_owned()], &written);
        let expected = Verdict {
            accepted: 4,
            lost: 1,
            unexpected: 2,
            renamed: 1,
            unverified: 3,
            repeated: 2,
            ..Verdict::default()
        };
        assert_eq!(verdict, expected);
    }

    #[test]
    fn what_is_overtaken_is_counted() {
        let written = written(Effects::from([
            (on_stream("user", 0), effect(&["1"], 1, 1)),
            (on_stream("user", 1), effect(&["2"], 1, 0)),
            (on_stream("other", 0), effect(&["3"], 2, 2)),
            (on_stream("other", 1), effect(&["4"], 1, 3)),
        ]));
        let accepted = ["user", "other"].map(|user| [event(user, 0), event(user, 1)]);
        let accepted = accepted.into_iter().flatten().collect();
        let verdict = check(&accepted, &[STREAM.to_owned()], &written);
        assert_eq!((verdict.overtaken, verdict.lost), (1, 0));
    }
}
