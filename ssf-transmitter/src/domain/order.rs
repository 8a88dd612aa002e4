//! Which deliveries of a stream have to follow each other.
//!
//! Deliveries of one stream with the same order key are sent one after the other, in order of acceptance; all others
//! pass each other freely, so that one Receiver's trouble with one user delays nobody else.

use std::fmt;

use ssf_types::subject::{ComplexSubject, SimpleSubject, Subject};

/// What two deliveries of a stream have in common if one must not overtake the other.
///
/// It is made from a subject, so printing it for debugging shows nothing, and stores keep its fingerprint.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OrderKey(String);

impl OrderKey {
    /// The key of a SET about `subject`: its `user` member, else the whole subject.
    ///
    /// It uses the wide canonical form, as revocations do: where two spellings may mean one person, order holds.
    pub fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Simple(simple) => Self(simple.revocation_key()),
            Subject::Complex(complex) => match complex.member("user") {
                Some(user) => Self(user.revocation_key()),
                None => Self::of_members(complex),
            },
            // A kind of subject that is added later keeps order with itself alone.
            other => Self(other.format().to_owned()),
        }
    }

    /// The key of SETs that announce the status of their stream, which no subject has.
    pub fn of_announcements() -> Self {
        Self("stream-updated".to_owned())
    }

    /// Lengths in front of the parts keep two lists of members apart, whatever they hold.
    fn of_members(complex: &ComplexSubject) -> Self {
        let part = |(name, member): (&str, &SimpleSubject)| {
            let form = member.revocation_key();
            format!(" {}:{name}{}:{form}", name.len(), form.len())
        };
        let parts: String = complex.members().map(part).collect();
        Self(format!("{}{parts}", ComplexSubject::FORMAT))
    }

    /// The key's text, to be fingerprinted.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OrderKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(json: &str) -> OrderKey {
        OrderKey::of(&serde_json::from_str(json).unwrap())
    }

    const ALICE: &str = r#"{"format":"email","email":"alice@example.com"}"#;

    #[test]
    fn a_user_keeps_order_with_or_without_a_session() {
        let complex = r#"{"format":"complex","user":{"format":"email","email":"alice@example.com"},"session":{"format":"opaque","id":"7"}}"#;
        assert_eq!(key(complex), key(ALICE));
    }

    #[test]
    fn spellings_of_one_address_keep_order() {
        assert_eq!(
            key(r#"{"format":"email","email":"Alice@EXAMPLE.com"}"#),
            key(ALICE)
        );
    }

    #[test]
    fn two_users_do_not_wait_for_each_other() {
        assert_ne!(
            key(r#"{"format":"email","email":"bob@example.com"}"#),
            key(ALICE)
        );
    }

    #[test]
    fn without_a_user_the_whole_subject_counts() {
        let device = |id: &str, tenant: &str| {
            key(&format!(
                r#"{{"format":"complex","device":{{"format":"opaque","id":"{id}"}},"tenant":{{"format":"opaque","id":"{tenant}"}}}}"#
            ))
        };
        assert_eq!(device("1", "a"), device("1", "a"));
        assert_ne!(device("1", "a"), device("1", "b"));
        assert_ne!(device("1", "a"), device("2", "a"));
    }

    #[test]
    fn printing_a_key_for_debugging_shows_nobody() {
        assert_eq!(format!("{:?}", key(ALICE)), "OrderKey(…)");
    }
}
