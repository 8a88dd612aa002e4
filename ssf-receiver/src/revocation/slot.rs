//! A place for one entry, which is filled once and then only raised.

use std::{
    num::NonZeroU64,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{tag::Tag, word::Word};

/// Four slots, which share a cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Bucket(pub(super) [Slot; Self::SLOTS]);

impl Bucket {
    pub(super) const SLOTS: usize = 4;
}

/// The tag of a key, and what is known of that key.
///
/// The tag is written once, after the first word; so whoever reads it reads a word of that key.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// 0 for a slot that is free.
    tag: AtomicU64,
    word: AtomicU64,
}

/// What a slot holds for somebody who looks for a tag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Held {
    /// Nothing yet; neither do the slots after it hold that tag.
    Nothing,
    /// Another tag.
    Other,
    /// That tag.
    Word(Word),
}

impl Slot {
    /// What it holds for `tag`.
    pub(super) fn held(&self, tag: Tag) -> Held {
        match self.tag.load(Ordering::Acquire) {
            0 => Held::Nothing,
            found if found == tag.get() => Held::Word(self.word()),
            _ => Held::Other,
        }
    }

    /// What it holds; `None` while it is free.
    pub(super) fn content(&self) -> Option<(Tag, Word)> {
        let tag = NonZeroU64::new(self.tag.load(Ordering::Acquire))?;
        Some((Tag::from(tag), self.word()))
    }

    /// Fills a free slot; only for the one writer.
    pub(super) fn fill(&self, tag: Tag, word: Word) {
        // The word becomes visible with the tag, and nobody reads it before.
        self.word.store(word.to_bits(), Ordering::Relaxed);
        self.tag.store(tag.get(), Ordering::Release);
    }

    /// Puts another word of the same key and kind in the place of the one that is there; only for the one writer.
    pub(super) fn replace(&self, word: Word) {
        // Releases the detail that the word points to.
        self.word.store(word.to_bits(), Ordering::Release);
    }

    fn word(&self) -> Word {
        Word::from_bits(self.word.load(Ordering::Acquire))
    }
}
