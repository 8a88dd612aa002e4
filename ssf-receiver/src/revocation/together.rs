//! Looking several keys up at once: whoever waits for memory waits for all of them together.

use super::{RevocationKey, table::Table, tag::Tag, word::Word};

/// So many keys are looked up at once; most sessions have fewer.
const TOGETHER: usize = 8;

/// Keys that are collected, and looked up together.
///
/// Dropping it forgets those that were not looked up: [`Together::finish`] looks up the last.
pub(super) struct Together<'t, F> {
    table: &'t Table,
    /// Is called with each word of a key, and whether that names the session.
    found: F,
    tags: [Tag; TOGETHER],
    names: [bool; TOGETHER],
    len: usize,
}

impl<'t, F: FnMut(Word, bool)> Together<'t, F> {
    pub(super) fn new(table: &'t Table, found: F) -> Self {
        Self {
            table,
            found,
            tags: [Tag::default(); TOGETHER],
            names: [false; TOGETHER],
            len: 0,
        }
    }

    /// Looks a key up, at the latest with the last one.
    pub(super) fn look_up(&mut self, key: RevocationKey, names: bool) {
        if self.len == TOGETHER {
            self.look_all_up();
        }
        self.tags[self.len] = Tag::of(key);
        self.names[self.len] = names;
        self.len += 1;
    }

    pub(super) fn finish(&mut self) {
        self.look_all_up();
    }

    fn look_all_up(&mut self) {
        let tags = &self.tags[..self.len];
        let mut likely = self.table.may_have(tags);
        while likely != 0 {
            let place = likely.trailing_zeros() as usize;
            likely &= likely - 1;
            let names = self.names[place];
            self.table
                .each(tags[place], |word| (self.found)(word, names));
        }
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Kind, ScopeId,
            table::Slots,
            tag::tests::{key, tag},
            word::{DetailId, Entry, Lag},
        },
        *,
    };

    fn word(moment: u32) -> Word {
        Entry {
            kind: Kind::Ended,
            scope: ScopeId::default(),
            effect: None,
            lag: Lag::reaching(moment, moment),
            moment,
            detail: DetailId(1),
        }
        .into()
    }

    #[test]
    fn however_many_are_looked_up_each_that_is_there_is_found_once() {
        let table = Table::new(Slots::for_entries(100));
        for number in 0..100 {
            let moment = u32::try_from(number).unwrap();
            table.put(tag(number), word(moment)).unwrap();
        }
        for wanted in 0..30 {
            let mut found = Vec::new();
            let mut together = Together::new(&table, |word: Word, names| {
                found.push((word.entry().moment, names));
            });
            for number in 0..wanted {
                // Those from the third on are not there.
                together.look_up(key(number * 50), number == 0);
            }
            together.finish();
            let expected: Vec<(u32, bool)> = (0..wanted)
                .filter(|number| *number < 2)
                .map(|number| (u32::try_from(number * 50).unwrap(), number == 0))
                .collect();
            assert_eq!(found, expected);
        }
    }
}
