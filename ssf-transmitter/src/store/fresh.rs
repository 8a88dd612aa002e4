//! Events that were accepted a moment ago and wait for their fan-out, which mostly happens in the same process: it need not
//! open and read what was just written. An event never changes, so that one from memory is the one in the database.

use std::{
    collections::HashMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use crate::domain::event::NewEvent;

/// Bytes of one generation, as its events are stored. There are two, so that at most twice as many are kept. Where another
/// process fans out, events are forgotten when so many have followed.
const GENERATION_BYTES: usize = 1024 * 1024;

/// An event that was committed.
#[derive(Debug)]
pub(super) struct FreshEvent {
    pub(super) event: NewEvent,
    /// How long it is where it is stored.
    pub(super) stored_bytes: usize,
}

/// Those that came lately, and those that came before.
#[derive(Debug, Default)]
pub(super) struct FreshEvents(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Uuid, FreshEvent>,
    young_bytes: usize,
    old: HashMap<Uuid, FreshEvent>,
}

impl FreshEvents {
    /// Remembers events that were committed.
    pub(super) fn keep(&self, events: Vec<(Uuid, FreshEvent)>) {
        let mut generations = self.generations();
        for (id, event) in events {
            let bytes = event.stored_bytes;
            if generations.young_bytes + bytes > GENERATION_BYTES {
                generations.old = mem::take(&mut generations.young);
                generations.young_bytes = 0;
            }
            generations.young_bytes += bytes;
            generations.young.insert(id, event);
        }
    }

    /// Gives those of these events back, once, that are remembered.
    pub(super) fn take(&self, ids: impl Iterator<Item = Uuid>) -> HashMap<Uuid, FreshEvent> {
        let mut generations = self.generations();
        let mut taken = HashMap::with_capacity(ids.size_hint().0);
        for id in ids {
            let young = generations.young.remove(&id);
            if let Some(event) = young.or_else(|| generations.old.remove(&id)) {
                taken.insert(id, event);
            }
        }
        taken
    }

    /// Each step leaves the maps whole, so that a panic elsewhere is no reason to stop.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{event::caep::SessionRevoked, subject::SimpleSubject};

    use super::*;

    fn event() -> NewEvent {
        let id = "any".to_owned();
        NewEvent::new(SimpleSubject::Opaque { id }, SessionRevoked::default())
    }

    fn stored(id: u128, stored_bytes: usize) -> (Uuid, FreshEvent) {
        let event = event();
        let fresh = FreshEvent {
            event,
            stored_bytes,
        };
        (Uuid::from_u128(id), fresh)
    }

    #[test]
    fn an_event_is_given_back_once() {
        let fresh = FreshEvents::default();
        fresh.keep(vec![stored(1, 6)]);
        let [first, second] = [1, 2].map(Uuid::from_u128);
        let taken = fresh.take([first, second].into_iter());
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[&first].event, event());
        assert_eq!(taken[&first].stored_bytes, 6);
        assert!(fresh.take([first].into_iter()).is_empty());
    }

    #[test]
    fn what_nobody_takes_is_forgotten_when_enough_have_followed() {
        let fresh = FreshEvents::default();
        for number in 0..100 {
            fresh.keep(vec![stored(number, GENERATION_BYTES / 4)]);
        }
        let taken = fresh.take((0..100).map(Uuid::from_u128));
        let mut kept: Vec<u128> = taken.keys().map(Uuid::as_u128).collect();
        kept.sort_unstable();
        assert_eq!(kept, [92, 93, 94, 95, 96, 97, 98, 99]);
    }
}
