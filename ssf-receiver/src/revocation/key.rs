//! Keyed hashes under which revocations are kept, so that neither memory nor disk tells who was revoked.
//!
//! An identifier is hashed once, when a session is signed in. The keys of complex subjects are mixed from such hashes and a
//! secret of their mask, so that masks that appear later find the session, too.

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use ssf_types::{subject::SimpleSubject, uri::Issuer};

use super::{
    Mask, Selection,
    hashing::{CommonPlaces, HashedScope, Hashing, Parts, Purpose, length},
    issuer_form,
};

/// The secret of one receiver's hashes.
///
/// Printing it for debugging shows nothing.
#[derive(Clone)]
pub struct IndexKey {
    secret: [u8; 16],
    /// A number for the secret itself, which tells nothing of it.
    number: u64,
    common_places: CommonPlaces,
    /// Transmitters whose sessions are hashed again and again.
    scopes: Box<[HashedScope]>,
}

/// Hash of a scope, a mask and identifiers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RevocationKey([u64; 2]);

/// Hash of one identifier, of a SET's claims, or of a token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fingerprint([u64; 2]);

/// What the keys of a mask begin with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct MaskSecret([u64; 2]);

impl IndexKey {
    /// Takes 16 random bytes.
    pub fn new(secret: [u8; 16]) -> Self {
        Self {
            number: Parts::new(&secret, Purpose::Secret).finish()[0],
            common_places: CommonPlaces::new(&secret),
            scopes: Box::default(),
            secret,
        }
    }

    /// The same, with what all hashes of these transmitters have in common hashed once.
    pub(super) fn for_scopes<'i>(self, issuers: impl Iterator<Item = &'i Issuer>) -> Self {
        let scopes = issuers.map(|issuer| HashedScope::new(&self.secret, issuer));
        Self {
            scopes: scopes.collect(),
            ..self
        }
    }

    /// Reads what [`IndexKey::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL.decode(text).ok()?;
        bytes.try_into().ok().map(Self::new)
    }

    /// The secret in base64url, to be stored.
    pub fn to_text(&self) -> String {
        BASE64URL.encode(self.secret)
    }

    /// The secret in 32 hexadecimal digits, for whoever reads what is published in Redis.
    pub fn to_hexadecimal(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.secret))
    }

    /// Hashes an identifier in its widest form: spellings that may mean one person have one fingerprint, and persons of two
    /// transmitters never have.
    pub fn fingerprint(&self, scope: &Issuer, identifier: &SimpleSubject) -> Fingerprint {
        self.hashing(scope).fingerprint(identifier)
    }

    /// What hashes in the scope of one transmitter, for those who have several things to hash.
    pub(crate) fn hashing(&self, scope: &Issuer) -> Hashing<'_> {
        let known = self.scopes.iter().find(|known| known.is_of(scope));
        let scope = match known {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(HashedScope::new(&self.secret, scope)),
        };
        Hashing::new(&self.secret, &self.common_places, scope)
    }

    /// Hashes claims byte for byte.
    pub fn claims(&self, json: &str) -> Fingerprint {
        let mut hash = self.hash(Purpose::Claims);
        hash.part(json.as_bytes());
        Fingerprint(hash.finish())
    }

    /// Hashes what was signed of a token, byte for byte: all but the signature, which is another one each time.
    #[cfg(feature = "client")]
    pub(crate) fn token(&self, token: &str) -> Fingerprint {
        let token = token.trim_ascii();
        let (signed, _) = token.rsplit_once('.').unwrap_or((token, ""));
        let mut hash = self.hash(Purpose::Token);
        hash.part(signed.as_bytes());
        Fingerprint(hash.finish())
    }

    /// The key for a selection: of a simple subject, the fingerprint itself.
    pub fn selection(&self, scope: &Issuer, selection: &Selection) -> RevocationKey {
        let mut hashing = self.hashing(scope);
        let identifiers = selection.identifiers.iter();
        let mut fingerprints = identifiers.map(|one| hashing.fingerprint(one));
        if selection.mask.is_plain()
            && let Some(fingerprint) = fingerprints.next()
        {
            return fingerprint.key();
        }
        let secret = self.mask(scope, &selection.mask);
        fingerprints.fold(secret, MaskSecret::with).key()
    }

    /// What the keys of a complex subject with these members begin with.
    pub(crate) fn mask(&self, scope: &Issuer, mask: &Mask) -> MaskSecret {
        let mut hash = self.hash(Purpose::Mask);
        hash.part(issuer_form(scope).as_bytes());
        for names in [&mask.has, &mask.lacks] {
            hash.part(&length(names.len()));
            for name in names {
                hash.part(name.as_bytes());
            }
        }
        if let Some(about) = &mask.about {
            hash.part(about.as_bytes());
        }
        MaskSecret(hash.finish())
    }

    /// A number for the place of an identifier: its member and its format.
    pub(crate) fn place(&self, place: &str) -> u64 {
        let mut hash = self.hash(Purpose::Place);
        hash.part(place.as_bytes());
        hash.finish()[0]
    }

    /// A number for a transmitter.
    pub(crate) fn scope(&self, scope: &Issuer) -> u64 {
        HashedScope::new(&self.secret, scope).number()
    }

    /// A number for the secret itself, which tells nothing of it.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    fn hash(&self, purpose: Purpose) -> Parts {
        Parts::new(&self.secret, purpose)
    }
}

