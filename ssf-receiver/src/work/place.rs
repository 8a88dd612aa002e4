//! How far a handler is, while several calls are under way.

use std::collections::BTreeSet;

/// Up to where a handler was given what is in the inbox, and which of that it has still to do with.
#[derive(Clone, Debug)]
pub(super) struct Place {
    given: i64,
    under_way: BTreeSet<i64>,
}

impl Place {
    pub(super) fn new(given: i64) -> Self {
        Self {
            given,
            under_way: BTreeSet::new(),
        }
    }

    /// Behind which row the next ones are.
    pub(super) fn given(&self) -> i64 {
        self.given
    }

    /// The handler is given a row.
    pub(super) fn give(&mut self, row: i64) {
        self.given = self.given.max(row);
        self.under_way.insert(row);
    }

    /// A row was done with, or lies aside; one that was not given changes nothing.
    pub(super) fn ended(&mut self, row: i64) {
        self.under_way.remove(&row);
    }

    /// Up to which row all is done with: what a successor need not be given.
    pub(super) fn done(&self) -> i64 {
        let first = self.under_way.first();
        first.map_or(self.given, |first| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_takes_long_keeps_its_row_for_a_successor() {
        let mut place = Place::new(5);
        assert_eq!((place.given(), place.done()), (5, 5));
        for row in [7, 8, 11] {
            place.give(row);
        }
        place.ended(8);
        assert_eq!((place.given(), place.done()), (11, 6));
        place.ended(7);
        assert_eq!(place.done(), 10);
        place.ended(3);
        place.ended(11);
        assert_eq!((place.given(), place.done()), (11, 11));
    }
}
