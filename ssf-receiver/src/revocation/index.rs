//! The index that the guard reads: in memory, without a lock.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ssf_types::uri::Issuer;

use super::{
    Detail, IndexKey, Kind, Mask, Revocation, RevocationKey, Scope, ScopeId, key::MaskSecret,
};
use crate::session::SessionKeys;

/// All revocations, by hash of what they select.
///
/// Reading takes no lock and waits for nobody. It grows with the number of distinct subjects that were revoked.
#[derive(Debug)]
pub struct Index {
    key: IndexKey,
    /// The number of the secret, which is that of all keys that can be looked up here.
    secret: u64,
    entries: papaya::HashMap<(RevocationKey, Kind), Entry>,
    scopes: Box<[OfScope]>,
}

#[derive(Clone, Debug)]
struct Entry {
    moment: u32,
    detail: Arc<Detail>,
}

/// What there is of one transmitter.
#[derive(Debug)]
struct OfScope {
    scope: Scope,
    /// Its number in keys.
    number: u64,
    masks: ArcSwap<Vec<ActiveMask>>,
}

/// A mask under which something was revoked.
#[derive(Clone, Debug)]
struct ActiveMask {
    mask: Mask,
    secret: MaskSecret,
    has: Box<[u64]>,
    lacks: Box<[u64]>,
}

/// A revocation that selects a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// Whether it names that very session, which is then over whenever it began.
    pub named: bool,
    /// What it compares.
    pub kind: Kind,
    /// With what: seconds since 1970.
    pub moment: u32,
    /// What it tells.
    pub detail: Arc<Detail>,
}

impl Index {
    /// Makes an empty index of the revocations of these transmitters, whose hashes are made with `key`.
    pub fn new(key: IndexKey, scopes: impl IntoIterator<Item = Scope>) -> Self {
        let of_scope = |scope: Scope| OfScope {
            number: key.scope(&scope.issuer),
            scope,
            masks: ArcSwap::default(),
        };
        Self {
            scopes: scopes.into_iter().map(of_scope).collect(),
            secret: key.number(),
            entries: papaya::HashMap::new(),
            key,
        }
    }

    /// The secret of its hashes.
    pub fn key(&self) -> &IndexKey {
        &self.key
    }

    /// The number of a transmitter, if it is one of these.
    pub fn scope(&self, issuer: &Issuer) -> Option<ScopeId> {
        let of_scope = self.scopes.iter().find(|one| one.scope.issuer == *issuer);
        of_scope.map(|one| one.scope.id)
    }

    /// How many revocations there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Merges a revocation into what is known; when this returns, every reader sees it.
    ///
    /// One of a transmitter that is not among these concerns no session here.
    pub fn apply(&self, revocation: &Revocation) {
        let of_scope = self
            .scopes
            .iter()
            .find(|one| one.scope.id == revocation.scope);
        let Some(of_scope) = of_scope else {
            return;
        };
        let new = Entry {
            moment: revocation.moment,
            detail: Arc::clone(&revocation.detail),
        };
        self.entries.pin().update_or_insert_with(
            (revocation.key, revocation.kind),
            |old| old.later(&new).clone(),
            || new.clone(),
        );
        // After the entry: who finds the mask finds the entry too.
        of_scope.look_up_by(&revocation.mask, &self.key);
    }

    /// The revocations that select a session.
    ///
    /// `None` if its keys were made with another secret, or for another transmitter: nobody can tell then.
    pub fn matches(&self, session: &SessionKeys) -> Option<Vec<Match>> {
        let of_scope = self.scopes.iter().find(|one| one.number == session.scope);
        let of_scope = of_scope.filter(|_| session.secret == self.secret)?;
        let masks = of_scope.masks.load();
        let mut found = Vec::new();
        if masks.is_empty() {
            return Some(found);
        }
        let entries = self.entries.pin();
        let mut look_up = |key, named| {
            for kind in Kind::ALL {
                if let Some(entry) = entries.get(&(key, kind)) {
                    found.push(Match {
                        named,
                        kind,
                        moment: entry.moment,
                        detail: Arc::clone(&entry.detail),
                    });
                }
            }
        };
        for mask in masks.iter() {
            mask.keys(session, &mut look_up);
        }
        Some(found)
    }
}

impl Entry {
    fn later<'e>(&'e self, other: &'e Self) -> &'e Self {
        let order = |entry: &'e Self| (entry.moment, &entry.detail);
        if order(other) > order(self) {
            other
        } else {
            self
        }
    }
}

impl OfScope {
    fn look_up_by(&self, mask: &Mask, key: &IndexKey) {
        let is_there = |masks: &[ActiveMask]| masks.iter().any(|one| one.mask == *mask);
        if is_there(&self.masks.load()) {
            return;
        }
        let places = |names: &std::collections::BTreeSet<String>| {
            names.iter().map(|place| key.place(place)).collect()
        };
        let active = ActiveMask {
            secret: key.mask(&self.scope.issuer, mask),
            has: places(&mask.has),
            lacks: places(&mask.lacks),
            mask: mask.clone(),
        };
        self.masks.rcu(|masks| {
            let mut masks = Vec::clone(masks);
            if !is_there(&masks) {
                masks.push(active.clone());
            }
            Arc::new(masks)
        });
    }
}

impl ActiveMask {
    /// Calls `look_up` with each key that a session has under the mask, and whether it names the session.
    fn keys(&self, session: &SessionKeys, look_up: &mut impl FnMut(RevocationKey, bool)) {
        if self.mask.is_simple() {
            for (key, named) in session.simple() {
                look_up(key, named);
            }
            return;
        }
        let knows = |place: &u64| session.at(*place).next().is_some();
        if self.lacks.iter().any(knows) {
            return;
        }
        choose(session, &self.has, (self.secret, false), look_up);
    }
}

/// One key for each choice of identifiers, one at each place.
fn choose(
    session: &SessionKeys,
    places: &[u64],
    (secret, named): (MaskSecret, bool),
    look_up: &mut impl FnMut(RevocationKey, bool),
) {
    let Some((place, rest)) = places.split_first() else {
        look_up(secret.key(), named);
        return;
    };
    for identifier in session.at(*place) {
        let secret = secret.with(identifier.fingerprint);
        choose(
            session,
            rest,
            (secret, named || identifier.is_session()),
            look_up,
        );
    }
}
