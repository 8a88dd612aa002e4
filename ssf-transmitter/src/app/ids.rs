//! New identifiers.

use ssf_types::{
    id::{Epoch, Jti, StreamId},
    time::Timestamp,
};
use uuid::Uuid;

use crate::domain::id::{AnswerId, EventId, OperatorId, ReceiverId, SourceId, WorkerId};

/// A new id for an event that is accepted at `now`.
pub fn event_id(now: Timestamp) -> EventId {
    EventId::new(uuid_of(now))
}

/// A new id for a SET that is made at `now`.
///
/// # Panics
/// Never: a UUID has 32 digits.
#[expect(
    clippy::expect_used,
    reason = "32 hexadecimal digits are an identifier"
)]
pub fn jti(now: Timestamp) -> Jti {
    Jti::parse(uuid_of(now).simple().to_string()).expect("a UUID is an identifier")
}

/// A new id for a stream that is made at `now`: 74 random bits, because whoever guesses one learns that it exists.
///
/// # Panics
/// Never: a UUID has 32 digits.
#[expect(
    clippy::expect_used,
    reason = "32 hexadecimal digits are an identifier"
)]
pub fn stream_id(now: Timestamp) -> StreamId {
    StreamId::parse(uuid_of(now).simple().to_string()).expect("a UUID is an identifier")
}

/// A new name for a run of numbers.
///
/// # Panics
/// Never: a UUID has 32 digits.
#[expect(
    clippy::expect_used,
    reason = "32 hexadecimal digits are an identifier"
)]
pub fn epoch() -> Epoch {
    Epoch::parse(Uuid::new_v4().simple().to_string()).expect("a UUID is an identifier")
}

/// A new id for a Receiver.
pub fn receiver_id() -> ReceiverId {
    ReceiverId::new(Uuid::new_v4())
}

/// A new id for the answer to a poll at `now`.
pub fn answer_id(now: Timestamp) -> AnswerId {
    AnswerId::new(uuid_of(now))
}

/// A new id for an operator.
pub fn operator_id() -> OperatorId {
    OperatorId::new(Uuid::new_v4())
}

/// A new id for a source.
pub fn source_id() -> SourceId {
    SourceId::new(Uuid::new_v4())
}

/// A new id for this process as a worker.
pub fn worker_id() -> WorkerId {
    WorkerId::new(Uuid::new_v4())
}

/// Version 7: ids that are made together stand together in an index.
fn uuid_of(now: Timestamp) -> Uuid {
    let millis = now.as_millis();
    let nanos = u32::try_from(millis % 1000 * 1_000_000).unwrap_or_default();
    Uuid::new_v7(uuid::Timestamp::from_unix_time(millis / 1000, nanos, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_event_tells_when_it_was_accepted() {
        let id = event_id(Timestamp::from_millis(0x0192_f5a0_1234));
        assert!(id.to_string().starts_with("0192f5a012347"), "{id}");
    }

    #[test]
    fn two_ids_of_one_moment_differ() {
        let now = Timestamp::from_secs(1);
        assert_ne!(jti(now), jti(now));
        assert_ne!(stream_id(now), stream_id(now));
    }
}
