//! What would become of an event on each stream: the decision of the fan-out, told for people.

use std::collections::HashMap;

use ssf_types::{
    id::StreamId, metadata::DefaultSubjects, stream::StreamStatus, subject::Subject,
    uri::EventTypeUri,
};

use super::{
    event::NewEvent,
    fan_out::{FanOut, SkipReason},
    stream::Stream,
};

/// What a fan-out that was decided and not carried out would do.
#[derive(Clone, Debug)]
pub struct Foresight {
    event_type: EventTypeUri,
    matched: HashMap<StreamId, Subject>,
    skipped: HashMap<StreamId, SkipReason>,
}

/// What would become of the event on one stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Foreseen {
    /// It would be sent, about this subject.
    Sent(Subject),
    /// It would be held until the stream is enabled, and be sent then, about this subject.
    Held(Subject),
    /// The stream would not get it.
    Skipped(Absence),
}

/// Why a stream would not get the event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Absence {
    /// The stream is interested, and left out.
    LeftOut(SkipReason),
    /// The Receiver has not asked for the type, or it is not supported.
    TypeNotDelivered,
    /// The stream covers those alone who were added, and the subject is none of them.
    SubjectNotAdded,
}

impl Absence {
    /// The reason as it is told; those that the record of a fan-out has are the same there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeftOut(reason) => reason.as_str(),
            Self::TypeNotDelivered => "type_not_delivered",
            Self::SubjectNotAdded => "subject_not_added",
        }
    }
}

impl Foresight {
    /// Reads what was decided about `event`.
    pub fn new(event: &NewEvent, fan_out: FanOut) -> Self {
        let matched = fan_out.planned.into_iter().map(|planned| {
            let subject = planned.chosen.unwrap_or_else(|| event.sub_id.clone());
            (planned.stream, subject)
        });
        Self {
            event_type: event.event.uri(),
            matched: matched.collect(),
            skipped: fan_out.skipped.into_iter().collect(),
        }
    }

    /// How many streams would get the event.
    pub fn matched(&self) -> usize {
        self.matched.len()
    }

    /// What would become of the event on `stream`, which is of the issuer for which it would be handed in.
    ///
    /// Whether it gets the event was decided before. Here is said why not, where the fan-out does not even look at the
    /// stream.
    pub fn of(&self, stream: &Stream) -> Foreseen {
        if let Some(subject) = self.matched.get(&stream.id) {
            return match stream.status {
                StreamStatus::Enabled => Foreseen::Sent(subject.clone()),
                // A stream that is disabled is never matched.
                StreamStatus::Paused | StreamStatus::Disabled => Foreseen::Held(subject.clone()),
            };
        }
        Foreseen::Skipped(self.absence(stream))
    }

    fn absence(&self, stream: &Stream) -> Absence {
        if let Some(reason) = self.skipped.get(&stream.id) {
            return Absence::LeftOut(*reason);
        }
        if !stream.events_delivered.contains(&self.event_type) {
            return Absence::TypeNotDelivered;
        }
        match stream.default_subjects {
            DefaultSubjects::None => Absence::SubjectNotAdded,
            DefaultSubjects::All => Absence::LeftOut(SkipReason::SubjectRemoved),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use ssf_types::{
        event::caep::SessionRevoked, id::Jti, subject::SimpleSubject, time::Timestamp,
    };
    use uuid::Uuid;

    use super::*;
    use crate::domain::{
        event::AcceptedEvent, fan_out::fan_out, id::EventId, stream::sample,
        subjects::SubjectPreference,
    };

    fn opaque() -> SimpleSubject {
        SimpleSubject::Opaque { id: "1".into() }
    }

    /// A stream of the type, as it may be changed.
    fn stream(status: StreamStatus) -> Stream {
        let mut stream = sample().with_status(status, None);
        let uri = NewEvent::new(opaque(), SessionRevoked::default())
            .event
            .uri();
        stream.events_delivered = vec![uri];
        stream
    }

    /// What is foreseen of an event about a principal with one alias, on a stream that the fan-out is given or not.
    fn foreseen(stream: &Stream, interested: &[StreamId], skipped: Option<SkipReason>) -> Foreseen {
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![opaque()],
        };
        let event = NewEvent::new(aliases, SessionRevoked::default());
        let accepted = AcceptedEvent::new(
            EventId::new(Uuid::from_u128(1)),
            Timestamp::from_secs(1),
            event.clone(),
        );
        let jti = || Jti::parse("jti").unwrap();
        let preference = SubjectPreference::default();
        let now = Timestamp::from_secs(1);
        let mut decided = fan_out(&accepted, interested, &preference, now, jti);
        let left_out = skipped.map(|reason| (stream.id.clone(), reason));
        decided.skipped.extend(left_out);
        Foresight::new(&event, decided).of(stream)
    }

    #[test]
    fn what_is_matched_is_sent_under_the_chosen_identifier_or_held() {
        let subject = Subject::from(opaque());
        let enabled = stream(StreamStatus::Enabled);
        let sent = foreseen(&enabled, slice::from_ref(&enabled.id), None);
        assert_eq!(sent, Foreseen::Sent(subject.clone()));
        let paused = stream(StreamStatus::Paused);
        let held = foreseen(&paused, slice::from_ref(&paused.id), None);
        assert_eq!(held, Foreseen::Held(subject));
    }

    #[test]
    fn a_stream_that_is_left_out_is_told_with_the_reason_of_the_fan_out() {
        let disabled = stream(StreamStatus::Disabled);
        let left_out = foreseen(&disabled, &[], Some(SkipReason::StreamDisabled));
        let Foreseen::Skipped(absence) = left_out else {
            panic!("{left_out:?}")
        };
        assert_eq!(absence, Absence::LeftOut(SkipReason::StreamDisabled));
        assert_eq!(absence.as_str(), "stream_disabled");
    }

    #[test]
    fn a_stream_that_the_fan_out_does_not_look_at_lacks_the_type_or_the_subject() {
        let skipped = |absence| Foreseen::Skipped(absence);
        let mut other = stream(StreamStatus::Enabled);
        other.default_subjects = DefaultSubjects::None;
        let told = foreseen(&other, &[], None);
        assert_eq!(told, skipped(Absence::SubjectNotAdded));
        other.events_delivered.clear();
        let told = foreseen(&other, &[], None);
        assert_eq!(told, skipped(Absence::TypeNotDelivered));
    }
}
