//! Revocations: which sessions they select, until when, and how two of them become one.
//!
//! Merging takes the maximum, so applying a revocation any number of times, in any order, gives the same state.

mod index;
mod key;
mod selection;

use std::{cmp::Ordering, sync::Arc};

use ssf_types::event::language::Texts;

pub use self::{
    index::{Index, Match},
    key::{Fingerprint, IndexKey, RevocationKey},
    selection::{COMBINATIONS_MAX, Mask, Policy, Selection, Unknown, Unselected, select},
};

/// A moment before which something must not have happened, and why.
///
/// Cuts are ordered by that moment; the rest only makes the order of arrival irrelevant between equal moments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Seconds since 1970; the same second is still before, because both sides count whole seconds.
    pub before: u64,
    /// URI of the event's type.
    pub event: Arc<str>,
    /// What the user may be told.
    pub reason: Option<Arc<Texts>>,
}

impl Cut {
    fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reason.iter().flat_map(|texts| texts.iter())
    }
}

impl Ord for Cut {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.before, &self.event)
            .cmp(&(other.before, &other.event))
            .then_with(|| self.texts().cmp(other.texts()))
    }
}

impl PartialOrd for Cut {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is kept for one key: both thresholds, each the latest that was told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Thresholds {
    /// Sessions that began no later are over; a session that was named is over whenever it began.
    pub began_before: Option<Cut>,
    /// Sessions whose user proved who they are no later need a fresh sign-in.
    pub authenticated_before: Option<Cut>,
}

impl Thresholds {
    /// The later of both, threshold by threshold.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        // `None` is less than any cut.
        Self {
            began_before: self.began_before.clone().max(other.began_before.clone()),
            authenticated_before: self
                .authenticated_before
                .clone()
                .max(other.authenticated_before.clone()),
        }
    }
}

/// Thresholds for the sessions that have certain identifiers; the key does not tell which.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// Hash of the issuer, the mask and the identifiers.
    pub key: RevocationKey,
    /// The members that were hashed.
    pub mask: Mask,
    /// Until when.
    pub thresholds: Thresholds,
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn any_cut() -> impl Strategy<Value = Cut> {
        (0..4_u64, "[ab]", prop::option::of("[xy]")).prop_map(|(before, event, reason)| Cut {
            before,
            event: event.into(),
            reason: reason.map(|text| Arc::new(Texts::new([("en", text)]).unwrap())),
        })
    }

    pub(crate) fn any_thresholds() -> impl Strategy<Value = Thresholds> {
        (prop::option::of(any_cut()), prop::option::of(any_cut())).prop_map(
            |(began_before, authenticated_before)| Thresholds {
                began_before,
                authenticated_before,
            },
        )
    }

    proptest! {
        #[test]
        fn merging_is_idempotent_commutative_and_associative(
            a in any_thresholds(), b in any_thresholds(), c in any_thresholds()
        ) {
            prop_assert_eq!(a.merge(&a), a.clone());
            prop_assert_eq!(a.merge(&b), b.merge(&a));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn a_merged_threshold_is_never_earlier(a in any_thresholds(), b in any_thresholds()) {
            let merged = a.merge(&b);
            prop_assert!(merged.began_before >= a.began_before);
            prop_assert!(merged.authenticated_before >= b.authenticated_before);
        }
    }
}
