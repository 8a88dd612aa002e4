//! The index that the guard reads: in memory, without a lock.

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwap;
use ssf_types::subject::SimpleSubject;

use super::{Fingerprint, IndexKey, Mask, Revocation, Thresholds, selection::COLLECTIVE};
use crate::session::{SESSION, Session};

/// All revocations, by hash of what they select.
///
/// Reading takes no lock and waits for nobody. It grows with the number of distinct subjects that were revoked.
#[derive(Debug)]
pub struct Index {
    key: IndexKey,
    entries: papaya::HashMap<super::RevocationKey, Thresholds>,
    masks: ArcSwap<BTreeSet<Mask>>,
}

/// A revocation that selects a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// Whether it names that very session, which is then over whenever it began.
    pub named: bool,
    /// What it says.
    pub thresholds: Thresholds,
}

impl Index {
    /// Makes an empty index whose hashes are made with `key`.
    pub fn new(key: IndexKey) -> Self {
        Self {
            key,
            entries: papaya::HashMap::new(),
            masks: ArcSwap::default(),
        }
    }

    /// The secret of its hashes.
    pub fn key(&self) -> &IndexKey {
        &self.key
    }

    /// How many keys have a revocation.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Merges a revocation into what is known; when this returns, every reader sees it.
    pub fn apply(&self, revocation: &Revocation) {
        let new = &revocation.thresholds;
        self.entries.pin().update_or_insert_with(
            revocation.key,
            |old| old.merge(new),
            || new.clone(),
        );
        // After the entry: who finds the mask finds the entry too.
        if !self.masks.load().contains(&revocation.mask) {
            self.masks.rcu(|masks| {
                let mut masks = BTreeSet::clone(masks);
                masks.insert(revocation.mask.clone());
                Arc::new(masks)
            });
        }
    }

    /// The revocations that select `session`.
    pub fn matches(&self, session: &Session) -> Vec<Match> {
        let masks = self.masks.load();
        if masks.is_empty() {
            return Vec::new();
        }
        let facts = Facts::new(&self.key, session);
        let entries = self.entries.pin();
        let mut found = Vec::new();
        for mask in masks.iter() {
            facts.combinations(mask, &mut |identifiers, named| {
                let key = self
                    .key
                    .revocation(session.issuer(), mask, identifiers.iter().copied());
                if let Some(thresholds) = entries.get(&key) {
                    found.push(Match {
                        named,
                        thresholds: thresholds.clone(),
                    });
                }
            });
        }
        found
    }
}

/// The identifiers of one session, each hashed once.
struct Facts<'s> {
    identifiers: Vec<Fact<'s>>,
}

struct Fact<'s> {
    member: &'s str,
    format: &'s str,
    fingerprint: Fingerprint,
    /// Whether the identifier names a session, a token or an assertion and not a person.
    named: bool,
}

impl<'s> Facts<'s> {
    fn new(key: &IndexKey, session: &'s Session) -> Self {
        let fact = |(member, identifier): (&'s str, &'s SimpleSubject)| Fact {
            member,
            format: identifier.format(),
            fingerprint: key.identifier(identifier),
            named: member == SESSION
                || matches!(
                    identifier,
                    SimpleSubject::JwtId { .. } | SimpleSubject::SamlAssertionId { .. }
                ),
        };
        Self {
            identifiers: session.identifiers().map(fact).collect(),
        }
    }

    fn at(&self, place: &str) -> impl Iterator<Item = &Fact<'s>> {
        self.identifiers
            .iter()
            .filter(move |fact| Mask::is_place(place, fact.member, fact.format))
    }

    /// Calls `look_up` with each choice of identifiers that the mask allows, and whether it names the session.
    fn combinations(&self, mask: &Mask, look_up: &mut impl FnMut(&[Fingerprint], bool)) {
        if mask.is_simple() {
            let individual = |fact: &&Fact<'_>| !COLLECTIVE.contains(&fact.member);
            for fact in self.identifiers.iter().filter(individual) {
                look_up(&[fact.fingerprint], fact.named);
            }
            return;
        }
        if mask
            .lacks
            .iter()
            .any(|place| self.at(place).next().is_some())
        {
            return;
        }
        let places: Vec<&str> = mask.has.iter().map(String::as_str).collect();
        self.choose(
            &places,
            &mut Vec::with_capacity(places.len()),
            false,
            look_up,
        );
    }

    fn choose(
        &self,
        places: &[&str],
        chosen: &mut Vec<Fingerprint>,
        named: bool,
        look_up: &mut impl FnMut(&[Fingerprint], bool),
    ) {
        let Some((place, rest)) = places.split_first() else {
            look_up(chosen, named);
            return;
        };
        for fact in self.at(place) {
            chosen.push(fact.fingerprint);
            self.choose(rest, chosen, named || fact.named, look_up);
            chosen.pop();
        }
    }
}
