//! What delivering on a stream begins with.

use super::Term;
use crate::{
    app::{gate::Passage, slots::Slot},
    domain::delivery::Delivery,
};

/// The term of the lease and a slot, and perhaps what is due.
#[derive(Debug)]
pub struct Start {
    pub(super) term: Term,
    pub(super) slot: Slot,
    pub(super) first: Option<First>,
}

/// What was due on a stream when it was taken: one delivery, or two if there are more.
#[derive(Debug)]
pub struct First {
    /// Entered before that was found.
    pub passage: Passage,
    /// The deliveries.
    pub due: Vec<Delivery>,
}

impl Start {
    /// To begin with a look at what is due.
    pub fn new(term: Term, slot: Slot) -> Self {
        Self {
            term,
            slot,
            first: None,
        }
    }

    /// To begin with what is known to be due.
    #[must_use]
    pub fn with(self, first: Option<First>) -> Self {
        Self { first, ..self }
    }
}
