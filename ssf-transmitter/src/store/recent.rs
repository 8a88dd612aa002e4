//! Events that were read a moment ago: those of deliveries to many streams, and of attempts that are under way.
//!
//! An event never changes, and its position is never given to another, so that one from memory is the one in the database.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::domain::event::AcceptedEvent;

/// Events of one generation. There are two, so that at most twice as many are kept: of the largest size they are 8 MiB of text.
const GENERATION: usize = 128;

/// Events by position: those that were used lately, and those that were before.
#[derive(Debug, Default)]
pub(super) struct RecentEvents(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<i64, Arc<AcceptedEvent>>,
    old: HashMap<i64, Arc<AcceptedEvent>>,
}

impl RecentEvents {
    /// The event at a position, if it is remembered.
    pub(super) fn event(&self, position: i64) -> Option<Arc<AcceptedEvent>> {
        let mut generations = self.generations();
        if let Some(event) = generations.young.get(&position) {
            return Some(Arc::clone(event));
        }
        let event = generations.old.remove(&position)?;
        generations.insert(position, &event);
        Some(event)
    }

    /// Remembers an event for a while.
    pub(super) fn keep(&self, position: i64, event: &Arc<AcceptedEvent>) {
        self.generations().insert(position, event);
    }

    /// Each step leaves the maps whole, so that a panic elsewhere is no reason to stop.
    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn insert(&mut self, position: i64, event: &Arc<AcceptedEvent>) {
        if self.young.len() >= GENERATION {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(position, Arc::clone(event));
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{event::caep::SessionRevoked, subject::SimpleSubject, time::Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{event::NewEvent, id::EventId};

    fn event(user: &str) -> Arc<AcceptedEvent> {
        let subject = SimpleSubject::Opaque {
            id: user.to_owned(),
        };
        let event = NewEvent::new(subject, SessionRevoked::default());
        let id = EventId::new(Uuid::nil());
        Arc::new(AcceptedEvent::new(id, Timestamp::from_secs(1), event))
    }

    #[test]
    fn an_event_is_found_at_its_position_alone() {
        let recent = RecentEvents::default();
        recent.keep(1, &event("one"));
        recent.keep(2, &event("two"));
        assert_eq!(recent.event(2), Some(event("two")));
        assert_eq!(recent.event(3), None);
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let recent = RecentEvents::default();
        for position in 0..1000 {
            recent.keep(position, &event("any"));
            assert!(recent.event(0).is_some());
        }
        let kept = (1..1000).filter(|position| recent.event(*position).is_some());
        assert!(kept.count() < 2 * GENERATION);
        assert_eq!(recent.event(1), None);
    }
}
