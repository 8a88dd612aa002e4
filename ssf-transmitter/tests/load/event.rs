//! Events whose order can be told: each is about one of a few users, and has a number among those about that user.

use serde_json::{Value, json};

use crate::rig::SESSION_REVOKED;

/// The `event_timestamp` of the first event about a user, to which the number is added: it arrives as it was handed in,
/// whatever else is made of an event on its way.
const FIRST: u64 = 1_800_000_000;

/// An event that a source hands in.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Event {
    pub(crate) user: String,
    /// Its place among the events about this user, as they are handed in, from 0.
    pub(crate) number: u64,
}

impl Event {
    /// The `nth` event of a source, from 0, that speaks of so many users in turn.
    pub(crate) fn of(source: &str, nth: usize, users: usize) -> Self {
        Self {
            user: format!("{source}-{}@example.com", nth % users),
            number: (nth / users) as u64,
        }
    }

    /// What is handed in.
    pub(crate) fn body(&self) -> Value {
        json!({
            "sub_id": {"format": "email", "email": self.user},
            "events": {(SESSION_REVOKED): {"event_timestamp": FIRST + self.number}},
        })
    }

    /// The event that these claims tell of; `None` if it is not one that a source hands in.
    pub(crate) fn told_by(claims: &Value) -> Option<Self> {
        let happened = claims["events"][SESSION_REVOKED]["event_timestamp"].as_u64()?;
        Some(Self {
            user: claims["sub_id"]["email"].as_str()?.to_owned(),
            number: happened.checked_sub(FIRST)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_handed_in_is_recognised() {
        let event = Event::of("hr", 7, 3);
        let expected = Event {
            user: "hr-1@example.com".to_owned(),
            number: 2,
        };
        assert_eq!(event, expected);
        assert_eq!(Event::told_by(&event.body()), Some(expected));
    }

    #[test]
    fn what_no_source_hands_in_is_not() {
        let claims = json!({"sub_id": {"format": "opaque", "id": "1"}, "events": {}});
        assert_eq!(Event::told_by(&claims), None);
    }
}
