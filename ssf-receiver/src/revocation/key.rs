//! Keyed hashes under which revocations are kept, so that neither memory nor disk tells who was revoked.

use std::{fmt, hash::Hasher};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use siphasher::sip128::{Hasher128, SipHasher24};
use ssf_types::{subject::SimpleSubject, uri::Issuer};

use super::{Mask, Selection};

/// The secret of one receiver's hashes.
///
/// Printing it for debugging shows nothing.
#[derive(Clone)]
pub struct IndexKey([u8; 16]);

/// Hash of a scope, a mask and identifiers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RevocationKey(u128);

/// Hash of one identifier, or of a SET's claims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint(u128);

impl IndexKey {
    /// Takes 16 random bytes.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads what [`IndexKey::to_text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret in base64url, to be stored.
    pub fn to_text(&self) -> String {
        BASE64URL.encode(self.0)
    }

    /// Hashes an identifier in its widest form: spellings that may mean one person have one fingerprint.
    pub fn identifier(&self, identifier: &SimpleSubject) -> Fingerprint {
        let mut hash = self.hash(1);
        hash.part(identifier.revocation_key().as_bytes());
        Fingerprint(hash.finish())
    }

    /// Hashes claims by their value: neither white space nor the order of members counts.
    pub fn claims(&self, json: &str) -> Fingerprint {
        let mut hash = self.hash(2);
        match serde_json::from_str::<serde_json::Value>(json) {
            Ok(mut claims) => {
                claims.sort_all_objects();
                hash.part(claims.to_string().as_bytes());
            }
            Err(_) => hash.part(json.as_bytes()),
        }
        Fingerprint(hash.finish())
    }

    /// The key for identifiers that stand in the order of the mask's members.
    pub fn revocation(
        &self,
        scope: &Issuer,
        mask: &Mask,
        identifiers: impl IntoIterator<Item = Fingerprint>,
    ) -> RevocationKey {
        let mut hash = self.hash(3);
        hash.part(scope.as_str().as_bytes());
        for names in [&mask.has, &mask.lacks] {
            hash.part(&names.len().to_le_bytes());
            for name in names {
                hash.part(name.as_bytes());
            }
        }
        for Fingerprint(identifier) in identifiers {
            hash.part(&identifier.to_le_bytes());
        }
        RevocationKey(hash.finish())
    }

    /// The key for a selection.
    pub fn selection(&self, scope: &Issuer, selection: &Selection) -> RevocationKey {
        let identifiers = selection.identifiers.iter().map(|one| self.identifier(one));
        self.revocation(scope, &selection.mask, identifiers)
    }

    fn hash(&self, purpose: u8) -> PartsHasher {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&[purpose]);
        PartsHasher(hasher)
    }
}

/// Hashes parts with their lengths, so that no two lists of parts give the same input.
struct PartsHasher(SipHasher24);

impl PartsHasher {
    fn part(&mut self, bytes: &[u8]) {
        self.0.write(&bytes.len().to_le_bytes());
        self.0.write(bytes);
    }

    fn finish(&self) -> u128 {
        self.0.finish128().as_u128()
    }
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
                self.0.to_be_bytes()
            }

            /// Takes a stored hash.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }
    )+};
}

stored_as_bytes!(RevocationKey, Fingerprint);

#[cfg(test)]
mod tests {
    use super::*;

    fn email(email: &str) -> SimpleSubject {
        SimpleSubject::Email {
            email: email.into(),
        }
    }

    fn mask(has: &[&str], lacks: &[&str]) -> Mask {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Mask {
            has: names(has),
            lacks: names(lacks),
        }
    }

    #[test]
    fn spellings_of_one_address_have_one_fingerprint() {
        let key = IndexKey::new([7; 16]);
        assert_eq!(
            key.identifier(&email("Al@Example.com")),
            key.identifier(&email("al@example.com"))
        );
        assert_ne!(
            key.identifier(&email("al@example.com")),
            IndexKey::new([8; 16]).identifier(&email("al@example.com"))
        );
    }

    #[test]
    fn scope_and_mask_are_part_of_the_key() {
        let key = IndexKey::new([7; 16]);
        let issuer = |text: &str| Issuer::parse(text).unwrap();
        let of = |scope: &str, mask: &Mask| {
            key.revocation(
                &issuer(scope),
                mask,
                [key.identifier(&email("a@b.example"))],
            )
        };
        let keys = [
            of("https://a.example", &mask(&[], &[])),
            of("https://b.example", &mask(&[], &[])),
            of("https://a.example", &mask(&["user"], &[])),
            of("https://a.example", &mask(&["user"], &["session"])),
            of("https://a.example", &mask(&["user", "session"], &[])),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn claims_are_compared_by_value() {
        let key = IndexKey::new([7; 16]);
        assert_eq!(
            key.claims(r#"{"a":1,"b":{"c":2,"d":3}}"#),
            key.claims(r#"{ "b":{"d":3,"c":2}, "a":1 }"#)
        );
        assert_ne!(key.claims(r#"{"a":1}"#), key.claims(r#"{"a":2}"#));
    }

    #[test]
    fn the_secret_survives_being_stored_and_is_not_printed() {
        let key = IndexKey::new([7; 16]);
        let again = IndexKey::parse(&key.to_text()).unwrap();
        assert_eq!(again.claims("{}"), key.claims("{}"));
        assert_eq!(format!("{key:?}"), "IndexKey(…)");
        assert!(IndexKey::parse("AAAA").is_none());
    }
}
