//! What has become of an event, told for people.

use std::collections::{BTreeMap, HashSet};

use ssf_types::{
    id::{Jti, StreamId},
    time::Timestamp,
    uri::EventTypeUri,
};

use super::{
    attempt::Attempt,
    event::AcceptedEvent,
    fan_out::FanOut,
    foresight::{Absence, Foreseen, Foresight},
    id::EventId,
    issuer::IssuerName,
    stream::Stream,
};

/// Where a delivery stands, in one word.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Standing {
    /// It is sent as soon as it can be.
    Pending,
    /// It waits for its stream, which is paused, or was enabled and announces that first.
    Held,
    /// The Receiver has it.
    Delivered,
    /// The Receiver refused it.
    Quarantined,
    /// Nobody will send it: an authorised change ended it, or it was offered once and not taken.
    Dropped,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Held,
        Self::Delivered,
        Self::Quarantined,
        Self::Dropped,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Held => "held",
            Self::Delivered => "delivered",
            Self::Quarantined => "quarantined",
            Self::Dropped => "dropped",
        }
    }

    /// Reads what [`Standing::as_str`] has written; `None` for anything else.
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }
}

/// What is known of a delivery.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TracedDelivery {
    /// The stream.
    pub stream: StreamId,
    /// Its number in the stream.
    pub sequence: u64,
    /// Names its SET.
    pub jti: Jti,
    /// The event that it tells of.
    pub event: EventId,
    /// The type of that.
    pub event_type: EventTypeUri,
    /// When the SET was made; whole seconds.
    pub made_at: Timestamp,
    /// How often the event had been sent anew on the stream when this was made: zero for what the fan-out made.
    pub repetition: u32,
    /// Where it stands.
    pub standing: Standing,
    /// When it may be sent; absent if it is settled, or waits for an earlier one about the same user.
    pub due: Option<Timestamp>,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// The status with which a push was acknowledged.
    pub status: Option<u16>,
    /// The code with which it was refused.
    pub code: Option<String>,
    /// How many attempts failed, those before it was replayed included.
    pub failed: u32,
    /// Until when it is with a Receiver that polls.
    pub with_receiver_until: Option<Timestamp>,
    /// What is kept of the attempts that failed, by their numbers; empty in a list of deliveries.
    pub attempts: Vec<(u32, Attempt)>,
}

/// An event as it is told of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TracedEvent {
    /// Its place among all events.
    pub position: u64,
    /// Whose it is.
    pub issuer: IssuerName,
    /// What was accepted, and when. Not to be told: it names the subject.
    pub event: AcceptedEvent,
    /// What its fan-out did; absent if it waits for that.
    pub fanned_out: Option<Recorded>,
}

impl TracedEvent {
    /// Joins what is known of an event.
    pub fn new(
        (position, issuer): (u64, IssuerName),
        event: AcceptedEvent,
        fanned_out: Option<Recorded>,
    ) -> Self {
        Self {
            position,
            issuer,
            event,
            fanned_out,
        }
    }
}

/// What was written down of a fan-out.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Recorded {
    /// When it was.
    pub at: Timestamp,
    /// How many streams got the event.
    pub matched: u64,
    /// How many that were interested did not, by the reason.
    pub skipped: BTreeMap<String, u64>,
}

/// Whether a stream had asked for events of a type when one was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// Before.
    Before,
    /// After, or it was created after.
    After,
    /// It has not, or does not any more.
    NotNow,
}

/// Why a stream did not get an event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unsent {
    /// It may yet: the event waits for its fan-out.
    WaitsForFanOut,
    /// The stream asked for such events later, or was created later.
    AskedLater,
    /// A reason that a fan-out would give, too.
    Absent(Absence),
    /// As the stream is now it would have got the event: it was another one then, or its delivery is not kept any more.
    NotKnown,
}

impl Unsent {
    /// The reason as it is told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitsForFanOut => "waits_for_fan_out",
            Self::AskedLater => "asked_later",
            Self::Absent(absence) => absence.as_str(),
            Self::NotKnown => "not_known",
        }
    }
}

/// How sure a reason is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Certainty {
    /// It was so.
    Then,
    /// It is so now, and may have been otherwise.
    Now,
}

/// The decision of a fan-out, made once more at the place of its event.
#[derive(Clone, Debug)]
pub struct Recollection {
    is_waiting: bool,
    foresight: Foresight,
    as_recorded: HashSet<&'static str>,
}

