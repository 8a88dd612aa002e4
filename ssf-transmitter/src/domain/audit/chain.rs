//! The chain of entries, and what shows that it was changed.

use std::{fmt, str::FromStr};

use serde_json::{Value, json};

use super::Entry;

/// The keyed hash of a link.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ChainHash([u8; 32]);

impl ChainHash {
    /// Takes the output of a keyed hash.
    pub const fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A place in the chain: number and hash of an entry. As text: `7:` and 64 hexadecimal digits.
///
/// The default is the place before the first entry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Link {
    /// Counts from one, without gaps.
    pub seq: u64,
    /// Covers the entry, its number and the hash before.
    pub hash: ChainHash,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// The text is not a place in the chain.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a head is a number, a colon and 64 hexadecimal digits, as audit verify prints it")]
pub struct LinkError;

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (seq, digits) = text.split_once(':').ok_or(LinkError)?;
        let seq = seq.parse().map_err(|_| LinkError)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(LinkError);
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            let pair = &digits[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_| LinkError)?;
        }
        Ok(Self {
            seq,
            hash: ChainHash(hash),
        })
    }
}

/// An entry in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The entry.
    pub entry: Entry,
    /// The hash of the entry before.
    pub previous: ChainHash,
    /// Its own place.
    pub link: Link,
}

impl Record {
    /// The entry as it is shown; details that somebody changed into something else than JSON are shown as text.
    pub fn shown(&self) -> Value {
        let entry = &self.entry;
        let details = serde_json::from_str(&entry.details);
        json!({
            "seq": self.link.seq,
            "at": entry.at,
            "actor": { "kind": entry.actor_kind, "id": entry.actor_id },
            "action": entry.action,
            "target": entry.target,
            "phase": entry.phase,
            "result": entry.result,
            "begun": entry.begun,
            "details": details.unwrap_or_else(|_| json!(entry.details)),
            "hash": self.link.hash.to_string(),
        })
    }
}

/// The chain does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Broken {
    /// An entry is not the one that was written under its number.
    #[error("audit entry {0} was changed or inserted")]
    Changed(u64),
    /// There is no entry of this number.
    #[error("audit entry {0} was deleted")]
    Deleted(u64),
    /// An entry stands where none was written.
    #[error("audit entry {0} was inserted")]
    Inserted(u64),
    /// All entries hold, and a head does not fit them.
    #[error(
        "audit entry {0} is not the one that the head names: the head, or all from there on, was replaced"
    )]
    Head(u64),
}

/// Follows the chain from its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    last: Link,
}

impl Chain {
    /// The place that was reached.
    pub fn last(&self) -> Link {
        self.last
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// It is not the next one.
    pub fn follow(
        &mut self,
        record: &Record,
        mac: impl Fn(&[u8]) -> ChainHash,
    ) -> Result<(), Broken> {
        let expected = self.last.seq + 1;
        let found = record.link.seq;
        if found < expected {
            return Err(Broken::Inserted(found));
        }
        if found > expected {
            return Err(Broken::Deleted(expected));
        }
        if record.previous != self.last.hash || *record != record.entry.clone().link(self.last, mac)
        {
            return Err(Broken::Changed(found));
        }
        self.last = record.link;
        Ok(())
    }

    /// Compares the place that was reached with a head of the same number.
    ///
    /// # Errors
    /// They differ.
    pub fn meets(&self, head: Link) -> Result<(), Broken> {
        if self.last == head {
            return Ok(());
        }
        Err(Broken::Head(head.seq))
    }
}
