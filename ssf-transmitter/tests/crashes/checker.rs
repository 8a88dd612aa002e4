//! Compares what was accepted with what has arrived.

use std::collections::BTreeSet;

use crate::receiver::Effects;

/// What became of all events on all streams.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) accepted: usize,
    /// Accepted, and not there.
    pub(crate) lost: usize,
    /// There, and not accepted.
    pub(crate) unexpected: usize,
    /// Deliveries that came under more than one `jti`.
    pub(crate) renamed: usize,
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
            renamed: self.renamed + other.renamed,
            repeated: self.repeated + other.repeated,
            imbalance: self.imbalance + other.imbalance,
        }
    }
}

/// What has come on these streams, beside what was accepted; the ledger is left to the caller.
pub(crate) fn check(accepted: &BTreeSet<String>, streams: &[String], effects: &Effects) -> Verdict {
    let expected: BTreeSet<(String, String)> = streams
        .iter()
        .flat_map(|stream| accepted.iter().map(|user| (stream.clone(), user.clone())))
        .collect();
    let is_there = |key: &&(String, String)| !effects.contains_key(*key);
    Verdict {
        accepted: accepted.len(),
        lost: expected.iter().filter(is_there).count(),
        unexpected: effects
            .keys()
            .filter(|key| !expected.contains(*key))
            .count(),
        renamed: effects.values().filter(|one| one.jtis.len() > 1).count(),
        repeated: effects.values().map(|one| one.times - 1).sum(),
        imbalance: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receiver::Effect;

    fn effect(jtis: &[&str], times: u64) -> Effect {
        let jtis = jtis.iter().map(|jti| (*jti).to_owned()).collect();
        Effect { jtis, times }
    }

    #[test]
    fn what_is_lost_unexpected_renamed_or_repeated_is_counted() {
        let key = |user: &str| ("/a".to_owned(), user.to_owned());
        let effects = Effects::from([
            (key("came"), effect(&["1"], 1)),
            (key("came twice"), effect(&["2"], 2)),
            (key("was renamed"), effect(&["3", "4"], 2)),
            (key("nobody sent"), effect(&["5"], 1)),
        ]);
        let accepted = ["came", "came twice", "was renamed", "is missing"];
        let accepted = accepted.map(str::to_owned).into();
        let verdict = check(&accepted, &["/a".to_owned()], &effects);
        let expected = Verdict {
            accepted: 4,
            lost: 1,
            unexpected: 1,
            renamed: 1,
            repeated: 2,
            imbalance: 0,
        };
        assert_eq!(verdict, expected);
    }
}
