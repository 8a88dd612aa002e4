//! What was answered about sessions, as far as it is remembered.

use std::{collections::HashMap, mem, time::Duration};

use super::Renewed;

/// What a session is known by here: a keyed hash of all that is known of it.
pub(super) type SessionId = u128;

/// Most sessions of one generation, of which two take up to 100 MB.
const GENERATION_MAX: usize = 500_000;

/// What is known of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// It goes on, whatever was forgotten up to this era, and as of this moment.
    Confirmed { era: u64, at: Duration },
    /// It is over.
    Refused,
}

/// What counts now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present {
    pub(super) era: u64,
    /// What was confirmed before counts no more.
    pub(super) since: Duration,
    pub(super) now: Duration,
}

impl Present {
    /// What is known of a session that is asked about now, if it goes on.
    pub(super) fn confirmed(self) -> Known {
        Known::Confirmed {
            era: self.era,
            at: self.now,
        }
    }
}

/// The latest answers, in two generations: of more than both hold, the elder is forgotten, and asked for again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    younger: HashMap<SessionId, Known>,
    elder: HashMap<SessionId, Known>,
}

impl Memory {
    /// What is known of a session, if it counts.
    pub(super) fn of(&self, session: SessionId, present: Present) -> Option<Renewed> {
        let known = self.younger.get(&session);
        match known.or_else(|| self.elder.get(&session))? {
            Known::Confirmed { era, at } => {
                let counts = *era == present.era && *at >= present.since;
                counts.then_some(Renewed::Confirmed)
            }
            Known::Refused => Some(Renewed::Refused),
        }
    }

    pub(super) fn learn(&mut self, session: SessionId, known: Known) {
        if self.younger.len() >= GENERATION_MAX && !self.younger.contains_key(&session) {
            self.elder = mem::take(&mut self.younger);
        }
        self.younger.insert(session, known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a time after which confirmations count.
    fn of_era(era: u64) -> Present {
        Present {
            era,
            since: Duration::ZERO,
            now: Duration::ZERO,
        }
    }

    #[test]
    fn what_was_confirmed_counts_from_its_moment_on_for_as_long_as_is_wanted() {
        let mut memory = Memory::default();
        let at = Duration::from_secs(100);
        memory.learn(1, Known::Confirmed { era: 7, at });
        memory.learn(2, Known::Refused);
        let since = |since| Present {
            since: Duration::from_secs(since),
            ..of_era(7)
        };
        assert_eq!(memory.of(1, since(100)), Some(Renewed::Confirmed));
        assert_eq!(memory.of(1, since(101)), None);
        assert_eq!(memory.of(2, since(101)), Some(Renewed::Refused));
    }

    #[test]
    fn what_was_confirmed_counts_for_no_later_era_and_what_was_refused_for_all() {
        let mut memory = Memory::default();
        memory.learn(1, of_era(7).confirmed());
        memory.learn(2, Known::Refused);
        assert_eq!(memory.of(1, of_era(7)), Some(Renewed::Confirmed));
        assert_eq!(memory.of(1, of_era(8)), None);
        assert_eq!(memory.of(2, of_era(u64::MAX)), Some(Renewed::Refused));
        assert_eq!(memory.of(3, of_era(0)), None);
    }

    #[test]
    fn a_later_answer_takes_the_place_of_an_earlier_one_whatever_generation_that_is_of() {
        let mut memory = Memory::default();
        memory.learn(0, of_era(7).confirmed());
        for session in 1..=GENERATION_MAX {
            memory.learn(session as SessionId, Known::Refused);
        }
        assert_eq!(memory.of(0, of_era(7)), Some(Renewed::Confirmed));
        memory.learn(0, Known::Refused);
        assert_eq!(memory.of(0, of_era(7)), Some(Renewed::Refused));
    }

    #[test]
    fn of_more_than_two_generations_the_eldest_are_forgotten() {
        let mut memory = Memory::default();
        for session in 0..=2 * GENERATION_MAX {
            memory.learn(session as SessionId, Known::Refused);
        }
        assert_eq!(
            memory.younger.len() + memory.elder.len(),
            GENERATION_MAX + 1
        );
        assert_eq!(memory.of(0, of_era(0)), None);
        let last = 2 * GENERATION_MAX as SessionId;
        assert_eq!(memory.of(last, of_era(0)), Some(Renewed::Refused));
    }
}
