//! What became of the SETs that came.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use crate::{peer::chaos::Kind, printable::printable};

/// How many faults are told one by one.
const FAULTS_SHOWN: usize = 20;

/// What came, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    /// How often a SET came, by push or poll.
    pub came: u64,
    /// How often one came again that had been acknowledged.
    pub came_again: u64,
    /// SETs that were acknowledged.
    acknowledged: BTreeSet<String>,
    /// SETs that were refused although they are sound.
    refused: BTreeSet<String>,
    /// SETs that came and have no answer yet.
    open: BTreeSet<String>,
    /// SETs that are not sound, and why.
    pub faults: BTreeMap<String, &'static str>,
    /// How often each kind of chaos struck.
    pub struck: BTreeMap<Kind, u64>,
}

impl Receipts {
    /// How many SETs were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// How many have an answer that is final: acknowledged, refused, or found not to be sound.
    pub fn settled(&self) -> usize {
        self.acknowledged.len() + self.refused.len() + self.faults.len()
    }

    /// How many sound ones were refused.
    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    /// How many came, were put off, and did not come again.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Whether all that was put off came again, and all that came is sound.
    pub fn is_coped_with(&self) -> bool {
        self.open.is_empty() && self.faults.is_empty() && !self.acknowledged.is_empty()
    }

    pub(super) fn come(&mut self, jti: &str) {
        self.came += 1;
        if self.acknowledged.contains(jti) {
            self.came_again += 1;
        } else if !self.refused.contains(jti) && !self.faults.contains_key(jti) {
            self.open.insert(jti.to_owned());
        }
    }

    pub(super) fn acknowledge(&mut self, jti: &str) {
        self.open.remove(jti);
        self.acknowledged.insert(jti.to_owned());
    }

    pub(super) fn refuse(&mut self, jti: &str) {
        self.open.remove(jti);
        self.refused.insert(jti.to_owned());
    }

    pub(super) fn find_fault(&mut self, jti: &str, why: &'static str) {
        self.open.remove(jti);
        self.faults.insert(jti.to_owned(), why);
    }

    /// Whether it was refused.
    pub(super) fn is_refused(&self, jti: &str) -> bool {
        self.refused.contains(jti)
    }

    /// Whether it was acknowledged.
    pub(super) fn is_acknowledged(&self, jti: &str) -> bool {
        self.acknowledged.contains(jti)
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for (kind, times) in &self.struck {
            writeln!(out, "{times:>6} times {}", kind.name())?;
        }
        for (jti, why) in self.faults.iter().take(FAULTS_SHOWN) {
            writeln!(out, "not sound: {} ({why})", printable(jti))?;
        }
        writeln!(
            out,
            "SETs came {} times: {} acknowledged, {} refused, {} not sound, {} put off and not seen again; {} times one came again that was acknowledged",
            self.came,
            self.acknowledged(),
            self.refused(),
            self.faults.len(),
            self.open(),
            self.came_again
        )?;
        let verdict = if self.is_coped_with() {
            "the transmitter coped: nothing is lost"
        } else if self.came == 0 {
            "nothing came"
        } else {
            "the transmitter did not cope: it sent what is not sound, or gave up what was put off"
        };
        writeln!(out, "{verdict}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_off_has_to_come_again() {
        let mut receipts = Receipts::default();
        receipts.come("a");
        assert_eq!((receipts.open(), receipts.is_coped_with()), (1, false));
        receipts.come("a");
        receipts.acknowledge("a");
        receipts.come("a");
        assert_eq!((receipts.came, receipts.came_again), (3, 1));
        assert!(receipts.is_coped_with());
    }

    #[test]
    fn a_set_that_is_not_sound_is_told_and_one_that_is_refused_by_chance_is_not() {
        let mut receipts = Receipts::default();
        for jti in ["a", "b", "c"] {
            receipts.come(jti);
        }
        receipts.acknowledge("a");
        receipts.refuse("b");
        receipts.find_fault("c", "invalid_key");
        assert!(!receipts.is_coped_with());
        receipts.faults.clear();
        assert!(receipts.is_coped_with());
    }
}
