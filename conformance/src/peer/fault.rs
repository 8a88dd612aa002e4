//! Faults: what is wrong with a transmitter, and which cases have to find it.

use std::sync::Arc;

use super::{Asked, Reply, Site};
use crate::checks::Verdict;

/// One thing that is wrong with a transmitter.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What is wrong, as a sentence; unique.
    pub name: &'static str,
    /// All cases that find it, with their verdicts: no other may find anything.
    pub found: &'static [(&'static str, Verdict)],
    /// How it is done.
    pub breaks: Breaks,
}

/// What a fault spoils.
#[derive(Clone, Copy, Debug)]
pub enum Breaks {
    /// What the transmitter publishes.
    Site(fn(&mut Site)),
    /// A request, before the transmitter looks at it.
    Request(fn(&mut Asked)),
    /// An answer, before it is sent.
    Answer(fn(&Asked, &mut Reply)),
    /// Both, for what has to be undone again so that nobody else notices.
    Both(fn(&mut Asked), fn(&Asked, &mut Reply)),
    /// What the transmitter does with its streams.
    Rules(fn(&mut Rules)),
}

/// What a transmitter does with its streams, where a spoilt request or answer does not tell it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Two streams with one description are one.
    pub one_stream_for_one_description: bool,
    /// Streams that are deleted stay.
    pub keeps_deleted_streams: bool,
}

/// What is wrong with one transmitter: one thing, or nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Spoilt(pub(super) Option<Arc<Fault>>);

impl Spoilt {
    pub(super) fn site(&self, site: &mut Site) {
        if let Some(Breaks::Site(spoil)) = self.breaks() {
            spoil(site);
        }
    }

    pub(super) fn request(&self, asked: &mut Asked) {
        if let Some(Breaks::Request(spoil) | Breaks::Both(spoil, _)) = self.breaks() {
            spoil(asked);
        }
    }

    pub(super) fn answer(&self, asked: &Asked, reply: &mut Reply) {
        if let Some(Breaks::Answer(spoil) | Breaks::Both(_, spoil)) = self.breaks() {
            spoil(asked, reply);
        }
    }

    pub(super) fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        if let Some(Breaks::Rules(spoil)) = self.breaks() {
            spoil(&mut rules);
        }
        rules
    }

    fn breaks(&self) -> Option<Breaks> {
        self.0.as_ref().map(|fault| fault.breaks)
    }
}
