//! An inbox that forgets at restart: for tests, and for trying things out.

#[cfg(feature = "client")]
mod numbering;
#[cfg(feature = "client")]
mod worklist;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ssf_types::uri::Issuer;

use super::{Arriving, Inbox, InboxError, ReceivedSet, Retained, Settings, say_the_same};
#[cfg(feature = "client")]
#[cfg(any(test, feature = "shared"))]
use super::{Change, Changes};
#[cfg(feature = "client")]
use super::{
    Quarantine, Waiting,
    forgetting::{Forgetting, Forgotten, Over},
};
#[cfg(feature = "client")]
use crate::revocation::Fingerprint;
use crate::revocation::{Kind, Revocation, RevocationKey, SCOPES_MAX, Scope, ScopeId, Watermarks};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct MemoryInbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sets: HashMap<(String, String), ReceivedSet>,
    /// Each with the position of its last change.
    revocations: BTreeMap<(RevocationKey, Kind), (i64, Revocation)>,
    last_change: i64,
    issuers: Vec<Issuer>,
    watermarks: BTreeMap<ScopeId, Watermarks>,
    settings: Settings,
    #[cfg(feature = "client")]
    waiting: HashMap<(ScopeId, Fingerprint), Waiting>,
    #[cfg(feature = "client")]
    worklists: worklist::Worklists,
    /// In the order in which they came.
    #[cfg(feature = "client")]
    numbers: Vec<(Issuer, ssf_types::set::Sequence)>,
}

impl MemoryInbox {
    /// The state; a panic elsewhere leaves it whole, since every step only inserts, or drops what it need not keep.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn retain(&mut self, Arriving { set, revocations }: &Arriving) -> Retained {
        let name = (set.issuer.to_string(), set.jti.to_string());
        if let Some(known) = self.sets.get(&name) {
            let is_same = known.fingerprint == set.fingerprint;
            if !is_same && !say_the_same(&known.claims, &set.claims) {
                return Retained::Conflict;
            }
            let received_at = known.received_at;
            return Retained::Duplicate { received_at };
        }
        self.sets.insert(name, set.clone());
        #[cfg(feature = "client")]
        {
            self.worklists.add(set);
            let sequence = set.sequence.clone();
            let numbered = sequence.map(|sequence| (set.issuer.clone(), sequence));
            self.numbers.extend(numbered);
        }
        for revocation in revocations {
            self.merge(revocation);
        }
        Retained::New
    }

    fn merge(&mut self, revocation: &Revocation) {
        let key = (revocation.key, revocation.kind);
        let known = self.revocations.get(&key).map(|(_, known)| known);
        let merged = known.map_or_else(|| revocation.clone(), |known| known.merge(revocation));
        if known != Some(&merged) {
            self.last_change += 1;
            self.revocations.insert(key, (self.last_change, merged));
        }
    }

    fn forget(&mut self, scope: ScopeId, watermarks: Watermarks, most: u32) -> u32 {
        let kept = self.watermarks.entry(scope).or_default();
        *kept = kept.max(watermarks);
        let mut dropped = 0;
        self.revocations.retain(|_, (_, one)| {
            let is_over = one.scope == scope && kept.cover(one.kind, one.until);
            let stays = !is_over || dropped == most;
            dropped += u32::from(!stays);
            stays
        });
        dropped
    }

    fn scope(&mut self, issuer: &Issuer) -> Result<Scope, InboxError> {
        let known = self.issuers.iter().position(|known| known == issuer);
        let number = known.unwrap_or_else(|| {
            self.issuers.push(issuer.clone());
            self.issuers.len() - 1
        });
        let id = u8::try_from(number).ok().and_then(ScopeId::new);
        let id = id.ok_or_else(too_many_scopes)?;
        let issuer = issuer.clone();
        Ok(Scope { id, issuer })
    }
}

pub(crate) fn too_many_scopes() -> InboxError {
    let why = format!("it has had {SCOPES_MAX} already, which is the most");
    InboxError::new("take another transmitter", why)
}

