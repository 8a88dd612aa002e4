//! The table that decisions are made by: in memory, without a lock for whoever reads.
//!
//! 1. One writes at a time: whoever holds the lock in `entries`.
//! 2. A slot is filled with its word first and its tag last, and is never freed or given to another key or kind while
//!    the table lives. So whoever reads a tag reads a word of that key after it.
//! 3. Of the slots in which a tag may stand, in their order, one is filled only if those before it are. So whoever looks
//!    for a tag stops at the first free slot.
//! 4. A detail is there before the word that points to it.
//! 5. It grows by another table that takes its place. Whoever reads reads one of them to the end.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::{
    Kind, SCOPES_MAX, ScopeId,
    details::Details,
    filter::Filter,
    slot::{Bucket, Held, Slot},
    tag::Tag,
    word::Word,
};

/// Slots of the smallest table: 4 KiB.
const SLOTS_MIN: usize = 256;

/// A number of slots, a power of two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Slots(usize);

impl Slots {
    /// As few as have room for so many entries before a table grows.
    pub(super) fn for_entries(entries: usize) -> Self {
        let mut slots = Self(SLOTS_MIN);
        while slots.are_crowded_by(entries) {
            slots = slots.doubled();
        }
        slots
    }

    /// As many as there should be where these have so many entries: fewer only if those would not have to grow soon.
    pub(super) fn changed_for(self, entries: usize) -> Self {
        let fewest = Self::for_entries(entries);
        let are_tight = entries * 100 > fewest.0 * 74;
        if fewest.0 < self.0 && are_tight {
            return fewest.doubled();
        }
        fewest
    }

    pub(super) fn doubled(self) -> Self {
        Self(self.0 * 2)
    }

    /// Whether a table with so many entries has to grow: from four fifths on, entries stand too far from their place.
    pub(super) fn are_crowded_by(self, entries: usize) -> bool {
        entries * 5 >= self.0 * 4
    }

    /// Most entries: for those that are added while another table is being made, and so that each search ends at a free slot.
    fn limit(self) -> usize {
        self.0 / 25 * 23
    }
}

/// Entries by tag and kind, each at its place or in one of the next slots.
#[derive(Debug)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    filter: Filter,
    details: Details,
    len: AtomicUsize,
    /// Of each scope, those that may be forgotten.
    forgettable: Box<[AtomicU32]>,
}

/// The table has no room for another entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct NoRoom;

