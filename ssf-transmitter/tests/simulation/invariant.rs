//! What must hold in every world.

use std::fmt;

/// What must hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Invariant {
    /// Each event that was answered 202 is applied wherever it was to be.
    Applied,
    /// No event is in effect twice at one place.
    Once,
    /// Deliveries with one order key are first offered in the order in which their events were accepted (P7).
    Ordered,
    /// No attempt begins after a stop was answered 200.
    Stopped,
    /// A delivery has one `jti` and one `iat` in all its attempts.
    Named,
    /// The ledger balances, at every moment.
    Balanced,
    /// Nobody holds a lease when all have stopped.
    Released,
    /// What is acknowledged is durable and in effect (P4).
    Effective,
    /// In good weather, everything comes to its end.
    Settled,
    /// Nothing panics.
    Sound,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Applied => "applied",
            Self::Once => "once",
            Self::Ordered => "ordered",
            Self::Stopped => "stopped",
            Self::Named => "named",
            Self::Balanced => "balanced",
            Self::Released => "released",
            Self::Effective => "effective",
            Self::Settled => "settled",
            Self::Sound => "sound",
        })
    }
}

/// An invariant does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    /// What was seen.
    pub(crate) fact: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.fact)
    }
}
