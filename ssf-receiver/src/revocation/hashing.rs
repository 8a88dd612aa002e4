//! Keyed hashes, whose input is put together in one piece: that takes a third of the time of as many pieces.

use siphasher::sip128::SipHasher13;
use ssf_types::{subject::SimpleSubject, uri::Issuer};

use super::{Fingerprint, Mask, issuer_form};
use crate::session::{SESSION, USER};

/// So many bytes of most inputs, for which nothing is allocated, and of most identifiers, for which it is once.
const INPUT_BYTES: usize = 256;
const IDENTIFIER_BYTES: usize = 96;

/// What is hashed; no two kinds of it give the same input.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Identifier = 1,
    Claims = 2,
    Mask = 3,
    Place = 4,
    Scope = 5,
    Secret = 6,
    #[cfg(feature = "client")]
    Token = 7,
}

/// What is hashed: parts with their lengths, so that no two lists of parts give the same input.
pub(super) struct Parts {
    hasher: SipHasher13,
    bytes: Vec<u8>,
}

impl Parts {
    pub(super) fn new(secret: &[u8; 16], purpose: Purpose) -> Self {
        let mut bytes = Vec::with_capacity(INPUT_BYTES);
        bytes.push(purpose as u8);
        let hasher = SipHasher13::new_with_key(secret);
        Self { hasher, bytes }
    }

    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&length(bytes.len()));
        self.bytes.extend_from_slice(bytes);
    }

    /// A part that is in pieces.
    fn part_of(&mut self, pieces: &[&str]) {
        let whole = pieces.iter().map(|piece| piece.len()).sum();
        self.bytes.extend_from_slice(&length(whole));
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }

    pub(super) fn finish(&self) -> [u64; 2] {
        self.finish_from(0)
    }

    /// The hash of what stands behind so many bytes.
    fn finish_from(&self, start: usize) -> [u64; 2] {
        let hash = self.hasher.hash(&self.bytes[start..]);
        [hash.h1, hash.h2]
    }
}

/// A length as it is hashed, on whatever machine.
pub(super) fn length(length: usize) -> [u8; 8] {
    (length as u64).to_le_bytes()
}

/// Where most sessions have their identifiers: what applications and tokens tell of a user, and of a session.
const COMMON_PLACES: [(&str, &str); 6] = [
    (USER, "iss_sub"),
    (USER, "email"),
    (SESSION, "opaque"),
    (SESSION, "jwt_id"),
    (USER, "opaque"),
    (USER, "account"),
];

/// The numbers of common places, which are hashed once for each secret.
#[derive(Clone)]
pub(super) struct CommonPlaces([u64; COMMON_PLACES.len()]);

impl CommonPlaces {
    pub(super) fn new(secret: &[u8; 16]) -> Self {
        Self(COMMON_PLACES.map(|(member, format)| {
            let mut hash = Parts::new(secret, Purpose::Place);
            hash.part_of(&Mask::pieces_of_place(member, format));
            hash.finish()[0]
        }))
    }

    fn number(&self, place: (&str, &str)) -> Option<u64> {
        let position = COMMON_PLACES.iter().position(|common| *common == place)?;
        self.0.get(position).copied()
    }
}

/// Hashes whatever a session or a subject consists of, in the scope of one transmitter.
pub(crate) struct Hashing<'k> {
    common_places: &'k CommonPlaces,
    /// The scope, and behind it what is hashed at the moment.
    parts: Parts,
    /// Where the scope ends.
    start: usize,
    /// An identifier in its widest form.
    text: String,
}

impl<'k> Hashing<'k> {
    pub(super) fn new(secret: &[u8; 16], common_places: &'k CommonPlaces, scope: &Issuer) -> Self {
        let mut parts = Parts::new(secret, Purpose::Identifier);
        parts.part(issuer_form(scope).as_bytes());
        Self {
            common_places,
            start: parts.bytes.len(),
            parts,
            text: String::with_capacity(IDENTIFIER_BYTES),
        }
    }

    /// Hashes an identifier in its widest form.
    pub(crate) fn fingerprint(&mut self, identifier: &SimpleSubject) -> Fingerprint {
        self.text.clear();
        identifier.write_revocation_key(&mut self.text);
        self.parts.bytes.truncate(self.start);
        self.parts.part(self.text.as_bytes());
        Fingerprint::of(self.parts.finish())
    }

    /// A number for the place of an identifier, which is the same in all scopes.
    pub(crate) fn place(&mut self, member: &str, format: &str) -> u64 {
        if let Some(number) = self.common_places.number((member, format)) {
            return number;
        }
        self.apart(Purpose::Place);
        self.parts.part_of(&Mask::pieces_of_place(member, format));
        self.parts.finish_from(self.start)[0]
    }

    /// A number for the scope itself, or for another.
    pub(crate) fn scope(&mut self, scope: &Issuer) -> u64 {
        self.apart(Purpose::Scope);
        self.parts.part(issuer_form(scope).as_bytes());
        self.parts.finish_from(self.start)[0]
    }

    /// Begins with something that is the same in all scopes.
    fn apart(&mut self, purpose: Purpose) {
        self.parts.bytes.truncate(self.start);
        self.parts.bytes.push(purpose as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::IndexKey, *};

    #[test]
    fn whatever_was_hashed_before_a_place_and_a_scope_have_their_numbers_and_an_identifier_its_fingerprint()
     {
        let key = IndexKey::new([7; 16]);
        let scope = Issuer::parse("https://idp.example.com/").unwrap();
        let id = |id: &str| SimpleSubject::Opaque { id: id.into() };
        let (one, other) = (id("1"), id(&"long".repeat(100)));
        let mut hashing = key.hashing(&scope);
        for _ in 0..2 {
            for identifier in [&one, &other] {
                let expected = key.fingerprint(&scope, identifier);
                assert_eq!(hashing.fingerprint(identifier), expected);
                assert_eq!(hashing.scope(&scope), key.scope(&scope));
                for (member, format) in [("user", "opaque"), ("user", "did"), ("seat", "opaque")] {
                    let place = Mask::place(member, format);
                    assert_eq!(hashing.place(member, format), key.place(&place));
                }
            }
        }
    }
}
