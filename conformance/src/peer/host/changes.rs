//! Answers of the host that are changed before they are sent.

use std::sync::Mutex;

use crate::{
    context::locked,
    peer::{Operation, Reply},
};

/// Of what the answer is changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// The request for the metadata.
    Metadata,
    /// A request for this.
    Operation(Operation),
}

type Change = Box<dyn FnOnce(&mut Reply) + Send>;

/// The changes to come, each of one answer.
#[derive(Default)]
pub(super) struct Changes(Mutex<Vec<(Wanted, Change)>>);

impl Changes {
    /// Changes the next answer of this kind.
    pub(super) fn push(&self, wanted: Wanted, change: Change) {
        locked(&self.0).push((wanted, change));
    }

    /// Changes nothing any more.
    pub(super) fn clear(&self) {
        locked(&self.0).clear();
    }

    /// Changes an answer, if it is one that is to be changed; whether it is.
    pub(super) fn apply(&self, asked: Option<Wanted>, reply: &mut Reply) -> bool {
        let mut changes = locked(&self.0);
        let at = changes
            .iter()
            .position(|(wanted, _)| Some(*wanted) == asked);
        let Some(at) = at else {
            return false;
        };
        let (_, change) = changes.remove(at);
        drop(changes);
        change(reply);
        true
    }
}
