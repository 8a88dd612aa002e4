//! What became of the SETs of a run.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use crate::{peer::chaos::Kind, printable::printable};

/// How many refusals are told one by one.
const REFUSED_SHOWN: usize = 20;

/// A SET that the other side refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The SET.
    pub jti: String,
    /// What it says is wrong.
    pub err: String,
}

/// What happened, and what became of the SETs.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// SETs that were made for a stream.
    pub made: u64,
    /// How often one was handed out, by push or poll.
    pub handed_out: u64,
    /// SETs that the Receiver acknowledged.
    pub acknowledged: u64,
    /// SETs that the Receiver gave up, with the stream or by disabling it.
    pub given_up: u64,
    /// How many SETs it refused.
    pub refused: u64,
    /// The first of them.
    pub refusals: Vec<Refused>,
    /// SETs that nothing is known of yet, by `jti`.
    waiting: BTreeMap<String, Waiting>,
    /// How often each kind of chaos struck.
    pub struck: BTreeMap<Kind, u64>,
}

/// A SET on its way.
#[derive(Clone, Debug)]
struct Waiting {
    stream: String,
    kid: String,
    /// Whether it comes at a time at which the Receiver may not know its stream, and may refuse it.
    may_be_refused: bool,
    is_handed_out: bool,
}

impl Account {
    /// How many SETs wait: they would be lost if this were the end.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Those of them that were handed out.
    pub fn unanswered(&self) -> usize {
        let mut waiting: Vec<_> = self.waiting.values().collect();
        waiting.retain(|set| set.is_handed_out);
        waiting.len()
    }

    /// Whether every SET arrived, and there was one.
    pub fn is_coped_with(&self) -> bool {
        self.waiting.is_empty() && self.refused == 0 && self.acknowledged > 0
    }

    pub(super) fn make(&mut self, stream: &str, jti: &str, kid: &str, may_be_refused: bool) {
        self.made += 1;
        let waiting = Waiting {
            stream: stream.to_owned(),
            kid: kid.to_owned(),
            may_be_refused,
            is_handed_out: false,
        };
        self.waiting.insert(jti.to_owned(), waiting);
    }

    pub(super) fn hand_out(&mut self, jti: &str) {
        self.handed_out += 1;
        if let Some(waiting) = self.waiting.get_mut(jti) {
            waiting.is_handed_out = true;
        }
    }

    pub(super) fn acknowledge(&mut self, jti: &str) {
        self.acknowledged += u64::from(self.waiting.remove(jti).is_some());
    }

    pub(super) fn refuse(&mut self, jti: &str, err: &str) {
        let Some(waiting) = self.waiting.remove(jti) else {
            return;
        };
        if waiting.may_be_refused {
            self.given_up += 1;
            return;
        }
        self.refused += 1;
        if self.refusals.len() < REFUSED_SHOWN {
            self.refusals.push(Refused {
                jti: jti.to_owned(),
                err: err.to_owned(),
            });
        }
    }

    pub(super) fn give_up(&mut self, stream: &str) {
        let before = self.waiting.len();
        self.waiting.retain(|_, set| set.stream != stream);
        self.given_up += (before - self.waiting.len()) as u64;
    }

    /// The keys without which something that waits cannot be verified.
    pub(super) fn kids_needed(&self) -> BTreeSet<String> {
        self.waiting.values().map(|set| set.kid.clone()).collect()
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (kind, times) in &self.struck {
            writeln!(out, "{times:>6} times {}", kind.name())?;
        }
        for Refused { jti, err } in &self.refusals {
            writeln!(out, "refused: {} ({})", printable(jti), printable(err))?;
        }
        writeln!(
            out,
            "{} SETs made, handed out {} times: {} acknowledged, {} refused, {} given up with their stream, {} without an answer",
            self.made,
            self.handed_out,
            self.acknowledged,
            self.refused,
            self.given_up,
            self.waiting()
        )?;
        let verdict = if self.is_coped_with() {
            "the receiver coped: nothing is lost"
        } else if self.made == 0 {
            "nothing happened: there was no stream that an event was for"
        } else {
            "the receiver did not cope: it refused sound SETs, or left some without an answer"
        };
        writeln!(out, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_acknowledged_once_and_what_waits_is_not_coped_with() {
        let mut account = Account::default();
        account.make("s", "a", "k", false);
        account.hand_out("a");
        account.hand_out("a");
        assert_eq!((account.unanswered(), account.is_coped_with()), (1, false));
        account.acknowledge("a");
        account.acknowledge("a");
        assert_eq!((account.handed_out, account.acknowledged), (2, 1));
        assert!(account.is_coped_with());
    }

    #[test]
    fn a_refusal_is_told_unless_the_stream_was_not_known_yet() {
        let mut account = Account::default();
        account.make("s", "early", "k", true);
        account.make("s", "late", "k", false);
        account.make("s", "fine", "k", false);
        account.acknowledge("fine");
        account.refuse("early", "invalid_issuer");
        assert!(!account.is_coped_with() && account.refusals.is_empty());
        account.refuse("late", "invalid_issuer");
        assert_eq!(account.refusals[0].jti, "late");
        assert!(!account.is_coped_with());
    }

    #[test]
    fn what_waits_is_given_up_with_its_stream_and_needs_its_key_until_then() {
        let mut account = Account::default();
        account.make("s", "a", "old", false);
        account.make("t", "b", "new", false);
        account.give_up("s");
        assert_eq!(account.kids_needed(), BTreeSet::from(["new".to_owned()]));
        assert_eq!((account.waiting(), account.given_up), (1, 1));
    }
}
