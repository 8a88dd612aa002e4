//! Identifiers that the transmitter gives, and fingerprints that stand for secrets.

use std::fmt;

use uuid::Uuid;

macro_rules! uuids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID that is used for nothing else.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_simple().fmt(f)
            }
        }
    )+};
}

impl EventId {
    /// Reads the one form in which an id is printed: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

impl ReceiverId {
    /// Reads the one form in which an id is printed: 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }
}

uuids! {
    /// Names an accepted event. Version 7: it tells roughly when the event was accepted.
    EventId;
    /// Names an operator.
    OperatorId;
    /// Names a source that hands in events.
    SourceId;
    /// Names a Receiver that may manage streams here.
    ReceiverId;
    /// Names the answer to a poll.
    AnswerId;
    /// Names a process that works on the outbox; a restarted process is another worker.
    WorkerId;
}

/// A keyed digest that finds a row by a secret or by a subject without storing either.
///
/// Without the key nobody can steer its bytes, so the time that a comparison takes tells a guesser nothing. Printing it
/// for debugging shows nothing.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Takes the output of a keyed hash.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_printed_as_32_hexadecimal_digits() {
        let id = EventId::new(Uuid::from_u128(0x0192_f5a0_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "0192f5a0000070008000000000000001");
    }

    #[test]
    fn an_identifier_is_read_in_the_form_in_which_it_is_printed_alone() {
        let text = "0192f5a0000070008000000000000001";
        assert_eq!(ReceiverId::parse(text).unwrap().to_string(), text);
        for other in [
            "",
            "0192F5A0000070008000000000000001",
            "0192f5a0-0000-7000-8000-000000000001",
        ] {
            assert_eq!(ReceiverId::parse(other), None, "{other}");
        }
    }

    #[test]
    fn printing_a_fingerprint_for_debugging_shows_nothing() {
        assert_eq!(format!("{:?}", Fingerprint::new([7; 32])), "Fingerprint(…)");
    }
}
