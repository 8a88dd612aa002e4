//! Whom a stream covers: what adding and removing a subject changes, and from which event on (SSF 1.0 §8.1.3).
//!
//! A stream that covers nobody by default has entries of those whom it covers; one that covers everybody has entries
//! of those whom it does not. An entry counts for a span of the events: exactly from the next one where the Receiver
//! gains something, and after a grace period where it loses something, so that whoever has stolen its token cannot
//! silence an account at once (SSF 1.0 §9.3).

use std::time::Duration;

use ssf_types::{metadata::DefaultSubjects, time::Timestamp};

use super::{
    matching::UnfitSubject,
    pace::{Pace, TooFast},
};

/// What a Receiver does with a subject.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SubjectOperation {
    /// It wants events about it (SSF 1.0 §8.1.3.2).
    Add,
    /// It wants none any more (SSF 1.0 §8.1.3.3).
    Remove,
}

impl SubjectOperation {
    /// The operation as it is logged and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

/// What holds for the subjects of every stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SubjectTerms {
    /// Most keys of the subjects of one stream.
    pub keys_max: u64,
    /// How many keys a stream may add or remove.
    pub pace: Pace,
    /// For how long events about a subject that was removed are still sent.
    pub grace: Duration,
}

/// A subject is not added, or not removed; nothing is different.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectRefusal {
    /// No stream can have this subject.
    #[error(transparent)]
    Unfit(UnfitSubject),
    /// The subject is the stream itself, which belongs to it for good (SSF 1.0 §8.1.4.1).
    #[error("subject is the stream itself, which cannot be removed from it")]
    StreamItself,
    /// The stream has as many subjects as it may have.
    #[error(
        "this stream has as many subjects as it may have: remove some, which make room when their grace period is over"
    )]
    TooMany,
    /// The Receiver is too fast.
    #[error("this stream's subjects are added and removed too fast")]
    TooFast(TooFast),
}

/// For which events an entry counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    /// It counts for events behind this position,
    pub after_position: u64,
    /// that were accepted at this moment or later,
    pub from: Timestamp,
    /// and not behind this position, if it has ended so,
    pub through_position: Option<u64>,
    /// and before this moment, if it ends so.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether it counts for the event at a position that was accepted at a moment.
    pub fn has(&self, position: u64, accepted_at: Timestamp) -> bool {
        position > self.after_position
            && accepted_at >= self.from
            && self.through_position.is_none_or(|last| position <= last)
            && self.until.is_none_or(|until| accepted_at < until)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.through_position.is_some() || self.until.is_some_and(|until| until <= now)
    }
}

/// Where a change stands among the events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The position of the last event that was accepted before it.
    pub after_position: u64,
    /// When it happens.
    pub now: Timestamp,
    /// For how long what is lost by it is still sent.
    pub grace: Duration,
}

impl Place {
    /// From the next event on.
    fn at_once(self) -> Span {
        Span {
            after_position: self.after_position,
            from: Timestamp::default(),
            through_position: None,
            until: None,
        }
    }

    /// When the grace period of this change is over; `None` if there is none.
    fn grace_ends(self) -> Option<Timestamp> {
        (!self.grace.is_zero()).then(|| self.now.after(self.grace))
    }
}

/// What becomes of the newest span of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// It stays as it is, or there still is none.
    Keep,
    /// A new one begins.
    Begin(Span),
    /// It becomes this one.
    Become(Span),
    /// It goes: there is no event for which it counts.
    Forget,
}

/// Decides what an operation makes of an entry of which `newest` is the last span, on a stream that covers `default`.
pub fn step(
    default: DefaultSubjects,
    operation: SubjectOperation,
    newest: Option<Span>,
    place: Place,
) -> Step {
    let current = newest.filter(|span| !span.is_over(place.now));
    match (default, operation) {
        (DefaultSubjects::None, SubjectOperation::Add) => cover(current, place),
        (DefaultSubjects::None, SubjectOperation::Remove) => uncover(current, place),
        (DefaultSubjects::All, SubjectOperation::Remove) => exclude(current, place),
        (DefaultSubjects::All, SubjectOperation::Add) => readmit(current, place),
    }
}

/// Adding to those who are covered; within the grace period it takes the removal back.
fn cover(current: Option<Span>, place: Place) -> Step {
    match current {
        None => Step::Begin(place.at_once()),
        Some(span) if span.until.is_some() => Step::Become(Span {
            until: None,
            ..span
        }),
        Some(_) => Step::Keep,
    }
}

/// Removing from those who are covered; a repetition does not prolong the grace period.
fn uncover(current: Option<Span>, place: Place) -> Step {
    match (current, place.grace_ends()) {
        (Some(span), Some(until)) if span.until.is_none() => Step::Become(Span {
            until: Some(until),
            ..span
        }),
        (Some(span), None) if span.until.is_none() => end_now(span, place),
        (Some(_) | None, Some(_) | None) => Step::Keep,
    }
}

/// Removing from everybody: the exclusion begins when the grace period is over.
fn exclude(current: Option<Span>, place: Place) -> Step {
    match current {
        None => Step::Begin(Span {
            from: place.grace_ends().unwrap_or_default(),
            ..place.at_once()
        }),
        Some(_) => Step::Keep,
    }
}

