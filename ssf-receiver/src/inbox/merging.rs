//! Merging revocations that come into those that are there.

use std::collections::{BTreeMap, HashMap};

use crate::revocation::{Kind, Revocation, RevocationKey};

/// What is there of a revocation's key and kind.
pub(crate) type Stored = HashMap<(RevocationKey, Kind), Revocation>;

/// One revocation for each key and kind.
pub(crate) fn merged<'r>(revocations: impl Iterator<Item = &'r Revocation>) -> Vec<Revocation> {
    let mut merged = BTreeMap::<(RevocationKey, Kind), Revocation>::new();
    for revocation in revocations {
        merged
            .entry((revocation.key, revocation.kind))
            .and_modify(|known| *known = known.merge(revocation))
            .or_insert_with(|| revocation.clone());
    }
    merged.into_values().collect()
}

/// What is to be written: whatever is another one now than the one that is there.
pub(crate) fn changed(revocations: &[Revocation], stored: &Stored) -> Vec<Revocation> {
    let mut changed = Vec::with_capacity(revocations.len());
    for revocation in revocations {
        let known = stored.get(&(revocation.key, revocation.kind));
        let merged = known.map_or_else(|| revocation.clone(), |known| known.merge(revocation));
        if known != Some(&merged) {
            changed.push(merged);
        }
    }
    changed
}
