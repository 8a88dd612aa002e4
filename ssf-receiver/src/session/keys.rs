//! A session as it is looked up: hashes in place of whoever it is about.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use ssf_types::subject::SimpleSubject;

use super::{SESSION, Session};
use crate::revocation::{COLLECTIVE, Fingerprint, IndexKey, seconds};

/// Most identifiers that are looked up for one session.
pub const IDENTIFIERS_MAX: usize = 64;

/// The form of what is stored.
const VERSION: u8 = 1;

/// Bytes of one identifier, and of what stands before them all.
const IDENTIFIER_BYTES: usize = 25;
const HEAD_BYTES: usize = 26;

/// The facts of a [`Session`] with its identifiers hashed, which is all that a decision takes: about 34 characters for each
/// identifier, and nothing that tells who somebody is.
///
/// An application keeps them in place of the [`Session`] if it wants to: they are serialised as one string in base64url. They
/// serve the receiver that made them, and those that share its database.
#[derive(Clone, Eq, PartialEq)]
pub struct SessionKeys {
    /// The secret that the hashes were made with.
    pub(crate) secret: u64,
    pub(crate) scope: u64,
    pub(crate) began: u32,
    pub(crate) authenticated: Option<u32>,
    pub(crate) identifiers: Box<[HashedIdentifier]>,
}

/// An identifier of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HashedIdentifier {
    pub(crate) meaning: Meaning,
    /// Its member and format.
    pub(crate) place: u64,
    pub(crate) fingerprint: Fingerprint,
}

impl HashedIdentifier {
    /// Whether it names the session itself.
    pub(crate) fn is_session(self) -> bool {
        self.meaning == Meaning::Session
    }
}

/// What an identifier stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Meaning {
    /// The session itself, a token or an assertion: who names it means no other session.
    Session,
    /// A user, or something that belongs to one.
    Individual,
    /// Many users.
    Collective,
}

impl Meaning {
    const ALL: [Self; 3] = [Self::Session, Self::Individual, Self::Collective];

    fn of(member: &str, identifier: &SimpleSubject) -> Self {
        let is_token = matches!(
            identifier,
            SimpleSubject::JwtId { .. } | SimpleSubject::SamlAssertionId { .. }
        );
        if COLLECTIVE.contains(&member) {
            Self::Collective
        } else if member == SESSION || is_token {
            Self::Session
        } else {
            Self::Individual
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Session => 0,
            Self::Individual => 1,
            Self::Collective => 2,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }
}

impl IndexKey {
    /// Hashes the identifiers of a session; of more than [`IDENTIFIERS_MAX`], the first.
    pub fn keys(&self, session: &Session) -> SessionKeys {
        let mut hashing = self.hashing(session.issuer());
        let mut identifiers =
            Vec::with_capacity(session.identifiers().count().min(IDENTIFIERS_MAX));
        for (member, identifier) in session.identifiers().take(IDENTIFIERS_MAX) {
            identifiers.push(HashedIdentifier {
                meaning: Meaning::of(member, identifier),
                place: hashing.place(member, identifier.format()),
                fingerprint: hashing.fingerprint(identifier),
            });
        }
        SessionKeys {
            secret: self.number(),
            scope: hashing.scope(),
            began: seconds(session.began()),
            authenticated: session.authenticated().map(seconds),
            identifiers: identifiers.into(),
        }
    }
}

impl SessionKeys {
    /// All of it, as it is stored.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + IDENTIFIER_BYTES * self.identifiers.len());
        bytes.push(VERSION);
        bytes.extend(self.secret.to_be_bytes());
        bytes.extend(self.scope.to_be_bytes());
        bytes.extend(self.began.to_be_bytes());
        bytes.push(self.authenticated.is_some().into());
        bytes.extend(self.authenticated.unwrap_or_default().to_be_bytes());
        for identifier in &self.identifiers {
            bytes.push(identifier.meaning.number());
            bytes.extend(identifier.place.to_be_bytes());
            bytes.extend(identifier.fingerprint.to_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.byte()? != VERSION {
            return None;
        }
        let (secret, scope, began) = (reader.u64()?, reader.u64()?, reader.u32()?);
        let is_authenticated = match reader.byte()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let authenticated = reader.u32()?;
        let mut identifiers = Vec::new();
        while !reader.0.is_empty() {
            identifiers.push(HashedIdentifier {
                meaning: Meaning::from_number(reader.byte()?)?,
                place: reader.u64()?,
                fingerprint: Fingerprint::from_bytes(reader.take()?),
            });
        }
        (identifiers.len() <= IDENTIFIERS_MAX).then(|| Self {
            secret,
            scope,
            began,
            authenticated: is_authenticated.then_some(authenticated),
            identifiers: identifiers.into(),
        })
    }

    /// The keys as they are stored: base64url, at most 2,169 characters.
    pub fn to_text(&self) -> String {
        BASE64URL.encode(self.to_bytes())
    }

    /// Reads what [`SessionKeys::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL.decode(text).ok()?;
        Self::from_bytes(&bytes)
    }

