//! What the index keeps for one key and kind: one machine word, so that all of it changes at once.

use super::{Effect, Kind};

/// The moment fills the low half, the number of the detail stands above it, then the effect, and the kind in the highest bits.
const DETAIL_AT: u32 = u32::BITS;
const EFFECT_AT: u32 = 56;
const KIND_AT: u32 = 61;

/// The bits of the effect: none, or one more than its number.
const EFFECT_BITS: u8 = 0b111;

/// An [`Entry`], packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word(u64);

/// What a word says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// What it does, if it is a state.
    pub(super) effect: Option<Effect>,
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
        let [kind_and_effect, _, high, low, moment @ ..] = self.0.to_be_bytes();
        let effect = (kind_and_effect & EFFECT_BITS).checked_sub(1);
        Entry {
            kind: self.kind(),
            effect: effect.and_then(Effect::from_number),
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
        let effect = entry.effect.map_or(0, |effect| effect.number() + 1);
        let effect = u64::from(effect) << EFFECT_AT;
        let detail = u64::from(entry.detail.0) << DETAIL_AT;
        Self(kind | effect | detail | u64::from(entry.moment))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_entry() -> impl Strategy<Value = Entry> {
        let kind = prop::sample::select(&Kind::ALL[..]);
        let effect = prop::option::of(prop::sample::select(&Effect::ALL[..]));
        let parts = (kind, effect, any::<u32>(), any::<u16>());
        parts.prop_map(|(kind, effect, moment, detail)| Entry {
            kind,
            effect,
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
