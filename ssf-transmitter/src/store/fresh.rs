//! Events that were accepted a moment ago and wait for their fan-out, which mostly happens in the same process: it need not
//! open and read what was just written, as long as that is what the database has.

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

/// An event, and the sealed payload of its row.
#[derive(Debug)]
pub(super) struct FreshEvent {
    pub(super) id: Uuid,
    pub(super) payload: Vec<u8>,
    pub(super) event: NewEvent,
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
    pub(super) fn keep(&self, events: Vec<FreshEvent>) {
        let mut generations = self.generations();
        for event in events {
            let bytes = event.payload.len();
            if generations.young_bytes + bytes > GENERATION_BYTES {
                generations.old = mem::take(&mut generations.young);
                generations.young_bytes = 0;
            }
            generations.young_bytes += bytes;
            generations.young.insert(event.id, event);
        }
    }

    /// Gives an event back, once: if it is remembered, and this is what its row has still.
    pub(super) fn take(&self, id: Uuid, payload: &[u8]) -> Option<NewEvent> {
        let mut generations = self.generations();
        let young = generations.young.remove(&id);
        let fresh = young.or_else(|| generations.old.remove(&id))?;
        (fresh.payload == payload).then_some(fresh.event)
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

    fn stored(id: u128, payload: &[u8]) -> FreshEvent {
        FreshEvent {
            id: Uuid::from_u128(id),
            payload: payload.to_vec(),
            event: event(),
        }
    }

    #[test]
    fn an_event_is_given_back_once() {
        let fresh = FreshEvents::default();
        fresh.keep(vec![stored(1, b"sealed")]);
        assert_eq!(fresh.take(Uuid::from_u128(2), b"sealed"), None);
        assert_eq!(fresh.take(Uuid::from_u128(1), b"sealed"), Some(event()));
        assert_eq!(fresh.take(Uuid::from_u128(1), b"sealed"), None);
    }

    #[test]
    fn an_event_whose_row_was_changed_is_not_given_back() {
        let fresh = FreshEvents::default();
        fresh.keep(vec![stored(1, b"sealed")]);
        assert_eq!(fresh.take(Uuid::from_u128(1), b"changed"), None);
    }

    #[test]
    fn what_nobody_takes_is_forgotten_when_enough_have_followed() {
        let fresh = FreshEvents::default();
        let payload = vec![0; GENERATION_BYTES / 4];
        for number in 0..100 {
            fresh.keep(vec![stored(number, &payload)]);
        }
        let is_kept = |number: &u128| fresh.take(Uuid::from_u128(*number), &payload).is_some();
        let kept = (0..100).filter(is_kept);
        let kept: Vec<u128> = kept.collect();
        assert_eq!(kept, [92, 93, 94, 95, 96, 97, 98, 99]);
    }
}
