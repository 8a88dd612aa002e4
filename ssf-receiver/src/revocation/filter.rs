//! A filter in front of the table, which answers almost every miss from one word.

use std::{
    ops::BitOr,
    sync::atomic::{AtomicU64, Ordering},
};

use super::tag::Tag;

/// Twelve bits a slot: with four of them set for each tag, one miss of 200 gets past a table that is four fifths full.
const BITS_PER_SLOT: usize = 12;

const WORD_BITS: usize = u64::BITS as usize;

/// A Bloom filter whose bits for one tag all stand in one word.
#[derive(Debug)]
pub(super) struct Filter(Box<[AtomicU64]>);

impl Filter {
    /// An empty one for a table of so many slots.
    pub(super) fn new(slots: usize) -> Self {
        let words = (slots * BITS_PER_SLOT).div_ceil(WORD_BITS);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// Adds a tag whose slot is filled; only for the one writer.
    pub(super) fn add(&self, tag: Tag) {
        self.word(tag).fetch_or(pattern(tag), Ordering::Release);
    }

    /// Whether the tag may have been added; `false` is certain.
    pub(super) fn may_have(&self, tag: Tag) -> bool {
        let pattern = pattern(tag);
        self.word(tag).load(Ordering::Acquire) & pattern == pattern
    }

    /// The same for up to 64 tags: a bit for each, the lowest for the first. Nothing depends on one of them before all are
    /// asked for, so that the processor waits for their words at the same time.
    pub(super) fn may_have_each(&self, tags: &[Tag]) -> u64 {
        let bit = |(place, tag): (usize, &Tag)| u64::from(self.may_have(*tag)) << place;
        tags.iter().enumerate().map(bit).fold(0, BitOr::bitor)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// The high bits choose the word, as they choose the bucket: so whoever copies a table goes through both in order.
    fn word(&self, tag: Tag) -> &AtomicU64 {
        &self.0[tag.place_among(self.0.len())]
    }
}

/// Four bits, chosen by the low bits of the tag.
fn pattern(tag: Tag) -> u64 {
    let bit = |shift: u32| 1_u64 << (tag.get() >> shift & 0x3f);
    bit(0) | bit(6) | bit(12) | bit(18)
}
