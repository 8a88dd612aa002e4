//! Faults: what is wrong with a Receiver, and which cases have to find it.

use std::time::Duration;

use super::{Manners, Pushed, Verdict};
use crate::{
    cases, checks,
    exchange::Request,
    peer::{Entrance, Reply},
};

/// How late it is then: longer than cases wait.
pub(super) const LATE: Duration = Duration::from_secs(12);

/// One thing that is wrong with a Receiver.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverFault {
    /// What is wrong, as a sentence; unique.
    pub name: &'static str,
    /// All cases that find it, with their verdicts: no other may find anything.
    pub found: &'static [(&'static str, checks::Verdict)],
    /// How it is done.
    pub breaks: Breaks,
}

/// What a fault spoils.
#[derive(Clone, Copy, Debug)]
pub enum Breaks {
    /// What the Receiver thinks of a push.
    Verdict(fn(&Pushed, &mut Verdict)),
    /// Its answer, before it is sent.
    Answer(fn(&Pushed, &mut Reply)),
    /// Each request for its stream and each poll, before it is sent.
    Request(fn(&mut Request)),
    /// How it goes about its stream.
    Manner(fn(&mut Manners)),
    /// It is later than cases wait with what it says of events of this type.
    Late(&'static str),
    /// How it is reached.
    Entrance(Entrance),
    /// It fetches keys from where this member of the header says.
    Follows(&'static str),
}

impl ReceiverFault {
    /// Whether all cases that find it are those of a push endpoint.
    pub fn is_in_shared_cases(&self) -> bool {
        let mut claims = self.found.iter();
        claims.all(|(id, _)| cases::push_endpoint().any(|case| case.id == *id))
    }

    /// Whether this case is one of those that find it.
    pub fn is_found_by(&self, case: &str) -> bool {
        self.found.iter().any(|(id, _)| *id == case)
    }

    /// Whether it shows in what becomes of SETs, however they are delivered.
    pub fn is_in_sets(&self) -> bool {
        let mut claims = self.found.iter();
        claims.any(|(id, _)| cases::push::of_sets().any(|case| case.id == *id))
            && match self.breaks {
                Breaks::Verdict(_) | Breaks::Follows(_) => true,
                Breaks::Answer(_)
                | Breaks::Request(_)
                | Breaks::Manner(_)
                | Breaks::Late(_)
                | Breaks::Entrance(_) => false,
            }
    }
}
