//! Events that were refused because nobody should have tried: in the audit log, but not without end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ssf_types::{error::Chain, time::Timestamp};
use tracing::error;

use super::audit;
use crate::{
    domain::audit::{Act, Action, Actor},
    ports::{AuditStore, Clock, StoreError},
};

/// For so long after an entry, the same is counted before it is written down: whoever tries without end gets two entries a
/// minute, each of which is kept for good.
const PERIOD: Duration = Duration::from_mins(1);

/// Who tried what.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Tried {
    actor: Actor,
    rule: &'static str,
}

/// What was written down, and what was not.
#[derive(Clone, Copy, Debug)]
struct Noted {
    until: Timestamp,
    unwritten: u64,
}

/// Which refusals are written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rest {
    /// Those whose time is over.
    Over,
    /// All: the process ends.
    All,
}

/// Refusals that were counted, by who tried and which rule that breaks. Clones are the same.
///
/// There is one for each source and rule at most, and only while something happens.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Mutex<HashMap<Tried, Noted>>>);

impl Refusals {
    /// Writes down that `events` of `actor` were refused by `rule`: at once if nothing of the kind was for a minute, else
    /// with what comes until then.
    ///
    /// # Errors
    /// The store did not do it; nothing is counted.
    pub async fn note(
        &self,
        (log, clock): (&impl AuditStore, &impl Clock),
        actor: Actor,
        rule: &'static str,
        events: u64,
    ) -> Result<(), StoreError> {
        let tried = Tried { actor, rule };
        if !self.begins(&tried, events, clock.now()) {
            return Ok(());
        }
        let written = write((log, clock), &tried, events).await;
        if written.is_err() {
            self.give_up(&tried, clock.now());
        }
        written
    }

    /// Whether a minute begins; otherwise, the events are counted.
    fn begins(&self, tried: &Tried, events: u64, now: Timestamp) -> bool {
        let mut noted = self.noted();
        if let Some(known) = noted.get_mut(tried)
            && (now < known.until || known.unwritten > 0)
        {
            known.unwritten = known.unwritten.saturating_add(events);
            return false;
        }
        let until = now.after(PERIOD);
        let begun = Noted {
            until,
            unwritten: 0,
        };
        noted.insert(tried.clone(), begun);
        true
    }

    /// Forgets a minute that has not begun; what others have counted in it is written down with the rest.
    fn give_up(&self, tried: &Tried, now: Timestamp) {
        let mut noted = self.noted();
        match noted.get_mut(tried) {
            Some(known) if known.unwritten > 0 => known.until = now,
            Some(_) => {
                noted.remove(tried);
            }
            None => {}
        }
    }

    /// Writes down what was counted since. What cannot be is counted still.
    pub async fn write_rest(&self, (log, clock): (&impl AuditStore, &impl Clock), rest: Rest) {
        for (tried, events) in self.take(rest, clock.now()) {
            if let Err(failure) = write((log, clock), &tried, events).await {
                error!(rule = tried.rule, events, error = %Chain(&failure), "refused events cannot be written down");
                self.put_back(tried, events, clock.now());
            }
        }
    }

    fn put_back(&self, tried: Tried, events: u64, now: Timestamp) {
        let mut noted = self.noted();
        let kept = noted.entry(tried).or_insert(Noted {
            until: now,
            unwritten: 0,
        });
        kept.unwritten = kept.unwritten.saturating_add(events);
    }

    fn take(&self, rest: Rest, now: Timestamp) -> Vec<(Tried, u64)> {
        let mut taken = Vec::new();
        self.noted().retain(|tried, noted| {
            let is_over = match rest {
                Rest::Over => noted.until <= now,
                Rest::All => true,
            };
            if !is_over {
                return true;
            }
            if noted.unwritten > 0 {
                taken.push((tried.clone(), noted.unwritten));
            }
            false
        });
        taken
    }

    /// What a panic left behind is as good as before: each change is one assignment.
    fn noted(&self) -> MutexGuard<'_, HashMap<Tried, Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(
    (log, clock): (&impl AuditStore, &impl Clock),
    tried: &Tried,
    events: u64,
) -> Result<(), StoreError> {
    let act = Act::making(tried.actor.clone(), Action::HandInEvents, "event")
        .with("rule", tried.rule)
        .with("events", events);
    audit::refused((log, clock), act).await
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::id::SourceId;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn tried(number: u128, rule: &'static str) -> Tried {
        let actor = Actor::source(SourceId::new(Uuid::from_u128(number)));
        Tried { actor, rule }
    }

    #[test]
    fn the_first_refusal_of_a_minute_is_written_and_the_others_are_counted() {
        let refusals = Refusals::default();
        let later = |seconds| NOW.after(Duration::from_secs(seconds));
        assert!(refusals.begins(&tried(1, "source"), 3, NOW));
        assert!(!refusals.begins(&tried(1, "source"), 4, later(1)));
        assert!(!refusals.begins(&tried(1, "source"), 5, later(59)));
        assert!(refusals.begins(&tried(1, "framework"), 1, later(1)));
        assert!(refusals.begins(&tried(2, "source"), 1, later(1)));
        assert_eq!(refusals.take(Rest::Over, later(59)), []);
        let rest = refusals.take(Rest::Over, later(60));
        assert_eq!(rest, [(tried(1, "source"), 9)]);
        assert!(refusals.begins(&tried(1, "source"), 1, later(60)));
    }

    #[test]
    fn what_was_counted_is_written_before_another_minute_begins() {
        let refusals = Refusals::default();
        let late = NOW.after(Duration::from_mins(5));
        assert!(refusals.begins(&tried(1, "source"), 1, NOW));
        assert!(!refusals.begins(&tried(1, "source"), 2, NOW));
        assert!(!refusals.begins(&tried(1, "source"), 4, late));
        assert_eq!(refusals.take(Rest::Over, late), [(tried(1, "source"), 6)]);
    }

    #[test]
    fn at_the_end_everything_is_written() {
        let refusals = Refusals::default();
        assert!(refusals.begins(&tried(1, "source"), 1, NOW));
        assert!(!refusals.begins(&tried(1, "source"), 2, NOW));
        assert_eq!(refusals.take(Rest::All, NOW), [(tried(1, "source"), 2)]);
        assert_eq!(refusals.take(Rest::All, NOW), []);
    }
}
