//! The transmitters of one receiver, by number.

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