impl Inbox for MemoryInbox {
    async fn retain(&self, sets: &[Arriving]) -> Result<Vec<Retained>, InboxError> {
        let mut state = self.state();
        Ok(sets.iter().map(|arriving| state.retain(arriving)).collect())
    }

    async fn revocation_count(&self) -> Result<usize, InboxError> {
        Ok(self.state().revocations.len())
    }

    async fn revocations(&self, each: impl FnMut(Revocation) + Send) -> Result<(), InboxError> {
        let state = self.state();
        let all = state.revocations.values();
        all.map(|(_, one)| one.clone()).for_each(each);
        Ok(())
    }

    async fn forget(
        &self,
        scope: ScopeId,
        watermarks: Watermarks,
        most: u32,
    ) -> Result<u32, InboxError> {
        Ok(self.state().forget(scope, watermarks, most))
    }

    async fn watermarks(&self) -> Result<Vec<(ScopeId, Watermarks)>, InboxError> {
        let state = self.state();
        let each = state.watermarks.iter();
        Ok(each.map(|(scope, kept)| (*scope, *kept)).collect())
    }

    async fn scopes(&self, issuers: &[Issuer]) -> Result<Vec<Scope>, InboxError> {
        let mut state = self.state();
        issuers.iter().map(|issuer| state.scope(issuer)).collect()
    }

    async fn settings(&self) -> Result<Settings, InboxError> {
        Ok(self.state().settings.clone())
    }

    async fn keep_settings(&self, settings: &Settings) -> Result<(), InboxError> {
        self.state().settings.extend(settings.clone());
        Ok(())
    }

    async fn setting_or(&self, name: &str, new: String) -> Result<String, InboxError> {
        let mut state = self.state();
        Ok(state.settings.entry(name.to_owned()).or_insert(new).clone())
    }
}

#[cfg(feature = "client")]
#[cfg(any(test, feature = "shared"))]
impl Changes for MemoryInbox {
    async fn changes(&self, after: i64, most: usize) -> Result<Vec<Change>, InboxError> {
        let state = self.state();
        let all = state.revocations.values();
        let mut changes: Vec<Change> = all
            .filter(|(position, _)| *position > after)
            .map(|(position, one)| Change {
                position: *position,
                revocation: one.clone(),
            })
            .collect();
        changes.sort_by_key(|change| change.position);
        changes.truncate(most);
        Ok(changes)
    }

    #[cfg(any(test, feature = "redis"))]
    async fn last_change(&self) -> Result<i64, InboxError> {
        Ok(self.state().last_change)
    }

    async fn origin(&self) -> Result<String, InboxError> {
        Ok(String::new())
    }
}

#[cfg(feature = "client")]
impl Forgetting for MemoryInbox {
    async fn forget_sets(&self, over: &Over, after: i64) -> Result<Forgotten, InboxError> {
        let mut state = self.state();
        let (forgotten, sets) = state.worklists.forget(over, after);
        for set in sets {
            let name = (set.issuer.to_string(), set.jti.to_string());
            state.sets.remove(&name);
        }
        Ok(forgotten)
    }
}

#[cfg(feature = "client")]
impl Quarantine for MemoryInbox {
    async fn waiting(&self, scope: ScopeId) -> Result<Vec<Waiting>, InboxError> {
        let state = self.state();
        let own = state.waiting.values().filter(|one| one.scope == scope);
        let mut own: Vec<Waiting> = own.cloned().collect();
        own.sort_by_key(|one| one.arrived_at);
        Ok(own)
    }

    async fn keep_waiting(&self, waiting: &[Waiting]) -> Result<(), InboxError> {
        let named = |one: &Waiting| ((one.scope, one.fingerprint), one.clone());
        self.state().waiting.extend(waiting.iter().map(named));
        Ok(())
    }

    async fn let_go(&self, scope: ScopeId, fingerprints: &[Fingerprint]) -> Result<(), InboxError> {
        let mut state = self.state();
        for fingerprint in fingerprints {
            state.waiting.remove(&(scope, *fingerprint));
        }
        Ok(())
    }
}
