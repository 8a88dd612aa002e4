//! Comparing SETs that come with those that are there.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, hash_map::Entry},
};

use ssf_types::time::Timestamp;

use super::{Arriving, ReceivedSet, Retained, say_the_same};

/// A SET that is there already.
pub(crate) struct KnownSet<'a> {
    /// Hash of its claims; one that was made in another way is that of no SET: then claims are compared.
    pub(crate) fingerprint: [u8; 16],
    pub(crate) received_at: Timestamp,
    pub(crate) claims: Cow<'a, str>,
}

/// Those of the SETs that come that are there already, by issuer and `jti`.
#[derive(Default)]
pub(crate) struct KnownSets<'a>(BTreeMap<&'a str, HashMap<String, KnownSet<'a>>>);

impl<'a> KnownSets<'a> {
    pub(crate) fn insert(&mut self, issuer: &'a str, jti: String, known: KnownSet<'a>) {
        self.0.entry(issuer).or_default().insert(jti, known);
    }

    /// What is there of each SET, and which of them are new: of two with one name, the first counts.
    pub(crate) fn compare_all(
        mut self,
        sets: &'a [Arriving],
    ) -> (Vec<Retained>, Vec<&'a Arriving>) {
        let mut new = Vec::new();
        let mut retained = Vec::with_capacity(sets.len());
        for arriving in sets {
            let answer = self.compare(&arriving.set);
            if answer == Retained::New {
                new.push(arriving);
            }
            retained.push(answer);
        }
        (retained, new)
    }

    /// What is there of a SET; from now on, it is there.
    fn compare(&mut self, set: &'a ReceivedSet) -> Retained {
        let fingerprint = set.fingerprint.to_bytes();
        let of_issuer = self.0.entry(set.issuer.as_str()).or_default();
        match of_issuer.entry(set.jti.to_string()) {
            Entry::Occupied(entry) => {
                let known = entry.get();
                let received_at = known.received_at;
                if known.fingerprint == fingerprint || say_the_same(&known.claims, &set.claims) {
                    Retained::Duplicate { received_at }
                } else {
                    Retained::Conflict
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(KnownSet {
                    fingerprint,
                    received_at: set.received_at,
                    claims: set.claims.as_str().into(),
                });
                Retained::New
            }
        }
    }
}
