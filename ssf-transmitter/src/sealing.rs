//! Encryption of what is stored, and keyed fingerprints to look it up by.
//!
//! One data key of 32 bytes is the root. Keys are derived from it with HKDF-SHA-256, so that no use can weaken another:
//! one seals with AES-256-GCM-SIV, which stays safe if a nonce should ever repeat; one makes HMAC-SHA-256 fingerprints.
//! Both take a context, such as table, column and row: a value that was copied to another place does not open there, and
//! equal values in two columns have unequal fingerprints. One links the entries of the audit log, one authenticates
//! access tokens, and one makes names that can be compared.
//!
//! A sealed value is: version (1 byte), nonce (12), ciphertext, tag (16).

mod file;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac, rand,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64_URL},
};
use secrecy::{ExposeSecret, SecretBox};

pub use self::file::{KeyFileError, KeySource};
use crate::domain::id::Fingerprint;

/// Length of the data key, in bytes.
pub const DATA_KEY_BYTES: usize = 32;

/// The form of sealed values that this version writes, their first byte.
const VERSION: u8 = 1;

/// A sealed value cannot be opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The value is cut off or was not written by this program.
    #[error("the value is not a sealed one")]
    Malformed,
    /// A newer version of this program wrote the value.
    #[error("the value is sealed in form {0}, which this version does not know")]
    UnknownVersion(u8),
    /// The key is another one, or the value was changed or moved.
    #[error("the value was sealed with another key, or was changed or moved since")]
    NotAuthentic,
}

/// The text is not a data key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a key must be {DATA_KEY_BYTES} bytes in base64 (44 characters)")]
pub struct DataKeyError;

/// The secret from which all keys of the store are derived.
///
/// Printing it for debugging shows nothing; dropping it wipes it.
pub struct DataKey(SecretBox<[u8; DATA_KEY_BYTES]>);

impl DataKey {
    /// Makes a new key from the system's source of randomness.
    pub fn generate() -> Self {
        Self(SecretBox::init_with_mut(
            |key: &mut [u8; DATA_KEY_BYTES]| {
                fill(key);
            },
        ))
    }