impl Fingerprint {
    pub(super) fn of(hash: [u64; 2]) -> Self {
        Self(hash)
    }

    /// The key of the simple subject with this identifier.
    pub(crate) fn key(self) -> RevocationKey {
        RevocationKey(self.0)
    }
}

impl MaskSecret {
    /// What the keys begin with whose next identifier is this one; they come in the order of the mask's places.
    pub(crate) fn with(self, identifier: Fingerprint) -> Self {
        Self(mix(self.0, identifier.0))
    }

    /// The key, once all identifiers are in.
    pub(crate) fn key(self) -> RevocationKey {
        RevocationKey(self.0)
    }
}

impl RevocationKey {
    /// Half of it.
    pub(super) fn half(self) -> u64 {
        self.0[1]
    }
}

/// The first digits of π behind its point.
const PI: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

/// Two numbers that each depend on all of four.
///
/// It costs a tenth of a keyed hash, and need not be one: whatever goes in is one already, so that nobody can choose it.
fn mix([a, b]: [u64; 2], [c, d]: [u64; 2]) -> [u64; 2] {
    let (left, right) = (a ^ c, b ^ d);
    [
        folded(left ^ PI[0], right ^ PI[1]),
        folded(left.rotate_left(23) ^ PI[2], right.rotate_left(41) ^ PI[3]),
    ]
}

fn folded(left: u64, right: u64) -> u64 {
    let (low, high) = left.carrying_mul(right, 0);
    low ^ high
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(…)")
    }
}

macro_rules! stored_as_bytes {
    ($($name:ident),+) => {$(
        impl $name {
            /// The hash as it is stored.
            pub fn to_bytes(self) -> [u8; 16] {
                let mut bytes = [0; 16];
                let (first, second) = bytes.split_at_mut(8);
                first.copy_from_slice(&self.0[0].to_be_bytes());
                second.copy_from_slice(&self.0[1].to_be_bytes());
                bytes
            }

            /// The hash as texts have it: 32 digits, of which letters are small.
            pub fn to_hexadecimal(self) -> String {
                format!("{:032x}", u128::from_be_bytes(self.to_bytes()))
            }

            /// Takes such a text.
            #[cfg(feature = "redis")]
            pub fn from_hexadecimal(text: &str) -> Option<Self> {
                let bytes = u128::from_str_radix(text, 16).ok()?.to_be_bytes();
                Some(Self::from_bytes(bytes))
            }

            /// Takes a stored hash.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                let mut halves = [[0; 8]; 2];
                halves[0].copy_from_slice(&bytes[..8]);
                halves[1].copy_from_slice(&bytes[8..]);
                Self(halves.map(u64::from_be_bytes))
            }
        }
    )+};
}