impl Table {
    pub(super) fn new(slots: Slots) -> Self {
        let buckets = slots.0 / Bucket::SLOTS;
        Self {
            buckets: (0..buckets).map(|_| Bucket::default()).collect(),
            filter: Filter::new(slots.0),
            details: Details::default(),
            len: AtomicUsize::new(0),
            forgettable: (0..SCOPES_MAX).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Which of up to 64 tags may have words, a bit for each, the lowest for the first; the others have none.
    pub(super) fn may_have(&self, tags: &[Tag]) -> u64 {
        self.filter.may_have_each(tags)
    }

    /// Calls `found` with each word of a key: one for each kind at most.
    pub(super) fn each(&self, tag: Tag, mut found: impl FnMut(Word)) {
        for slot in self.slots_of(tag) {
            match slot.held(tag) {
                Held::Nothing => return,
                Held::Other => {}
                Held::Word(word) => found(word),
            }
        }
    }

    /// The word of a key for one kind.
    pub(super) fn word(&self, tag: Tag, kind: Kind) -> Option<Word> {
        let mut known = None;
        if !self.filter.may_have(tag) {
            return None;
        }
        self.each(tag, |word| {
            if word.kind() == kind {
                known = Some(word);
            }
        });
        known
    }

    /// Puts a word in the place of that of the same key and kind, or into a free slot; only for the one writer.
    ///
    /// When it returns, each reader that starts sees it.
    pub(super) fn put(&self, tag: Tag, word: Word) -> Result<(), NoRoom> {
        for slot in self.slots_of(tag) {
            match slot.held(tag) {
                Held::Word(known) if known.kind() == word.kind() => {
                    slot.replace(word);
                    return Ok(());
                }
                Held::Word(_) | Held::Other => {}
                Held::Nothing if self.len() < self.slots().limit() => {
                    slot.fill(tag, word);
                    self.filter.add(tag);
                    self.len.fetch_add(1, Ordering::Relaxed);
                    self.count(word);
                    return Ok(());
                }
                Held::Nothing => return Err(NoRoom),
            }
        }
        Err(NoRoom)
    }

    /// All entries, in the order of their slots; those that are put meanwhile may be missing.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Tag, Word)> {
        self.buckets
            .iter()
            .flat_map(|bucket| &bucket.0)
            .filter_map(Slot::content)
    }

    pub(super) fn details(&self) -> &Details {
        &self.details
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// How many entries of a scope may be forgotten.
    pub(super) fn forgettable(&self, scope: ScopeId) -> u32 {
        self.forgettable[usize::from(scope.number())].load(Ordering::Relaxed)
    }

    /// The scopes of which so many entries may be forgotten as `entries` says.
    pub(super) fn scopes_with(
        &self,
        entries: impl Fn(ScopeId) -> u32,
    ) -> impl Iterator<Item = ScopeId> {
        let numbered = (0..).map_while(ScopeId::new);
        numbered.filter(move |scope| self.forgettable(*scope) >= entries(*scope))
    }

    fn count(&self, word: Word) {
        let entry = word.entry();
        if entry.may_be_forgotten() {
            let count = &self.forgettable[usize::from(entry.scope.number())];
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether it has to grow.
    pub(super) fn is_crowded(&self) -> bool {
        self.slots().are_crowded_by(self.len())
    }

    pub(super) fn slots(&self) -> Slots {
        Slots(self.buckets.len() * Bucket::SLOTS)
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets) + self.filter.bytes() + self.details.bytes()
    }

    /// The slots in which a tag may stand: those of its bucket, and all others behind them.
    fn slots_of(&self, tag: Tag) -> impl Iterator<Item = &Slot> {
        let (before, from) = self.buckets.split_at(tag.place_among(self.buckets.len()));
        from.iter().chain(before).flat_map(|bucket| &bucket.0)
    }
}

#[cfg(test)]
impl Table {
    /// How many slots are looked at before that of a tag is found.
    pub(super) fn walked(&self, tag: Tag) -> usize {
        let mut slots = self.slots_of(tag);
        let found = |slot: &Slot| matches!(slot.held(tag), Held::Word(_));
        slots.position(found).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, num::NonZeroU64};

    use proptest::{collection::vec, prelude::*};

    use super::{
        super::{
            tag::tests::tag,
            word::{DetailId, Entry, Lag, tests::any_entry},
        },
        *,
    };

    fn word(kind: Kind, moment: u32) -> Word {
        let detail = DetailId(1);
        Entry {
            kind,
            scope: ScopeId::default(),
            effect: None,
            lag: Lag::reaching(moment, moment),
            moment,
            detail,
        }
        .into()
    }

    fn filled(slots: Slots, entries: usize) -> Table {
        let table = Table::new(slots);
        for number in 0..entries as u64 {
            table.put(tag(number), word(Kind::Ended, 7)).unwrap();
        }
        table
    }

    /// Tags of few places, the last bucket's among them, so that they stand in each other's way.
    fn any_tag() -> impl Strategy<Value = Tag> {
        let high = prop::sample::select(vec![0, 1 << 40, u64::MAX << 32]);
        (high, 1..20_u64).prop_map(|(high, low)| Tag::from(NonZeroU64::new(high | low).unwrap()))
    }

    proptest! {
        #[test]
        fn a_table_has_the_last_word_of_each_key_and_kind(
            put in vec((any_tag(), any_entry()), 0..200)
        ) {
            let (table, mut expected) = (Table::new(Slots(SLOTS_MIN)), HashMap::new());
            for (tag, entry) in put {
                table.put(tag, entry.into()).unwrap();
                expected.insert((tag.get(), entry.kind), Word::from(entry));
            }
            prop_assert_eq!(table.len(), expected.len());
            for ((tag, kind), word) in &expected {
                let tag = Tag::from(NonZeroU64::new(*tag).unwrap());
                prop_assert_eq!(table.word(tag, *kind), Some(*word));
            }
            for (tag, word) in table.entries() {
                prop_assert_eq!(expected.remove(&(tag.get(), word.kind())), Some(word));
            }
            prop_assert!(expected.is_empty());
        }
    }

    #[test]
    fn two_revocations_of_one_key_and_different_kinds_are_both_found() {
        let table = Table::new(Slots(SLOTS_MIN));
        table.put(tag(1), word(Kind::Ended, 1)).unwrap();
        table.put(tag(1), word(Kind::Unproven, 2)).unwrap();
        let mut found = Vec::new();
        table.each(tag(1), |word| found.push(word));
        assert_eq!(found, [word(Kind::Ended, 1), word(Kind::Unproven, 2)]);
    }

    #[test]
    fn a_full_table_takes_no_other_key_but_another_word_of_one_that_it_has() {
        let slots = Slots(SLOTS_MIN);
        let table = filled(slots, slots.limit());
        assert_eq!(table.put(tag(u64::MAX), word(Kind::Ended, 7)), Err(NoRoom));
        assert_eq!(table.put(tag(1), word(Kind::Unproven, 7)), Err(NoRoom));
        assert_eq!(table.put(tag(1), word(Kind::Ended, 8)), Ok(()));
        assert_eq!(table.word(tag(1), Kind::Ended), Some(word(Kind::Ended, 8)));
        assert_eq!(table.word(tag(u64::MAX), Kind::Ended), None);
    }

    #[test]
    fn a_table_of_a_million_entries_takes_at_most_48_bytes_for_each() {
        const MILLION: usize = 1_000_000;
        let table = filled(Slots::for_entries(MILLION), MILLION);
        assert_eq!(table.len(), MILLION);
        assert!(!table.is_crowded());
        assert!(
            table.bytes() <= 48 * MILLION,
            "{} bytes",
            table.bytes() / MILLION
        );
    }

    #[test]
    fn whatever_number_of_entries_a_table_has_grown_to_it_takes_at_most_48_bytes_for_each() {
        for entries in (1_000..1_000_000).step_by(997) {
            let Slots(slots) = Slots::for_entries(entries);
            let bytes = slots * size_of::<Slot>() + Filter::new(slots).bytes();
            assert!(bytes <= 48 * entries, "{entries} entries in {slots} slots");
        }
    }

    #[test]
    fn one_of_a_hundred_keys_that_are_not_there_gets_past_the_filter_at_most() {
        let slots = Slots(1 << 16);
        let table = filled(slots, (1 << 16) / 5 * 4);
        let others = 1_000_000..1_010_000;
        let passed = others.filter(|number| table.filter.may_have(tag(*number)));
        assert!(passed.count() <= 100);
    }

    #[test]
    fn entries_stand_near_their_places_in_a_table_that_is_about_to_grow() {
        let slots = Slots(1 << 16);
        let entries = (1 << 16) / 5 * 4;
        let table = filled(slots, entries);
        let walked = (0..entries as u64).map(|number| table.walked(tag(number)));
        let all: usize = walked.sum();
        assert!(all < 4 * entries, "{all} slots for {entries} entries");
    }
}
