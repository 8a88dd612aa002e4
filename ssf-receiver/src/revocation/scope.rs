//! The transmitters of one receiver, by number.

use std::cell::Cell;

use ssf_types::uri::Issuer;

/// Most transmitters of one receiver.
pub const SCOPES_MAX: usize = 64;

/// The number of a transmitter: what it revokes concerns no session of another one.
///
/// It is given by the receiver's database, and stays.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ScopeId(u8);

impl ScopeId {
    /// The scope with this number; `None` from [`SCOPES_MAX`] on.
    pub fn new(number: u8) -> Option<Self> {
        (usize::from(number) < SCOPES_MAX).then_some(Self(number))
    }

    /// The number.
    pub fn number(self) -> u8 {
        self.0
    }
}

/// Some scopes, added one by one.
#[derive(Debug, Default)]
pub(super) struct ScopeSet(Cell<u64>);

impl ScopeSet {
    pub(super) fn add(&self, scope: ScopeId) {
        self.0.set(self.0.get() | 1 << scope.0);
    }

    pub(super) fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        let bits = self.0.get();
        let numbered = (0..).map_while(ScopeId::new);
        numbered.filter(move |scope| bits >> scope.0 & 1 == 1)
    }
}

const _: () = assert!(SCOPES_MAX == u64::BITS as usize);

/// A transmitter with its number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    /// The number.
    pub id: ScopeId,
    /// Its issuer.
    pub issuer: Issuer,
}

/// An issuer as it is hashed: two that differ in their last slash are one.
pub(crate) fn issuer_form(issuer: &Issuer) -> &str {
    let text = issuer.as_str();
    text.strip_suffix('/').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_scopes_that_were_added() {
        let set = ScopeSet::default();
        let added = [0, 7, 63].map(|number| ScopeId::new(number).unwrap());
        for scope in added.iter().chain(&added) {
            set.add(*scope);
        }
        assert!(set.scopes().eq(added));
        assert_eq!(ScopeSet::default().scopes().count(), 0);
    }
}