    /// Reads a key from base64, with white space around it ignored.
    ///
    /// # Errors
    /// The text is not base64 of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, DataKeyError> {
        let mut decoded = [0; DATA_KEY_BYTES];
        let length = BASE64
            .decode_slice(text.trim_ascii(), &mut decoded)
            .map_err(|_| DataKeyError)?;
        if length != DATA_KEY_BYTES {
            return Err(DataKeyError);
        }
        Ok(Self(SecretBox::new(Box::new(decoded))))
    }

    /// The key in base64, for the file that keeps it.
    fn to_base64(&self) -> secrecy::SecretString {
        BASE64.encode(self.0.expose_secret()).into()
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Seals values and makes fingerprints. Clones share the keys.
#[derive(Clone)]
pub struct Sealer(Arc<Keys>);

struct Keys {
    sealing: LessSafeKey,
    fingerprints: hmac::Key,
    audit: hmac::Key,
    tokens: hmac::Key,
    pseudonyms: LessSafeKey,
}

impl Sealer {
    /// Derives the keys.
    ///
    /// # Panics
    /// Never: the lengths are constants that the algorithms accept.
    #[expect(
        clippy::expect_used,
        reason = "an AES-256 key has 32 bytes, and 32 bytes are what derive() makes"
    )]
    pub fn new(key: &DataKey) -> Self {
        let sealing = derive(key, b"ssf-transmitter sealing 1");
        let fingerprints = derive(key, b"ssf-transmitter fingerprints 1");
        let audit = derive(key, b"ssf-transmitter audit 1");
        let tokens = derive(key, b"ssf-transmitter access tokens 1");
        let pseudonyms = derive(key, b"ssf-transmitter pseudonyms 1");
        Self(Arc::new(Keys {
            sealing: LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM_SIV, sealing.expose_secret())
                    .expect("the key has the algorithm's length"),
            ),
            fingerprints: hmac::Key::new(hmac::HMAC_SHA256, fingerprints.expose_secret()),
            audit: hmac::Key::new(hmac::HMAC_SHA256, audit.expose_secret()),
            tokens: hmac::Key::new(hmac::HMAC_SHA256, tokens.expose_secret()),
            pseudonyms: LessSafeKey::new(
                UnboundKey::new(&AES_256_GCM_SIV, pseudonyms.expose_secret())
                    .expect("the key has the algorithm's length"),
            ),
        }))
    }

    /// Seals `plain` so that it opens in the same `context` only.
    ///
    /// # Panics
    /// Never: the limit of the algorithm is 64 GiB, and no value of ours comes near it.
    #[expect(
        clippy::expect_used,
        reason = "sealing fails for texts beyond 64 GiB only"
    )]
    pub fn seal(&self, context: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce);
        let mut text = plain.to_vec();
        let tag = self
            .0
            .sealing
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .expect("the text is short enough");
        [&[VERSION], nonce.as_slice(), &text, tag.as_ref()].concat()
    }

    /// Opens what [`Sealer::seal`] made in the same `context`.
    ///
    /// # Errors
    /// The value is no sealed one, or the key or the context is another one.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (version, rest) = sealed.split_first().ok_or(OpenError::Malformed)?;
        if *version != VERSION {
            return Err(OpenError::UnknownVersion(*version));
        }
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LEN>()
            .filter(|(_, text)| text.len() >= AES_256_GCM_SIV.tag_len())
            .ok_or(OpenError::Malformed)?;
        let mut text = text.to_vec();
        let length = self
            .0
            .sealing
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .map_err(|_| OpenError::NotAuthentic)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// The keyed fingerprint of `bytes` in `context`: equal for equal input, and meaningless without the key.
    pub fn fingerprint(&self, context: &str, bytes: &[u8]) -> Fingerprint {
        let mut mac = hmac::Context::with_key(&self.0.fingerprints);
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        mac.update(&(context.len() as u64).to_be_bytes());
        mac.update(context.as_bytes());
        mac.update(bytes);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(mac.sign().as_ref());
        Fingerprint::new(fingerprint)
    }

    /// A name for `plain` in `context`, in base64url: the same for the same in the same context, so that it can be compared.
    /// Whoever has no key learns nothing else from it.
    ///
    /// # Panics
    /// As [`Sealer::seal`]: never.
    #[expect(
        clippy::expect_used,
        reason = "sealing fails for texts beyond 64 GiB only"
    )]
    pub fn pseudonym(&self, context: &str, plain: &[u8]) -> String {
        let mut text = plain.to_vec();
        let aad = Aad::from(context.as_bytes());
        // The same nonce each time is what makes it comparable; this algorithm stays safe then.
        self.0
            .pseudonyms
            .seal_in_place_append_tag(self.pseudonym_nonce(context), aad, &mut text)
            .expect("the text is short enough");
        BASE64_URL.encode(text)
    }

    /// What a [`Sealer::pseudonym`] in the same `context` stands for; `None` if it is none.
    pub fn open_pseudonym(&self, context: &str, pseudonym: &str) -> Option<Vec<u8>> {
        let mut text = BASE64_URL.decode(pseudonym).ok()?;
        let aad = Aad::from(context.as_bytes());
        let nonce = self.pseudonym_nonce(context);
        let opened = self.0.pseudonyms.open_in_place(nonce, aad, &mut text);
        let length = opened.ok()?.len();
        text.truncate(length);
        Some(text)
    }

    fn pseudonym_nonce(&self, context: &str) -> Nonce {
        let fingerprint = self.fingerprint("pseudonym", context.as_bytes());
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&fingerprint.as_bytes()[..NONCE_LEN]);
        Nonce::assume_unique_for_key(nonce)
    }

    /// The keyed hash that links an entry of the audit log to the one before.
    pub fn chain_hash(&self, link: &[u8]) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(hmac::sign(&self.0.audit, link).as_ref());
        hash
    }

    /// The authenticator of an access token (HMAC-SHA-256), under a key that is used for nothing else.
    pub(crate) fn token_mac(&self, token: &[u8]) -> [u8; 32] {
        let mut mac = [0; 32];
        mac.copy_from_slice(hmac::sign(&self.0.tokens, token).as_ref());
        mac
    }

    /// Whether `mac` is what [`Sealer::token_mac`] makes of the token, in a time that does not depend on where they differ.
    pub(crate) fn is_token_mac(&self, token: &[u8], mac: &[u8]) -> bool {
        hmac::verify(&self.0.tokens, token, mac).is_ok()
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// Fills `bytes` from the system's source of randomness.
#[expect(
    clippy::expect_used,
    reason = "the generator of AWS-LC answers or ends the process; it does not report"
)]
pub(crate) fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the generator answers");
}

