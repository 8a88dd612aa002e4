//! The index that the guard reads: in memory, without a lock.

use std::{collections::BTreeSet, sync::Arc};

use ssf_types::uri::Issuer;

use super::{
    Detail, Effect, IndexKey, Kind, Mask, Revocation, Scope, ScopeId, Watermarks,
    entries::{Entries, Limits},
    masks::Masks,
    together::Together,
    word::Word,
};
use crate::session::SessionKeys;

/// Most sets of members and formats by which sessions of one transmitter are looked up: each costs each decision.
pub const MASKS_MAX: usize = 32;

/// Most states that hold at a time. They are never given up: whoever is blocked stays so until that is lifted.
pub const STATES_MAX: usize = 262_144;

/// All revocations, by hash of what they select.
///
/// Reading takes no lock and waits for nobody. Up to its [`Limits`], it grows with the number of distinct subjects that were revoked, by 22 to 44
/// bytes for each.
#[derive(Debug)]
pub struct Index {
    key: IndexKey,
    /// The number of the secret, which is that of all keys that can be looked up here.
    secret: u64,
    entries: Arc<Entries>,
    scopes: Box<[OfScope]>,
}

/// What there is of one transmitter.
#[derive(Debug)]
struct OfScope {
    scope: Scope,
    /// Its number in keys.
    number: u64,
    masks: Masks,
}

/// A revocation that selects a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Match {
    /// Whether it names that very session, which is then over whenever it began.
    pub named: bool,
    /// What it compares.
    pub kind: Kind,
    /// What it does, if it is a state.
    pub effect: Option<Effect>,
    /// With what it compares: seconds since 1970.
    pub moment: u32,
    /// What it tells; `None` if there was no room for it.
    pub detail: Option<Arc<Detail>>,
}

/// Why a revocation cannot be taken now.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Full {
    /// Its transmitter speaks of sessions by [`MASKS_MAX`] other sets of members and formats.
    #[error("the transmitter's subjects have more than {MASKS_MAX} sets of members and formats")]
    Masks,
    /// [`STATES_MAX`] hold already.
    #[error("{STATES_MAX} accounts, devices or sessions are blocked or at risk already")]
    States,
}

impl Index {
    /// Makes an empty index of the revocations of these transmitters, whose hashes are made with `key`.
    pub fn new(key: IndexKey, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self::with_limits(Limits::default(), key, scopes)
    }

    /// Makes an empty index that has room for so many revocations, and keeps no more than so many.
    pub fn with_limits(
        limits: Limits,
        key: IndexKey,
        scopes: impl IntoIterator<Item = Scope>,
    ) -> Self {
        let of_scope = |scope: Scope| OfScope {
            number: key.scope(&scope.issuer),
            scope,
            masks: Masks::default(),
        };
        let scopes: Box<[OfScope]> = scopes.into_iter().map(of_scope).collect();
        let key = key.for_scopes(scopes.iter().map(|of_scope| &of_scope.scope.issuer));
        Self {
            scopes,
            secret: key.number(),
            entries: Arc::new(Entries::new(limits)),
            key,
        }
    }

    /// Keeps no more than so many revocations of a transmitter from now on, states apart; at least 1.
    pub fn limit(&self, scope: ScopeId, most: u32) {
        self.entries.limit(scope, most);
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
        self.entries.table().len()
    }

    /// Whether nothing was revoked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to when revocations of a transmitter may have been forgotten.
    pub fn watermarks(&self, scope: ScopeId) -> Watermarks {
        self.entries.watermarks(scope)
    }

    /// Takes it that revocations of a transmitter are missing that were received up to then: those that a former process forgot,
    /// and the database with it. What was confirmed of sessions counts no more.
    pub fn raise(&self, scope: ScopeId, watermarks: Watermarks) {
        self.entries.raise(scope, watermarks);
    }

    /// Forgets revocations of a transmitter that were received up to then. Its watermarks rise to the latest of those.
    ///
    /// It looks at all revocations.
    pub fn forget(&self, scope: ScopeId, over: Watermarks) {
        self.entries.forget(scope, over);
    }

    /// How often revocations of a session's transmitter were forgotten, for whoever has decided before: 0 if it is none of
    /// these. All that were forgotten up to then had been taken before.
    #[cfg(feature = "client")]
    pub(crate) fn era(&self, session: &SessionKeys) -> u64 {
        let of_scope = self.of_session(session);
        of_scope.map_or(0, |of_scope| self.entries.era(of_scope.scope.id))
    }

    /// The number of a session's transmitter, if it is one of these.
    #[cfg(feature = "client")]
    pub(crate) fn scope_of(&self, session: &SessionKeys) -> Option<ScopeId> {
        self.of_session(session).map(|of_scope| of_scope.scope.id)
    }

    fn of_session(&self, session: &SessionKeys) -> Option<&OfScope> {
        self.scopes.iter().find(|one| one.number == session.scope)
    }

    /// What the revocations take in memory, in bytes. While the index grows, that is two tables.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }

    /// Whether revocations can be taken, which is asked before they are kept.
    ///
    /// Those that were kept are taken in any case, be it with some more masks.
    ///
    /// # Errors
    /// Says what there is too much of.
    pub fn has_room(&self, revocations: &[Revocation]) -> Result<(), Full> {
        let fits = |of_scope: &OfScope| {
            let own = revocations
                .iter()
                .filter(|one| one.scope == of_scope.scope.id);
            let new: BTreeSet<&Mask> = own
                .map(|one| &one.mask)
                .filter(|mask| !of_scope.masks.has(mask))
                .collect();
            new.is_empty() || of_scope.masks.iter().count() + new.len() <= MASKS_MAX
        };
        if !self.scopes.iter().all(fits) {
            return Err(Full::Masks);
        }
        if self.entries.holding_with(revocations) > STATES_MAX {
            return Err(Full::States);
        }
        Ok(())
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
        self.entries.apply(revocation);
        // After the entry: who finds the mask finds the entry too.
        of_scope
            .masks
            .add(&revocation.mask, &of_scope.scope, &self.key);
    }