/// Lifting an exclusion; within the grace period it never was one.
fn readmit(current: Option<Span>, place: Place) -> Step {
    match current {
        None => Step::Keep,
        Some(span) if span.from > place.now => Step::Forget,
        Some(span) => end_now(span, place),
    }
}

fn end_now(span: Span, place: Place) -> Step {
    if span.after_position == place.after_position {
        return Step::Forget;
    }
    Step::Become(Span {
        through_position: Some(place.after_position),
        ..span
    })
}

#[cfg(test)]
mod tests {
    use super::{SubjectOperation::*, *};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const DAY: Duration = Duration::from_hours(24);

    fn later(seconds: u64) -> Timestamp {
        NOW.after(Duration::from_secs(seconds))
    }

    fn place(after_position: u64, now: Timestamp, grace: Duration) -> Place {
        Place {
            after_position,
            now,
            grace,
        }
    }

    fn behind(after_position: u64) -> Span {
        place(after_position, NOW, DAY).at_once()
    }

    fn of_none(operation: SubjectOperation, newest: Option<Span>, place: Place) -> Step {
        step(DefaultSubjects::None, operation, newest, place)
    }

    fn of_all(operation: SubjectOperation, newest: Option<Span>, place: Place) -> Step {
        step(DefaultSubjects::All, operation, newest, place)
    }

    #[test]
    fn what_is_added_counts_from_the_next_event_on_and_once() {
        let added = of_none(Add, None, place(7, NOW, DAY));
        assert_eq!(added, Step::Begin(behind(7)));
        assert!(!behind(7).has(7, NOW));
        assert!(behind(7).has(8, NOW));
        let again = of_none(Add, Some(behind(7)), place(9, NOW, DAY));
        assert_eq!(again, Step::Keep);
    }

    #[test]
    fn what_is_removed_counts_until_the_grace_period_is_over() {
        let Step::Become(removed) = of_none(Remove, Some(behind(7)), place(9, NOW, DAY)) else {
            panic!("it is not removed")
        };
        assert!(removed.has(10, later(86_399)));
        assert!(!removed.has(10, later(86_400)));
        // Repeating the removal neither prolongs the period nor cuts it short.
        for grace in [DAY, Duration::ZERO] {
            let again = of_none(Remove, Some(removed), place(9, later(60), grace));
            assert_eq!(again, Step::Keep);
        }
    }

    #[test]
    fn adding_within_the_grace_period_takes_the_removal_back() {
        let removed = Span {
            until: Some(later(86_400)),
            ..behind(7)
        };
        let back = of_none(Add, Some(removed), place(20, later(86_399), DAY));
        assert_eq!(back, Step::Become(behind(7)));
        let anew = of_none(Add, Some(removed), place(20, later(86_400), DAY));
        assert_eq!(anew, Step::Begin(behind(20)));
    }

    #[test]
    fn without_a_grace_period_a_removal_counts_from_the_next_event_on() {
        let removed = of_none(Remove, Some(behind(7)), place(9, NOW, Duration::ZERO));
        let through = Span {
            through_position: Some(9),
            ..behind(7)
        };
        assert_eq!(removed, Step::Become(through));
        assert!(through.has(9, later(1)) && !through.has(10, NOW));
        let anew = of_none(Add, Some(through), place(9, NOW, Duration::ZERO));
        assert_eq!(anew, Step::Begin(behind(9)));
        let never = of_none(Remove, Some(behind(9)), place(9, NOW, Duration::ZERO));
        assert_eq!(never, Step::Forget);
    }

    #[test]
    fn removing_what_is_not_there_changes_nothing() {
        assert_eq!(of_none(Remove, None, place(9, NOW, DAY)), Step::Keep);
        assert_eq!(of_all(Add, None, place(9, NOW, DAY)), Step::Keep);
    }

    #[test]
    fn where_everybody_is_covered_a_removal_excludes_after_the_grace_period() {
        let Step::Begin(excluded) = of_all(Remove, None, place(9, NOW, DAY)) else {
            panic!("it is not excluded")
        };
        assert!(!excluded.has(10, later(86_399)));
        assert!(excluded.has(10, later(86_400)));
        let again = of_all(Remove, Some(excluded), place(9, later(60), DAY));
        assert_eq!(again, Step::Keep);
        let at_once = of_all(Remove, None, place(9, NOW, Duration::ZERO));
        assert_eq!(at_once, Step::Begin(behind(9)));
    }

    #[test]
    fn where_everybody_is_covered_adding_lifts_the_exclusion() {
        let excluded = Span {
            from: later(86_400),
            ..behind(9)
        };
        let back = of_all(Add, Some(excluded), place(20, later(86_399), DAY));
        assert_eq!(back, Step::Forget);
        let lifted = of_all(Add, Some(excluded), place(20, later(86_400), DAY));
        let through = Span {
            through_position: Some(20),
            ..excluded
        };
        assert_eq!(lifted, Step::Become(through));
        let once_more = of_all(Add, Some(through), place(21, later(86_400), DAY));
        assert_eq!(once_more, Step::Keep);
    }
}
