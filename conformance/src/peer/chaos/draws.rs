//! When something happens: the n-th time that it could, the seed and its name decide.

use std::{collections::BTreeMap, sync::Mutex};

use super::{Chosen, Kind};
use crate::{chance::Chance, context::locked};

/// The chance of a run, and what came of it.
#[derive(Debug)]
pub(super) struct Draws {
    chosen: Chosen,
    drawn: Mutex<BTreeMap<Kind, u64>>,
    struck: Mutex<BTreeMap<Kind, u64>>,
}

impl Draws {
    pub(super) fn of(chosen: Chosen) -> Self {
        Self {
            chosen,
            drawn: Mutex::default(),
            struck: Mutex::default(),
        }
    }

    /// Whether something of this kind can happen.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.chosen.has(kind)
    }

    /// The chance of the next time that something of this kind could happen; none if it does not.
    pub(super) fn chance(&self, kind: Kind) -> Option<Chance> {
        if !self.has(kind) {
            return None;
        }
        let mut drawn = locked(&self.drawn);
        let count = drawn.entry(kind).or_default();
        *count += 1;
        let name = format!("{} {count}", kind.name());
        Some(Chance::of(self.chosen.seed, &name))
    }

    /// The same, and it happens.
    pub(super) fn draw(&self, kind: Kind) -> Option<Chance> {
        let chance = self.chance(kind)?;
        self.strike(kind);
        Some(chance)
    }

    /// The same, and it happens once in so many times.
    pub(super) fn draw_one_in(&self, kind: Kind, times: u64) -> Option<Chance> {
        let mut chance = self.chance(kind)?;
        if !chance.number().is_multiple_of(times) {
            return None;
        }
        self.strike(kind);
        Some(chance)
    }

    /// Counts that something happened.
    pub(super) fn strike(&self, kind: Kind) {
        *locked(&self.struck).entry(kind).or_default() += 1;
    }

    /// How often something of each kind happened.
    pub(super) fn struck(&self) -> BTreeMap<Kind, u64> {
        locked(&self.struck).clone()
    }
}