    /// The revocations that select a session, and what may have been forgotten of its transmitter.
    ///
    /// `None` if its keys were made with another secret, or for another transmitter: nobody can tell then.
    pub fn matches(&self, session: &SessionKeys) -> Option<(Vec<Match>, Watermarks)> {
        let of_scope = self.of_session(session);
        let of_scope = of_scope.filter(|_| session.secret == self.secret)?;
        let mut found = Vec::new();
        let table = self.entries.table();
        let mut together = Together::new(&table, |word: Word, named| {
            let entry = word.entry();
            found.push(Match {
                named,
                kind: entry.kind,
                effect: entry.effect,
                moment: entry.moment,
                detail: table.details().get(entry.detail).cloned(),
            });
        });
        for mask in of_scope.masks.iter() {
            mask.keys(session, &mut |key, named| together.look_up(key, named));
        }
        together.finish();
        // After the table: what is missing there is under what is seen here.
        let watermarks = self.entries.watermarks(of_scope.scope.id);
        Some((found, watermarks))
    }
}

#[cfg(test)]
impl Index {
    /// Waits until nothing is being forgotten.
    pub(crate) fn settled(&self) {
        self.entries.settled();
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::subject::SimpleSubject;

    use super::{
        super::{RevocationKey, tag::Tag},
        *,
    };

    fn index() -> Index {
        let scope = |(number, issuer)| Scope {
            id: ScopeId::new(number).unwrap(),
            issuer: Issuer::parse(issuer).unwrap(),
        };
        let scopes = [(0, "https://a.example"), (1, "https://b.example")].map(scope);
        Index::new(IndexKey::new([7; 16]), scopes)
    }

    fn under(scope: u8, member: u8) -> Revocation {
        Revocation {
            scope: ScopeId::new(scope).unwrap(),
            key: RevocationKey::from_bytes([member; 16]),
            mask: Mask {
                has: [Mask::place(&format!("member{member}"), "opaque")].into(),
                ..Mask::default()
            },
            kind: Kind::Ended,
            state: None,
            moment: 7,
            until: 7,
            detail: told("urn:example:event"),
        }
    }

    fn told(event: &str) -> Arc<Detail> {
        Arc::new(Detail {
            event: event.into(),
            reason: None,
        })
    }

    #[test]
    fn a_transmitter_has_a_limited_number_of_masks_and_another_one_its_own() {
        let index = index();
        for member in 0..32 {
            assert_eq!(index.has_room(&[under(0, member)]), Ok(()));
            index.apply(&under(0, member));
        }
        assert_eq!(index.has_room(&[under(0, 32)]), Err(Full::Masks));
        assert_eq!(index.has_room(&[under(0, 31)]), Ok(()));
        assert_eq!(index.has_room(&[under(1, 32)]), Ok(()));
    }

    #[test]
    fn what_one_set_revokes_is_counted_together_and_each_mask_once() {
        let all: Vec<Revocation> = (0..33).map(|member| under(0, member)).collect();
        let index = index();
        assert_eq!(index.has_room(&all), Err(Full::Masks));
        assert_eq!(index.has_room(&all[1..]), Ok(()));
        assert_eq!(index.has_room(&[&all[1..], &all[1..]].concat()), Ok(()));
    }

    #[test]
    fn the_later_of_two_stays_and_of_two_at_once_the_same_whatever_came_first() {
        let earlier = under(0, 1);
        let later = Revocation {
            moment: 8,
            ..earlier.clone()
        };
        let other = Revocation {
            detail: told("urn:example:other"),
            ..later.clone()
        };
        let (one, two) = (index(), index());
        for revocation in [&earlier, &later, &other] {
            one.apply(revocation);
        }
        for revocation in [&other, &later, &earlier] {
            two.apply(revocation);
        }
        let kept = |index: &Index| {
            let table = index.entries.table();
            let word = table.word(Tag::of(earlier.key), Kind::Ended).unwrap();
            let detail = table.details().get(word.entry().detail).cloned();
            (word.entry().moment, detail.unwrap())
        };
        assert_eq!(kept(&one), (8, told("urn:example:other")));
        assert_eq!(kept(&two), kept(&one));
    }

    #[test]
    fn t55_ten_thousand_keys_chosen_without_the_secret_slow_nothing_down() {
        const CHOSEN: usize = 10_000;
        let issuer = Issuer::parse("https://a.example").unwrap();
        let guessed = IndexKey::new([0; 16]);
        let key = |secret: &IndexKey, number: u32| {
            let id = number.to_string();
            secret
                .fingerprint(&issuer, &SimpleSubject::Opaque { id })
                .key()
        };
        // With the guessed secret, all of them would want one of sixteen parts of the table.
        let chosen = (0..).filter(|number| Tag::of(key(&guessed, *number)).place_among(16) == 0);
        let chosen: Vec<u32> = chosen.take(CHOSEN).collect();
        let index = index();
        for number in &chosen {
            index.apply(&Revocation {
                key: key(index.key(), *number),
                ..under(0, 1)
            });
        }
        index.entries.settled();
        let table = index.entries.table();
        let walked = |number: &u32| table.walked(Tag::of(key(index.key(), *number)));
        assert_eq!(table.len(), CHOSEN);
        assert!(chosen.iter().map(walked).max() < Some(256));
        assert!(chosen.iter().map(walked).sum::<usize>() < 4 * CHOSEN);
    }
}
