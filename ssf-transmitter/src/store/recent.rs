//! Events that were read a moment ago: those of deliveries to many streams, and of attempts that are under way.
//!
//! An event never changes, and its position is never given to another, so that one from memory is the one in the database.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ssf_types::time::Timestamp;

use crate::domain::event::AcceptedEvent;

/// Events of one generation. There are two, so that at most twice as many are kept: of the largest size they are 8 MiB of text.
const GENERATION: usize = 128;

/// An event as it was read.
#[derive(Clone, Debug)]
pub(super) struct ReadEvent {
    pub(super) event: Arc<AcceptedEvent>,
    /// How long it is where it is stored.
    pub(super) stored_bytes: usize,
}

/// Events by position: those that were used lately, and those that were before.
#[derive(Debug, Default)]
pub(super) struct RecentEvents(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<i64, ReadEvent>,
    old: HashMap<i64, ReadEvent>,
}

impl RecentEvents {
    /// The event at a position, if it is remembered.
    pub(super) fn event(&self, position: i64) -> Option<ReadEvent> {
        let mut generations = self.generations();
        if let Some(event) = generations.young.get(&position) {
            return Some(event.clone());
        }
        let event = generations.old.remove(&position)?;
        generations.insert(position, event.clone());
        Some(event)
    }

    /// When the event at a position was accepted, if it is remembered. It is not used by that: it has just been delivered.
    pub(super) fn accepted_at(&self, position: i64) -> Option<Timestamp> {
        let generations = self.generations();
        let young = generations.young.get(&position);
        let read = young.or_else(|| generations.old.get(&position))?;
        Some(read.event.accepted_at)
    }

    /// Remembers an event for a while.
    pub(super) fn keep(&self, position: i64, event: ReadEvent) {
        self.generations().insert(position, event);
    }

    /// Each step leaves the maps whole, so that a panic elsewhere is no reason to stop.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn insert(&mut self, position: i64, event: ReadEvent) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(position, event);
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{event::caep::SessionRevoked, subject::SimpleSubject};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{event::NewEvent, id::EventId};

    fn read(user: &str) -> ReadEvent {
        let subject = SimpleSubject::Opaque {
            id: user.to_owned(),
        };
        let event = NewEvent::new(subject, SessionRevoked::default());
        let id = EventId::new(Uuid::nil());
        ReadEvent {
            event: Arc::new(AcceptedEvent::new(id, Timestamp::from_secs(1), event)),
            stored_bytes: user.len(),
        }
    }

    #[test]
    fn an_event_is_found_at_its_position_alone() {
        let recent = RecentEvents::default();
        recent.keep(1, read("one"));
        recent.keep(2, read("second"));
        let found = recent.event(2).unwrap();
        assert_eq!(found.event, read("second").event);
        assert_eq!(found.stored_bytes, 6);
        assert!(recent.event(3).is_none());
        assert_eq!(recent.accepted_at(2), Some(Timestamp::from_secs(1)));
        assert_eq!(recent.accepted_at(3), None);
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let recent = RecentEvents::default();
        for position in 0..1000 {
            recent.keep(position, read("any"));
            assert!(recent.event(0).is_some());
        }
        let kept = (1..1000).filter(|position| recent.event(*position).is_some());
        assert!(kept.count() < 2 * GENERATION);
        assert!(recent.event(1).is_none());
    }
}
