//! Revocations: which sessions they select, until when, and how two of them become one.
//!
//! Merging takes the maximum, so applying a revocation any number of times, in any order, gives the same state.

mod detail;
mod details;
mod entries;
mod filter;
mod hashing;
mod index;
mod key;
mod kind;
mod mask;
mod masks;
mod rebuild;
mod registers;
mod scope;
mod selection;
mod slot;
mod state;
mod table;
mod tag;
mod together;
mod watermark;
mod word;

use std::sync::Arc;

pub use self::{
    detail::Detail,
    entries::Limits,
    index::{Full, Index, MASKS_MAX, Match, STATES_MAX},
    key::{Fingerprint, IndexKey, RevocationKey},
    kind::Kind,
    mask::Mask,
    scope::{SCOPES_MAX, Scope, ScopeId},
    selection::{COMBINATIONS_MAX, Policy, Selection, Unknown, Unselected, select},
    state::{Effect, State},
    watermark::Watermarks,
};
pub(crate) use self::{scope::issuer_form, selection::COLLECTIVE};

/// What is revoked for the sessions that have certain identifiers; the key does not tell which.
///
/// Two of one key and kind are one: see [`Revocation::merge`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// The transmitter that said so.
    pub scope: ScopeId,
    /// Hash of the scope, the mask and the identifiers.
    pub key: RevocationKey,
    /// The members that were hashed.
    pub mask: Mask,
    /// What it compares.
    pub kind: Kind,
    /// What it does, and its place among others, if it is a state.
    pub state: Option<State>,
    /// What is compared with: seconds since 1970. The same second is still before, because both sides count whole seconds.
    pub moment: u32,
    /// By what it may be forgotten: when it was received, or `moment` if that is later; seconds since 1970.
    ///
    /// Sessions that it names began before it was received, whenever the event happened: so a session that began later, or
    /// was confirmed later, is none of those.
    pub until: u32,
    /// What it tells.
    pub detail: Arc<Detail>,
}

impl Revocation {
    /// Both in one; they have one key and one kind. Of two states the later holds, and of two moments the later counts.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let order = |one: &Self| (one.state, one.moment, Arc::clone(&one.detail));
        let later = if order(other) > order(self) {
            other
        } else {
            self
        };
        Self {
            until: self.until.max(other.until),
            ..later.clone()
        }
    }
}

/// Seconds since 1970, as revocations count them.
pub(crate) fn seconds(moment: ssf_types::time::Timestamp) -> u32 {
    u32::try_from(moment.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssf_types::event::language::Texts;

    use super::*;

    fn any_detail() -> impl Strategy<Value = Arc<Detail>> {
        ("[ab]", prop::option::of("[xy]")).prop_map(|(event, reason)| {
            let reason = reason.map(|text| Arc::new(Texts::new([("en", text)]).unwrap()));
            let event = event.into();
            Arc::new(Detail { event, reason })
        })
    }

    fn any_state() -> impl Strategy<Value = State> {
        let effect = prop::sample::select(&Effect::ALL[..]);
        (0..3_u64, 0..3_u64, 0..3_u64, effect).prop_map(|(occurred, toe, arrived, effect)| State {
            occurred,
            toe,
            arrived,
            effect,
        })
    }

    /// Three of one key and kind: a state or none.
    fn three_of_one_key() -> impl Strategy<Value = [Revocation; 3]> {
        any::<bool>().prop_flat_map(|is_state| {
            let state = if is_state {
                any_state().prop_map(Some).boxed()
            } else {
                Just(None).boxed()
            };
            let one = (0..4_u32, 0..4_u32, any_detail(), state);
            let one = one.prop_map(|(moment, later, detail, state)| Revocation {
                scope: ScopeId::default(),
                key: RevocationKey::from_bytes([7; 16]),
                mask: Mask::default(),
                kind: if state.is_some() {
                    Kind::Risk
                } else {
                    Kind::Ended
                },
                state,
                moment,
                until: moment + later,
                detail,
            });
            prop::array::uniform3(one)
        })
    }

    proptest! {
        #[test]
        fn merging_is_idempotent_commutative_and_associative(
            [a, b, c] in three_of_one_key()
        ) {
            prop_assert_eq!(a.merge(&a), a.clone());
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn what_is_merged_is_never_earlier([a, b, _] in three_of_one_key()) {
            let merged = a.merge(&b);
            prop_assert!(merged.until >= a.until.max(b.until));
            prop_assert_eq!(merged.state, a.state.max(b.state));
            if merged.state.is_none() {
                prop_assert_eq!(merged.moment, a.moment.max(b.moment));
            }
        }
    }
}
