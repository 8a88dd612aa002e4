//! Operators and sources in memory.

use std::collections::HashMap;

use ssf_types::time::Timestamp;
use uuid::Uuid;

use super::{MemoryStore, State};
use crate::{
    domain::{
        backlog::Backlog,
        id::{Fingerprint, OperatorId, ReceiverId, SourceId},
        operator::Operator,
        quota::OwnQuota,
        source::Source,
    },
    ports::{Existing, FirstWrite, Named, OperatorStore, SourceStore, StoreError},
};

/// A token with its owner, and until when it counts.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    token: Fingerprint,
    owner: Uuid,
    until: Option<Timestamp>,
}

impl State {
    fn add_credential(&mut self, owner: Uuid, token: Fingerprint) {
        self.credentials.push(Credential {
            token,
            owner,
            until: None,
        });
    }

    fn owner(&self, token: Fingerprint, now: Timestamp) -> Option<Uuid> {
        let counts = |known: &&Credential| {
            known.token == token && known.until.is_none_or(|until| until > now)
        };
        self.credentials
            .iter()
            .find(counts)
            .map(|known| known.owner)
    }

    fn rotate(&mut self, owner: Uuid, token: Fingerprint, until: Timestamp) {
        for known in &mut self.credentials {
            if known.owner == owner {
                known.until = Some(known.until.map_or(until, |before| before.min(until)));
            }
        }
        self.add_credential(owner, token);
    }

    fn add_operator(&mut self, operator: &Operator, token: Fingerprint) -> Named {
        if self
            .operators
            .iter()
            .any(|known| known.name == operator.name)
        {
            return Named::NameTaken;
        }
        self.operators.push(operator.clone());
        self.add_credential(operator.id.uuid(), token);
        Named::Added
    }
}

impl OperatorStore for MemoryStore {
    async fn add_first_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        _now: Timestamp,
    ) -> Result<FirstWrite, StoreError> {
        let mut state = self.state();
        if state.had_operator || state.add_operator(operator, token) == Named::NameTaken {
            return Ok(FirstWrite::AlreadyThere);
        }
        state.had_operator = true;
        Ok(FirstWrite::Written)
    }

    async fn add_operator(
        &self,
        operator: &Operator,
        token: Fingerprint,
        _now: Timestamp,
    ) -> Result<Named, StoreError> {
        Ok(self.state().add_operator(operator, token))
    }

    async fn operator_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Operator>, StoreError> {
        let state = self.state();
        let owner = state.owner(token, now);
        let mut operators = state.operators.iter();
        Ok(operators
            .find(|known| Some(known.id.uuid()) == owner)
            .cloned())
    }

    async fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        let mut operators = self.state().operators.clone();
        operators.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(operators)
    }

    async fn rotate_operator(
        &self,
        id: OperatorId,
        token: Fingerprint,
        _now: Timestamp,
        until: Timestamp,
    ) -> Result<Existing, StoreError> {
        let mut state = self.state();
        if !state.operators.iter().any(|known| known.id == id) {
            return Ok(Existing::NotFound);
        }
        state.rotate(id.uuid(), token, until);
        Ok(Existing::Changed)
    }

    async fn remove_operator(&self, id: OperatorId) -> Result<Existing, StoreError> {
        let mut state = self.state();
        let before = state.operators.len();
        state.operators.retain(|known| known.id != id);
        state.credentials.retain(|known| known.owner != id.uuid());
        if state.operators.len() == before {
            return Ok(Existing::NotFound);
        }
        Ok(Existing::Changed)
    }
}

impl SourceStore for MemoryStore {
    async fn add_source(
        &self,
        source: &Source,
        token: Fingerprint,
        _now: Timestamp,
    ) -> Result<Named, StoreError> {
        let mut state = self.state();
        if state.sources.iter().any(|known| known.name == source.name) {
            return Ok(Named::NameTaken);
        }
        state.sources.push(source.clone());
        state.add_credential(source.id.uuid(), token);
        Ok(Named::Added)
    }

    async fn source_by_token(
        &self,
        token: Fingerprint,
        now: Timestamp,
    ) -> Result<Option<Source>, StoreError> {
        let state = self.state();
        let owner = state.owner(token, now);
        let mut sources = state.sources.iter();
        Ok(sources
            .find(|known| Some(known.id.uuid()) == owner)
            .cloned())
    }

    async fn sources(&self) -> Result<Vec<Source>, StoreError> {
        let mut sources = self.state().sources.clone();
        sources.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(sources)
    }

    async fn rotate_source(
        &self,
        id: SourceId,
        token: Fingerprint,
        _now: Timestamp,
        until: Timestamp,
    ) -> Result<Existing, StoreError> {
        let mut state = self.state();
        if !state.sources.iter().any(|known| known.id == id) {
            return Ok(Existing::NotFound);
        }
        state.rotate(id.uuid(), token, until);
        Ok(Existing::Changed)
    }

    async fn set_quota(&self, id: SourceId, quota: OwnQuota) -> Result<Existing, StoreError> {
        let mut state = self.state();
        let mut sources = state.sources.iter_mut();
        let Some(source) = sources.find(|known| known.id == id) else {
            return Ok(Existing::NotFound);
        };
        source.quota = quota;
        Ok(Existing::Changed)
    }

    async fn backlogs(&self) -> Result<HashMap<SourceId, Backlog>, StoreError> {
        let state = self.state();
        let mut waiting: HashMap<SourceId, (u64, HashMap<ReceiverId, u64>)> = HashMap::new();
        for (_, event) in state.events.iter().skip(state.dispatched) {
            if let Some(source) = state.handed_in_by.get(&event.id) {
                waiting.entry(*source).or_default().0 += 1;
            }
        }
        for kept in &state.streams {
            let deliveries = kept.deliveries.values();
            for pending in deliveries.filter(|kept| !kept.state.is_settled()) {
                if let Some(source) = state.handed_in_by.get(&pending.delivery.event.id) {
                    let (_, of_receivers) = waiting.entry(*source).or_default();
                    *of_receivers.entry(kept.stream.receiver).or_default() += 1;
                }
            }
        }
        let backlog = |(undispatched, of_receivers): (u64, HashMap<_, u64>)| {
            Backlog::new(undispatched, of_receivers.into_values())
        };
        let backlogs = waiting
            .into_iter()
            .map(|(source, counts)| (source, backlog(counts)));
        Ok(backlogs.collect())
    }

    async fn remove_source(&self, id: SourceId) -> Result<Existing, StoreError> {
        let mut state = self.state();
        let before = state.sources.len();
        state.sources.retain(|known| known.id != id);
        state.credentials.retain(|known| known.owner != id.uuid());
        if state.sources.len() == before {
            return Ok(Existing::NotFound);
        }
        Ok(Existing::Changed)
    }
}