    /// What a store finds the session by: whatever ends it names one of these, since nobody's session ends because of what many
    /// have in common.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.simple().map(|(fingerprint, _)| fingerprint)
    }

    /// The identifiers of the simple subjects that may stand for it, each with whether it names this very session.
    pub(crate) fn simple(&self) -> impl Iterator<Item = (Fingerprint, bool)> {
        self.identifiers
            .iter()
            .filter(|one| one.meaning != Meaning::Collective)
            .map(|one| (one.fingerprint, one.is_session()))
    }

    pub(crate) fn at(&self, place: u64) -> impl Iterator<Item = &HashedIdentifier> {
        self.identifiers
            .iter()
            .filter(move |one| one.place == place)
    }
}

struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }
}

impl Serialize for SessionKeys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for SessionKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("these are no keys of a session"))
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys")
            .field("began", &self.began)
            .field("identifiers", &self.identifiers.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::{time::Timestamp, uri::Issuer};

    use super::*;

    fn keys() -> SessionKeys {
        let issuer = Issuer::parse("https://idp.example.com").unwrap();
        let session = Session::new(issuer, Timestamp::from_secs(1_700_000_000))
            .iss_sub("https://idp.example.com", "alice")
            .email("alice@example.com")
            .sid("s1");
        let tenant = SimpleSubject::Opaque { id: "acme".into() };
        let session = session.identifier("tenant", tenant);
        IndexKey::new([7; 16]).keys(&session)
    }

    #[test]
    fn what_is_stored_gives_the_same_keys_back_and_fits_into_a_cookie() {
        for authenticated in [None, Some(0), Some(1_600_000_000)] {
            let mut keys = keys();
            keys.authenticated = authenticated;
            let stored = serde_json::to_string(&keys).unwrap();
            assert!(stored.len() < 180, "{}", stored.len());
            assert_eq!(serde_json::from_str::<SessionKeys>(&stored).unwrap(), keys);
        }
    }

    #[test]
    fn what_was_not_stored_by_us_is_refused() {
        let bytes = keys().to_bytes();
        assert_eq!(bytes.len(), HEAD_BYTES + 4 * IDENTIFIER_BYTES);
        let mut other = bytes.clone();
        other[0] = 2;
        let mut meaning = bytes.clone();
        meaning[HEAD_BYTES] = 9;
        let mut many = bytes.clone();
        for _ in 0..IDENTIFIERS_MAX {
            many.extend_from_slice(&bytes[HEAD_BYTES..HEAD_BYTES + IDENTIFIER_BYTES]);
        }
        for faulty in [&bytes[..bytes.len() - 1], &other, &meaning, &many, b""] {
            let text = serde_json::to_string(&BASE64URL.encode(faulty)).unwrap();
            assert!(serde_json::from_str::<SessionKeys>(&text).is_err());
        }
    }

    #[test]
    fn neither_what_is_stored_nor_what_is_printed_tells_who_it_is() {
        let keys = keys();
        let stored = BASE64URL.decode(serde_json::to_value(&keys).unwrap().as_str().unwrap());
        let stored = String::from_utf8_lossy(&stored.unwrap()).into_owned();
        let printed = format!("{keys:?}");
        for text in [stored, printed] {
            assert!(!text.contains("alice") && !text.contains("acme"), "{text}");
        }
    }

    #[test]
    fn a_tenant_is_not_looked_up_alone_and_the_session_is_known_as_such() {
        let keys = keys();
        let named: Vec<bool> = keys.simple().map(|(_, named)| named).collect();
        assert_eq!(named.iter().filter(|named| **named).count(), 1);
        assert_eq!(named.len(), 3);
    }
}
