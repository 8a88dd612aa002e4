//! What is remembered of tokens whose signature was good: who they are about, and until when they count. Never a decision.

use std::{
    collections::HashMap,
    hash::Hasher,
    sync::{Arc, Mutex, PoisonError},
};

use siphasher::sip128::{Hasher128, SipHasher13};
use ssf_types::time::Timestamp;

use crate::SessionKeys;

/// Most tokens of a generation. There are two, and some 300 bytes for each token: 60 MB.
const GENERATION_MAX: usize = 100_000;

/// Parts, each with a lock of its own, so that threads seldom wait for each other.
const PARTS: usize = 16;

/// A keyed hash of a whole token: no two tokens have one, and nobody can make two that do.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct TokenHash(u128);

/// A token whose signature was good.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    /// The session that it stands for, as each transmitter may end it.
    pub(super) keys: Arc<[SessionKeys]>,
    /// The first moment at which it does not count any more.
    pub(super) until: Timestamp,
    /// The place of its issuer among those that are configured.
    pub(super) issuer: usize,
    /// Which fetch the issuer's keys came from: after another one, the token has to be verified again.
    pub(super) fetch: u64,
}

/// Tokens by their hashes; those that nobody shows any more are forgotten with their generation.
pub(super) struct TokenCache {
    secret: [u8; 16],
    parts: [Mutex<Generations>; PARTS],
}

#[derive(Default)]
struct Generations {
    young: HashMap<TokenHash, Verified>,
    old: HashMap<TokenHash, Verified>,
}

impl TokenCache {
    /// An empty one; `secret` is random.
    pub(super) fn new(secret: [u8; 16]) -> Self {
        Self {
            secret,
            parts: Default::default(),
        }
    }

    /// Hashes a token.
    pub(super) fn hash(&self, token: &str) -> TokenHash {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        hasher.write(token.as_bytes());
        let hash = hasher.finish128();
        TokenHash(u128::from(hash.h1) << 64 | u128::from(hash.h2))
    }

    /// What is remembered of a token.
    pub(super) fn find(&self, token: TokenHash) -> Option<Verified> {
        let mut part = self
            .part(token)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = part.young.get(&token) {
            return Some(found.clone());
        }
        let found = part.old.remove(&token)?;
        part.keep(token, found.clone());
        Some(found)
    }

    /// Remembers a token.
    pub(super) fn keep(&self, token: TokenHash, verified: Verified) {
        let mut part = self
            .part(token)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        part.keep(token, verified);
    }

    fn part(&self, token: TokenHash) -> &Mutex<Generations> {
        let place = usize::try_from(token.0 % PARTS as u128);
        &self.parts[place.unwrap_or_default()]
    }
}

impl Generations {
    fn keep(&mut self, token: TokenHash, verified: Verified) {
        if self.young.len() >= GENERATION_MAX / PARTS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(token, verified);
    }
}

#[cfg(test)]
mod tests {
    use ssf_types::uri::Issuer;

    use super::*;
    use crate::{Session, revocation::IndexKey};

    fn verified(issuer: usize) -> Verified {
        let scope = Issuer::parse("https://idp.example.com").unwrap();
        let session = Session::new(scope, Timestamp::from_secs(1)).sid("s1");
        Verified {
            keys: Arc::new([IndexKey::new([7; 16]).keys(&session)]),
            until: Timestamp::from_secs(2),
            issuer,
            fetch: 1,
        }
    }

    #[test]
    fn a_token_is_found_by_every_one_of_its_bytes() {
        let cache = TokenCache::new([7; 16]);
        cache.keep(cache.hash("a.b.c"), verified(3));
        assert_eq!(cache.find(cache.hash("a.b.c")).unwrap().issuer, 3);
        for other in ["a.b.d", "a.b.c ", "a.b", ""] {
            assert!(cache.find(cache.hash(other)).is_none(), "{other}");
        }
        let stranger = TokenCache::new([8; 16]);
        assert_ne!(stranger.hash("a.b.c"), cache.hash("a.b.c"));
    }

    #[test]
    fn what_nobody_shows_is_forgotten_and_what_is_shown_stays() {
        let cache = TokenCache::new([7; 16]);
        let one = verified(0);
        let (shown, forgotten) = (cache.hash("shown"), cache.hash("forgotten"));
        cache.keep(shown, one.clone());
        cache.keep(forgotten, one.clone());
        for number in 0..3 * GENERATION_MAX {
            cache.keep(cache.hash(&number.to_string()), one.clone());
            if number % 1_000 == 0 {
                assert!(cache.find(shown).is_some(), "after {number}");
            }
        }
        assert!(cache.find(forgotten).is_none());
        let lengths = cache.parts.iter().map(|part| {
            let part = part.lock().unwrap();
            part.young.len() + part.old.len()
        });
        assert!(lengths.sum::<usize>() <= 2 * GENERATION_MAX);
    }
}
