//! SETs that cannot be verified now: for each transmitter a hash, by what was signed.

use std::collections::HashMap;

use ssf_types::time::Timestamp;

use super::{
    RedisInbox,
    database::{Database, Failure},
};
use crate::{
    inbox::{InboxError, Quarantine, Waiting},
    revocation::{Fingerprint, ScopeId},
};

fn key(database: &Database, scope: ScopeId) -> String {
    database.key(&format!("waiting:{}", scope.number()))
}

/// `ARRIVED_AT TOKEN`; of one that was given up, without a token.
fn text(waiting: &Waiting) -> String {
    let token = waiting.token.as_deref().unwrap_or_default();
    format!("{} {token}", waiting.arrived_at.as_millis())
}

fn read(scope: ScopeId, (fingerprint, text): (&str, &str)) -> Option<Waiting> {
    let (arrived_at, token) = text.split_once(' ')?;
    Some(Waiting {
        scope,
        fingerprint: Fingerprint::from_hexadecimal(fingerprint)?,
        token: (!token.is_empty()).then(|| token.into()),
        arrived_at: Timestamp::from_millis(arrived_at.parse().ok()?),
    })
}

impl Quarantine for RedisInbox {
    async fn waiting(&self, scope: ScopeId) -> Result<Vec<Waiting>, InboxError> {
        let failed = |error: Failure| InboxError::new("read what cannot be verified yet", error);
        let asked = redis::cmd("HGETALL")
            .arg(key(&self.database, scope))
            .clone();
        let all = asked.query_async(&mut self.database.connection()).await;
        let all: HashMap<String, String> = all.map_err(|error| failed(Failure::Redis(error)))?;
        let waiting = all.iter().map(|(name, text)| read(scope, (name, text)));
        let waiting: Option<Vec<Waiting>> = waiting.collect();
        let faulty = || failed(Failure::Faulty("a SET that waits"));
        let mut waiting = waiting.ok_or_else(faulty)?;
        waiting.sort_by_key(|one| one.arrived_at);
        Ok(waiting)
    }

    async fn keep_waiting(&self, waiting: &[Waiting]) -> Result<(), InboxError> {
        let mut writes = redis::pipe();
        for one in waiting {
            let set = writes.cmd("HSET").arg(key(&self.database, one.scope));
            set.arg(one.fingerprint.to_hexadecimal())
                .arg(text(one))
                .ignore();
        }
        let kept = self.database.keep(&mut writes).await;
        kept.map_err(|error| InboxError::new("keep what cannot be verified yet", error))
    }

    async fn let_go(&self, scope: ScopeId, fingerprints: &[Fingerprint]) -> Result<(), InboxError> {
        let mut writes = redis::pipe();
        for one in fingerprints {
            let drop = writes.cmd("HDEL").arg(key(&self.database, scope));
            drop.arg(one.to_hexadecimal()).ignore();
        }
        let kept = self.database.keep(&mut writes).await;
        kept.map_err(|error| InboxError::new("forget what could not be verified", error))
    }
}
