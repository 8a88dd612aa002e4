//! A store without a database, for tests of what stands on the ports.

mod audit;
mod horizon;
mod kept;
mod keys;
mod ledger;
mod operated;
mod operators;
mod outbox;
mod overview;
mod poll;
mod receivers;
mod retention;
mod settings;
mod streams;
mod subjects;
mod trace;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::{id::StreamId, time::Timestamp};

use self::{
    kept::Kept, keys::Keys, ledger::Totals, operators::Credential, receivers::KeptReceiver,
    retention::Records,
};
use crate::{
    domain::{
        audit::Record,
        dropped::DropRecord,
        event::AcceptedEvent,
        id::{EventId, Fingerprint, ReceiverId, SourceId},
        issuer::IssuerName,
        operator::Operator,
        source::Source,
        trace::Recorded,
    },
    ports::{Answered, FanOutLease, StreamLease},
};

/// A store in memory that keeps the contract of the ports, except that nothing survives it.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Clone, Debug, Default)]
struct State {
    receivers: Vec<KeptReceiver>,
    streams: Vec<Kept>,
    events: Vec<(IssuerName, Arc<AcceptedEvent>)>,
    /// How many of the events were fanned out: here events become visible in order.
    dispatched: usize,
    /// What became of those.
    fan_outs: Vec<Recorded>,
    answers: HashMap<Fingerprint, (Answered, Timestamp)>,
    operators: Vec<Operator>,
    /// There was a first one, whether or not it is still there.
    had_operator: bool,
    sources: Vec<Source>,
    credentials: Vec<Credential>,
    /// Which source has handed an event in, if one has.
    handed_in_by: HashMap<EventId, SourceId>,
    fan_out: Option<(FanOutLease, Timestamp)>,
    keys: Keys,
    settings: HashMap<String, Vec<u8>>,
    drops: Vec<(ReceiverId, StreamId, DropRecord)>,
    /// Keys of subjects that wait for being forgotten.
    keys_of_gone_streams: u64,
    /// Leases that were taken away with their streams, and when each would have ended.
    lost_of_gone_streams: Vec<(StreamLease, Timestamp)>,
    audit: Vec<Record>,
    ledger: Totals,
    records: Records,
}

impl MemoryStore {
    /// Another store that has what this one has now.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        Self(Mutex::new(self.state().clone()))
    }

    /// Has what a snapshot has, and forgets what came since.
    pub fn restore(&self, snapshot: &Self) {
        let state = snapshot.state().clone();
        *self.state() = state;
    }

    /// Begins anew as a database that one process has for itself: the owners of all leases are dead, and no answer to a poll
    /// is on its way any more.
    pub fn release_leases(&self) {
        let mut state = self.state();
        if let Some((_, until)) = &mut state.fan_out {
            *until = Timestamp::default();
        }
        state.lost_of_gone_streams.clear();
        for kept in &mut state.streams {
            kept.leased_until = Timestamp::default();
            kept.lost.clear();
            kept.answers.clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panics while it holds the lock fails anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
