//! What the index keeps for one key and kind: one machine word, so that all of it changes at once.

use super::Kind;

/// The moment fills the low half, the number of the detail stands above it, and the kind in the highest bits.
const DETAIL_AT: u32 = u32::BITS;
const KIND_AT: u32 = 61;

/// An [`Entry`], packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word(u64);

/// What a word says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Seconds since 1970: what sessions are compared with.
    pub(super) moment: u32,
    pub(super) detail: DetailId,
}

/// The number of a detail of the table that the word is in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct DetailId(pub(super) u16);

impl Word {
    pub(super) fn kind(self) -> Kind {
        let [.., number] = (self.0 >> KIND_AT).to_be_bytes();
        // Words are made of kinds alone; if one were not, it would refuse sessions.
        Kind::from_number(number).unwrap_or(Kind::Ended)
    }

    pub(super) fn entry(self) -> Entry {
        let [_, _, high, low, moment @ ..] = self.0.to_be_bytes();
        Entry {
            kind: self.kind(),
            moment: u32::from_be_bytes(moment),
            detail: DetailId(u16::from_be_bytes([high, low])),
        }
    }

    pub(super) fn to_bits(self) -> u64 {
        self.0
    }

    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl From<Entry> for Word {
    fn from(entry: Entry) -> Self {
        let kind = u64::from(entry.kind.number()) << KIND_AT;
        let detail = u64::from(entry.detail.0) << DETAIL_AT;
        Self(kind | detail | u64::from(entry.moment))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_entry() -> impl Strategy<Value = Entry> {
        let kind = prop::sample::select(&Kind::ALL[..]);
        (kind, any::<u32>(), any::<u16>()).prop_map(|(kind, moment, detail)| Entry {
            kind,
            moment,
            detail: DetailId(detail),
        })
    }

    proptest! {
        #[test]
        fn a_word_gives_back_whatever_fits(entry in any_entry()) {
            let word = Word::from(entry);
            prop_assert_eq!(word.entry(), entry);
            prop_assert_eq!(word.kind(), entry.kind);
            prop_assert_eq!(Word::from_bits(word.to_bits()), word);
        }
    }

    #[test]
    fn a_kind_of_three_bits_fits() {
        for kind in Kind::ALL {
            assert!(kind.number() < 1 << (u64::BITS - KIND_AT));
        }
    }
}
