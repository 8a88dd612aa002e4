//! Which streams get an event, and what each of them gets.

use ssf_types::{
    id::{Jti, StreamId},
    subject::Subject,
    time::Timestamp,
};

use super::{event::AcceptedEvent, order::OrderKey, subjects::SubjectPreference};

/// A delivery to be: it gets its number from the store.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PlannedDelivery {
    /// Which of the interested streams gets it.
    pub stream: StreamId,
    /// Names the SET from now on, in every attempt.
    pub jti: Jti,
    /// When the SET was made; whole seconds, never later than the truth.
    pub iat: Timestamp,
    /// Whom the SET is about; `None` if it is the event's own `sub_id`, unchanged.
    pub chosen: Option<Subject>,
    /// Which deliveries of the stream it must not overtake.
    pub order: OrderKey,
}

/// Why an interested stream does not get an event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SkipReason {
    /// No identifier of the principal is in a format that the stream gets.
    NoSuitableIdentifier,
    /// The event was accepted while the stream was disabled, or before that and not fanned out yet.
    StreamDisabled,
    /// The stream has given up the type of the event after that was accepted and before it was fanned out.
    TypeNoLongerRequested,
    /// The stream covers everybody but those who were removed from it.
    SubjectRemoved,
}

impl SkipReason {
    /// The reason as it is stored and counted.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuitableIdentifier => "no_suitable_identifier",
            Self::StreamDisabled => "stream_disabled",
            Self::TypeNoLongerRequested => "type_no_longer_requested",
            Self::SubjectRemoved => "subject_removed",
        }
    }
}

/// What becomes of one event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FanOut {
    /// One delivery for each stream that gets the event.
    pub planned: Vec<PlannedDelivery>,
    /// The interested streams that do not get it.
    pub skipped: Vec<(StreamId, SkipReason)>,
}

/// Where a step of the fan-out ends, so that its transaction stays short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StepMax {
    /// Most events.
    pub events: u64,
    /// No further event is taken where the others are so many deliveries already.
    pub deliveries: u64,
}

impl StepMax {
    /// So many events, whatever becomes of them.
    pub const fn events(events: u64) -> Self {
        Self {
            events,
            deliveries: u64::MAX,
        }
    }

    /// Whether a step that has so many takes one more event. The first is taken whole, however many streams get it.
    pub fn has_room(self, events: u64, deliveries: u64) -> bool {
        events < self.events && (events == 0 || deliveries < self.deliveries)
    }
}

/// Decides what the streams that are interested in the type of `event` get.
///
/// `jti` is called once for each delivery and gives an identifier that was never given before.
pub fn fan_out(
    event: &AcceptedEvent,
    interested: &[StreamId],
    preference: &SubjectPreference,
    now: Timestamp,
    mut jti: impl FnMut() -> Jti,
) -> FanOut {
    let Ok(subject) = preference.choose(&event.event.sub_id) else {
        let skip = |stream: &StreamId| (stream.clone(), SkipReason::NoSuitableIdentifier);
        return FanOut {
            planned: Vec::new(),
            skipped: interested.iter().map(skip).collect(),
        };
    };
    let order = OrderKey::of(&subject);
    let chosen = (subject != event.event.sub_id).then_some(subject);
    let plan = |stream: &StreamId| PlannedDelivery {
        stream: stream.clone(),
        jti: jti(),
        iat: now.whole_seconds(),
        chosen: chosen.clone(),
        order: order.clone(),
    };
    FanOut {
        planned: interested.iter().map(plan).collect(),
        skipped: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{event::caep::SessionRevoked, subject::SimpleSubject};
    use uuid::Uuid;

    use super::*;
    use crate::domain::{event::NewEvent, id::EventId};

    fn accepted(subject: SimpleSubject) -> AcceptedEvent {
        AcceptedEvent::new(
            EventId::new(Uuid::from_u128(1)),
            Timestamp::from_secs(1),
            NewEvent::new(subject, SessionRevoked::default()),
        )
    }

    fn streams() -> Vec<StreamId> {
        ["a", "b"].map(|id| StreamId::parse(id).unwrap()).to_vec()
    }

    fn decided(subject: SimpleSubject, preference: &SubjectPreference) -> FanOut {
        let mut next = 0;
        let jti = || {
            next += 1;
            Jti::parse(format!("jti-{next}")).unwrap()
        };
        let now = Timestamp::from_millis(5_999);
        fan_out(&accepted(subject), &streams(), preference, now, jti)
    }

    fn opaque() -> SimpleSubject {
        SimpleSubject::Opaque { id: "1".into() }
    }

    #[test]
    fn every_interested_stream_gets_a_set_of_its_own() {
        let fan_out = decided(opaque(), &SubjectPreference::default());
        let named: Vec<(&str, &str)> = fan_out
            .planned
            .iter()
            .map(|planned| (planned.stream.as_str(), planned.jti.as_str()))
            .collect();
        assert_eq!(named, [("a", "jti-1"), ("b", "jti-2")]);
        assert_eq!(fan_out.skipped, []);
    }

    #[test]
    fn a_set_is_issued_in_whole_seconds_and_not_in_the_future() {
        let fan_out = decided(opaque(), &SubjectPreference::default());
        assert_eq!(fan_out.planned[0].iat, Timestamp::from_secs(5));
    }

    #[test]
    fn a_subject_is_kept_only_if_it_is_not_the_events_own() {
        let preference = SubjectPreference::default();
        assert_eq!(decided(opaque(), &preference).planned[0].chosen, None);
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![opaque()],
        };
        assert_eq!(
            decided(aliases, &preference).planned[0].chosen,
            Some(opaque().into())
        );
    }

    #[test]
    fn a_stream_without_a_suitable_identifier_is_skipped_with_its_reason() {
        let aliases = SimpleSubject::Aliases {
            identifiers: vec![opaque()],
        };
        let fan_out = decided(aliases, &SubjectPreference::new(["did"]).unwrap());
        let reason = SkipReason::NoSuitableIdentifier;
        let [a, b] = [0, 1].map(|at| (streams()[at].clone(), reason));
        assert_eq!(fan_out.planned, []);
        assert_eq!(fan_out.skipped, [a, b]);
    }
}
