//! Keyed hashes. What is hashed goes in in as few pieces as can be, each of which has its price, and what many hashes begin with goes in once.

use std::{borrow::Cow, hash::Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};
use ssf_types::{subject::SimpleSubject, uri::Issuer};

use super::{Fingerprint, Mask, issuer_form};
use crate::session::{SESSION, USER};

/// So many bytes of most inputs, and of most identifiers, for which memory is taken once.
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
        let hash = self.hasher.hash(&self.bytes);
        [hash.h1, hash.h2]
    }

    /// What all hashes begin with that have these parts, and more behind them.
    fn begun(mut self) -> SipHasher13 {
        self.hasher.write(&self.bytes);
        self.hasher
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
        Self(COMMON_PLACES.map(|(member, format)| number_of_place(secret, member, format)))
    }

    fn number(&self, place: (&str, &str)) -> Option<u64> {
        let position = COMMON_PLACES.iter().position(|common| *common == place)?;
        self.0.get(position).copied()
    }
}

fn number_of_place(secret: &[u8; 16], member: &str, format: &str) -> u64 {
    let mut hash = Parts::new(secret, Purpose::Place);
    hash.part_of(&Mask::pieces_of_place(member, format));
    hash.finish()[0]
}

/// What is hashed of a transmitter whatever it says.
#[derive(Clone)]
pub(super) struct HashedScope {
    /// As it is hashed.
    issuer: String,
    number: u64,
    /// What its identifiers begin with.
    identifier: SipHasher13,
}

impl HashedScope {
    pub(super) fn new(secret: &[u8; 16], issuer: &Issuer) -> Self {
        let issuer = issuer_form(issuer).to_owned();
        let mut number = Parts::new(secret, Purpose::Scope);
        number.part(issuer.as_bytes());
        let mut identifier = Parts::new(secret, Purpose::Identifier);
        identifier.part(issuer.as_bytes());
        Self {
            number: number.finish()[0],
            identifier: identifier.begun(),
            issuer,
        }
    }

    pub(super) fn is_of(&self, issuer: &Issuer) -> bool {
        self.issuer == issuer_form(issuer)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// Hashes whatever a session or a subject consists of, in the scope of one transmitter.
pub(crate) struct Hashing<'k> {
    secret: &'k [u8; 16],
    common_places: &'k CommonPlaces,
    scope: Cow<'k, HashedScope>,
    /// An identifier in its widest form.
    text: String,
}

impl<'k> Hashing<'k> {
    pub(super) fn new(
        secret: &'k [u8; 16],
        common_places: &'k CommonPlaces,
        scope: Cow<'k, HashedScope>,
    ) -> Self {
        Self {
            secret,
            common_places,
            scope,
            text: String::with_capacity(IDENTIFIER_BYTES),
        }
    }

    /// Hashes an identifier in its widest form.
    pub(crate) fn fingerprint(&mut self, identifier: &SimpleSubject) -> Fingerprint {
        self.text.clear();
        identifier.write_revocation_key(&mut self.text);
        let mut hasher = self.scope.identifier;
        hasher.write(&length(self.text.len()));
        hasher.write(self.text.as_bytes());
        let hash = hasher.finish128();
        Fingerprint::of([hash.h1, hash.h2])
    }

    /// A number for the place of an identifier, which is the same in all scopes.
    pub(crate) fn place(&self, member: &str, format: &str) -> u64 {
        let common = self.common_places.number((member, format));
        common.unwrap_or_else(|| number_of_place(self.secret, member, format))
    }

    /// A number for the scope itself.
    pub(crate) fn scope(&self) -> u64 {
        self.scope.number
    }
}

#[cfg(test)]
mod tests {
    use super::{super::IndexKey, *};

    fn id(id: &str) -> SimpleSubject {
        SimpleSubject::Opaque { id: id.into() }
    }

    #[test]
    fn whatever_was_hashed_before_a_place_and_a_scope_have_their_numbers_and_an_identifier_its_fingerprint()
     {
        let key = IndexKey::new([7; 16]);
        let scope = Issuer::parse("https://idp.example.com/").unwrap();
        let (one, other) = (id("1"), id(&"long".repeat(100)));
        let mut hashing = key.hashing(&scope);
        for _ in 0..2 {
            for identifier in [&one, &other] {
                let expected = key.fingerprint(&scope, identifier);
                assert_eq!(hashing.fingerprint(identifier), expected);
                assert_eq!(hashing.scope(), key.scope(&scope));
                for (member, format) in [("user", "opaque"), ("user", "did"), ("seat", "opaque")] {
                    let place = Mask::place(member, format);
                    assert_eq!(hashing.place(member, format), key.place(&place));
                }
            }
        }
    }

    #[test]
    fn in_pieces_an_identifier_has_the_fingerprint_that_it_has_as_a_whole() {
        let secret = [7; 16];
        for length in 0..24 {
            // Whatever is left over of eight bytes, on either side of where the pieces meet.
            let issuer = format!(
                "https://idp.example.com{}",
                &"/0123456789/0123456789/0"[..length]
            );
            let scope = Issuer::parse(&issuer).unwrap();
            let key = IndexKey::new(secret).for_scopes([&scope].into_iter());
            for length in 1..24 {
                let identifier = id(&"x".repeat(length));
                let mut whole = Parts::new(&secret, Purpose::Identifier);
                whole.part(issuer_form(&scope).as_bytes());
                whole.part(identifier.revocation_key().as_bytes());
                let expected = Fingerprint::of(whole.finish());
                assert_eq!(key.fingerprint(&scope, &identifier), expected);
                let unknown = IndexKey::new(secret).fingerprint(&scope, &identifier);
                assert_eq!(unknown, expected);
            }
        }
    }

    #[test]
    fn an_issuer_with_and_without_its_last_slash_is_one_scope_and_no_other_is() {
        let issuer = |text: &str| Issuer::parse(text).unwrap();
        let known = issuer("https://a.example/");
        let key = IndexKey::new([7; 16]).for_scopes([&known].into_iter());
        let one = key.fingerprint(&known, &id("1"));
        assert_eq!(key.fingerprint(&issuer("https://a.example"), &id("1")), one);
        for other in ["https://a.example/b", "https://b.example"] {
            assert_ne!(key.fingerprint(&issuer(other), &id("1")), one);
        }
    }
}
