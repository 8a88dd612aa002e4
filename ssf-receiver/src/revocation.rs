//! Revocations: which sessions they select, until when, and how two of them become one.
//!
//! Merging takes the maximum, so applying a revocation any number of times, in any order, gives the same state.

mod detail;
mod details;
mod entries;
mod filter;
mod index;
mod key;
mod kind;
mod mask;
mod rebuild;
mod scope;
mod selection;
mod slot;
mod table;
mod tag;
mod word;

use std::sync::Arc;

pub use self::{
    detail::Detail,
    index::{Full, Index, MASKS_MAX, Match},
    key::{Fingerprint, IndexKey, RevocationKey},
    kind::Kind,
    mask::Mask,
    scope::{SCOPES_MAX, Scope, ScopeId},
    selection::{COMBINATIONS_MAX, Policy, Selection, Unknown, Unselected, select},
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
    /// Both in one; they have one key and one kind.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let later = |one: &Self| (one.moment, Arc::clone(&one.detail));
        let (moment, detail) = later(self).max(later(other));
        Self {
            moment,
            detail,
            until: self.until.max(other.until),
            ..self.clone()
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

    fn any_of_one_key() -> impl Strategy<Value = Revocation> {
        (0..4_u32, 0..4_u32, any_detail()).prop_map(|(moment, later, detail)| Revocation {
            scope: ScopeId::default(),
            key: RevocationKey::from_bytes([7; 16]),
            mask: Mask::default(),
            kind: Kind::Ended,
            moment,
            until: moment + later,
            detail,
        })
    }

    proptest! {
        #[test]
        fn merging_is_idempotent_commutative_and_associative(
            a in any_of_one_key(), b in any_of_one_key(), c in any_of_one_key()
        ) {
            prop_assert_eq!(a.merge(&a), a.clone());
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn what_is_merged_is_never_earlier(a in any_of_one_key(), b in any_of_one_key()) {
            let merged = a.merge(&b);
            prop_assert!(merged.moment >= a.moment.max(b.moment));
            prop_assert!(merged.until >= a.until.max(b.until));
        }
    }
}
