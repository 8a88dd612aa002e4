//! How much the other side has to bear.

use std::{collections::BTreeMap, sync::Mutex};

use crate::context::locked;

/// How often something fails in a row at most.
const FAILED_MAX: u32 = 2;

/// How often it does not fail then, where whoever begins anew after each failure has to get through in the end.
pub(super) const SPARED: u32 = 8;

/// How often things failed, by what they are.
#[derive(Debug, Default)]
pub(super) struct Patience(Mutex<BTreeMap<String, Tried>>);

#[derive(Debug, Default)]
struct Tried {
    failed_in_a_row: u32,
    spared: u32,
}

impl Patience {
    /// The failure that something would have, if it may have one; after failures it is spared so often.
    pub(super) fn tried<F>(&self, what: &str, failure: Option<F>, spared: u32) -> Option<F> {
        let mut tried = locked(&self.0);
        let tried = tried.entry(what.to_owned()).or_default();
        if tried.spared > 0 {
            tried.spared -= 1;
            return None;
        }
        if failure.is_some() && tried.failed_in_a_row < FAILED_MAX {
            tried.failed_in_a_row += 1;
            return failure;
        }
        if tried.failed_in_a_row > 0 {
            tried.spared = spared;
        }
        tried.failed_in_a_row = 0;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_fails_twice_in_a_row_at_most_and_is_spared_then() {
        let fails = |spared| {
            let patience = Patience::default();
            let tries = (0..12).map(|_| patience.tried("a", Some(()), spared).is_some());
            tries.collect::<Vec<_>>()
        };
        let mut spared = [false; 12];
        (spared[0], spared[1], spared[11]) = (true, true, true);
        assert_eq!(fails(SPARED), spared);
        assert_eq!(fails(0)[..6], [true, true, false, true, true, false]);
    }

    #[test]
    fn what_is_something_else_fails_by_itself() {
        let patience = Patience::default();
        for what in ["a", "a", "b"] {
            assert!(patience.tried(what, Some(()), SPARED).is_some());
        }
        assert!(patience.tried("a", Some(()), SPARED).is_none());
        assert!(patience.tried("b", None::<()>, SPARED).is_none());
    }
}