#[derive(Clone, Copy)]
struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA-256 gives up to 8160 bytes, and 32 are asked for"
)]
fn derive(key: &DataKey, purpose: &[u8]) -> SecretBox<[u8; 32]> {
    SecretBox::init_with_mut(|derived: &mut [u8; 32]| {
        Salt::new(HKDF_SHA256, &[])
            .extract(key.0.expose_secret())
            .expand(&[purpose], Bytes32)
            .and_then(|okm| okm.fill(derived))
            .expect("the length is within HKDF's limit");
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&DataKey(SecretBox::new(Box::new([byte; 32]))))
    }

    #[test]
    fn what_was_sealed_opens_in_its_context() {
        let sealed = sealer(1).seal("event.payload/7", b"alice@example.com");
        assert_eq!(
            sealer(1).open("event.payload/7", &sealed).unwrap(),
            b"alice@example.com"
        );
        assert!(!sealed.windows(5).any(|window| window == b"alice"));
    }

    #[test]
    fn a_value_moved_to_another_row_does_not_open() {
        let sealed = sealer(1).seal("event.payload/7", b"x");
        assert_eq!(
            sealer(1).open("event.payload/8", &sealed),
            Err(OpenError::NotAuthentic)
        );
    }

    #[test]
    fn another_key_opens_nothing() {
        let sealed = sealer(1).seal("a", b"x");
        assert_eq!(sealer(2).open("a", &sealed), Err(OpenError::NotAuthentic));
    }

    #[test]
    fn each_changed_bit_is_noticed() {
        let sealed = sealer(1).seal("a", b"text");
        for byte in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[byte] ^= 1;
            assert!(sealer(1).open("a", &changed).is_err(), "byte {byte}");
        }
    }

    #[test]
    fn a_cut_off_value_is_refused_at_any_length() {
        let sealed = sealer(1).seal("a", b"text");
        for length in 0..sealed.len() {
            assert!(sealer(1).open("a", &sealed[..length]).is_err());
        }
        assert_eq!(sealer(1).open("a", &[]), Err(OpenError::Malformed));
        assert_eq!(
            sealer(1).open("a", &[9, 0]),
            Err(OpenError::UnknownVersion(9))
        );
    }

    #[test]
    fn sealing_twice_shows_no_equality() {
        assert_ne!(sealer(1).seal("a", b"x"), sealer(1).seal("a", b"x"));
    }

    #[test]
    fn fingerprints_are_equal_for_equal_input_only() {
        let of = |key, context, bytes: &[u8]| sealer(key).fingerprint(context, bytes);
        assert_eq!(of(1, "token", b"x"), of(1, "token", b"x"));
        assert_ne!(of(1, "token", b"x"), of(1, "token", b"y"));
        assert_ne!(of(1, "token", b"x"), of(1, "tokenx", b""));
        assert_ne!(of(1, "token", b"x"), of(2, "token", b"x"));
    }

    #[test]
    fn a_key_survives_base64_and_is_never_printed() {
        let key = DataKey::generate();
        let again = DataKey::parse(key.to_base64().expose_secret()).unwrap();
        assert_eq!(again.0.expose_secret(), key.0.expose_secret());
        assert_eq!(format!("{key:?}"), "DataKey(…)");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for text in ["", "AAAA", "not base64 at all", &"A".repeat(48)] {
            assert!(DataKey::parse(text).is_err(), "{text}");
        }
    }
}
