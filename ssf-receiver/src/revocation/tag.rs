//! The half of a key that the table knows it by.

use std::num::NonZeroU64;

use super::RevocationKey;

/// Half of the hash of a key.
///
/// Everything in a table is found by it alone, so that another table can be made of what is in the slots. Two keys of
/// ten million share one with a probability of three in a million; what is said of one then counts for both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Tag(NonZeroU64);

impl Tag {
    /// The tag of a key, which is a keyed hash: any half of it will do.
    pub(super) fn of(key: RevocationKey) -> Self {
        Self(NonZeroU64::new(key.half()).unwrap_or(NonZeroU64::MIN))
    }

    pub(super) fn get(self) -> u64 {
        self.0.get()
    }

    /// Its place among so many, by its high bits; the order of tags is that of their places.
    pub(super) fn place_among(self, places: usize) -> usize {
        let place = (u128::from(self.get()) * places as u128) >> u64::BITS;
        usize::try_from(place).unwrap_or_default() // always less than `places`
    }
}

impl Default for Tag {
    fn default() -> Self {
        Self(NonZeroU64::MIN)
    }
}

impl From<NonZeroU64> for Tag {
    fn from(tag: NonZeroU64) -> Self {
        Self(tag)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::hash::Hasher;

    use siphasher::sip128::{Hasher128, SipHasher13};

    use super::*;

    /// The key with that number.
    pub(in super::super) fn key(number: u64) -> RevocationKey {
        let mut hasher = SipHasher13::new();
        hasher.write_u64(number);
        RevocationKey::from_bytes(hasher.finish128().as_bytes())
    }

    pub(in super::super) fn tag(number: u64) -> Tag {
        Tag::of(key(number))
    }

    #[test]
    fn a_key_of_zeros_has_a_tag_of_its_own() {
        assert_eq!(Tag::of(RevocationKey::from_bytes([0; 16])).get(), 1);
    }

    #[test]
    fn every_tag_has_a_place_in_the_order_of_tags() {
        let tags = [1, 1 << 62, 1 << 63, u64::MAX].map(|tag| Tag(NonZeroU64::new(tag).unwrap()));
        assert_eq!(tags.map(|tag| tag.place_among(64)), [0, 16, 32, 63]);
        assert_eq!(tags.map(|tag| tag.place_among(12)), [0, 3, 6, 11]);
    }
}