impl Recollection {
    /// Compares what is decided now with what was written down then.
    pub fn new(event: &TracedEvent, decided: FanOut) -> Self {
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (_, reason) in &decided.skipped {
            *counts.entry(reason.as_str()).or_default() += 1;
        }
        let recorded = |reason: &&str| {
            let fanned_out = event.fanned_out.as_ref();
            let then = fanned_out.and_then(|recorded| recorded.skipped.get(*reason));
            then == counts.get(*reason)
        };
        Self {
            is_waiting: event.fanned_out.is_none(),
            as_recorded: counts.keys().copied().filter(recorded).collect(),
            foresight: Foresight::new(&event.event.event, decided),
        }
    }

    /// Why `stream`, which has no delivery of the event, did not get it.
    ///
    /// What a fan-out decided about each single stream is not kept. A reason is sure if as many streams have it now as
    /// were written down then.
    pub fn of(&self, stream: &Stream, asked: Asked) -> (Unsent, Certainty) {
        if self.is_waiting {
            return (Unsent::WaitsForFanOut, Certainty::Then);
        }
        match asked {
            Asked::After => return (Unsent::AskedLater, Certainty::Then),
            Asked::NotNow => {
                let absence = Unsent::Absent(Absence::TypeNotDelivered);
                return (absence, Certainty::Now);
            }
            Asked::Before => {}
        }
        match self.foresight.of(stream) {
            Foreseen::Sent(_) | Foreseen::Held(_) => (Unsent::NotKnown, Certainty::Now),
            Foreseen::Skipped(absence) => {
                let is_sure = self.as_recorded.contains(absence.as_str());
                let certainty = if is_sure {
                    Certainty::Then
                } else {
                    Certainty::Now
                };
                (Unsent::Absent(absence), certainty)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{event::caep::SessionRevoked, stream::StreamStatus, subject::SimpleSubject};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{event::NewEvent, fan_out::SkipReason, stream::sample};

    fn new() -> NewEvent {
        NewEvent::new(
            SimpleSubject::Opaque { id: "1".into() },
            SessionRevoked::default(),
        )
    }

    fn stream() -> Stream {
        let mut stream = sample().with_status(StreamStatus::Enabled, None);
        stream.events_delivered = vec![new().event.uri()];
        stream
    }

    /// What is told of a stream that was left out now, where so many were then.
    fn told(fanned_out: Option<u64>, now: Option<SkipReason>, asked: Asked) -> (Unsent, Certainty) {
        let id = EventId::new(Uuid::from_u128(1));
        let accepted = AcceptedEvent::new(id, Timestamp::from_secs(1), new());
        let recorded = fanned_out.map(|streams| Recorded {
            at: Timestamp::from_secs(2),
            matched: 0,
            skipped: [("stream_disabled".to_owned(), streams)].into(),
        });
        let event = TracedEvent::new((1, IssuerName::default()), accepted, recorded);
        let mut decided = FanOut::default();
        let left_out = now.map(|reason| (stream().id, reason));
        decided.skipped.extend(left_out);
        Recollection::new(&event, decided).of(&stream(), asked)
    }

    #[test]
    fn a_standing_is_read_as_it_is_told() {
        for standing in Standing::ALL {
            assert_eq!(Standing::read(standing.as_str()), Some(standing));
        }
        assert_eq!(Standing::read("lost"), None);
    }

    #[test]
    fn an_event_that_waits_for_its_fan_out_is_decided_about_later() {
        let waits = (Unsent::WaitsForFanOut, Certainty::Then);
        assert_eq!(told(None, None, Asked::Before), waits);
    }

    #[test]
    fn a_stream_that_asked_later_was_not_there() {
        let later = (Unsent::AskedLater, Certainty::Then);
        assert_eq!(told(Some(0), None, Asked::After), later);
    }

    #[test]
    fn a_reason_that_was_written_down_as_often_is_sure() {
        let reason = SkipReason::StreamDisabled;
        let left_out = Unsent::Absent(Absence::LeftOut(reason));
        let sure = told(Some(1), Some(reason), Asked::Before);
        assert_eq!(sure, (left_out, Certainty::Then));
        let unsure = told(Some(2), Some(reason), Asked::Before);
        assert_eq!(unsure, (left_out, Certainty::Now));
    }

    #[test]
    fn what_has_changed_since_is_told_as_of_now() {
        let absent = Unsent::Absent(Absence::TypeNotDelivered);
        let gone = told(Some(0), None, Asked::NotNow);
        assert_eq!(gone, (absent, Certainty::Now));
    }
}
