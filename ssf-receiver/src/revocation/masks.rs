//! The masks by which sessions of one transmitter are looked up: a list that only grows, so that whoever reads it takes no lock and
//! counts no references.

use std::{collections::BTreeSet, iter::successors, sync::OnceLock};

use super::{IndexKey, Mask, RevocationKey, Scope, key::MaskSecret};
use crate::session::SessionKeys;

/// Masks in the order in which something was first revoked under them.
#[derive(Debug, Default)]
pub(super) struct Masks(OnceLock<Box<Link>>);

#[derive(Debug)]
struct Link {
    mask: ActiveMask,
    next: Masks,
}

/// A mask under which something was revoked.
#[derive(Debug)]
pub(super) struct ActiveMask {
    mask: Mask,
    secret: MaskSecret,
    has: Box<[u64]>,
    lacks: Box<[u64]>,
}

impl Masks {
    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ActiveMask> {
        successors(self.0.get(), |link| link.next.0.get()).map(|link| &link.mask)
    }

    pub(super) fn has(&self, mask: &Mask) -> bool {
        self.iter().any(|one| one.mask == *mask)
    }

    /// Adds a mask if it is none of these; when it returns, each reader that starts sees it.
    pub(super) fn add(&self, mask: &Mask, scope: &Scope, key: &IndexKey) {
        if self.has(mask) {
            return;
        }
        let mut new = Box::new(Link {
            mask: ActiveMask::new(mask, scope, key),
            next: Self::default(),
        });
        let mut end = self;
        while let Err(refused) = end.0.set(new) {
            new = refused;
            let Some(link) = end.0.get() else { continue };
            if link.mask.mask == *mask {
                return;
            }
            end = &link.next;
        }
    }
}

impl ActiveMask {
    fn new(mask: &Mask, scope: &Scope, key: &IndexKey) -> Self {
        let places =
            |names: &BTreeSet<String>| names.iter().map(|place| key.place(place)).collect();
        Self {
            secret: key.mask(&scope.issuer, mask),
            has: places(&mask.has),
            lacks: places(&mask.lacks),
            mask: mask.clone(),
        }
    }

    /// Calls `look_up` with each key that a session has under the mask, and whether it names the session.
    pub(super) fn keys(
        &self,
        session: &SessionKeys,
        look_up: &mut impl FnMut(RevocationKey, bool),
    ) {
        if self.mask.is_simple() {
            for (fingerprint, named) in session.simple() {
                let key = match self.mask.about {
                    None => fingerprint.key(),
                    Some(_) => self.secret.with(fingerprint).key(),
                };
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

#[cfg(test)]
mod tests {
    use std::thread;

    use ssf_types::uri::Issuer;

    use super::{super::ScopeId, *};

    fn mask(number: usize) -> Mask {
        Mask {
            has: [Mask::place(&format!("member{number}"), "opaque")].into(),
            ..Mask::default()
        }
    }

    #[test]
    fn masks_that_several_add_at_once_are_all_there_and_each_of_them_once() {
        let (masks, key) = (Masks::default(), IndexKey::new([7; 16]));
        let scope = Scope {
            id: ScopeId::default(),
            issuer: Issuer::parse("https://idp.example.com").unwrap(),
        };
        thread::scope(|threads| {
            for first in 0..4 {
                let (masks, scope, key) = (&masks, &scope, &key);
                threads.spawn(move || {
                    for number in 0..32 {
                        let mask = mask((first * 8 + number) % 32);
                        masks.add(&mask, scope, key);
                        assert!(masks.has(&mask));
                    }
                });
            }
        });
        assert_eq!(masks.iter().count(), 32);
        assert!((0..32).all(|number| masks.has(&mask(number))));
        assert!(!masks.has(&mask(32)));
    }
}
