//! Compares what was handed in with what has arrived.

use std::fmt;

use crate::{event::Event, order::overtaken, producer::HandedIn, receiver::Written};

/// What became of all events on all streams.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) accepted: usize,
    /// Accepted, and not there.
    pub(crate) lost: usize,
    /// There, and handed in by nobody.
    pub(crate) unexpected: usize,
    /// Given up by their sources, and there on each stream.
    pub(crate) given_up_arrived: usize,
    /// Given up by their sources, and there on none.
    pub(crate) given_up_absent: usize,
    /// Given up by their sources, and there on some streams and not on others.
    pub(crate) torn: usize,
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
            given_up_arrived: self.given_up_arrived + other.given_up_arrived,
            given_up_absent: self.given_up_absent + other.given_up_absent,
            torn: self.torn + other.torn,
            overtaken: self.overtaken + other.overtaken,
            renamed: self.renamed + other.renamed,
            unverified: self.unverified + other.unverified,
            signers: self.signers + other.signers,
            repeated: self.repeated + other.repeated,
            imbalance: self.imbalance + other.imbalance,
        }
    }

    /// The same, had nothing been wrong.
    pub(crate) fn without_fault(&self) -> Self {
        Self {
            accepted: self.accepted,
            given_up_arrived: self.given_up_arrived,
            given_up_absent: self.given_up_absent,
            signers: self.signers,
            repeated: self.repeated,
            ..Self::default()
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            lost,
            unexpected,
            given_up_arrived,
            given_up_absent,
            torn,
            overtaken,
            renamed,
            unverified,
            signers,
            repeated,
            imbalance,
        } = self;
        write!(
            f,
            "accepted {accepted}: lost {lost}, unexpected {unexpected}, out of order {overtaken}, under another jti {renamed}, \
             unverified {unverified}, imbalance {imbalance}; given up: arrived {given_up_arrived}, absent {given_up_absent}, \
             in part {torn}; signed by {signers} keys, repeated {repeated}"
        )
    }
}

/// What has come on these streams, beside what was handed in; the ledger is left to the caller.
pub(crate) fn check(handed_in: &HandedIn, streams: &[String], written: &Written) -> Verdict {
    let HandedIn { accepted, given_up } = handed_in;
    let effects = &written.effects;
    let is_there = |stream: &String, event: &Event| {
        let key = (stream.clone(), event.clone());
        effects.contains_key(&key)
    };
    let times_there = |event: &Event| {
        let there = streams.iter().filter(|stream| is_there(stream, event));
        there.count()
    };
    let was_handed_in = |(stream, event): &(String, Event)| {
        streams.contains(stream) && (accepted.contains(event) || given_up.contains(event))
    };
    let overtaken_on = |stream: &String| {
        let own = effects.iter().filter(|(key, _)| key.0 == *stream);
        let own = own.filter(|(key, _)| accepted.contains(&key.1));
        overtaken(own.map(|(key, effect)| (&key.1, effect.place)))
    };
    let unexpected = effects.keys().filter(|key| !was_handed_in(key)).count();
    let missing = |event: &Event| streams.len() - times_there(event);
    let given_up_times: Vec<usize> = given_up.iter().map(times_there).collect();
    let given_up_on = |times: usize| given_up_times.iter().filter(|n| **n == times).count();
    let (absent, arrived) = (given_up_on(0), given_up_on(streams.len()));
    Verdict {
        accepted: accepted.len(),
        lost: accepted.iter().map(missing).sum(),
        unexpected: unexpected + written.strange,
        given_up_arrived: arrived,
        given_up_absent: absent,
        torn: given_up.len() - arrived - absent,
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
    const OTHER_STREAM: &str = "/b";

    fn event(user: &str, number: u64) -> Event {
        let user = user.to_owned();
        Event { user, number }
    }

    fn on_stream(user: &str, number: u64) -> (String, Event) {
        (STREAM.to_owned(), event(user, number))
    }

    fn accepted(events: impl IntoIterator<Item = Event>) -> HandedIn {
        HandedIn {
            accepted: events.into_iter().collect(),
            ..HandedIn::default()
        }
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
        let users = ["came", "came twice", "was renamed", "is missing"];
        let handed_in = accepted(users.map(|user| event(user, 0)));
        let verdict = check(&handed_in, &[STREAM.to_owned()], &written);
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
        let events = ["user", "other"].map(|user| [event(user, 0), event(user, 1)]);
        let handed_in = accepted(events.into_iter().flatten());
        let verdict = check(&handed_in, &[STREAM.to_owned()], &written);
        assert_eq!((verdict.overtaken, verdict.lost), (1, 0));
    }
    #[test]
    fn what_was_given_up_has_to_be_on_all_streams_or_on_none() {
        let on_other_stream = |user: &str| (OTHER_STREAM.to_owned(), event(user, 0));
        let written = written(Effects::from([
            (on_stream("arrived", 0), effect(&["1"], 1, 0)),
            (on_other_stream("arrived"), effect(&["2"], 1, 1)),
            (on_stream("torn", 0), effect(&["3"], 1, 2)),
        ]));
        let users = ["arrived", "torn", "absent", "absent as well"];
        let handed_in = HandedIn {
            given_up: users.map(|user| event(user, 0)).into(),
            ..HandedIn::default()
        };
        let streams = [STREAM, OTHER_STREAM].map(str::to_owned);
        let expected = Verdict {
            given_up_arrived: 1,
            given_up_absent: 2,
            torn: 1,
            ..Verdict::default()
        };
        assert_eq!(check(&handed_in, &streams, &written), expected);
    }
}
