//! A set of numbers that mostly follow each other, kept as ranges.

use std::{collections::BTreeMap, ops::RangeInclusive};

/// Numbers, as ranges that neither overlap nor touch.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct RangeSet {
    /// The last number of each range, by its first.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// The last range that begins at `number` or before.
    fn up_to(&self, number: u64) -> Option<(u64, u64)> {
        let (first, last) = self.ranges.range(..=number).next_back()?;
        Some((*first, *last))
    }

    pub(crate) fn insert_range(&mut self, range: &RangeInclusive<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut first, mut last) = (*range.start(), *range.end());
        // From the greatest range that may touch downwards.
        while let Some((known_first, known_last)) = self.up_to(last.saturating_add(1)) {
            if known_last.saturating_add(1) < first {
                break;
            }
            self.ranges.remove(&known_first);
            first = first.min(known_first);
            last = last.max(known_last);
        }
        self.ranges.insert(first, last);
    }

    pub(crate) fn remove_range(&mut self, range: &RangeInclusive<u64>) {
        if range.is_empty() {
            return;
        }
        let (first, last) = (*range.start(), *range.end());
        while let Some((known_first, known_last)) = self.up_to(last) {
            if known_last < first {
                break;
            }
            self.ranges.remove(&known_first);
            if known_last > last {
                self.ranges.insert(last + 1, known_last);
            }
            if known_first < first {
                self.ranges.insert(known_first, first - 1);
            }
        }
    }

    /// The ranges, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> {
        self.ranges.iter().map(|(first, last)| *first..=*last)
    }

    /// The ranges, ascending; of more than `most`, those of the greatest numbers.
    pub(crate) fn latest(&self, most: usize) -> Vec<RangeInclusive<u64>> {
        self.iter()
            .skip(self.ranges().saturating_sub(most))
            .collect()
    }

    /// How many ranges there are.
    pub(crate) fn ranges(&self) -> usize {
        self.ranges.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> u64 {
        let lengths = self.ranges.iter().map(|(first, last)| last - first);
        lengths.fold(0, |sum, more| sum.saturating_add(more).saturating_add(1))
    }

    /// The end of the range that holds `number`.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let (_, last) = self.up_to(number)?;
        (last >= number).then_some(last)
    }

    /// Leaves only numbers that are in `other` as well.
    pub(crate) fn keep(&mut self, other: &Self) {
        for range in self.clone().iter() {
            for lacked in other.lacks(range).iter() {
                self.remove_range(&lacked);
            }
        }
    }

    /// The numbers of `range` that are not in the set.
    pub(crate) fn lacks(&self, range: RangeInclusive<u64>) -> Self {
        let mut lacked = Self::default();
        if range.is_empty() {
            return lacked;
        }
        lacked.insert_range(&range);
        let before = self.up_to(*range.start());
        let within = self
            .ranges
            .range(range)
            .map(|(first, last)| (*first, *last));
        for (first, last) in before.into_iter().chain(within) {
            lacked.remove_range(&(first..=last));
        }
        lacked
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn numbers(set: &RangeSet) -> BTreeSet<u64> {
        set.iter().flatten().collect()
    }

    #[test]
    fn the_greatest_numbers_have_their_place() {
        let mut set = RangeSet::default();
        set.insert_range(&(u64::MAX..=u64::MAX));
        set.insert_range(&(u64::MAX - 1..=u64::MAX - 1));
        assert_eq!(set.ranges(), 1);
        set.remove_range(&(u64::MAX..=u64::MAX));
        assert_eq!(set.end_of(u64::MAX - 1), Some(u64::MAX - 1));
        assert_eq!(set.end_of(u64::MAX), None);
    }

    #[test]
    fn an_empty_range_changes_nothing() {
        let mut set = RangeSet::default();
        #[expect(clippy::reversed_empty_ranges, reason = "it is the empty range")]
        let empty = 5..=4;
        set.insert_range(&empty);
        assert!(set.is_empty());
        set.insert_range(&(5..=5));
        set.remove_range(&empty);
        assert_eq!(numbers(&set), BTreeSet::from([5]));
        assert!(set.lacks(empty).is_empty());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64, u64),
        Remove(u64, u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let range = || (0..60_u64, 0..9_u64);
        prop_oneof![
            2 => range().prop_map(|(first, more)| Step::Insert(first, first + more)),
            1 => range().prop_map(|(first, more)| Step::Remove(first, first + more)),
        ]
    }

    proptest! {
        #[test]
        fn it_is_the_set_that_the_standard_library_has_in_as_few_ranges_as_can_be(
            steps in prop::collection::vec(any_step(), 0..40),
            (first, more) in (0..60_u64, 0..60_u64),
        ) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    Step::Insert(first, last) => {
                        set.insert_range(&(first..=last));
                        model.extend(first..=last);
                    }
                    Step::Remove(first, last) => {
                        set.remove_range(&(first..=last));
                        model.retain(|number| !(first..=last).contains(number));
                    }
                }
            }
            prop_assert_eq!(&numbers(&set), &model);
            for number in 0..80 {
                prop_assert_eq!(set.end_of(number).is_some(), model.contains(&number));
            }
            prop_assert_eq!(set.len(), model.len() as u64);
            let mut kept = set.clone();
            let mut others = RangeSet::default();
            others.insert_range(&(first..=first + more));
            kept.keep(&others);
            let in_both = model.iter().copied().filter(|number| (first..=first + more).contains(number));
            prop_assert_eq!(numbers(&kept), in_both.collect::<BTreeSet<u64>>());
            let begins = |number: &&u64| **number == 0 || !model.contains(&(**number - 1));
            prop_assert_eq!(set.ranges(), model.iter().filter(begins).count());
            let lacked: BTreeSet<u64> = (first..=first + more).filter(|number| !model.contains(number)).collect();
            prop_assert_eq!(numbers(&set.lacks(first..=first + more)), lacked);
        }
    }
}
