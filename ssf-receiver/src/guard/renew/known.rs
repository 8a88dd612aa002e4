//! What was answered about sessions, as far as it is remembered.

use std::{collections::HashMap, mem};

use super::Renewed;

/// What a session is known by here: a keyed hash of all that is known of it.
pub(super) type SessionId = u128;

/// Most sessions of one generation, of which two take up to 100 MB.
const GENERATION_MAX: usize = 500_000;

/// What is known of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    /// It goes on, whatever was forgotten up to this era.
    Confirmed { era: u64 },
    /// It is over.
    Refused,
}

/// The latest answers, in two generations: of more than both hold, the elder is forgotten, and asked for again.
#[derive(Debug, Default)]
pub(super) struct Memory {
    younger: HashMap<SessionId, Known>,
    elder: HashMap<SessionId, Known>,
}

impl Memory {
    /// What is known of a session in this era.
    pub(super) fn of(&self, session: SessionId, present: u64) -> Option<Renewed> {
        let known = self.younger.get(&session);
        match known.or_else(|| self.elder.get(&session))? {
            Known::Confirmed { era } => (*era == present).then_some(Renewed::Confirmed),
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

    #[test]
    fn what_was_confirmed_counts_for_no_later_era_and_what_was_refused_for_all() {
        let mut memory = Memory::default();
        memory.learn(1, Known::Confirmed { era: 7 });
        memory.learn(2, Known::Refused);
        assert_eq!(memory.of(1, 7), Some(Renewed::Confirmed));
        assert_eq!(memory.of(1, 8), None);
        assert_eq!(memory.of(2, u64::MAX), Some(Renewed::Refused));
        assert_eq!(memory.of(3, 0), None);
    }

    #[test]
    fn a_later_answer_takes_the_place_of_an_earlier_one_whatever_generation_that_is_of() {
        let mut memory = Memory::default();
        memory.learn(0, Known::Confirmed { era: 7 });
        for session in 1..=GENERATION_MAX {
            memory.learn(session as SessionId, Known::Refused);
        }
        assert_eq!(memory.of(0, 7), Some(Renewed::Confirmed));
        memory.learn(0, Known::Refused);
        assert_eq!(memory.of(0, 7), Some(Renewed::Refused));
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
        assert_eq!(memory.of(0, 0), None);
        let last = 2 * GENERATION_MAX as SessionId;
        assert_eq!(memory.of(last, 0), Some(Renewed::Refused));
    }
}
