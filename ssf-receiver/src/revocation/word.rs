//! What the index keeps for one key and kind: one machine word, so that all of it changes at once.

use super::{Effect, Kind, ScopeId};

/// The moment fills the low half; above it stand, in this order, detail, scope, lag, effect (none, or one more than its
/// number) and kind.
const DETAIL_AT: u32 = u32::BITS;
const SCOPE_AT: u32 = DETAIL_AT + u16::BITS;
const LAG_AT: u32 = SCOPE_AT + SCOPE_BITS;
const EFFECT_AT: u32 = LAG_AT + LAG_BITS;
const KIND_AT: u32 = EFFECT_AT + EFFECT_BITS;

const SCOPE_BITS: u32 = 6;
const LAG_BITS: u32 = 4;
const EFFECT_BITS: u32 = 3;

/// An [`Entry`], packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Word(u64);

/// What a word says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Whose it is.
    pub(super) scope: ScopeId,
    /// What it does, if it is a state.
    pub(super) effect: Option<Effect>,
    /// Seconds since 1970: what sessions are compared with.
    pub(super) moment: u32,
    pub(super) lag: Lag,
    pub(super) detail: DetailId,
}

/// The number of a detail of the table that the word is in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct DetailId(pub(super) u16);

/// How long after its moment a revocation was received, rounded up to a power of four seconds; 0 for not at all.
///
/// Rounding keeps an entry longer, never shorter.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Lag(u8);

impl Lag {
    /// Longer than eight years, which counts as for ever.
    const MAX: u8 = (1 << LAG_BITS) - 1;

    /// The smallest that reaches from `moment` to `until`.
    pub(super) fn reaching(moment: u32, until: u32) -> Self {
        let seconds = until.saturating_sub(moment);
        let power = (0..Self::MAX).find(|power| seconds <= Self(*power).seconds());
        Self(power.unwrap_or(Self::MAX))
    }

    fn seconds(self) -> u32 {
        match self.0 {
            0 => 0,
            Self::MAX.. => u32::MAX,
            power => 1 << (2 * power),
        }
    }
}

impl Entry {
    /// Whether a watermark can stand for it: for a state none can.
    pub(super) fn may_be_forgotten(&self) -> bool {
        match self.kind {
            Kind::Ended | Kind::Unproven => self.effect.is_none(),
            Kind::Disabled | Kind::NotCompliant | Kind::Risk | Kind::Assurance => false,
        }
    }

    /// When it was received, at the latest, if none was received after `newest`: by that it is forgotten.
    pub(super) fn until(&self, newest: u32) -> u32 {
        let reached = self.moment.saturating_add(self.lag.seconds());
        reached.min(newest.max(self.moment))
    }
}

impl Word {
    pub(super) fn kind(self) -> Kind {
        let [.., number] = (self.0 >> KIND_AT).to_be_bytes();
        // Words are made of kinds alone; if one were not, it would refuse sessions.
        Kind::from_number(number).unwrap_or(Kind::Ended)
    }

    pub(super) fn entry(self) -> Entry {
        let [_, _, high, low, moment @ ..] = self.0.to_be_bytes();
        let effect = self.field(EFFECT_AT, EFFECT_BITS).checked_sub(1);
        Entry {
            kind: self.kind(),
            scope: ScopeId::new(self.field(SCOPE_AT, SCOPE_BITS)).unwrap_or_default(),
            lag: Lag(self.field(LAG_AT, LAG_BITS)),
            effect: effect.and_then(Effect::from_number),
            moment: u32::from_be_bytes(moment),
            detail: DetailId(u16::from_be_bytes([high, low])),
        }
    }

    fn field(self, at: u32, bits: u32) -> u8 {
        let [.., low] = (self.0 >> at).to_be_bytes();
        low & u8::MAX >> (u8::BITS - bits)
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
        let scope = u64::from(entry.scope.number()) << SCOPE_AT;
        let lag = u64::from(entry.lag.0) << LAG_AT;
        Self(kind | effect | lag | scope | detail | u64::from(entry.moment))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn any_entry() -> impl Strategy<Value = Entry> {
        let kind = prop::sample::select(&Kind::ALL[..]);
        let effect = prop::option::of(prop::sample::select(&Effect::ALL[..]));
        let small = (0..64_u8, 0..16_u8, any::<u16>());
        let parts = (kind, effect, any::<u32>(), small);
        parts.prop_map(|(kind, effect, moment, (scope, lag, detail))| Entry {
            kind,
            scope: ScopeId::new(scope).unwrap(),
            effect,
            moment,
            lag: Lag(lag),
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

    fn received(moment: u32, until: u32) -> Entry {
        Entry {
            kind: Kind::Ended,
            scope: ScopeId::default(),
            effect: None,
            moment,
            lag: Lag::reaching(moment, until),
            detail: DetailId::default(),
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_until_it_was_received_at_least_and_no_longer_than_the_newest(
            moment in any::<u32>(), late in any::<u32>(), newer in any::<u32>()
        ) {
            let until = moment.saturating_add(late);
            let newest = until.saturating_add(newer);
            let kept = received(moment, until).until(newest);
            prop_assert!((until..=newest).contains(&kept));
        }

        #[test]
        fn the_greater_lag_after_the_later_moment_reaches_as_far_as_both(
            a in any::<(u32, u32)>(), b in any::<(u32, u32)>()
        ) {
            let of = |(moment, late): (u32, u32)| received(moment, moment.saturating_add(late));
            let (a, b) = (of(a), of(b));
            let both = Entry { lag: a.lag.max(b.lag), moment: a.moment.max(b.moment), ..a };
            let end = |entry: Entry| entry.until(u32::MAX);
            prop_assert!(end(both) >= end(a).max(end(b)));
        }
    }

    #[test]
    fn a_kind_of_three_bits_fits() {
        for kind in Kind::ALL {
            assert!(kind.number() < 1 << (u64::BITS - KIND_AT));
        }
    }
}
