//! States with their order, for the one who writes: a word has room for what they do alone.

use std::collections::{HashMap, HashSet};

use super::{Effect, Kind, Revocation, RevocationKey, State};

/// The latest state of each key and kind.
#[derive(Debug, Default)]
pub(super) struct Registers {
    states: HashMap<(RevocationKey, Kind), State>,
    /// How many of them are not over.
    holding: usize,
}

impl Registers {
    /// The state that is known of what a revocation is about.
    pub(super) fn known(&self, revocation: &Revocation) -> Option<State> {
        self.states.get(&(revocation.key, revocation.kind)).copied()
    }

    /// Keeps the state of a revocation, if it is one, in the place of what was known.
    pub(super) fn keep(&mut self, revocation: &Revocation) {
        let Some(state) = revocation.state else {
            return;
        };
        let former = self.states.insert((revocation.key, revocation.kind), state);
        self.holding += usize::from(holds(state));
        self.holding -= usize::from(former.is_some_and(holds));
    }

    /// How many would hold with these.
    pub(super) fn holding_with(&self, revocations: &[Revocation]) -> usize {
        let new: HashSet<(RevocationKey, Kind)> = revocations
            .iter()
            .filter(|one| one.state.is_some_and(holds) && !self.known(one).is_some_and(holds))
            .map(|one| (one.key, one.kind))
            .collect();
        self.holding + new.len()
    }
}

fn holds(state: State) -> bool {
    state.effect != Effect::Lifted
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::revocation::{Detail, Mask, ScopeId};

    fn revocation(key: u8, effect: Option<Effect>) -> Revocation {
        Revocation {
            scope: ScopeId::default(),
            key: RevocationKey::from_bytes([key; 16]),
            mask: Mask::default(),
            kind: Kind::Risk,
            state: effect.map(|effect| State {
                occurred: 1,
                toe: 0,
                arrived: 0,
                effect,
            }),
            moment: 1,
            until: 1,
            detail: Arc::new(Detail {
                event: "urn:example:event".into(),
                reason: None,
            }),
        }
    }

    #[test]
    fn what_is_over_or_no_state_does_not_count() {
        let mut registers = Registers::default();
        let (block, lift) = (Some(Effect::Block), Some(Effect::Lifted));
        for one in [
            revocation(1, block),
            revocation(2, lift),
            revocation(3, None),
        ] {
            registers.keep(&one);
        }
        assert_eq!(registers.holding_with(&[]), 1);
        let more = [
            revocation(1, block),
            revocation(2, block),
            revocation(4, block),
            revocation(4, block),
            revocation(5, lift),
            revocation(6, None),
        ];
        assert_eq!(registers.holding_with(&more), 3);
        registers.keep(&revocation(1, lift));
        assert_eq!(registers.holding_with(&[]), 0);
        assert_eq!(registers.known(&revocation(3, None)), None);
    }
}
