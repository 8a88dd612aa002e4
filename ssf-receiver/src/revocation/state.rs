//! States: what holds until something else is told.

/// What a state does to the sessions that it selects, older and newer ones. The worse is greater.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing any more. It is kept, so that an older one that comes late changes nothing.
    Lifted,
    /// They need a sign-in of a stronger kind, later than the event.
    StepUp,
    /// They need a sign-in, later than the event.
    Reauthenticate,
    /// They are refused.
    Block,
}

impl Effect {
    /// All effects, in the order of their numbers.
    pub const ALL: [Self; 4] = [
        Self::Lifted,
        Self::StepUp,
        Self::Reauthenticate,
        Self::Block,
    ];

    /// The number that is stored.
    pub fn number(self) -> u8 {
        match self {
            Self::Lifted => 0,
            Self::StepUp => 1,
            Self::Reauthenticate => 2,
            Self::Block => 3,
        }
    }

    /// The effect with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|effect| effect.number() == number)
    }
}

/// A state with its place among those of its kind: the latest holds, and of two at one moment the worse.
///
/// Times are milliseconds since 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct State {
    // The order of the members is the rule.
    /// When it came about.
    pub occurred: u64,
    /// The SET's `toe`, or 0.
    pub toe: u64,
    /// When the SET came first.
    pub arrived: u64,
    /// What it does.
    pub effect: Effect,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(occurred: u64, toe: u64, arrived: u64, effect: Effect) -> State {
        State {
            occurred,
            toe,
            arrived,
            effect,
        }
    }

    #[test]
    fn the_latest_state_holds_and_of_two_at_one_moment_the_worse() {
        let in_order = [
            state(1, 9, 9, Effect::Block),
            state(2, 0, 9, Effect::Block),
            state(2, 1, 3, Effect::Block),
            state(2, 1, 4, Effect::Lifted),
            state(2, 1, 4, Effect::StepUp),
            state(2, 1, 4, Effect::Reauthenticate),
            state(2, 1, 4, Effect::Block),
        ];
        assert!(in_order.is_sorted());
    }

    #[test]
    fn a_number_that_is_stored_gives_its_effect_back() {
        for effect in Effect::ALL {
            assert_eq!(Effect::from_number(effect.number()), Some(effect));
        }
        assert_eq!(Effect::from_number(4), None);
    }
}
