//! What revocations compare.

/// What a revocation compares with a session: with its key, its identity.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Kind {
    /// When the session began: one that it names, or that began no later, is over.
    Ended,
    /// When the user proved who they are: a session without a later proof needs a fresh sign-in.
    Unproven,
    /// A state: whether an account is disabled.
    Disabled,
    /// A state: whether a device complies with the rules for devices.
    NotCompliant,
    /// A state: how high the risk of a user, session or device is.
    Risk,
    /// A state: how sure somebody's identity is, in one namespace of levels.
    Assurance,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::Ended,
        Self::Unproven,
        Self::Disabled,
        Self::NotCompliant,
        Self::Risk,
        Self::Assurance,
    ];

    /// The number that is stored.
    pub fn number(self) -> u8 {
        match self {
            Self::Ended => 0,
            Self::Unproven => 1,
            Self::Disabled => 2,
            Self::NotCompliant => 3,
            Self::Risk => 4,
            Self::Assurance => 5,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_stored_gives_its_kind_back() {
        for (number, kind) in (0..).zip(Kind::ALL) {
            assert_eq!(kind.number(), number);
            assert_eq!(Kind::from_number(number), Some(kind));
        }
        assert_eq!(Kind::from_number(7), None);
    }
}
