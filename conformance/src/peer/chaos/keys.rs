//! Keys that follow one another.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use serde_json::{Value, json};

use super::ids;
use crate::{
    chance::Chance,
    context::locked,
    push::{Key, KeyError},
};

/// The keys of a transmitter, of which the last signs.
pub(in crate::peer) struct TurningKeys {
    published: Mutex<Vec<Arc<Named>>>,
    /// The one that comes next, once it is made.
    next: Arc<Mutex<Option<Key>>>,
}

struct Named {
    kid: String,
    key: Key,
}

impl std::fmt::Debug for TurningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TurningKeys({})", locked(&self.published).len())
    }
}

impl TurningKeys {
    /// Makes the first one.
    pub(super) fn new(name: Option<Chance>) -> Result<Self, KeyError> {
        let keys = Self {
            published: Mutex::default(),
            next: Arc::new(Mutex::new(Some(Key::generate()?))),
        };
        keys.turn(name);
        Ok(keys)
    }

    /// Has the next key sign, if it is there; whether it was. `name` makes its name an unusual one.
    pub(super) fn turn(&self, name: Option<Chance>) -> bool {
        let Some(key) = locked(&self.next).take() else {
            return false;
        };
        let kid = match name {
            Some(mut chance) => ids::any(key.kid(), &mut chance),
            None => key.kid().to_owned(),
        };
        locked(&self.published).push(Arc::new(Named { kid, key }));
        true
    }

    /// Begins to make the key after the one that signs.
    pub(super) fn prepare(&self) {
        let next = Arc::clone(&self.next);
        thread::spawn(move || {
            // Without a further key, the one that there is goes on signing.
            if let Ok(key) = Key::generate() {
                *next.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
            }
        });
    }

    /// Takes back those that are not needed any more; the one that signs always is.
    pub(super) fn retire(&self, needed: &BTreeSet<String>) {
        let signing = self.kid();
        locked(&self.published).retain(|named| named.kid == signing || needed.contains(&named.kid));
    }

    /// The name of the key that signs.
    pub(in crate::peer) fn kid(&self) -> String {
        let published = locked(&self.published);
        published
            .last()
            .map(|named| named.kid.clone())
            .unwrap_or_default()
    }

    /// The public keys.
    pub(in crate::peer) fn jwks(&self) -> Vec<Value> {
        let published = locked(&self.published);
        let public = |named: &Arc<Named>| {
            let mut jwk = named.key.jwk().clone();
            jwk["kid"] = json!(named.kid);
            jwk
        };
        published.iter().map(public).collect()
    }

    /// Signs with the key of this name.
    pub(in crate::peer) fn sign(&self, kid: &str, input: &[u8]) -> Option<Vec<u8>> {
        let found = {
            let published = locked(&self.published);
            let named = published.iter().find(|named| named.kid == kid);
            named.cloned()
        };
        found?.key.sign(input).ok()
    }
}
