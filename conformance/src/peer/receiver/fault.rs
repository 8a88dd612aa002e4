//! Faults: what is wrong with a Receiver, and which cases have to find it.

use super::{Pushed, Verdict};
use crate::{checks, peer::Reply};

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
    /// It fetches keys from where this member of the header says.
    Follows(&'static str),
}