stored_as_bytes!(RevocationKey, Fingerprint);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn email(email: &str) -> SimpleSubject {
        SimpleSubject::Email {
            email: email.into(),
        }
    }

    fn issuer(text: &str) -> Issuer {
        Issuer::parse(text).unwrap()
    }

    fn selection(has: &[&str], lacks: &[&str], identifiers: &[&str]) -> Selection {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Selection {
            mask: Mask {
                has: names(has),
                lacks: names(lacks),
                about: None,
            },
            identifiers: identifiers.iter().map(|one| email(one)).collect(),
        }
    }

    #[test]
    fn spellings_of_one_address_have_one_fingerprint() {
        let (key, scope) = (IndexKey::new([7; 16]), issuer("https://a.example"));
        let one = key.fingerprint(&scope, &email("Al@Example.com"));
        assert_eq!(one, key.fingerprint(&scope, &email("al@example.com")));
        let slash = issuer("https://a.example/");
        assert_eq!(one, key.fingerprint(&slash, &email("al@example.com")));
        let other = IndexKey::new([8; 16]);
        assert_ne!(one, other.fingerprint(&scope, &email("al@example.com")));
    }

    #[test]
    fn scope_mask_and_order_are_part_of_the_key() {
        let key = IndexKey::new([7; 16]);
        let about = |namespace: &str| {
            let mut selection = selection(&[], &[], &["a@b.example"]);
            selection.mask.about = Some(namespace.to_owned());
            selection
        };
        let (a, b) = (issuer("https://a.example"), issuer("https://b.example"));
        let (one, other) = ("a@b.example", "c@d.example");
        let keys = [
            (&a, selection(&[], &[], &[one])),
            (&b, selection(&[], &[], &[one])),
            (&a, selection(&["user"], &[], &[one])),
            (&b, selection(&["user"], &[], &[one])),
            (&a, selection(&["user"], &["session"], &[one])),
            (&a, selection(&["user", "session"], &[], &[one, other])),
            (&a, selection(&["user", "session"], &[], &[other, one])),
            (&a, about("NIST-AAL")),
            (&a, about("RFC8176")),
        ];
        let distinct: HashSet<_> = keys
            .iter()
            .map(|(scope, selection)| key.selection(scope, selection))
            .collect();
        assert_eq!(distinct.len(), keys.len());
    }

    proptest! {
        #[test]
        fn one_bit_of_what_is_mixed_changes_many_of_both_numbers(
            state in any::<[u64; 2]>(), other in any::<[u64; 2]>(), bit in 0..64_u32, half in 0..2_usize
        ) {
            let mut changed = other;
            changed[half] ^= 1 << bit;
            let (before, after) = (mix(state, other), mix(state, changed));
            for place in 0..2 {
                let bits = (before[place] ^ after[place]).count_ones();
                prop_assert!((4..=60).contains(&bits), "{bits} bits");
            }
        }
    }

    #[test]
    fn claims_are_hashed_byte_for_byte() {
        let key = IndexKey::new([7; 16]);
        assert_eq!(key.claims(r#"{"a":1}"#), key.claims(r#"{"a":1}"#));
        for other in [r#"{"a":2}"#, r#"{ "a":1}"#] {
            assert_ne!(key.claims(r#"{"a":1}"#), key.claims(other));
        }
    }

    #[test]
    fn the_secret_survives_being_stored_and_is_not_printed() {
        let key = IndexKey::new([7; 16]);
        let again = IndexKey::parse(&key.to_text()).unwrap();
        assert_eq!(again.claims("{}"), key.claims("{}"));
        assert_eq!(format!("{key:?}"), "IndexKey(…)");
        assert!(IndexKey::parse("AAAA").is_none());
    }

    #[test]
    fn a_hash_and_a_secret_have_their_zeros() {
        let hash = Fingerprint::from_bytes([0; 16]);
        assert_eq!(hash.to_hexadecimal(), "0".repeat(32));
        let secret = IndexKey::new([1; 16]);
        assert_eq!(secret.to_hexadecimal(), "01".repeat(16));
    }

    #[test]
    fn a_hash_survives_being_stored() {
        let hash = IndexKey::new([7; 16]).claims("{}");
        assert_eq!(Fingerprint::from_bytes(hash.to_bytes()), hash);
    }
}
